package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.pager.SpillStats;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a batcher reads, writes and holds while it is fed more than its memory budget. */
class BatcherPagingTest {

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
    private static final TrieType PAIRS =
            new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);

    private NativeMemory memory;

    @BeforeEach
    void open() {
        memory = Tries.memory();
    }

    @AfterEach
    void close() {
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private Batch run(Pager pager, long from, long to, long step, long target) {
        Batch batch = new Batch(LONGS);
        try (UpdateBuffer buffer = new UpdateBuffer(memory, LONGS);
                ChainBuilder out =
                        new ChainBuilder(
                                new TrieBuilder(memory, LONGS), target, batch.sink(pager, 0))) {
            for (long key = from; key < to; key += step) {
                buffer.add(key, 1, 1);
            }
            buffer.formInto(out);
            out.finish();
        }
        return batch;
    }

    @Test
    void chunksBehindTheOverlapAreHandedOnWithoutBeingRead() {
        // P2: fails when a merge reads chunks of which every update lies on one side of the other
        try (Pager pager = TestPagers.openWithoutReadingAhead(memory);
                Batch probe = run(pager, 0, 20, 1, 1 << 20)) {
            // chunks of exactly 20 keys, none of which is ever joined with a neighbour
            long target = probe.chunk(0).flatBytes();
            try (MergeBatcher batcher = new MergeBatcher(pager, LONGS, 1 << 20, target)) {
                Batch low = run(pager, 0, 1000, 1, target);
                Batch high = run(pager, 990, 1990, 1, target);
                assertEquals(50, low.chunkCount());
                List<Chunk> untouched = new ArrayList<>();
                for (int i = 1; i < 50; i++) {
                    untouched.add(low.chunk(i - 1));
                    untouched.add(high.chunk(i));
                }
                batcher.giveBack(low);
                long pagedIn = pager.stats().pagedIn().count();
                batcher.giveBack(high);
                assertEquals(1, batcher.counters().chains());
                assertEquals(2, pager.stats().pagedIn().count() - pagedIn);
                Batch chain = batcher.chain(0);
                List<Chunk> found = new ArrayList<>();
                for (long i = 0; i < chain.chunkCount(); i++) {
                    found.add(chain.chunk(i));
                }
                assertTrue(found.containsAll(untouched));
                try (Batch batch = batcher.seal(2)) {
                    assertEquals(1990, batch.updateCount());
                }
            }
        }
    }

    @Test
    void chainsThatInterleaveWaitForOneAnother() {
        // fails when every push of interleaved chains writes what is there again
        try (Pager pager = TestPagers.openWithoutBudget(memory)) {
            long target = 600;
            try (MergeBatcher batcher = new MergeBatcher(pager, LONGS, 8000, target)) {
                List<Integer> counts = new ArrayList<>();
                for (int i = 0; i < 32; i++) {
                    batcher.giveBack(run(pager, i, 32_000, 32, target));
                    counts.add(batcher.chainLengths().size());
                }
                // four of a rank become one of the next rank
                assertEquals(
                        List.of(
                                1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6, 1, 2, 3, 4, 2, 3, 4, 5,
                                3, 4, 5, 6, 4, 5, 6, 7, 2),
                        counts);
                try (Batch batch = batcher.seal(2)) {
                    assertEquals(32_000, batch.updateCount());
                }
            }
        }
    }

    /** Feeds updates of which half cancel, in an order that looks random, and seals twice. */
    private static List<UpdateModel> feed(MergeBatcher batcher, int updates) {
        for (int sign = 0; sign < 2; sign++) {
            for (long i = 0; i < updates; i++) {
                long key = (i * 0x9E3779B97F4A7C15L) >>> 40;
                batcher.add(key, i & 3, i & 7, sign == 0 ? 1 : (i & 1) == 0 ? -1 : 2);
            }
        }
        List<UpdateModel> found = new ArrayList<>();
        for (long upper : new long[] {4, MergeBatcher.NO_TIME}) {
            try (Batch batch = batcher.seal(upper)) {
                found.add(UpdateModel.read(batch));
            }
        }
        return found;
    }

    @Test
    void pagingChangesNothingAndLeavesNothing() {
        // P5: fails when a page that comes back is not what went, or something stays charged
        List<UpdateModel> resident;
        try (Pager pager = TestPagers.open(memory);
                MergeBatcher batcher = new MergeBatcher(pager, PAIRS, 20_000, 5_000)) {
            resident = feed(batcher, 30_000);
        }
        try (Pager pager = TestPagers.openWithoutBudget(memory)) {
            try (MergeBatcher batcher = new MergeBatcher(pager, PAIRS, 20_000, 5_000)) {
                List<UpdateModel> paged = feed(batcher, 30_000);
                for (int i = 0; i < 2; i++) {
                    assertEquals(resident.get(i).rows, paged.get(i).rows);
                }
                assertEquals(0, batcher.counters().chunks());
                // and once more with something left inside
                feed(batcher, 1000);
                batcher.add(1, 1, 1, 1);
            }
            SpillStats stats = pager.stats();
            assertTrue(stats.pagedIn().count() > 100, stats.toString());
            assertEquals(0, stats.budget().usedBytes());
            assertEquals(0, stats.images().count());
            assertEquals(0, stats.images().residentBytes());
            assertEquals(0, stats.images().pinsOpen());
            assertEquals(0, stats.segments().usedBytes());
        }
    }

    @Test
    void memoryStaysNearTheBudgetHoweverMuchIsFed(@TempDir Path folder) {
        // P13: fails when chains, scratch or dead chunks are held beside the budget, or the dead
        // are written
        long budgetBytes = 1 << 20;
        long target = 32 << 10;
        long stagedBytes = 64 << 10;
        PagerOptions options = PagerOptions.in(folder).withSlackBytes(0).withWindows(0, 0);
        MemoryBudget budget = new MemoryBudget(budgetBytes);
        try (Pager pager = Pager.open(memory, budget, options);
                MergeBatcher batcher = new MergeBatcher(pager, PAIRS, stagedBytes, target)) {
            long heldMax = 0;
            for (long i = 0; i < 700_000; i++) {
                batcher.add(i * 0x9E3779B97F4A7C15L, i, i % 5, 1 + (i & 1023));
                if (i % 1000 == 0) {
                    heldMax = Math.max(heldMax, memory.stats().leasedBytes());
                }
            }
            long fedBytes = batcher.sizeBytes();
            assertTrue(fedBytes > 10 * budgetBytes, fedBytes + " bytes");
            // what is staged, sorted and built is charged as well
            assertTrue(heldMax <= budgetBytes + 8 * target, heldMax + " bytes");
            SpillStats.Policy policy = pager.stats().policy();
            assertTrue(policy.writesElided() > 0, policy.toString());
            try (Batch batch = batcher.seal(MergeBatcher.NO_TIME)) {
                assertEquals(700_000, batch.updateCount());
                // room that was not touched, and what a step has just taken, are not charged
                long peak = memory.stats().leasedBytesPeak();
                assertTrue(peak <= budgetBytes + 40 * target, peak + " bytes");
            }
        }
    }
}
