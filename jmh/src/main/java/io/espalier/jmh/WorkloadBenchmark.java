package io.espalier.jmh;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What all benchmarks share: a workload that is made once and run again and again, and its floor, a
 * plain copy of the bytes that its result holds. What a run returns, JMH consumes.
 *
 * <p>With {@code -prof gc}, divide {@code gc.alloc.rate.norm} by the updates.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
// JMH calls the setup before anything else
@SuppressWarnings("NullAway.Init")
public abstract class WorkloadBenchmark {

    /** The n of the shape. */
    @Param("1000000")
    public int updates;

    private Fixture fixture;
    private Workload workload;

    WorkloadBenchmark() {}

    /** Where the inputs stand. */
    abstract Where inputs();

    /** Makes the workload. */
    abstract Workload make(Fixture fixture);

    /** Makes inputs and reference. */
    @Setup(Level.Trial)
    public void open() throws IOException {
        fixture = new Fixture(inputs());
        workload = make(fixture);
    }

    /** Gives everything back. */
    @TearDown(Level.Trial)
    public void close() throws IOException {
        workload.close();
        fixture.close();
    }

    /** What the operation takes. */
    @Benchmark
    public long operation() {
        return workload.run();
    }

    /** What copying the result takes. */
    @Benchmark
    public long floor() {
        return workload.floor();
    }
}
