package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class CommitPaceTest {

    private static final int GARBAGE_MAX = 25;

    @Test
    void whoIsNotBehindIsNotHeldUp() {
        // fails if what is let be slows a commit down
        CommitPace pace = new CommitPace();
        assertEquals(0, pace.pauseNanos(1_000_000, 0, GARBAGE_MAX, GARBAGE_MAX));
        assertEquals(0, pace.pauseNanos(1_000_000, -40, 0, GARBAGE_MAX));
    }

    @Test
    void runsAndGarbageHoldUpByWhatIsMore() {
        // fails if a run, or a percent, has another price, or both are added up
        CommitPace pace = new CommitPace();
        assertEquals(200_000, pace.pauseNanos(0, 1, 0, GARBAGE_MAX));
        assertEquals(2_000_000, pace.pauseNanos(0, 10, 26, GARBAGE_MAX));
        assertEquals(3_000_000, pace.pauseNanos(0, 10, 37.5, GARBAGE_MAX));
        assertEquals(6_000_000, pace.pauseNanos(0, 0, 50, GARBAGE_MAX));
        assertEquals(6_000_000, pace.pauseNanos(0, Integer.MAX_VALUE / 1_000_000, 900, 1));
    }

    @Test
    void aSlowCommitIsNotHeldUpOnTopOfIt() {
        // fails if the pause comes on top of what a commit took longer than others
        CommitPace pace = new CommitPace();
        for (int i = 0; i < 1000; i++) {
            assertTrue(pace.pauseNanos(2_000_000, 20, 0, GARBAGE_MAX) > 0);
        }
        assertEquals(0, pace.pauseNanos(9_000_000, 20, 0, GARBAGE_MAX));
        // the usual has hardly moved
        assertEquals(4e6, (double) pace.pauseNanos(2_000_000, 20, 0, GARBAGE_MAX), 1e5);
        // 2 ms longer than usual are 2 ms less
        assertEquals(2e6, (double) pace.pauseNanos(4_000_000, 20, 0, GARBAGE_MAX), 4e5);
        // what is usual is learnt
        for (int i = 0; i < 1000; i++) {
            pace.pauseNanos(9_000_000, 20, 0, GARBAGE_MAX);
        }
        assertEquals(4e6, (double) pace.pauseNanos(9_000_000, 20, 0, GARBAGE_MAX), 1e5);
    }

    /** Fails if a pause is negative or without a bound, or shorter for who is further behind. */
    @Property
    void aPauseGrowsWithWhatIsBehindUpToABound(
            @ForAll @LongRange(max = 10_000_000_000L) long elapsed,
            @ForAll @IntRange(min = -100, max = 100_000) int runs,
            @ForAll @DoubleRange(max = 1e9) double garbage,
            @ForAll @IntRange(min = 1, max = 1000) int garbageMax) {
        long pause = new CommitPace().pauseNanos(elapsed, runs, garbage, garbageMax);
        assertTrue(pause >= 0 && pause <= 6_000_000, () -> "pause " + pause);
        assertTrue(pause <= new CommitPace().pauseNanos(elapsed, runs + 1, garbage, garbageMax));
        assertTrue(pause <= new CommitPace().pauseNanos(elapsed, runs, garbage + 1, garbageMax));
    }
}
