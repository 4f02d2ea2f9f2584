package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

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

    /** It throws, and the message says all of these. */
    private static void assertRefused(
            Class<? extends RuntimeException> kind, Executable call, String... parts) {
        RuntimeException e = assertThrows(kind, call);
        for (String part : parts) {
            assertTrue(String.valueOf(e.getMessage()).contains(part), () -> e + " lacks: " + part);
        }
    }

    private static void assertRefused(Executable call, String... parts) {
        assertRefused(IllegalArgumentException.class, call, parts);
    }

    private static void assertClosed(Executable call, String... parts) {
        assertRefused(IllegalStateException.class, call, parts);
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
            assertRefused(
                    () -> extractor.extract(batch, probes.column(), chain),
                    "probe 2 of 3 is 5 after 5",
                    "sort them, and take each once");
            probes.clear(0);
            probes.append(2);
            probes.append(1);
            assertRefused(
                    () -> extractor.extract(batch, probes.column(), chain),
                    "probe 1 of 2 is 1 after 2");
            assertRefused(
                    () -> extractor.extract(batch, text.column(), chain),
                    "probes of BYTES",
                    "kind=LONG",
                    "make the probes a column of that type");
            assertEquals(0, out.updateCount());
            // neither the extractor nor the chain is the worse for it
            probes.clear(0);
            probes.append(1);
            probes.append(99);
            extractor.extract(batch, probes.column(), chain);
            chain.finish();
            assertEquals(2, Tries.read(out).size());
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
                assertRefused(
                        ArithmeticException.class, merge::run, "more than 64 bits", "smaller");
                assertClosed(() -> merge.step(1), "the merge failed or was closed", "anew");
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
        assertClosed(pin::close, "pin on an image of", "a second time");
        assertThrows(IndexOutOfBoundsException.class, () -> keys.longAt(3));
        assertThrows(IndexOutOfBoundsException.class, () -> view.timeAt(0));
        assertEquals(0, view.updateCount());
        Cursor cursor = new Cursor(batch);
        cursor.close();
        for (Executable use : List.<Executable>of(cursor::stepKey, cursor::keys, cursor::rewind)) {
            assertClosed(use, "the cursor is closed", "open another one");
        }
        batch.close();
        for (Executable use :
                List.<Executable>of(
                        () -> batch.chunk(0), batch::chunkCount, () -> batch.add(chunk))) {
            assertClosed(use, "the batch of TrieType", "is closed");
        }
        for (Executable use :
                List.<Executable>of(
                        chunk::share,
                        chunk::close,
                        chunk::fence,
                        () -> chunk.open(view),
                        chunk::share)) {
            assertClosed(use, "chunk of 10 updates", "is closed; share it");
        }
    }

    @Test
    void aPinnedChunkOutlivesTheCloseOfItsBatch() {
        // fails when the close is refused half-way, frees bytes that are read, or never frees them
        Batch batch = batch(0, 10, 1, 1);
        TrieView view = new TrieView();
        ChunkPin pin = batch.open(0, view);
        Cursor cursor = new Cursor(batch);
        batch.close();
        assertEquals(3, view.keys().longAt(3));
        assertClosed(cursor::stepKey, "the batch of TrieType", "is closed");
        assertEquals(1, pager.stats().images().count());
        pin.close();
        assertClosed(pin::close, "a second time");
        cursor.close();
        assertEquals(0, pager.stats().images().count());
    }

    @Test
    void aClosedBuilderTakesNothingThatNobodyWouldGiveBack() {
        // fails when what is appended after the close is kept for ever
        try (Batch batch = batch(0, 10, 1, 1);
                Batch out = new Batch(LONGS)) {
            TrieView view = new TrieView();
            ChunkPin pin = batch.open(0, view);
            ChainBuilder chain = Tries.chain(pager, LONGS, 500, out);
            chain.close();
            for (Executable use :
                    List.<Executable>of(
                            () -> chain.appendKeys(view, 0, 10),
                            () -> chain.shareChunk(batch.chunk(0)),
                            chain::roomForOne,
                            chain::finish)) {
                assertClosed(use, "the chain of TrieType", "is closed");
            }
            chain.close();
            Merge merge = new Merge(List.of(batch), false, 0, chain);
            assertClosed(merge::run, "the chain of TrieType");
            merge.close();
            assertClosed(() -> merge.step(1), "the merge failed or was closed");
            pin.close();
            assertEquals(0, out.updateCount());
        }
    }

    @Test
    void aCursorPastTheEndSaysSo() {
        // fails when it gives a row that is not there
        try (Batch batch = batch(0, 1, 1, 1);
                Cursor cursor = new Cursor(batch)) {
            cursor.stepVal();
            assertClosed(cursor::stepVal, "past the last val of its key", "hasVal()");
            assertClosed(cursor::vals, "past the last val");
            cursor.stepKey();
            assertClosed(cursor::stepKey, "past the last key", "hasKey()");
            assertClosed(cursor::rewindVals, "past the last key");
            cursor.rewind();
            assertEquals(0, cursor.keys().longAt(cursor.key()));
        }
    }

    @Test
    void meldsOutOfOrderAreRefusedAndTheBuilderGoesOn() {
        // fails when a builder takes what is not above its last update, or loses some of it
        try (Batch low = batch(0, 10, 1, 1);
                Batch high = batch(5, 20, 1, 1);
                Batch upserts = new Batch(TrieType.BYTES_UPSERTS);
                TrieBuilder builder = new TrieBuilder(memory, LONGS)) {
            TrieView lower = new TrieView();
            TrieView higher = new TrieView();
            ChunkPin first = low.open(0, lower);
            ChunkPin second = high.open(0, higher);
            builder.meldKeys(higher, 0, 10);
            assertRefused(
                    () -> builder.meld(lower),
                    "starts with (0, (), 1)",
                    "the last of which is (14, (), 1)",
                    "pieces must ascend");
            assertRefused(() -> builder.meldKeys(higher, 9, 12), "starts with (14, (), 1)");
            assertRefused(
                    IndexOutOfBoundsException.class,
                    () -> builder.meldKeys(higher, 10, 16),
                    "keys [10, 16) of a view of 15");
            assertRefused(
                    IndexOutOfBoundsException.class,
                    () -> builder.meldKeys(higher, 5, 4),
                    "[5, 4)");
            assertRefused(
                    IndexOutOfBoundsException.class, () -> builder.meldKeys(higher, -1, 4), "[-1");
            builder.meldKeys(higher, 3, 3);
            builder.meldKeys(higher, 10, 15);
            first.close();
            second.close();
            try (Lease image = builder.seal()) {
                SortedMap<Row, Diff> rows = new TreeMap<>();
                Tries.read(new TrieView().bind(memory, image.offset()), rows);
                assertEquals(15, rows.size());
            }
            assertClosed(builder::seal, "a chunk is never empty");
            assertEquals(0, upserts.updateCount());
        }
    }

    @Test
    void foreignImagesAreRefused() {
        // fails when bytes that are no image, or one of another type, are read as one
        try (Batch longs = batch(0, 10, 1, 1);
                Batch text = new Batch(TrieType.BYTES_TO_BYTES);
                TrieBuilder builder = new TrieBuilder(memory, TrieType.BYTES_TO_BYTES);
                Lease garbage = memory.allocate(300)) {
            memory.segment().asSlice(garbage.offset(), 300).fill((byte) 7);
            TrieView view = new TrieView();
            assertRefused(
                    ImageException.class,
                    () -> view.bind(memory, garbage.offset()),
                    "no chunk image at",
                    "magic number");
            ChunkPin pin = longs.open(0, view);
            assertRefused(() -> builder.meld(view), "a view of", "for a builder of", "BYTES");
            assertTrue(builder.isEmpty());
            pin.close();
            try (ChainBuilder out = Tries.chain(pager, TrieType.BYTES_TO_BYTES, 100, text)) {
                assertRefused(
                        () -> new Extractor().fetch(longs, out), "a run of", "for a chain of");
                assertRefused(
                        () -> new Merge(List.of(longs), false, 0, out),
                        "a run of",
                        "merge runs of one type");
                out.finish();
            }
            assertEquals(0, text.chunkCount());
        }
    }

    @Test
    void countsThatOverflowInABufferLeaveItWhole() {
        // fails when a sum wraps around, or the updates are gone after the refusal
        try (UpdateBuffer buffer = new UpdateBuffer(memory, LONGS);
                Batch out = new Batch(LONGS)) {
            buffer.add(1, 1, Long.MAX_VALUE);
            buffer.add(1, 1, 1);
            try (ChainBuilder chain = Tries.chain(pager, LONGS, 500, out)) {
                assertRefused(
                        ArithmeticException.class,
                        () -> buffer.formInto(chain),
                        "more than 64 bits",
                        "smaller");
            }
            buffer.add(1, 1, -1);
            try (ChainBuilder chain = Tries.chain(pager, LONGS, 500, out)) {
                buffer.formInto(chain);
                chain.finish();
            }
            assertEquals(Long.MAX_VALUE, Tries.read(out).firstEntry().getValue().number());
        }
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
            assertRefused(
                    () -> out.add(refused),
                    "chunk of 10 updates",
                    "starts with key 0",
                    "ends with key 19",
                    "merge them");
            assertRefused(() -> text.add(refused), "a chunk of", "for a batch of");
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
