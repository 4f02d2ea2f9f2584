package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.trace.KeyRanges.Component;
import io.espalier.spine.trace.KeyRanges.Extent;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** How runs are merged a range of keys at a time. A part's size is what it says it is. */
class CompactionStepsTest {

    /** Parts by run: after, last, bytes, and 1 if nothing in it can be folded. */
    private static final class Given implements CompactionSteps.Parts {
        final List<List<int[]>> runs;

        Given(List<List<int[]>> runs) {
            this.runs = runs;
        }

        @Override
        public long sizeBytes(Extent part) {
            return runs.get(part.run()).get(part.part())[2];
        }

        @Override
        public boolean isSettled(Extent part) {
            return runs.get(part.run()).get(part.part())[3] != 0;
        }

        List<Extent> extents() {
            List<Extent> extents = new ArrayList<>();
            for (int run = 0; run < runs.size(); run++) {
                for (int part = 0; part < runs.get(run).size(); part++) {
                    int[] at = runs.get(run).get(part);
                    extents.add(new Extent(run, part, at[0], at[1]));
                }
            }
            return extents;
        }
    }

    private static int[] part(int after, int last, int bytes, int settled) {
        return new int[] {after, last, bytes, settled};
    }

    private static List<String> show(Given given, long stepBytes, long movedBytesMin) {
        return CompactionSteps.of(
                        given.runs.size(),
                        KeyRanges.components(given.extents()),
                        given,
                        stepBytes,
                        movedBytesMin)
                .steps()
                .stream()
                .map(step -> step.ends() + (step.moved() ? " moved" : ""))
                .toList();
    }

    @Test
    void keysThatGrowAreMovedAndNotRead() {
        // fails if a log is written again with every merge
        Given given =
                new Given(
                        List.of(
                                List.of(part(0, 2, 10, 1), part(2, 4, 10, 1)),
                                List.of(part(4, 6, 10, 1)),
                                List.of(part(6, 8, 10, 1))));
        assertEquals(
                List.of("[1, 0, 0] moved", "[2, 0, 0] moved", "[2, 1, 0] moved", "[2, 1, 1] moved"),
                show(given, 20, 5));
        // what is small is not left alone: there would be ever more of it
        assertEquals(List.of("[2, 0, 0]", "[2, 1, 1]"), show(given, 20, 11));
    }

    @Test
    void whatOverlapsWithOnePartWaitsForNoOther() {
        // fails if the whole of a large run is there twice until all of it is done
        Given given =
                new Given(
                        List.of(
                                List.of(part(0, 3, 10, 1), part(3, 6, 10, 1), part(6, 9, 10, 1)),
                                List.of(part(4, 5, 2, 1), part(7, 8, 2, 1))));
        assertEquals(List.of("[1, 0] moved", "[2, 1]", "[3, 2]"), show(given, 12, 5));
    }

    @Test
    void aPartInWhichSomethingCanBeFoldedIsRead() {
        // fails if history stays for ever where no other run has the keys
        Given given = new Given(List.of(List.of(part(0, 2, 10, 0), part(2, 4, 10, 1))));
        assertEquals(List.of("[1]", "[2] moved"), show(given, 10, 5));
    }

    @Test
    void aSmallPartWithoutNeighboursIsNotRewritten() {
        // fails if one small part is copied for nothing
        Given given = new Given(List.of(List.of(part(0, 2, 1, 1)), List.of(part(2, 4, 50, 1))));
        assertEquals(List.of("[1, 0] moved", "[1, 1] moved"), show(given, 20, 5));
    }

    @Property(tries = 3000)
    void everyPartIsDoneOnceAndNotWithoutWhatItOverlapsWith(
            @ForAll @IntRange(min = 1, max = 4) int runCount,
            @ForAll @IntRange(min = 1, max = 40) int stepBytes,
            @ForAll @IntRange(min = 1, max = 10) int movedBytesMin,
            @ForAll long seed) {
        // fails if a part is lost, done twice, moved with what is under it, or read for nothing
        Random random = new Random(seed);
        List<List<int[]>> runs = new ArrayList<>();
        for (int run = 0; run < runCount; run++) {
            List<int[]> parts = new ArrayList<>();
            int at = random.nextInt(20);
            for (int i = 1 + random.nextInt(6); i > 0; i--) {
                int after = at + random.nextInt(4);
                at = after + 1 + random.nextInt(6);
                parts.add(part(after, at, 1 + random.nextInt(12), random.nextInt(2)));
            }
            runs.add(parts);
        }
        Given given = new Given(runs);
        List<Extent> extents = given.extents();
        List<Component> components = KeyRanges.components(extents);
        CompactionSteps steps =
                CompactionSteps.of(runCount, components, given, stepBytes, movedBytesMin);
        int[] stepOf = new int[extents.size()];
        List<Integer> before = new ArrayList<>();
        for (int run = 0; run < runCount; run++) {
            before.add(0);
        }
        for (int i = 0; i < steps.steps().size(); i++) {
            CompactionSteps.Step step = steps.steps().get(i);
            List<Extent> of = new ArrayList<>();
            long bytes = 0;
            for (int j = 0; j < extents.size(); j++) {
                Extent extent = extents.get(j);
                if (extent.part() >= before.get(extent.run())
                        && extent.part() < step.ends().get(extent.run())) {
                    stepOf[j] = i + 1;
                    of.add(extent);
                    bytes += given.sizeBytes(extent);
                }
            }
            assertEquals(bytes, step.bytes());
            assertFalse(of.isEmpty());
            boolean settled = of.size() == 1 && given.isSettled(of.getFirst());
            assertEquals(settled, step.moved(), () -> of.toString());
            long together = components.stream().filter(c -> of.containsAll(c.parts())).count();
            assertTrue(bytes <= stepBytes || together == 1);
            boolean large =
                    components.stream()
                            .anyMatch(c ->
                                    c.parts().size() == 1
                                            && given.isSettled(c.parts().getFirst())
                                            && given.sizeBytes(c.parts().getFirst())
                                                    >= movedBytesMin
                                            && of.contains(c.parts().getFirst()));
            assertTrue(!large || step.moved());
            before = step.ends();
        }
        for (int run = 0; run < runCount; run++) {
            assertEquals(runs.get(run).size(), before.get(run));
        }
        for (int i = 0; i < extents.size(); i++) {
            for (int j = 0; j < extents.size(); j++) {
                Extent a = extents.get(i);
                Extent b = extents.get(j);
                if (a.after() < b.last() && b.after() < a.last()) {
                    assertEquals(stepOf[i], stepOf[j]);
                } else if (a.last() <= b.after()) {
                    assertTrue(stepOf[i] <= stepOf[j]);
                }
            }
        }
    }
}
