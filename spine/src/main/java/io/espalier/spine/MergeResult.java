package io.espalier.spine;

import java.util.OptionalLong;

/**
 * An answer to a {@link MergeRequest}: a batch that says the same as what it replaces, in fewer
 * runs or updates.
 *
 * @param replaced the identities of what it was made from
 * @param output takes their place. Its times are theirs; its since is at least theirs and at most
 *     that of the spine's batch around them. For {@link Replaced.Runs} it covers the times of the
 *     whole part, and holds only what the replaced runs held.
 * @param newClaimMillis for all but the last of several results: when the work that goes on was
 *     last heard of. Empty gives the claim up.
 */
public record MergeResult(Replaced replaced, HollowBatch output, OptionalLong newClaimMillis) {
    /** The whole answer to {@code request}. */
    public static MergeResult of(MergeRequest request, HollowBatch output) {
        return new MergeResult(request.replaced(), output, OptionalLong.empty());
    }
}
