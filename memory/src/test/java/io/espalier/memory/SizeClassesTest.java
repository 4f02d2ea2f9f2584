package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class SizeClassesTest {

    private static final long LARGEST = 1L << SizeClasses.MAX_BITS;

    /** Fails if some size gets a slot that is too small, or not the smallest that holds it. */
    @Test
    void everySizeGetsTheSmallestSlotThatHoldsIt() {
        for (long size = 1; size <= 1 << 20; size++) {
            check(size);
        }
        for (int sizeClass = 0; sizeClass < SizeClasses.COUNT; sizeClass++) {
            long slot = SizeClasses.slotBytes(sizeClass);
            assertEquals(sizeClass, SizeClasses.of(slot));
            for (long size : new long[] {slot - 1, slot, slot + 1}) {
                if (size <= LARGEST) {
                    check(size);
                }
            }
        }
    }

    private static void check(long size) {
        int sizeClass = SizeClasses.of(size);
        assertTrue(SizeClasses.slotBytes(sizeClass) >= size, () -> "slot too small for " + size);
        assertTrue(
                sizeClass == 0 || SizeClasses.slotBytes(sizeClass - 1) < size,
                () -> "a smaller slot would hold " + size);
    }

    /** Fails if the classes are not a strictly ascending row that ends with the largest slot. */
    @Test
    void classesAscendToFourTebibytes() {
        List<Long> slots = new ArrayList<>();
        for (int sizeClass = 0; sizeClass < SizeClasses.COUNT; sizeClass++) {
            slots.add(SizeClasses.slotBytes(sizeClass));
        }
        assertEquals(slots.stream().sorted().distinct().toList(), slots);
        assertEquals(64, slots.getFirst());
        assertEquals(LARGEST, slots.getLast());
        assertEquals(SizeClasses.COUNT - 1, SizeClasses.of(LARGEST));
    }

    /** Fails if a slot wastes more than it may, or if a large one is not made of whole pages. */
    @Test
    void aSlotWastesAtMostOneEighthOfItsPages() {
        for (int sizeClass = 1; sizeClass < SizeClasses.COUNT; sizeClass++) {
            long slot = SizeClasses.slotBytes(sizeClass);
            if (SizeClasses.isSmall(sizeClass)) {
                assertEquals(2 * SizeClasses.slotBytes(sizeClass - 1), slot);
                continue;
            }
            assertEquals(0, slot % SizeClasses.PAGE_BYTES);
            long pages = SizeClasses.pagesUp(SizeClasses.slotBytes(sizeClass - 1) + 1);
            assertTrue(slot - pages <= pages / 8, () -> "slot of " + slot + " wastes too much");
        }
    }
}
