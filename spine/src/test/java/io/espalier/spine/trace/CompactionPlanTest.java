package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Replaced;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import io.espalier.spine.SpineId;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** How a request is cut into pieces that fit into memory. The size of a part is its cost. */
class CompactionPlanTest {

    private long nextRun = 1;

    private Run run(long cost) {
        long id = nextRun++;
        return new Run(
                new RunId(0, id),
                1,
                false,
                List.of(new PartRef("b" + id, id, 1, cost, OptionalLong.of(1))));
    }

    private static long cost(Run run) {
        return run.parts().stream().mapToLong(PartRef::sizeBytes).sum();
    }

    private static Description times(long lower, long upper, long since) {
        return new Description(Frontier.of(lower), Frontier.of(upper), Frontier.of(since));
    }

    /** A request over batches with runs of these costs; each batch covers one time. */
    private MergeRequest request(long since, long[]... batches) {
        List<IdHollowBatch> inputs = new ArrayList<>();
        for (int i = 0; i < batches.length; i++) {
            List<Run> runs = new ArrayList<>();
            for (long cost : batches[i]) {
                runs.add(run(cost));
            }
            inputs.add(
                    new IdHollowBatch(
                            new SpineId(i, i + 1), new HollowBatch(times(i, i + 1, 0), runs)));
        }
        return new MergeRequest(
                new SpineId(0, batches.length), times(0, batches.length, since), inputs);
    }

    private static String show(CompactionPlan plan) {
        List<String> pieces = new ArrayList<>();
        for (CompactionPlan.Piece piece : plan.pieces()) {
            String where =
                    switch (piece.replaced()) {
                        case Replaced.Range range -> range.id().toString();
                        case Replaced.Runs runs -> runs.partId() + "/";
                    };
            pieces.add(where + " x" + piece.runs().size() + (piece.kept() ? " kept" : ""));
        }
        return pieces + " " + plan.violations();
    }

    private static String plan(MergeRequest request, long bound) {
        return show(CompactionPlan.of(request, CompactionPlanTest::cost, bound));
    }

    @Test
    void allThatFitsIsDoneAtOnce() {
        // fails if a request is cut without need
        assertEquals("[0-4 x4] 0", plan(request(0, l(1), l(1), l(1), l(1)), 4));
    }

    @Test
    void wholeBatchesAreMixedWhileTheyFit() {
        // fails if a piece exceeds the bound though two runs fit, or a single batch is rewritten
        assertEquals("[0-2 x2, 2-4 x2] 0", plan(request(0, l(1), l(1), l(1), l(1), l(1)), 2));
        assertEquals("[1-2 x2] 0", plan(request(0, l(2), l(1, 1)), 2));
    }

    @Test
    void twoRunsAreTakenEvenOverTheBoundAndCounted() {
        // fails if a bound below two runs stops compaction for ever (S26)
        assertEquals("[0-2 x2, 2-4 x2] 2", plan(request(0, l(9), l(9), l(9), l(9)), 0));
    }

    @Test
    void aBatchThatDoesNotFitIsTakenApartByItsRuns() {
        // fails if runs of a large batch are mixed with those of others, or one run is rewritten
        assertEquals("[1-2/ x2, 1-2/ x2] 0", plan(request(0, l(1), l(5, 5, 5, 5, 5), l(1)), 10));
    }

    @Test
    void emptyBatchesCostNothing() {
        // fails if ten empty batches between two of data change the pieces (S26)
        long[][] batches = new long[12][0];
        batches[0] = l(5);
        batches[11] = l(5);
        assertEquals("[0-12 x2] 0", plan(request(0, batches), 10));
    }

    @Test
    void aSingleRunAmongEmptyBatchesIsNotCopied() {
        // fails if bytes are written for nothing, or the empty batches stay for ever
        assertEquals("[0-3 x1 kept] 0", plan(request(0, l(), l(7), l()), 1));
        // what is to be advanced has to be rewritten
        assertEquals("[0-3 x1] 0", plan(request(2, l(), l(7), l()), 1));
    }

    private static long[] l(long... costs) {
        return costs;
    }

    @Property(tries = 300)
    void repeatedUnderAnyBoundOneRunIsLeft(
            @ForAll @IntRange(min = 1, max = 40) int pushes,
            @ForAll @LongRange(min = 0, max = 60) long bound,
            @ForAll long seed) {
        // fails if some request is answered by nothing, or for ever, or by what is refused
        Random random = new Random(seed);
        Spine spine = new Spine();
        for (int i = 0; i < pushes; i++) {
            List<Run> runs = new ArrayList<>();
            for (int r = random.nextInt(4); r > 0; r--) {
                runs.add(run(1 + random.nextInt(20)));
            }
            if (random.nextInt(5) == 0 && i > 0) {
                spine.downgradeSince(Frontier.of(i));
            }
            long since = spine.since().epoch();
            spine.push(new HollowBatch(times(i, i + 1, since), runs));
        }
        for (int round = 0; runCount(spine) > 1; round++) {
            assertTrue(round < 200, "no end");
            int before = runCount(spine);
            List<MergeRequest> requests = spine.requestsBefore(Long.MAX_VALUE, 0);
            for (MergeRequest request : requests) {
                answer(spine, request, bound);
            }
            if (requests.isEmpty() || runCount(spine) == before) {
                assertTrue(requests.isEmpty(), "a round of compaction that joined nothing");
                spine.exert(Math.max(1, 2 * spine.updateCount()));
            }
        }
        assertEquals(java.util.Optional.empty(), spine.validate());
    }

    private void answer(Spine spine, MergeRequest request, long bound) {
        CompactionPlan plan = CompactionPlan.of(request, CompactionPlanTest::cost, bound);
        assertFalse(plan.pieces().isEmpty());
        for (CompactionPlan.Piece piece : plan.pieces()) {
            long cost = piece.runs().stream().mapToLong(CompactionPlanTest::cost).sum();
            assertTrue(cost <= bound || piece.runs().size() <= 2, piece::toString);
            List<Run> output = piece.kept() ? piece.runs() : List.of(merged(piece.runs()));
            MergeResult result =
                    new MergeResult(
                            piece.replaced(),
                            new HollowBatch(piece.description(), output),
                            OptionalLong.empty());
            assertTrue(spine.apply(result).applied(), piece::toString);
        }
    }

    private Run merged(List<Run> runs) {
        long id = nextRun++;
        long updates = runs.stream().mapToLong(Run::updateCount).sum();
        long cost = runs.stream().mapToLong(CompactionPlanTest::cost).max().orElseThrow();
        return new Run(
                new RunId(0, id),
                1,
                false,
                List.of(new PartRef("b" + id, id, updates, cost, OptionalLong.of(updates))));
    }

    private static int runCount(Spine spine) {
        return spine.snapshot().stream().mapToInt(batch -> batch.runs().size()).sum();
    }
}
