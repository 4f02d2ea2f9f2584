package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Who goes first, and who is spared. */
final class EvictionTest {

    @Test
    void theDeepestGoesFirst() {
        // P15: fails if a shallow image goes while a deeper one is there
        try (Fixture f = new Fixture(12 * KIB)) {
            Image shallow = f.adopt(4 * KIB, 1, 0);
            Image deep = f.adopt(4 * KIB, 2, 2);
            Image middle = f.adopt(4 * KIB, 3, 1);
            Image another = f.adopt(4 * KIB, 4, 0);
            assertFalse(deep.isResident());
            Image last = f.adopt(4 * KIB, 5, 0);
            assertFalse(middle.isResident());
            assertTrue(shallow.isResident());
            assertTrue(another.isResident());
            assertTrue(last.isResident());
            for (Image image : new Image[] {shallow, deep, middle, another, last}) {
                image.close();
            }
        }
    }

    @Test
    void theNewImageGoesItselfWhenItIsTheDeepest() {
        // fails if adopting protects what was adopted last
        try (Fixture f = new Fixture(4 * KIB)) {
            Image fresh = f.adopt(4 * KIB, 1, 0);
            Image deep = f.adopt(4 * KIB, 2, 5);
            assertTrue(fresh.isResident());
            assertFalse(deep.isResident());
            fresh.close();
            deep.close();
        }
    }

    @Test
    void withinABandTheOldestGoesUnlessItWasTouched() {
        // P15: fails if a pinned image is not given its second chance, or keeps it for ever
        try (Fixture f = new Fixture(8 * KIB)) {
            Image first = f.adopt(4 * KIB, 1);
            Image second = f.adopt(4 * KIB, 2);
            f.assertHolds(first, 1);
            Image third = f.adopt(4 * KIB, 3);
            assertTrue(first.isResident());
            assertFalse(second.isResident());
            assertEquals(1, f.pager.stats().policy().secondChances());
            Image fourth = f.adopt(4 * KIB, 4);
            Image fifth = f.adopt(4 * KIB, 5);
            assertFalse(first.isResident());
            assertFalse(third.isResident());
            for (Image image : new Image[] {first, second, third, fourth, fifth}) {
                image.close();
            }
        }
    }

    @Test
    void pinnedImagesAreSkippedAndTheirDebtIsPaidLater() {
        // fails if a pinned image moves, or the debt is forgotten once the pin is closed
        try (Fixture f = new Fixture(0)) {
            Image image = f.adopt(4 * KIB, 1);
            assertFalse(image.isResident());
            f.budget.resize(4 * KIB);
            Image held = f.adopt(4 * KIB, 2);
            Pin pin = held.pin();
            long offset = pin.offset();
            f.budget.resize(0);
            Image other = f.adopt(4 * KIB, 3);
            assertFalse(other.isResident());
            assertTrue(held.isResident());
            assertFalse(held.pageOut());
            assertEquals(offset, pin.offset());
            f.assertHolds(pin, 2);
            pin.close();
            assertTrue(f.pager.relieve());
            assertFalse(held.isResident());
            f.assertHolds(held, 2);
            image.close();
            held.close();
            other.close();
        }
    }

    @Test
    void deadImagesAreNeverWritten() {
        // P13, P15: fails if an image that was closed is still written by a later pass
        try (Fixture f = new Fixture(8 * MIB)) {
            for (int i = 0; i < 7; i++) {
                f.adopt(MIB, i).close();
            }
            Image alive = f.adopt(MIB, 8);
            f.budget.resize(0);
            assertTrue(f.pager.relieve());
            SpillStats stats = f.pager.stats();
            assertEquals(1, stats.pagedOut().count());
            assertEquals(7, stats.policy().writesElided());
            alive.close();
            assertEquals(7, f.pager.stats().policy().writesElided());
        }
    }

    @Test
    void aBudgetOfNothingKeepsNothingResident() {
        // P5: fails if anything unpinned stays resident when paging is forced
        try (Fixture f = new Fixture(0)) {
            Image[] images = new Image[32];
            for (int i = 0; i < images.length; i++) {
                images[i] = f.adopt(40_000, i, i % 5);
                assertFalse(images[i].isResident());
            }
            assertEquals(0, f.memory.stats().leasedBytes());
            for (int i = 0; i < images.length; i++) {
                f.assertHolds(images[i], i);
                images[i].close();
            }
            assertEquals(0, f.pager.stats().images().pagedCount());
            assertEquals(0, f.pager.stats().segments().usedBytes());
        }
    }

    @Test
    void unpinnedPagesLeaveTheWindowOldestFirst() {
        // fails if in-place pages stay mapped beyond the window, or are verified again within it
        try (Fixture f = new Fixture(0, o -> o.withWindows(8 * KIB, 0))) {
            if (!f.memory.isNative()) {
                return;
            }
            Image[] images = new Image[3];
            for (int i = 0; i < images.length; i++) {
                images[i] = f.adopt(4 * KIB, i);
            }
            f.assertHolds(images[0], 0);
            f.assertHolds(images[1], 1);
            f.assertHolds(images[0], 0);
            assertEquals(2, f.pager.stats().pagedIn().count());
            assertEquals(8 * KIB, f.pager.stats().mapped().pageBytes());
            f.assertHolds(images[2], 2);
            assertEquals(8 * KIB, f.pager.stats().mapped().pageBytes());
            // the one that was touched twice is still there
            f.assertHolds(images[0], 0);
            assertEquals(3, f.pager.stats().pagedIn().count());
            for (Image image : images) {
                image.close();
            }
            assertEquals(0, f.pager.stats().mapped().pageBytes());
        }
    }
}
