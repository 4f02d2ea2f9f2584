package io.espalier.jmh;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * No update becomes an object: in a steady state, what an operation allocates on the heap does not
 * grow with its updates. Chunks are large here, so that what is left is what one run costs, and a
 * chunk.
 */
class HeapTest {

    private static final double HEAP_BYTES_PER_UPDATE_MAX = 0.01;
    private static final int UPDATES = 1_000_000;
    private static final long TARGET_BYTES = 256L << 20;
    private static final int RUNS_MAX = 60;

    private interface Maker {
        Workload make(Fixture fixture, Shape shape, int updates);
    }

    /** Fails if a loop over rows allocates, once it is compiled. */
    @TestFactory
    List<DynamicTest> steadyStateAllocatesNothingPerUpdate() {
        List<DynamicTest> tests = new ArrayList<>();
        tests.add(test("merge", Shape.B, Where.RESIDENT, Workloads::merge));
        tests.add(test("merge", Shape.D, Where.PAGED, Workloads::merge));
        tests.add(test("meld", Shape.B, Where.PAGED, Workloads::meld));
        tests.add(test("fetch", Shape.B, Where.PAGED, Workloads::fetch));
        tests.add(test("scan", Shape.B, Where.PAGED, Workloads::scan));
        tests.add(test("extract", Shape.X1, Where.PAGED, Workloads::extract));
        tests.add(test("extract", Shape.X5, Where.RESIDENT, Workloads::extract));
        return tests;
    }

    private static DynamicTest test(String op, Shape shape, Where where, Maker maker) {
        String name = op + " of " + shape.label() + ", " + where.label();
        return DynamicTest.dynamicTest(name, () -> check(name, shape, where, maker));
    }

    private static void check(String name, Shape shape, Where where, Maker maker)
            throws IOException {
        Stopwatch stopwatch = new Stopwatch(UPDATES, 1);
        try (Fixture fixture = new Fixture(where, TARGET_BYTES);
                Workload workload = maker.make(fixture, shape, UPDATES)) {
            double best = Double.MAX_VALUE;
            for (int run = 0; run < RUNS_MAX && best >= HEAP_BYTES_PER_UPDATE_MAX; run++) {
                long heapBytes = stopwatch.heapBytes(workload);
                best = Math.min(best, (double) heapBytes / workload.updates());
            }
            assertTrue(
                    best < HEAP_BYTES_PER_UPDATE_MAX,
                    name + ": " + best + " bytes of heap for each update");
        }
    }
}
