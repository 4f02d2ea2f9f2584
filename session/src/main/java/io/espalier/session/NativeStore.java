package io.espalier.session;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.trace.Commit;
import io.espalier.spine.trace.StoreDirectory;
import io.espalier.spine.trace.Trace;
import io.espalier.spine.trace.TraceSnapshot;
import io.espalier.spine.trace.TraceStore;
import io.espalier.spine.trace.TraceStoreOptions;
import io.espalier.spine.trace.VerifyReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * The store over the floors below: one native memory, one pager, one trace store; for each table a
 * trace and, once it is written to, an upsert operator whose feedback is that trace.
 */
final class NativeStore implements Store {

    private final Path directory;
    private final StoreOptions options;
    private final NativeMemory memory;
    private final Pager pager;
    private final TraceStore traces;

    /** By name; guarded by itself. */
    private final Map<String, NativeTable> tables = new TreeMap<>();

    private volatile boolean closed;

    private NativeStore(
            Path directory,
            StoreOptions options,
            NativeMemory memory,
            Pager pager,
            TraceStore traces) {
        this.directory = directory;
        this.options = options;
        this.memory = memory;
        this.pager = pager;
        this.traces = traces;
    }

    static NativeStore open(Path directory, StoreOptions options) {
        NativeMemory memory = NativeMemory.open();
        Pager pager = Pager.open(memory, new MemoryBudget(options.budgetBytes()), pagerOptions(directory, options.readOnly()));
        boolean done = false;
        try {
            TraceStore traces =
                    Failures.translate(
                            () -> TraceStore.open(
                                            directory,
                                            mode(options),
                                            pager,
                                            TraceStoreOptions.defaults()));
            done = true;
            return new NativeStore(directory, options, memory, pager, traces);
        } finally {
            if (!done) {
                pager.close();
                memory.close();
            }
        }
    }

    /**
     * Spill files are beside the data, on the disk that is meant for it; a store that is only read
     * must not touch its folder.
     */
    private static PagerOptions pagerOptions(Path directory, boolean readOnly) {
        return PagerOptions.in(
                readOnly ? Path.of(System.getProperty("java.io.tmpdir")) : directory.resolve(".spill"));
    }

    private static StoreDirectory.Mode mode(StoreOptions options) {
        if (options.readOnly()) {
            return StoreDirectory.Mode.READ_ONLY;
        }
        return options.create() ? StoreDirectory.Mode.OPEN_OR_CREATE : StoreDirectory.Mode.OPEN;
    }

    static Verification verify(Path directory, Consumer<Problem> problems) {
        NativeMemory memory = NativeMemory.open();
        try (memory;
                Pager pager =
                        Pager.open(
                                memory,
                                MemoryBudget.unlimited(),
                                pagerOptions(directory, /* readOnly= */ true))) {
            return Failures.translate(
                    () -> {
                        VerifyReport report =
                                TraceStore.verify(
                                        directory,
                                        pager,
                                        damage ->
                                                problems.accept(
                                                        new Problem(
                                                                Path.of(damage.path()),
                                                                Math.max(0, damage.offset()),
                                                                damage.what())));
                        return new Verification(
                                report.files(), report.bytes(), report.damages().size());
                    });
        }
    }

    @Override
    public Table table(String name) {
        checkOpen();
        Limits.checkTableName(name);
        synchronized (tables) {
            return tables.computeIfAbsent(name, n -> new NativeTable(this, n, traces.find(n)));
        }
    }

    @Override
    public List<String> tableNames() {
        checkOpen();
        return List.copyOf(new TreeSet<>(traces.names()));
    }

    @Override
    public long epoch() {
        checkOpen();
        return traces.upper() - 1;
    }

    /** The epoch that the next commit makes. */
    long nextEpoch() {
        return traces.upper();
    }

    @Override
    public long commit() {
        checkOpen();
        List<NativeTable> dirty = new ArrayList<>();
        synchronized (tables) {
            for (NativeTable table : tables.values()) {
                if (table.isDirty()) {
                    dirty.add(table);
                }
            }
        }
        long epoch = traces.upper();
        if (dirty.isEmpty()) {
            return epoch - 1;
        }
        boolean done = false;
        try (Commit commit = Failures.translate(traces::begin)) {
            Failures.translate(
                    () -> {
                        for (NativeTable table : dirty) {
                            table.drain(commit, epoch);
                        }
                        long since = Math.max(0, epoch - options.historyEpochs());
                        commit.downgradeSince(since);
                        commit.commit(epoch);
                        return null;
                    });
            done = true;
        } finally {
            for (NativeTable table : dirty) {
                table.settle(done);
            }
        }
        return epoch;
    }

    /** The trace of a table, made if it is not there: it becomes durable with a commit. */
    Trace traceToWrite(String name) {
        return Failures.translate(() -> traces.findOrCreate(name));
    }

    /** The trace of a table that may have come into being since. */
    Optional<Trace> trace(String name) {
        return traces.find(name);
    }

    @Override
    public void rollback() {
        checkOpen();
        synchronized (tables) {
            tables.values().forEach(NativeTable::rollback);
        }
    }

    @Override
    public void compact() {
        checkWritable();
        Failures.translate(
                () -> {
                    traces.compact();
                    return null;
                });
    }

    @Override
    public StoreStats stats() {
        checkOpen();
        List<StoreStats.TableStats> all = new ArrayList<>();
        for (String name : tableNames()) {
            Trace trace = traces.find(name).orElseThrow();
            try (TraceSnapshot snapshot = trace.snapshot()) {
                List<StoreStats.PartStats> parts = new ArrayList<>();
                long updates = 0;
                long bytes = 0;
                for (TraceSnapshot.Part part : snapshot.parts()) {
                    parts.add(
                            new StoreStats.PartStats(
                                    part.fileName(),
                                    part.level(),
                                    part.sizeBytes(),
                                    part.updateCount(),
                                    part.chunkCount(),
                                    part.lower(),
                                    part.upper()));
                    updates += part.updateCount();
                    bytes += part.sizeBytes();
                }
                all.add(
                        new StoreStats.TableStats(
                                name, updates, bytes, snapshot.since(), snapshot.upper(), parts));
            }
        }
        return StatsSections.of(directory, epoch(), all, memory, pager, traces);
    }

    NativeMemory memory() {
        return memory;
    }

    Pager pager() {
        return pager;
    }

    void checkOpen() {
        if (closed) {
            throw new IllegalStateException("store " + directory + " is closed");
        }
    }

    void checkWritable() {
        checkOpen();
        if (options.readOnly()) {
            throw new StoreException.ReadOnly(
                    directory + ": the store is open for reading only; open it for writing");
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            synchronized (tables) {
                tables.values().forEach(NativeTable::close);
            }
            Failures.translate(
                    () -> {
                        traces.close();
                        return null;
                    });
        } finally {
            pager.close();
            memory.close();
        }
    }
}
