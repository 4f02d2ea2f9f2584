package io.espalier.jmh;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/**
 * Times a workload beside its floor: both are warmed up, then run by turns, three runs each, so
 * that a disturbance of the machine meets both; the best time of each counts, and the least that a
 * run allocated. It goes on while the times still get better, since a compiler that shares the
 * machine takes its time.
 */
final class Stopwatch {

    private static final long NANOS_PER_UPDATE = 600;
    private static final long ROUND_NANOS_MIN = 4_000_000;
    private static final long ROUND_NANOS_MAX = 600_000_000;
    private static final int RUNS_MIN = 7;

    /**
     * After so many runs without a better time, and half a round of them, there is none to come.
     */
    private static final int RUNS_QUIET = 10;

    private static final int ROUNDS_MAX = 5;
    private static final double NANOS_PER_MS = 1e6;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final long roundNanos;

    /**
     * How often each side runs before the other's turn. With one, either finds the caches as the
     * other leaves them, which is dear for what only hands over hundreds of megabytes that the
     * other copies; with more, the best of each finds its own.
     */
    private final int turns;

    /** Keeps what runs return alive. */
    private long seen;

    /**
     * @param updates how large the workloads are; small ones get less time
     * @param turns how often each side runs in a row
     */
    Stopwatch(int updates, int turns) {
        this.turns = turns;
        roundNanos = Math.clamp(updates * NANOS_PER_UPDATE, ROUND_NANOS_MIN, ROUND_NANOS_MAX);
    }

    /** Measures. */
    Row time(String bench, String shape, String op, String where, Workload workload) {
        long start = System.nanoTime();
        for (int i = 0; i < RUNS_MIN || System.nanoTime() - start < roundNanos; i++) {
            seen += workload.run();
            seen += workload.floor();
        }
        long best = Long.MAX_VALUE;
        long floorBest = Long.MAX_VALUE;
        long heapBest = Long.MAX_VALUE;
        start = System.nanoTime();
        int quiet = 0;
        long better = start;
        for (int i = 0; i < RUNS_MIN || goesOn(quiet, start, better); i++) {
            long nanos = Long.MAX_VALUE;
            long floorNanos = Long.MAX_VALUE;
            for (int turn = 0; turn < turns; turn++) {
                workload.checkInputs();
                long heap = threads.getCurrentThreadAllocatedBytes();
                long from = System.nanoTime();
                seen += workload.run();
                nanos = Math.min(nanos, System.nanoTime() - from);
                heapBest = Math.min(heapBest, threads.getCurrentThreadAllocatedBytes() - heap);
            }
            for (int turn = 0; turn < turns; turn++) {
                long from = System.nanoTime();
                seen += workload.floor();
                floorNanos = Math.min(floorNanos, System.nanoTime() - from);
            }
            quiet++;
            if (isBetter(nanos, best) || isBetter(floorNanos, floorBest)) {
                quiet = 0;
                better = System.nanoTime();
            }
            best = Math.min(best, nanos);
            floorBest = Math.min(floorBest, floorNanos);
        }
        return new Row(
                bench,
                shape,
                op,
                where,
                best / NANOS_PER_MS,
                floorBest / NANOS_PER_MS,
                workload.bytesPerUpdate(),
                (double) heapBest / workload.updates());
    }

    /** Short runs are many before a compiler is done with them. */
    private boolean goesOn(int quietRuns, long start, long better) {
        long now = System.nanoTime();
        boolean isQuiet = quietRuns >= RUNS_QUIET && now - better >= roundNanos / 2;
        return now - start < roundNanos || (!isQuiet && now - start < ROUNDS_MAX * roundNanos);
    }

    /** By more than a few percent, which are noise. */
    private static boolean isBetter(long nanos, long best) {
        return nanos < best - best / 32;
    }

    /** What one run allocates on the heap, in bytes. */
    long heapBytes(Workload workload) {
        long before = threads.getCurrentThreadAllocatedBytes();
        seen += workload.run();
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    /** What all runs returned, added up. */
    long seen() {
        return seen;
    }
}
