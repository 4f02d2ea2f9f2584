package io.espalier.jmh;

import java.util.Locale;

/**
 * One line of the table of {@code bench trace}. What was not measured is not a number, and printed
 * as a dash.
 *
 * @param shape the data
 * @param op what was done
 * @param where the store
 * @param ms how long it took; for {@code append}, {@code fsync} and {@code paced} the median
 * @param oursMs the same of ours
 * @param elapsedMs how long all of it took
 * @param entries how many updates or keys it was about; 0 if it was about none
 * @param writeAmplification bytes that the process wrote to disk for each byte of the rows that it
 *     was given
 * @param spaceAmplification bytes of the store's files for each byte that the same rows take when
 *     they are compacted, on average over the second half of the run
 * @param spaceAmplificationMax the most of it
 * @param latency of each commit; empty if there was none
 * @param bytesPerUpdate bytes of the store's files for each row that it holds
 * @param heapBytesPerUpdate what the calling thread allocated on the heap for each update or key
 * @param how in some words
 */
record TraceRow(
        String shape,
        String op,
        String where,
        double ms,
        double oursMs,
        double elapsedMs,
        long entries,
        double writeAmplification,
        double spaceAmplification,
        double spaceAmplificationMax,
        Latencies latency,
        double bytesPerUpdate,
        double heapBytesPerUpdate,
        String how)
        implements Report.Line {

    private static final double NONE = Double.NaN;
    private static final String LINE =
            "%-6s %-10s %-11s %-9s %10s %6s %8s %7s %7s %7s %8s %8s %8s %8s %10s %10s  %s";

    /** The heading of a table. */
    static String heading() {
        return String.format(
                Locale.ROOT,
                LINE,
                "bench",
                "shape",
                "op",
                "where",
                "ms",
                "ratio",
                "M_upd/s",
                "written",
                "space",
                "spc_max",
                "p50_ms",
                "p99_ms",
                "p999_ms",
                "max_ms",
                "bytes/upd",
                "heap/upd",
                "how");
    }

    /** A row with times alone. */
    static TraceRow timed(
            String shape,
            String op,
            String where,
            double ms,
            double oursMs,
            long entries,
            double heapBytesPerUpdate,
            String how) {
        return new TraceRow(
                shape,
                op,
                where,
                ms,
                oursMs,
                ms,
                entries,
                NONE,
                NONE,
                NONE,
                Latencies.NONE,
                NONE,
                heapBytesPerUpdate,
                how);
    }

    /** A row with the latencies of single calls. */
    static TraceRow latencies(
            String shape, String op, String where, Latencies latency, String how) {
        return new TraceRow(
                shape,
                op,
                where,
                latency.millis(0.5),
                NONE,
                NONE,
                0,
                NONE,
                NONE,
                NONE,
                latency,
                NONE,
                NONE,
                how);
    }

    double ratio() {
        return ms / oursMs;
    }

    @Override
    public String line() {
        return String.format(
                Locale.ROOT,
                LINE,
                TraceBench.NAME,
                shape,
                op,
                where,
                number(ms, 3),
                number(ratio(), 2),
                number(entries == 0 ? NONE : entries / elapsedMs / 1000, 3),
                number(writeAmplification, 2),
                number(spaceAmplification, 2),
                number(spaceAmplificationMax, 2),
                number(latency.millis(0.5), 3),
                number(latency.millis(0.99), 3),
                number(latency.millis(0.999), 3),
                number(latency.millis(1), 3),
                number(bytesPerUpdate, 2),
                number(heapBytesPerUpdate, 4),
                how);
    }

    @Override
    public String json() {
        return "{\"bench\":\"%s\",\"shape\":\"%s\",\"op\":\"%s\",\"where\":\"%s\""
                        .formatted(TraceBench.NAME, shape, op, where)
                + field("ms", ms)
                + field("floor_ms", oursMs)
                + field("ratio", ratio())
                + field("elapsed_ms", elapsedMs)
                + field("bytes_per_update", bytesPerUpdate)
                + field("heap_bytes_per_update", heapBytesPerUpdate)
                + ",\"updates\":"
                + entries
                + field("write_amplification", writeAmplification)
                + field("space_amplification", spaceAmplification)
                + field("space_amplification_max", spaceAmplificationMax)
                + field("p50_ms", latency.millis(0.5))
                + field("p99_ms", latency.millis(0.99))
                + field("p999_ms", latency.millis(0.999))
                + field("max_ms", latency.millis(1))
                + ",\"how\":\""
                + how
                + "\"}";
    }

    private static String field(String name, double value) {
        return ",\"" + name + "\":" + (Double.isFinite(value) ? number(value, 6) : "null");
    }

    private static String number(double value, int digits) {
        return Double.isFinite(value)
                ? String.format(Locale.ROOT, "%." + digits + "f", value)
                : "-";
    }
}
