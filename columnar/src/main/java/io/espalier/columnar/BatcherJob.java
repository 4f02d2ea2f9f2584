package io.espalier.columnar;

import io.espalier.pager.Pager;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One piece of a {@link MergeBatcher}'s work: chains that become one chain, or two. It owns its
 * inputs and outputs, and can be stopped between steps by a pager that takes nothing, and go on
 * later.
 */
final class BatcherJob implements AutoCloseable {

    private final List<Batch> inputs;
    private final long inputBytes;
    private final long inputUpdates;
    private final Antichain lower;
    private final int depth;
    private final DeferringSink shipped;
    private final DeferringSink kept;

    private @Nullable Merge merge;
    private @Nullable TimeSplit split;
    private @Nullable ChainBuilder before;
    private @Nullable ChainBuilder rest;
    private boolean inStep;

    /** Null when there is nothing to merge, or it was told. */
    private @Nullable MergeEvent event;

    private BatcherJob(
            List<Batch> inputs,
            Antichain lower,
            int depth,
            DeferringSink shipped,
            DeferringSink kept) {
        this.inputs = inputs;
        this.lower = lower;
        this.depth = depth;
        this.shipped = shipped;
        this.kept = kept;
        long bytes = 0;
        long updates = 0;
        for (Batch input : inputs) {
            bytes += input.sizeBytes();
            updates += input.updateCount();
        }
        this.inputBytes = bytes;
        this.inputUpdates = updates;
    }

    /**
     * Hands a formed chain to the pager.
     *
     * @param lower the least times in it
     */
    static BatcherJob handOver(Pager pager, DeferringSink formed, Antichain lower) {
        return new BatcherJob(
                List.of(), lower, 0, new DeferringSink(pager, formed.type(), 0), formed);
    }

    /** Ships a chain as it is. */
    static BatcherJob ship(Pager pager, Batch chain, int depth) {
        DeferringSink shipped = new DeferringSink(pager, chain.type(), depth);
        DeferringSink kept = new DeferringSink(pager, chain.type(), depth);
        BatcherJob job = new BatcherJob(List.of(), lower(List.of(chain)), depth, shipped, kept);
        for (long i = 0; i < chain.chunkCount(); i++) {
            shipped.offer(chain.chunk(i));
        }
        chain.close();
        return job;
    }

    /** Merges chains into one. The chain is used until the job is done. */
    static BatcherJob merge(Pager pager, List<Batch> inputs, int depth, BatcherChain chain) {
        DeferringSink shipped = new DeferringSink(pager, chain.type(), depth);
        DeferringSink kept = new DeferringSink(pager, chain.type(), depth);
        BatcherJob job = new BatcherJob(inputs, lower(inputs), depth, shipped, kept);
        job.begin();
        job.merge = new Merge(inputs, true, 0, chain.start(kept));
        return job;
    }

    /**
     * Merges chains and parts them by time.
     *
     * @param passing whether what is shipped is used at once: then it is the last to be paged out,
     *     and not the first as the deepest
     */
    static BatcherJob split(
            Pager pager,
            List<Batch> inputs,
            int depth,
            BatcherChain chain,
            Antichain frontier,
            boolean passing) {
        DeferringSink shipped = new DeferringSink(pager, chain.type(), passing ? 0 : depth);
        DeferringSink kept = new DeferringSink(pager, chain.type(), depth);
        BatcherJob job = new BatcherJob(inputs, lower(inputs), depth, shipped, kept);
        ChainBuilder before = chain.another(shipped);
        ChainBuilder rest = chain.another(kept);
        TimeSplit split = new TimeSplit(chain.memory(), frontier, before, rest);
        job.before = before;
        job.rest = rest;
        job.split = split;
        job.begin();
        job.merge = new Merge(inputs, true, 0, chain.start(split));
        return job;
    }

    private static Antichain lower(List<Batch> batches) {
        Antichain.Builder least = Antichain.builder(batches.getFirst().type().time());
        for (Batch batch : batches) {
            BatcherChains.addLower(batch, least);
        }
        return least.build();
    }

    long inputBytes() {
        return inputBytes;
    }

    long inputUpdates() {
        return inputUpdates;
    }

    /** No update that it holds has an earlier time than these. */
    Antichain lower() {
        return lower;
    }

    int depth() {
        return depth;
    }

    /** Whether {@link #step} may be called again after it threw. */
    boolean isResumable() {
        return !inStep;
    }

    /** What it holds beside its inputs, its outputs and the room of the chain it was given. */
    long heldBytes() {
        return (before == null ? 0 : before.heldBytes())
                + (rest == null ? 0 : rest.heldBytes())
                + (split == null ? 0 : split.heldBytes());
    }

    /**
     * Works on for a step: merges some updates, or ends the merge, and hands over what that made.
     *
     * @param fuel how many updates to merge before the pager is asked again if images wait
     * @return whether there is more to do
     * @throws RuntimeException what the pager threw; or what the step threw, see {@link
     *     #isResumable}
     */
    boolean step(long fuel) {
        handOver();
        if (merge != null) {
            Merge running = merge;
            inStep = true;
            if (!running.step(fuel)) {
                finish();
            }
            inStep = false;
            handOver();
            if (merge != null) {
                return true;
            }
        }
        if (event != null) {
            event.commit(inputs.size(), depth, inputBytes, inputUpdates, shipped, kept);
            event = null;
        }
        return false;
    }

    /** Whether something was shipped that was not given out yet. */
    boolean hasShipped() {
        return shipped.hasNext();
    }

    /** The next chunk that was shipped, of those not given out yet; the caller's to close. */
    Chunk nextShipped() {
        return shipped.next();
    }

    private void begin() {
        event = new MergeEvent();
        event.begin();
    }

    private void handOver() {
        shipped.retry();
        kept.retry();
    }

    private void finish() {
        if (before != null) {
            before.finish();
        }
        if (rest != null) {
            rest.finish();
        }
        closeTools();
    }

    private void closeTools() {
        if (merge != null) {
            merge.close();
            merge = null;
        }
        for (Batch input : inputs) {
            input.close();
        }
        if (before != null) {
            before.close();
        }
        if (rest != null) {
            rest.close();
        }
        if (split != null) {
            split.close();
        }
    }

    /**
     * What lies before the split and was not given out, once all is done; the caller's to close.
     */
    Batch takeShipped() {
        return shipped.takeRest();
    }

    /** The rest, or all if nothing was split, once all is done; the caller's to close. */
    Batch takeKept() {
        return kept.takeRest();
    }

    /** Drops everything but what the chain holds. */
    @Override
    public void close() {
        closeTools();
        shipped.close();
        kept.close();
    }
}
