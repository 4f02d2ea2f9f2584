package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.espalier.testing.NativeMemoryExtension;
import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NativeMemoryExtension.class)
final class FastSumTest {

    private static final int BLOCK = (int) FastSum.BLOCK_BYTES;

    /** Fails if a byte that changes goes unnoticed, wherever it is, in zeros or in noise. */
    @Test
    void anyByteThatChangesIsFound(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        Random random = new Random(Seed.value() + 11);
        try (Lease lease = memory.allocate(3L * BLOCK)) {
            for (int size : new int[] {1, 7, 8, 9, 4096, BLOCK, BLOCK + 1, 2 * BLOCK + 4093}) {
                for (boolean noise : new boolean[] {false, true}) {
                    long offset = lease.offset() + size % 5;
                    fill(segment, offset, size, noise ? random : null);
                    long sum = FastSum.of(segment, offset, size);
                    for (int at = 0; at < size; at += 1 + at / 64) {
                        byte was = segment.get(Layouts.BYTE, offset + at);
                        for (int flip : new int[] {1, 0x80, 0xFF}) {
                            segment.set(Layouts.BYTE, offset + at, (byte) (was ^ flip));
                            assertNotEquals(sum, FastSum.of(segment, offset, size));
                        }
                        segment.set(Layouts.BYTE, offset + at, was);
                    }
                    assertEquals(sum, FastSum.of(segment, offset, size));
                }
            }
        }
    }

    /** Fails if the same damage in two words cancels out, as it does in sums that are linear. */
    @Test
    void theSameBitsInTwoOrAllWordsDoNotCancel(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        try (Lease lease = memory.allocate(BLOCK)) {
            long offset = lease.offset();
            fill(segment, offset, BLOCK, new Random(Seed.value() + 12));
            long sum = FastSum.of(segment, offset, BLOCK);
            for (int bit = 0; bit < Integer.SIZE; bit++) {
                long one = 1L << (bit + Integer.SIZE);
                for (long mask : new long[] {one, one | 1L << bit}) {
                    flip(segment, offset + 16, mask);
                    flip(segment, offset + 1024, mask);
                    assertNotEquals(sum, FastSum.of(segment, offset, BLOCK));
                    flip(segment, offset + 16, mask);
                    flip(segment, offset + 1024, mask);
                    flipAll(segment, offset, mask);
                    assertNotEquals(sum, FastSum.of(segment, offset, BLOCK));
                    flipAll(segment, offset, mask);
                }
            }
            assertEquals(sum, FastSum.of(segment, offset, BLOCK));
        }
    }

    /** Fails if words, or whole pages of a disk, may change places, or be lost, unnoticed. */
    @Test
    void orderAndSizeCount(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        try (Lease lease = memory.allocate(4L * BLOCK)) {
            long offset = lease.offset();
            fill(segment, offset, 2 * BLOCK, new Random(Seed.value() + 13));
            long sum = FastSum.of(segment, offset, 2 * BLOCK);
            for (int unit : new int[] {8, 512, 4096, BLOCK}) {
                swap(segment, offset, offset + unit, unit);
                assertNotEquals(sum, FastSum.of(segment, offset, 2 * BLOCK));
                swap(segment, offset, offset + unit, unit);
            }
            assertNotEquals(sum, FastSum.of(segment, offset, 2 * BLOCK - 8));
            segment.asSlice(offset, 2 * BLOCK).fill((byte) 0);
            assertNotEquals(
                    FastSum.of(segment, offset, BLOCK), FastSum.of(segment, offset, 2 * BLOCK));
            assertNotEquals(
                    FastSum.of(segment, offset, BLOCK), FastSum.of(segment, offset, BLOCK + 3));
        }
    }

    /** Fails if pieces add up to something else than the whole. */
    @Test
    void piecesAddUp(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        int size = 5 * BLOCK + 77;
        try (Lease lease = memory.allocate(size)) {
            long offset = lease.offset();
            fill(segment, offset, size, new Random(Seed.value() + 14));
            long sum = FastSum.start(size);
            sum = FastSum.add(sum, segment, offset, 2 * BLOCK);
            sum = FastSum.add(sum, segment, offset + 2 * BLOCK, BLOCK);
            sum = FastSum.add(sum, segment, offset + 3 * BLOCK, size - 3 * BLOCK);
            assertEquals(FastSum.of(segment, offset, size), sum);
        }
    }

    private static void fill(
            MemorySegment segment, long offset, int size, @Nullable Random random) {
        byte[] bytes = new byte[size];
        if (random != null) {
            random.nextBytes(bytes);
        }
        MemorySegment.copy(bytes, 0, segment, Layouts.BYTE, offset, size);
    }

    private static void flip(MemorySegment segment, long offset, long mask) {
        segment.set(Layouts.LONG, offset, segment.get(Layouts.LONG, offset) ^ mask);
    }

    private static void flipAll(MemorySegment segment, long offset, long mask) {
        for (long at = 0; at < BLOCK; at += Long.BYTES) {
            flip(segment, offset + at, mask);
        }
    }

    private static void swap(MemorySegment segment, long a, long b, int size) {
        byte[] first = new byte[size];
        MemorySegment.copy(segment, Layouts.BYTE, a, first, 0, size);
        MemorySegment.copy(segment, b, segment, a, size);
        MemorySegment.copy(first, 0, segment, Layouts.BYTE, b, size);
    }
}
