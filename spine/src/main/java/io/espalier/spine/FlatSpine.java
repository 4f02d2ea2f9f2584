package io.espalier.spine;

import java.util.List;
import java.util.OptionalLong;

/**
 * A spine as plain facts, to be stored. It carries the structure (ids, levels, merges, claims) and
 * not a recipe for it: two versions of this code that would build different levels from the same
 * batches must still agree about what is stored.
 *
 * <p>The records here accept anything; {@link Spine#unflatten} decides. All lists are ordered
 * oldest first, and their elements are keyed by id, so that a log can store what a commit added and
 * removed. The parts of a batch are those whose ids its own id covers: they need not be listed.
 *
 * @param since the spine's since
 * @param upper the spine's upper
 * @param nextId the id that the next batch gets
 * @param parts all hollow batches
 * @param batches the spine batches
 * @param merges what is fuelling, one for every level with two batches
 */
public record FlatSpine(
        Frontier since,
        Frontier upper,
        long nextId,
        List<IdHollowBatch> parts,
        List<FlatBatch> batches,
        List<FlatMerge> merges) {
    /** Copies the lists. */
    public FlatSpine {
        parts = List.copyOf(parts);
        batches = List.copyOf(batches);
        merges = List.copyOf(merges);
    }

    /**
     * A spine batch without its parts.
     *
     * @param id spans the ids of its parts
     * @param level where it stands, from 0
     * @param description spans the times of its parts
     * @param claimedAtMillis when its compaction was claimed
     */
    public record FlatBatch(
            SpineId id, int level, Description description, OptionalLong claimedAtMillis) {}

    /**
     * A merge that is fuelling.
     *
     * @param id spans the two batches
     * @param since the since of the outcome
     * @param remainingWork in updates
     */
    public record FlatMerge(SpineId id, Frontier since, long remainingWork) {}
}
