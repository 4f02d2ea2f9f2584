package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.pager.SpillException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AfterTry;
import net.jqwik.api.lifecycle.BeforeTry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The batcher: what is complete comes out once, sorted and consolidated, whatever is paged. */
class MergeBatcherTest {

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
    private static final byte[] EMPTY = {};

    private NativeMemory memory;

    @BeforeEach
    @BeforeTry
    void open() {
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
    }

    @AfterEach
    @AfterTry
    void close() {
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private static byte[] word(long value) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    private static void add(MergeBatcher batcher, UpdateBufferTest.Update u) {
        if (batcher.type().diff() == DiffType.UPSERT) {
            batcher.upsert(
                    u.key(),
                    0,
                    u.key().length,
                    u.time(),
                    u.diff(),
                    u.tag(),
                    u.payload(),
                    0,
                    u.payload().length);
        } else {
            batcher.add(u.key(), 0, u.key().length, u.val(), 0, u.val().length, u.time(), u.diff());
        }
    }

    /** Moves what lies before {@code upper} from one model to a new one. */
    private static UpdateModel cut(UpdateModel pending, long upper) {
        UpdateModel early = new UpdateModel(pending.type);
        pending.rows
                .entrySet()
                .removeIf(entry -> {
                    boolean isEarly = Long.compareUnsigned(entry.getKey().time(), upper) < 0;
                    if (isEarly) {
                        early.rows.put(entry.getKey(), entry.getValue());
                    }
                    return isEarly;
                });
        return early.consolidated();
    }

    private static long frontier(UpdateModel model) {
        return model.rows.keySet().stream()
                .map(UpdateModel.Row::time)
                .min(Long::compareUnsigned)
                .orElse(MergeBatcher.NO_TIME);
    }

    @Property(tries = 150, shrinking = ShrinkingMode.OFF)
    void sealsEqualTheModelWhateverIsPaged(@ForAll long seed) {
        // P4, P5: fails when a push, merge, split or page-out loses, doubles or misplaces an update
        Random random = new Random(seed);
        TrieType type = UpdateBufferTest.type(random);
        boolean paged = random.nextBoolean();
        UpdateModel pending = new UpdateModel(type);
        long order = 1;
        try (Pager pager = paged ? TestPagers.openWithoutBudget(memory) : TestPagers.open(memory);
                MergeBatcher batcher =
                        new MergeBatcher(
                                pager, type, 1 + random.nextInt(2000), 1 + random.nextInt(1500))) {
            long now = 0;
            for (int round = 0; round < 8; round++) {
                List<UpdateBufferTest.Update> updates =
                        UpdateBufferTest.updates(random, type, random.nextInt(300));
                for (UpdateBufferTest.Update u : updates) {
                    // ties between upserts are anyone's: make orders unique
                    long diff = type.diff() == DiffType.UPSERT ? order++ : u.diff() % 1000;
                    if (type.diff() == DiffType.UPSERT && random.nextInt(3) == 0) {
                        diff = Long.reverse(diff);
                    }
                    long time = now + Math.floorMod(u.time(), 6);
                    UpdateBufferTest.Update one =
                            new UpdateBufferTest.Update(
                                    u.key(), u.val(), time, diff, u.tag(), u.payload());
                    add(batcher, one);
                    UpdateBufferTest.addTo(pending, one);
                }
                if (random.nextInt(3) > 0) {
                    long upper = now + random.nextInt(7);
                    now = Math.max(now, upper);
                    UpdateModel expected = cut(pending, upper);
                    try (Batch batch = batcher.seal(upper)) {
                        assertEquals(expected.rows, UpdateModel.read(batch).rows);
                        assertTrue(!paged || isPaged(batch));
                    }
                    assertKept(batcher, pending, paged);
                    try (Batch again = batcher.seal(upper)) {
                        assertEquals(0, again.updateCount());
                    }
                }
            }
            UpdateModel expected = cut(pending, MergeBatcher.NO_TIME);
            try (Batch batch = batcher.seal(MergeBatcher.NO_TIME)) {
                assertEquals(expected.rows, UpdateModel.read(batch).rows);
            }
            assertEquals(MergeBatcher.NO_TIME, leastTime(batcher));
            assertEquals(0, batcher.counters().chunks());
            if (random.nextBoolean()) {
                UpdateBufferTest.updates(random, type, 500)
                        .forEach(u -> {
                            if (u.diff() > -5 && u.diff() < 5) {
                                add(batcher, u);
                            }
                        });
            }
        }
    }

    private static long leastTime(MergeBatcher batcher) {
        Antichain least = batcher.frontier();
        return least.isEmpty() ? MergeBatcher.NO_TIME : least.firstAt(0);
    }

    private static boolean isPaged(Batch batch) {
        for (long i = 0; i < batch.chunkCount(); i++) {
            if (batch.chunk(i).isResident()) {
                return false;
            }
        }
        return true;
    }

    private static void assertKept(MergeBatcher batcher, UpdateModel pending, boolean paged) {
        MergeBatcher.Counters counters = batcher.counters();
        assertEquals(0, counters.updatesStaged());
        UpdateModel kept = new UpdateModel(pending.type);
        long least = MergeBatcher.NO_TIME;
        for (int i = 0; i < counters.chains(); i++) {
            UpdateModel chain = UpdateModel.read(batcher.chain(i));
            long time = frontier(chain);
            least = Long.compareUnsigned(time, least) < 0 ? time : least;
            kept.addAll(chain);
            assertTrue(!paged || isPaged(batcher.chain(i)));
        }
        assertEquals(pending.consolidated().rows, kept.consolidated().rows);
        assertEquals(least, leastTime(batcher));
        if (counters.chains() <= 1) {
            assertEquals(frontier(pending), leastTime(batcher));
        }
    }

    /** A chain of one chunk of keys {@code [from, from + 20)}. */
    private Batch chunk(Pager pager, long from) {
        Batch batch = new Batch(LONGS);
        try (UpdateBuffer buffer = new UpdateBuffer(memory, LONGS);
                ChainBuilder out =
                        new ChainBuilder(
                                new TrieBuilder(memory, LONGS), 1000, batch.sink(pager, 0))) {
            for (long key = from; key < from + 20; key++) {
                buffer.add(key, 1, 1);
            }
            buffer.formInto(out);
            out.finish();
        }
        assertEquals(1, batch.chunkCount());
        return batch;
    }

    @Test
    void chainsOfFullDisjointChunksGrowGeometrically() {
        // P1: fails when chains are merged too early or too late, or disjoint chunks are opened
        try (Pager pager = TestPagers.openWithoutBudget(memory);
                MergeBatcher batcher = new MergeBatcher(pager, LONGS, 1 << 20, 1000)) {
            List<String> lengths = new ArrayList<>();
            for (int i = 0; i < 13; i++) {
                long from = (i * 7L % 13) * 20;
                Batch chunk = chunk(pager, from);
                long pagedIn = pager.stats().pagedIn().count();
                batcher.giveBack(chunk);
                assertEquals(pagedIn, pager.stats().pagedIn().count());
                lengths.add(batcher.chainLengths().toString());
            }
            assertEquals(
                    List.of(
                            "[1]", "[2]", "[3]", "[4]", "[4, 1]", "[6]", "[6, 1]", "[6, 2]", "[9]",
                            "[9, 1]", "[9, 2]", "[9, 3]", "[13]"),
                    lengths);
            try (Batch batch = batcher.seal(2)) {
                assertEquals(13, batch.chunkCount());
                assertEquals(13 * 20, UpdateModel.read(batch).rows.size());
            }
        }
    }

    @Test
    void equalUpdatesMeetAcrossChunksAndTombstonesSurvive() {
        // P3: fails when what is equal at the border of chunks is not folded, or upserts vanish
        try (Pager pager = TestPagers.open(memory)) {
            try (MergeBatcher batcher = new MergeBatcher(pager, LONGS, 64, 400)) {
                for (int round = 0; round < 2; round++) {
                    for (long key = 0; key < 500; key++) {
                        batcher.add(key, 3, round == 0 ? 1 : key % 2 == 0 ? -1 : 1);
                    }
                }
                try (Batch batch = batcher.seal(4)) {
                    UpdateModel model = UpdateModel.read(batch);
                    assertEquals(250, model.rows.size());
                    model.rows.values().forEach(d -> assertEquals("2:", d.toString()));
                }
            }
            TrieType upserts = TrieType.BYTES_UPSERTS;
            try (MergeBatcher batcher = new MergeBatcher(pager, upserts, 64, 400)) {
                for (int order = 0; order < 3; order++) {
                    for (long key = 0; key < 100; key++) {
                        byte tag = (byte) (order == 2 ? 0 : 1);
                        batcher.upsert(
                                word(key),
                                0,
                                8,
                                3,
                                order,
                                tag,
                                new byte[] {5},
                                0,
                                order == 2 ? 0 : 1);
                    }
                }
                try (Batch batch = batcher.seal(4)) {
                    UpdateModel model = UpdateModel.read(batch);
                    assertEquals(100, model.rows.size());
                    model.rows.values().forEach(d -> assertEquals("2:00", d.toString()));
                }
            }
        }
    }

    @Test
    void whatCancelsLeavesNothing() {
        // fails when empty chains or chunks stay behind
        try (Pager pager = TestPagers.open(memory);
                MergeBatcher batcher = new MergeBatcher(pager, LONGS, 512, 400)) {
            for (int round = 0; round < 10; round++) {
                for (long key = 0; key < 1000; key++) {
                    batcher.add(key, 3, round % 2 == 0 ? 1 : -1);
                }
            }
            try (Batch batch = batcher.seal(4)) {
                assertEquals(0, batch.chunkCount());
            }
            assertEquals(0, batcher.counters().chains());
            assertEquals(MergeBatcher.NO_TIME, leastTime(batcher));
        }
    }

    @Test
    void noChunkExceedsTheTargetByMoreThanAWideRow() {
        // P12: fails when a row jumps over a window and chunks grow without bound
        int row = 300 << 10;
        long target = 2L << 20;
        try (Pager pager = TestPagers.openWithoutBudget(memory);
                MergeBatcher batcher =
                        new MergeBatcher(pager, TrieType.BYTES_TO_BYTES, 2 << 20, target)) {
            byte[] val = new byte[row];
            Random random = new Random(1);
            for (int i = 0; i < 64; i++) {
                byte[] key = word(random.nextInt(1000));
                random.nextBytes(val);
                batcher.add(key, 0, 8, val, 0, row - random.nextInt(2) * 150_000, i % 2, 1);
                for (int c = 0; c < batcher.counters().chains(); c++) {
                    assertChunksAtMost(batcher.chain(c), target + row + 100);
                }
            }
            try (Batch batch = batcher.seal(1)) {
                assertEquals(32, batch.updateCount());
                assertChunksAtMost(batch, target + row + 100);
            }
        }
    }

    private static void assertChunksAtMost(Batch batch, long bytes) {
        for (long i = 0; i < batch.chunkCount(); i++) {
            long size = batch.chunk(i).sizeBytes();
            assertTrue(size <= bytes, size + " bytes");
        }
    }

    @Test
    void chunksOfOneSideOfTheSealMoveByHandle() {
        // fails when a seal opens or copies chunks whose time bounds say where they belong
        try (Pager pager = TestPagers.openWithoutBudget(memory);
                MergeBatcher batcher = new MergeBatcher(pager, LONGS, 1 << 20, 1000)) {
            for (int i = 0; i < 12; i++) {
                for (long key = 0; key < 120; key++) {
                    batcher.add(i * 1000L + key, i % 3, 1);
                }
            }
            batcher.flush();
            List<Chunk> early = new ArrayList<>();
            List<Chunk> late = new ArrayList<>();
            Batch chain = batcher.chain(0);
            for (long i = 0; i < chain.chunkCount(); i++) {
                Chunk chunk = chain.chunk(i);
                if (chunk.timeMax() < 2) {
                    early.add(chunk);
                } else if (chunk.timeMin() >= 2) {
                    late.add(chunk);
                }
            }
            assertTrue(early.size() >= 2 && late.size() >= 1);
            try (Batch batch = batcher.seal(2)) {
                assertEquals(8 * 120, UpdateModel.read(batch).rows.size());
                assertTrue(holdsMostOf(batch, early));
                assertTrue(holdsMostOf(batcher.chain(0), late));
            }
        }
    }

    /** Small neighbours may have been copied together: not more than half of the chunks. */
    private static boolean holdsMostOf(Batch batch, List<Chunk> chunks) {
        int found = 0;
        for (long i = 0; i < batch.chunkCount(); i++) {
            found += chunks.contains(batch.chunk(i)) ? 1 : 0;
        }
        return 2 * found >= chunks.size();
    }

    @Test
    void parkedChunksHaveNoSpareRoom() {
        // fails when a chain holds over-reserved builders' memory instead of exact images
        try (Pager pager = TestPagers.open(memory);
                MergeBatcher batcher = new MergeBatcher(pager, LONGS, 1 << 16, 1 << 16)) {
            for (long key = 0; key < 40_000; key++) {
                batcher.add(key * 31 % 40_000, 0, 1);
            }
            batcher.flush();
            long used = pager.stats().images().residentBytes();
            MergeBatcher.Counters counters = batcher.counters();
            long pages = counters.chunks() * 4096;
            assertTrue(used <= counters.chunkBytes() + pages, used + " of " + counters);
        }
    }

    /** A folder that may be blocked: new spill files cannot be made then. */
    private record Disk(Path folder, Random random) {
        void block() throws IOException {
            Files.deleteIfExists(folder);
            Files.writeString(folder, "a file where a folder should be");
        }

        void unblock() throws IOException {
            if (Files.isRegularFile(folder)) {
                Files.delete(folder);
            }
        }

        /** Tries until it works; now and then the disk is repaired after a failure. */
        <T> T insist(Supplier<T> work, int[] refusals) throws IOException {
            while (true) {
                try {
                    return work.get();
                } catch (SpillException e) {
                    if (++refusals[0] > 100_000) {
                        throw e;
                    }
                    if (random.nextInt(3) == 0) {
                        unblock();
                    }
                }
            }
        }
    }

    @Test
    void aFullDiskHoldsWritersBackAndLosesNothing(@TempDir Path folder) throws IOException {
        // fails when an update is lost or doubled by a page-out that failed, at whatever step
        int[] refusals = {0};
        int[] refusedSeals = {0};
        for (int seed = 0; seed < 30; seed++) {
            Random random = new Random(seed);
            Disk disk = new Disk(folder.resolve("spill" + seed), random);
            UpdateModel expected = new UpdateModel(LONGS);
            UpdateModel shipped = new UpdateModel(LONGS);
            PagerOptions options =
                    PagerOptions.in(disk.folder)
                            .withSlackBytes(random.nextInt(3) * 9000)
                            .withSegmentBytes(16 << 10)
                            // a writer would make the folder while the test takes it away
                            .withWriters(0, 1)
                            .withFreeBytesMax(0);
            try (Pager pager = Pager.open(memory, new MemoryBudget(0), options);
                    MergeBatcher batcher = new MergeBatcher(pager, LONGS, 2000, 1500)) {
                for (int i = 0; i < 4000; i++) {
                    if (random.nextInt(300) == 0) {
                        disk.block();
                    }
                    long key = random.nextInt(3000);
                    long time = random.nextInt(4);
                    disk.insist(
                            () -> {
                                batcher.add(key, time, 1);
                                return true;
                            },
                            refusals);
                    expected.add(word(key), EMPTY, time, 1);
                    if (i % 1000 == 900) {
                        disk.block();
                        long upper = 1L + i / 1000;
                        Batch sealed = disk.insist(() -> batcher.seal(upper), refusedSeals);
                        try (sealed) {
                            shipped.addAll(UpdateModel.read(sealed));
                        }
                    }
                }
                disk.unblock();
                if (seed % 3 == 0) {
                    // close in the middle of things
                    disk.block();
                    try {
                        batcher.flush();
                    } catch (SpillException e) {
                        refusals[0]++;
                    }
                    continue;
                }
                try (Batch batch = batcher.seal(MergeBatcher.NO_TIME)) {
                    shipped.addAll(UpdateModel.read(batch));
                }
                assertEquals(expected.rows, shipped.rows);
            }
        }
        assertTrue(refusals[0] > 30 && refusedSeals[0] > 30, refusals[0] + " " + refusedSeals[0]);
    }

    @Test
    void whatIsGivenBackOrClearedCountsAgainOrNoMore() {
        // fails when a batch that was not used is lost, or a cleared batcher still holds something
        try (Pager pager = TestPagers.open(memory);
                MergeBatcher batcher = new MergeBatcher(pager, LONGS, 2000, 1000)) {
            assertTrue(batcher.isEmpty());
            for (long key = 0; key < 1000; key++) {
                batcher.add(key, key % 2, 1);
            }
            assertFalse(batcher.isEmpty());
            long sizeBytes = batcher.sizeBytes();
            assertTrue(sizeBytes > 1000 * 8, sizeBytes + " bytes");
            batcher.giveBack(batcher.seal(1));
            assertEquals(0, leastTime(batcher));
            batcher.add(7, 0, 5);
            try (Batch batch = batcher.seal(2)) {
                UpdateModel model = UpdateModel.read(batch);
                assertEquals(1001, model.rows.size());
                assertEquals(
                        "5:", model.rows.get(new UpdateModel.Row(word(7), EMPTY, 0)).toString());
            }
            batcher.add(7, 9, 5);
            batcher.flush();
            batcher.add(8, 9, 5);
            batcher.clear();
            assertTrue(batcher.isEmpty());
            assertEquals(0, batcher.sizeBytes());
            assertEquals(MergeBatcher.NO_TIME, leastTime(batcher));
            batcher.add(9, 9, 5);
            try (Batch batch = batcher.seal(10)) {
                assertEquals(1, batch.updateCount());
            }
        }
    }

    @Test
    void aBrokenOrClosedBatcherSaysSoAndGivesEverythingBack() {
        // fails when a batcher goes on after a failure inside of a merge, or leaks after it
        try (Pager pager = TestPagers.open(memory)) {
            MergeBatcher batcher = new MergeBatcher(pager, LONGS, 1 << 20, 1000);
            for (int round = 0; round < 2; round++) {
                for (long key = 0; key < 200; key++) {
                    batcher.add(key, 0, key == 100 ? Long.MAX_VALUE : 1);
                }
                if (round == 0) {
                    batcher.flush();
                }
            }
            batcher.flush();
            assertThrows(ArithmeticException.class, () -> batcher.seal(1));
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> batcher.add(1, 0, 1));
            assertTrue(e.getMessage().contains("failed earlier"), e.getMessage());
            assertThrows(IllegalStateException.class, () -> batcher.seal(1));
            batcher.close();
            batcher.close();
            e = assertThrows(IllegalStateException.class, () -> batcher.add(1, 0, 1));
            assertTrue(e.getMessage().contains("closed"), e.getMessage());
            assertEquals(0, pager.stats().budget().usedBytes());
        }
    }

    @Test
    void theEndOfTimeTakesNoUpdates() {
        // fails when an update could never be sealed
        try (Pager pager = TestPagers.open(memory);
                MergeBatcher batcher = new MergeBatcher(pager, LONGS)) {
            assertThrows(
                    IllegalArgumentException.class, () -> batcher.add(1, MergeBatcher.NO_TIME, 1));
            batcher.add(1, MergeBatcher.NO_TIME - 1, 1);
            assertEquals(MergeBatcher.NO_TIME - 1, leastTime(batcher));
            try (Batch batch = batcher.seal(MergeBatcher.NO_TIME)) {
                assertEquals(1, batch.updateCount());
            }
            assertFalse(batcher.counters().chunks() > 0);
        }
    }
}
