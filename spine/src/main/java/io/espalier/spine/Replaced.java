package io.espalier.spine;

import java.util.List;
import java.util.Set;

/**
 * The identities of what a {@link MergeResult} takes the place of.
 *
 * <p>Names of times or positions are not enough: after a range was compacted once, the same range
 * still exists, and a late or repeated answer would put parts back that have been deleted since. So
 * a result names the runs that it read, and is refused unless exactly those are there.
 */
public sealed interface Replaced {
    /**
     * All runs of neighbouring batches.
     *
     * @param id spans the batches
     * @param runs every run in them, in order; none if all are empty
     */
    record Range(SpineId id, List<RunId> runs) implements Replaced {
        /** Copies the list. */
        public Range {
            runs = List.copyOf(runs);
        }

        static Range of(SpineId id, List<IdHollowBatch> parts) {
            return new Range(id, runsOf(parts));
        }
    }

    /**
     * Some of the runs of one batch: compaction in steps under a bound of memory. What comes for
     * runs that lie side by side takes their place among the others, so that runs stay in the order
     * of their times; otherwise it comes last.
     *
     * @param partId the batch that lists the runs
     * @param runs the runs that were read
     */
    record Runs(SpineId partId, Set<RunId> runs) implements Replaced {
        /** Copies the set. */
        public Runs {
            runs = Set.copyOf(runs);
        }
    }

    /** The runs of all parts in order. */
    static List<RunId> runsOf(List<IdHollowBatch> parts) {
        return parts.stream().flatMap(part -> part.batch().runs().stream()).map(Run::id).toList();
    }
}
