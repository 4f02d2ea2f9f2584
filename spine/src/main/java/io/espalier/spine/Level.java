package io.espalier.spine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One level: nothing, one batch, or two batches that are merging. */
final class Level {
    static final int MAX_BATCHES = 2;

    /** Never changes; another takes its place. So copies of a level share it. */
    private List<SpineBatch> batches = List.of();

    private @Nullable FuelingMerge merge;

    Level copy() {
        Level copy = new Level();
        copy.batches = batches;
        copy.merge = merge;
        return copy;
    }

    /** Oldest first. */
    List<SpineBatch> batches() {
        return batches;
    }

    @Nullable FuelingMerge merge() {
        return merge;
    }

    boolean isVacant() {
        return batches.isEmpty();
    }

    boolean isSingle() {
        return batches.size() == 1;
    }

    boolean isFull() {
        return batches.size() == MAX_BATCHES;
    }

    boolean isMerging() {
        return merge != null;
    }

    boolean isMerged() {
        return merge != null && merge.remainingWork() == 0;
    }

    /** The id of what a running merge will yield. */
    SpineId hull() {
        return SpineId.hull(batches.getFirst().id(), batches.getLast().id());
    }

    /** Adds the next newer batch; the second begins a merge. */
    void insert(SpineBatch batch, Frontier spineSince) {
        restore(batch);
        if (isFull()) {
            merge = FuelingMerge.begin(batches.getFirst(), batches.getLast(), spineSince);
        }
    }

    /** Adds a batch without beginning anything, as read from a flattened spine. */
    void restore(SpineBatch batch) {
        if (isMerging() || isFull()) {
            throw new IllegalStateException(
                    "batch " + batch.id() + " arrives at a level that still merges " + hull());
        }
        if (isSingle()) {
            SpineBatch last = batches.getLast();
            if (last.id().end() != batch.id().first()
                    || !last.description().upper().equals(batch.description().lower())) {
                throw new IllegalStateException(
                        "batch "
                                + batch.id()
                                + " "
                                + batch.description()
                                + " does not follow "
                                + last.id()
                                + " "
                                + last.description());
            }
        }
        batches = isVacant() ? List.of(batch) : List.of(batches.getFirst(), batch);
    }

    void restore(FuelingMerge restored) {
        assert isFull() && merge == null;
        merge = restored;
    }

    void work(long fuel) {
        if (merge != null) {
            merge = merge.work(fuel);
        }
    }

    /** Swaps in the outcome of an application or a claim; the level keeps its shape. */
    void replace(int index, SpineBatch batch) {
        assert batches.get(index).id().equals(batch.id());
        List<SpineBatch> next = new ArrayList<>(batches);
        next.set(index, batch);
        batches = List.copyOf(next);
    }

    /**
     * Empties the level, whatever its merge still lacks. A merge that joined data asks for its
     * compaction.
     */
    @Nullable SpineBatch complete(Consumer<? super MergeRequest> requests) {
        FuelingMerge finished = merge;
        SpineBatch outcome;
        if (finished != null) {
            outcome = SpineBatch.merged(batches.getFirst(), batches.getLast(), finished.since());
            if (!outcome.isEmpty()) {
                requests.accept(outcome.request());
            }
        } else {
            outcome = isVacant() ? null : batches.getFirst();
        }
        merge = null;
        batches = List.of();
        return outcome;
    }
}
