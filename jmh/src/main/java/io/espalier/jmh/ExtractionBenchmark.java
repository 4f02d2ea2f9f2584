package io.espalier.jmh;

import org.openjdk.jmh.annotations.Param;

/** How long does it take to read a chain by sorted probes in bulk? */
public class ExtractionBenchmark extends WorkloadBenchmark {

    /** The data. */
    @Param({"X1", "X2", "X3", "X4", "X5", "X5_LONG"})
    public Shape shape = Shape.X1;

    /** Where the inputs stand. */
    @Param({"RESIDENT", "PAGED", "LZ4", "ZSTD"})
    public Where where = Where.RESIDENT;

    /** For JMH. */
    public ExtractionBenchmark() {}

    @Override
    Where inputs() {
        return where;
    }

    @Override
    Workload make(Fixture fixture) {
        return Workloads.extract(fixture, shape, updates);
    }
}
