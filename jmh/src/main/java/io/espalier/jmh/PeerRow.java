package io.espalier.jmh;

import java.util.Locale;

/**
 * One line of the table of {@code bench peers}.
 *
 * @param shape the data, by its {@linkplain PeerShape#label label}
 * @param op what was done
 * @param peer the store
 * @param ms the best time in milliseconds
 * @param oursMs the best time of ours, resident
 * @param entries how many entries it was about
 * @param bytesPerUpdate what the store takes on disk or in memory, for each entry
 * @param heapBytesPerUpdate what a run allocated on the heap, for each entry it was about
 * @param how the call that was made
 */
record PeerRow(
        String shape,
        String op,
        String peer,
        double ms,
        double oursMs,
        long entries,
        double bytesPerUpdate,
        double heapBytesPerUpdate,
        String how)
        implements Report.Line {

    private static final String LINE = "%-7s %-10s %-7s %-14s %10s %8s %9s %17s %22s  %s";

    /** The heading of a table. */
    static String heading() {
        return String.format(
                Locale.ROOT,
                LINE,
                "bench",
                "shape",
                "op",
                "peer",
                "ms",
                "ratio",
                "M_upd/s",
                "bytes_per_update",
                "heap_bytes_per_update",
                "how");
    }

    private double ratio() {
        return ms / oursMs;
    }

    @Override
    public String line() {
        return String.format(
                Locale.ROOT,
                LINE,
                PeersBench.NAME,
                shape,
                op,
                peer,
                number(ms, 3),
                number(ratio(), 2),
                number(entries / ms / 1000, 2),
                number(bytesPerUpdate, 2),
                number(heapBytesPerUpdate, 4),
                how);
    }

    @Override
    public String json() {
        return "{\"bench\":\"%s\",\"shape\":\"%s\",\"op\":\"%s\",\"where\":\"%s\""
                        .formatted(PeersBench.NAME, shape, op, peer)
                + field("ms", ms)
                + field("floor_ms", oursMs)
                + field("ratio", ratio())
                + field("bytes_per_update", bytesPerUpdate)
                + field("heap_bytes_per_update", heapBytesPerUpdate)
                + ",\"how\":\""
                + how
                + "\"}";
    }

    private static String field(String name, double value) {
        return ",\"" + name + "\":" + number(value, 6);
    }

    private static String number(double value, int digits) {
        return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
