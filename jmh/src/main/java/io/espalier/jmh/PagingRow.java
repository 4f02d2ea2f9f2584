package io.espalier.jmh;

import java.util.Locale;

/**
 * One line of the table of {@code bench paging}.
 *
 * @param shape the workload, by its {@linkplain PagingWorkload#label label}
 * @param where "resident", or the codec that pages are written with, "paged" for none
 * @param budget the name of the budget
 * @param updates how many updates were fed
 * @param ms from the first update to the last byte of what the seal gave out
 * @param feedMs the part of that before the seal
 * @param cpuMs what the process used of all cores for it, the JVM's compiler included: this counts
 *     on a machine that has other work
 * @param residentMs {@code ms} of the run whose budget holds everything
 * @param writtenRatio bytes paged out, before the codec, for each byte fed
 * @param storedRatio the same after the codec
 * @param readRatio bytes paged in, decoded, for each byte fed
 * @param budgetBytes the budget
 * @param nativeBytesPeak the most native memory that was leased, mapped files aside
 * @param nativeRssBytesPeak the most of that, and of mapped spill files, that was resident, as the
 *     system tells now and then: what the budget is to bound
 * @param rssBytesPeak the most memory that the process had resident, the JVM and its heap included
 * @param bytesPerUpdate what was held before the seal, for each update fed
 * @param heapBytesPerUpdate what was allocated on the heap for each update fed
 */
record PagingRow(
        String shape,
        String where,
        String budget,
        long updates,
        double ms,
        double feedMs,
        double cpuMs,
        double residentMs,
        double writtenRatio,
        double storedRatio,
        double readRatio,
        long budgetBytes,
        long nativeBytesPeak,
        long nativeRssBytesPeak,
        long rssBytesPeak,
        double bytesPerUpdate,
        double heapBytesPerUpdate)
        implements Report.Line {

    private static final String LINE =
            "%-7s %-8s %-9s %-9s %9s %10s %9s %7s %8s %8s %8s %8s %8s %8s %8s";

    /** The heading of a table. */
    static String heading() {
        return String.format(
                Locale.ROOT,
                LINE,
                "bench",
                "shape",
                "where",
                "budget",
                "M_upd/s",
                "ms",
                "cpu_ms",
                "ratio",
                "written",
                "stored",
                "read",
                "MiB",
                "leased",
                "native",
                "rss");
    }

    double ratio() {
        return ms / residentMs;
    }

    double updatesPerSecond() {
        return updates / ms * 1000;
    }

    @Override
    public String line() {
        return String.format(
                Locale.ROOT,
                LINE,
                PagingBench.NAME,
                shape,
                where,
                budget,
                number(updatesPerSecond() / 1e6, 2),
                number(ms, 0),
                number(cpuMs, 0),
                number(ratio(), 2),
                number(writtenRatio, 2),
                number(storedRatio, 2),
                number(readRatio, 2),
                where.equals("resident") ? "-" : mebibytes(budgetBytes),
                mebibytes(nativeBytesPeak),
                mebibytes(nativeRssBytesPeak),
                mebibytes(rssBytesPeak));
    }

    @Override
    public String json() {
        return "{\"bench\":\"%s\",\"shape\":\"%s\",\"op\":\"batch\",\"where\":\"%s\",\"budget\":\"%s\""
                        .formatted(PagingBench.NAME, shape, where, budget)
                + field("ms", ms)
                + field("floor_ms", residentMs)
                + field("ratio", ratio())
                + field("bytes_per_update", bytesPerUpdate)
                + field("heap_bytes_per_update", heapBytesPerUpdate)
                + field("updates", updates)
                + field("updates_per_second", updatesPerSecond())
                + field("feed_ms", feedMs)
                + field("cpu_ms", cpuMs)
                + field("write_amplification", writtenRatio)
                + field("stored_amplification", storedRatio)
                + field("read_amplification", readRatio)
                + field("budget_bytes", budgetBytes)
                + field("native_bytes_peak", nativeBytesPeak)
                + field("native_rss_bytes_peak", nativeRssBytesPeak)
                + field("rss_bytes_peak", rssBytesPeak)
                + "}";
    }

    private static String field(String name, double value) {
        return ",\"" + name + "\":" + number(value, 6);
    }

    private static String field(String name, long value) {
        return ",\"" + name + "\":" + value;
    }

    private static String mebibytes(long bytes) {
        return Long.toString(bytes >> 20);
    }

    private static String number(double value, int digits) {
        return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
