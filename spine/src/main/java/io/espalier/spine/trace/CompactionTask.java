package io.espalier.spine.trace;

import io.espalier.spine.MergeRequest;
import io.espalier.spine.PartRef;
import java.util.List;

/** A compaction that is worthwhile: a request of a trace's spine. */
record CompactionTask(Trace trace, MergeRequest request) {

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

    /** What is stored of the inputs, in order. */
    List<PartRef> parts() {
        return request.inputs().stream().flatMap(i -> i.batch().parts().stream()).toList();
    }
}
