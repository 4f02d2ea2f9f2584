package io.espalier.spine.trace;

import io.espalier.spine.FlatSpine;
import io.espalier.spine.Frontier;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.Spine;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One durable collection of a {@link TraceStore}: batches of updates in order of their epochs. It
 * is read through snapshots and changed by commits and compactions of its store alone.
 */
public final class Trace {

    private final TraceStore store;
    private final long id;
    private final String name;

    // guarded by the store's lock
    private Spine spine;
    private List<Listed> batches = List.of();
    private final Map<Long, BatchFile> files = new HashMap<>();

    private final ReadHolds holds;

    private volatile Garbage.Amount garbage = Garbage.Amount.NONE;

    private volatile TraceSnapshot.Shared current;

    Trace(TraceStore store, long id, String name, Spine spine, long upper) {
        this.store = store;
        this.id = id;
        this.name = name;
        this.spine = spine;
        this.current = new TraceSnapshot.Shared(List.of(), 0, upper);
        this.holds = new ReadHolds(name, epochOf(spine.since()), store.clock()::nanos);
        Next next = prepare(spine, Garbage.amount(spine), upper);
        next.install();
        next.letGo();
    }

    long id() {
        return id;
    }

    /** The name within the store. */
    public String name() {
        return name;
    }

    /**
     * What the trace holds now. The caller closes it.
     *
     * @throws IllegalStateException if the store was closed
     */
    public TraceSnapshot snapshot() {
        while (true) {
            store.checkOpen();
            // in this order: the trace holds all that is before this upper, and maybe more
            long upper = store.upper();
            TraceSnapshot.Shared shared = current;
            if (shared.retain()) {
                return new TraceSnapshot(store.pager(), shared, upper);
            }
        }
    }

    /**
     * What the trace held as of an epoch: {@link #snapshot()}, if that can be told.
     *
     * @throws OutOfHistoryException if the epoch is before the trace's since, or not committed
     * @throws IllegalStateException if the store was closed
     */
    public TraceSnapshot snapshot(long asOf) {
        TraceSnapshot snapshot = snapshot();
        if (Long.compareUnsigned(asOf, snapshot.since()) < 0
                || Long.compareUnsigned(asOf, snapshot.upper()) >= 0) {
            try (snapshot) {
                throw new OutOfHistoryException(name, asOf, snapshot.since(), snapshot.upper());
            }
        }
        return snapshot;
    }

    /**
     * Keeps an epoch and all after it readable until the hold is closed.
     *
     * @throws OutOfHistoryException if the epoch is before the trace's since, or not committed
     * @throws IllegalStateException if the store was closed
     */
    public ReadHold hold(long epoch) {
        store.checkOpen();
        return holds.take(epoch, store.upper(), ReadHolds.FOR_EVER);
    }

    /**
     * The same, but the hold ends by itself.
     *
     * @param expiry after how long, unless it is {@linkplain ReadHold#renew renewed} in that time
     */
    public ReadHold hold(long epoch, Duration expiry) {
        store.checkOpen();
        if (expiry.isNegative()) {
            throw new IllegalArgumentException("a hold that expires after " + expiry);
        }
        return holds.take(epoch, store.upper(), expiry.toNanos());
    }

    /**
     * Follows the trace: gives the differences of each committed epoch from one on.
     *
     * @param from the first epoch of interest; the store's upper for what is yet to come
     * @throws OutOfHistoryException if the trace cannot tell what happened at that epoch any more,
     *     or the epoch is beyond the one that is committed next
     * @throws IllegalStateException if the store was closed
     */
    public TraceListener listen(long from) {
        return TraceListener.open(store, List.of(this), from);
    }

    /**
     * What its readers hold, those of listeners too.
     *
     * @param count how many holds there are
     * @param firstEpoch the first epoch that is held; -1 if none is
     */
    public record Held(int count, long firstEpoch) {}

    /** What its readers hold now. */
    public Held held() {
        return holds.held();
    }

    /** The first epoch that can be told from those before it. */
    public long since() {
        return current.since;
    }

    /** How its batches stand to each other now: levels, merges, claims. */
    public FlatSpine flatSpine() {
        return store.flatSpine(this);
    }

    /** How many runs a reader has to look into. */
    int runCount() {
        return current.runCount();
    }

    /** What of it could be folded as of the last commit or compaction. */
    Garbage.Amount garbage() {
        return garbage;
    }

    /** How many of them hold epochs before {@code epoch}. */
    int runCountBefore(long epoch) {
        int count = 0;
        for (TraceSnapshot.TimedRun run : current.timedRuns()) {
            count += Long.compareUnsigned(run.lower(), epoch) < 0 ? 1 : 0;
        }
        return count;
    }

    // ---- under the store's lock ---------------------------------------------------------------

    Spine spine() {
        return spine;
    }

    /** Who needs which epochs. */
    ReadHolds holds() {
        return holds;
    }

    /** The files of some parts, each held for the caller; empty if one is there no longer. */
    List<BatchFile> hold(List<PartRef> parts) {
        List<BatchFile> held = new ArrayList<>();
        for (PartRef part : parts) {
            BatchFile file = files.get(part.fileId());
            if (file == null) {
                BatchFile.releaseAll(held, false);
                return List.of();
            }
            file.retain();
            held.add(file);
        }
        return held;
    }

    /**
     * What a spine will mean for readers: made before the spine is durable, so that nothing that
     * may fail is left for afterwards. It is {@linkplain #install installed} and then {@linkplain
     * #letGo lets go} of what the trace listed before; or it is {@linkplain #abandon abandoned}.
     */
    final class Next {
        private final Spine nextSpine;
        private final List<Listed> nextBatches;
        private final List<BatchFile> added;
        private final List<BatchFile> gone;
        private final TraceSnapshot.Shared shared;
        private final Garbage.Amount nextGarbage;
        private TraceSnapshot.@Nullable Shared before;

        private Next(
                Spine nextSpine,
                Garbage.Amount nextGarbage,
                List<Listed> nextBatches,
                List<BatchFile> added,
                List<BatchFile> gone,
                TraceSnapshot.Shared shared) {
            this.nextSpine = nextSpine;
            this.nextBatches = nextBatches;
            this.added = added;
            this.gone = gone;
            this.shared = shared;
            this.nextGarbage = nextGarbage;
        }

        /** Makes it visible. It does not fail. */
        void install() {
            before = current;
            spine = nextSpine;
            batches = nextBatches;
            garbage = nextGarbage;
            current = shared;
            gone.forEach(file -> files.remove(file.part().fileId()));
        }

        /** Lets go of what was listed before; files that nobody reads are deleted. */
        void letGo() {
            try {
                if (before != null) {
                    before.release();
                }
            } finally {
                BatchFile.releaseAll(gone, true);
            }
        }

        /** As if it had never been. */
        void abandon() {
            shared.release();
            added.forEach(file -> files.remove(file.part().fileId()));
            BatchFile.releaseAll(added, false);
        }
    }

    /** A batch of the spine, and what readers have of it. */
    private record Listed(Spine.Placed batch, PartGroup group) {

        /** Whether another batch means the same for readers: the very same parts, and its level. */
        @SuppressWarnings("ReferenceEquality") // comparing all parts is what this is to save
        boolean isStill(Spine.Placed other) {
            return batch.level() == other.level() && batch.parts() == other.parts();
        }
    }

    /** {@code garbage} is that of {@code next}. */
    Next prepare(Spine next, Garbage.Amount garbage, long upper) {
        List<Listed> nextBatches = new ArrayList<>();
        List<PartGroup> made = new ArrayList<>();
        List<BatchFile> added = new ArrayList<>();
        List<Listed> dropped = new ArrayList<>(batches);
        for (Spine.Placed batch : next.placed()) {
            int still = 0;
            while (still < dropped.size() && !dropped.get(still).isStill(batch)) {
                still++;
            }
            if (still < dropped.size()) {
                nextBatches.add(dropped.remove(still));
            } else {
                PartGroup group = group(batch, added);
                made.add(group);
                nextBatches.add(new Listed(batch, group));
            }
        }
        Set<BatchFile> kept = Collections.newSetFromMap(new IdentityHashMap<>());
        made.forEach(group -> kept.addAll(group.files()));
        List<BatchFile> gone = new ArrayList<>();
        for (Listed held : dropped) {
            for (BatchFile file : held.group().files()) {
                if (!kept.contains(file)) {
                    gone.add(file);
                }
            }
        }
        TraceSnapshot.Shared shared =
                new TraceSnapshot.Shared(
                        nextBatches.stream().map(Listed::group).toList(),
                        epochOf(next.since()),
                        upper);
        PartGroup.releaseAll(made);
        return new Next(next, garbage, List.copyOf(nextBatches), added, gone, shared);
    }

    /** What readers see of a batch; files that are new are added to the trace's. */
    private PartGroup group(Spine.Placed batch, List<BatchFile> added) {
        List<TraceSnapshot.Part> parts = new ArrayList<>();
        List<TraceSnapshot.TimedRun> runs = new ArrayList<>();
        List<BatchFile> held = new ArrayList<>();
        for (IdHollowBatch part : batch.parts()) {
            long lower = epochOf(part.batch().description().lower());
            long upper = epochOf(part.batch().description().upper());
            for (Run run : part.batch().runs()) {
                List<BatchFile> ofRun = new ArrayList<>();
                for (PartRef ref : run.parts()) {
                    BatchFile file = files.get(ref.fileId());
                    if (file == null) {
                        file = store.file(ref);
                        added.add(file);
                        files.put(ref.fileId(), file);
                    }
                    ofRun.add(file);
                    parts.add(
                            new TraceSnapshot.Part(
                                    file, file.fileName(), batch.level(), lower, upper));
                }
                held.addAll(ofRun);
                runs.add(new TraceSnapshot.TimedRun(BatchFileChain.of(ofRun), lower, upper));
            }
        }
        return new PartGroup(parts, runs, held);
    }

    private static long epochOf(Frontier frontier) {
        return frontier.isEmpty() ? -1 : frontier.epoch();
    }

    /** Lets everything go; readers keep what they hold. */
    void close() {
        List<BatchFile> listed = List.copyOf(files.values());
        files.clear();
        current.release();
        BatchFile.releaseAll(listed, false);
    }
}
