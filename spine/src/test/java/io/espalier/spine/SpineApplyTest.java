package io.espalier.spine;

import static io.espalier.spine.Facts.at;
import static io.espalier.spine.Facts.batch;
import static io.espalier.spine.Facts.range;
import static io.espalier.spine.Facts.result;
import static io.espalier.spine.Facts.run;
import static io.espalier.spine.Facts.show;
import static io.espalier.spine.Facts.spineOf;
import static io.espalier.spine.Facts.summed;
import static io.espalier.spine.Facts.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SpineApplyTest {
    private final Run a = run(10);
    private final Run b = run(10);
    private final Run c = run(10);

    /** One spine batch 0-3 that lists the batches of a, b and c, and a large one behind it. */
    private Spine abc() {
        Spine spine = spineOf(batch(0, 1, a), batch(1, 2, b), batch(2, 3, c), batch(3, 4, 1000));
        assertEquals(new SpineId(0, 3), spine.flatten().batches().getFirst().id());
        return spine;
    }

    private static void assertUnchanged(ApplyResult expected, Spine spine, MergeResult result) {
        FlatSpine before = spine.flatten();
        assertEquals(expected, spine.apply(result));
        assertEquals(before, spine.flatten());
    }

    private static List<RunId> runsOf(HollowBatch batch) {
        return batch.runs().stream().map(Run::id).toList();
    }

    @Test
    void aResultReplacesAllPartsSomeOrNoneOfABatch() {
        // Fails when the replaced parts stay, others go, or a larger result is let in (S14).
        Spine whole = abc();
        assertEquals(ApplyResult.EXACT, whole.apply(result(range(0, 3, a, b, c), batch(0, 3, 30))));
        assertEquals(
                List.of(30L, 1000L),
                whole.snapshot().stream().map(HollowBatch::updateCount).toList());

        Spine some = abc();
        assertEquals(ApplyResult.SUBSET, some.apply(result(range(0, 2, a, b), batch(0, 2, 20))));
        assertEquals(
                List.of(20L, 10L, 1000L),
                some.snapshot().stream().map(HollowBatch::updateCount).toList());
        assertEquals(
                List.of(at(0), at(2), at(3)),
                some.snapshot().stream().map(x -> x.description().lower()).toList());

        assertUnchanged(
                ApplyResult.TOO_MANY_UPDATES, abc(), result(range(0, 3, a, b, c), batch(0, 3, 31)));
        assertUnchanged(
                ApplyResult.TOO_MANY_UPDATES, abc(), result(range(0, 2, a, b), batch(0, 2, 21)));
    }

    @Test
    void aResultThatDoesNotLineUpMatchesNothing() {
        // Fails when a hole, a missing part, another's range or another span of time is replaced
        // all the same (S16).
        Spine spine = abc();
        assertEquals(
                ApplyResult.SUBSET, spine.apply(result(range(0, 2, a, b), batch(0, 2, run(5)))));
        for (MergeResult stray :
                List.of(
                        result(range(0, 1, a), batch(0, 1, 1)),
                        result(range(1, 2, b), batch(1, 2, 1)),
                        result(range(1, 3, b, c), batch(1, 3, 1)),
                        result(range(0, 4), batch(0, 4, 1)),
                        result(range(7, 8), batch(7, 8, 1)),
                        result(range(2, 3, c), batch(2, 4, 1)),
                        result(range(2, 3, c), batch(1, 3, 1)),
                        result(range(2, 3), batch(2, 3, 0)),
                        result(range(2, 3, a), batch(2, 3, 1)))) {
            assertUnchanged(ApplyResult.NO_MATCH, spine, stray);
        }
    }

    @Test
    void aStaleResultIsRefusedThoughItsTimesStillMatch() {
        // Fails when an answer that was overtaken brings back parts that a garbage collector
        // already removes (S19).
        Spine spine = spineOf(batch(0, 1, a), batch(1, 2, b), batch(2, 3, c));
        Run c1 = run(2);
        Run c2 = run(2);
        MergeResult first = result(range(0, 2, a, b), batch(0, 2, c1));
        MergeResult second = result(range(0, 2, c1), batch(0, 2, c2));
        assertEquals(ApplyResult.EXACT, spine.apply(first));
        assertUnchanged(ApplyResult.NO_MATCH, spine, first);
        assertEquals(ApplyResult.EXACT, spine.apply(second));
        assertUnchanged(ApplyResult.NO_MATCH, spine, first);
        assertUnchanged(ApplyResult.NO_MATCH, spine, second);
        assertEquals(List.of(c2.id()), runsOf(spine.snapshot().getFirst()));
    }

    @Test
    void aResultCannotBringARunInTwice() {
        // Fails when an output names a run that stays elsewhere in the spine.
        Spine spine = abc();
        assertUnchanged(ApplyResult.NO_MATCH, spine, result(range(0, 2, a, b), batch(0, 2, c)));
        assertUnchanged(ApplyResult.NO_MATCH, spine, result(range(0, 1, a), batch(0, 1, c)));
        assertEquals(List.of(), List.copyOf(spine.validate().stream().toList()));
    }

    @Test
    void oneRunAmongEmptyBatchesMayBeKeptWhileTheyGo() {
        // Fails when getting rid of empty batches needs a rewrite of the run between them.
        Spine spine = spineOf(batch(0, 1, 0), batch(1, 2, a), batch(2, 3, 0), batch(3, 4, 1000));
        assertEquals(ApplyResult.EXACT, spine.apply(result(range(0, 3, a), batch(0, 3, a))));
        assertEquals(2, spine.snapshot().size());
        assertEquals(List.of(a.id()), runsOf(spine.snapshot().getFirst()));
    }

    @Test
    void sinceStaysBetweenThatOfTheInputsAndThatOfTheBatch() {
        // Fails when a result claims more detail than its inputs had, or loses detail that the
        // batch still promises.
        Spine spine = spineOf(batch(0, 1, a), batch(1, 2, b));
        spine.downgradeSince(at(4));
        spine.push(batch(2, 3, 1000));
        spine.exert(10_000);
        spine.exert(10_000);
        Replaced both = range(0, 2, a, b);
        assertUnchanged(
                ApplyResult.INVALID_SINCE,
                spine,
                result(both, new HollowBatch(times(0, 2, 5), List.of(run(1)))));
        Run d = run(20);
        assertEquals(
                ApplyResult.SUBSET,
                spine.apply(result(both, new HollowBatch(times(0, 2, 3), List.of(d)))));
        assertUnchanged(ApplyResult.INVALID_SINCE, spine, result(range(0, 2, d), batch(0, 2, 1)));
    }

    @Test
    void aSinceFromTheFutureReadsAsNoMatchWhenMatchedByTimes() {
        // Fails when the search by times stops at a batch whose since forbids the result (S15).
        Spine spine = abc();
        FlatSpine before = spine.flatten();
        HollowBatch late = new HollowBatch(times(0, 3, 1), List.of(run(1)));
        assertEquals(ApplyResult.NO_MATCH, spine.applyByTimes(late));
        assertEquals(before, spine.flatten());
    }

    @Test
    void someRunsOfABatchAreReplacedAndTheOthersKeepTheirOrder() {
        // Fails when a run is lost or doubled, or the rest is counted wrongly (S17).
        Spine spine = spineOf(batch(0, 1, a, b, c), batch(1, 2, 1000));
        Run merged = run(15);
        SpineId id = new SpineId(0, 1);
        Replaced outer = new Replaced.Runs(id, Set.of(a.id(), c.id()));
        assertEquals(ApplyResult.EXACT, spine.apply(result(outer, batch(0, 1, merged))));
        HollowBatch part = spine.snapshot().getFirst();
        assertEquals(List.of(b.id(), merged.id()), runsOf(part));
        assertEquals(25, part.updateCount());
        assertEquals(1025, spine.updateCount());
        assertUnchanged(ApplyResult.NO_MATCH, spine, result(outer, batch(0, 1, 1)));
    }

    @Test
    void runsThatLieSideBySideAreReplacedInTheirPlace() {
        // Fails when runs are no longer in the order of their times, which says what is newer.
        Spine spine = spineOf(batch(0, 1, a, b, c), batch(1, 2, 1000));
        Run first = run(20);
        SpineId id = new SpineId(0, 1);
        Replaced older = new Replaced.Runs(id, Set.of(a.id(), b.id()));
        assertEquals(ApplyResult.EXACT, spine.apply(result(older, batch(0, 1, first))));
        assertEquals(List.of(first.id(), c.id()), runsOf(spine.snapshot().getFirst()));
        Run second = run(1);
        Run third = run(2);
        Replaced oldest = new Replaced.Runs(id, Set.of(first.id()));
        assertEquals(ApplyResult.EXACT, spine.apply(result(oldest, batch(0, 1, second, third))));
        assertEquals(List.of(second.id(), third.id(), c.id()), runsOf(spine.snapshot().getFirst()));
    }

    @Test
    void aPartialResultWithoutItsRunsMatchesNothing() {
        // Fails when an empty set, an unknown run, a wrong part or another span of time gets
        // through (S16).
        Spine spine = spineOf(batch(0, 1, a, b), batch(1, 2, c), batch(2, 3, 1000));
        assertEquals(new SpineId(0, 2), spine.flatten().batches().getFirst().id());
        SpineId id = new SpineId(0, 1);
        RunId unknown = new RunId(9, 9);
        for (MergeResult stray :
                List.of(
                        result(new Replaced.Runs(id, Set.of()), batch(0, 1, 1)),
                        result(new Replaced.Runs(id, Set.of(unknown)), batch(0, 1, 1)),
                        result(new Replaced.Runs(id, Set.of(a.id(), unknown)), batch(0, 1, 1)),
                        result(new Replaced.Runs(id, Set.of(c.id())), batch(0, 1, 1)),
                        result(
                                new Replaced.Runs(new SpineId(0, 2), Set.of(a.id())),
                                batch(0, 2, 1)),
                        result(new Replaced.Runs(id, Set.of(a.id())), batch(0, 2, 1)),
                        result(new Replaced.Runs(id, Set.of(a.id())), batch(0, 1, b)),
                        result(new Replaced.Runs(id, Set.of(a.id())), batch(0, 1, c)))) {
            assertUnchanged(ApplyResult.NO_MATCH, spine, stray);
        }
        Replaced one = new Replaced.Runs(id, Set.of(a.id()));
        assertUnchanged(ApplyResult.TOO_MANY_UPDATES, spine, result(one, batch(0, 1, 11)));
        assertUnchanged(
                ApplyResult.TOO_MANY_UPDATES, spine, result(one, batch(0, 1, Long.MAX_VALUE - 1)));
        HollowBatch late = new HollowBatch(times(0, 1, 1), List.of(run(1)));
        assertUnchanged(ApplyResult.INVALID_SINCE, spine, result(one, late));
        assertEquals(ApplyResult.SUBSET, spine.apply(result(one, batch(0, 1, 10))));
    }

    @Test
    void aResultThatDoesNotAddUpIsRefusedLoudly() {
        // Fails when a compaction that lost data is swapped in (S18).
        Run x = summed(10, 7);
        Run y = summed(10, -3);
        Spine spine = spineOf(batch(0, 1, x), batch(1, 2, y), batch(2, 3, 1000));
        FlatSpine before = spine.flatten();
        Replaced both = range(0, 2, x, y);
        Replaced one = new Replaced.Runs(new SpineId(0, 1), Set.of(x.id()));
        for (MergeResult wrong :
                List.of(
                        result(both, batch(0, 2, summed(5, 5))),
                        result(both, batch(0, 2, run(5))),
                        result(both, batch(0, 2, 0)),
                        result(both, batch(0, 2, Facts.run(5, OptionalLong.of(4), true))),
                        result(one, batch(0, 1, summed(5, 4))),
                        result(one, batch(0, 1, run(5))))) {
            DiffSumMismatchException loss =
                    assertThrows(DiffSumMismatchException.class, () -> spine.apply(wrong));
            assertTrue(String.valueOf(loss.getMessage()).contains("add up to"), loss.getMessage());
            assertEquals(before, spine.flatten());
        }
        assertEquals(ApplyResult.SUBSET, spine.apply(result(one, batch(0, 1, summed(1, 7)))));
        assertEquals(ApplyResult.NO_MATCH, spine.apply(result(both, batch(0, 2, summed(5, 4)))));
    }

    @Test
    void diffsThatAddUpToNothingMayLeaveNothing() {
        // Fails when a batch that cancelled out cannot be replaced by an empty one.
        Run x = summed(1, 1);
        Run y = summed(1, -1);
        Spine spine = spineOf(batch(0, 1, x), batch(1, 2, y), batch(2, 3, 1000));
        assertEquals(ApplyResult.EXACT, spine.apply(result(range(0, 2, x, y), batch(0, 2, 0))));
        assertEquals(1000, spine.updateCount());
    }

    @Test
    void sumsOfTruncatedRunsSayNothing() {
        // Fails when statistics of updates that readers skip block a correct compaction for ever
        // (S18).
        Run cut = run(10, OptionalLong.of(7), true);
        Run y = summed(10, 5);
        Spine range = spineOf(batch(0, 1, cut), batch(1, 2, y), batch(2, 3, 1000));
        assertEquals(
                ApplyResult.EXACT,
                range.apply(result(range(0, 2, cut, y), batch(0, 2, summed(12, 8)))));
        Spine runs = spineOf(batch(0, 1, cut, y), batch(1, 2, 1000));
        Replaced one = new Replaced.Runs(new SpineId(0, 1), Set.of(cut.id()));
        assertEquals(ApplyResult.EXACT, runs.apply(result(one, batch(0, 1, summed(3, 2)))));
        assertThrows(
                DiffSumMismatchException.class,
                () ->
                        runs.apply(
                                result(
                                        new Replaced.Runs(new SpineId(0, 1), Set.of(y.id())),
                                        batch(0, 1, summed(3, 2)))));
    }

    @Test
    void aClaimEndsWithTheResultUnlessTheResultRenewsIt() {
        // Fails when finished work keeps others away, or stepwise work loses its claim after the
        // first step.
        Spine spine = abc();
        SpineId id = new SpineId(0, 3);
        assertTrue(spine.claim(id, 100));
        HollowBatch step = batch(0, 2, 20);
        assertEquals(
                ApplyResult.SUBSET,
                spine.apply(new MergeResult(range(0, 2, a, b), step, OptionalLong.of(200))));
        assertEquals(List.of(), spine.requestsBefore(199, 0));
        assertEquals(1, spine.requestsBefore(200, 0).size());
        assertEquals(ApplyResult.SUBSET, spine.apply(result(range(2, 3, c), batch(2, 3, 9))));
        assertEquals(1, spine.requestsBefore(0, 0).size());
    }

    @Test
    void aResultForABatchThatHasGrownReplacesItsPart() {
        // Fails when compaction must be thrown away because the spine moved on meanwhile.
        Spine spine = new Spine();
        List<MergeRequest> early = List.of();
        for (int i = 0; i < 5; i++) {
            List<MergeRequest> requests = spine.push(batch(i, i + 1, 1));
            early = early.isEmpty() ? requests : early;
        }
        assertEquals(new SpineId(0, 2), early.getFirst().id());
        assertEquals(new SpineId(0, 4), spine.flatten().batches().getFirst().id());
        assertEquals(
                ApplyResult.SUBSET, spine.apply(MergeResult.of(early.getFirst(), batch(0, 2, 2))));
    }

    @Test
    void aTombstoneEmptiesWhatItCovers() {
        // Fails when a collection that is given up keeps its parts, though their sums are known.
        Run x = summed(10, 7);
        Spine spine = spineOf(batch(0, 1, x), batch(1, 2, b), batch(2, 3, 1000));
        assertEquals(ApplyResult.SUBSET, spine.applyTombstone(times(0, 1, 0)));
        assertEquals(ApplyResult.EXACT, spine.applyTombstone(times(0, 2, 0)));
        assertEquals(ApplyResult.NO_MATCH, spine.applyTombstone(times(1, 3, 0)));
        assertEquals("[0-2][0][2][0] 1/0", show(spine).getFirst());
        assertTrue(spine.push(batch(3, 4, x)).size() <= 1);
    }

    @Test
    void sumsAreComparedForTheReplacedRunsAlone() {
        // Fails when one run of unknown sum in a batch switches the guard off for its neighbours.
        Run x = summed(10, 7);
        Spine spine = spineOf(batch(0, 1, x, run(10)), batch(1, 2, 1000));
        Replaced one = new Replaced.Runs(new SpineId(0, 1), Set.of(x.id()));
        assertThrows(
                DiffSumMismatchException.class,
                () -> spine.apply(result(one, batch(0, 1, summed(1, 4)))));
        assertEquals(ApplyResult.EXACT, spine.apply(result(one, batch(0, 1, summed(1, 7)))));
    }

    @Test
    void diffSumsAddUpAndWrapRound() {
        // Fails when a sum is negated, saturates, or is known although a part of it is not.
        assertEquals(OptionalLong.of(4), batch(0, 1, summed(1, 7), summed(1, -3)).diffSum());
        assertEquals(
                OptionalLong.of(Long.MIN_VALUE),
                batch(0, 1, summed(1, Long.MAX_VALUE), summed(1, 1)).diffSum());
        assertEquals(OptionalLong.empty(), batch(0, 1, summed(1, 7), run(1)).diffSum());
        assertEquals(OptionalLong.empty(), run(1, OptionalLong.of(7), true).diffSum());
        assertEquals(OptionalLong.of(0), batch(0, 1, 0).diffSum());
    }

    @Test
    void anEmptyBatchJoinsAnEmptyNewestBatchAndNoOther() {
        // Fails when an empty batch skips newer data to join an older empty one, or a vacant level
        // hides it.
        Spine beside = spineOf(100);
        assertEquals(ApplyResult.EXACT, beside.applyTombstone(times(0, 1, 0)));
        beside.push(batch(1, 2, 0));
        assertEquals(List.of("[0-2][0][2][0] 1/0"), show(beside));
        Spine behind = spineOf(100, 1);
        assertEquals(ApplyResult.EXACT, behind.applyTombstone(times(0, 1, 0)));
        behind.push(batch(2, 3, 0));
        assertEquals(3, behind.snapshot().size());
        assertTrue(behind.validate().isEmpty());
    }
}
