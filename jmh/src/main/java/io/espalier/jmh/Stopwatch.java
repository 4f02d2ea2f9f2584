package io.espalier.jmh;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/**
 * Times a workload beside its floor: both are warmed up, then run by turns, so that a disturbance
 * of the machine meets both; the best time of each counts, and the least that a run allocated.
 */
final class Stopwatch {

    private static final long NANOS_PER_UPDATE = 600;
    private static final long ROUND_NANOS_MIN = 4_000_000;
    private static final long ROUND_NANOS_MAX = 600_000_000;
    private static final int RUNS_MIN = 7;
    private static final double NANOS_PER_MS = 1e6;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final long roundNanos;

    /** Keeps what runs return alive. */
    private long seen;

    /**
     * @param updates how large the workloads are; small ones get less time
     */
    Stopwatch(int updates) {
        roundNanos = Math.clamp(updates * NANOS_PER_UPDATE, ROUND_NANOS_MIN, ROUND_NANOS_MAX);
    }

    /** Measures. */
    Row time(String bench, Shape shape, String op, Where where, Workload workload) {
        long start = System.nanoTime();
        for (int i = 0; i < RUNS_MIN || System.nanoTime() - start < roundNanos; i++) {
            seen += workload.run();
            seen += workload.floor();
        }
        long best = Long.MAX_VALUE;
        long floorBest = Long.MAX_VALUE;
        long heapBest = Long.MAX_VALUE;
        start = System.nanoTime();
        for (int i = 0; i < RUNS_MIN || System.nanoTime() - start < roundNanos; i++) {
            long heap = threads.getCurrentThreadAllocatedBytes();
            long from = System.nanoTime();
            seen += workload.run();
            best = Math.min(best, System.nanoTime() - from);
            heapBest = Math.min(heapBest, threads.getCurrentThreadAllocatedBytes() - heap);
            from = System.nanoTime();
            seen += workload.floor();
            floorBest = Math.min(floorBest, System.nanoTime() - from);
        }
        return new Row(
                bench,
                shape.label(),
                op,
                where.label(),
                best / NANOS_PER_MS,
                floorBest / NANOS_PER_MS,
                workload.bytesPerUpdate(),
                (double) heapBest / workload.updates());
    }

    /** What all runs returned, added up. */
    long seen() {
        return seen;
    }
}
