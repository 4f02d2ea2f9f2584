package io.espalier.spine.trace;

import io.espalier.spine.trace.KeyRanges.Component;
import io.espalier.spine.trace.KeyRanges.Extent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How runs are merged a range of keys at a time, so that the parts that are done can be let go of
 * before the whole is done.
 *
 * <p>What overlaps is merged together. A part that overlaps with nothing, is not too small and in
 * which nothing can be folded becomes a part of the output as it is. What is small is merged with
 * its neighbours, so that parts do not get ever smaller and ever more.
 *
 * <p>A pure function.
 *
 * @param steps in key order
 */
record CompactionSteps(List<Step> steps) {

    CompactionSteps {
        steps = List.copyOf(steps);
    }

    /**
     * One stretch of keys.
     *
     * @param ends how many parts of each run are done after it
     * @param moved whether it is one part, which stays as it is
     * @param bytes of its parts
     */
    record Step(List<Integer> ends, boolean moved, long bytes) {
        Step {
            ends = List.copyOf(ends);
        }
    }

    /** What is to be known of a part. */
    interface Parts {
        long sizeBytes(Extent part);

        /** Whether nothing in it can be folded, so that it need not be read. */
        boolean isSettled(Extent part);
    }

    /**
     * @param runCount how many runs there are
     * @param components of all parts, in key order
     * @param stepBytes neighbours are merged together up to this size
     * @param movedBytesMin a part below this size is not left alone, if there are others
     */
    static CompactionSteps of(
            int runCount,
            List<Component> components,
            Parts parts,
            long stepBytes,
            long movedBytesMin) {
        Planner planner = new Planner(new int[runCount], parts);
        for (Component component : components) {
            long bytes = component.parts().stream().mapToLong(parts::sizeBytes).sum();
            boolean alone =
                    component.parts().size() == 1 && parts.isSettled(component.parts().getFirst());
            if (alone && bytes >= movedBytesMin) {
                planner.flush();
                planner.add(component, bytes, true);
                planner.flush();
            } else {
                if (planner.bytes + bytes > stepBytes) {
                    planner.flush();
                }
                planner.add(component, bytes, alone);
            }
        }
        planner.flush();
        return new CompactionSteps(planner.steps);
    }

    private static final class Planner {
        private final List<Step> steps = new ArrayList<>();
        private final int[] ends;
        private final Parts parts;
        private long bytes;
        private int components;
        private boolean allAlone = true;

        Planner(int[] ends, Parts parts) {
            this.ends = ends;
            this.parts = parts;
        }

        void add(Component component, long moreBytes, boolean alone) {
            for (Extent part : component.parts()) {
                assert ends[part.run()] == part.part() : parts;
                ends[part.run()]++;
            }
            bytes += moreBytes;
            components++;
            allAlone &= alone;
        }

        /** Ends a step. A single part that nobody joins is not rewritten. */
        void flush() {
            if (components > 0) {
                boolean moved = components == 1 && allAlone;
                steps.add(new Step(Arrays.stream(ends).boxed().toList(), moved, bytes));
            }
            bytes = 0;
            components = 0;
            allAlone = true;
        }
    }
}
