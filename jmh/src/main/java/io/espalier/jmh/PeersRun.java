package io.espalier.jmh;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * All operations on one shape, by all peers in turns: each operation goes round twice, so that a
 * disturbance of the machine, or a compiler that is late, does not meet one of them only. The best
 * time of each counts.
 */
final class PeersRun {

    private static final int TURNS = 2;
    private static final long NANOS_PER_UPDATE = 2_500;
    private static final long TURN_NANOS_MIN = 500_000;
    private static final long TURN_NANOS_MAX = 250_000_000;
    private static final int RUNS_MIN = 2;
    private static final int RUNS_QUIET = 5;
    private static final int EXTENSIONS_MAX = 4;
    private static final double NANOS_PER_MS = 1e6;

    /** Something that is timed, or made ready for it. */
    private interface Step {
        void run() throws IOException;
    }

    /** One thing to time: after {@code ready}, which is not, {@code run}. */
    private record Task(String how, Step ready, Step run) {}

    /** What a peer does in one operation; of several tasks the best counts. */
    private interface Tasks {
        List<Task> of(Peer peer);
    }

    /** The best of some runs. */
    private record Best(long nanos, long heapBytes, String how) {

        static final Best NONE = new Best(Long.MAX_VALUE, Long.MAX_VALUE, "");

        Best or(Best other) {
            return other.nanos < nanos ? other : this;
        }
    }

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final PeerData data;
    private final List<Peer> peers;
    private final Report report;
    private final long turnNanos;
    private final Map<Peer, Double> sizes = new HashMap<>();

    /**
     * @param peers ours first
     */
    PeersRun(PeerData data, List<Peer> peers, Report report) {
        this.data = data;
        this.peers = peers;
        this.report = report;
        turnNanos = Math.clamp(data.count() * NANOS_PER_UPDATE, TURN_NANOS_MIN, TURN_NANOS_MAX);
    }

    /** Measures everything. */
    void run() throws IOException {
        measure(
                "load",
                data.count(),
                peer -> List.of(new Task(peer.howLoaded(), peer::reset, peer::load)));
        for (Peer peer : peers) {
            check(peer, "scan", data.digest(), peer.scan());
        }
        reads("get-all", 1);
        reads("get-half", 2);
        reads("get-1%", 100);
        measure(
                "scan",
                data.count(),
                peer ->
                        List.of(
                                new Task(
                                        "in place",
                                        () -> {},
                                        () -> check(peer, "scan", data.digest(), peer.scan()))));
        measure(
                "merge",
                data.count(),
                peer -> List.of(new Task(peer.howMerged(), peer::readyMerge, peer::merge)));
        for (Peer peer : peers) {
            check(peer, "merge", data.digest(), peer.scanMerged());
        }
    }

    private void reads(String op, int step) throws IOException {
        long expected = data.hits(step);
        measure(
                op,
                expected,
                peer -> {
                    List<Task> tasks = new ArrayList<>();
                    for (Peer.Way way : peer.ways(step)) {
                        tasks.add(
                                new Task(
                                        way.how(),
                                        () -> {},
                                        () -> check(peer, op, expected, way.reader().read())));
                    }
                    return tasks;
                });
    }

    private void check(Peer peer, String op, long expected, long found) {
        if (found != expected) {
            throw new IllegalStateException(
                    "%s, %s of %s: %d, expected %d"
                            .formatted(peer.name(), op, data.shape().label(), found, expected));
        }
    }

    private void measure(String op, long entries, Tasks tasks) throws IOException {
        Map<Peer, Best> found = new HashMap<>();
        for (int turn = 0; turn < TURNS; turn++) {
            for (Peer peer : peers) {
                for (Task task : tasks.of(peer)) {
                    found.merge(peer, time(task), Best::or);
                }
                sizes.putIfAbsent(peer, (double) peer.sizeBytes() / data.count());
            }
        }
        double oursMs = ms(found, peers.getFirst());
        for (Peer peer : peers) {
            Best best = found.getOrDefault(peer, Best.NONE);
            report.add(
                    new PeerRow(
                            data.shape().label(),
                            op,
                            peer.name(),
                            ms(found, peer),
                            oursMs,
                            entries,
                            sizes.getOrDefault(peer, Double.NaN),
                            (double) best.heapBytes / entries,
                            best.how));
        }
    }

    private static double ms(Map<Peer, Best> found, Peer peer) {
        return found.getOrDefault(peer, Best.NONE).nanos / NANOS_PER_MS;
    }

    private Best time(Task task) throws IOException {
        long start = System.nanoTime();
        do {
            task.ready.run();
            task.run.run();
        } while (System.nanoTime() - start < turnNanos);
        long best = Long.MAX_VALUE;
        long heapBest = Long.MAX_VALUE;
        int quiet = 0;
        start = System.nanoTime();
        for (int i = 0; i < RUNS_MIN || goesOn(quiet, System.nanoTime() - start); i++) {
            task.ready.run();
            long heap = threads.getCurrentThreadAllocatedBytes();
            long from = System.nanoTime();
            task.run.run();
            long nanos = System.nanoTime() - from;
            heapBest = Math.min(heapBest, threads.getCurrentThreadAllocatedBytes() - heap);
            quiet = nanos < best - best / 32 ? 0 : quiet + 1;
            best = Math.min(best, nanos);
        }
        return new Best(best, heapBest, task.how);
    }

    /** While runs get better, there are more. */
    private boolean goesOn(int quietRuns, long nanos) {
        return nanos < turnNanos || (quietRuns < RUNS_QUIET && nanos < EXTENSIONS_MAX * turnNanos);
    }
}
