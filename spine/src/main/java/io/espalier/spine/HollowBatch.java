package io.espalier.spine;

import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A batch without its contents: what times it covers and which runs hold its updates.
 *
 * <p>It is <em>empty</em> when it has no runs: then nothing happened in its times, and nothing is
 * stored for them.
 *
 * @param description the times covered
 * @param runs at most {@value #MAX_RUNS}, with distinct ids
 */
public record HollowBatch(Description description, List<Run> runs) {
    /** The most runs that one batch may have. */
    public static final int MAX_RUNS = 1 << 20;

    /**
     * @throws IllegalArgumentException if there are too many runs, two with one id, more than
     *     2<sup>63</sup>-1 updates, or updates in a batch that covers no time
     */
    public HollowBatch {
        runs = List.copyOf(runs);
        if (runs.size() > MAX_RUNS) {
            throw new IllegalArgumentException(
                    "batch "
                            + description
                            + " has "
                            + runs.size()
                            + " runs, the limit is "
                            + MAX_RUNS);
        }
        if (!runs.isEmpty() && description.lower().equals(description.upper())) {
            throw new IllegalArgumentException(
                    "batch " + description + " covers no time but holds updates");
        }
        if (runs.size() > 1) {
            Set<RunId> ids = new HashSet<>();
            for (Run run : runs) {
                if (!ids.add(run.id())) {
                    throw new IllegalArgumentException(
                            "batch " + description + " lists run " + run.id() + " twice");
                }
            }
        }
        if (Amounts.sum(runs, Run::updateCount) == Long.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "batch " + description + " holds 2^63-1 updates or more");
        }
    }

    /** The batch that says: nothing happened in these times. */
    public static HollowBatch empty(Description description) {
        return new HollowBatch(description, List.of());
    }

    /** Whether it holds no updates. */
    public boolean isEmpty() {
        return runs.isEmpty();
    }

    /** How many updates its runs hold. */
    public long updateCount() {
        return Amounts.sum(runs, Run::updateCount);
    }

    /** All parts, run by run. */
    public List<PartRef> parts() {
        return runs.stream().flatMap(run -> run.parts().stream()).toList();
    }

    /**
     * The sum of its diffs modulo 2<sup>64</sup>, 0 if it is empty; unknown (empty) if one run does
     * not know its own.
     */
    public OptionalLong diffSum() {
        return Amounts.diffSum(runs, Run::diffSum);
    }

    /** Whether a run was written by a format version before {@code minWriterVersion}. */
    boolean writtenBefore(int minWriterVersion) {
        for (Run run : runs) {
            if (run.writerVersion() < minWriterVersion) {
                return true;
            }
        }
        return false;
    }
}
