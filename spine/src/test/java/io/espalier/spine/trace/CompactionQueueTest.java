package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.SpineId;
import io.espalier.spine.disk.SimulatedDisk;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which request comes next, and when what failed is tried again. */
class CompactionQueueTest {

    private static final RuntimeException WHY = new IllegalStateException("no reason");

    @TempDir Path folder = Path.of("");

    private final CompactionQueue queue = new CompactionQueue();
    private NativeMemory memory = NativeMemory.open();
    private Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
    private TraceStore store =
            TraceStore.open(
                    new SimulatedDisk(1),
                    StoreDirectory.Mode.CREATE,
                    pager,
                    TraceStoreOptions.defaults().withCompaction(false));
    private Trace trace = store.findOrCreate("t");

    @BeforeEach
    void open() {
        close();
        memory = NativeMemory.open();
        pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
        store =
                TraceStore.open(
                        new SimulatedDisk(1),
                        StoreDirectory.Mode.CREATE,
                        pager,
                        TraceStoreOptions.defaults().withCompaction(false));
        trace = store.findOrCreate("t");
    }

    @AfterEach
    void close() {
        store.close();
        pager.close();
        memory.close();
    }

    private CompactionTask task(long first, long end) {
        Description times = new Description(Frontier.of(first), Frontier.of(end), Frontier.MINIMUM);
        SpineId id = new SpineId(first, end);
        return new CompactionTask(
                trace,
                new MergeRequest(
                        id, times, List.of(new IdHollowBatch(id, HollowBatch.empty(times)))));
    }

    private CompactionQueue.Waiting poll(long now) {
        CompactionQueue.Waiting next = queue.poll(now, task -> true);
        assertNotNull(next);
        return next;
    }

    @Test
    void aWiderRequestTakesThePlaceOfNarrowerOnes() {
        // fails if the same runs are compacted twice in a row
        queue.add(task(0, 2), 0);
        queue.add(task(4, 5), 0);
        queue.add(task(0, 4), 0);
        queue.add(task(2, 4), 0);
        assertEquals(new SpineId(4, 5), poll(0).task().request().id());
        assertEquals(new SpineId(0, 4), poll(0).task().request().id());
        assertNull(queue.poll(0, task -> true));
        assertEquals(0, queue.dropped());
    }

    @Test
    void whatFailedIsTriedAgainLaterAndLater() {
        // fails if a full disk is hammered, or what failed once is forgotten
        queue.add(task(0, 2), 0);
        long now = 0;
        long delay = CompactionQueue.RETRY_MILLIS_MIN;
        for (int i = 1; i < 30; i++) {
            CompactionQueue.Waiting attempt = poll(now);
            assertEquals(i - 1, attempt.failures());
            queue.addFailed(attempt, WHY, now);
            assertNull(queue.poll(now + delay - 1, task -> true));
            assertEquals(now + delay, queue.dueMillis().orElseThrow());
            now += delay;
            delay = Math.min(2 * delay, CompactionQueue.RETRY_MILLIS_MAX);
        }
        // what covers it is no more likely to succeed
        queue.addFailed(poll(now), WHY, now);
        queue.add(task(0, 9), now);
        assertNull(queue.poll(now, task -> true));
        assertEquals(1, queue.size());
        // a clock that was set back does not stop it
        assertNotNull(queue.poll(now - 10 * CompactionQueue.RETRY_MILLIS_MAX, task -> true));
    }

    @Test
    void aSmallRequestWaitsForAWiderOneUnlessSomebodyHurries() {
        queue.add(task(0, 2), 0, 100);
        assertNull(queue.poll(99, task -> true));
        // fails if a stream of requests, each wider than the last, is never answered
        queue.add(task(0, 4), 50, 150);
        assertNull(queue.poll(99, task -> true));
        assertEquals(new SpineId(0, 4), poll(100).task().request().id());
        // a wider one that need not wait does not
        queue.add(task(4, 6), 100, 200);
        queue.add(task(4, 8), 110);
        assertEquals(new SpineId(4, 8), poll(110).task().request().id());
        // fails if a writer that waits for fewer runs waits for nothing
        queue.add(task(8, 9), 110, 200);
        queue.hurry(120);
        assertEquals(new SpineId(8, 9), poll(120).task().request().id());
        // what failed is not hurried
        queue.add(task(0, 9), 120);
        queue.addFailed(poll(120), WHY, 120);
        queue.hurry(121);
        assertNull(queue.poll(121, task -> true));
    }

    @Test
    void whatFindsNoRoomIsCounted() {
        // fails if the queue grows without a bound, or drops silently
        for (int i = 0; i < CompactionQueue.WAITING_MAX + 7; i++) {
            queue.add(task(2 * i, 2 * i + 1), 0);
        }
        assertEquals(CompactionQueue.WAITING_MAX, queue.size());
        assertEquals(7, queue.dropped());
    }
}
