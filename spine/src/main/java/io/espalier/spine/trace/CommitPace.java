package io.espalier.spine.trace;

/**
 * How much longer a commit takes while compaction is behind, so that it catches up: the more, the
 * more runs there are above those that are easy, and the more there is to be folded above what is
 * let be.
 *
 * <p>What counts is how long a commit takes in all. One that took longer than usual by itself, for
 * it waited for the disk or for a processor, has given compaction that time already and is not held
 * up on top of it: writers become slower, and the slowest commits no slower.
 *
 * <p>Not thread-safe; one thread at a time commits.
 */
final class CommitPace {

    /** Each run more slows a commit down by so much. */
    static final long PAUSE_NANOS = 200_000;

    /** The most, at twice the garbage that is let be or thirty runs more than are easy. */
    static final long PAUSE_NANOS_MAX = 6_000_000;

    /** The usual is the average of so many commits, about. */
    private static final int COMMITS = 32;

    private long usualNanos;

    /**
     * After a commit: how long to pause.
     *
     * @param elapsedNanos how long the commit took
     * @param excessRuns runs above those that are easy; none or fewer slow nothing down
     * @param garbagePercent updates to be folded for a hundred rows
     * @param garbagePercentMax from here on they slow commits down
     */
    long pauseNanos(
            long elapsedNanos, int excessRuns, double garbagePercent, int garbagePercentMax) {
        assert elapsedNanos >= 0 && garbagePercent >= 0 && garbagePercentMax > 0;
        usualNanos += (elapsedNanos - usualNanos) / COMMITS;
        double excess = garbagePercent / garbagePercentMax - 1;
        long wanted =
                Math.max(
                        Math.max(0, excessRuns) * PAUSE_NANOS,
                        (long) (Math.max(0, excess) * PAUSE_NANOS_MAX));
        if (wanted == 0) {
            return 0;
        }
        long late = Math.max(0, elapsedNanos - usualNanos);
        return Math.max(0, Math.min(wanted, PAUSE_NANOS_MAX) - late);
    }
}
