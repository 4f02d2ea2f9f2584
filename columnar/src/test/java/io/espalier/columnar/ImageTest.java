package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
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

/** The chunk image: its bytes are pinned, and damage is found. */
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

        rows = new TreeMap<>();
        rows.put(new Row(Tries.datum(1L), Tries.datum(), 2, 9), new Diff(1, none));
        rows.put(new Row(Tries.datum(1L), Tries.datum(), 7, 3), new Diff(-1, none));
        rows.put(new Row(Tries.datum(2L), Tries.datum(), 7, 4), new Diff(1, none));
        all.put("long-unit-count-pair", new Golden(keysOnly.withTime(TimeType.PAIR), rows));
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
        byte[] expected = resource(file);
        assertArrayEquals(expected, bytes, () -> file + " should hold\n" + dump(bytes));
        assertReads(golden, expected);
    }

    @ParameterizedTest
    @MethodSource("goldenNames")
    void imagesOfVersion1AreRead(String name) throws IOException {
        // fails when what was written before the largest column came first cannot be read
        assertReads(GOLDEN.get(name), resource("/golden/1/chunk-" + name + ".hex"));
    }

    private static byte[] resource(String file) throws IOException {
        try (InputStream in = ImageTest.class.getResourceAsStream(file)) {
            assertNotNull(in, () -> "no resource " + file);
            String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
            return HexFormat.of().parseHex(text.replaceAll("\\s", ""));
        }
    }

    private void assertReads(Golden golden, byte[] expected) {
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
}
