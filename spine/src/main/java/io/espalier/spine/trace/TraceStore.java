package io.espalier.spine.trace;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import io.espalier.spine.SpineFormatException;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.FolderDisk;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Durable traces in one folder with one commit point. Each {@link Commit} is an epoch; its batches
 * are files, written and synced before the manifest names them. Opening reads the manifest alone;
 * files are mapped when they are first read.
 *
 * <p>One thread at a time commits; any thread reads. Compaction runs on a thread of its own and
 * never blocks a reader, and a writer only when it falls far behind.
 */
public final class TraceStore implements AutoCloseable {

    /** The version of the files of a store. */
    public static final int FORMAT_VERSION = StoreFile.FORMAT_VERSION;

    /** The version that new runs carry. */
    private static final int WRITER_VERSION = 1;

    /** A commit waits for compaction when a trace has more runs than this. */
    private static final int RUNS_MAX = 48;

    private static final int COMPACT_ROUNDS_MAX = 1000;

    private final StoreDirectory directory;
    private final TraceState state;
    private final Pager pager;
    private final TraceStoreOptions options;
    private final Compactor compactor;

    private final Object lock = new Object();
    // guarded by lock
    private final Map<String, Trace> traces = new LinkedHashMap<>();
    private long nextTraceId;

    private volatile long upper;
    private volatile boolean closed;

    private TraceStore(
            StoreDirectory directory, TraceState state, Pager pager, TraceStoreOptions options) {
        this.directory = directory;
        this.state = state;
        this.pager = pager;
        this.options = options;
        this.upper = state.upper();
        this.nextTraceId = state.nextTraceId();
        this.compactor = new Compactor(this, options.compaction() && !directory.isReadOnly());
    }

    /**
     * Opens a store.
     *
     * @param pager whose memory the files are mapped into; it is closed after the store
     * @throws StoreException if that is not possible
     */
    public static TraceStore open(
            Path folder, StoreDirectory.Mode mode, Pager pager, TraceStoreOptions options) {
        return open(new FolderDisk(folder), mode, pager, options);
    }

    /** Opens a store on any disk. */
    public static TraceStore open(
            Disk disk, StoreDirectory.Mode mode, Pager pager, TraceStoreOptions options) {
        TraceState state = new TraceState();
        StoreDirectory directory = StoreDirectory.open(disk, mode, state);
        TraceStore store = new TraceStore(directory, state, pager, options);
        boolean done = false;
        try {
            store.restore();
            done = true;
            return store;
        } finally {
            if (!done) {
                store.close();
            }
        }
    }

    private void restore() {
        List<Task> tasks = new ArrayList<>();
        synchronized (lock) {
            for (TraceState.Entry entry : state.entries()) {
                Trace trace =
                        new Trace(this, entry.id(), entry.name(), spineOf(entry), state.upper());
                traces.put(entry.name(), trace);
                // what a crash, or an ending, left undone is found again
                for (MergeRequest request : trace.spine().requestsBefore(Long.MAX_VALUE, 0)) {
                    tasks.add(new Task(trace, request));
                }
            }
        }
        tasks.forEach(compactor::add);
    }

    private static Spine spineOf(TraceState.Entry entry) {
        try {
            return Spine.unflatten(entry.spine());
        } catch (SpineFormatException e) {
            // the state has checked it
            throw new IllegalStateException(e);
        }
    }

    /** The names of the traces that are durable, in the order of their creation. */
    public List<String> names() {
        synchronized (lock) {
            return state.entries().stream().map(TraceState.Entry::name).toList();
        }
    }

    /** The trace of that name, if it is durable. */
    public Optional<Trace> find(String name) {
        synchronized (lock) {
            boolean durable = state.entries().stream().anyMatch(e -> e.name().equals(name));
            return durable ? Optional.ofNullable(traces.get(name)) : Optional.empty();
        }
    }

    /**
     * The trace of that name; a new one becomes durable with the first commit that writes to it.
     */
    public Trace findOrCreate(String name) {
        synchronized (lock) {
            checkOpen();
            return traces.computeIfAbsent(
                    name, n -> new Trace(this, nextTraceId++, n, new Spine(), upper));
        }
    }

    /** The first epoch that is not committed; 1 in a new store. */
    public long upper() {
        return upper;
    }

    /** Begins the next epoch. */
    public Commit begin() {
        checkOpen();
        return new Commit(this);
    }

    NativeMemory memory() {
        return pager.memory();
    }

    TraceStoreOptions options() {
        return options;
    }

    /** What was noteworthy at opening and since, a line each. */
    public List<String> notes() {
        return directory.notes();
    }

    /** What compaction has done so far. */
    public CompactionStats compactionStats() {
        return compactor.stats();
    }

    BatchFileWriter newFile() {
        NewBatchFile file = directory.createBatchFile();
        boolean done = false;
        try {
            BatchFileWriter writer = new BatchFileWriter(pager.memory(), file);
            done = true;
            return writer;
        } finally {
            if (!done) {
                file.close();
            }
        }
    }

    BatchFile file(PartRef part) {
        return new BatchFile(directory, pager, part);
    }

    void discard(long fileId) {
        directory.deleteBatchFile(fileId);
    }

    // ---- committing ---------------------------------------------------------------------------

    void append(long epoch, long since, Map<Trace, Optional<PartRef>> parts) {
        List<Task> tasks = new ArrayList<>();
        synchronized (lock) {
            checkOpen();
            if (epoch != upper) {
                throw new IllegalStateException(
                        "a commit of epoch " + epoch + ", but the store expects " + upper);
            }
            Map<Trace, Spine> next = new LinkedHashMap<>();
            for (Map.Entry<Trace, Optional<PartRef>> entry : parts.entrySet()) {
                Trace trace = entry.getKey();
                Spine spine = copy(trace.spine());
                next.put(trace, spine);
                Frontier advanced = Frontier.of(since);
                if (!advanced.lessEqual(spine.since())) {
                    spine.downgradeSince(advanced);
                }
                Description description =
                        new Description(spine.upper(), Frontier.of(epoch + 1), spine.since());
                List<Run> runs = entry.getValue().stream().map(TraceStore::runOf).toList();
                for (MergeRequest request : spine.push(new HollowBatch(description, runs))) {
                    tasks.add(new Task(trace, request));
                }
            }
            install(epoch + 1, next);
        }
        tasks.forEach(compactor::add);
        for (Trace trace : parts.keySet()) {
            compactor.awaitFewerRuns(trace, RUNS_MAX);
        }
    }

    private static Run runOf(PartRef part) {
        return new Run(new RunId(0, part.fileId()), WRITER_VERSION, false, List.of(part));
    }

    private static Spine copy(Spine spine) {
        try {
            return Spine.unflatten(spine.flatten());
        } catch (SpineFormatException e) {
            throw new IllegalStateException("a spine does not survive its own facts", e);
        }
    }

    /** Makes spines durable, then visible. */
    private void install(long nextUpper, Map<Trace, Spine> spines) {
        List<TraceState.Entry> entries = new ArrayList<>();
        spines.forEach((trace, spine) ->
                entries.add(new TraceState.Entry(trace.id(), trace.name(), spine.flatten())));
        byte[] change =
                TraceCodec.encode(new TraceCodec.Change(nextUpper, state.nextFileId(), entries));
        directory.append(List.of(change));
        spines.forEach((trace, spine) -> trace.install(spine, nextUpper));
        // last: who sees the new upper, and then takes a snapshot, finds all below it there
        upper = nextUpper;
    }

    // ---- compacting ---------------------------------------------------------------------------

    /** A compaction that is worthwhile. */
    record Task(Trace trace, MergeRequest request) {}

    /** The files that a task reads, held for the caller; empty if it is out of date. */
    List<BatchFile> hold(Task task) {
        synchronized (lock) {
            List<PartRef> parts = new ArrayList<>();
            task.request().inputs().forEach(input -> parts.addAll(input.batch().parts()));
            return task.trace().hold(parts);
        }
    }

    /**
     * Swaps a compaction's result in, durably.
     *
     * @return whether it was still wanted
     */
    boolean apply(Task task, Optional<PartRef> output) {
        synchronized (lock) {
            if (closed) {
                return false;
            }
            HollowBatch batch =
                    new HollowBatch(
                            task.request().description(),
                            output.stream().map(TraceStore::runOf).toList());
            Spine spine = copy(task.trace().spine());
            if (!spine.apply(MergeResult.of(task.request(), batch)).applied()) {
                return false;
            }
            install(upper, Map.of(task.trace(), spine));
            return true;
        }
    }

    /**
     * Brings every trace to a single run. Returns when that is done; others may read and commit
     * meanwhile.
     *
     * @throws StoreException if a file cannot be read or written; what is done stays done
     */
    public void compact() {
        checkOpen();
        List<Trace> all;
        synchronized (lock) {
            all = new ArrayList<>(traces.values());
        }
        for (Trace trace : all) {
            for (int round = 0; round < COMPACT_ROUNDS_MAX && trace.runCount() > 1; round++) {
                List<Task> tasks = new ArrayList<>();
                synchronized (lock) {
                    Spine spine = copy(trace.spine());
                    Spine.Exertion exertion = spine.exert(Math.max(1, 2 * spine.updateCount()));
                    exertion.requests().forEach(r -> tasks.add(new Task(trace, r)));
                    if (tasks.isEmpty()) {
                        spine.requestsBefore(Long.MAX_VALUE, 0)
                                .forEach(r -> tasks.add(new Task(trace, r)));
                    }
                    if (exertion.worked()) {
                        install(upper, Map.of(trace, spine));
                    }
                }
                for (Task task : tasks) {
                    compactor.compact(task);
                }
            }
        }
    }

    /**
     * Reads everything and checks everything, also of a store that cannot be opened.
     *
     * @param pager where files are mapped meanwhile
     * @param problems is told each damage
     * @return how many batch files were read
     * @throws StoreException if there is no store, or it is in use by a writer
     */
    public static VerifyReport verify(Path folder, Pager pager, Consumer<Damage> problems) {
        Disk disk = new FolderDisk(folder);
        TraceState state = new TraceState();
        VerifyReport report = StoreDirectory.verify(disk, state);
        report.damages().forEach(problems);
        if (!report.isWhole()) {
            return report;
        }
        List<Damage> damages = new ArrayList<>();
        long files = report.files();
        long bytes = report.bytes();
        TraceState again = new TraceState();
        try (StoreDirectory directory =
                StoreDirectory.open(disk, StoreDirectory.Mode.READ_ONLY, again)) {
            for (TraceState.Entry entry : again.entries()) {
                for (PartRef part : TraceState.parts(entry.spine())) {
                    BatchFile file = new BatchFile(directory, pager, part);
                    files++;
                    bytes += part.sizeBytes();
                    try {
                        file.verify(damage -> {
                            damages.add(damage);
                            problems.accept(damage);
                        });
                    } finally {
                        file.release(false);
                    }
                }
            }
        }
        return new VerifyReport(files, bytes, damages, report.notes());
    }

    void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the trace store is closed");
        }
    }

    /** Stops compaction, lets the files go, and marks the store as closed. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        compactor.close();
        synchronized (lock) {
            closed = true;
            traces.values().forEach(Trace::close);
        }
        directory.close();
    }
}
