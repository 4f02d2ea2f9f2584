package io.espalier.spine.trace;

/**
 * A reader's lease on the history of a {@link Trace}: as long as it is open, no commit moves the
 * trace's since beyond the epoch that it holds, so that this epoch and all after it can be read,
 * whatever is appended and compacted meanwhile. It costs history that is not folded, and holds no
 * file.
 *
 * <p>One that was taken with an expiry ends by itself when it was not {@linkplain #renew renewed}
 * for that long, so that a reader that vanished does not hold history for ever. It lives in the
 * process: a store that is open for writing has no readers in others, and what has to outlive the
 * process is the business of the history that commits leave.
 *
 * <p>Thread-safe. The owner closes it.
 */
public final class ReadHold implements AutoCloseable {

    private final ReadHolds holds;
    private final long expiryNanos;

    // guarded by the holds
    private long epoch;
    private long renewedNanos;
    private boolean over;

    ReadHold(ReadHolds holds, long epoch, long expiryNanos, long nowNanos) {
        this.holds = holds;
        this.epoch = epoch;
        this.expiryNanos = expiryNanos;
        this.renewedNanos = nowNanos;
    }

    /** The first epoch that is held. */
    public long epoch() {
        synchronized (holds) {
            return epoch;
        }
    }

    /**
     * Lets go of what is before an epoch, and renews the hold.
     *
     * @param epoch not before the one held
     * @return false if the hold has expired: nothing is held then
     */
    public boolean advance(long epoch) {
        return holds.advance(this, epoch);
    }

    /**
     * Starts the time to its expiry again.
     *
     * @return false if it has expired: nothing is held then
     */
    public boolean renew() {
        return holds.renew(this);
    }

    @Override
    public void close() {
        synchronized (holds) {
            over = true;
            holds.remove(this);
        }
    }

    // ---- under the lock of the holds ----------------------------------------------------------

    long held() {
        return epoch;
    }

    /** Whether it is over by now; then it stays so. */
    boolean expire(long nowNanos) {
        if (expiryNanos != ReadHolds.FOR_EVER && nowNanos - renewedNanos >= expiryNanos) {
            over = true;
        }
        return over;
    }

    void restart(long nowNanos) {
        renewedNanos = nowNanos;
    }

    void move(long target) {
        if (Long.compareUnsigned(target, epoch) < 0) {
            throw new IllegalArgumentException(
                    "a hold on epoch "
                            + Long.toUnsignedString(epoch)
                            + " cannot go back to "
                            + Long.toUnsignedString(target)
                            + "; take another one");
        }
        epoch = target;
    }
}
