package io.espalier.jmh;

import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;

/** {@code bench shapes}: every operation on every shape, resident and paged, as rows of a table. */
final class ShapesBench {

    static final String NAME = "shapes";

    /** How a workload is made ready. */
    private interface Maker {
        Workload make(Fixture fixture, Shape shape, int updates);
    }

    private record Op(String name, boolean probes, boolean pages, Maker maker) {}

    private static final List<Op> OPS =
            List.of(
                    new Op("stage", false, false, Workloads::stage),
                    new Op("build", false, false, Workloads::build),
                    new Op("merge", false, true, Workloads::merge),
                    new Op("meld", false, true, Workloads::meld),
                    new Op("fetch", false, true, Workloads::fetch),
                    new Op("scan", false, true, Workloads::scan),
                    new Op("cursor", false, true, Workloads::walk),
                    new Op("extract", true, true, Workloads::extract),
                    new Op("cursor", true, true, Workloads::seek));

    private ShapesBench() {}

    /** Runs everything at {@code updates}; each row goes to {@code rows} as soon as it is there. */
    static void run(int updates, Consumer<Row> rows) throws IOException {
        Stopwatch stopwatch = new Stopwatch(updates);
        for (Shape shape : Shape.values()) {
            for (Op op : OPS) {
                if (op.probes != shape.isProbed()) {
                    continue;
                }
                for (Where where : Where.values()) {
                    if (where == Where.RESIDENT || op.pages) {
                        rows.accept(row(stopwatch, shape, op, where, updates));
                    }
                }
            }
        }
        if (stopwatch.seen() == 0) {
            throw new IllegalStateException("nothing was measured");
        }
    }

    private static Row row(Stopwatch stopwatch, Shape shape, Op op, Where where, int updates)
            throws IOException {
        try (Fixture fixture = new Fixture(where);
                Workload workload = op.maker.make(fixture, shape, updates)) {
            return stopwatch.time(NAME, shape, op.name, where, workload);
        }
    }
}
