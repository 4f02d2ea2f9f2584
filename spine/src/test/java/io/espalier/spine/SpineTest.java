package io.espalier.spine;

import static io.espalier.spine.Facts.at;
import static io.espalier.spine.Facts.batch;
import static io.espalier.spine.Facts.run;
import static io.espalier.spine.Facts.show;
import static io.espalier.spine.Facts.spineOf;
import static io.espalier.spine.Facts.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SpineTest {
    private static void assertRefused(Spine spine, HollowBatch batch, String reason) {
        FlatSpine before = spine.flatten();
        IllegalArgumentException refusal =
                assertThrows(IllegalArgumentException.class, () -> spine.push(batch));
        assertTrue(String.valueOf(refusal.getMessage()).contains(reason), refusal.getMessage());
        assertEquals(before, spine.flatten());
    }

    @Test
    void aBatchThatDoesNotContinueTheSpineIsRefused() {
        // Fails when a gap, an overlap, an empty span of time or a since from the future gets in
        // (S12).
        Spine spine = spineOf(1, 1, 1);
        assertRefused(spine, batch(4, 5, 1), "begins at [4], expected [3]");
        assertRefused(spine, batch(2, 5, 1), "begins at [2], expected [3]");
        assertRefused(spine, batch(3, 3, 0), "covers no time");
        assertRefused(
                spine, new HollowBatch(times(3, 4, 1), List.of()), "since beyond the spine's [0]");
        spine.push(batch(3, 4, 1));
        assertEquals(at(4), spine.upper());
    }

    @Test
    void aRunThatIsInTheSpineIsRefused() {
        // Fails when one run is listed twice: a compaction of one listing would delete the bytes of
        // the other.
        Run run = run(1);
        Spine spine = spineOf(batch(0, 1, run));
        assertRefused(spine, batch(1, 2, run), "is in the spine already");
        assertThrows(IllegalArgumentException.class, () -> batch(1, 2, run, run));
    }

    @Test
    void aSpineHoldsAtMostItsLimitOfUpdates() {
        // Fails when the total can overflow, here or when the spine is read back.
        Spine spine = spineOf(Spine.MAX_UPDATES - 1);
        assertRefused(spine, batch(1, 2, 2), "room is left for 1");
        spine.push(batch(1, 2, 1));
        assertEquals(Spine.MAX_UPDATES, spine.updateCount());
        assertRefused(spine, batch(2, 3, 1), "room is left for 0");
        assertEquals(Optional.empty(), spine.validate());
    }

    @Test
    void sinceAdvancesPastUpperButNeverBack() {
        // Fails when since is held back by upper, or can be undone (S13, G8).
        Spine spine = new Spine();
        assertEquals(List.of(at(0), at(0)), List.of(spine.since(), spine.upper()));
        spine.push(batch(0, 1, 1));
        assertEquals(List.of(at(0), at(1)), List.of(spine.since(), spine.upper()));
        spine.downgradeSince(at(1));
        assertEquals(List.of(at(1), at(1)), List.of(spine.since(), spine.upper()));
        spine.downgradeSince(at(2));
        assertEquals(List.of(at(2), at(1)), List.of(spine.since(), spine.upper()));
        spine.push(batch(1, 3, 1));
        assertEquals(List.of(at(2), at(3)), List.of(spine.since(), spine.upper()));
        assertThrows(IllegalArgumentException.class, () -> spine.downgradeSince(at(1)));
        spine.downgradeSince(Frontier.EMPTY);
        assertEquals(Frontier.EMPTY, spine.since());
        assertEquals(Optional.empty(), spine.validate());
    }

    @Test
    void aSpineThatIsClosedTakesNoMore() {
        // Fails when something can follow a batch whose upper is empty.
        Spine spine = new Spine();
        spine.push(new HollowBatch(new Description(at(0), Frontier.EMPTY, at(0)), List.of(run(1))));
        assertEquals(Frontier.EMPTY, spine.upper());
        assertRefused(spine, batch(7, 8, 1), "begins at [7], expected []");
        assertRefused(
                spine,
                HollowBatch.empty(new Description(Frontier.EMPTY, Frontier.EMPTY, at(0))),
                "covers no time");
        assertFalse(spine.exert(1000).worked());
    }

    @Test
    void aSnapshotNeverChanges() {
        // Fails when a reader sees parts come or go under its hands, or each call copies an
        // unchanged spine.
        Spine spine = spineOf(3, 0, 5);
        List<HollowBatch> snapshot = spine.snapshot();
        List<HollowBatch> copy = new ArrayList<>(snapshot);
        assertSame(snapshot, spine.snapshot());
        assertEquals(
                List.of(at(0), at(1), at(2)),
                snapshot.stream().map(b -> b.description().lower()).toList());
        spine.push(batch(3, 4, 100));
        assertEquals(copy, snapshot);
        assertEquals(4, spine.snapshot().size());
        assertThrows(UnsupportedOperationException.class, () -> snapshot.clear());
    }

    @Test
    void exertionEndsWhenOneRunIsLeftAmongEmptyBatches() {
        // Fails when a compacted spine is exerted for ever, growing by a batch that covers no time
        // each turn (S25).
        Spine spine = spineOf(1, 0, 0, 0, 0, 0);
        FlatSpine before = spine.flatten();
        assertTrue(before.parts().size() > 1, before.toString());
        assertFalse(spine.exert(100).worked());
        assertEquals(before, spine.flatten());
    }

    @Test
    void exertionAndItsAnswersLeaveOneRunInFewTurns() {
        // Fails when exertion stalls before everything has met, or needs more turns than there are
        // levels and batches.
        Spine spine = spineOf(7, 1, 0, 30, 2, 2, 900, 1, 0, 1);
        int turnCount = 0;
        for (Spine.Exertion exertion = spine.exert(1000);
                exertion.worked();
                exertion = spine.exert(1000)) {
            for (MergeRequest request : exertion.requests()) {
                long updateCount =
                        request.inputs().stream()
                                .mapToLong(input -> input.batch().updateCount())
                                .sum();
                HollowBatch output =
                        new HollowBatch(request.description(), List.of(run(updateCount)));
                assertEquals(ApplyResult.EXACT, spine.apply(MergeResult.of(request, output)));
            }
            assertTrue(++turnCount < 20, () -> String.join("\n", show(spine)));
        }
        assertEquals(1, spine.snapshot().stream().mapToInt(b -> b.runs().size()).sum());
        assertEquals(944, spine.updateCount());
        assertEquals(List.of(), spine.requestsBefore(Long.MAX_VALUE, 0));
    }

    @Test
    void exertionRefusesNegativeEffort() {
        // Fails when negative fuel lengthens a merge.
        Spine spine = spineOf(5, 5);
        assertThrows(IllegalArgumentException.class, () -> spine.exert(-1));
        assertTrue(spine.exert(0).worked());
    }

    @Test
    void aClaimHidesARequestUntilItIsOlderThanTheThreshold() {
        // Fails when a dropped compaction is never offered again, or a running one is offered twice
        // (S20).
        Spine spine = spineOf(1, 1, 1, 1, 1, 1, 100);
        List<MergeRequest> free = spine.requestsBefore(0, 0);
        assertEquals(1, free.size());
        SpineId id = free.getFirst().id();
        assertEquals(new SpineId(0, 6), id);
        assertTrue(spine.claim(id, 1000));
        assertEquals(List.of(), spine.requestsBefore(999, 0));
        assertEquals(free, spine.requestsBefore(1000, 0));
        assertTrue(spine.claim(id, 2000));
        assertEquals(List.of(), spine.requestsBefore(1000, 0));
        FlatSpine before = spine.flatten();
        assertFalse(spine.claim(new SpineId(0, 5), 3000));
        assertEquals(before, spine.flatten());
    }

    @Test
    void dropsAreOfferedOldestFirstAndCompactBatchesOnlyToReplaceAnOldFormat() {
        // Fails when compact data is rewritten for nothing, or what an old version wrote stays for
        // ever (S20).
        Spine spine = spineOf(1000, 10, 10, 1, 1, 1);
        List<SpineId> uncompacted =
                spine.requestsBefore(0, 0).stream().map(MergeRequest::id).toList();
        assertEquals(List.of(new SpineId(1, 3), new SpineId(3, 5)), uncompacted);
        assertEquals(
                uncompacted, spine.requestsBefore(0, 1).stream().map(MergeRequest::id).toList());
        List<SpineId> all = spine.requestsBefore(0, 2).stream().map(MergeRequest::id).toList();
        assertEquals(
                List.of(new SpineId(0, 1), new SpineId(1, 3), new SpineId(3, 5), new SpineId(5, 6)),
                all);
        assertEquals(List.of(), spineOf(5).requestsBefore(0, 1));
        assertEquals(1, spineOf(5).requestsBefore(0, 2).size());
        assertEquals(List.of(), spineOf(0).requestsBefore(0, 2));
    }

    @Test
    void levelsFollowTheNextPowerOfTwo() {
        // Fails when a batch stands at a level that its length does not fit.
        long[][] levelsByLength = {
            {0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {8, 3}, {100, 7}, {1000, 10}
        };
        for (long[] row : levelsByLength) {
            assertEquals(row[1], Levels.levelFor(row[0]), "length " + row[0]);
        }
        assertEquals(60, Levels.levelFor(1L << 60));
        assertEquals(61, Levels.levelFor(Spine.MAX_UPDATES));
        assertEquals(63, Levels.levelFor(Long.MAX_VALUE));
    }

    @Test
    void factsOutOfRangeCannotBeMade() {
        // Fails when a count below its least value, or a name that no line of text can carry, gets
        // into a spine.
        assertThrows(IllegalArgumentException.class, () -> run(0));
        assertThrows(IllegalArgumentException.class, () -> times(2, 1, 0));
        assertThrows(IllegalArgumentException.class, () -> new SpineId(1, 1));
        assertThrows(IllegalArgumentException.class, () -> new SpineId(-1, 1));
        assertThrows(
                IllegalArgumentException.class,
                () -> new Run(new RunId(0, 0), 0, false, List.of()));
        assertThrows(
                IllegalArgumentException.class,
                () -> new Run(new RunId(0, 0), -1, false, run(1).parts()));
        assertThrows(IllegalArgumentException.class, () -> batch(3, 3, 1));
        assertThrows(
                IllegalArgumentException.class, () -> batch(0, 1, run(Long.MAX_VALUE - 1), run(5)));
        for (String name : List.of("", "a b", "line\n", "é", "x".repeat(256))) {
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new PartRef(name, 0, 1, 0, java.util.OptionalLong.empty()),
                    name);
        }
    }

    @Test
    void aRunIdReadsAsThirtyTwoDigits() {
        // Fails when an id in a message cannot be told from another.
        assertEquals("0000000000000001fffffffffffffffe", new RunId(1, -2).toString());
    }
}
