package io.espalier.spine;

import java.util.List;
import java.util.OptionalLong;

/**
 * A sequence of parts that is sorted and consolidated as a whole. Different runs are not sorted
 * among each other.
 *
 * @param id its identity, unique in a spine
 * @param writerVersion the version of the format its writer wrote, from 0: what an old writer left
 *     can be asked to be rewritten
 * @param truncated whether the run was appended under a narrower description than it was written
 *     with. Readers then skip some of its updates, so its parts' diff sums say nothing about what
 *     is read.
 * @param parts in order, at least one
 */
public record Run(RunId id, int writerVersion, boolean truncated, List<PartRef> parts) {
    /**
     * @throws IllegalArgumentException if there are no parts, or more than 2<sup>63</sup>-1
     *     updates, or the version is negative
     */
    public Run {
        parts = List.copyOf(parts);
        if (parts.isEmpty()) {
            throw new IllegalArgumentException(
                    "run " + id + " has no parts; a run that holds nothing is left out");
        }
        if (writerVersion < 0) {
            throw new IllegalArgumentException(
                    "run " + id + " has writer version " + writerVersion + ", expected at least 0");
        }
        if (Amounts.sum(parts, PartRef::updateCount) == Long.MAX_VALUE) {
            throw new IllegalArgumentException("run " + id + " holds 2^63-1 updates or more");
        }
    }

    /** How many updates its parts hold. */
    public long updateCount() {
        return Amounts.sum(parts, PartRef::updateCount);
    }

    /**
     * The sum of its diffs modulo 2<sup>64</sup>; empty if a part does not know it or the run is
     * {@link #truncated}.
     */
    public OptionalLong diffSum() {
        return truncated ? OptionalLong.empty() : Amounts.diffSum(parts, PartRef::diffSum);
    }
}
