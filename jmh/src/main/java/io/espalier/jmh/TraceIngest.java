package io.espalier.jmh;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Commits batch after batch into durable stores, then reads what is there: cold, its files out of
 * the page cache and the store opened anew, and warm.
 */
final class TraceIngest {

    /** Every so many commits the size of the files is looked at. */
    private static final int SAMPLES = 200;

    private static final int IDLE_COMMITS_MAX = 400;
    private static final int FSYNCS = 200;
    private static final int FSYNC_BYTES = 4096;
    private static final int PROBE_STEP = 100;
    private static final int COLD_TURNS = 3;
    private static final int WARM_TURNS = 5;
    private static final double NANOS_PER_MS = 1e6;

    /** Opens a store. */
    @FunctionalInterface
    interface Opener {
        TracePeer open() throws IOException;
    }

    private final TraceData.Kind kind;
    private final long updates;
    private final int batchUpdates;
    private final Report report;
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    TraceIngest(TraceData.Kind kind, long updates, int batchUpdates, Report report) {
        this.kind = kind;
        this.updates = updates;
        this.batchUpdates = batchUpdates;
        this.report = report;
    }

    /** What one operation took of one store. */
    private record Timed(String op, double ms, long entries, double heapPerEntry, String how) {}

    /**
     * Feeds and reads all stores, one after the other.
     *
     * @param openers ours first
     */
    void run(List<Opener> openers) throws IOException {
        Latencies fsyncs = fsyncs();
        report.add(
                TraceRow.latencies(
                        kind.label(), "fsync", "file", fsyncs, "4 KiB appended, synced"));
        Latencies idle = idle();
        report.add(
                TraceRow.latencies(
                        kind.label(), "append-idle", "espalier", idle, "no compaction meanwhile"));
        List<Timed> ours = new ArrayList<>();
        for (Opener opener : openers) {
            TracePeer peer = opener.open();
            try (peer) {
                Latencies busy = run(peer, ours);
                if (peer instanceof EspalierTracePeer) {
                    double bound = 5 * idle.millis(0.5) + fsyncs.millis(0.5);
                    report.remark(
                            String.format(
                                    Locale.ROOT,
                                    "appends while compaction goes on: p99.9 is %.2f x (5 x the"
                                            + " median of the idle store + one fsync)",
                                    busy.millis(0.999) / bound));
                }
            }
        }
    }

    /** What a sync of a small append takes on this disk. */
    private static Latencies fsyncs() throws IOException {
        Path folder = Folders.make("fsync");
        long[] nanos = new long[FSYNCS];
        byte[] block = new byte[FSYNC_BYTES];
        try (RandomAccessFile file = new RandomAccessFile(folder.resolve("file").toFile(), "rw")) {
            for (int i = 0; i < FSYNCS; i++) {
                file.write(block);
                long from = System.nanoTime();
                file.getFD().sync();
                nanos[i] = System.nanoTime() - from;
            }
        } finally {
            Folders.delete(folder);
        }
        return new Latencies(nanos);
    }

    /**
     * The same batches into a store that has nothing else to do, after as many for the compiler.
     */
    private Latencies idle() throws IOException {
        try (TracePeer peer = new EspalierTracePeer(false)) {
            TraceData data = new TraceData(kind, updates, batchUpdates);
            int commits = (int) Math.min(IDLE_COMMITS_MAX, data.batches());
            long[] nanos = new long[commits];
            int made = 0;
            while (made < commits && data.next()) {
                long from = System.nanoTime();
                peer.commit(data);
                nanos[made++] = System.nanoTime() - from;
            }
            return new Latencies(Arrays.copyOfRange(nanos, made / 2, made));
        }
    }

    private Latencies run(TracePeer peer, List<Timed> ours) throws IOException {
        TraceData data = new TraceData(kind, updates, batchUpdates);
        long writtenBefore = PageCache.writtenBytes();
        long heapBefore = threads.getCurrentThreadAllocatedBytes();
        long batches = data.batches();
        long[] nanos = new long[Math.toIntExact(batches)];
        List<long[]> samples = new ArrayList<>();
        int commits = 0;
        long total = 0;
        long every = Math.max(1, batches / SAMPLES);
        while (data.next()) {
            long from = System.nanoTime();
            peer.commit(data);
            nanos[commits] = System.nanoTime() - from;
            total += nanos[commits++];
            if (commits % every == 0) {
                samples.add(new long[] {PageCache.sizeBytes(peer.folder()), data.liveRows()});
            }
        }
        double heap =
                (double) (threads.getCurrentThreadAllocatedBytes() - heapBefore)
                        / data.updatesMade();
        Latencies latency = new Latencies(Arrays.copyOf(nanos, commits));
        long from = System.nanoTime();
        peer.settle();
        double settledMs = (System.nanoTime() - from) / NANOS_PER_MS;
        double written =
                writtenBefore < 0
                        ? Double.NaN
                        : (double) (PageCache.writtenBytes() - writtenBefore)
                                / (data.rowsMade() * TraceData.ROW_BYTES);
        double bytesPerRow = (double) PageCache.sizeBytes(peer.folder()) / data.liveRows();
        List<Timed> reads = reads(peer, data);
        boolean compacts = peer.compact();
        // what compaction has let go of is gone from the disk when the store is closed
        peer.shut();
        double compactBytesPerRow = (double) PageCache.sizeBytes(peer.folder()) / data.liveRows();
        peer.open();
        check(peer, "scan after compaction", data.digest(1), peer.scan());
        double spaceMean = compacts ? 0 : Double.NaN;
        double spaceMax = spaceMean;
        List<long[]> later = samples.subList(samples.size() / 2, samples.size());
        for (long[] sample : later) {
            double space = sample[0] / (sample[1] * compactBytesPerRow);
            spaceMean += space / later.size();
            spaceMax = Math.max(spaceMax, space);
        }
        Timed ingest =
                new Timed(
                        "ingest",
                        total / NANOS_PER_MS,
                        data.updatesMade(),
                        heap,
                        peer.howCommitted()
                                + String.format(
                                        Locale.ROOT,
                                        "; %.0f ms more until it is settled",
                                        settledMs));
        report.add(
                new TraceRow(
                        kind.label(),
                        ingest.op,
                        peer.name(),
                        ingest.ms,
                        oursMs(ours, ingest),
                        ingest.entries,
                        written,
                        spaceMean,
                        spaceMax,
                        latency,
                        bytesPerRow,
                        heap,
                        ingest.how));
        for (Timed read : reads) {
            report.add(
                    TraceRow.timed(
                            kind.label(),
                            read.op,
                            peer.name(),
                            read.ms,
                            oursMs(ours, read),
                            read.entries,
                            read.heapPerEntry,
                            read.how));
        }
        return latency;
    }

    /** The time of the first store, which this may be. */
    private static double oursMs(List<Timed> ours, Timed timed) {
        for (Timed known : ours) {
            if (known.op.equals(timed.op)) {
                return known.ms;
            }
        }
        ours.add(timed);
        return timed.ms;
    }

    private List<Timed> reads(TracePeer peer, TraceData data) throws IOException {
        MemorySegment probes = data.probes(PROBE_STEP);
        long probeCount = probes.byteSize() / TraceData.KEY_BYTES;
        long expected = data.digest(PROBE_STEP);
        long expectedAll = data.digest(1);
        List<Timed> found = new ArrayList<>();
        double openMs = Double.MAX_VALUE;
        double probeMs = Double.MAX_VALUE;
        double scanMs = Double.MAX_VALUE;
        boolean dropped = true;
        for (int turn = 0; turn < COLD_TURNS; turn++) {
            peer.shut();
            dropped &= PageCache.drop(peer.folder(), Integer.MAX_VALUE);
            long start = System.nanoTime();
            peer.open();
            long opened = System.nanoTime();
            long digest = peer.probe(probes);
            long probed = System.nanoTime();
            check(peer, "cold probe", expected, digest);
            peer.shut();
            dropped &= PageCache.drop(peer.folder(), Integer.MAX_VALUE);
            peer.open();
            long again = System.nanoTime();
            digest = peer.scan();
            long scanned = System.nanoTime();
            check(peer, "cold scan", expectedAll, digest);
            openMs = Math.min(openMs, (opened - start) / NANOS_PER_MS);
            probeMs = Math.min(probeMs, (probed - opened) / NANOS_PER_MS);
            scanMs = Math.min(scanMs, (scanned - again) / NANOS_PER_MS);
        }
        String cold = dropped ? "; files out of the page cache" : "; page cache kept";
        found.add(new Timed("open-cold", openMs, 0, Double.NaN, "reopened" + cold));
        found.add(
                new Timed("probe-cold", probeMs, probeCount, Double.NaN, peer.howProbed() + cold));
        found.add(new Timed("scan-cold", scanMs, data.liveRows(), Double.NaN, "in order" + cold));
        found.add(
                warm(
                        peer,
                        "probe-warm",
                        probeCount,
                        peer.howProbed(),
                        expected,
                        () -> peer.probe(probes)));
        found.add(warm(peer, "scan-warm", data.liveRows(), "in order", expectedAll, peer::scan));
        return found;
    }

    /** A read that may fail. */
    @FunctionalInterface
    private interface Reading {
        long read() throws IOException;
    }

    private Timed warm(
            TracePeer peer, String op, long entries, String how, long expected, Reading reading)
            throws IOException {
        long best = Long.MAX_VALUE;
        long heapBest = Long.MAX_VALUE;
        for (int turn = 0; turn < WARM_TURNS; turn++) {
            long heap = threads.getCurrentThreadAllocatedBytes();
            long from = System.nanoTime();
            long digest = reading.read();
            best = Math.min(best, System.nanoTime() - from);
            heapBest = Math.min(heapBest, threads.getCurrentThreadAllocatedBytes() - heap);
            check(peer, op, expected, digest);
        }
        return new Timed(op, best / NANOS_PER_MS, entries, (double) heapBest / entries, how);
    }

    private void check(TracePeer peer, String what, long expected, long found) {
        if (found != expected) {
            throw new IllegalStateException(
                    "%s, %s of %s: %d, expected %d"
                            .formatted(peer.name(), what, kind.label(), found, expected));
        }
    }
}
