package io.espalier.spine.trace;

import java.util.ArrayList;
import java.util.List;

/** Takes snapshots of several traces that end at the same epoch. */
final class SnapshotTogether {

    private SnapshotTogether() {}

    static List<TraceSnapshot> of(TraceStore store, List<Trace> traces) {
        while (true) {
            long upper = store.upper();
            List<TraceSnapshot> taken = new ArrayList<>();
            boolean together = false;
            try {
                for (Trace trace : traces) {
                    taken.add(trace.snapshot());
                }
                // a commit is shown trace by trace, and the store's upper last: who meets it half
                // way looks again
                together = taken.stream().allMatch(snapshot -> snapshot.upper() == upper);
                if (together) {
                    return taken;
                }
            } finally {
                if (!together) {
                    taken.forEach(TraceSnapshot::close);
                }
            }
        }
    }
}
