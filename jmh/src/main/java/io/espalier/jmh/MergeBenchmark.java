package io.espalier.jmh;

import org.openjdk.jmh.annotations.Param;

/** How long does it take to merge two chains? */
public class MergeBenchmark extends WorkloadBenchmark {

    /** The data. */
    @Param({"A", "B", "C", "D"})
    public Shape shape = Shape.A;

    /** Where the inputs stand. */
    @Param({"RESIDENT", "PAGED", "LZ4", "ZSTD"})
    public Where where = Where.RESIDENT;

    /** For JMH. */
    public MergeBenchmark() {}

    @Override
    Where inputs() {
        return where;
    }

    @Override
    Workload make(Fixture fixture) {
        return Workloads.merge(fixture, shape, updates);
    }
}
