package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Leases on epochs: what they keep, and when they end. */
class ReadHoldsTest {

    private long nowNanos = 5;
    private final ReadHolds holds = new ReadHolds("t", 3, () -> nowNanos);

    @Test
    void theLeastOfAllThatIsHeldIsKept() {
        // fails if a commit may let go of what one of several readers still needs
        assertEquals(9, holds.limit(9));
        holds.settle(3);
        ReadHold first = holds.take(7, 20, ReadHolds.FOR_EVER);
        ReadHold second = holds.take(5, 20, ReadHolds.FOR_EVER);
        assertEquals(5, holds.limit(9));
        assertEquals(4, holds.limit(4));
        assertTrue(second.advance(8));
        assertEquals(8, second.epoch());
        assertEquals(7, holds.limit(9));
        first.close();
        assertEquals(8, holds.limit(9));
        second.close();
        second.close();
        assertEquals(9, holds.limit(9));
        assertFalse(second.advance(10));
        assertEquals(0, holds.count());
    }

    @Test
    void onlyWhatCanBeReadCanBeHeld() {
        // fails if somebody gets a hold on what a commit under way forgets
        OutOfHistoryException before =
                assertThrows(
                        OutOfHistoryException.class, () -> holds.take(2, 9, ReadHolds.FOR_EVER));
        assertEquals(2, before.epoch());
        assertEquals(3, before.since());
        assertEquals(9, before.upper());
        assertThrows(OutOfHistoryException.class, () -> holds.take(9, 9, ReadHolds.FOR_EVER));
        assertEquals(6, holds.limit(6));
        assertThrows(OutOfHistoryException.class, () -> holds.take(5, 9, ReadHolds.FOR_EVER));
        holds.settle(3);
        // the commit failed
        ReadHold hold = holds.take(5, 9, ReadHolds.FOR_EVER);
        assertThrows(IllegalArgumentException.class, () -> hold.advance(4));
        assertEquals(5, hold.epoch());
    }

    @Test
    void whoVanishesHoldsNothingAfterAWhile() {
        // fails if an expired hold keeps history, or a renewed one does not
        ReadHold vanished = holds.take(4, 9, 100);
        ReadHold renewed = holds.take(5, 9, 100);
        nowNanos += 99;
        assertEquals(4, holds.limit(8));
        assertTrue(renewed.renew());
        nowNanos += 1;
        assertEquals(5, holds.limit(8));
        assertFalse(vanished.renew(), "over for good");
        assertFalse(vanished.advance(6));
        nowNanos += 99;
        assertFalse(renewed.renew());
        assertEquals(8, holds.limit(8));
        assertEquals(0, holds.count());
    }
}
