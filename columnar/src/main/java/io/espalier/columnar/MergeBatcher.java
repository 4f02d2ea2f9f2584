package io.espalier.columnar;

import io.espalier.pager.Pager;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Collects updates in any order and gives out, time by time, what is complete as sorted,
 * consolidated batches; holds much more than fits in memory, since all that it keeps is chunks that
 * the pager may page out.
 *
 * <p>Updates are staged up to a limit, then formed into a chain of chunks. Chains are merged
 * geometrically: while the last has at least half as many chunks as the one before it, the two
 * become one, if that costs nothing, since the chunks of the one lie between those of the other and
 * are handed over unopened. Chains that interleave, so that everything would be written again, wait
 * until some more of about their size are there (4 to 8, as the memory budget allows), and then
 * become one at once: each update is merged a logarithmic number of times to that base. The price
 * is that what cancels may be held for as long.
 *
 * <p>A merge takes its inputs chunk by chunk: at most one of each chain and the one that is being
 * built are pinned or open, beside scratch of some 4 MiB. The depth that the pager is told is the
 * generation of merges.
 *
 * <p>{@link #seal} merges the chains that have something before {@code upper} and splits them by
 * time on the way, in one pass; what lies on one side whole moves by handle. Chains that have
 * nothing before {@code upper} are not touched. {@link #startSeal} does so chunk by chunk, so that
 * what is given out need not be held, or written, whole.
 *
 * <p><b>Memory.</b> The budget of the pager is charged not only with chunks, but with everything
 * that the batcher holds: staged updates, the scratch of sorting and merging, and chunks that are
 * being built. They keep their room from one round to the next, so that at small budgets they take
 * what chunks could have.
 *
 * <p><b>Failures.</b> When the pager does not take a chunk ({@code SpillException}: the disk is
 * full), the call throws, nothing is lost or doubled, and the next call takes the work up where it
 * stopped; an update whose {@code add} threw is not taken. Any other failure inside of a merge (a
 * damaged page, counts that overflow) breaks the batcher: it then only can be closed.
 *
 * <p>The owner closes it; that gives everything back, also after failures. Not thread-safe.
 *
 * <p>The idea is that of the merge batchers of Differential Dataflow, and of Materialize's paged
 * one.
 */
public final class MergeBatcher implements AutoCloseable {

    /** The least default limit of staged bytes: 2 MiB. */
    public static final long STAGED_BYTES_DEFAULT = 2L << 20;

    /** The greatest default limit of staged bytes: 8 MiB. */
    public static final long STAGED_BYTES_DEFAULT_MAX = 8L << 20;

    /** What part of the memory budget is staged by default, between these two. */
    private static final long STAGED_PART = 16;

    /** The greatest time. It has no updates: a seal up to it gives out everything. */
    public static final long NO_TIME = -1L;

    /** What a row may take beside its key, val and payload: offsets, time, diff, a tag. */
    private static final long ROW_BYTES_EXTRA = 32;

    /** When less than this part of the staging limit is left, it counts as reached. */
    private static final long SLACK_PART = 64;

    /**
     * What a batcher holds and has done.
     *
     * @param updatesStaged updates that are not formed yet
     * @param updatesChained updates in chunks; some of them may cancel when chains are merged
     * @param chains how many chains there are
     * @param chunks how many chunks they have, resident or paged
     * @param chunkBytes the sizes of those, wherever they are
     * @param forms how often staged updates were formed
     * @param merges how often chains were merged, those of seals included
     * @param seals how many seals came to an end
     */
    public record Counters(
            long updatesStaged,
            long updatesChained,
            long chains,
            long chunks,
            long chunkBytes,
            long forms,
            long merges,
            long seals) {}

    private final Pager pager;
    private final TrieType type;
    private final long stagedBytesMax;
    private final BatcherChains chains;
    private final UpdateBuffer staged;
    private final BatcherChain output;
    private final BatcherWork work;
    private long forms;
    private long merges;
    private long seals;

    /** How many bytes may certainly be staged; 0 also when there is work to go on with. */
    private long stagedRoom;

    /**
     * A batcher with the default size of chunks that stages a sixteenth of the memory budget, but
     * not less than {@link #STAGED_BYTES_DEFAULT} nor more than {@link #STAGED_BYTES_DEFAULT_MAX}.
     */
    public MergeBatcher(Pager pager, TrieType type) {
        this(
                pager,
                type,
                stagedBytesMax(pager.budget().totalBytes()),
                ChainBuilder.TARGET_BYTES_DEFAULT);
    }

    /**
     * A batcher.
     *
     * @param pager takes the chunks; closed after the batcher
     * @param stagedBytesMax how many bytes are staged before they are formed. Forming takes about
     *     three times that for its scratch
     * @param targetBytes the size from which a chunk is sealed; none exceeds it by more than one
     *     update
     */
    public MergeBatcher(Pager pager, TrieType type, long stagedBytesMax, long targetBytes) {
        if (stagedBytesMax < 1 || stagedBytesMax > 1L << 30) {
            throw new IllegalArgumentException(
                    "staging limit of " + stagedBytesMax + " bytes; give 1 byte to 1 GiB");
        }
        if (targetBytes < 1 || targetBytes > 1L << 30) {
            throw new IllegalArgumentException(
                    "chunk target of " + targetBytes + " bytes; give 1 byte to 1 GiB");
        }
        this.pager = pager;
        this.type = type;
        this.stagedBytesMax = stagedBytesMax;
        this.chains =
                new BatcherChains(
                        new MergeRule(stagedBytesMax, targetBytes, pager.budget().totalBytes()));
        this.staged = new UpdateBuffer(pager.memory(), type);
        this.output = new BatcherChain(pager.memory(), type, targetBytes);
        this.work = new BatcherWork(pager.budget(), chains, staged, output);
    }

    private static long stagedBytesMax(long budgetBytes) {
        return Math.clamp(
                budgetBytes / STAGED_PART, STAGED_BYTES_DEFAULT, STAGED_BYTES_DEFAULT_MAX);
    }

    /** The type of the updates. */
    public TrieType type() {
        return type;
    }

    // ---- adding -------------------------------------------------------------------------------
    // Each form is passed on as it is: one interface for all, or a row as an object between, would
    // be a call that nobody can inline, or an allocation, for every update.

    /**
     * Says what the second number of times is, from here on, where times are pairs.
     *
     * @throws IllegalArgumentException if times are epochs and it is not 0
     */
    public void setSecondTime(long second) {
        staged.setSecondTime(second);
    }

    /**
     * Adds an update whose key and val are native bytes; see {@link UpdateBuffer}.
     *
     * @param time unsigned, below {@link #NO_TIME}
     * @throws IllegalArgumentException if it does not fit the type
     */
    public void add(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            MemorySegment valSegment,
            long valOffset,
            long valSize,
            long time,
            long diff) {
        makeRoom(time, keySize + valSize);
        staged.add(keySegment, keyOffset, keySize, valSegment, valOffset, valSize, time, diff);
    }

    /** Adds an update whose key and val are ranges of bytes of the heap. */
    public void add(
            byte[] key,
            int keyFrom,
            int keySize,
            byte[] val,
            int valFrom,
            int valSize,
            long time,
            long diff) {
        makeRoom(time, (long) keySize + valSize);
        staged.add(key, keyFrom, keySize, val, valFrom, valSize, time, diff);
    }

    /** Adds an update with a long key and a unit val. */
    public void add(long key, long time, long diff) {
        makeRoom(time, Long.BYTES);
        staged.add(key, time, diff);
    }

    /** Adds an update with a long key and a long val. */
    public void add(long key, long val, long time, long diff) {
        makeRoom(time, 2 * Long.BYTES);
        staged.add(key, val, time, diff);
    }

    /** Adds an update whose key and val are words. */
    public void add(long[] key, long[] val, long time, long diff) {
        makeRoom(time, (long) (key.length + val.length) * Long.BYTES);
        staged.add(key, val, time, diff);
    }

    /**
     * Adds an upsert of native bytes; its payload is {@code tag}, then the bytes given.
     *
     * @param order unsigned; the greatest of a (key, time) stays. Of equal ones any does
     */
    public void upsert(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            long time,
            long order,
            byte tag,
            MemorySegment payload,
            long payloadOffset,
            long payloadSize) {
        makeRoom(time, keySize + payloadSize);
        staged.upsert(
                keySegment,
                keyOffset,
                keySize,
                time,
                order,
                tag,
                payload,
                payloadOffset,
                payloadSize);
    }

    /** Adds an upsert whose key and payload are ranges of bytes of the heap. */
    public void upsert(
            byte[] key,
            int keyFrom,
            int keySize,
            long time,
            long order,
            byte tag,
            byte[] payload,
            int payloadFrom,
            int payloadSize) {
        makeRoom(time, (long) keySize + payloadSize);
        staged.upsert(key, keyFrom, keySize, time, order, tag, payload, payloadFrom, payloadSize);
    }

    private void makeRoom(long time, long rowBytes) {
        if (time == NO_TIME && type.time() == TimeType.EPOCH) {
            throw new IllegalArgumentException(
                    "an update at time "
                            + Long.toUnsignedString(time)
                            + ", the end of time; give a lesser time");
        }
        if (stagedRoom < rowBytes) {
            findRoom();
        }
        stagedRoom -= rowBytes + ROW_BYTES_EXTRA;
    }

    private void findRoom() {
        stagedRoom = 0;
        work.resume();
        work.chargeRoom(0);
        if (stagedBytesMax - staged.sizeBytes() < stagedBytesMax / SLACK_PART) {
            flush();
        }
        stagedRoom = stagedBytesMax - staged.sizeBytes();
    }

    /** Forms what is staged and merges chains as far as is due. */
    public void flush() {
        stagedRoom = 0;
        work.resume();
        form();
        mergeWhatIsDue();
    }

    /** Whether nothing is held. */
    public boolean isEmpty() {
        return staged.count() == 0 && chains.isEmpty() && work.isIdle();
    }

    /** How many bytes are held, staged or chained, resident or paged. */
    public long sizeBytes() {
        return staged.sizeBytes() + chains.sizeBytes();
    }

    /** Forgets everything that is held; the batcher can be used on, also if it was broken. */
    public void clear() {
        stagedRoom = 0;
        staged.clear();
        work.drop();
        chains.close();
    }

    /**
     * Takes a sorted, consolidated batch in, as if its updates had been added: what a {@link #seal}
     * gave out and was not used. The batch belongs to the batcher afterwards, also if this throws.
     */
    public void giveBack(Batch chain) {
        if (!work.isUsable()) {
            chain.close();
        }
        work.checkUsable();
        chains.push(chain, 0);
        flush();
    }

    private void form() {
        if (staged.count() == 0) {
            return;
        }
        Antichain lower = staged.frontier();
        DeferringSink sink = new DeferringSink(pager, type, 0);
        ChainBuilder out = output.start(sink);
        boolean done = false;
        try {
            staged.formInto(out);
            out.finish();
            done = true;
        } finally {
            if (!done) {
                output.drop();
                sink.close();
            }
        }
        forms++;
        work.chargeRoom(0);
        work.run(BatcherJob.handOver(pager, sink, lower));
    }

    // ---- merging ------------------------------------------------------------------------------

    private void mergeWhatIsDue() {
        for (var due = chains.takeDue(); due != null; due = chains.takeDue()) {
            merge(due);
        }
    }

    private void merge(BatcherChains.Taken due) {
        BatcherJob merge = null;
        try {
            merge = BatcherJob.merge(pager, due.batches(), due.depth() + 1, output);
        } finally {
            if (merge == null) {
                chains.putBack(due);
            }
        }
        merges++;
        work.run(merge);
    }

    // ---- sealing ------------------------------------------------------------------------------

    /**
     * Gives out everything with a time before {@code upper} as one sorted, consolidated batch, and
     * keeps the rest. What is kept of the chains that had such times becomes one chain.
     *
     * @param upper unsigned; {@link #NO_TIME} gives out everything
     * @return a batch that the caller owns; its chunks may be paged
     * @throws IllegalArgumentException if times are pairs
     */
    public Batch seal(long upper) {
        return seal(Antichain.of(upper));
    }

    /**
     * Gives out everything with a time that is not open by a frontier any more, as one sorted,
     * consolidated batch, and keeps the rest. The bounds of chunks say which chains may have such
     * times; what is kept of those becomes one chain.
     *
     * @param frontier an empty one gives out everything
     * @return a batch that the caller owns; its chunks may be paged
     * @throws IllegalArgumentException if it is a frontier of other times
     */
    public Batch seal(Antichain frontier) {
        BatcherJob split = split(frontier, false);
        if (split == null) {
            return new Batch(type);
        }
        work.work(split, false);
        endSeal(split);
        return split.takeShipped();
    }

    /**
     * The same as {@link #seal(long)}, chunk by chunk: for what is used once, and need be neither
     * held whole nor written before.
     *
     * @return the chunks; the caller closes it before the batcher is used again
     * @throws IllegalArgumentException if times are pairs
     */
    public Seal startSeal(long upper) {
        return startSeal(Antichain.of(upper));
    }

    /**
     * The same as {@link #seal(Antichain)}, chunk by chunk.
     *
     * @return the chunks; the caller closes it before the batcher is used again
     * @throws IllegalArgumentException if it is a frontier of other times
     */
    public Seal startSeal(Antichain frontier) {
        return new Seal(this, split(frontier, true));
    }

    /** The next chunk that a seal ships; null at its end. */
    @Nullable Chunk nextOf(BatcherJob split) {
        work.checkUsable();
        if (!work.isUnderWay(split)) {
            throw new IllegalStateException(
                    "the merge batcher was used during a seal; what the seal had not given out is"
                            + " in the batcher again: seal it once more");
        }
        work.work(split, true);
        if (split.hasShipped()) {
            return split.nextShipped();
        }
        endSeal(split);
        split.takeShipped().close();
        return null;
    }

    private void endSeal(BatcherJob split) {
        work.end(split);
        chains.push(split.takeKept(), split.depth());
        chains.sort();
        seals++;
    }

    /** Starts to part all chains that have something to ship; null if none has. */
    private @Nullable BatcherJob split(Antichain frontier, boolean passing) {
        frontier.checkType(type.time());
        stagedRoom = 0;
        work.resume();
        form();
        BatcherChains.Taken excess = chains.takeExcess();
        if (excess != null) {
            merge(excess);
        }
        BatcherChains.Taken early = chains.takeEarly(frontier);
        if (early == null) {
            seals++;
            return null;
        }
        BatcherJob split = null;
        try {
            split = split(early, frontier, passing);
        } finally {
            if (split == null) {
                chains.putBack(early);
            }
        }
        work.start(split);
        return split;
    }

    private BatcherJob split(BatcherChains.Taken early, Antichain frontier, boolean passing) {
        if (early.batches().size() == 1 && early.whole()) {
            return BatcherJob.ship(pager, early.batches().getFirst(), early.depth());
        }
        BatcherJob split =
                BatcherJob.split(
                        pager, early.batches(), early.depth() + 1, output, frontier, passing);
        merges++;
        return split;
    }

    /**
     * The least times of what is kept, staged or chained; empty if nothing is. Known without
     * opening a chunk, see {@link Chunk#lower()}; of updates in different chains that would cancel,
     * it still counts the times.
     */
    public Antichain frontier() {
        Antichain.Builder least = Antichain.builder(type.time());
        least.insertAll(staged.frontier());
        chains.addLower(least);
        work.addLower(least);
        return least.build();
    }

    /** What is held and was done. */
    public Counters counters() {
        List<Long> lengths = chains.lengths();
        return new Counters(
                staged.count(),
                chains.updateCount(),
                lengths.size(),
                lengths.stream().mapToLong(Long::longValue).sum(),
                chains.sizeBytes(),
                forms,
                merges,
                seals);
    }

    /** The lengths of the chains in chunks, for tests. */
    List<Long> chainLengths() {
        return chains.lengths();
    }

    /** The depth and bytes of a chain, for tests. */
    Batch chain(int index) {
        return chains.get(index);
    }

    /** Drops everything that is held. */
    @Override
    public void close() {
        if (work.isClosed()) {
            return;
        }
        clear();
        output.close();
        staged.close();
        work.close();
    }
}
