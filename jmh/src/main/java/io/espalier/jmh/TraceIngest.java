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
import java.util.concurrent.locks.LockSupport;

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
    private static final double NANOS_PER_SECOND = 1e9;
    private static final double MILLIS_PER_SECOND = 1000;

    /** What a store takes beforehand, for the compiler, compactions included. */
    private static final long WARM_UPDATES_MAX = 2_000_000;

    /** Up to this share of what it does at full speed a store is taken to keep up with a rate. */
    private static final double RATE_SHARE_MAX = 0.9;

    private static final long SPIN_NANOS = 200_000;

    /** Opens a store. */
    @FunctionalInterface
    interface Opener {
        TracePeer open() throws IOException;
    }

    private final TraceData.Kind kind;
    private final long updates;
    private final int batchUpdates;
    private final long rate;
    private final Report report;
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /**
     * @param rate how many updates arrive each second when they are paced; 0 for half of what ours
     *     takes at full speed
     */
    TraceIngest(TraceData.Kind kind, long updates, int batchUpdates, long rate, Report report) {
        this.kind = kind;
        this.updates = updates;
        this.batchUpdates = batchUpdates;
        this.rate = rate;
        this.report = report;
    }

    /** What one operation took of one store. */
    private record Timed(String op, double ms, long entries, double heapPerEntry, String how) {}

    /** What came of feeding a store with all batches. */
    private record Fed(
            Latencies latency,
            double commitMs,
            double elapsedMs,
            double settledMs,
            double heapPerUpdate,
            double written,
            double bytesPerRow,
            List<long[]> samples) {

        double updatesPerSecond(TraceData data) {
            return data.updatesMade() / elapsedMs * MILLIS_PER_SECOND;
        }

        /** What the files took for each byte of the rows that were live, on average and at most. */
        double[] space(double compactBytesPerRow) {
            if (Double.isNaN(compactBytesPerRow)) {
                return new double[] {Double.NaN, Double.NaN};
            }
            double mean = 0;
            double most = 0;
            List<long[]> later = samples.subList(samples.size() / 2, samples.size());
            for (long[] sample : later) {
                double space = sample[0] / (sample[1] * compactBytesPerRow);
                mean += space / later.size();
                most = Math.max(most, space);
            }
            return new double[] {mean, most};
        }
    }

    /** What the first store did: what others are compared with. */
    private static final class Ours {
        private final List<Timed> timed = new ArrayList<>();
        private double updatesPerSecond = Double.NaN;
        private double pacedMs = Double.NaN;

        /** The time of the first store, which this may be. */
        double ms(Timed mine) {
            for (Timed known : timed) {
                if (known.op.equals(mine.op)) {
                    return known.ms;
                }
            }
            timed.add(mine);
            return mine.ms;
        }
    }

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
        double bound = 5 * idle.millis(0.5) + fsyncs.millis(0.5);
        Ours ours = new Ours();
        for (Opener opener : openers) {
            warmUp(opener);
            Full full;
            boolean isOurs;
            try (TracePeer peer = opener.open()) {
                isOurs = peer instanceof EspalierTracePeer;
                full = run(peer, ours);
            }
            Latencies paced = runPaced(opener, ours, full);
            if (isOurs) {
                remark("appends while compaction goes on", full.fed().latency(), bound);
                remark("the same at a fixed rate", paced, bound);
            }
        }
    }

    private void remark(String what, Latencies latency, double bound) {
        report.remark(
                String.format(
                        Locale.ROOT,
                        "%s: p99.9 is %.2f x (5 x the median of the idle store + one fsync)",
                        what,
                        latency.millis(0.999) / bound));
    }

    /** A fifth of the batches, but not very many, into a store that is thrown away. */
    private void warmUp(Opener opener) throws IOException {
        try (TracePeer peer = opener.open()) {
            TraceData data = new TraceData(kind, updates, batchUpdates);
            long most = Math.min(WARM_UPDATES_MAX, updates / 5);
            while (data.updatesMade() < most && data.next()) {
                peer.commit(data);
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

    /** What a store did at full speed, and what its rows take when they are compacted. */
    private record Full(Fed fed, double compactBytesPerRow, double updatesPerSecond) {}

    private Full run(TracePeer peer, Ours ours) throws IOException {
        TraceData data = new TraceData(kind, updates, batchUpdates);
        Fed fed = feed(peer, data, Double.POSITIVE_INFINITY);
        peer.rest();
        List<Timed> reads = reads(peer, data);
        boolean compacts = peer.compact();
        // what compaction has let go of is gone from the disk when the store is closed
        peer.shut();
        double compactBytesPerRow =
                compacts
                        ? (double) PageCache.sizeBytes(peer.folder()) / data.liveRows()
                        : Double.NaN;
        peer.open();
        check(peer, "scan after compaction", data.digest(1), peer.scan());
        String how =
                String.format(
                        Locale.ROOT,
                        "%s; %.0f ms more until it is settled",
                        peer.howCommitted(),
                        fed.settledMs);
        Timed ingest =
                new Timed("ingest", fed.commitMs, data.updatesMade(), fed.heapPerUpdate, how);
        report.add(
                row(
                        peer,
                        ingest,
                        ours.ms(ingest),
                        fed.commitMs,
                        fed,
                        fed.space(compactBytesPerRow)));
        for (Timed read : reads) {
            report.add(
                    TraceRow.timed(
                            kind.label(),
                            read.op,
                            peer.name(),
                            read.ms,
                            ours.ms(read),
                            read.entries,
                            read.heapPerEntry,
                            read.how));
        }
        return new Full(fed, compactBytesPerRow, fed.updatesPerSecond(data));
    }

    /**
     * The same batches into a new store at a fixed rate, whatever the store does: a commit that is
     * late makes those behind it late, and each is timed from when it was to begin.
     */
    private Latencies runPaced(Opener opener, Ours ours, Full full) throws IOException {
        if (Double.isNaN(ours.updatesPerSecond)) {
            ours.updatesPerSecond = rate > 0 ? rate : full.updatesPerSecond / 2;
        }
        boolean keepsUp = full.updatesPerSecond * RATE_SHARE_MAX >= ours.updatesPerSecond;
        double perSecond = keepsUp ? ours.updatesPerSecond : full.updatesPerSecond / 2;
        TraceData data = new TraceData(kind, updates, batchUpdates);
        try (TracePeer peer = opener.open()) {
            Fed fed = feed(peer, data, perSecond);
            String how =
                    keepsUp
                            ? rate > 0 ? "at the rate asked for" : "at half our full speed"
                            : "at half its own full speed, which is too low for that rate";
            double medianMs = fed.latency.millis(0.5);
            if (Double.isNaN(ours.pacedMs)) {
                ours.pacedMs = medianMs;
            }
            Timed paced = new Timed("paced", medianMs, data.updatesMade(), fed.heapPerUpdate, how);
            report.add(
                    row(
                            peer,
                            paced,
                            ours.pacedMs,
                            fed.elapsedMs,
                            fed,
                            fed.space(full.compactBytesPerRow)));
            return fed.latency;
        }
    }

    private TraceRow row(
            TracePeer peer, Timed timed, double oursMs, double elapsedMs, Fed fed, double[] space) {
        return new TraceRow(
                kind.label(),
                timed.op,
                peer.name(),
                timed.ms,
                oursMs,
                elapsedMs,
                timed.entries,
                fed.written,
                space[0],
                space[1],
                fed.latency,
                fed.bytesPerRow,
                timed.heapPerEntry,
                timed.how);
    }

    /**
     * Commits all batches.
     *
     * @param perSecond how many updates arrive each second; infinity for as fast as they are taken.
     *     A batch is made before it arrives, unless the one before it was late.
     */
    private Fed feed(TracePeer peer, TraceData data, double perSecond) throws IOException {
        long writtenBefore = PageCache.writtenBytes();
        long batches = data.batches();
        long[] nanos = new long[Math.toIntExact(batches)];
        List<long[]> samples = new ArrayList<>();
        int commits = 0;
        long commitNanos = 0;
        long heapBytes = 0;
        long every = Math.max(1, batches / SAMPLES);
        long start = System.nanoTime();
        while (data.next()) {
            long from = System.nanoTime();
            long due = from;
            if (Double.isFinite(perSecond)) {
                due = start + Math.round(commits * batchUpdates / perSecond * NANOS_PER_SECOND);
                awaitNanos(due);
                from = System.nanoTime();
            }
            long heapBefore = threads.getCurrentThreadAllocatedBytes();
            peer.commit(data);
            long end = System.nanoTime();
            heapBytes += threads.getCurrentThreadAllocatedBytes() - heapBefore;
            nanos[commits++] = end - due;
            commitNanos += end - from;
            if (commits % every == 0) {
                samples.add(new long[] {PageCache.sizeBytes(peer.folder()), data.liveRows()});
            }
        }
        long done = System.nanoTime();
        peer.settle();
        double settledMs = (System.nanoTime() - done) / NANOS_PER_MS;
        double written =
                writtenBefore < 0
                        ? Double.NaN
                        : (double) (PageCache.writtenBytes() - writtenBefore)
                                / (data.rowsMade() * TraceData.ROW_BYTES);
        return new Fed(
                new Latencies(Arrays.copyOf(nanos, commits)),
                commitNanos / NANOS_PER_MS,
                (done - start) / NANOS_PER_MS,
                settledMs,
                (double) heapBytes / data.updatesMade(),
                written,
                (double) PageCache.sizeBytes(peer.folder()) / data.liveRows(),
                samples);
    }

    /** Sleeps until shortly before, since sleeping is not exact to the microsecond. */
    private static void awaitNanos(long due) {
        for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
            if (left > SPIN_NANOS) {
                LockSupport.parkNanos(left - SPIN_NANOS);
            } else {
                Thread.onSpinWait();
            }
        }
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
