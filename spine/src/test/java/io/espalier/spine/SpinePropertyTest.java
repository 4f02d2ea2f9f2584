package io.espalier.spine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.Size;

/**
 * Histories of calls against a model that knows only what was pushed and which run stands for which
 * pushes.
 */
class SpinePropertyTest {
    /** One call; what the numbers mean depends on the kind. */
    record Call(Kind kind, long amount, int choice) {}

    enum Kind {
        PUSH,
        PUSH_EMPTY,
        EXERT,
        SWEEP,
        SINCE,
        ANSWER,
        ANSWER_PARTLY,
        REPLAY,
        CLAIM,
        REOPEN
    }

    @Provide
    Arbitrary<Call> calls() {
        Arbitrary<Long> amounts =
                Arbitraries.frequencyOf(
                        Tuple.of(6, Arbitraries.longs().between(0, 4)),
                        Tuple.of(4, Arbitraries.longs().between(0, 300)),
                        Tuple.of(
                                1,
                                Arbitraries.integers().between(0, 56).map(shift -> 1L << shift)));
        Arbitrary<Kind> kinds =
                Arbitraries.frequency(
                        Tuple.of(8, Kind.PUSH),
                        Tuple.of(2, Kind.PUSH_EMPTY),
                        Tuple.of(3, Kind.EXERT),
                        Tuple.of(2, Kind.SWEEP),
                        Tuple.of(1, Kind.SINCE),
                        Tuple.of(3, Kind.ANSWER),
                        Tuple.of(2, Kind.ANSWER_PARTLY),
                        Tuple.of(1, Kind.REPLAY),
                        Tuple.of(1, Kind.CLAIM),
                        Tuple.of(1, Kind.REOPEN));
        return Combinators.combine(kinds, amounts, Arbitraries.integers().between(0, 1000))
                .as(Call::new);
    }

    @Property(tries = 1500)
    void everyPushIsCoveredExactlyOnceWhateverHappens(
            @ForAll @Size(max = 120) List<@From("calls") Call> history)
            throws SpineFormatException {
        // Fails when a run is lost or doubled, ids or times leave a gap, a level overflows, a merge
        // runs late, or a stale answer is taken.
        SpineModel model = new SpineModel();
        for (Call call : history) {
            model.run(call);
            model.check();
        }
    }

    @Property(tries = 1500)
    void aPushFinishesEveryMergeUpToTwoLevelsAboveIt(
            @ForAll @Size(max = 60) List<@From("calls") Call> history,
            @ForAll("lengths") long updateCount)
            throws SpineFormatException {
        // Fails when fuel does not suffice, so that an insertion could meet a merge that is not
        // finished (S11).
        SpineModel model = new SpineModel();
        for (Call call : history) {
            model.run(call);
        }
        List<SpineId> before = mergesUpTo(Levels.MAX_LEVELS, model.spine.flatten());
        boolean fused = model.pushWouldFuse(updateCount);
        model.run(new Call(Kind.PUSH, updateCount, 0));
        model.check();
        List<SpineId> after =
                new ArrayList<>(
                        mergesUpTo(Levels.levelFor(updateCount) + 2, model.spine.flatten()));
        after.retainAll(before);
        assertTrue(
                fused || after.isEmpty(),
                () -> "unfinished after a push of " + updateCount + ": " + after);
    }

    @Provide
    Arbitrary<Long> lengths() {
        return Arbitraries.integers()
                .between(0, 12)
                .flatMap(bits -> Arbitraries.longs().between(0, 1L << bits));
    }

    private static List<SpineId> mergesUpTo(int level, FlatSpine flat) {
        List<SpineId> merges = new ArrayList<>();
        for (FlatSpine.FlatMerge merge : flat.merges()) {
            for (FlatSpine.FlatBatch batch : flat.batches()) {
                if (batch.id().first() == merge.id().first() && batch.level() <= level) {
                    merges.add(merge.id());
                }
            }
        }
        return merges;
    }

    @Property(tries = 300)
    void theNumberOfSpineBatchesIsLogarithmic(
            @ForAll @Size(min = 1, max = 300) List<@From("lengths") Long> lengths) {
        // Fails when a reader must look into more than two batches for each level that the data
        // fills.
        Spine spine = new Spine();
        long total = 0;
        for (int i = 0; i < lengths.size(); i++) {
            spine.push(Facts.batch(i, i + 1, lengths.get(i)));
            total += lengths.get(i);
            int batchCount = spine.flatten().batches().size();
            assertTrue(
                    batchCount <= 2 * (Levels.levelFor(total + i + 1) + 2),
                    batchCount + " batches for " + total + " updates in " + (i + 1) + " pushes");
        }
        assertEquals(Optional.empty(), spine.validate());
        assertEquals(total, spine.updateCount());
    }
}
