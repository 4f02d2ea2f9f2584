package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ChainBuilder;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compaction lets commits go first that are under way, but not for ever. */
class CommitGapTest {

    private static final int NANOS_PER_MILLI = 1_000_000;

    @TempDir Path folder = Path.of("");

    private final SimulatedClock clock = new SimulatedClock();
    private final CommitGap gap = new CommitGap(clock);

    @Test
    void nobodyWaitsWhereNothingIsCommitted() {
        // fails if there is a wait before the first commit, or after the last
        gap.await();
        gap.enter();
        gap.leave();
        gap.await();
        assertEquals(0, clock.waits());
    }

    @Test
    void theLastCommitToEndEndsTheWait() {
        // fails if the first one's end is taken for that of all, or no end is seen
        gap.enter();
        gap.enter();
        clock.whileWaiting(() -> {
            if (clock.waits() <= 2) {
                gap.leave();
            }
            // not all of the time that there was
            clock.advanceNanos(-CommitGap.PATIENCE_MILLIS * NANOS_PER_MILLI);
        });
        gap.await();
        assertEquals(2, clock.waits());
        assertEquals(0, clock.nanos());
    }

    @Test
    void patienceEnds() {
        // fails if commits without end keep compaction from ending
        gap.enter();
        clock.whileWaiting(() -> {
            if (clock.waits() == 1) {
                // woken for nothing, a quarter of the way
                clock.advanceNanos(-15 * NANOS_PER_MILLI);
            }
        });
        gap.await();
        assertEquals(2, clock.waits());
        assertEquals(CommitGap.PATIENCE_MILLIS * NANOS_PER_MILLI, clock.nanos());
    }

    @Test
    void anInterruptEndsItAndIsKept() {
        // fails if the interrupt is lost, or waited through
        CommitGap real = new CommitGap(StoreClock.system());
        real.enter();
        Thread.currentThread().interrupt();
        real.await();
        assertTrue(Thread.interrupted());
    }

    private static void commit(NativeMemory memory, TraceStore store, long epoch) {
        try (Commit commit = store.begin()) {
            ChainBuilder out = commit.writer(store.findOrCreate("a"));
            Rows.append(memory, out, "k" + epoch, "v", epoch, 1);
            commit.commit(epoch);
        }
    }

    @Test
    void aResultIsPutInPlaceBetweenCommits() {
        // fails if a compaction does not wait for a commit, if a commit that fails is never over,
        // or
        // if files are deleted while whoever commits would have to wait for that
        SimulatedDisk disk = new SimulatedDisk(3);
        TraceStoreOptions options = TraceStoreOptions.defaults().withCompaction(false);
        try (NativeMemory memory = NativeMemory.open();
                Pager pager =
                        Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
                TraceStore store =
                        TraceStore.open(
                                disk,
                                Mode.CREATE,
                                pager,
                                options,
                                StoreDirectory.Options.defaults(),
                                clock)) {
            for (int epoch = 1; epoch <= 4; epoch++) {
                commit(memory, store, epoch);
            }
            assertThrows(IllegalStateException.class, () -> commit(memory, store, 17));
            store.gap().await();
            assertEquals(0, clock.waits(), "the commit that failed is over");

            Trace trace = store.find("a").orElseThrow();
            List<Integer> runs = new ArrayList<>();
            store.gap().enter();
            clock.whileWaiting(() -> {
                runs.add(trace.runCount());
                if (runs.size() == 1) {
                    store.gap().leave();
                }
            });
            disk.beforeEachDiscard(() -> assertFalse(Thread.holdsLock(store.lock())));
            store.compact();
            assertEquals(List.of(4), runs);
            assertEquals(1, trace.runCount());
            assertEquals(
                    1, disk.files().stream().filter(name -> name.startsWith("batches/")).count());
        }
    }
}
