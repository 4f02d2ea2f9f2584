package io.espalier.session.chronicle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.Extractor;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.Table;
import java.lang.management.ManagementFactory;
import java.nio.BufferOverflowException;
import java.nio.BufferUnderflowException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.bytes.BytesStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Values go to and fro between {@code Bytes} and the engine, and nobody keeps what was lent. */
@Tag("chronicle")
class BridgeTest {

    @TempDir Path folder = Path.of("");

    private NativeMemory memory;
    private Pager pager;

    @BeforeEach
    void open() {
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
    }

    @AfterEach
    void close() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    /** Refused, by {@code Bytes} or by its memory. */
    private static void assertGone(Executable use) {
        RuntimeException e = assertThrows(RuntimeException.class, use);
        assertTrue(
                e instanceof BufferUnderflowException
                        || e instanceof BufferOverflowException
                        || (e instanceof IllegalStateException
                                && String.valueOf(e.getMessage()).contains("lent")),
                e.toString());
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private Batch staging(List<String> keys) {
        Batch batch = new Batch(TrieType.BYTES_TO_BYTES);
        try (ChainBuilder out =
                        new ChainBuilder(
                                new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                                200,
                                batch.sink(pager, 0));
                BytesWriter key = new BytesWriter(memory);
                BytesWriter val = new BytesWriter(memory)) {
            int number = 0;
            for (String text : keys) {
                key.begin(64).writeUtf8(text);
                val.begin(64).append("value of ").append(number++);
                out.append(
                        key.segment(),
                        key.offset(),
                        key.sizeBytes(),
                        val.segment(),
                        val.offset(),
                        val.sizeBytes(),
                        7,
                        number);
            }
            out.finish();
        }
        return batch;
    }

    @Test
    void probesThatAreWrittenAsBytesFindWhatIsReadAsBytes() {
        // fails when bytes get lost, shifted or reordered on the way into a column or back
        List<String> keys = new ArrayList<>();
        for (int i = 10; i < 60; i++) {
            keys.add("cl\u00e9-" + i);
        }
        try (Batch batch = staging(keys);
                Batch staged = new Batch(TrieType.BYTES_TO_BYTES);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES);
                BytesWriter writer = new BytesWriter(memory)) {
            assertTrue(batch.chunkCount() > 3);
            for (int i = 12; i < 80; i += 3) {
                writer.begin(32).writeUtf8("cl\u00e9-" + i);
                writer.appendTo(probes);
            }
            try (ChainBuilder out =
                    new ChainBuilder(
                            new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                            200,
                            staged.sink(pager, 0))) {
                new Extractor().extract(batch, probes.column(), out);
                out.finish();
            }
            int expected = 12;
            try (BytesRows rows = new BytesRows(staged)) {
                while (rows.next()) {
                    assertEquals("cl\u00e9-" + expected, rows.key().readUtf8());
                    assertEquals("value of " + (expected - 10), rows.val().toString());
                    assertEquals(rows.val().readRemaining(), rows.val().capacity());
                    assertEquals(7, rows.time());
                    assertEquals(expected - 9, rows.diff());
                    assertThrows(IllegalStateException.class, rows::payload);
                    expected += 3;
                }
                assertThrows(IllegalStateException.class, rows::key);
            }
            assertEquals(60, expected);
            assertEquals(0, pager.stats().images().pinsOpen());
        }
    }

    @Test
    void everyWayOfWritingGivesItsBytes() {
        // fails when the writer takes more or less than what was written
        try (BytesWriter writer = new BytesWriter(memory);
                ColumnBuilder column = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            writer.begin(100).writeUtf8("\u00e9");
            assertEquals(3, writer.sizeBytes());
            writer.appendTo(column);
            writer.begin(100).writeStopBit(300).writeStopBit(-1);
            writer.appendTo(column);
            writer.begin(8).writeLong(-5).writePosition(8);
            writer.appendTo(column);
            writer.begin(0);
            writer.appendTo(column);
            assertEquals(4, column.count());
            assertEquals(0, column.column().sizeOf(3));
            assertEquals(
                    -5,
                    column.column()
                            .segment()
                            .get(io.espalier.memory.Layouts.LONG, column.column().offsetOf(2)));
            assertThrows(BufferOverflowException.class, () -> writer.begin(7).writeLong(1));
            assertThrows(
                    BufferOverflowException.class, () -> writer.begin(7).writeUtf8("too long"));
            assertThrows(IllegalArgumentException.class, () -> writer.begin(-1));
            assertThrows(IllegalStateException.class, () -> writer.appendTo(column));
            assertEquals(4, column.count());
        }
    }

    @Test
    void whatWasLentRefusesAfterwards() {
        // fails when bytes can still be read or written that became another's
        Bytes<?> written;
        BytesStore<?, ?> store;
        try (BytesWriter writer = new BytesWriter(memory)) {
            written = writer.begin(64);
            written.writeLong(42);
            store = written.bytesStore();
            assertEquals(42, store.readLong(0));
        }
        Bytes<?> key;
        Bytes<?> own;
        try (Batch batch = staging(List.of("key-1", "key-2"))) {
            BytesRows rows = new BytesRows(batch);
            assertTrue(rows.next());
            key = rows.key();
            own = key.bytesStore().bytesForRead();
            assertEquals("key-1", key.readUtf8());
            rows.val();
            assertTrue(rows.next());
            assertGone(() -> key.readByte());
            assertEquals("key-2", rows.key().readUtf8());
            rows.close();
            rows.close();
            assertThrows(IllegalStateException.class, rows::next);
            assertThrows(IllegalStateException.class, rows::key);
        }
        Bytes<?> bytes = written;
        BytesStore<?, ?> raw = store;
        assertGone(() -> bytes.readLong(0));
        assertGone(() -> bytes.readLong());
        assertGone(() -> bytes.writeLong(0, 1));
        assertGone(() -> bytes.writeLong(1));
        assertGone(() -> bytes.writeUtf8("text"));
        assertGone(() -> raw.readLong(0));
        assertGone(() -> raw.writeLong(0, 1));
        assertGone(() -> key.readByte(0));
        assertGone(() -> own.readByte(0));
        assertGone(() -> own.readLong(0));
    }

    @Test
    void aTableTakesAndGivesBytesOfAnyKind() {
        // fails when native and heap bytes differ, positions move, or a part is taken for the whole
        try (Store store =
                Store.open(folder.resolve("store"), StoreOptions.defaults().withCreate(true))) {
            Table plain = store.table("t");
            Bytes<?> direct = Bytes.allocateElasticDirect();
            Bytes<?> heap = Bytes.allocateElasticOnHeap();
            try (BytesTable table = new BytesTable(plain, memory)) {
                direct.append("skipped,direct key");
                direct.readPosition(8);
                heap.append("value on the heap");
                table.put(direct, heap);
                assertEquals("direct key", direct.toString());
                heap.clear().append("heap key");
                direct.clear();
                table.put(heap, direct);
                table.put(Bytes.from("both"), Bytes.from("of them"));
                table.put(Bytes.from("gone"), Bytes.from("x"));
                table.delete(Bytes.from("gone"));
                store.commit();
                assertEquals("value on the heap", text(plain.get(utf8("direct key"))));
                assertEquals("", text(plain.get(utf8("heap key"))));
                assertEquals("of them", text(plain.get(utf8("both"))));

                direct.clear().append(">");
                heap.clear().append("direct key");
                assertTrue(table.get(heap, direct));
                assertEquals(">value on the heap", direct.toString());
                assertFalse(table.get(Bytes.from("gone"), direct));
                assertTrue(table.get(Bytes.from("heap key"), direct));
                assertEquals(">value on the heap", direct.toString());
                heap.clear();
                assertTrue(table.get(Bytes.from("both"), heap));
                assertEquals("of them", heap.toString());
                Bytes<?> small = Bytes.wrapForWrite(new byte[3]);
                assertThrows(
                        BufferOverflowException.class, () -> table.get(Bytes.from("both"), small));
                assertEquals(0, small.readRemaining());
            }
            direct.releaseLast();
            try (BytesTable table = new BytesTable(plain, memory)) {
                assertThrows(IllegalStateException.class, () -> table.put(direct, heap));
                assertThrows(IllegalStateException.class, () -> table.delete(direct));
                assertThrows(IllegalStateException.class, () -> table.get(direct, heap));
                assertThrows(IllegalStateException.class, () -> table.get(heap, direct));
                assertThrows(
                        IllegalArgumentException.class,
                        () -> table.put(Bytes.from(""), Bytes.from("value")));
            }
            assertEquals(1, store.commit(), "nothing was staged by what was refused");
        }
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    // ---- allocation ---------------------------------------------------------------------------

    private static long allocatedBytes() {
        return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean())
                .getCurrentThreadAllocatedBytes();
    }

    /** Heap bytes for each of many rows, once the code is compiled. */
    private static double perRow(int rows, Runnable work) {
        double least = Double.MAX_VALUE;
        for (int i = 0; i < 12; i++) {
            long before = allocatedBytes();
            work.run();
            least = Math.min(least, (allocatedBytes() - before) / (double) rows);
        }
        return least;
    }

    @Test
    void rowsCostNoHeap() {
        // fails when a row is read or written by way of an object or a byte[]
        int rows = 60_000;
        Bytes<?> key = Bytes.allocateElasticDirect(64);
        Bytes<?> value = Bytes.allocateElasticDirect(64);
        try (Store store =
                        Store.open(
                                folder.resolve("store"), StoreOptions.defaults().withCreate(true));
                BytesTable table = new BytesTable(store.table("t"), memory);
                BytesWriter writer = new BytesWriter(memory);
                ColumnBuilder column = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            double put =
                    perRow(
                            rows,
                            () -> {
                                for (int i = 0; i < rows; i++) {
                                    key.clear().append("key-").append(i);
                                    value.clear().append("value-").append(i);
                                    table.put(key, value);
                                }
                                store.rollback();
                            });
            // an object for a row is 16 bytes at least; forming what is staged has a few of its own
            assertTrue(put < 0.25, () -> "put: " + put + " bytes");
            double probes =
                    perRow(
                            rows,
                            () -> {
                                column.clear(0);
                                for (int i = 0; i < rows; i++) {
                                    writer.begin(32).writeLong(i).writeStopBit(i);
                                    writer.appendTo(column);
                                }
                            });
            assertTrue(probes < 1, () -> "probes: " + probes + " bytes");
            for (int i = 0; i < 100; i++) {
                key.clear().append("key-").append(i);
                value.clear().writeSkip(50_000);
                table.put(key, value);
            }
            store.commit();
            double get =
                    perRow(
                            100,
                            () -> {
                                for (int i = 0; i < 100; i++) {
                                    key.clear().append("key-").append(i);
                                    value.clear();
                                    assertTrue(table.get(key, value));
                                }
                            });
            // a snapshot and pins for each call, and nothing in the size of the value
            assertTrue(get < 2000, () -> "get: " + get + " bytes");
        }
        List<String> keys = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            keys.add("key-" + (1000 + i));
        }
        try (Batch batch = staging(keys)) {
            double read =
                    perRow(
                            1000 * 100,
                            () -> {
                                for (int i = 0; i < 100; i++) {
                                    readAll(batch);
                                }
                            });
            // pins and windows, for each chunk of a few rows and each pass
            assertTrue(read < 60, () -> "rows: " + read + " bytes");
        }
        key.releaseLast();
        value.releaseLast();
    }

    private static void readAll(Batch batch) {
        long sum = 0;
        try (BytesRows rows = new BytesRows(batch)) {
            while (rows.next()) {
                sum += rows.key().readByte(0) + rows.val().readRemaining();
            }
        }
        assertTrue(sum > 0);
    }
}
