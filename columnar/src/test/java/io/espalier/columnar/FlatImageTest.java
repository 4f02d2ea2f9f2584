package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.testing.Seed;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The flat chunk image: its bytes are pinned, and no input makes a reader leave it. */
class FlatImageTest {

    private final NativeMemory memory = Tries.memory();
    private final Pager pager = Tries.pager(memory, 1 << 30);

    @AfterEach
    void nothingIsLeft() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private byte[] image(TrieType type, SortedMap<Row, Diff> rows) {
        try (Batch batch = Chains.form(pager, ChunkKind.FLAT, type, rows, 1 << 30)) {
            return Images.bytes(batch.chunk(0));
        }
    }

    private void assertGolden(String name, TrieType type, SortedMap<Row, Diff> rows)
            throws IOException {
        byte[] bytes = image(type, rows);
        String file = "/golden/" + name + ".hex";
        try (InputStream in = FlatImageTest.class.getResourceAsStream(file)) {
            assertNotNull(in, () -> "no resource " + file + "; it should hold\n" + dump(bytes));
            String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
            byte[] expected = HexFormat.of().parseHex(text.replaceAll("\\s", ""));
            assertArrayEquals(expected, bytes, () -> file + " should hold\n" + dump(bytes));
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

    @Test
    void theFormatIsWhatItWas() throws IOException {
        // fails when an image's bytes change without another version
        SortedMap<Row, Diff> rows = new TreeMap<>();
        rows.put(
                new Row(Tries.datum("apple"), Tries.datum(), 3, 1),
                new Diff(7, Tries.datum("set")));
        rows.put(new Row(Tries.datum("fig"), Tries.datum(), 2, 4), new Diff(-1, Tries.datum("")));
        assertGolden(
                "flat-bytes-unit-upsert-pair",
                TrieType.BYTES_UPSERTS.withTime(TimeType.PAIR),
                rows);
        rows.clear();
        for (long key = -1; key < 2; key++) {
            rows.put(
                    new Row(Tries.datum(key), Tries.datum(key, -key), key + 5),
                    new Diff(-2, Tries.datum("")));
        }
        assertGolden(
                "flat-long-tuple-count",
                new TrieType(ColumnType.LONG, ColumnType.tuple(2), DiffType.COUNT),
                rows);
    }

    @Test
    void whatTheCheckAcceptsIsReadWithoutLeavingIt() {
        // fails when a stamped image with wrong numbers is accepted and then read out of bounds
        Random random = new Random(Seed.value());
        int accepted = 0;
        for (int round = 0; round < 20_000; round++) {
            TrieType type = Tries.TYPES.get(random.nextInt(Tries.TYPES.size()));
            SortedMap<Row, Diff> rows = Tries.random(type, random, 6, 1 + random.nextInt(12));
            if (rows.isEmpty()) {
                continue;
            }
            byte[] bytes = image(type, rows);
            MemorySegment image = MemorySegment.ofArray(bytes);
            for (int i = 1 + random.nextInt(3); i > 0; i--) {
                mutate(image, random);
            }
            byte[] stamped = stamp(bytes);
            boolean whole = true;
            try {
                Images.check(memory, ChunkKind.FLAT, stamped);
            } catch (ImageException e) {
                whole = false;
                assertTrue(e.getMessage().length() > 10, e.getMessage());
            }
            if (whole) {
                accepted++;
                Images.readFlat(memory, stamped);
            }
        }
        assertTrue(accepted > 500, "only " + accepted + " were accepted: mutate less");
    }

    private static byte[] stamp(byte[] image) {
        MemorySegment segment = MemorySegment.ofArray(image);
        segment.set(Layouts.LONG, 0, FlatLayout.MAGIC);
        segment.set(Layouts.INT, FlatLayout.VERSION_AT, FlatLayout.VERSION);
        segment.set(Layouts.LONG, FlatLayout.SIZE_AT, image.length);
        return Images.stamped(image, FlatLayout.VERSION_AT, FlatLayout.CHECKSUM_AT);
    }

    private static void mutate(MemorySegment image, Random random) {
        long size = image.byteSize();
        switch (random.nextInt(3)) {
            case 0 -> image.set(Layouts.BYTE, random.nextLong(size), (byte) random.nextInt(256));
            case 1 -> {
                long at = 8 * random.nextLong(3, FlatLayout.HEADER_BYTES / 8);
                image.set(
                        Layouts.LONG,
                        at,
                        image.get(Layouts.LONG, 8 * random.nextLong(3, size / 8)));
            }
            default -> {
                long at = 4 * random.nextLong(6, size / 4);
                image.set(Layouts.INT, at, image.get(Layouts.INT, at) + random.nextInt(-2, 3));
            }
        }
    }
}
