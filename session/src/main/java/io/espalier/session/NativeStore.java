package io.espalier.session;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.trace.Commit;
import io.espalier.spine.trace.OutOfHistoryException;
import io.espalier.spine.trace.StoreDirectory;
import io.espalier.spine.trace.Trace;
import io.espalier.spine.trace.TraceListener;
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
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The store over the floors below: one native memory, one pager, one trace store; for each table a
 * trace and, once it is written to, an upsert operator whose feedback is that trace.
 */
final class NativeStore implements Store {

    private static final int CLOSE_ATTEMPTS_MAX = 5_000;
    private static final long CLOSE_PAUSE_NANOS = 1_000_000;

    private final Path directory;
    private final StoreOptions options;
    private final NativeMemory memory;
    private final Pager pager;
    private final TraceStore traces;

    /** By name; guarded by itself. */
    private final Map<String, NativeTable> tables = new TreeMap<>();

    private final Readers readers;
    private final LookUps lookUps;

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
        this.readers = new Readers(directory.toString());
        this.lookUps = new LookUps(memory);
    }

    static NativeStore open(Path directory, StoreOptions options) {
        return Failures.translate(() -> openWith(NativeMemory.open(), directory, options));
    }

    private static NativeStore openWith(NativeMemory memory, Path directory, StoreOptions options) {
        Pager pager =
                Pager.open(
                        memory,
                        new MemoryBudget(options.budgetBytes()),
                        pagerOptions(directory, options.readOnly()));
        boolean done = false;
        try {
            TraceStore traces =
                    TraceStore.open(directory, mode(options), pager, TraceStoreOptions.defaults());
            if (options.managed()) {
                // taken out when the pager is closed
                register(pager, directory, traces);
            }
            done = true;
            return new NativeStore(directory, options, memory, pager, traces);
        } finally {
            if (!done) {
                close(pager, memory);
            }
        }
    }

    private static void register(Pager pager, Path directory, TraceStore traces) {
        boolean done = false;
        try {
            pager.register(directory.toAbsolutePath().normalize().toString());
            done = true;
        } finally {
            if (!done) {
                traces.close();
            }
        }
    }

    /**
     * Spill files are beside the data, on the disk that is meant for it; a store that is only read
     * must not touch its folder.
     */
    private static PagerOptions pagerOptions(Path directory, boolean readOnly) {
        return PagerOptions.in(
                readOnly
                        ? Path.of(System.getProperty("java.io.tmpdir"))
                        : directory.resolve(".spill"));
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
            return Failures.translate(() -> {
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
                return new Verification(report.files(), report.bytes(), report.damages().size());
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
        return readers.call(this::names);
    }

    private List<String> names() {
        return List.copyOf(new TreeSet<>(traces.names()));
    }

    @Override
    public long epoch() {
        checkOpen();
        return lastEpoch();
    }

    long lastEpoch() {
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
        RuntimeException failure = null;
        try {
            append(dirty, epoch);
        } catch (RuntimeException | InternalError e) {
            failure = Failures.of(e);
        }
        for (NativeTable table : dirty) {
            try {
                table.settle(failure == null, epoch);
            } catch (RuntimeException | InternalError e) {
                // the commands are all there; what fails is only to bring them into order again
                RuntimeException second = Failures.of(e);
                if (failure != null) {
                    failure.addSuppressed(second);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
        return epoch;
    }

    private void append(List<NativeTable> dirty, long epoch) {
        try (Commit commit = traces.begin()) {
            for (NativeTable table : dirty) {
                table.drain(commit, epoch);
            }
            commit.downgradeSince(Math.max(0, epoch - options.historyEpochs()));
            commit.commit(epoch);
        }
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
    public StoreListener listen(List<Table> followed, long sinceEpoch) {
        List<Table> all = List.copyOf(followed);
        if (all.isEmpty()) {
            throw new IllegalArgumentException("no table to listen to; give one at least");
        }
        for (Table table : all) {
            if (!(table instanceof NativeTable ours) || !ours.isOf(this)) {
                throw new IllegalArgumentException(
                        "table " + table.name() + " is not of this store; take it from table()");
            }
        }
        return readers.open(() -> openListener(all, sinceEpoch), StoreListener::close);
    }

    private NativeListener openListener(List<Table> followed, long sinceEpoch) {
        List<Trace> sources = followed.stream().map(table -> traceToWrite(table.name())).toList();
        if (sinceEpoch < 0) {
            throw notKnown(sources, followed, sinceEpoch);
        }
        try {
            TraceListener listener =
                    Failures.translate(() -> traces.listen(sources, sinceEpoch + 1));
            return new NativeListener(readers, memory, listener, followed);
        } catch (OutOfHistoryException e) {
            throw notKnown(sources, followed, sinceEpoch);
        }
    }

    private StoreException.OutOfHistory notKnown(
            List<Trace> sources, List<Table> followed, long sinceEpoch) {
        return new StoreException.OutOfHistory(
                "the changes of "
                        + followed.stream().map(Table::name).toList()
                        + " since epoch "
                        + sinceEpoch
                        + " are not all known; give one of "
                        + sources.stream().mapToLong(Trace::since).max().orElse(0)
                        + " to "
                        + lastEpoch()
                        + ", and scan the tables as of it for what was before");
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
        readers.call(() ->
                Failures.translate(() -> {
                    traces.compact();
                    return null;
                }));
    }

    @Override
    public StoreStats stats() {
        return readers.call(() -> Failures.translate(this::gather));
    }

    private StoreStats gather() {
        List<StoreStats.TableStats> all = new ArrayList<>();
        for (String name : names()) {
            Trace trace = traces.find(name).orElseThrow();
            try (TraceSnapshot snapshot = trace.snapshot()) {
                List<StoreStats.PartStats> parts = new ArrayList<>();
                long updates = 0;
                long bytes = 0;
                Trace.Held held = trace.held();
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
                                name,
                                updates,
                                bytes,
                                snapshot.since(),
                                snapshot.upper(),
                                parts,
                                StatsSections.batches(trace.flatSpine()),
                                held.count(),
                                held.firstEpoch()));
            }
        }
        return StatsSections.of(directory, lastEpoch(), all, memory, pager, traces);
    }

    NativeMemory memory() {
        return memory;
    }

    Pager pager() {
        return pager;
    }

    Readers readers() {
        return readers;
    }

    LookUps lookUps() {
        return lookUps;
    }

    void checkOpen() {
        readers.checkOpen();
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
        if (!readers.end()) {
            return;
        }
        try {
            synchronized (tables) {
                tables.values().forEach(NativeTable::close);
            }
            Failures.translate(() -> {
                traces.close();
                return null;
            });
        } finally {
            lookUps.close();
            close(pager, memory);
        }
    }

    private static void close(Pager pager, NativeMemory memory) {
        try {
            pager.close();
        } finally {
            closeMemory(memory);
        }
    }

    /**
     * A reader on another thread may be handing bytes that a cursor lent it to the operating system
     * right now: its call ends soon, and it gets no more.
     */
    private static void closeMemory(NativeMemory memory) {
        for (int attempt = 1; ; attempt++) {
            try {
                memory.close();
                return;
            } catch (IllegalStateException e) {
                if (attempt == CLOSE_ATTEMPTS_MAX || memory.stats().leases() != 0) {
                    throw e;
                }
                LockSupport.parkNanos(CLOSE_PAUSE_NANOS);
            }
        }
    }
}
