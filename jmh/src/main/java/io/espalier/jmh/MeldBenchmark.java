package io.espalier.jmh;

import org.openjdk.jmh.annotations.Param;

/** How long does it take to rebuild each chunk of a chain by melding it whole? */
public class MeldBenchmark extends WorkloadBenchmark {

    /** The data. */
    @Param({"A", "B", "C", "D"})
    public Shape shape = Shape.A;

    /** Where the inputs stand. */
    @Param({"RESIDENT", "PAGED", "LZ4", "ZSTD"})
    public Where where = Where.RESIDENT;

    /** For JMH. */
    public MeldBenchmark() {}

    @Override
    Where inputs() {
        return where;
    }

    @Override
    Workload make(Fixture fixture) {
        return Workloads.meld(fixture, shape, updates);
    }
}
