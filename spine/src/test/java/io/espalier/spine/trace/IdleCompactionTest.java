package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Spine;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Stores to which nobody commits any more bring their traces to few runs, and then rest. */
class IdleCompactionTest {

    private static final long IDLE_MILLIS = 500;

    private static final TraceStoreOptions OPTIONS =
            TraceStoreOptions.defaults()
                    .withCompaction(false)
                    .withChunkBytes(1 << 12)
                    .withCompactionPatienceMillis(100)
                    .withIdleCompactionMillis(IDLE_MILLIS);

    private final SimulatedClock clock = new SimulatedClock();

    @RegisterExtension final SimulatedStores stores = SimulatedStores.of(8, clock);

    private static int runs(TraceStore store, String trace) {
        return store.find(trace).map(Trace::runCount).orElse(0);
    }

    private static void turnAll(TraceStore store) {
        while (store.compactor().turn()) {
            // all that is due
        }
    }

    /** Lets nothing happen for a while. */
    private void idle(TraceStore store, long millis) {
        for (long i = 0; i < millis; i += 50) {
            clock.advanceMillis(50);
            turnAll(store);
        }
    }

    private void checkRows(TraceStore store, String trace, long rows) {
        assertEquals(rows, Rows.scan(stores.memory(), store.find(trace).orElseThrow()));
    }

    @Test
    void anIdleStoreBringsItsTracesToOneRunEach() {
        // fails if small runs wait for company for ever, or those of one trace only are gathered
        try (TraceStore store = stores.open(OPTIONS)) {
            store.compactor().startStepwise();
            for (int i = 0; i < 23; i++) {
                stores.commit(store, i % 3 == 0 ? "a" : "b", 1 + i % 5);
                turnAll(store);
            }
            clock.advanceMillis(OPTIONS.compactionPatienceMillis());
            turnAll(store);
            // what was asked for is done, and it does not help them
            assertEquals(0, store.compactionStats().waiting());
            assertTrue(runs(store, "a") > 2 && runs(store, "b") > 2);
            idle(store, IDLE_MILLIS);
            assertEquals(1, runs(store, "a"));
            assertEquals(1, runs(store, "b"));
            assertTrue(store.compactionStats().exertions() >= 2);
            long steps = stores.disk().steps();
            idle(store, 10 * IDLE_MILLIS);
            // fails if it goes on for ever
            assertEquals(steps, stores.disk().steps());
            checkRows(store, "a", 22);
        }
        try (TraceStore store = stores.open(OPTIONS)) {
            assertEquals(1, runs(store, "a"));
            checkRows(store, "b", 44);
        }
    }

    @Test
    void whatIsLargeIsNotWrittenAgainForLittle() {
        // fails if an idle store rewrites everything for each little that came
        try (TraceStore store = stores.open(OPTIONS)) {
            store.compactor().startStepwise();
            stores.commit(store, "a", 40_000);
            idle(store, 2 * IDLE_MILLIS);
            long written = store.compactionStats().updatesWritten();
            for (int i = 0; i < 9; i++) {
                stores.commit(store, "a", 20);
            }
            idle(store, 2 * IDLE_MILLIS);
            assertEquals(2, runs(store, "a"));
            assertTrue(store.compactionStats().updatesWritten() - written < 2 * 180);
            // until there is enough of it
            stores.commit(store, "a", 12_000);
            idle(store, 2 * IDLE_MILLIS);
            assertEquals(1, runs(store, "a"));
            checkRows(store, "a", 52_180);
        }
    }

    @Test
    void aStoreThatIsWrittenToIsNotIdle() {
        // fails if what has just come is compacted over and over although more comes
        try (TraceStore store = stores.open(OPTIONS)) {
            store.compactor().startStepwise();
            for (int i = 0; i < 50; i++) {
                stores.commit(store, "a", 1);
                clock.advanceMillis(IDLE_MILLIS - 1);
                turnAll(store);
            }
            assertEquals(0, store.compactionStats().exertions());
            assertTrue(runs(store, "a") > 1);
            // and progress without updates does not count as writing
            for (int i = 0; i < 4; i++) {
                try (Commit commit = store.begin()) {
                    commit.commit(store.upper());
                }
                idle(store, IDLE_MILLIS / 2);
            }
            assertEquals(1, runs(store, "a"));
        }
    }

    @Test
    void aCommitEndsItButForWhatIsUnderWay() {
        // fails if an idle store that is not idle any more goes on with one trace after the other
        try (TraceStore store = stores.open(OPTIONS)) {
            store.compactor().startStepwise();
            for (int i = 0; i < 20; i++) {
                stores.commit(store, "t" + i % 4, 1);
            }
            clock.advanceMillis(OPTIONS.compactionPatienceMillis());
            turnAll(store);
            boolean[] committed = {false};
            store.compactor()
                    .beforeEachStep(() -> {
                        if (!committed[0] && store.compactionStats().exertions() > 0) {
                            committed[0] = true;
                            stores.commit(store, "t3", 1);
                        }
                    });
            clock.advanceMillis(IDLE_MILLIS);
            turnAll(store);
            assertTrue(committed[0]);
            assertEquals(1, store.compactionStats().exertions());
            assertEquals(1, runs(store, "t0"));
            assertTrue(runs(store, "t1") > 1);
            idle(store, 2 * IDLE_MILLIS);
            assertTrue(runs(store, "t1") == 1 && runs(store, "t3") == 1);
        }
    }

    @Test
    void aStoreThatIsOpenedAndLeftAloneIsIdle() {
        // fails if only a commit lets it begin
        try (TraceStore store = stores.open(OPTIONS)) {
            for (int i = 0; i < 11; i++) {
                stores.commit(store, "a", 2);
            }
        }
        try (TraceStore store = stores.open(OPTIONS)) {
            store.compactor().startStepwise();
            store.compaction().waiting(Long.MAX_VALUE).forEach(store.compactor()::add);
            idle(store, 2 * IDLE_MILLIS);
            assertEquals(1, runs(store, "a"));
        }
    }

    @Test
    void itCanBeSwitchedOff() {
        try (TraceStore store =
                stores.open(OPTIONS.withIdleCompactionMillis(TraceStoreOptions.NEVER))) {
            store.compactor().startStepwise();
            for (int i = 0; i < 11; i++) {
                stores.commit(store, "a", 2);
            }
            idle(store, 100 * IDLE_MILLIS);
            assertEquals(0, store.compactionStats().exertions());
            assertTrue(runs(store, "a") > 1);
        }
    }

    @Test
    void whatFailsIsTriedAgainWithTheNextSearch() {
        // fails if an idle store whose disk is full spins, or gives up
        try (TraceStore store = stores.open(OPTIONS)) {
            store.compactor().startStepwise();
            for (int i = 0; i < 11; i++) {
                stores.commit(store, "a", 2);
            }
            clock.advanceMillis(OPTIONS.compactionPatienceMillis());
            turnAll(store);
            stores.disk().failAt(stores.disk().steps(), Fault.FULL);
            idle(store, 2 * IDLE_MILLIS);
            assertEquals(1, store.compactionStats().failures());
            assertEquals(0, store.compactionStats().exertions());
            idle(store, OPTIONS.compactionLeaseMillis());
            assertEquals(1, store.compactionStats().failures());
            assertEquals(1, runs(store, "a"));
        }
    }

    @Test
    void theThreadWakesForItAndSleepsAfterwards() throws InterruptedException {
        // fails if an idle store's thread sleeps until its next search, or never again
        SimulatedStores real = SimulatedStores.of(9);
        assertFalse(real.disk().exists("nothing"));
        try (TraceStore store =
                TraceStore.open(
                        real.disk(),
                        StoreDirectory.Mode.CREATE,
                        stores.pager(),
                        OPTIONS.withCompaction(true)
                                .withCompactionPatienceMillis(0)
                                .withIdleCompactionMillis(20))) {
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 7; i++) {
                    stores.commit(store, "a", 1);
                }
                while (runs(store, "a") > 1 || store.compactionStats().waiting() > 0) {
                    Thread.sleep(1);
                }
            }
            assertTrue(store.compactionStats().exertions() > 0);
        }
    }

    // ---- the rule -----------------------------------------------------------------------------

    private static long nextFileId = 1;

    private static HollowBatch batch(long lower, long upper, long updates) {
        Description times =
                new Description(Frontier.of(lower), Frontier.of(upper), Frontier.MINIMUM);
        if (updates == 0) {
            return HollowBatch.empty(times);
        }
        long id = nextFileId++;
        PartRef part = new PartRef("b" + id, id, updates, 100 * updates, OptionalLong.empty());
        return new HollowBatch(times, List.of(CompactionSource.runOf(part)));
    }

    private static List<Long> sizes(Spine spine) {
        List<Long> sizes = new ArrayList<>();
        for (HollowBatch batch : spine.snapshot()) {
            batch.runs().forEach(run -> sizes.add(run.updateCount()));
        }
        return sizes;
    }

    /** Answers all that is asked for; how many updates that writes. */
    private static long answerAll(Spine spine) {
        long written = 0;
        for (MergeRequest request : spine.requestsBefore(Long.MAX_VALUE, 0)) {
            long updates = request.inputs().stream().mapToLong(i -> i.batch().updateCount()).sum();
            written += updates;
            HollowBatch output =
                    batch(
                            request.description().lower().epoch(),
                            request.description().upper().epoch(),
                            updates);
            assertTrue(
                    spine.apply(new MergeResult(request.replaced(), output, OptionalLong.empty()))
                            .applied());
        }
        return written;
    }

    @Property(tries = 300)
    void anyTraceEndsWithFewRunsForABoundedAmount(@ForAll long seed) {
        // fails if it ends too early or never, or writes more than the rule says
        Random random = new Random(seed);
        Spine spine = new Spine();
        // what differs by orders of magnitude is not always where the levels can bring it together
        boolean alike = random.nextBoolean();
        long base = 1L << random.nextInt(24);
        for (int round = 0; round < 4; round++) {
            for (int i = random.nextInt(60); i > 0; i--) {
                long at = spine.upper().epoch();
                long updates =
                        alike
                                ? base + random.nextLong(base)
                                : random.nextLong(1L << random.nextInt(1, 30)) * random.nextInt(4);
                spine.push(batch(at, at + 1, updates));
                if (random.nextInt(3) == 0) {
                    answerAll(spine);
                }
            }
            answerAll(spine);
            int runs = sizes(spine).size();
            for (int exertions = 0; Settling.sweep(spine); exertions++) {
                assertTrue(exertions < runs, "it does not end");
                assertTrue(answerAll(spine) > 0);
            }
            List<Long> left = sizes(spine);
            assertTrue(left.size() <= 10, left::toString);
            if (alike) {
                assertSettled(left);
            }
            int parts = spine.snapshot().size();
            assertTrue(parts <= runs + 200, "empty batches pile up: " + parts);
        }
    }

    /** None of them, with all that are newer, would pay. */
    private static void assertSettled(List<Long> sizes) {
        long all = 0;
        long largest = 0;
        for (long size : sizes.reversed()) {
            all += size;
            largest = Math.max(largest, size);
            boolean pays = largest <= 4 * (all - largest) || all <= Settling.SMALL_UPDATES;
            assertTrue(all == size || !pays, sizes::toString);
        }
    }
}
