package io.espalier.jmh;

import org.openjdk.jmh.annotations.Param;

/** How long does it take to visit all updates of a chain in place, by views? */
public class ScanBenchmark extends WorkloadBenchmark {

    /** The data. */
    @Param({"A", "B", "C", "D"})
    public Shape shape = Shape.A;

    /** Where the inputs stand. */
    @Param({"RESIDENT", "PAGED", "LZ4", "ZSTD"})
    public Where where = Where.RESIDENT;

    /** For JMH. */
    public ScanBenchmark() {}

    @Override
    Where inputs() {
        return where;
    }

    @Override
    Workload make(Fixture fixture) {
        return Workloads.scan(fixture, shape, updates);
    }
}
