package io.espalier.spine.trace;

import io.espalier.spine.trace.KeyRanges.Component;
import io.espalier.spine.trace.KeyRanges.Extent;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which runs stand in the way of merging a large run a few of its parts at a time: those of which
 * one part overlaps with many of its parts, as a run in a single file does. They are written anew
 * first, in files that end where the parts of the large run do, if they are so much smaller that
 * this pays.
 *
 * <p>A pure function.
 */
final class Alignment {

    /** A run of fewer parts is merged at once. */
    private static final int PARTS_MIN = 4;

    /** What is merged together may have a part in so many of the large run's. */
    private static final int SHARE = 4;

    /** What is written twice for this is at most so much smaller than the rest. */
    private static final int SMALLER = 2;

    private Alignment() {}

    /**
     * @param runs the parts of each run
     * @param bytes the size of each run
     * @return the indexes of the runs to be written anew, ascending; none if it does not pay, or if
     *     nothing is in the way
     */
    static List<Integer> crossing(List<List<Extent>> runs, List<Long> bytes) {
        List<Integer> bySize =
                IntStream.range(0, runs.size())
                        .boxed()
                        .sorted(Comparator.comparing(bytes::get).reversed())
                        .toList();
        int largest = bySize.getFirst();
        int parts = runs.get(largest).size();
        if (parts < PARTS_MIN) {
            return List.of();
        }
        int partsMax = Math.max(1, parts / SHARE);
        List<Extent> aligned = new ArrayList<>(runs.get(largest));
        long alignedBytes = bytes.get(largest);
        long crossingBytes = 0;
        List<Integer> crossing = new ArrayList<>();
        for (int run : bySize.subList(1, bySize.size())) {
            List<Extent> together = new ArrayList<>(aligned);
            together.addAll(runs.get(run));
            if (partsTogether(together, largest) <= partsMax) {
                aligned = together;
                alignedBytes += bytes.get(run);
            } else {
                crossing.add(run);
                crossingBytes += bytes.get(run);
            }
        }
        crossing.sort(Comparator.naturalOrder());
        return crossingBytes <= alignedBytes / SMALLER ? List.copyOf(crossing) : List.of();
    }

    /** How many parts of a run would be merged together at most. */
    private static long partsTogether(List<Extent> extents, int run) {
        long most = 0;
        for (Component component : KeyRanges.components(extents)) {
            most =
                    Math.max(
                            most,
                            component.parts().stream().filter(part -> part.run() == run).count());
        }
        return most;
    }
}
