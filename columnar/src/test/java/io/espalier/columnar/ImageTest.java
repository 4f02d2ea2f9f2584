package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.testing.Seed;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The chunk image: its bytes are pinned, damage is found, and no input makes a reader leave it. */
class ImageTest {

    private final NativeMemory memory = Tries.memory();

    @AfterEach
    void nothingIsLeft() {
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    /** A stamped image of the rows, as bytes. */
    private byte[] image(TrieType type, SortedMap<Row, Diff> rows) {
        byte[][] bytes = new byte[1][];
        ImageSink sink =
                (lease, view) -> {
                    TrieView.stamp(memory.segment(), lease.offset());
                    TrieView.stamp(memory.segment(), lease.offset());
                    bytes[0] =
                            memory.segment()
                                    .asSlice(lease.offset(), lease.sizeBytes())
                                    .toArray(ValueLayout.JAVA_BYTE);
                    lease.close();
                };
        try (ChainBuilder out = new ChainBuilder(new TrieBuilder(memory, type), 1 << 30, sink)) {
            Tries.add(memory, out, rows);
            out.finish();
        }
        return bytes[0];
    }

    // ---- golden images ------------------------------------------------------------------------

    private record Golden(TrieType type, SortedMap<Row, Diff> rows) {}

    /** Small tries that have every encoding of every column among them. */
    private static final Map<String, Golden> GOLDEN = golden();

    private static Map<String, Golden> golden() {
        Map<String, Golden> all = new LinkedHashMap<>();
        Datum none = Tries.datum("");
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (long key : new long[] {Long.MIN_VALUE, -1, 0, 1, Long.MAX_VALUE}) {
            rows.put(new Row(Tries.datum(key), Tries.datum(), 7), new Diff(1, none));
        }
        TrieType keysOnly = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        all.put("long-unit-count", new Golden(keysOnly, rows));

        rows = new TreeMap<>();
        rows.put(new Row(Tries.datum("apple"), Tries.datum("red"), 1), new Diff(1, none));
        rows.put(new Row(Tries.datum("apple"), Tries.datum("red"), 3), new Diff(-1, none));
        rows.put(new Row(Tries.datum("apple"), Tries.datum("yellow"), 3), new Diff(1, none));
        rows.put(new Row(Tries.datum("fig"), Tries.datum(""), -1), new Diff(2, none));
        all.put("bytes-bytes-count", new Golden(TrieType.BYTES_TO_BYTES, rows));

        rows = new TreeMap<>();
        rows.put(new Row(Tries.datum("k1"), Tries.datum(), 0), new Diff(-1, Tries.datum("set")));
        rows.put(new Row(Tries.datum("k2"), Tries.datum(), 0), new Diff(5, Tries.datum("")));
        rows.put(new Row(Tries.datum("k2"), Tries.datum(), 1), new Diff(6, Tries.datum("again")));
        all.put("bytes-unit-upsert", new Golden(TrieType.BYTES_UPSERTS, rows));

        rows = new TreeMap<>();
        for (long key = 0; key < 2; key++) {
            for (long val = -1; val < 2; val++) {
                rows.put(
                        new Row(Tries.datum(key, -key), Tries.datum(val), 9),
                        new Diff(key + 1, none));
            }
        }
        TrieType tuples = new TrieType(ColumnType.tuple(2), ColumnType.LONG, DiffType.COUNT);
        all.put("tuple-long-count", new Golden(tuples, rows));

        rows = new TreeMap<>();
        for (long key = 0; key < 3; key++) {
            rows.put(
                    new Row(Tries.datum(key), Tries.datum("same"), 2),
                    new Diff(4, Tries.datum("equal")));
        }
        TrieType constants = new TrieType(ColumnType.LONG, ColumnType.BYTES, DiffType.UPSERT);
        all.put("long-bytes-upsert", new Golden(constants, rows));
        return all;
    }

    static java.util.Set<String> goldenNames() {
        return GOLDEN.keySet();
    }

    @ParameterizedTest
    @MethodSource("goldenNames")
    void theFormatIsWhatItWas(String name) throws IOException {
        // fails when an image's bytes change: stores of this version would not be readable
        Golden golden = GOLDEN.get(name);
        byte[] bytes = image(golden.type, golden.rows);
        String file = "/golden/chunk-" + name + ".hex";
        byte[] expected;
        try (InputStream in = ImageTest.class.getResourceAsStream(file)) {
            assertNotNull(in, () -> "no resource " + file + "; it should hold\n" + dump(bytes));
            String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
            expected = HexFormat.of().parseHex(text.replaceAll("\\s", ""));
        }
        assertArrayEquals(expected, bytes, () -> file + " should hold\n" + dump(bytes));

        try (Lease lease = memory.allocate(expected.length)) {
            MemorySegment.copy(
                    expected, 0, memory.segment(), Layouts.BYTE, lease.offset(), expected.length);
            TrieView.check(memory.segment(), lease.offset(), expected.length);
            SortedMap<Row, Diff> rows = new TreeMap<>();
            Tries.read(new TrieView().bind(memory, lease.offset()), rows);
            assertEquals(golden.rows, rows);
        }
    }

    /** Sixteen bytes a line. */
    private static String dump(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < bytes.length; at += 16) {
            int to = Math.min(bytes.length, at + 16);
            text.append(HexFormat.ofDelimiter(" ").formatHex(bytes, at, to)).append('\n');
        }
        return text.toString();
    }

    // ---- damage -------------------------------------------------------------------------------

    @Test
    void flippingAnyByteIsDetected() {
        // fails when some byte of an image is covered by no check
        Random random = new Random(Seed.value());
        for (TrieType type : Tries.TYPES) {
            for (int round = 0; round < 4; round++) {
                byte[] bytes = image(type, Tries.random(type, random, 5, 5 + 5 * round));
                MemorySegment image = MemorySegment.ofArray(bytes);
                try (Lease lease = memory.allocate(bytes.length)) {
                    MemorySegment segment =
                            memory.segment().asSlice(lease.offset(), bytes.length).copyFrom(image);
                    TrieView.check(segment, 0, bytes.length);
                    for (int at = 0; at < bytes.length; at++) {
                        for (int flip : new int[] {1, 0x80, 0xFF}) {
                            segment.set(Layouts.BYTE, at, (byte) (bytes[at] ^ flip));
                            ImageException e =
                                    assertThrows(
                                            ImageException.class,
                                            () -> TrieView.check(segment, 0, bytes.length));
                            assertTrue(e.getMessage().contains("chunk image"), e.getMessage());
                        }
                        segment.set(Layouts.BYTE, at, bytes[at]);
                    }
                    assertThrows(
                            ImageException.class,
                            () -> TrieView.check(segment, 0, bytes.length - 8));
                }
            }
        }
    }

    @Test
    void garbageIsRefused() {
        // fails when something that is no image makes the check fail otherwise than by saying so
        Random random = new Random(Seed.value());
        for (int round = 0; round < 20_000; round++) {
            byte[] bytes = new byte[random.nextInt(600)];
            random.nextBytes(bytes);
            try (Lease lease = memory.allocate(bytes.length + 1)) {
                MemorySegment segment = memory.segment().asSlice(lease.offset(), bytes.length);
                segment.copyFrom(MemorySegment.ofArray(bytes));
                if (bytes.length >= TrieLayout.HEADER_BYTES && random.nextBoolean()) {
                    stamp(segment);
                }
                assertThrows(
                        ImageException.class, () -> TrieView.check(segment, 0, segment.byteSize()));
            }
        }
    }

    private static void stamp(MemorySegment segment) {
        segment.set(Layouts.LONG, TrieLayout.MAGIC_AT, TrieLayout.MAGIC);
        segment.set(Layouts.INT, TrieLayout.VERSION_AT, TrieLayout.VERSION);
        segment.set(Layouts.LONG, TrieLayout.SIZE_AT, segment.byteSize());
        TrieView.stamp(segment, 0);
    }

    @Test
    void whatTheCheckAcceptsIsWalkedWithoutLeavingIt() {
        // fails when a stamped image with wrong numbers is accepted and then read out of bounds
        Random random = new Random(Seed.value());
        int accepted = 0;
        for (int round = 0; round < 40_000; round++) {
            TrieType type = Tries.TYPES.get(random.nextInt(Tries.TYPES.size()));
            SortedMap<Row, Diff> rows = Tries.random(type, random, 6, 1 + random.nextInt(12));
            if (rows.isEmpty()) {
                continue;
            }
            byte[] bytes = image(type, rows);
            try (Lease lease = memory.allocate(bytes.length)) {
                // the segment ends with the image: a read behind it is an exception
                MemorySegment segment = memory.segment().asSlice(lease.offset(), bytes.length);
                segment.copyFrom(MemorySegment.ofArray(bytes));
                for (int i = 1 + random.nextInt(3); i > 0; i--) {
                    mutate(segment, random);
                }
                stamp(segment);
                boolean whole = true;
                try {
                    TrieView.check(segment, 0, bytes.length);
                } catch (ImageException e) {
                    whole = false;
                    assertFalse(e.getMessage().isEmpty());
                }
                if (whole) {
                    accepted++;
                    walk(new TrieView().bind(segment, 0));
                }
            }
        }
        assertTrue(accepted > 1000, "only " + accepted + " were accepted: mutate less");
    }

    private static void mutate(MemorySegment segment, Random random) {
        long size = segment.byteSize();
        switch (random.nextInt(4)) {
            case 0 -> segment.set(Layouts.BYTE, random.nextLong(size), (byte) random.nextInt(256));
            case 1 -> {
                // a number of the header becomes another one
                long at = 8 * random.nextLong(3, TrieLayout.HEADER_BYTES / 8);
                long other = segment.get(Layouts.LONG, 8 * random.nextLong(3, size / 8));
                segment.set(Layouts.LONG, at, other);
            }
            case 2 -> {
                long at = 4 * random.nextLong(6, size / 4);
                segment.set(Layouts.INT, at, segment.get(Layouts.INT, at) + random.nextInt(-2, 3));
            }
            default -> {
                long at = 4 * random.nextLong(6, size / 4);
                segment.set(Layouts.INT, at, (random.nextInt(4) - 1) << random.nextInt(32));
            }
        }
    }

    private static void walk(TrieView view) {
        long updates = 0;
        for (long key = 0; key < view.keyCount(); key++) {
            touch(view.keys(), key);
            for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
                touch(view.vals(), val);
                for (long i = view.updatesFrom(val); i < view.updatesTo(val); i++) {
                    assertEquals(val, view.valOfUpdate(i));
                    assertEquals(key, view.keyOfVal(val));
                    assertTrue(view.timeAt(i) != 0 || view.diffAt(i) != 0 || updates >= 0);
                    if (view.type().diff() == DiffType.UPSERT) {
                        touch(view.payloads(), i);
                    }
                    updates++;
                }
            }
        }
        assertEquals(view.updateCount(), updates);
        assertTrue(updates <= view.sizeBytes(), "a walk takes time in proportion to the size");
        assertTrue(view.flatBytes() > 0);
        String disorder = view.firstDisorder();
        assertTrue(disorder == null || !disorder.isEmpty());
    }

    private static void touch(Column column, long index) {
        long size = column.sizeOf(index);
        assertTrue(size >= 0);
        long from = column.offsetOf(index);
        // out of bounds is an exception
        column.segment().asSlice(from, size).toArray(ValueLayout.JAVA_BYTE);
        assertEquals(0, Column.compare(column, index, column, index));
    }
}
