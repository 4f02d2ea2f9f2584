package io.espalier.spine;

import static io.espalier.spine.Facts.at;
import static io.espalier.spine.Facts.batch;
import static io.espalier.spine.Facts.spineOf;
import static io.espalier.spine.Facts.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a log keeps of a spine, and what it refuses to make of it. */
class SpineChangeTest {

    private static SpineChange change(
            SpineChange of, List<SpineId> gone, List<IdHollowBatch> added) {
        return new SpineChange(
                of.since(), of.upper(), of.nextId(), gone, added, of.batches(), of.merges());
    }

    private static void assertRefused(String reason, Spine spine, SpineChange change) {
        FlatSpine before = spine.flatten();
        SpineFormatException refusal =
                assertThrows(SpineFormatException.class, () -> spine.changed(change));
        assertTrue(String.valueOf(refusal.getMessage()).contains(reason), refusal.getMessage());
        assertEquals(before, spine.flatten());
        assertTrue(spine.validate().isEmpty());
    }

    @Test
    void aPushIsOnePartHoweverManyThereAre() throws SpineFormatException {
        // Fails when what a commit writes grows with the number of parts.
        Spine spine = new Spine();
        for (int i = 0; i < 3000; i++) {
            Spine before = spine.copy();
            spine.push(batch(i, i + 1, 1000));
            SpineChange change = spine.changeFrom(before);
            assertEquals(List.of(), change.gone());
            assertEquals(1, change.added().size());
            assertTrue(change.batches().size() <= 2 * 22, change.batches().toString());
        }
        Spine before = spine.copy();
        assertEquals(3000, spine.changeFrom(new Spine()).added().size());
        assertEquals(spine.flatten(), new Spine().changed(spine.changeFrom(new Spine())).flatten());
        assertEquals(List.of(), spine.changeFrom(before).added());
    }

    @Test
    void aCompactionIsWhatItReplacesAndItsResult() {
        // Fails when parts that nobody touched are written again.
        Spine spine = spineOf(1, 1, 1, 1, 100);
        MergeRequest request = spine.requestsBefore(0, 0).getFirst();
        Spine before = spine.copy();
        HollowBatch output = new HollowBatch(request.description(), List.of(Facts.run(4)));
        assertEquals(ApplyResult.EXACT, spine.apply(MergeResult.of(request, output)));
        SpineChange change = spine.changeFrom(before);
        assertEquals(request.inputs().stream().map(IdHollowBatch::id).toList(), change.gone());
        assertEquals(List.of(new IdHollowBatch(request.id(), output)), change.added());
    }

    @Test
    void aClaimAloneMovesNoPart() {
        // Fails when noting that somebody compacts a batch costs what the batch holds.
        Spine spine = spineOf(1, 1, 1, 1, 100);
        Spine before = spine.copy();
        assertTrue(spine.claim(spine.requestsBefore(0, 0).getFirst().id(), 7));
        SpineChange change = spine.changeFrom(before);
        assertEquals(List.of(), change.gone());
        assertEquals(List.of(), change.added());
        assertEquals(7, change.batches().getFirst().claimedAtMillis().orElseThrow());
    }

    @Test
    void changesThatDoNotFitAreRefused() {
        // Fails when a record of another spine, or a damaged one, is taken in.
        Spine spine = spineOf(4, 0, 4);
        Spine next = spine.copy();
        next.push(batch(3, 4, 2));
        SpineChange good = next.changeFrom(spine);
        IdHollowBatch part = good.added().getFirst();
        assertRefused("is to go, but is not there", spine, change(good, ids(7, 8), good.added()));
        assertRefused("is to go, but is not there", spine, change(good, ids(0, 2), good.added()));
        assertRefused("", spine, change(good, ids(0, 1), good.added()));
        assertRefused("has no parts", spine, change(good, List.of(), List.of()));
        assertRefused("", spine, change(good, List.of(), List.of(part, part)));
        IdHollowBatch beyond = new IdHollowBatch(new SpineId(9, 10), part.batch());
        assertRefused(
                "part 9-10 belongs to no batch",
                spine,
                change(good, List.of(), List.of(part, beyond)));
        Run old = spine.snapshot().getFirst().runs().getFirst();
        IdHollowBatch again =
                new IdHollowBatch(part.id(), new HollowBatch(times(3, 4, 0), List.of(old)));
        assertRefused("which occurs twice", spine, change(good, List.of(), List.of(again)));
    }

    @Test
    void nothingGoesBack() {
        // Fails when since, upper or the ids of a collection return to what they were.
        Spine spine = spineOf(4, 4);
        Spine next = spine.copy();
        next.push(batch(2, 3, 1));
        next.downgradeSince(at(1));
        assertRefused("it goes back", next, spine.changeFrom(next));
        SpineChange same = next.changeFrom(next);
        assertRefused(
                "it goes back",
                next,
                new SpineChange(
                        at(0),
                        same.upper(),
                        same.nextId(),
                        List.of(),
                        List.of(),
                        same.batches(),
                        same.merges()));
    }

    @Test
    void detachedSpinesGoTheirOwnWays() {
        // Fails when one of two spines takes a run in because the other has, or refuses it.
        Spine one = spineOf(1, 2, 3);
        Spine other = one.detached();
        List<Spine> both = new ArrayList<>(List.of(one, other));
        for (int i = 3; i < 40; i++) {
            HollowBatch next = batch(i, i + 1, 1 + i % 5);
            both.forEach(spine -> spine.push(next));
            assertEquals(one.flatten(), other.flatten());
            assertTrue(one.validate().isEmpty());
            assertTrue(other.validate().isEmpty());
        }
    }

    private static List<SpineId> ids(long first, long end) {
        return List.of(new SpineId(first, end));
    }
}
