package io.espalier.jmh;

import io.espalier.columnar.TrieType;
import io.espalier.columnar.UpdateBuffer;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.FolderDisk;
import io.espalier.spine.trace.Commit;
import io.espalier.spine.trace.StoreDirectory;
import io.espalier.spine.trace.Trace;
import io.espalier.spine.trace.TraceSnapshot;
import io.espalier.spine.trace.TraceStore;
import io.espalier.spine.trace.TraceStoreOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/** Opens a store of many large parts: what counts is how many there are, not their bytes. */
final class TraceOpening {

    private static final String TRACE = "bench";
    private static final int ROWS = 40;
    private static final int VAL_BYTES = 256 << 10;
    private static final int TURNS = 5;
    private static final double NANOS_PER_MS = 1e6;

    private final int parts;
    private final Report report;

    /**
     * @param parts how many; each of 10 MiB, nearly all of them zeros
     */
    TraceOpening(int parts, Report report) {
        this.parts = parts;
        this.report = report;
    }

    void run() throws IOException {
        Path folder = Folders.make("trace-open");
        try {
            long[] nanos = new long[parts];
            long sizeBytes = make(folder, nanos);
            int tenth = Math.max(1, parts / 10);
            report.add(
                    TraceRow.latencies(
                            "sparse",
                            "append-few",
                            "espalier",
                            new Latencies(Arrays.copyOf(nanos, tenth)),
                            "10 MiB each, nothing synced; up to " + tenth + " parts"));
            report.add(
                    TraceRow.latencies(
                            "sparse",
                            "append-many",
                            "espalier",
                            new Latencies(Arrays.copyOfRange(nanos, parts - tenth, parts)),
                            "the same from " + (parts - tenth) + " parts on"));
            double best = Double.MAX_VALUE;
            boolean cold = true;
            for (int turn = 0; turn < TURNS; turn++) {
                // batch files are not read: thousands of them need not be dropped
                boolean dropped = PageCache.drop(folder.resolve("store"), 1);
                cold &= dropped;
                best = Math.min(best, open(folder));
            }
            report.add(
                    TraceRow.timed(
                            "sparse",
                            "open",
                            "espalier",
                            best,
                            best,
                            parts,
                            Double.NaN,
                            String.format(
                                    Locale.ROOT,
                                    "%d parts, %.1f GiB; manifest %s the page cache",
                                    parts,
                                    sizeBytes / (double) (1L << 30),
                                    cold ? "out of" : "in")));
        } finally {
            Folders.delete(folder);
        }
    }

    private static TraceStore open(Disk disk, Pager pager) {
        return TraceStore.open(
                disk,
                StoreDirectory.Mode.OPEN_OR_CREATE,
                pager,
                TraceStoreOptions.defaults()
                        .withCompaction(false)
                        // as many parts as the row says
                        .withRunsMax(Integer.MAX_VALUE));
    }

    private static Pager pager(NativeMemory memory, Path folder) {
        return Pager.open(
                memory, new MemoryBudget(EspalierTracePeer.BUDGET_BYTES), PagerOptions.in(folder));
    }

    /** Makes the store, a commit for each part; the size of its parts. */
    private long make(Path folder, long[] nanos) throws IOException {
        ByteBuffer keyBuffer = ByteBuffer.allocateDirect(TraceData.KEY_BYTES);
        MemorySegment key = MemorySegment.ofBuffer(keyBuffer);
        ByteBuffer valBuffer = ByteBuffer.allocateDirect(VAL_BYTES);
        MemorySegment val = MemorySegment.ofBuffer(valBuffer);
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = pager(memory, folder);
                TraceStore store = open(new SparseDisk(folder.resolve("store")), pager);
                UpdateBuffer buffer = new UpdateBuffer(memory, TrieType.BYTES_TO_BYTES)) {
            Trace trace = store.findOrCreate(TRACE);
            for (int part = 0; part < parts; part++) {
                long epoch = store.upper();
                for (int row = 0; row < ROWS; row++) {
                    // equal vals would be kept once
                    valBuffer.putLong(0, epoch * ROWS + row);
                    TraceData.writeKey(keyBuffer, 0, (long) part * ROWS + row);
                    buffer.add(key, 0, TraceData.KEY_BYTES, val, 0, VAL_BYTES, epoch, 1);
                }
                long from = System.nanoTime();
                try (Commit commit = store.begin()) {
                    buffer.formInto(commit.writer(trace));
                    commit.commit(epoch);
                }
                nanos[part] = System.nanoTime() - from;
            }
            try (TraceSnapshot snapshot = trace.snapshot()) {
                return snapshot.parts().stream().mapToLong(TraceSnapshot.Part::sizeBytes).sum();
            }
        }
    }

    /** Opens it as it is, and takes a snapshot; in milliseconds. */
    private double open(Path folder) {
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = pager(memory, folder)) {
            long from = System.nanoTime();
            try (TraceStore store = open(new FolderDisk(folder.resolve("store")), pager);
                    TraceSnapshot snapshot = store.findOrCreate(TRACE).snapshot()) {
                long opened = System.nanoTime();
                if (snapshot.parts().size() != parts) {
                    throw new IllegalStateException(
                            snapshot.parts().size() + " parts, expected " + parts);
                }
                return (opened - from) / NANOS_PER_MS;
            }
        }
    }
}
