package io.espalier.spine;

import java.util.ArrayList;
import java.util.List;

/**
 * "It would now be worthwhile to compact these": the inputs of a merge that the spine has accounted
 * for but not done.
 *
 * <p>It may be answered by a {@link MergeResult} at any later time, by anybody, in part, or never;
 * the spine stays correct. All that a compactor needs is in here, so it can run in another process.
 *
 * @param id spans the inputs' ids
 * @param description the times of the output, and the {@code since} up to which it should advance
 *     times
 * @param inputs oldest first, at least one, tiling {@code id} and the times
 */
public record MergeRequest(SpineId id, Description description, List<IdHollowBatch> inputs) {
    /**
     * @throws IllegalArgumentException if the inputs do not tile the id and the times of the
     *     description
     */
    public MergeRequest {
        inputs = List.copyOf(inputs);
        Tiling.require("merge request " + id, id, description, inputs);
    }

    /** What a result that compacts all inputs replaces. */
    public Replaced.Range replaced() {
        return Replaced.Range.of(id, inputs);
    }

    /** Whether this asks for all that {@code other} asks for, at the same since. */
    private boolean covers(MergeRequest other) {
        return id.covers(other.id) && description.since().equals(other.description.since());
    }

    /**
     * Drops what a wider request asks for anyway. Roll-ups yield nested series, and the last of
     * them is the widest; so they are looked at from the last to the first, and come out in that
     * order.
     */
    static List<MergeRequest> withoutRedundant(List<MergeRequest> requests) {
        if (requests.isEmpty()) {
            return List.of();
        }
        List<MergeRequest> kept = new ArrayList<>();
        for (MergeRequest request : requests.reversed()) {
            if (kept.stream().noneMatch(other -> other.covers(request))) {
                kept.removeIf(request::covers);
                kept.add(request);
            }
        }
        return List.copyOf(kept);
    }
}
