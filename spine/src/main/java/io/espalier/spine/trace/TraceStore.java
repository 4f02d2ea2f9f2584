package io.espalier.spine.trace;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.spine.Description;
import io.espalier.spine.FlatSpine;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.Spine;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.FolderDisk;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

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

    private final StoreDirectory directory;
    private final TraceState state;
    private final Pager pager;
    private final TraceStoreOptions options;
    private final StoreClock clock;
    private final CompactionSource compaction;
    private final Compactor compactor;
    private final ExternalCompaction external;
    private final Backpressure backpressure;
    private final CommitGap gap;

    private final Object lock = new Object();
    // guarded by lock
    private final Map<String, Trace> traces = new LinkedHashMap<>();
    private long nextTraceId;

    private final Progress progress;

    private volatile long upper;
    private volatile boolean closed;

    private TraceStore(
            StoreDirectory directory,
            TraceState state,
            Pager pager,
            TraceStoreOptions options,
            StoreClock clock) {
        this.directory = directory;
        this.state = state;
        this.pager = pager;
        this.options = options;
        this.upper = state.upper();
        this.nextTraceId = state.nextTraceId();
        this.clock = clock;
        this.progress = new Progress(clock);
        this.compaction = new CompactionSource(this);
        this.compactor = new Compactor(compaction);
        this.external =
                new ExternalCompaction(
                        this,
                        compaction,
                        directory,
                        new CompactionFolder(directory.disk(), directory.batches()));
        this.backpressure = new Backpressure(this, options, clock);
        this.gap = new CommitGap(clock);
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
        return open(disk, mode, pager, options, StoreDirectory.Options.defaults());
    }

    static TraceStore open(
            Disk disk,
            StoreDirectory.Mode mode,
            Pager pager,
            TraceStoreOptions options,
            StoreDirectory.Options directoryOptions) {
        return open(disk, mode, pager, options, directoryOptions, StoreClock.system());
    }

    static TraceStore open(
            Disk disk,
            StoreDirectory.Mode mode,
            Pager pager,
            TraceStoreOptions options,
            StoreDirectory.Options directoryOptions,
            LongSupplier clockMillis) {
        return open(disk, mode, pager, options, directoryOptions, StoreClock.of(clockMillis));
    }

    static TraceStore open(
            Disk disk,
            StoreDirectory.Mode mode,
            Pager pager,
            TraceStoreOptions options,
            StoreDirectory.Options directoryOptions,
            StoreClock clock) {
        TraceState state = new TraceState();
        StoreDirectory directory = StoreDirectory.open(disk, mode, state, directoryOptions);
        boolean done = false;
        try {
            TraceStore store = new TraceStore(directory, state, pager, options, clock);
            store.restore();
            done = true;
            return store;
        } finally {
            if (!done) {
                directory.close();
            }
        }
    }

    private void restore() {
        synchronized (lock) {
            for (TraceState.Entry entry : state.entries()) {
                // apart from that of the state, which changes by what is durable alone
                Spine spine = entry.spine().detached();
                Trace trace = new Trace(this, entry.id(), entry.name(), spine, state.upper());
                traces.put(entry.name(), trace);
            }
        }
        if (!directory.isReadOnly()) {
            external.restore();
        }
        if (options.compaction() && !directory.isReadOnly()) {
            compactor.start();
            // what a crash, or an ending, left undone; whoever claimed it here is no more
            compaction.waiting(Long.MAX_VALUE).forEach(compactor::add);
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
            return state.has(name) ? Optional.ofNullable(traces.get(name)) : Optional.empty();
        }
    }

    /**
     * The trace of that name; a new one becomes durable with the first commit that writes to it.
     *
     * @param name 1 to 255 bytes of UTF-8
     */
    public Trace findOrCreate(String name) {
        TraceCodec.checkName(name);
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

    /**
     * What several traces hold at one moment: all snapshots end at the same epoch. The caller
     * closes each.
     *
     * @throws IllegalStateException if the store was closed
     */
    public List<TraceSnapshot> snapshot(List<Trace> traces) {
        return SnapshotTogether.of(this, traces);
    }

    /**
     * Follows several traces at once: what was committed together is seen together.
     *
     * @param traces of this store, at least one
     * @see Trace#listen
     */
    public TraceListener listen(List<Trace> traces, long from) {
        if (traces.isEmpty()) {
            throw new IllegalArgumentException("no trace to listen to; give one at least");
        }
        return TraceListener.open(this, traces, from);
    }

    /** Begins the next epoch. */
    public Commit begin() {
        checkOpen();
        return new Commit(this);
    }

    NativeMemory memory() {
        return pager.memory();
    }

    Pager pager() {
        return pager;
    }

    /** Where readers wait for the next epoch, or the end. */
    Progress progress() {
        return progress;
    }

    boolean isClosed() {
        return closed;
    }

    TraceStoreOptions options() {
        return options;
    }

    /** What was noteworthy at opening and since, a line each. */
    public List<String> notes() {
        List<String> notes = new ArrayList<>(directory.notes());
        notes.addAll(compactor.notes());
        return notes;
    }

    /** What compaction has done so far. */
    public CompactionStats compactionStats() {
        return compactor.stats();
    }

    FlatSpine flatSpine(Trace trace) {
        synchronized (lock) {
            return trace.spine().flatten();
        }
    }

    BatchFileWriter newFile() {
        return BatchFileWriter.create(pager.memory(), directory.createSmallBatchFile());
    }

    BatchTarget newTarget() {
        return directory.createBatchFile();
    }

    long allotFileId() {
        return directory.allotFileId();
    }

    long nowMillis() {
        return clock.millis();
    }

    StoreClock clock() {
        return clock;
    }

    /** The folder, for messages. */
    String path() {
        return directory.disk().describe("");
    }

    /** Lets the next commit have nothing to sync but its record. */
    void syncBatchNames() {
        directory.syncBatchNames();
    }

    /** Whether the manifest names a file. */
    boolean refersTo(long fileId) {
        synchronized (lock) {
            return state.refersTo(fileId);
        }
    }

    BatchFile file(PartRef part) {
        return new BatchFile(directory.batches(), pager, part);
    }

    void discard(long fileId) {
        directory.deleteBatchFile(fileId);
    }

    // ---- committing ---------------------------------------------------------------------------

    /**
     * Makes an epoch durable, then visible.
     *
     * @throws RuntimeException and nothing is committed, unless it is {@link
     *     StoreException.Stopped}
     */
    void append(long epoch, long since, Map<Trace, Optional<PartRef>> parts) {
        List<CompactionTask> tasks = new ArrayList<>();
        List<Trace.Next> installed;
        if (parts.values().stream().anyMatch(Optional::isPresent)) {
            directory.syncBatchNames();
        }
        synchronized (lock) {
            checkOpen();
            if (epoch != upper) {
                throw new IllegalStateException(
                        "a commit of epoch " + epoch + ", but the store expects " + upper);
            }
            try {
                installed = install(epoch + 1, advanced(epoch, since, parts, tasks));
            } finally {
                parts.keySet().forEach(trace -> trace.holds().settle(trace.since()));
            }
        }
        Each.of(installed, Trace.Next::letGo);
        tasks.forEach(compactor::add);
        if (parts.values().stream().anyMatch(Optional::isPresent)) {
            compactor.stir();
        }
    }

    /** A spine that is to become durable, and what of it could be folded. */
    private record Grown(Spine spine, Garbage.Amount garbage) {}

    /** The spines with a batch more each; what is then worth compacting is added to the tasks. */
    private Map<Trace, Grown> advanced(
            long epoch,
            long since,
            Map<Trace, Optional<PartRef>> parts,
            List<CompactionTask> tasks) {
        boolean compacting = compactor.isRunning();
        Map<Trace, Grown> next = new LinkedHashMap<>();
        for (Map.Entry<Trace, Optional<PartRef>> entry : parts.entrySet()) {
            Trace trace = entry.getKey();
            Spine spine = trace.spine().copy();
            Frontier advanced = Frontier.of(trace.holds().limit(since));
            if (!advanced.lessEqual(spine.since())) {
                spine.downgradeSince(advanced);
            }
            Description description =
                    new Description(spine.upper(), Frontier.of(epoch + 1), spine.since());
            List<Run> runs = entry.getValue().stream().map(CompactionSource::runOf).toList();
            List<MergeRequest> requests = spine.push(new HollowBatch(description, runs));
            // what is claimed, and how batches stand to each other, does not change it
            Grown grown = new Grown(spine, Garbage.amount(spine));
            next.put(trace, grown);
            if (compacting) {
                for (MergeRequest request :
                        compaction.claim(spine, grown.garbage(), requests, !runs.isEmpty())) {
                    tasks.add(new CompactionTask(trace, request));
                }
            }
        }
        return next;
    }

    /** Where compaction waits for commits that are under way. */
    CommitGap gap() {
        return gap;
    }

    /** Holds writers back that are ahead of compaction. */
    Backpressure backpressure() {
        return backpressure;
    }

    /**
     * Makes spines durable, then visible: all of them, or none.
     *
     * @return to let go of what was there before: without the lock, since files are deleted
     */
    private List<Trace.Next> install(long nextUpper, Map<Trace, Grown> spines) {
        List<Trace.Next> prepared = new ArrayList<>();
        boolean durable = false;
        boolean installed = false;
        try {
            List<TraceCodec.Changed> changed = new ArrayList<>();
            spines.forEach((trace, grown) -> {
                Spine spine = grown.spine();
                prepared.add(trace.prepare(spine, grown.garbage(), nextUpper));
                String newName = state.has(trace.id()) ? "" : trace.name();
                changed.add(
                        new TraceCodec.Changed(
                                trace.id(), newName, spine.changeFrom(trace.spine())));
            });
            byte[] change =
                    TraceCodec.encode(
                            new TraceCodec.Change(
                                    nextUpper, directory.nextFileId(), List.of(), changed));
            directory.append(List.of(change));
            durable = true;
            prepared.forEach(Trace.Next::install);
            // the traces first: who sees the new upper finds what is before it
            upper = nextUpper;
            installed = true;
        } finally {
            if (!durable) {
                prepared.forEach(Trace.Next::abandon);
            } else if (!installed) {
                directory.stop("a durable commit could not be shown; open it again", null);
            }
        }
        progress.changed();
        return prepared;
    }

    // ---- compacting ---------------------------------------------------------------------------

    /** Guards all bookkeeping; taken before any lock of compaction. */
    Object lock() {
        return lock;
    }

    /** Under the lock: all traces, also those that are not durable yet. */
    Collection<Trace> traces() {
        return traces.values();
    }

    /**
     * Changes a trace's spine, durably and then visibly.
     *
     * @param change is given a copy, and says whether it is to count
     * @return what it says; false if the store was closed meanwhile
     */
    boolean change(Trace trace, Predicate<Spine> change) {
        List<Trace.Next> installed;
        synchronized (lock) {
            if (closed) {
                return false;
            }
            Spine spine = trace.spine().copy();
            if (!change.test(spine)) {
                return false;
            }
            installed = install(upper, Map.of(trace, new Grown(spine, Garbage.amount(spine))));
        }
        Each.of(installed, Trace.Next::letGo);
        return true;
    }

    /** Compactions that others do. */
    public ExternalCompaction externalCompaction() {
        return external;
    }

    CompactionSource compaction() {
        return compaction;
    }

    Compactor compactor() {
        return compactor;
    }

    /**
     * Brings what every trace holds now to a single run. Others may read and commit meanwhile; what
     * they add may be left beside it.
     *
     * @throws StoreException if a file cannot be read or written; what is done stays done
     */
    public void compact() {
        checkOpen();
        List<Trace> all;
        synchronized (lock) {
            all = new ArrayList<>(traces.values());
        }
        all.forEach(trace -> compaction.compactAll(trace, compactor));
    }

    /**
     * Reads everything and checks everything, also of a store that cannot be opened. It keeps
     * writers out meanwhile, and changes nothing.
     *
     * @param pager where files are mapped meanwhile
     * @param problems is told each damage as it is found
     * @throws StoreException if there is no store, or it is in use by a writer
     */
    public static VerifyReport verify(Path folder, Pager pager, Consumer<Damage> problems) {
        return verify(new FolderDisk(folder), pager, problems);
    }

    /** The same on any disk. */
    public static VerifyReport verify(Disk disk, Pager pager, Consumer<Damage> problems) {
        TraceState state = new TraceState();
        return StoreCheck.verify(
                disk,
                state,
                (batches, findings) -> {
                    for (TraceState.Entry entry : state.entries()) {
                        for (HollowBatch batch : entry.spine().snapshot()) {
                            for (Run run : batch.runs()) {
                                verify(run, batches, pager, findings);
                            }
                        }
                    }
                },
                problems);
    }

    private static void verify(
            Run run, BatchFolder batches, Pager pager, StoreCheck.Findings findings) {
        List<BatchFile> files = new ArrayList<>();
        try {
            boolean whole = true;
            for (PartRef part : run.parts()) {
                findings.read(1, part.sizeBytes());
                BatchFile file = new BatchFile(batches, pager, part);
                files.add(file);
                whole &= BatchFileCheck.verify(file, findings::damage);
            }
            if (whole) {
                BatchFileCheck.verifyOrder(files, findings::damage);
            }
        } finally {
            BatchFile.releaseAll(files, false);
        }
    }

    void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the trace store is closed");
        }
    }

    /**
     * Stops compaction, lets the files go, and marks the store as closed. Closing twice is
     * harmless.
     *
     * <p>Readers that are still open are shut out: reading on is an {@link IllegalStateException}.
     * What they have pinned stays readable until they close it. Their snapshots have to be closed
     * before the pager.
     *
     * @throws StoreException.Stopped if it could not be marked; nothing that was committed is lost
     */
    @Override
    public void close() {
        compactor.close();
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
        }
        progress.changed();
        try {
            directory.close();
        } finally {
            synchronized (lock) {
                traces.values().forEach(Trace::close);
            }
        }
    }
}
