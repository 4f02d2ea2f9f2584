package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A seal that is given out chunk by chunk. */
class SealTest {

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

    private static long key(long i) {
        return i * 0x9E3779B97F4A7C15L;
    }

    /** Moves the next chunk of a seal to a batch; false at the end. */
    private static boolean move(Seal seal, Batch target) {
        Chunk chunk = seal.next();
        if (chunk != null) {
            target.add(chunk);
        }
        return chunk != null;
    }

    @Test
    void aSnapshotOfSevenBudgetsPassesThroughOne(@TempDir Path folder) {
        // P4: fails when what a seal gives out is held, or written, before it is taken
        long budgetBytes = 4 << 20;
        long target = 32 << 10;
        long stagedBytes = 64 << 10;
        int updates = 1_000_000;
        PagerOptions options = PagerOptions.in(folder).withSlackBytes(0).withWindows(0, 0);
        try (Pager pager = Pager.open(memory, new MemoryBudget(budgetBytes), options);
                MergeBatcher batcher = new MergeBatcher(pager, PAIRS, stagedBytes, target)) {
            long late = 0;
            for (long i = 0; i < updates; i++) {
                batcher.add(key(i), i, i % 100 == 0 ? 9 : 1, 1 + (i & 1023));
                late += i % 100 == 0 ? 1 : 0;
            }
            batcher.flush();
            assertTrue(batcher.sizeBytes() > 7 * budgetBytes, batcher.sizeBytes() + " bytes");
            long writtenBytes = pager.stats().pagedOut().rawBytes();
            long heldMax = 0;
            long found = 0;
            long sum = 0;
            TrieView view = new TrieView();
            try (Seal seal = batcher.startSeal(2)) {
                for (Chunk chunk = seal.next(); chunk != null; chunk = seal.next()) {
                    try (Chunk held = chunk;
                            ChunkPin pin = held.open(view)) {
                        assertNull(view.firstDisorder());
                        found += view.updateCount();
                        sum += view.diffSum();
                    }
                    heldMax = Math.max(heldMax, memory.stats().leasedBytes());
                }
                assertNull(seal.next());
            }
            assertEquals(updates - late, found);
            assertTrue(sum > 0);
            // all is charged but room that was not touched and what a step has just taken
            assertTrue(heldMax <= budgetBytes + 40 * target, heldMax + " bytes");
            long keptBytes = batcher.sizeBytes();
            assertTrue(
                    pager.stats().pagedOut().rawBytes() - writtenBytes
                            <= 2 * keptBytes + 2 * budgetBytes,
                    pager.stats().pagedOut() + " after " + writtenBytes);
            assertEquals(Antichain.of(9), batcher.frontier());
            // the kept side is paged: it, too, is more than the rest leaves room for
            assertEquals(1, batcher.counters().chains());
            assertEquals(late, batcher.counters().updatesChained());
        }
    }

    @Test
    void whatASealDidNotGiveOutIsInTheBatcherAgain() {
        // fails when ending a seal early, or using the batcher meanwhile, loses or doubles updates
        for (int seed = 0; seed < 60; seed++) {
            Random random = new Random(seed);
            try (Pager pager =
                            seed % 2 == 0
                                    ? TestPagers.open(memory)
                                    : TestPagers.openWithoutBudget(memory);
                    MergeBatcher batcher = new MergeBatcher(pager, PAIRS, 3000, 1500);
                    Batch given = new Batch(PAIRS)) {
                UpdateModel expected = new UpdateModel(PAIRS);
                int updates = 1 + random.nextInt(2000);
                for (long i = 0; i < updates; i++) {
                    long key = random.nextLong(500);
                    long time = random.nextInt(4);
                    batcher.add(key, i & 3, time, 1);
                    expected.add(bytes(key), bytes(i & 3), time, 1);
                }
                long upper = random.nextInt(6);
                try (Seal seal = batcher.startSeal(upper)) {
                    for (int n = random.nextInt(12); n > 0 && move(seal, given); n--) {}
                    if (random.nextBoolean()) {
                        batcher.add(1, 1, 1, 0);
                        batcher.flush();
                        if (seal.next() != null) {
                            throw new AssertionError("a seal that is over goes on");
                        }
                    }
                } catch (IllegalStateException e) {
                    assertTrue(e.getMessage().contains("used during a seal"), e.getMessage());
                }
                UpdateModel found = UpdateModel.read(given);
                try (Batch rest = batcher.seal(MergeBatcher.NO_TIME)) {
                    found.addAll(UpdateModel.read(rest));
                }
                assertEquals(expected.consolidated().rows, found.consolidated().rows, "" + seed);
                assertTrue(batcher.isEmpty());
            }
        }
    }

    private static byte[] bytes(long value) {
        return java.nio.ByteBuffer.allocate(8)
                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array();
    }

    @Test
    void aSealOfNothingOrOfOneChainGivesOutWhatThereIs() {
        // fails when the cases without a merge differ from the others
        try (Pager pager = TestPagers.open(memory);
                MergeBatcher batcher = new MergeBatcher(pager, PAIRS, 1 << 20, 1500)) {
            try (Seal seal = batcher.startSeal(5)) {
                assertNull(seal.next());
            }
            for (long i = 0; i < 1000; i++) {
                batcher.add(i, i, 3, 1);
            }
            try (Seal seal = batcher.startSeal(3)) {
                assertNull(seal.next());
            }
            try (Batch given = new Batch(PAIRS)) {
                try (Seal seal = batcher.startSeal(4)) {
                    while (move(seal, given)) {
                        assertNotNull(given);
                    }
                }
                assertEquals(1000, given.updateCount());
            }
            assertTrue(batcher.isEmpty());
            batcher.add(1, 1, 1, 1);
            Seal seal = batcher.startSeal(2);
            batcher.close();
            assertThrows(IllegalStateException.class, seal::next);
            seal.close();
        }
    }
}
