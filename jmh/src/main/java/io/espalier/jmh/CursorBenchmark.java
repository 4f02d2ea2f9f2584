package io.espalier.jmh;

import org.openjdk.jmh.annotations.Param;

/** How long does it take to walk all (key, val) of a chain by the cursor as of a time? */
public class CursorBenchmark extends WorkloadBenchmark {

    /** The data. */
    @Param({"A", "B", "C", "D"})
    public Shape shape = Shape.A;

    /** Where the inputs stand. */
    @Param({"RESIDENT", "PAGED", "LZ4", "ZSTD"})
    public Where where = Where.RESIDENT;

    /** For JMH. */
    public CursorBenchmark() {}

    @Override
    Where inputs() {
        return where;
    }

    @Override
    Workload make(Fixture fixture) {
        return Workloads.walk(fixture, shape, updates);
    }
}
