package io.espalier.spine.trace;

/**
 * Lets what can wait be made durable between two commits, and not in the way of one: a commit that
 * needs the manifest while a compaction's result is being synced to it waits for that sync before
 * its own.
 *
 * <p>Thread-safe.
 */
final class CommitGap {

    /** So long one who waits lets commits go first, if there is no end of them. */
    static final long PATIENCE_MILLIS = 20;

    private final StoreClock clock;

    // guarded by this
    private int commits;

    CommitGap(StoreClock clock) {
        this.clock = clock;
    }

    /** A commit begins to make its files durable; {@link #leave} is called when it is over. */
    synchronized void enter() {
        commits++;
    }

    /** A commit is over, however it ended. */
    synchronized void leave() {
        assert commits > 0;
        commits--;
        if (commits == 0) {
            notifyAll();
        }
    }

    /**
     * Waits until no commit is under way, or patience is at its end, or the thread is interrupted.
     */
    synchronized void await() {
        long started = clock.nanos();
        long left = PATIENCE_MILLIS;
        while (commits > 0 && left > 0) {
            try {
                clock.await(this, left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            left = PATIENCE_MILLIS - (clock.nanos() - started) / 1_000_000;
        }
    }
}
