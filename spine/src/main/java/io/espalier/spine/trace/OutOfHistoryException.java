package io.espalier.spine.trace;

/**
 * An epoch was asked for that a trace cannot tell from others any more, or that is not committed
 * yet.
 */
public final class OutOfHistoryException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final long epoch;
    private final long since;
    private final long upper;

    OutOfHistoryException(String trace, long epoch, long since, long upper) {
        super(
                "trace "
                        + trace
                        + " cannot be read as of epoch "
                        + Long.toUnsignedString(epoch)
                        + "; give one of "
                        + Long.toUnsignedString(since)
                        + " to "
                        + Long.toUnsignedString(upper - 1)
                        + ", or hold an epoch before it is forgotten");
        this.epoch = epoch;
        this.since = since;
        this.upper = upper;
    }

    /** The epoch that was asked for. */
    public long epoch() {
        return epoch;
    }

    /** The first epoch that can be read. */
    public long since() {
        return since;
    }

    /** The first epoch after those that can be read. */
    public long upper() {
        return upper;
    }
}
