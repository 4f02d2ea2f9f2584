package io.espalier.jmh;

import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.UpdateBuffer;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.trace.Commit;
import io.espalier.spine.trace.CompactionStats;
import io.espalier.spine.trace.StoreDirectory;
import io.espalier.spine.trace.Trace;
import io.espalier.spine.trace.TraceScan;
import io.espalier.spine.trace.TraceSnapshot;
import io.espalier.spine.trace.TraceStore;
import io.espalier.spine.trace.TraceStoreOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Ours: one trace, whose batches carry retractions and insertions, one commit an epoch. History is
 * let go with each commit, as the others have none.
 */
final class EspalierTracePeer implements TracePeer {

    /** The budget of the pager; the others' caches have as much. */
    static final long BUDGET_BYTES = 256L << 20;

    private static final String TRACE = "bench";
    private static final int PROBES_AT_ONCE = 1 << 16;
    private static final long PAUSE_MILLIS = 5;

    /** So long after the last commit or compaction it does nothing more by itself. */
    private static final long RESTED_MILLIS =
            TraceStoreOptions.IDLE_COMPACTION_MILLIS_DEFAULT + 500;

    private final Path folder = Folders.make("trace");
    private final boolean compaction;
    private @Nullable Opened opened;

    /**
     * @param compaction whether it compacts in the background
     */
    EspalierTracePeer(boolean compaction) throws IOException {
        this.compaction = compaction;
        open();
    }

    /** What is there while it is open. */
    private record Opened(
            NativeMemory memory, Pager pager, TraceStore store, Trace trace, UpdateBuffer buffer) {}

    private Opened opened() {
        Opened now = opened;
        if (now == null) {
            throw new IllegalStateException("shut");
        }
        return now;
    }

    @Override
    public String name() {
        return "espalier";
    }

    @Override
    public String howCommitted() {
        return "one batch file and one manifest record, synced";
    }

    @Override
    public String howProbed() {
        return "bulk look-up in all parts";
    }

    @Override
    public Path folder() {
        return folder;
    }

    @Override
    public void open() throws IOException {
        Files.createDirectories(folder.resolve("spill"));
        NativeMemory memory = NativeMemory.open();
        Pager pager =
                Pager.open(
                        memory,
                        new MemoryBudget(BUDGET_BYTES),
                        PagerOptions.in(folder.resolve("spill")));
        TraceStoreOptions options = TraceStoreOptions.defaults().withCompaction(compaction);
        TraceStore store =
                TraceStore.open(
                        folder.resolve("store"),
                        StoreDirectory.Mode.OPEN_OR_CREATE,
                        pager,
                        // where nobody compacts, commits are measured and not held back
                        compaction ? options : options.withRunsMax(Integer.MAX_VALUE));
        opened =
                new Opened(
                        memory,
                        pager,
                        store,
                        store.findOrCreate(TRACE),
                        new UpdateBuffer(memory, TrieType.BYTES_TO_BYTES));
    }

    @Override
    public void commit(TraceData batch) {
        Opened now = opened();
        long epoch = now.store.upper();
        UpdateBuffer buffer = now.buffer;
        MemorySegment keys = batch.keys();
        MemorySegment vals = batch.vals();
        MemorySegment oldVals = batch.oldVals();
        for (int i = 0; i < batch.rows(); i++) {
            long key = (long) i * TraceData.KEY_BYTES;
            long val = (long) i * TraceData.VAL_BYTES;
            if (batch.replaces(i)) {
                add(buffer, keys, key, oldVals, val, epoch, -1);
            }
            add(buffer, keys, key, vals, val, epoch, 1);
        }
        try (Commit commit = now.store.begin()) {
            buffer.formInto(commit.writer(now.trace));
            commit.downgradeSince(epoch);
            commit.commit(epoch);
        }
    }

    private static void add(
            UpdateBuffer buffer,
            MemorySegment keys,
            long key,
            MemorySegment vals,
            long val,
            long epoch,
            long diff) {
        buffer.add(keys, key, TraceData.KEY_BYTES, vals, val, TraceData.VAL_BYTES, epoch, diff);
    }

    @Override
    public void settle() {
        while (opened().store.compactionStats().waiting() > 0) {
            try {
                Thread.sleep(PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    @Override
    public void rest() {
        if (!compaction) {
            return;
        }
        long exertions = -1;
        long restedMillis = 0;
        while (restedMillis < RESTED_MILLIS) {
            CompactionStats stats = opened().store.compactionStats();
            boolean rests = stats.waiting() == 0 && stats.exertions() == exertions;
            restedMillis = rests ? restedMillis + PAUSE_MILLIS : 0;
            exertions = stats.exertions();
            try {
                Thread.sleep(PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    @Override
    public boolean compact() {
        opened().store.compact();
        return true;
    }

    @Override
    public void shut() {
        Opened now = opened;
        opened = null;
        if (now != null) {
            now.buffer.close();
            now.store.close();
            now.pager.close();
            now.memory.close();
        }
    }

    @Override
    public long probe(MemorySegment probes) {
        Opened now = opened();
        long count = probes.byteSize() / TraceData.KEY_BYTES;
        long digest = 0;
        try (TraceSnapshot snapshot = now.trace.snapshot();
                LatestValues values = new LatestValues(now.memory)) {
            for (long from = 0; from < count; from += PROBES_AT_ONCE) {
                int batch = (int) Math.min(PROBES_AT_ONCE, count - from);
                try (ColumnBuilder column = ColumnBuilder.distinct(now.memory, ColumnType.BYTES)) {
                    for (int i = 0; i < batch; i++) {
                        column.append(
                                probes, (from + i) * TraceData.KEY_BYTES, TraceData.KEY_BYTES);
                    }
                    snapshot.read(values, column.column(), snapshot.upper() - 1, Long.MAX_VALUE);
                }
                for (int i = 0; i < batch; i++) {
                    if (values.isPresent(i)) {
                        digest += TraceData.word(values.segment(), values.offsetOf(i));
                    }
                }
            }
        }
        return digest;
    }

    @Override
    public long scan() {
        Opened now = opened();
        long digest = 0;
        try (TraceSnapshot snapshot = now.trace.snapshot();
                TraceScan scan = snapshot.scan(null, null, snapshot.upper() - 1, false)) {
            while (scan.next()) {
                digest += TraceData.word(scan.segment(), scan.valOffset());
            }
        }
        return digest;
    }

    @Override
    public void close() throws IOException {
        shut();
        Folders.delete(folder);
    }
}
