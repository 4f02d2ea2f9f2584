package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Misuse is named, leaves everything as it was, and leaks nothing. */
class RefusalTest {

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);

    private final NativeMemory memory = Tries.memory();
    private final Pager pager = Tries.pager(memory, 1 << 30);

    @AfterEach
    void nothingIsLeft() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private Batch batch(long from, long to, long time, long diff) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (long key = from; key < to; key++) {
            rows.put(
                    new Row(Tries.datum(key), Tries.datum(), time),
                    new Diff(diff, Tries.datum("")));
        }
        return Tries.form(pager, LONGS, rows, 1000);
    }

    @Test
    void probesThatDoNotAscendAreRefusedBeforeAnythingIsCopied() {
        // fails when unsorted or repeated probes give a result, or half of one
        try (Batch batch = batch(0, 100, 1, 1);
                Batch out = new Batch(LONGS);
                ChainBuilder chain = Tries.chain(pager, LONGS, 1000, out);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.LONG);
                ColumnBuilder text = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            probes.append(1);
            probes.append(5);
            probes.append(5);
            Extractor extractor = new Extractor();
            assertThrows(
                    IllegalArgumentException.class,
                    () -> extractor.extract(batch, probes.column(), chain));
            probes.clear(0);
            probes.append(2);
            probes.append(1);
            assertThrows(
                    IllegalArgumentException.class,
                    () -> extractor.extract(batch, probes.column(), chain));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> extractor.extract(batch, text.column(), chain));
            chain.finish();
            assertEquals(0, out.updateCount());
            assertEquals(0, pager.stats().images().pinsOpen());
        }
    }

    @Test
    void countsThatOverflowFailTheMergeAndLeakNothing() {
        // fails when a sum wraps around, or a failed merge goes on or keeps a pin
        for (long since : new long[] {0, 9}) {
            try (Batch one = batch(0, 50, 1, Long.MAX_VALUE);
                    Batch two = batch(40, 90, since == 0 ? 1 : 2, 1);
                    Batch out = new Batch(LONGS);
                    ChainBuilder chain = Tries.chain(pager, LONGS, 500, out);
                    Merge merge = new Merge(List.of(one, two), false, since, chain)) {
                assertThrows(ArithmeticException.class, merge::run);
                assertThrows(IllegalStateException.class, () -> merge.step(1));
                assertEquals(50, one.updateCount());
            }
        }
    }

    @Test
    void aSumThatFitsDoesNotDependOnTheOrderOfItsParts() {
        // fails when a sum on the way overflows although the whole does not
        try (Batch one = batch(0, 3, 1, Long.MAX_VALUE);
                Batch two = batch(0, 3, 1, Long.MAX_VALUE);
                Batch three = batch(0, 3, 1, -Long.MAX_VALUE);
                Batch out = new Batch(LONGS)) {
            try (ChainBuilder chain = Tries.chain(pager, LONGS, 500, out);
                    Merge merge = new Merge(List.of(one, two, three), false, 0, chain)) {
                merge.run();
            }
            Tries.read(out).values().forEach(diff -> assertEquals(Long.MAX_VALUE, diff.number()));
        }
    }

    @Test
    void whatIsClosedSaysSo() {
        // fails when a closed handle answers, or gives bytes that became another's
        Batch batch = batch(0, 10, 1, 1);
        Chunk chunk = batch.chunk(0);
        TrieView view = new TrieView();
        ChunkPin pin = batch.open(0, view);
        Column keys = view.keys();
        assertEquals(3, keys.longAt(3));
        pin.close();
        assertThrows(IllegalStateException.class, pin::close);
        assertThrows(IndexOutOfBoundsException.class, () -> keys.longAt(3));
        assertEquals(0, view.updateCount());
        Cursor cursor = new Cursor(batch);
        cursor.close();
        assertThrows(IllegalStateException.class, cursor::stepKey);
        assertThrows(IllegalStateException.class, cursor::keys);
        batch.close();
        assertThrows(IllegalStateException.class, () -> batch.chunk(0));
        assertThrows(IllegalStateException.class, batch::chunkCount);
        assertThrows(IllegalStateException.class, () -> batch.add(chunk));
        assertThrows(IllegalStateException.class, chunk::share);
        assertThrows(IllegalStateException.class, chunk::close);
        assertThrows(IllegalStateException.class, chunk::fence);
        assertThrows(IllegalStateException.class, () -> chunk.open(view));
        assertThrows(IllegalStateException.class, chunk::share, "a second close changes nothing");
    }

    @Test
    void aViewThatWasBoundAnewOutlivesThePinBefore() {
        // fails when closing an old pin takes the bytes from a view that has moved on
        try (Batch one = batch(0, 10, 1, 1);
                Batch two = batch(20, 30, 1, 1)) {
            TrieView view = new TrieView();
            ChunkPin before = one.open(0, view);
            ChunkPin after = two.open(0, view);
            before.close();
            assertEquals(20, view.keys().longAt(0));
            after.close();
        }
    }

    @Test
    void chunksOutOfOrderOrOfAnotherTypeAreRefused() {
        // fails when a chain stops being sorted
        try (Batch low = batch(0, 10, 1, 1);
                Batch high = batch(5, 20, 1, 1);
                Batch out = new Batch(LONGS);
                Batch text = new Batch(TrieType.BYTES_TO_BYTES)) {
            out.add(high.chunk(0).share());
            Chunk refused = low.chunk(0).share();
            assertThrows(IllegalArgumentException.class, () -> out.add(refused));
            assertThrows(IllegalArgumentException.class, () -> text.add(refused));
            refused.close();
            assertEquals(1, out.chunkCount());
            try (ChainBuilder chain = Tries.chain(pager, LONGS, 500, out)) {
                assertThrows(
                        IllegalArgumentException.class,
                        () -> new Merge(List.of(low, text), false, 0, chain));
                assertThrows(
                        IllegalArgumentException.class, () -> new Extractor().fetch(text, chain));
            }
        }
    }

    @Test
    void valuesOfAnotherSizeAreRefused() {
        // fails when a column takes what its type does not allow
        try (ColumnBuilder longs = ColumnBuilder.distinct(memory, ColumnType.LONG);
                ColumnBuilder tuples = ColumnBuilder.distinct(memory, ColumnType.tuple(2));
                ColumnBuilder bytes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            assertThrows(IllegalArgumentException.class, () -> longs.append(new byte[7], 0, 7));
            assertThrows(IllegalArgumentException.class, () -> tuples.append(new byte[8], 0, 8));
            assertThrows(IllegalArgumentException.class, () -> tuples.append(1));
            assertThrows(IllegalArgumentException.class, () -> bytes.append(1));
            assertEquals(0, longs.count() + tuples.count() + bytes.count());
        }
        assertThrows(IllegalArgumentException.class, () -> ColumnType.tuple(33));
        assertThrows(
                IllegalArgumentException.class,
                () -> new TrieType(ColumnType.UNIT, ColumnType.LONG, DiffType.COUNT));
    }

    @Test
    void anUpdateOutOfOrderIsRefusedAndTheChainGoesOn() {
        // fails when a refused update leaves a key without a val, or ends the chain
        TrieType type = TrieType.BYTES_TO_BYTES;
        try (Batch out = new Batch(type);
                ColumnBuilder text =
                        Tries.column(
                                memory,
                                ColumnType.BYTES,
                                List.of(Tries.datum("a"), Tries.datum("b")))) {
            Column column = text.column();
            try (ChainBuilder chain = Tries.chain(pager, type, 40, out)) {
                append(chain, column, 1, 0, 5, 1);
                assertThrows(
                        IllegalArgumentException.class, () -> append(chain, column, 1, 0, 5, 1));
                assertThrows(
                        IllegalArgumentException.class, () -> append(chain, column, 0, 1, 6, 1));
                assertThrows(
                        IllegalArgumentException.class, () -> append(chain, column, 1, 1, 6, 0));
                append(chain, column, 1, 0, -1, 1);
                append(chain, column, 1, 1, 0, -1);
                chain.finish();
            }
            assertEquals(3, Tries.read(out).size());
        }
    }

    private static void append(
            ChainBuilder chain, Column column, long key, long val, long time, long diff) {
        chain.append(
                column.segment(),
                column.offsetOf(key),
                column.sizeOf(key),
                column.segment(),
                column.offsetOf(val),
                column.sizeOf(val),
                time,
                diff);
    }

    @Test
    void holdsAreCountedOnceUnderRaces() throws InterruptedException {
        // fails when a share succeeds on a freed chunk, or a chunk is freed twice or never
        for (int round = 0; round < 300; round++) {
            Batch batch = batch(0, 10, 1, 1);
            Chunk chunk = batch.chunk(0);
            CountDownLatch start = new CountDownLatch(1);
            AtomicInteger shared = new AtomicInteger();
            Thread[] threads = new Thread[3];
            for (int i = 0; i < threads.length; i++) {
                threads[i] =
                        Thread.ofPlatform()
                                .start(() -> {
                                    try {
                                        start.await();
                                        chunk.share();
                                        shared.incrementAndGet();
                                        TrieView view = new TrieView();
                                        ChunkPin pin = chunk.open(view);
                                        assertEquals(10, view.updateCount());
                                        pin.close();
                                        chunk.close();
                                    } catch (IllegalStateException e) {
                                        assertTrue(e.getMessage().contains("closed"));
                                    } catch (InterruptedException e) {
                                        throw new AssertionError(e);
                                    }
                                });
            }
            start.countDown();
            batch.close();
            for (Thread thread : threads) {
                thread.join();
            }
            assertThrows(IllegalStateException.class, chunk::share);
            assertFalse(shared.get() > threads.length);
            assertEquals(0, pager.stats().images().count());
        }
    }
}
