package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.MergeRequest;
import io.espalier.spine.Spine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compaction within a bound of stores.memory(), its claims, what failed, and who waits for whom.
 */
class CompactorTest {

    private static final TraceStoreOptions BY_HAND =
            TraceStoreOptions.defaults()
                    .withCompaction(false)
                    .withCompactionPatienceMillis(0)
                    .withIdleCompactionMillis(TraceStoreOptions.NEVER)
                    .withChunkBytes(400);

    /** So short that the compactor looks around all the time. */
    private static final TraceStoreOptions RUNNING =
            BY_HAND.withCompaction(true).withCompactionLeaseMillis(8);

    private final AtomicLong clock = new AtomicLong(1_000_000);

    @RegisterExtension final SimulatedStores stores = SimulatedStores.of(5, clock::get);

    /** Adds one row that no other epoch has. */
    private void commit(TraceStore store) {
        commit(store, 1);
    }

    private void commit(TraceStore store, int rows) {
        stores.commit(store, "a", rows);
    }

    private Map<String, String> rows(TraceStore store) {
        return Rows.read(stores.memory(), store.find("a").orElseThrow(), store.upper() - 1);
    }

    private static Map<String, String> expected(long epochs) {
        Map<String, String> rows = new TreeMap<>();
        for (long epoch = 1; epoch <= epochs; epoch++) {
            rows.put(SimulatedStores.key(epoch, 0), "v" + epoch);
        }
        return rows;
    }

    private static void await(BooleanSupplier reached) throws InterruptedException {
        while (!reached.getAsBoolean()) {
            Thread.sleep(1);
        }
    }

    @Test
    void withoutAnyMemoryTwoRunsAtATimeBecomeOneInTheEnd() {
        // fails if the bound is not kept, or stops compaction, or a piece loses what another has
        try (TraceStore store = stores.open(BY_HAND.withCompactionMemoryBytes(0))) {
            for (int i = 0; i < 9; i++) {
                commit(store);
            }
            store.compact();
            assertEquals(1, store.find("a").orElseThrow().runCount());
            assertEquals(expected(9), rows(store));
            CompactionStats stats = store.compactionStats();
            // nine runs, two by two: 4 + 2 + 1 + 1
            assertEquals(8, stats.applied(), stats::toString);
            assertEquals(8, stats.memoryViolations());
            assertEquals(8, stats.pieces());
        }
        try (TraceStore store = stores.open(BY_HAND)) {
            assertEquals(expected(9), rows(store));
            assertEquals(
                    1,
                    stores.disk().files().stream()
                            .filter(name -> name.startsWith("batches/"))
                            .count());
        }
    }

    @Test
    void aBoundThatHoldsAllRunsTakesOnePiece() {
        // fails if runs are counted as more than their largest chunk
        try (TraceStore store =
                stores.open(BY_HAND.withCompactionMemoryBytes(9 * (20_000L + 800)))) {
            for (int i = 0; i < 9; i++) {
                commit(store, 100);
            }
            store.compact();
            CompactionStats stats = store.compactionStats();
            assertEquals(1, stats.pieces(), stats::toString);
            assertEquals(0, stats.memoryViolations());
            assertEquals(900, stats.updatesRead());
            assertTrue(stats.bytesRead() > 9 * 800, stats::toString);
        }
    }

    @Test
    void recordingsTellOfCompactions(@TempDir Path folder) throws IOException {
        // fails if an event is missing, doubled, or tells another number than the statistics
        Path file = folder.resolve("compaction.jfr");
        CompactionStats stats;
        try (Recording recording = new Recording()) {
            recording.enable("io.espalier.Compaction").withoutThreshold();
            recording.start();
            try (TraceStore store = stores.open(BY_HAND.withCompactionMemoryBytes(0))) {
                for (int i = 0; i < 5; i++) {
                    commit(store, 30);
                }
                store.compact();
                stats = store.compactionStats();
            }
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        assertEquals(stats.applied(), events.size());
        assertEquals(stats.bytesRead(), sum(events, "bytesIn"));
        assertEquals(stats.bytesWritten(), sum(events, "bytesOut"));
        assertEquals(stats.updatesWritten(), sum(events, "updatesOut"));
        assertTrue(events.stream().allMatch(event -> event.getInt("runs") == 2));
        Files.delete(file);
    }

    private static long sum(List<RecordedEvent> events, String field) {
        return events.stream().mapToLong(event -> event.getLong(field)).sum();
    }

    @Test
    void anAppendClaimsWhatItAsksForAndTakesUpWhatWasDropped() {
        // fails if two work on the same, or what was dropped is never taken up (S20)
        try (TraceStore store = stores.open(BY_HAND)) {
            for (int i = 0; i < 8; i++) {
                commit(store);
            }
            CompactionSource source = store.compaction();
            Spine spine = store.find("a").orElseThrow().spine();
            List<MergeRequest> all = spine.requestsBefore(Long.MAX_VALUE, 0);
            assertTrue(all.size() > 1);
            // an append that asks for something claims just that
            List<MergeRequest> asked = List.of(all.getLast());
            assertEquals(asked, source.claim(spine, Garbage.Amount.NONE, asked, true));
            long threshold = clock.get() - source.leaseMillis();
            assertFalse(spine.requestsBefore(threshold, 0).contains(all.getLast()));
            // one that asks for nothing takes up the oldest that is free, and an empty one nothing
            assertEquals(List.of(), source.claim(spine, Garbage.Amount.NONE, List.of(), false));
            assertEquals(
                    List.of(all.getFirst()),
                    source.claim(spine, Garbage.Amount.NONE, List.of(), true));
            for (int i = 2; i < all.size(); i++) {
                assertEquals(1, source.claim(spine, Garbage.Amount.NONE, List.of(), true).size());
            }
            assertEquals(List.of(), source.claim(spine, Garbage.Amount.NONE, List.of(), true));
            assertEquals(all.size(), store.compactionStats().claims());
            clock.addAndGet(source.leaseMillis());
            assertEquals(
                    List.of(all.getFirst()),
                    source.claim(spine, Garbage.Amount.NONE, List.of(), true));
        }
    }

    @Test
    void aClaimSurvivesARestart() {
        // fails if who works on a request is forgotten with the process
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store);
            commit(store);
            commit(store);
            store.change(
                    store.find("a").orElseThrow(),
                    spine -> {
                        List<MergeRequest> requests = spine.requestsBefore(Long.MAX_VALUE, 0);
                        return spine.claim(requests.getFirst().id(), clock.get());
                    });
        }
        try (TraceStore store = stores.open(BY_HAND)) {
            long lease = store.compaction().leaseMillis();
            assertEquals(List.of(), store.compaction().waiting(clock.get() - lease));
            clock.addAndGet(lease);
            assertEquals(1, store.compaction().waiting(clock.get() - lease).size());
        }
    }

    @Test
    void whatFailedForWantOfRoomIsDoneWhenThereIsSome() throws InterruptedException {
        // fails if a compaction that failed waits for a wider request, or for the next opening
        try (TraceStore store = stores.open(BY_HAND)) {
            for (int i = 0; i < 8; i++) {
                commit(store);
            }
        }
        try (TraceStore store = stores.open(RUNNING.withCompaction(false))) {
            stores.disk().setCapacityBytes(stores.disk().usedBytes());
            store.compactor().start();
            store.compaction().waiting(Long.MAX_VALUE).forEach(store.compactor()::add);
            await(() -> store.compactionStats().failures() > 0);
            stores.disk().setCapacityBytes(Long.MAX_VALUE);
            await(() -> {
                clock.addAndGet(CompactionQueue.RETRY_MILLIS_MAX);
                return store.compactionStats().waiting() == 0;
            });
            assertTrue(store.compactionStats().retries() > 0);
            assertTrue(store.find("a").orElseThrow().runCount() < 6);
            assertEquals(expected(8), rows(store));
        }
    }

    @Test
    void whatNobodyWorksOnIsFoundWhenItsLeaseIsOver() throws InterruptedException {
        // fails if a request that was lost on the way is never answered without another append
        try (TraceStore store = stores.open(BY_HAND)) {
            for (int i = 0; i < 7; i++) {
                commit(store);
            }
        }
        try (TraceStore store = stores.open(RUNNING.withCompactionLeaseMillis(40))) {
            await(() -> store.compactionStats().waiting() == 0);
            long applied = store.compactionStats().applied();
            assertTrue(applied > 0);
            // the compactor is not told of what is asked for here
            store.change(
                    store.find("a").orElseThrow(),
                    spine -> {
                        for (int i = 0; i < 3; i++) {
                            spine.exert(1000);
                        }
                        for (MergeRequest request : spine.requestsBefore(Long.MAX_VALUE, 0)) {
                            spine.claim(request.id(), clock.get());
                        }
                        return true;
                    });
            await(() -> {
                clock.addAndGet(10);
                return store.compactionStats().applied() > applied;
            });
            assertEquals(expected(7), rows(store));
        }
    }

    @Test
    void aLargeCompactionPausesForSmallOnes() throws InterruptedException {
        // fails if fresh commits wait behind a compaction of much more
        TraceStoreOptions options = BY_HAND.withChunkBytes(1 << 20);
        try (TraceStore store = stores.open(options)) {
            for (int i = 0; i < 3; i++) {
                commit(store, 70_000);
            }
        }
        AtomicLong after = new AtomicLong();
        try (TraceStore store = stores.open(options)) {
            stores.disk()
                    .beforeNextStep(() -> {
                        // on the thread that compacts, as it writes its first chunk
                        for (int i = 0; i < 9; i++) {
                            commit(store);
                        }
                        after.set(store.upper());
                    });
            store.compactor().start();
            store.compaction().waiting(Long.MAX_VALUE).forEach(store.compactor()::add);
            await(() -> after.get() > 0 && store.compactionStats().waiting() == 0);
            CompactionStats stats = store.compactionStats();
            assertTrue(stats.interruptions() > 0, stats::toString);
            assertEquals(0, stats.failures(), () -> store.notes().toString());
            assertEquals(210_009, Rows.scan(stores.memory(), store.find("a").orElseThrow()));
        }
    }
}
