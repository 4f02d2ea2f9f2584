package io.espalier.jmh;

import org.openjdk.jmh.annotations.Param;

/** How long does it take to stage updates and to form them into a sorted, consolidated chain? */
public class BuildBenchmark extends WorkloadBenchmark {

    /** The data. */
    @Param({"A", "B", "C", "D"})
    public Shape shape = Shape.A;

    /** For JMH. */
    public BuildBenchmark() {}

    @Override
    Where inputs() {
        return Where.RESIDENT;
    }

    @Override
    Workload make(Fixture fixture) {
        return Workloads.build(fixture, shape, updates);
    }
}
