package io.espalier.spine.trace;

import io.espalier.spine.MergeRequest;
import io.espalier.spine.PartRef;
import java.util.List;

/** A compaction that is worthwhile: a request of a trace's spine. */
record CompactionTask(Trace trace, MergeRequest request) {

    // fewer runs of so few updates: the price is that of the files, and each update would be
    // rewritten for each doubling; a fold of everything, or a wider request, takes them all at once
    private static final int SMALL_RUNS = 16;
    private static final int SMALL_RUNS_BESIDE = 32;
    private static final long SMALL_UPDATES = 1 << 22;

    /** Whether both want something of the same batches. */
    boolean overlaps(CompactionTask other) {
        return trace == other.trace
                && request.id().first() < other.request.id().end()
                && other.request.id().first() < request.id().end();
    }

    /** Whether this asks for all that {@code other} asks for. */
    boolean covers(CompactionTask other) {
        return trace == other.trace && request.id().covers(other.request.id());
    }

    /** How many updates the inputs have. */
    long updateCount() {
        return request.inputs().stream().mapToLong(i -> i.batch().updateCount()).sum();
    }

    /**
     * Whether it pays to wait for a request that covers it.
     *
     * @param beside whether a large compaction is under way, which would pause for it, and would
     *     have to write its runs anew
     */
    boolean isSmall(boolean beside) {
        long runs = request.inputs().stream().mapToLong(i -> i.batch().runs().size()).sum();
        return runs > 0
                && runs < (beside ? SMALL_RUNS_BESIDE : SMALL_RUNS)
                && updateCount() < SMALL_UPDATES;
    }

    /** What is stored of the inputs, in order. */
    List<PartRef> parts() {
        return request.inputs().stream().flatMap(i -> i.batch().parts().stream()).toList();
    }
}
