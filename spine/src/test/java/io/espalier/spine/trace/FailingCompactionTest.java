package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What those who commit see of a store's own compactor that fails, once or for good. */
class FailingCompactionTest {

    private static final int RUNS_MAX = 24;
    private static final long WAIT_MILLIS = 5000;

    private static final TraceStoreOptions OPTIONS =
            TraceStoreOptions.defaults()
                    .withCompaction(false)
                    .withChunkBytes(400)
                    .withCompactionPatienceMillis(0)
                    .withIdleCompactionMillis(TraceStoreOptions.NEVER)
                    .withRunsMax(RUNS_MAX)
                    .withCompactorWaitMillis(WAIT_MILLIS);

    private final SimulatedClock clock = new SimulatedClock();

    @RegisterExtension final SimulatedStores stores = SimulatedStores.of(6, clock);

    private static int runs(TraceStore store, String trace) {
        return store.find(trace).map(Trace::runCount).orElse(0);
    }

    private static void turnAll(TraceStore store) {
        while (store.compactor().turn()) {
            // all that is due
        }
    }

    /** A store that compacts by itself whenever somebody waits. */
    private TraceStore open(TraceStoreOptions options) {
        TraceStore store = stores.open(options);
        store.compactor().startStepwise();
        clock.whileWaiting(() -> turnAll(store));
        return store;
    }

    /** From here on no compaction comes to its end, for want of room. */
    private static void failAll(TraceStore store) {
        store.compactor()
                .beforeEachStep(() -> {
                    throw new StoreException.Full(
                            "/simulated/b", new IllegalStateException("no room"));
                });
    }

    private static void heal(TraceStore store) {
        store.compactor().beforeEachStep(() -> {});
    }

    private StoreException.Behind refused(TraceStore store) {
        long upper = store.upper();
        try (Commit commit = stores.prepare(store, "a", 1)) {
            StoreException.Behind e =
                    assertThrows(StoreException.Behind.class, () -> commit.commit(upper));
            assertEquals(upper, store.upper());
            return e;
        }
    }

    private void commitUntil(TraceStore store, int runs) {
        while (runs(store, "a") < runs) {
            stores.commit(store, "a", 1);
            turnAll(store);
        }
    }

    @Test
    void commitsAreRefusedOnceThereAreTooManyRunsAndSayWhy() {
        // fails if runs pile up without limit, or the reason is not told
        try (TraceStore store = open(OPTIONS)) {
            failAll(store);
            commitUntil(store, RUNS_MAX + 1);
            long startMillis = clock.millis();
            StoreException.Behind e = refused(store);
            assertEquals(
                    "/simulated: trace a has 25 runs, more than runsMax, 24, since compacting it"
                            + " fails (/simulated/b: the disk is full; nothing was changed; make"
                            + " room and try again); nothing was committed. Remove the cause, and"
                            + " commit again, which lets it be tried anew",
                    e.getMessage());
            assertInstanceOf(StoreException.Full.class, e.getCause());
            // fails if a commit waits for an attempt that is minutes away
            long waited = clock.millis() - startMillis;
            assertTrue(waited <= CompactionQueue.RETRY_MILLIS_MIN, waited + " ms");
            assertEquals(RUNS_MAX + 1, Rows.scan(stores.memory(), store.findOrCreate("a")));
        }
    }

    @Test
    void whenItWorksAgainTheNextCommitGoesOn() {
        // fails if the reason is gone and commits are refused all the same, for minutes
        try (TraceStore store = open(OPTIONS)) {
            failAll(store);
            commitUntil(store, RUNS_MAX + 1);
            for (int i = 0; i < 12; i++) {
                refused(store);
            }
            heal(store);
            long startMillis = clock.millis();
            stores.commit(store, "a", 1);
            long waited = clock.millis() - startMillis;
            assertTrue(waited <= CompactionQueue.RETRY_MILLIS_MIN, waited + " ms");
            assertTrue(runs(store, "a") <= RUNS_MAX);
            assertEquals(RUNS_MAX + 2, Rows.scan(stores.memory(), store.findOrCreate("a")));
        }
    }

    @Test
    void whoCommitsAgainAndAgainDoesNotLetItBeTriedMoreOftenThanOnceASecond() {
        // fails if a full disk is hammered
        try (TraceStore store = open(OPTIONS.withCompactorWaitMillis(0))) {
            failAll(store);
            commitUntil(store, RUNS_MAX + 1);
            clock.advanceMillis(CompactionQueue.RETRY_MILLIS_MAX);
            turnAll(store);
            long before = store.compactionStats().failures();
            long tasks = store.compactionStats().waiting();
            for (int i = 0; i < 100; i++) {
                refused(store);
                clock.advanceMillis(100);
                turnAll(store);
            }
            long attempts = store.compactionStats().failures() - before;
            assertTrue(attempts >= 9 * tasks && attempts <= 11 * tasks, attempts + " attempts");
            assertEquals(0, clock.waits());
        }
    }

    @Test
    void whatIsDoneByHandCountsAsWell() {
        // fails if an attempt that failed stands in the way although compact() has done it
        try (TraceStore store = open(OPTIONS)) {
            failAll(store);
            commitUntil(store, RUNS_MAX + 1);
            heal(store);
            store.compact();
            stores.commit(store, "a", 1);
            assertEquals(0, clock.waits());
            assertEquals(2, runs(store, "a"));
        }
    }

    @Test
    void anotherTraceIsNotHeldBack() {
        // fails if what fails of one trace keeps others from being written, or is taken for healed
        // when a compaction of another goes well
        try (TraceStore store = open(OPTIONS)) {
            for (int i = 0; i <= RUNS_MAX; i++) {
                failAll(store);
                stores.commit(store, "a", 1);
                turnAll(store);
                heal(store);
                stores.commit(store, "b", 1);
                while (store.compactionStats().waiting() > store.compactor().failing()) {
                    assertTrue(store.compactor().turn());
                }
            }
            assertTrue(runs(store, "b") < RUNS_MAX);
            failAll(store);
            refused(store);
            stores.commit(store, "b", 1);
        }
    }

    @Test
    void aLargeCompactionThatNeverFitsIsNoticedThoughSmallOnesGoWell() {
        // fails if each small one that goes well lets the large ones pile up behind it
        try (TraceStore store = open(OPTIONS.withRunsMax(8))) {
            int refused = 0;
            for (int i = 0; i < 400 && refused == 0; i++) {
                // room for what is small
                stores.disk().setFileBytesMax("batches/", 6000);
                try (Commit commit = stores.prepare(store, "a", 12)) {
                    commit.commit(store.upper());
                    turnAll(store);
                } catch (StoreException.Behind e) {
                    assertInstanceOf(StoreException.Full.class, e.getCause());
                    refused++;
                }
            }
            assertEquals(1, refused);
            assertEquals(9, runs(store, "a"));
            assertTrue(store.compactionStats().applied() > 0);
            stores.disk().setFileBytesMax("batches/", Long.MAX_VALUE);
            stores.commit(store, "a", 1);
            assertTrue(runs(store, "a") <= 8);
        }
    }

    @Test
    void whoIsInterruptedIsRefusedAtOnce() {
        // fails if whoever wants to end a writer has to wait, or the interrupt is lost
        SimulatedStores real = SimulatedStores.of(7);
        try (TraceStore store =
                TraceStore.open(
                        real.disk(),
                        StoreDirectory.Mode.CREATE,
                        stores.pager(),
                        OPTIONS.withRunsMax(3).withCompactorWaitMillis(3_600_000))) {
            failAll(store);
            store.compactor().startStepwise();
            while (runs(store, "a") <= 3) {
                stores.commit(store, "a", 1);
                turnAll(store);
            }
            Thread.currentThread().interrupt();
            refused(store);
            assertTrue(Thread.interrupted());
        }
    }

    @Test
    void theThreadTriesAgainForWhoWaits() {
        // fails if the store's own thread sleeps on while a commit waits for its next attempt
        SimulatedStores real = SimulatedStores.of(7);
        try (TraceStore store =
                TraceStore.open(
                        real.disk(),
                        StoreDirectory.Mode.CREATE,
                        stores.pager(),
                        OPTIONS.withRunsMax(3).withCompactorWaitMillis(3_600_000))) {
            failAll(store);
            store.compactor().start();
            int refused = 0;
            while (refused < 2) {
                try {
                    stores.commit(store, "a", 1);
                } catch (StoreException.Behind e) {
                    refused++;
                }
            }
            heal(store);
            stores.commit(store, "a", 1);
            assertTrue(store.compactionStats().retries() > 0);
        }
    }
}
