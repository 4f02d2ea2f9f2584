package io.espalier.jmh;

import java.util.Arrays;

/** The times of single calls. */
final class Latencies {

    /** Of no call. */
    static final Latencies NONE = new Latencies(new long[0]);

    private static final double NANOS_PER_MS = 1e6;

    private final long[] nanos;

    /** Takes a copy. */
    Latencies(long[] nanos) {
        this.nanos = nanos.clone();
        Arrays.sort(this.nanos);
    }

    long count() {
        return nanos.length;
    }

    /**
     * The time that a share of the calls did not exceed, in milliseconds; not a number if there was
     * no call.
     *
     * @param share 0 to 1; 1 for the longest
     */
    double millis(double share) {
        if (nanos.length == 0) {
            return Double.NaN;
        }
        int rank = (int) Math.ceil(share * nanos.length);
        return nanos[Math.max(0, rank - 1)] / NANOS_PER_MS;
    }
}
