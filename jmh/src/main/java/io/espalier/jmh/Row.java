package io.espalier.jmh;

import java.util.Locale;

/**
 * One line of a table. What was not measured is not a number, and printed as a dash.
 *
 * @param bench the name of the benchmark
 * @param shape the data, by its {@linkplain Shape#label label}
 * @param op what was done
 * @param where where the bodies that were read stood, by its {@linkplain Where#label label}
 * @param ms the best time in milliseconds
 * @param floorMs the best time of a plain copy of the bytes that the result holds
 * @param bytesPerUpdate the size of the result for each of its updates
 * @param heapBytesPerUpdate what was allocated on the heap for each update read or found, in a
 *     steady state
 */
record Row(
        String bench,
        String shape,
        String op,
        String where,
        double ms,
        double floorMs,
        double bytesPerUpdate,
        double heapBytesPerUpdate)
        implements Report.Line {

    private static final String LINE = "%-7s %-8s %-8s %-9s %10s %10s %8s %17s %22s";

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
                "floor_ms",
                "ratio",
                "bytes_per_update",
                "heap_bytes_per_update");
    }

    /** A row that tells a size and no time. */
    static Row sizeOnly(
            String bench, String shape, String op, String where, double bytesPerUpdate) {
        return new Row(bench, shape, op, where, Double.NaN, Double.NaN, bytesPerUpdate, Double.NaN);
    }

    double ratio() {
        return ms / floorMs;
    }

    @Override
    public String line() {
        return String.format(
                Locale.ROOT,
                LINE,
                bench,
                shape,
                op,
                where,
                number(ms, 3),
                number(floorMs, 3),
                number(ratio(), 2),
                number(bytesPerUpdate, 2),
                number(heapBytesPerUpdate, 4));
    }

    @Override
    public String json() {
        return "{\"bench\":\"%s\",\"shape\":\"%s\",\"op\":\"%s\",\"where\":\"%s\""
                        .formatted(bench, shape, op, where)
                + ",\"ms\":"
                + json(ms)
                + ",\"floor_ms\":"
                + json(floorMs)
                + ",\"ratio\":"
                + json(ratio())
                + ",\"bytes_per_update\":"
                + json(bytesPerUpdate)
                + ",\"heap_bytes_per_update\":"
                + json(heapBytesPerUpdate)
                + "}";
    }

    private static String json(double value) {
        return Double.isNaN(value) ? "null" : number(value, 6);
    }

    private static String number(double value, int digits) {
        return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
