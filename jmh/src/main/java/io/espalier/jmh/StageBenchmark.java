package io.espalier.jmh;

import org.openjdk.jmh.annotations.Param;

/** How long does it take to add updates to a buffer, one by one? */
public class StageBenchmark extends WorkloadBenchmark {

    /** The data. */
    @Param({"A", "B", "C", "D"})
    public Shape shape = Shape.A;

    /** For JMH. */
    public StageBenchmark() {}

    @Override
    Where inputs() {
        return Where.RESIDENT;
    }

    @Override
    Workload make(Fixture fixture) {
        return Workloads.stage(fixture, shape, updates);
    }
}
