package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.trace.ExternalCompaction.Answer;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who is held back by what, and for how long, on a clock that a test moves. */
class BackpressureTest {

    private static final int RUNS_MAX = 24;
    private static final int RUNS_EASY = 10;
    private static final long WAIT_MILLIS = 700;

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

    private void commit(TraceStore store) {
        stores.commit(store, "a", 1);
    }

    private static Trace trace(TraceStore store) {
        return store.find("a").orElseThrow();
    }

    // ---- when others compact ------------------------------------------------------------------

    @Test
    void commitsGetSlowerRunByRunAndThenAreRefusedIfNobodyCompacts() {
        // fails if runs pile up without limit where the store itself does not compact
        try (TraceStore store = stores.open(OPTIONS)) {
            for (int i = 0; i < RUNS_EASY; i++) {
                commit(store);
            }
            assertEquals(0, clock.pauses());
            for (int i = 1; i <= RUNS_MAX + 1 - RUNS_EASY; i++) {
                long before = clock.pausedNanos();
                commit(store);
                assertEquals(i * 200_000L, clock.pausedNanos() - before);
            }
            assertEquals(RUNS_MAX + 1, trace(store).runCount());
            long upper = store.upper();
            long startNanos = clock.nanos();
            try (Commit commit = stores.prepare(store, "a", 1)) {
                StoreException.Behind e =
                        assertThrows(StoreException.Behind.class, () -> commit.commit(upper));
                assertEquals(
                        "/simulated: trace a has 25 runs, more than runsMax, 24, and nobody has"
                                + " compacted it for 701 ms; nothing was committed. Let a"
                                + " CompactionWorker answer what externalCompaction() hands out, or"
                                + " call compact(), and commit again; or open the store with"
                                + " compaction, or a larger runsMax",
                        e.getMessage());
                // a wait is rounded up to the next millisecond
                assertEquals((WAIT_MILLIS + 1) * 1_000_000, clock.nanos() - startNanos);
                assertEquals(upper, store.upper());
                // what it says is what helps
                store.compact();
                commit.commit(upper);
            }
            assertEquals(upper, Rows.scan(stores.memory(), trace(store)));
            assertEquals(2, trace(store).runCount());
        }
    }

    @Test
    void aCommitGoesOnAsSoonAsSomebodyCompacts() {
        // fails if it waits for longer than it has to, or is refused although somebody came
        try (TraceStore store = stores.open(OPTIONS)) {
            for (int i = 0; i <= RUNS_MAX; i++) {
                commit(store);
            }
            long startNanos = clock.nanos();
            clock.whileWaiting(() -> assertTrue(stores.compactOutside(store)));
            commit(store);
            clock.whileWaiting(() -> {});
            assertEquals(1, clock.waits());
            // the wait of this clock is all of what was asked for
            assertTrue(clock.nanos() - startNanos <= (WAIT_MILLIS + 10) * 1_000_000);
            assertTrue(trace(store).runCount() <= RUNS_MAX);
            assertEquals(RUNS_MAX + 2, Rows.scan(stores.memory(), trace(store)));
        }
    }

    @Test
    void whoIsAtWorkIsWaitedForAsLongAsTheLeaseLasts() {
        // fails if commits are refused while a slow worker works, or are not when it has vanished
        long leaseMillis = 50_000;
        try (TraceStore store = stores.open(OPTIONS.withCompactionLeaseMillis(leaseMillis))) {
            for (int i = 0; i <= RUNS_MAX; i++) {
                commit(store);
            }
            CompactionRequest slow = store.externalCompaction().next().orElseThrow();
            long startMillis = clock.millis();
            clock.whileWaiting(() -> {
                if (clock.millis() - startMillis > leaseMillis / 2) {
                    assertEquals(Answer.APPLIED, stores.answer(store, slow));
                    clock.whileWaiting(() -> {});
                }
            });
            commit(store);
            assertTrue(clock.millis() - startMillis > leaseMillis / 2);

            while (trace(store).runCount() <= RUNS_MAX) {
                commit(store);
            }
            assertTrue(store.externalCompaction().next().isPresent());
            long vanishedMillis = clock.millis();
            long upper = store.upper();
            try (Commit commit = stores.prepare(store, "a", 1)) {
                assertThrows(StoreException.Behind.class, () -> commit.commit(upper));
            }
            long waited = clock.millis() - vanishedMillis;
            assertTrue(waited >= leaseMillis + WAIT_MILLIS, waited + " ms");
            assertTrue(waited <= leaseMillis + WAIT_MILLIS + 100, waited + " ms");
        }
    }

    @Test
    void whoHasNoPatienceWaitsForThoseAtWorkAllTheSame() {
        // fails if a commit is refused although somebody is just compacting
        try (TraceStore store = stores.open(OPTIONS.withCompactorWaitMillis(0))) {
            while (store.upper() <= RUNS_MAX + 1) {
                commit(store);
            }
            CompactionRequest request = store.externalCompaction().next().orElseThrow();
            clock.whileWaiting(() -> assertEquals(Answer.APPLIED, stores.answer(store, request)));
            commit(store);
            assertEquals(1, clock.waits());
        }
    }

    @Test
    void aCommitIsNotRefusedAsLongAsRunsGetFewer() {
        // fails if who compacts little by little is taken for nobody
        try (TraceStore store = stores.open(OPTIONS.withRunsMax(1000))) {
            while (store.upper() <= 2 * RUNS_MAX) {
                commit(store);
            }
        }
        // two runs at a time
        try (TraceStore store = stores.open(OPTIONS.withCompactionMemoryBytes(0))) {
            clock.whileWaiting(() -> assertTrue(stores.compactOutside(store)));
            commit(store);
            assertTrue(clock.waits() > RUNS_MAX / 2);
            assertEquals(RUNS_MAX + 1, trace(store).runCount());
        }
    }

    @Test
    void aCommitThatIsInterruptedWhileItWaitsIsRefusedAtOnce() {
        // fails if whoever wants to end a writer has to wait for others, or the interrupt is lost
        try (TraceStore store =
                TraceStore.open(
                        stores.disk(),
                        Mode.CREATE,
                        stores.pager(),
                        OPTIONS.withCompactorWaitMillis(3_600_000),
                        StoreDirectory.Options.defaults())) {
            while (store.upper() <= RUNS_MAX + 1) {
                commit(store);
            }
            long upper = store.upper();
            try (Commit commit = stores.prepare(store, "a", 1)) {
                Thread.currentThread().interrupt();
                assertThrows(StoreException.Behind.class, () -> commit.commit(upper));
                assertTrue(Thread.interrupted());
            }
            assertEquals(upper, store.upper());
        }
    }

    @Test
    void withoutALimitNothingIsHeldBack() {
        // fails if there is no way to let runs pile up, as for those who compact once at the end
        try (TraceStore store = stores.open(OPTIONS.withRunsMax(Integer.MAX_VALUE))) {
            for (int i = 0; i < 3 * RUNS_MAX; i++) {
                commit(store);
            }
            assertEquals(0, clock.pauses());
            assertEquals(3 * RUNS_MAX, trace(store).runCount());
        }
    }

    @Test
    void aLimitThatCompactionCannotReachHoldsNobodyBack() {
        // fails if a limit below what a spine leaves uncompacted stops all writing
        try (TraceStore store = stores.open(OPTIONS.withRunsMax(1).withCompactorWaitMillis(0))) {
            for (int i = 0; i < 50; i++) {
                while (stores.compactOutside(store)) {
                    // until nothing is asked for
                }
                commit(store);
            }
            assertEquals(50, Rows.scan(stores.memory(), trace(store)));
        }
    }

    // ---- when the store compacts --------------------------------------------------------------

    @Test
    void commitsWaitForTheOwnCompactorOnceTheLimitIsPassed() {
        // fails if they do not, or go on waiting when there are few runs again
        try (TraceStore store = stores.open(OPTIONS)) {
            store.compactor().startStepwise();
            for (int i = 0; i <= RUNS_MAX; i++) {
                assertEquals(0, clock.waits());
                if (i == RUNS_MAX) {
                    clock.whileWaiting(() -> assertTrue(store.compactor().turn()));
                }
                commit(store);
            }
            assertTrue(clock.waits() > 0);
            assertTrue(trace(store).runCount() <= RUNS_MAX);
            long excess = RUNS_MAX + 1 - RUNS_EASY;
            assertEquals(excess * (excess + 1) / 2 * 200_000, clock.pausedNanos());
            assertEquals(RUNS_MAX + 1, Rows.scan(stores.memory(), trace(store)));
        }
    }

    @Test
    void noCommitPausesForLongerThanSixMilliseconds() {
        // fails if the pause grows with each run, however many there are
        try (TraceStore store = stores.open(OPTIONS.withRunsMax(1000))) {
            long before = 0;
            for (int i = 0; i < 416 + 60; i++) {
                before = clock.pausedNanos();
                commit(store);
            }
            assertEquals(6_000_000, clock.pausedNanos() - before);
        }
    }

    // ---- the share of a large compaction ------------------------------------------------------

    /** Small compactions that a large one paused for, before each of its steps. */
    private List<Long> interruptions(long smallNanos, long stepNanos, boolean somebodyWaits) {
        List<Long> before = new ArrayList<>();
        stores.newDisk(7);
        TraceStoreOptions options = OPTIONS.withChunkBytes(1 << 12);
        try (TraceStore store = stores.open(options.withRunsMax(somebodyWaits ? 3 : 1000))) {
            for (int i = 0; i < 3; i++) {
                stores.commit(store, "large", 2000);
            }
            Compactor compactor = store.compactor();
            compactor.startStepwise();
            compactor.setFuel(400);
            store.compaction().waiting(Long.MAX_VALUE).forEach(compactor::add);
            long[] small = {0};
            compactor.beforeEachStep(() -> {
                if (compactor.depth() > 1) {
                    clock.advanceNanos(smallNanos);
                    small[0]++;
                    return;
                }
                clock.advanceNanos(stepNanos);
                before.add(small[0]);
                small[0] = 0;
                // there are always more, which nobody waits for
                for (int i = 0; i < 2; i++) {
                    stores.commit(store, "small" + before.size() + "-" + i, 1);
                    stores.commit(store, "small" + before.size() + "-" + i, 1);
                    stores.commit(store, "small" + before.size() + "-" + i, 1);
                }
            });
            if (somebodyWaits) {
                boolean[] turned = {false};
                clock.whileWaiting(() -> {
                    assertFalse(turned[0]);
                    turned[0] = compactor.turn();
                });
                stores.commit(store, "large", 1);
                assertTrue(turned[0]);
            } else {
                assertTrue(compactor.turn());
            }
            before.add(small[0]);
            compactor.beforeEachStep(() -> {});
            assertEquals(0, store.compactionStats().failures(), () -> store.notes().toString());
        }
        return before;
    }

    @Test
    void aLargeCompactionGoesOnForAsLongAsItHasPaused() {
        // fails if small ones, of which there are always more, keep it from ever ending; or if it
        // goes on for longer
        assertEquals(List.of(0L, 1L, 1L, 1L, 1L), interruptions(1, 1_000_000, false).subList(0, 5));
        assertEquals(
                List.of(0L, 1L, 0L, 0L, 1L, 0L, 0L, 1L),
                interruptions(3_000_000, 1_000_000, false).subList(0, 8));
    }

    @Test
    void aLargeCompactionGivesWayAtEachStepWhileSomebodyWaits() {
        // fails if a writer waits for a large compaction that takes its share
        List<Long> before = interruptions(3_000_000, 1_000_000, true);
        assertEquals(0, before.getFirst());
        assertTrue(before.stream().skip(1).limit(7).allMatch(n -> n > 0), before::toString);
    }
}
