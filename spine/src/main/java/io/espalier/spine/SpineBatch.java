package io.espalier.spine;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * What the spine takes for one batch: one or more neighbouring hollow batches, listed side by side
 * until somebody compacts them.
 *
 * @param id spans the parts' ids without a gap
 * @param description spans the parts' times; its since is at least theirs
 * @param parts oldest first, at least one
 * @param claimedAtMillis when somebody said that they compact it, on the clock of who calls the
 *     spine
 * @param updateCount of all parts: kept, because levels ask for it all the time
 */
record SpineBatch(
        SpineId id,
        Description description,
        List<IdHollowBatch> parts,
        OptionalLong claimedAtMillis,
        long updateCount) {
    SpineBatch {
        parts = List.copyOf(parts);
        assert !parts.isEmpty();
    }

    static SpineBatch single(SpineId id, HollowBatch batch) {
        return new SpineBatch(
                id,
                batch.description(),
                List.of(new IdHollowBatch(id, batch)),
                OptionalLong.empty(),
                batch.updateCount());
    }

    /** The neighbours as one. If nothing is in them, neither needs to be remembered. */
    static SpineBatch merged(SpineBatch older, SpineBatch newer, Frontier since) {
        SpineId id = SpineId.hull(older.id, newer.id);
        Description description =
                new Description(older.description.lower(), newer.description.upper(), since);
        if (older.isEmpty() && newer.isEmpty()) {
            return single(id, HollowBatch.empty(description));
        }
        List<IdHollowBatch> parts = new ArrayList<>(older.parts.size() + newer.parts.size());
        parts.addAll(older.parts);
        parts.addAll(newer.parts);
        return new SpineBatch(
                id,
                description,
                parts,
                OptionalLong.empty(),
                Amounts.add(older.updateCount, newer.updateCount));
    }

    SpineBatch withClaim(OptionalLong newClaimedAtMillis) {
        return new SpineBatch(id, description, parts, newClaimedAtMillis, updateCount);
    }

    /** The part at a place, if there is one. */
    @Nullable HollowBatch part(SpineId partId) {
        int from = 0;
        int to = parts.size();
        while (from < to) {
            int middle = (from + to) >>> 1;
            IdHollowBatch part = parts.get(middle);
            if (part.id().equals(partId)) {
                return part.batch();
            }
            if (part.id().first() < partId.first()) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        return null;
    }

    /**
     * Whether it has the very parts of another batch, under an equal id and description: then what
     * was checked of the other holds of this one.
     */
    @SuppressWarnings("ReferenceEquality") // comparing all parts is what this is to save
    boolean hasPartsOf(SpineBatch other) {
        return parts == other.parts && id.equals(other.id) && description.equals(other.description);
    }

    boolean isEmpty() {
        return updateCount == 0;
    }

    /**
     * Whether compaction has nothing to join: at most one run, however many empty batches lie
     * around it.
     */
    boolean isCompact() {
        int count = 0;
        for (IdHollowBatch part : parts) {
            count += part.batch().runs().size();
            if (count > 1) {
                return false;
            }
        }
        return true;
    }

    MergeRequest request() {
        return new MergeRequest(id, description, parts);
    }
}
