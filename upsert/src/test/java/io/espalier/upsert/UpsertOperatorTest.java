package io.espalier.upsert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.pager.SpillException;
import io.espalier.upsert.Feedback.Difference;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the operator promises, scenario by scenario: memory is enough, or everything is paged. */
class UpsertOperatorTest {

    private static final long PLENTY = 64 << 20;

    private static List<String> texts(List<Difference> differences) {
        return differences.stream().map(Difference::toString).toList();
    }

    private static Difference difference(String key, String value, long time, long diff) {
        return new Difference(key, value, time, diff);
    }

    @Test
    void aNewKeyIsInserted() {
        // fails if a command is not decided, or at another time
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("k", "A", 1, 0);
            f.operator.advanceInput(1);
            assertEquals(List.of("+k=A@0"), texts(f.drain(0)));
            assertEquals(new DrainStats(1, 1, 0, 0, 1, 0), f.last);
        }
    }

    @Test
    void ofSeveralCommandsAtOneTimeTheGreatestOrderWins() {
        // fails if arrival decides, or a tombstone gets lost in folding
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("a", "late", 2, 0);
            f.set("a", "early", 1, 0);
            f.set("b", "early", 1, 0);
            f.set("b", "late", 2, 0);
            f.set("c", "x", 1, 0);
            f.delete("c", 2, 0);
            f.set("d", "x", 2, 0);
            f.delete("d", 1, 0);
            f.set("e", "same", 7, 0);
            f.set("e", "same", 7, 0);
            f.operator.advanceInput(1);
            assertEquals(
                    List.of("+a=late@0", "+b=late@0", "+d=x@0", "+e=same@0"), texts(f.drain(0)));
        }
    }

    @Test
    void valuesOfEarlierTimesAreRetracted() {
        // fails if what the feedback holds is not found, whatever the order keys arrived in
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("k0", "v1", 1, 0);
            f.operator.advanceInput(2);
            assertEquals(List.of("+k0=v1@0"), texts(f.drain(0)));
            f.delete("k1", 2, 2);
            f.set("k0", "v3", 3, 3);
            f.set("k0", "v4", 4, 3);
            f.operator.advanceInput(4);
            assertEquals(List.of(), texts(f.drain(1)));
            assertEquals(List.of(), texts(f.drain(2)));
            assertEquals(new DrainStats(1, 0, 0, 0, 0, 0), f.last);
            assertEquals(List.of("-k0=v1@3", "+k0=v4@3"), texts(f.drain(3)));
            assertEquals(new DrainStats(1, 0, 1, 0, 2, 0), f.last);
        }
    }

    @Test
    void keysOfEarlierTimesMayComeInAnyOrder() {
        // fails if the lookup depends on when a key came
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("z", "1", 1, 0);
            f.set("a", "1", 2, 1);
            f.operator.advanceInput(2);
            f.drain(0);
            f.drain(1);
            f.set("a", "2", 3, 2);
            f.set("z", "2", 4, 2);
            f.operator.advanceInput(3);
            assertEquals(List.of("-a=1@2", "+a=2@2", "-z=1@2", "+z=2@2"), texts(f.drain(2)));
        }
    }

    @Test
    void whatOnlyTheFeedbackKnowsIsRetracted() {
        // fails if the operator trusts its own memory more than the trace
        try (Feedback f = new Feedback(PLENTY)) {
            f.feed(difference("k", "old", 0, 1));
            f.set("k", "new", 1, 1);
            f.operator.advanceInput(2);
            assertEquals(List.of("+k=new@1", "-k=old@1"), texts(f.drain(1)));
        }
    }

    @Test
    void theSameValueAgainChangesNothing() {
        // fails if an update to an equal value comes out
        try (Feedback f = new Feedback(PLENTY)) {
            f.feed(difference("k", "same", 0, 1));
            f.set("k", "same", 1, 1);
            f.operator.advanceInput(2);
            assertEquals(List.of(), texts(f.drain(1)));
            assertEquals(new DrainStats(1, 0, 1, 0, 0, 0), f.last);
        }
    }

    @Test
    void deletingIsARetractionOrNothing() {
        // fails if a tombstone of an absent key does anything, or a reinsertion retracts
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("k", "a", 1, 0);
            f.delete("nobody", 2, 0);
            f.delete("k", 3, 1);
            f.set("k", "b", 4, 2);
            f.operator.closeInput();
            assertEquals(List.of("+k=a@0"), texts(f.drain(0)));
            assertEquals(List.of("-k=a@1"), texts(f.drain(1)));
            assertEquals(new DrainStats(1, 0, 0, 1, 1, 0), f.last);
            assertEquals(List.of("+k=b@2"), texts(f.drain(2)));
        }
    }

    @Test
    void historyInTheFeedbackIsSummedUp() {
        // fails if a retracted value is retracted again
        try (Feedback f = new Feedback(PLENTY)) {
            f.feed(difference("k", "A", 0, 1));
            f.feed(difference("k", "A", 1, -1), difference("k", "B", 1, 1));
            f.set("k", "C", 1, 2);
            f.operator.advanceInput(3);
            assertEquals(List.of("-k=B@2", "+k=C@2"), texts(f.drain(2)));
        }
    }

    @Test
    void aTraceWithTwoValuesOfAKeyIsRefused() {
        // fails if damage of the feedback goes on into the differences
        try (Feedback f = new Feedback(PLENTY)) {
            f.feed(difference("k", "A", 0, 1), difference("k", "B", 0, 1));
            f.set("k", "C", 1, 1);
            f.operator.advanceInput(2);
            assertThrows(IllegalStateException.class, () -> f.drainOnly(1, f.trace));
            f.operator.settle(false);
        }
        try (Feedback f = new Feedback(PLENTY)) {
            f.feed(difference("k", "A", 0, 2));
            f.set("k", "C", 1, 1);
            f.operator.advanceInput(2);
            assertThrows(IllegalStateException.class, () -> f.drainOnly(1, f.trace));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, PLENTY})
    void commandsOfLaterTimesWait(long budgetBytes) {
        // fails if a time is decided early, twice or never
        try (Feedback f = new Feedback(budgetBytes)) {
            f.set("k", "five", 1, 5);
            f.set("k", "six", 2, 6);
            f.set("k", "seven", 3, 7);
            f.operator.advanceInput(8);
            assertEquals(List.of(), texts(f.drain(4)));
            assertEquals(List.of("+k=five@5"), texts(f.drain(5)));
            assertEquals(List.of(), texts(f.drain(5)));
            assertEquals(List.of("-k=five@6", "+k=six@6"), texts(f.drain(6)));
            assertEquals(List.of("+k=seven@7", "-k=six@7"), texts(f.drain(7)));
            assertTrue(f.operator.isEmpty());
        }
    }

    @Test
    void commandsThatTheTraceHasPassedAreDropped() {
        // fails if stale commands stay and hold the frontier for ever
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("k", "five", 1, 5);
            f.set("k", "seven", 2, 7);
            f.operator.advanceInput(11);
            assertEquals(List.of(), texts(f.drain(10)));
            assertEquals(2, f.last.dropped());
            assertTrue(f.operator.isEmpty());
            f.set("k", "twelve", 3, 12);
            f.operator.advanceInput(13);
            assertEquals(List.of(), texts(f.drain(11)));
            assertEquals(List.of("+k=twelve@12"), texts(f.drain(12)));
        }
    }

    @Test
    void commandsBelowThePromiseAreRefused() {
        // fails if time can go backwards unnoticed
        try (Feedback f = new Feedback(PLENTY)) {
            f.operator.advanceInput(100);
            assertThrows(IllegalArgumentException.class, () -> f.set("k", "v", 1, 99));
            f.set("k", "v", 1, 100);
            assertThrows(IllegalArgumentException.class, () -> f.operator.advanceInput(99));
            f.operator.closeInput();
            assertThrows(IllegalArgumentException.class, () -> f.set("k", "v", 1, 100));
            assertEquals(List.of("+k=v@100"), texts(f.drain(100)));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, PLENTY})
    void manyKeysAtOneTimeAreDecidedWindowByWindow(long budgetBytes) {
        // fails if a key at the edge of a window is lost, or spilling changes an answer
        try (Feedback f = new Feedback(budgetBytes)) {
            List<String> wanted = new ArrayList<>();
            for (int i = 0; i < 1500; i++) {
                String key = String.format("key%04d", i);
                f.set(key, "old" + i, i, 0);
                f.set(key, "new" + i, i, 1);
                wanted.add("+" + key + "=new" + i + "@1");
                wanted.add("-" + key + "=old" + i + "@1");
            }
            f.operator.advanceInput(2);
            assertEquals(1500, f.drain(0).size());
            assertEquals(wanted, texts(f.drain(1)));
            if (budgetBytes == 0) {
                assertTrue(f.pager.stats().pagedOut().count() > 0);
            }
        }
    }

    @Test
    void largeValuesAmongSmallOnesAreAllRetracted() {
        // fails if a window that turned out too large loses or doubles a key when it is cut
        try (Feedback f = new Feedback(0)) {
            String large = "x".repeat(1 << 20);
            for (int i = 0; i < 32; i++) {
                f.set("large" + i, large + i, i, 0);
            }
            for (int i = 0; i < 20_000; i++) {
                f.set("small" + i, "", i, 0);
            }
            f.operator.advanceInput(1);
            f.drain(0);
            for (int i = 0; i < 32; i++) {
                f.delete("large" + i, i, 1);
            }
            f.operator.advanceInput(2);
            assertEquals(32, f.drain(1).size());
            assertEquals(new DrainStats(32, 0, 0, 32, 32, 0), f.last);
            assertEquals(20_000, f.table().size());
        }
    }

    @Test
    void nothingIsMergedWhileNothingCanBeDecided() {
        // fails if waking up costs a pass over everything that waits
        try (Feedback f = new Feedback(PLENTY)) {
            f.operator.advanceInput(5);
            f.set("k", "v", 1, 5);
            for (int i = 0; i < 10_000; i++) {
                f.drainOnly(5, f.trace).close();
                f.drainOnly(4, f.trace).close();
            }
            assertEquals(0, f.operator.sealCount());
            f.operator.advanceInput(9);
            f.drainOnly(8, f.trace).close();
            f.operator.settle(true);
            assertEquals(1, f.operator.sealCount());
            assertEquals(1, f.last.dropped());
        }
    }

    @Test
    void aClosedInputIsDrainedToItsEnd() {
        // fails if what waits above the trace's upper is forgotten at the end of the input
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("k", "v", 1, 3);
            f.operator.closeInput();
            assertEquals(List.of(), texts(f.drain(0)));
            assertFalse(f.operator.isEmpty());
            assertEquals(List.of("+k=v@3"), texts(f.drain(3)));
            assertTrue(f.operator.isEmpty());
            assertEquals(List.of(), texts(f.drain(4)));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, PLENTY})
    void whatIsNotAppendedIsDecidedAgain(long budgetBytes) {
        // fails if a commit that failed costs a command, or the epoch cannot go on
        try (Feedback f = new Feedback(budgetBytes)) {
            f.feed(difference("a", "0", 0, 1), difference("b", "0", 0, 1));
            f.set("a", "1", 1, 1);
            f.delete("b", 2, 1);
            f.operator.advanceInput(2);
            f.drainOnly(1, f.trace).close();
            assertThrows(IllegalStateException.class, () -> f.drainOnly(1, f.trace));
            assertThrows(IllegalStateException.class, () -> f.operator.reopenInput(1));
            f.operator.settle(false);
            f.operator.reopenInput(1);
            f.set("c", "1", 3, 1);
            f.set("a", "2", 4, 1);
            f.operator.advanceInput(2);
            assertEquals(List.of("-a=0@1", "+a=2@1", "-b=0@1", "+c=1@1"), texts(f.drain(1)));
            f.operator.reopenInput(2);
            assertThrows(IllegalArgumentException.class, () -> f.operator.reopenInput(1));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, PLENTY})
    void aTraceThatCannotBeReadHalfWayLosesNothing(long budgetBytes) {
        // fails if commands are gone after a drain that threw, or a lease is
        try (Feedback f = new Feedback(budgetBytes)) {
            TreeMap<String, String> wanted = new TreeMap<>();
            for (int i = 0; i < 3000; i++) {
                f.set("key" + i, "old", i, 0);
                wanted.put("key" + i, "new");
            }
            f.operator.advanceInput(1);
            f.drain(0);
            for (int i = 0; i < 3000; i++) {
                f.set("key" + i, "new", i, 1);
            }
            f.operator.advanceInput(2);
            long chunks = f.trace.getFirst().chunkCount();
            assertTrue(chunks > 3);
            for (long bad = 0; bad < chunks; bad += chunks / 3) {
                Run damaged = new DamagedRun((Batch) f.trace.getFirst(), bad);
                assertThrows(IllegalStateException.class, () -> f.drainOnly(1, List.of(damaged)));
                f.operator.settle(false);
            }
            assertEquals(6000, f.drain(1).size());
            assertEquals(wanted, f.table());
        }
    }

    @Test
    void aFullDiskLosesNothing() throws IOException {
        // fails if a command is gone or doubled because its pages could not be written
        try (Feedback f = new Feedback(0)) {
            TreeMap<String, String> wanted = new TreeMap<>();
            String filler = "v".repeat(500);
            f.set("key0", "x", 0, 0);
            Files.delete(f.spill);
            Files.createFile(f.spill);
            int i = 0;
            int refused = 0;
            while (refused < 10 && i < 100_000) {
                try {
                    f.set("key" + i, filler + i, 1 + i, 0);
                    wanted.put("key" + i, filler + i);
                    i++;
                } catch (SpillException e) {
                    refused++;
                }
            }
            assertEquals(10, refused);
            f.operator.advanceInput(1);
            assertThrows(SpillException.class, () -> f.drainOnly(0, f.trace));
            f.operator.settle(false);
            Files.delete(f.spill);
            Files.createDirectory(f.spill);
            f.operator.reopenInput(0);
            f.set("last", "one", 1 + i, 0);
            wanted.put("last", "one");
            f.operator.advanceInput(1);
            assertEquals(wanted.size(), f.drain(0).size());
            assertEquals(wanted, f.table());
        }
    }

    @Test
    void whatWaitsCanBeForgotten() {
        // fails if a rolled back command comes out
        try (Feedback f = new Feedback(PLENTY)) {
            f.set("k", "v", 1, 0);
            f.operator.clear();
            assertTrue(f.operator.isEmpty());
            f.set("j", "w", 2, 0);
            f.operator.advanceInput(1);
            assertEquals(List.of("+j=w@0"), texts(f.drain(0)));
        }
    }

    /** A batch with a chunk that cannot be read. */
    private record DamagedRun(Batch batch, long bad) implements Run {
        @Override
        public TrieType type() {
            return batch.type();
        }

        @Override
        public long chunkCount() {
            return batch.chunkCount();
        }

        @Override
        public long updateCount() {
            return batch.updateCount();
        }

        @Override
        public long sizeBytes() {
            return batch.sizeBytes();
        }

        @Override
        public long seek(Column probes, long probe, long from) {
            return batch.seek(probes, probe, from);
        }

        @Override
        public ChunkPin open(long index, TrieView view) {
            if (index == bad) {
                throw new IllegalStateException("chunk " + index + " is damaged");
            }
            return batch.open(index, view);
        }
    }
}
