package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Replaced;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.ExternalCompaction.Answer;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Large compactions go a range of keys at a time, and let go of what is done. */
class RangeCompactionTest {

    private static final TraceStoreOptions OPTIONS =
            TraceStoreOptions.defaults()
                    .withCompaction(false)
                    .withCompactionPatienceMillis(0)
                    .withChunkBytes(400);

    private static final long PART_BYTES = 4000;
    private static final int ROWS = 1000;

    @TempDir Path folder = Path.of("");

    private SimulatedDisk disk = new SimulatedDisk(5);
    private final AtomicLong clock = new AtomicLong(1_000_000);
    private NativeMemory memory = NativeMemory.open();
    private Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
    private Map<String, String> model = new TreeMap<>();

    @BeforeEach
    void open() {
        pager.close();
        memory.close();
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
    }

    @AfterEach
    void close() {
        assertEquals(0, memory.stats().leases());
        pager.close();
        memory.close();
    }

    private TraceStore store() {
        TraceStore store =
                TraceStore.open(
                        disk,
                        Mode.OPEN_OR_CREATE,
                        pager,
                        OPTIONS,
                        StoreDirectory.Options.defaults(),
                        clock::get);
        store.compaction().setPartBytesMin(PART_BYTES);
        return store;
    }

    private static Trace trace(TraceStore store) {
        return store.findOrCreate("a");
    }

    /** Commits a change of the rows, and forgets the history before {@code since}. */
    private void commit(TraceStore store, long since, UnaryOperator<Map<String, String>> change) {
        long epoch = store.upper();
        Map<String, String> after = change.apply(new TreeMap<>(model));
        try (Commit commit = store.begin()) {
            Rows.appendChange(memory, commit.writer(trace(store)), model, after, epoch);
            commit.downgradeSince(since);
            commit.commit(epoch);
        }
        model = after;
    }

    private static String key(int row) {
        return String.format(Locale.ROOT, "key-%06d", row);
    }

    /** Sets every {@code step}-th of some rows. */
    private void set(TraceStore store, int from, int to, int step) {
        long epoch = store.upper();
        commit(
                store,
                epoch,
                rows -> {
                    for (int row = from; row < to; row += step) {
                        rows.put(key(row), "value " + epoch);
                    }
                    return rows;
                });
    }

    /** A store whose trace is one run of many files. */
    private TraceStore filled() {
        TraceStore store = store();
        set(store, 0, ROWS, 2);
        set(store, 1, ROWS, 2);
        store.compact();
        assertTrue(runs(store).getFirst().parts().size() >= 8);
        return store;
    }

    private static List<Run> runs(TraceStore store) {
        return trace(store).spine().snapshot().stream()
                .flatMap(batch -> batch.runs().stream())
                .toList();
    }

    private static List<Long> files(TraceStore store) {
        return runs(store).stream()
                .flatMap(run -> run.parts().stream())
                .map(PartRef::fileId)
                .toList();
    }

    private long bytesOnDisk() {
        return disk.files().stream()
                .filter(name -> name.startsWith("batches/"))
                .mapToLong(name -> disk.bytes(name).length)
                .sum();
    }

    /** Reads all rows in each way that there is. */
    private void check(TraceStore store) {
        long now = store.upper() - 1;
        List<String> keys = new ArrayList<>(model.keySet());
        keys.add("absent");
        keys.add("key-000001x");
        try (TraceSnapshot snapshot = trace(store).snapshot()) {
            assertEquals(model, Rows.read(memory, snapshot, now));
            assertEquals(model, Rows.scan(snapshot, now, false));
            assertEquals(model, Rows.scan(snapshot, now, true));
            assertEquals(model, Rows.lookUp(memory, snapshot, keys, now));
        }
    }

    private static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    @Test
    void keysThatGrowAreWrittenOnce() {
        // fails if what overlaps with nothing is written again with each merge
        try (TraceStore store = store()) {
            long committed = 0;
            for (int epoch = 0; epoch < 40; epoch++) {
                set(store, 200 * epoch, 200 * (epoch + 1), 1);
                committed += runs(store).getLast().parts().getFirst().sizeBytes();
                if (epoch % 4 == 3) {
                    Set<Long> before = new HashSet<>(files(store));
                    store.compact();
                    assertEquals(1, trace(store).runCount());
                    assertTrue(before.containsAll(files(store)));
                }
            }
            assertTrue(committed > 40 * PART_BYTES / CompactionSource.MOVED_SHARE);
            assertEquals(0, store.compactionStats().bytesWritten());
            assertEquals(0, store.compactionStats().bytesRead());
            assertEquals(40, runs(store).getFirst().parts().size());
            check(store);
        }
        // and after a restart they are what they were
        try (TraceStore store = store()) {
            assertEquals(40, runs(store).getFirst().parts().size());
            check(store);
        }
        assertTrue(TraceStore.verify(disk, pager, damage -> {}).isWhole());
    }

    @Test
    void smallCommitsOfGrowingKeysDoNotBecomeEverMoreFiles() {
        // fails if each commit stays a file of its own for ever
        try (TraceStore store = store()) {
            long committed = 0;
            for (int epoch = 0; epoch < 200; epoch++) {
                set(store, 5 * epoch, 5 * (epoch + 1), 1);
                committed += runs(store).getLast().parts().getFirst().sizeBytes();
                if (epoch % 20 == 19) {
                    store.compact();
                }
            }
            long bytes = bytesOnDisk();
            int parts = runs(store).getFirst().parts().size();
            assertTrue(parts <= bytes / (PART_BYTES / CompactionSource.MOVED_SHARE) + 1);
            assertTrue(store.compactionStats().bytesWritten() < 2 * committed);
            check(store);
        }
    }

    @Test
    void ofWhatIsFoldedOnlyAPartIsThereTwice() {
        // fails if inputs stay until all is done, or a read on the way sees half of it
        try (TraceStore store = filled()) {
            long compact = bytesOnDisk();
            for (int i = 0; i < 6; i++) {
                set(store, i, ROWS, 30);
            }
            long before = bytesOnDisk();
            long garbage = before - compact;
            AtomicLong most = new AtomicLong();
            AtomicLong steps = new AtomicLong();
            store.compactor().setFuel(20);
            store.compactor()
                    .beforeEachStep(() -> {
                        most.accumulateAndGet(bytesOnDisk(), Math::max);
                        if (steps.incrementAndGet() % 5 == 0) {
                            check(store);
                        }
                    });
            store.compact();
            store.compactor().beforeEachStep(() -> {});
            check(store);
            assertEquals(1, trace(store).runCount());
            assertTrue(store.compaction().counters().ranges.sum() >= 5);
            assertTrue(store.compaction().counters().cut.sum() >= 6);
            // what is small is there twice for a moment, and of what is large a part or two
            long room = before + 2 * garbage + 2 * PART_BYTES;
            assertTrue(most.get() <= room, () -> most + " of " + compact + " and " + garbage);
            assertTrue(room < before + compact);
        }
    }

    @Test
    void aFoldThatIsInterruptedAnywhereGoesOnWhereItWas() {
        // fails if a state in between is wrong, is taken for folded, or is done anew from the start
        long whole = -1;
        int interrupted = 0;
        for (int step = 0; ; step++) {
            disk = new SimulatedDisk(step);
            model = new TreeMap<>();
            try (TraceStore store = filled()) {
                for (int i = 0; i < 3; i++) {
                    set(store, i, ROWS, 20);
                }
                long before = store.compactionStats().bytesWritten();
                AtomicLong left = new AtomicLong(step);
                store.compactor().setFuel(60);
                store.compactor()
                        .beforeEachStep(() -> {
                            if (left.getAndDecrement() == 0) {
                                throw new Interrupted();
                            }
                        });
                boolean done = false;
                try {
                    store.compact();
                    done = true;
                } catch (Interrupted e) {
                    interrupted++;
                }
                store.compactor().beforeEachStep(() -> {});
                check(store);
                if (done) {
                    assertTrue(interrupted > 20, "only " + interrupted);
                    break;
                }
                assertTrue(trace(store).runCount() > 1);
                assertTrue(Garbage.amount(trace(store).spine()).garbage() > 0);
                store.compact();
                assertEquals(1, trace(store).runCount());
                assertEquals(0, Garbage.amount(trace(store).spine()).garbage());
                check(store);
                assertEquals(ROWS, runs(store).getFirst().updateCount());
                // at most the pass over what is small, and the range under way, were in vain
                long written = store.compactionStats().bytesWritten() - before;
                whole = whole < 0 ? written : whole;
                assertTrue(written <= whole + whole / 3, written + " of " + whole);
            }
            try (TraceStore store = store()) {
                check(store);
                assertEquals(
                        files(store).size(),
                        disk.files().stream().filter(n -> n.startsWith("batches/")).count());
            }
            assertTrue(TraceStore.verify(disk, pager, damage -> {}).isWhole());
        }
    }

    /** A result that puts a run in the place of itself. */
    private record Stale(Run run, MergeResult result) {

        static Stale of(IdHollowBatch batch, Run run) {
            Run again =
                    new Run(
                            new RunId(9, run.id().low()),
                            run.writerVersion(),
                            run.truncated(),
                            run.parts());
            return new Stale(
                    run,
                    new MergeResult(
                            new Replaced.Runs(batch.id(), Set.of(run.id())),
                            new HollowBatch(batch.batch().description(), List.of(again)),
                            OptionalLong.empty()));
        }
    }

    @Test
    void aResultThatIsMadeOfWhatWasThereBeforeIsRefused() {
        // fails if parts that are done come back, or parts that are gone are named again
        try (TraceStore store = filled()) {
            set(store, 0, ROWS, 10);
            set(store, 5, ROWS, 10);
            List<MergeResult> stale = new ArrayList<>();
            Set<Stale> single = new HashSet<>();
            AtomicLong refused = new AtomicLong();
            CompactionSource source = store.compaction();
            store.compactor().setFuel(100);
            store.compactor()
                    .beforeEachStep(() -> {
                        Trace trace = trace(store);
                        List<Run> now = runs(store);
                        for (MergeResult result : stale) {
                            boolean same =
                                    result.output().runs().equals(now) || result.output().isEmpty();
                            if (!same) {
                                assertFalse(source.apply(trace, result));
                                refused.incrementAndGet();
                            }
                        }
                        for (Stale one : single) {
                            if (!now.contains(one.run())) {
                                assertFalse(source.apply(trace, one.result()));
                                refused.incrementAndGet();
                            }
                        }
                        for (IdHollowBatch batch : trace.spine().flatten().parts()) {
                            for (Run run : batch.batch().runs()) {
                                single.add(Stale.of(batch, run));
                            }
                        }
                        assertEquals(now, runs(store));
                        for (MergeRequest request :
                                trace.spine().requestsBefore(Long.MAX_VALUE, 0)) {
                            List<Run> asked =
                                    request.inputs().stream()
                                            .flatMap(input -> input.batch().runs().stream())
                                            .toList();
                            stale.add(
                                    MergeResult.of(
                                            request,
                                            new HollowBatch(request.description(), asked)));
                        }
                        if (stale.size() > 1
                                && stale.getLast().equals(stale.get(stale.size() - 2))) {
                            stale.removeLast();
                        }
                    });
            store.compact();
            store.compactor().beforeEachStep(() -> {});
            assertTrue(refused.get() > 20, () -> "only " + refused);
            check(store);
            for (MergeResult result : stale) {
                assertFalse(source.apply(trace(store), result));
            }
            check(store);
        }
    }

    @Test
    void aSingleRunIsNotShownBeforeAllOfItIsFolded() {
        // fails if a run is left in which history stays for ever, for nobody sees that there is any
        try (TraceStore store = store()) {
            for (int epoch = 1; epoch <= 4; epoch++) {
                long now = epoch;
                commit(
                        store,
                        0,
                        rows -> {
                            for (int row = 0; row < ROWS; row++) {
                                rows.put(key(row), "value " + now);
                            }
                            return rows;
                        });
            }
            store.compact();
            int parts = runs(store).getFirst().parts().size();
            assertTrue(parts >= 8);
            // what is in the first file goes; the rest has history, and no other run has its keys
            long updatesOfKey = runs(store).getFirst().updateCount() / ROWS;
            long gone = runs(store).getFirst().parts().getFirst().updateCount() / updatesOfKey;
            AtomicLong steps = new AtomicLong();
            commit(
                    store,
                    5,
                    rows -> {
                        rows.keySet().removeIf(key -> key.compareTo(key((int) gone)) < 0);
                        return rows;
                    });
            store.compactor().setFuel(100);
            store.compactor()
                    .beforeEachStep(() -> {
                        steps.incrementAndGet();
                        check(store);
                        assertTrue(trace(store).runCount() > 1);
                    });
            store.compact();
            store.compactor().beforeEachStep(() -> {});
            check(store);
            assertEquals(1, trace(store).runCount());
            assertEquals(model.size(), runs(store).getFirst().updateCount());
            assertTrue(steps.get() > 8, () -> "only " + steps);
        }
    }

    @Test
    void whatIsMadeBesideALargeRunEndsWhereItsFilesDo() {
        // fails if each fold has to write anew what was compacted before
        try (TraceStore store = filled()) {
            Run large = runs(store).getFirst();
            int done = 0;
            for (int i = 0; done == 0; i++) {
                set(store, i, ROWS, 10);
                for (CompactionTask task : store.compaction().waiting(Long.MAX_VALUE)) {
                    if (!task.parts().containsAll(large.parts())) {
                        store.compactor().compact(task);
                        done++;
                    }
                }
            }
            set(store, 3, ROWS, 10);
            check(store);
            List<Run> cut = runs(store).stream().filter(run -> run.parts().size() > 1).toList();
            assertTrue(cut.size() > 1);
            assertTrue(cut.contains(large));
            long before = store.compaction().counters().cut.sum();
            Set<RunId> single = new HashSet<>();
            runs(store).stream()
                    .filter(r -> r.parts().size() == 1)
                    .forEach(r -> single.add(r.id()));
            store.compact();
            assertEquals(before + single.size(), store.compaction().counters().cut.sum());
            check(store);
        }
    }

    @Test
    void othersMayCompactRunsOfSeveralFiles() {
        // fails if a worker loses a file of a run, or reads them in another order
        try (TraceStore store = filled()) {
            set(store, 0, ROWS, 10);
            set(store, 5, ROWS, 10);
            while (trace(store).spine().requestsBefore(Long.MAX_VALUE, 0).isEmpty()) {
                set(store, 7, ROWS, 10);
            }
            int answered = 0;
            for (int i = 0; trace(store).runCount() > 1; i++) {
                clock.addAndGet(100_000);
                CompactionRequest request = store.externalCompaction().next().orElse(null);
                if (request == null) {
                    set(store, i, ROWS, 10);
                    continue;
                }
                CompactionResult result =
                        CompactionWorker.answer(disk, request, pager, "attempt" + i);
                assertEquals(Answer.APPLIED, store.externalCompaction().answer(result));
                assertEquals(Answer.REPEATED, store.externalCompaction().answer(result));
                check(store);
                answered += request.inputs().size() > 8 ? 1 : 0;
                if (answered > 0) {
                    break;
                }
            }
            assertTrue(answered > 0);
            check(store);
            store.compact();
            check(store);
        }
    }

    @Test
    void verifyTellsOfFilesThatAreNotInOrder() {
        // fails if a run is read as sorted that is not
        try (TraceStore store = filled()) {
            Trace trace = trace(store);
            set(store, 0, 1, 1);
            List<MergeRequest> requests = List.of();
            while (requests.isEmpty() || requests.getFirst().id().first() > 0) {
                store.change(trace, spine -> spine.exert(2 * spine.updateCount()).worked());
                requests = trace.spine().requestsBefore(Long.MAX_VALUE, 0);
            }
            MergeRequest request = requests.getFirst();
            List<Run> runs = new ArrayList<>();
            request.inputs().forEach(input -> runs.addAll(input.batch().runs()));
            Run large = runs.getFirst();
            runs.set(
                    0,
                    new Run(
                            new RunId(0, 1_000_000),
                            large.writerVersion(),
                            false,
                            large.parts().reversed()));
            assertTrue(
                    store.compaction()
                            .apply(
                                    trace,
                                    MergeResult.of(
                                            request,
                                            new HollowBatch(request.description(), runs))));
        }
        List<Damage> damages = new ArrayList<>();
        assertFalse(TraceStore.verify(disk, pager, damages::add).isWhole());
        assertTrue(damages.getFirst().toString().contains("does not start above"));
    }
}
