package io.espalier.spine;

import static io.espalier.spine.Facts.at;
import static io.espalier.spine.Facts.batch;
import static io.espalier.spine.Facts.run;
import static io.espalier.spine.Facts.show;
import static io.espalier.spine.Facts.spineOf;
import static io.espalier.spine.Facts.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.FlatSpine.FlatBatch;
import io.espalier.spine.FlatSpine.FlatMerge;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class SpineFlattenTest {
    /**
     * Batches 0-2 and 2-3 that merge at level 10, 3-4 at level 7, 4-5 and a zero-width 5-6 that
     * merge at level 0; 0-2 is claimed.
     */
    private static FlatSpine sample() {
        Spine spine = new Spine();
        spine.push(batch(0, 1, 500));
        spine.push(batch(1, 2, 500));
        spine.push(batch(2, 3, 1000));
        spine.push(batch(3, 4, 100));
        spine.push(batch(4, 5, 1));
        assertTrue(spine.claim(new SpineId(0, 2), 77));
        FlatSpine flat = spine.flatten();
        List<IdHollowBatch> parts = new ArrayList<>(flat.parts());
        List<FlatBatch> batches = new ArrayList<>(flat.batches());
        List<FlatMerge> merges = new ArrayList<>(flat.merges());
        SpineId zeroWidth = new SpineId(5, 6);
        parts.add(new IdHollowBatch(zeroWidth, HollowBatch.empty(times(5, 5, 0))));
        batches.add(new FlatBatch(zeroWidth, 0, times(5, 5, 0), OptionalLong.empty()));
        merges.add(new FlatMerge(new SpineId(4, 6), at(0), 1));
        return new FlatSpine(at(0), at(5), 6, parts, batches, merges);
    }

    private static final FlatSpine SAMPLE = sample();

    private static FlatSpine with(FlatSpine flat, List<FlatBatch> batches, List<FlatMerge> merges) {
        return new FlatSpine(
                flat.since(), flat.upper(), flat.nextId(), flat.parts(), batches, merges);
    }

    private static FlatSpine withParts(FlatSpine flat, List<IdHollowBatch> parts) {
        return new FlatSpine(
                flat.since(), flat.upper(), flat.nextId(), parts, flat.batches(), flat.merges());
    }

    private static FlatSpine withPart(int index, IdHollowBatch part) {
        List<IdHollowBatch> parts = new ArrayList<>(SAMPLE.parts());
        parts.set(index, part);
        return withParts(SAMPLE, parts);
    }

    private static FlatSpine withBatch(int index, FlatBatch batch) {
        List<FlatBatch> batches = new ArrayList<>(SAMPLE.batches());
        batches.set(index, batch);
        return with(SAMPLE, batches, SAMPLE.merges());
    }

    private static FlatSpine withMerge(int index, FlatMerge merge) {
        List<FlatMerge> merges = new ArrayList<>(SAMPLE.merges());
        merges.set(index, merge);
        return with(SAMPLE, SAMPLE.batches(), merges);
    }

    private static <T> List<T> without(List<T> list, int index) {
        List<T> rest = new ArrayList<>(list);
        rest.remove(index);
        return rest;
    }

    private static void assertRefused(String reason, FlatSpine flat) {
        SpineFormatException refusal =
                assertThrows(
                        SpineFormatException.class, () -> Spine.unflatten(flat), flat.toString());
        assertTrue(String.valueOf(refusal.getMessage()).contains(reason), refusal.getMessage());
    }

    @Test
    void aFlattenedSpineComesBackWithItsStructure() throws SpineFormatException {
        // Fails when levels, remaining work, claims or batches without times are derived anew or
        // forgotten (S21).
        FlatSpine flat = SAMPLE;
        assertEquals(
                List.of(10, 10, 7, 0, 0), flat.batches().stream().map(FlatBatch::level).toList());
        assertEquals(
                List.of(
                        new FlatMerge(new SpineId(0, 3), at(0), 2000 - 1024 - 8),
                        flat.merges().getLast()),
                flat.merges());
        assertEquals(OptionalLong.of(77), flat.batches().getFirst().claimedAtMillis());
        Spine restored = Spine.unflatten(flat);
        assertEquals(flat, restored.flatten());
        assertEquals(flat.parts().stream().map(IdHollowBatch::batch).toList(), restored.snapshot());
        assertEquals(flat, Spine.unflatten(restored.flatten()).flatten());
        assertEquals(new Spine().flatten(), Spine.unflatten(new Spine().flatten()).flatten());
    }

    @Test
    void aRestoredSpineGoesOnAsTheOneThatWasStored() throws SpineFormatException {
        // Fails when something that steers later merges is not among the stored facts.
        Spine stored = spineOf(500, 500, 1000, 100, 1, 0, 0, 3);
        Spine restored = Spine.unflatten(stored.flatten());
        for (int i = 8; i < 60; i++) {
            HollowBatch next = batch(i, i + 1, i % 7);
            assertEquals(stored.push(next), restored.push(next));
            assertEquals(stored.exert(i), restored.exert(i));
        }
        assertEquals(show(stored), show(restored));
        assertEquals(stored.flatten(), restored.flatten());
    }

    @Test
    void aRestoredSpineKnowsItsRuns() throws SpineFormatException {
        // Fails when a run gets in a second time after reopening.
        Run run = run(1);
        Spine restored = Spine.unflatten(spineOf(batch(0, 1, run)).flatten());
        assertThrows(IllegalArgumentException.class, () -> restored.push(batch(1, 2, run)));
    }

    @Test
    void partsThatDoNotTileTheirBatchAreRefused() {
        // Fails when a hole, an overlap, a stranger or another span of time is read as a spine
        // (S22, S23).
        FlatSpine flat = SAMPLE;
        assertRefused(
                "batch 2-3 [2][3][0] has no parts", withParts(flat, without(flat.parts(), 2)));
        assertRefused(
                "part 1-2 begins at 1, expected 0", withParts(flat, without(flat.parts(), 0)));
        assertRefused(
                "its parts end at position 1, expected 2",
                withParts(flat, without(flat.parts(), 1)));
        assertRefused(
                "batch 0-2 [0][2][0] has no parts",
                withPart(0, new IdHollowBatch(new SpineId(7, 9), batch(0, 1, 1))));
        assertRefused(
                "at another time than [0]",
                withPart(0, new IdHollowBatch(new SpineId(0, 1), batch(1, 1, 0))));
        assertRefused(
                "its parts end at time [3], expected [2]",
                withPart(1, new IdHollowBatch(new SpineId(1, 2), batch(1, 3, 0))));
        assertRefused(
                "has part 0-1 with the later since [1]",
                withPart(
                        0,
                        new IdHollowBatch(new SpineId(0, 1), HollowBatch.empty(times(0, 1, 1)))));
        assertRefused(
                "which occurs twice",
                withPart(
                        1,
                        new IdHollowBatch(
                                new SpineId(1, 2),
                                batch(1, 2, flat.parts().getFirst().batch().runs().getFirst()))));
        List<IdHollowBatch> tooMany = new ArrayList<>(flat.parts());
        tooMany.add(new IdHollowBatch(new SpineId(6, 7), batch(5, 6, 1)));
        assertRefused("part 6-7 belongs to no batch", withParts(flat, tooMany));
    }

    @Test
    void lengthsThatNoSpineCanHoldAreRefused() {
        // Fails when a total wraps round, or a batch outgrows its level and with it the fuel of its
        // merge (S22).
        long huge = Long.MAX_VALUE - 1;
        assertRefused(
                "too many for level 10",
                withPart(0, new IdHollowBatch(new SpineId(0, 1), batch(0, 1, huge))));
        SpineId a = new SpineId(0, 1);
        SpineId b = new SpineId(1, 2);
        assertRefused(
                "updates, the limit is " + Spine.MAX_UPDATES,
                new FlatSpine(
                        at(0),
                        at(2),
                        2,
                        List.of(
                                new IdHollowBatch(a, batch(0, 1, huge)),
                                new IdHollowBatch(b, batch(1, 2, huge))),
                        List.of(
                                new FlatBatch(a, 65, times(0, 1, 0), OptionalLong.empty()),
                                new FlatBatch(b, 64, times(1, 2, 0), OptionalLong.empty())),
                        List.of()));
    }

    @Test
    void levelsThatNoSpineCanHaveAreRefused() {
        // Fails when a level out of bounds, out of order or overfull is read as a spine (S22).
        FlatSpine flat = SAMPLE;
        FlatBatch first = flat.batches().getFirst();
        for (int level : List.of(256, -1, Integer.MAX_VALUE, Integer.MIN_VALUE)) {
            assertRefused(
                    "is at level " + level + ", expected 0 to 255",
                    withBatch(
                            0,
                            new FlatBatch(
                                    first.id(),
                                    level,
                                    first.description(),
                                    first.claimedAtMillis())));
        }
        FlatBatch third = flat.batches().get(2);
        assertRefused(
                "is at level 11, expected 0 to 10",
                withBatch(
                        2,
                        new FlatBatch(third.id(), 11, third.description(), OptionalLong.empty())));
        assertRefused(
                "level 10, which has two older batches already",
                withBatch(
                        2,
                        new FlatBatch(third.id(), 10, third.description(), OptionalLong.empty())));
        assertRefused(
                "has 100 updates, too many for level 6",
                withBatch(
                        2,
                        new FlatBatch(third.id(), 6, third.description(), OptionalLong.empty())));
    }

    @Test
    void batchesThatDoNotChainAreRefused() {
        // Fails when ids or times of neighbours leave a gap, or the ends are not those of the spine
        // (S22).
        FlatSpine flat = SAMPLE;
        assertRefused(
                "does not follow batch 0-2", with(flat, without(flat.batches(), 1), flat.merges()));
        FlatBatch second = flat.batches().get(1);
        assertRefused(
                "does not follow batch 0-2",
                withBatch(1, new FlatBatch(second.id(), 10, times(3, 3, 0), OptionalLong.empty())));
        assertRefused(
                "follows time [0]",
                withBatch(
                        0,
                        new FlatBatch(
                                new SpineId(0, 2), 10, times(1, 2, 0), OptionalLong.empty())));
        assertRefused(
                "has a since beyond the spine's [0]",
                withBatch(
                        0,
                        new FlatBatch(
                                new SpineId(0, 2), 10, times(0, 2, 4), OptionalLong.empty())));
        assertRefused(
                "position 6, expected 7",
                new FlatSpine(at(0), at(5), 7, flat.parts(), flat.batches(), flat.merges()));
        assertRefused(
                "the next id is -1",
                new FlatSpine(at(0), at(5), -1, flat.parts(), flat.batches(), flat.merges()));
        assertRefused(
                "expected the upper [6]",
                new FlatSpine(at(0), at(6), 6, flat.parts(), flat.batches(), flat.merges()));
        assertRefused(
                "expected the upper [6]",
                new FlatSpine(at(0), at(6), 0, List.of(), List.of(), List.of()));
        assertRefused(
                "expected 3", new FlatSpine(at(0), at(0), 3, List.of(), List.of(), List.of()));
    }

    @Test
    void mergesThatNoSpineCanHaveAreRefused() {
        // Fails when a merge is missing, left over or at the wrong place, or could not be paid for
        // in time (S22).
        FlatSpine flat = SAMPLE;
        assertRefused(
                "the merge of 4-6 is missing",
                with(flat, flat.batches(), without(flat.merges(), 1)));
        assertRefused(
                "found the merge of 4-6, expected that of 0-3",
                with(flat, flat.batches(), without(flat.merges(), 0)));
        List<FlatMerge> tooMany = new ArrayList<>(flat.merges());
        tooMany.add(new FlatMerge(new SpineId(5, 6), at(0), 0));
        assertRefused("the merge of 5-6 belongs to no level", with(flat, flat.batches(), tooMany));
        assertRefused(
                "found the merge of 0-2",
                withMerge(0, new FlatMerge(new SpineId(0, 2), at(0), 10)));
        assertRefused(
                "beyond the spine's [0]",
                withMerge(0, new FlatMerge(new SpineId(0, 3), at(1), 10)));
        assertRefused(
                "-1 work to do, expected 0 to 2048",
                withMerge(0, new FlatMerge(new SpineId(0, 3), at(0), -1)));
        assertRefused(
                "2049 work to do, expected 0 to 2048",
                withMerge(0, new FlatMerge(new SpineId(0, 3), at(0), 2049)));
        FlatSpine advanced =
                new FlatSpine(
                        at(9),
                        flat.upper(),
                        flat.nextId(),
                        flat.parts(),
                        List.of(
                                new FlatBatch(
                                        new SpineId(0, 2),
                                        10,
                                        times(0, 2, 9),
                                        OptionalLong.empty()),
                                flat.batches().get(1),
                                flat.batches().get(2),
                                flat.batches().get(3),
                                flat.batches().get(4)),
                        flat.merges());
        assertRefused("before that of its input 0-2", advanced);
    }

    @Test
    void aMergeThatItsSuccessorWouldOvertakeIsRefused() {
        // Fails when a stored merge has so much to do, over so full a level, that a later push
        // meets it unfinished.
        SpineId[] ids = {
            new SpineId(0, 1), new SpineId(1, 2), new SpineId(2, 3), new SpineId(3, 4)
        };
        List<IdHollowBatch> parts = new ArrayList<>();
        List<FlatBatch> batches = new ArrayList<>();
        for (int i = 0; i < ids.length; i++) {
            parts.add(new IdHollowBatch(ids[i], batch(i, i + 1, i < 2 ? 16 : 8)));
            batches.add(
                    new FlatBatch(ids[i], i < 2 ? 4 : 3, times(i, i + 1, 0), OptionalLong.empty()));
        }
        FlatMerge lower = new FlatMerge(new SpineId(2, 4), at(0), 0);
        for (long work : List.of(0L, 1L)) {
            FlatMerge upper = new FlatMerge(new SpineId(0, 2), at(0), work);
            assertRefused(
                    "merges 0-2 with " + work + " work to do over 16 of weight below",
                    new FlatSpine(at(0), at(4), 4, parts, batches, List.of(upper, lower)));
        }
    }
}
