package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.spine.trace.KeyRanges.Extent;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is written anew so that a large run can be merged part by part. */
class AlignmentTest {

    /** A run that ends at these places, from 0 on. */
    private static List<Extent> run(int index, int... ends) {
        List<Extent> parts = new ArrayList<>();
        int after = 0;
        for (int end : ends) {
            parts.add(new Extent(index, parts.size(), after, end));
            after = end;
        }
        return parts;
    }

    @Test
    void whatOverlapsWithEverythingIsInTheWay() {
        // fails if a small run in one file makes a large one be merged at once
        List<Extent> large = run(0, 2, 4, 6, 8);
        assertEquals(
                List.of(1, 2),
                Alignment.crossing(List.of(large, run(1, 8), run(2, 5)), List.of(100L, 10L, 10L)));
        // one that has keys of one part, or ends where the large one does, is in nobody's way
        assertEquals(
                List.of(),
                Alignment.crossing(
                        List.of(large, run(1, 2), run(2, 2, 4, 6, 8)), List.of(100L, 10L, 10L)));
        // the same of parts that reach over those of the large run by a little
        assertEquals(
                List.of(1),
                Alignment.crossing(List.of(large, run(1, 3, 5, 7, 8)), List.of(100L, 10L)));
    }

    @Test
    void itIsNotWorthItForTooMuchOrTooFewParts() {
        // fails if more is written twice than is gained
        List<Extent> large = run(0, 2, 4, 6, 8);
        assertEquals(List.of(1), Alignment.crossing(List.of(large, run(1, 8)), List.of(100L, 50L)));
        assertEquals(List.of(), Alignment.crossing(List.of(large, run(1, 8)), List.of(100L, 51L)));
        assertEquals(
                List.of(),
                Alignment.crossing(List.of(run(0, 2, 4, 6), run(1, 6)), List.of(100L, 1L)));
        assertEquals(List.of(), Alignment.crossing(List.of(large), List.of(100L)));
    }

    @Test
    void runsThatAgreeWithTheLargeOneMustAgreeWithEachOther() {
        // fails if each alone is fine, and together they chain everything
        List<Extent> large =
                List.of(
                        new Extent(0, 0, 0, 2),
                        new Extent(0, 1, 6, 8),
                        new Extent(0, 2, 12, 14),
                        new Extent(0, 3, 18, 20));
        List<Extent> early =
                List.of(
                        new Extent(1, 0, 0, 3),
                        new Extent(1, 1, 3, 9),
                        new Extent(1, 2, 9, 15),
                        new Extent(1, 3, 15, 20));
        List<Extent> late =
                List.of(
                        new Extent(2, 0, 0, 5),
                        new Extent(2, 1, 5, 11),
                        new Extent(2, 2, 11, 17),
                        new Extent(2, 3, 17, 20));
        assertEquals(List.of(), Alignment.crossing(List.of(large, early), List.of(100L, 10L)));
        assertEquals(
                List.of(2),
                Alignment.crossing(List.of(large, early, late), List.of(100L, 10L, 9L)));
    }
}
