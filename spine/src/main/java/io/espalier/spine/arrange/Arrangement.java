package io.espalier.spine.arrange;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.DiffType;
import io.espalier.columnar.Merge;
import io.espalier.columnar.Run;
import io.espalier.columnar.TimeType;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import io.espalier.spine.SpineId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A collection in memory that changes, indexed: sorted batches of updates, each of some span of
 * time, merged as they gather. Nobody waits for a merge: each insert gives every merge under way
 * {@value #FUEL_PER_UPDATE} times as many updates to merge as it brings. That is enough for each to
 * be done before the spine asks for the next one of its size, so there are as many merges under way
 * as the collection has orders of magnitude at most, and an insert of <i>n</i> updates into
 * <i>N</i> takes in the order of <i>n</i> log(<i>N</i>/<i>n</i>), this time and every time.
 *
 * <p>Merges fold equal updates, drop what cancels out, and raise times to {@link #since} on the
 * way: readers as of that time or later see no difference.
 *
 * <p>Chunks are in memory, or wherever the pager puts them. The owner closes the arrangement, and
 * each {@link Snapshot} beforehand or afterwards. Not thread-safe.
 *
 * <p>The idea is that of differential dataflow's arrangements.
 */
public final class Arrangement implements AutoCloseable {

    /** How many updates each merge goes on by for each that is inserted. */
    static final long FUEL_PER_UPDATE = 8;

    private final Pager pager;
    private final TrieType type;
    private final long chunkBytes;
    private final boolean advances;
    private final Spine spine = new Spine();

    /** What the spine lists, by the id of its run. */
    private final Map<Long, Held> held = new HashMap<>();

    private final List<Merging> merging = new ArrayList<>();

    /** What was asked for and is not begun. */
    private final List<SpineId> asked = new ArrayList<>();

    private long nextRun = 1;
    private long mergedUpdates;
    private boolean closed;

    /** A batch, and how many hold it. */
    private static final class Held {
        final Batch batch;
        private int holders = 1;

        Held(Batch batch) {
            this.batch = batch;
        }

        void release() {
            if (--holders == 0) {
                batch.close();
            }
        }
    }

    /** A merge under way. What it reads stays where it is until it is done. */
    private final class Merging {
        final MergeRequest request;
        final Batch output = new Batch(type);
        private final ChainBuilder chain;
        private final Merge merge;
        private long credit;

        Merging(MergeRequest request, List<Batch> inputs) {
            this.request = request;
            Frontier since = request.description().since();
            long floor = !advances || since.isEmpty() ? 0 : since.epoch();
            this.chain =
                    new ChainBuilder(
                            new TrieBuilder(pager.memory(), type),
                            chunkBytes,
                            output.sink(pager, 1));
            Merge begun = null;
            try {
                begun = new Merge(inputs, false, floor, chain);
            } finally {
                if (begun == null) {
                    chain.close();
                    output.close();
                }
            }
            this.merge = begun;
        }

        /** Goes on by about {@code fuel} updates; what it overshoots counts the next time. */
        boolean step(long fuel) {
            credit += fuel;
            if (credit <= 0) {
                return true;
            }
            long before = merge.mergedUpdates();
            boolean more = merge.step(credit);
            long done = merge.mergedUpdates() - before;
            credit -= done;
            mergedUpdates += done;
            return more;
        }

        /** Keeps the output. */
        void finish() {
            merge.close();
            chain.close();
        }

        void abandon() {
            finish();
            output.close();
        }
    }

    /**
     * An empty collection that covers no time yet.
     *
     * @param pager where chunks are, closed after the arrangement
     * @param type of all updates
     * @param chunkBytes the target size of chunks that merges make
     */
    public Arrangement(Pager pager, TrieType type, long chunkBytes) {
        this.pager = pager;
        this.type = type;
        this.chunkBytes = chunkBytes;
        // of upserts the greatest order stays, whatever its time; pairs have no one least time
        this.advances = type.diff() == DiffType.COUNT && type.time() == TimeType.EPOCH;
    }

    /** The type of all updates. */
    public TrieType type() {
        return type;
    }

    /** The first time that can be told from those before it. */
    public long since() {
        return spine.since().epoch();
    }

    /** The first time that is not yet covered. */
    public long upper() {
        return spine.upper().epoch();
    }

    /** How many updates all batches hold, what cancels out and is not yet merged included. */
    public long updateCount() {
        return spine.updateCount();
    }

    /** How many runs a reader has to look into. */
    public int runCount() {
        return held.size();
    }

    /** How many merges are under way. */
    public int mergesUnderWay() {
        return merging.size();
    }

    /** How many updates all merges have read so far: the work that was done. */
    public long mergedUpdates() {
        return mergedUpdates;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the arrangement is closed");
        }
    }

    /**
     * Adds the next batch, and goes on with merges in proportion to it.
     *
     * @param batch sorted and consolidated; its times are at least {@link #upper} and before {@code
     *     upper}. It is the arrangement's from here on.
     * @param upper what {@link #upper} is afterwards
     * @throws IllegalArgumentException if the batch is of another type, or has other times; it is
     *     still the caller's then, and nothing has changed
     * @throws ArithmeticException if a merge finds counts that sum to more than 64 bits: the batch
     *     is in, the merge is not done and begins anew with the next insert
     */
    public void insert(Batch batch, long upper) {
        checkOpen();
        check(batch, upper);
        long id = nextRun++;
        long updates = batch.updateCount();
        List<io.espalier.spine.Run> runs = updates == 0 ? List.of() : List.of(runOf(id, batch));
        Description description = new Description(spine.upper(), Frontier.of(upper), spine.since());
        List<MergeRequest> requests = spine.push(new HollowBatch(description, runs));
        if (updates == 0) {
            batch.close();
        } else {
            held.put(id, new Held(batch));
        }
        ask(requests);
        work(times(Math.max(1, updates)));
    }

    private static long times(long updates) {
        return updates > Long.MAX_VALUE / (2 * FUEL_PER_UPDATE)
                ? Long.MAX_VALUE / 2
                : updates * FUEL_PER_UPDATE;
    }

    private void check(Batch batch, long upper) {
        if (!batch.type().equals(type)) {
            throw new IllegalArgumentException(
                    "a batch of " + batch.type() + " for an arrangement of " + type);
        }
        if (Long.compareUnsigned(upper, upper()) <= 0) {
            throw new IllegalArgumentException(
                    "a batch up to "
                            + Long.toUnsignedString(upper)
                            + ", but all before "
                            + Long.toUnsignedString(upper())
                            + " is there already");
        }
        for (long i = 0; i < batch.chunkCount(); i++) {
            long min = batch.chunk(i).timeMin();
            long max = batch.chunk(i).timeMax();
            if (Long.compareUnsigned(min, upper()) < 0 || Long.compareUnsigned(max, upper) >= 0) {
                throw new IllegalArgumentException(
                        "a batch with times "
                                + Long.toUnsignedString(min)
                                + " to "
                                + Long.toUnsignedString(max)
                                + ", expected at least "
                                + Long.toUnsignedString(upper())
                                + " and less than "
                                + Long.toUnsignedString(upper));
            }
        }
    }

    private static io.espalier.spine.Run runOf(long id, Batch batch) {
        PartRef part =
                new PartRef(
                        "m" + id, id, batch.updateCount(), batch.sizeBytes(), OptionalLong.empty());
        return new io.espalier.spine.Run(new RunId(0, id), 0, false, List.of(part));
    }

    /**
     * Lets what happened before a time be forgotten, as merges come to it.
     *
     * @throws IllegalArgumentException if it is before {@link #since}
     */
    public void downgradeSince(long since) {
        checkOpen();
        spine.downgradeSince(Frontier.of(since));
    }

    /**
     * Merges ahead of the inserts, for instance when there is nothing else to do.
     *
     * @param effort how many updates each merge goes on by, at least 1
     * @return whether there was anything to do; called until there is not, one run is left
     */
    public boolean exert(long effort) {
        checkOpen();
        if (effort < 1) {
            throw new IllegalArgumentException("effort is " + effort + ", expected at least 1");
        }
        Spine.Exertion exertion = spine.exert(effort);
        ask(exertion.requests());
        work(effort);
        return exertion.worked() || !merging.isEmpty();
    }

    // ---- merging ------------------------------------------------------------------------------

    private void ask(List<MergeRequest> requests) {
        for (MergeRequest request : requests) {
            asked.removeIf(request.id()::covers);
            asked.add(request.id());
        }
    }

    private void work(long fuel) {
        for (Iterator<Merging> all = merging.iterator(); all.hasNext(); ) {
            Merging next = all.next();
            boolean done = false;
            boolean failed = true;
            try {
                done = !next.step(fuel);
                failed = false;
            } finally {
                if (failed) {
                    all.remove();
                    next.abandon();
                    asked.add(next.request.id());
                }
            }
            if (done) {
                all.remove();
                apply(next);
            }
        }
        begin();
    }

    /** Begins what was asked for and waits for no other merge. */
    private void begin() {
        for (Iterator<SpineId> all = asked.iterator(); all.hasNext(); ) {
            MergeRequest request = current(all.next());
            if (request == null) {
                all.remove();
            } else if (merging.stream().noneMatch(other -> overlap(other.request, request))) {
                all.remove();
                begin(request);
            }
        }
    }

    /** What a request has become by now; null if it is done. */
    private @Nullable MergeRequest current(SpineId id) {
        for (MergeRequest request : spine.requestsBefore(Long.MAX_VALUE, 0)) {
            if (request.id().covers(id)) {
                return request;
            }
        }
        return null;
    }

    private static boolean overlap(MergeRequest a, MergeRequest b) {
        return a.id().first() < b.id().end() && b.id().first() < a.id().end();
    }

    private void begin(MergeRequest request) {
        List<Batch> inputs = new ArrayList<>();
        for (IdHollowBatch input : request.inputs()) {
            for (PartRef part : input.batch().parts()) {
                inputs.add(heldOf(part).batch);
            }
        }
        merging.add(new Merging(request, inputs));
    }

    private Held heldOf(PartRef part) {
        Held found = held.get(part.fileId());
        if (found == null) {
            throw new IllegalStateException("part " + part.name() + " is not held");
        }
        return found;
    }

    private void apply(Merging done) {
        done.finish();
        Batch output = done.output;
        long id = nextRun++;
        List<io.espalier.spine.Run> runs =
                output.updateCount() == 0 ? List.of() : List.of(runOf(id, output));
        HollowBatch batch = new HollowBatch(done.request.description(), runs);
        if (!spine.apply(MergeResult.of(done.request, batch)).applied()) {
            output.close();
            throw new IllegalStateException(
                    "the result of " + done.request.id() + " does not fit the arrangement");
        }
        if (runs.isEmpty()) {
            output.close();
        } else {
            held.put(id, new Held(output));
        }
        for (IdHollowBatch input : done.request.inputs()) {
            for (PartRef part : input.batch().parts()) {
                Held gone = heldOf(part);
                held.remove(part.fileId());
                gone.release();
            }
        }
    }

    // ---- reading ------------------------------------------------------------------------------

    /** What the arrangement holds now. The caller closes it. */
    public Snapshot snapshot() {
        checkOpen();
        List<Held> all = new ArrayList<>();
        for (HollowBatch batch : spine.snapshot()) {
            batch.parts().forEach(part -> all.add(heldOf(part)));
        }
        return new Snapshot(pager.memory(), all, since(), upper());
    }

    /**
     * What an arrangement held at one moment. It stays readable, whatever is inserted or merged
     * meanwhile, until it is closed, exactly once. On the arrangement's thread.
     */
    public static final class Snapshot implements AutoCloseable {
        private final NativeMemory memory;
        private final List<Held> all;
        private final long since;
        private final long upper;
        private boolean open = true;

        private Snapshot(NativeMemory memory, List<Held> all, long since, long upper) {
            this.memory = memory;
            this.all = all;
            this.since = since;
            this.upper = upper;
            all.forEach(one -> one.holders++);
        }

        private void checkOpen() {
            if (!open) {
                throw new IllegalStateException("the snapshot of an arrangement is closed");
            }
        }

        /** The runs, from the oldest to the newest. */
        public List<Run> runs() {
            checkOpen();
            return all.stream().<Run>map(one -> one.batch).toList();
        }

        /** The first time that can be told from those before it. */
        public long since() {
            return since;
        }

        /** The first time that is not covered. */
        public long upper() {
            return upper;
        }

        /**
         * Reads counts as of a time, each (key, val) once, in order. The caller closes the cursor
         * before the snapshot.
         *
         * @param asOf at least {@link #since}
         */
        public AsOfCursor cursor(long asOf) {
            checkOpen();
            if (Long.compareUnsigned(asOf, since) < 0) {
                throw new IllegalArgumentException(
                        "as of "
                                + Long.toUnsignedString(asOf)
                                + ", but times before "
                                + Long.toUnsignedString(since)
                                + " are forgotten");
            }
            return new AsOfCursor(memory, runs(), asOf);
        }

        @Override
        public void close() {
            checkOpen();
            open = false;
            all.forEach(Held::release);
        }
    }

    /** Lets everything go; snapshots keep what they hold. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        merging.forEach(Merging::abandon);
        merging.clear();
        held.values().forEach(Held::release);
        held.clear();
    }
}
