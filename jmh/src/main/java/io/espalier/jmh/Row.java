package io.espalier.jmh;

import java.util.Locale;

/**
 * One line of a table.
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
        double heapBytesPerUpdate) {

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

    double ratio() {
        return ms / floorMs;
    }

    /** The row as a line of the table. */
    String line() {
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

    /** The row as a JSON object. */
    String json() {
        return "{\"bench\":\"%s\",\"shape\":\"%s\",\"op\":\"%s\",\"where\":\"%s\""
                        .formatted(bench, shape, op, where)
                + ",\"ms\":"
                + number(ms, 6)
                + ",\"floor_ms\":"
                + number(floorMs, 6)
                + ",\"ratio\":"
                + number(ratio(), 6)
                + ",\"bytes_per_update\":"
                + number(bytesPerUpdate, 6)
                + ",\"heap_bytes_per_update\":"
                + number(heapBytesPerUpdate, 6)
                + "}";
    }

    private static String number(double value, int digits) {
        return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
