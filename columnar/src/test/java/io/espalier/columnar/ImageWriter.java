package io.espalier.columnar;

import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;

/**
 * Writes chunk images as the format allows and not as our builder does: each column in any encoding
 * that its values permit, chosen at random. What another version or program may write, in short.
 */
final class ImageWriter {

    /** A column: its directory entry, and its bytes. */
    private record Encoded(int encoding, int width, byte[] bytes) {}

    private final Random random;

    ImageWriter(Random random) {
        this.random = random;
    }

    byte[] write(TrieType type, SortedMap<Row, Diff> rows) {
        List<byte[]> keys = new ArrayList<>();
        List<byte[]> vals = new ArrayList<>();
        List<byte[]> times = new ArrayList<>();
        List<byte[]> diffs = new ArrayList<>();
        List<byte[]> payloads = new ArrayList<>();
        List<Integer> keyBounds = new ArrayList<>(List.of(0));
        List<Integer> valBounds = new ArrayList<>(List.of(0));
        long timeMin = -1;
        long timeMax = 0;
        boolean pairs = type.time() == TimeType.PAIR;
        long secondMin = -1;
        long secondMax = 0;
        Row before = null;
        for (Map.Entry<Row, Diff> entry : rows.entrySet()) {
            Row row = entry.getKey();
            boolean sameKey = before != null && before.key().equals(row.key());
            boolean sameVal = sameKey && before.val().equals(row.val());
            if (before != null && !sameVal) {
                valBounds.add(times.size());
            }
            if (before != null && !sameKey) {
                keyBounds.add(vals.size());
            }
            if (!sameKey) {
                keys.add(row.key().bytes());
            }
            if (!sameVal) {
                vals.add(row.val().bytes());
            }
            times.add(
                    pairs
                            ? Tries.datum(row.time(), row.second()).bytes()
                            : Tries.datum(row.time()).bytes());
            secondMin = TimeType.min(secondMin, row.second());
            secondMax = TimeType.max(secondMax, row.second());
            diffs.add(Tries.datum(entry.getValue().number()).bytes());
            payloads.add(entry.getValue().payload().bytes());
            timeMin = Long.compareUnsigned(row.time(), timeMin) < 0 ? row.time() : timeMin;
            timeMax = Long.compareUnsigned(row.time(), timeMax) > 0 ? row.time() : timeMax;
            before = row;
        }
        keyBounds.add(vals.size());
        valBounds.add(times.size());
        boolean upserts = type.diff() == DiffType.UPSERT;
        List<Encoded> columns =
                List.of(
                        column(type.key(), keys),
                        bounds(keyBounds),
                        column(type.val(), vals),
                        bounds(valBounds),
                        column(type.time().column(), times),
                        column(ColumnType.LONG, diffs),
                        upserts
                                ? column(ColumnType.BYTES, payloads)
                                : new Encoded(TrieLayout.ABSENT, 0, new byte[0]));
        List<Encoded> bounded = new ArrayList<>(columns);
        if (pairs) {
            ByteArrayOutputStream seconds = new ByteArrayOutputStream();
            seconds.writeBytes(Tries.datum(secondMin, secondMax).bytes());
            bounded.add(0, new Encoded(TrieLayout.ABSENT, 0, seconds.toByteArray()));
        }
        return image(
                bounded,
                TrieLayout.TYPE_AT,
                type.code(),
                TrieLayout.KEYS_AT,
                keys.size(),
                TrieLayout.VALS_AT,
                vals.size(),
                TrieLayout.UPDATES_AT,
                times.size(),
                TrieLayout.TIME_MIN_AT,
                timeMin,
                TrieLayout.TIME_MAX_AT,
                timeMax);
    }

    /** In the current order of columns or the first one. */
    private byte[] image(List<Encoded> columns, long... fields) {
        long size = TrieLayout.HEADER_BYTES;
        for (Encoded column : columns) {
            size += TrieLayout.align(column.bytes.length);
        }
        byte[] bytes = new byte[(int) size];
        MemorySegment image = MemorySegment.ofArray(bytes);
        image.set(Layouts.LONG, TrieLayout.MAGIC_AT, TrieLayout.MAGIC);
        int version = random.nextInt(4) == 0 ? TrieLayout.VERSION_MIN : TrieLayout.VERSION;
        image.set(Layouts.INT, TrieLayout.VERSION_AT, version);
        image.set(Layouts.LONG, TrieLayout.SIZE_AT, size);
        for (int i = 0; i < fields.length; i += 2) {
            image.set(Layouts.LONG, fields[i], fields[i + 1]);
        }
        long header = TrieLayout.HEADER_BYTES;
        int first = columns.size() - TrieLayout.COLUMNS;
        if (first > 0) {
            // what pairs have more in their header
            byte[] more = columns.getFirst().bytes;
            System.arraycopy(more, 0, bytes, (int) header, more.length);
            header += more.length;
        }
        int lead = -1;
        int most = 0;
        for (int i = 0; i < TrieLayout.COLUMNS && version != TrieLayout.VERSION_MIN; i++) {
            Encoded column = columns.get(first + i);
            if (column.encoding == TrieLayout.FIXED && column.bytes.length > most) {
                most = column.bytes.length;
                lead = i;
            }
        }
        long next = header + TrieLayout.align(most);
        for (int i = 0; i < TrieLayout.COLUMNS; i++) {
            Encoded column = columns.get(first + i);
            long at = i == lead ? header : next;
            long entry = TrieLayout.DIRECTORY_AT + (long) i * TrieLayout.ENTRY_BYTES;
            image.set(Layouts.INT, entry + TrieLayout.ENTRY_ENCODING_AT, column.encoding);
            image.set(Layouts.INT, entry + TrieLayout.ENTRY_WIDTH_AT, column.width);
            image.set(Layouts.LONG, entry + TrieLayout.ENTRY_OFFSET_AT, at);
            image.set(Layouts.LONG, entry + TrieLayout.ENTRY_SIZE_AT, column.bytes.length);
            System.arraycopy(column.bytes, 0, bytes, (int) at, column.bytes.length);
            next += i == lead ? 0 : TrieLayout.align(column.bytes.length);
        }
        stamp(bytes);
        return bytes;
    }

    /** Makes the checksum that of the bytes, so that what lies behind it is what is tested. */
    static void stamp(byte[] image) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocateFrom(ValueLayout.JAVA_BYTE, image);
            int sum =
                    Checksums.crc32c(
                            copy, TrieLayout.VERSION_AT, image.length - TrieLayout.VERSION_AT);
            MemorySegment.ofArray(image).set(Layouts.INT, TrieLayout.CHECKSUM_AT, sum);
        }
    }

    private Encoded column(ColumnType type, List<byte[]> values) {
        int width = values.getFirst().length;
        if (type.kind() == ColumnType.Kind.UNIT) {
            return new Encoded(TrieLayout.ABSENT, 0, new byte[0]);
        }
        boolean oneSize = values.stream().allMatch(v -> v.length == width);
        boolean equal =
                values.stream().allMatch(v -> java.util.Arrays.equals(v, values.getFirst()));
        if (equal && random.nextBoolean()) {
            return new Encoded(TrieLayout.CONSTANT, width, values.getFirst());
        }
        boolean fixed = type.kind() != ColumnType.Kind.BYTES || (oneSize && random.nextBoolean());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        if (!fixed) {
            int end = 0;
            word(bytes, end);
            for (byte[] value : values) {
                end += value.length;
                word(bytes, end);
            }
            while (bytes.size() % 8 != 0) {
                bytes.write(0);
            }
        }
        values.forEach(bytes::writeBytes);
        return fixed
                ? new Encoded(TrieLayout.FIXED, width, bytes.toByteArray())
                : new Encoded(TrieLayout.VARIABLE, 0, bytes.toByteArray());
    }

    private Encoded bounds(List<Integer> ends) {
        int stride = ends.get(1);
        boolean strided = true;
        for (int i = 1; i < ends.size(); i++) {
            strided &= ends.get(i) == i * stride;
        }
        if (strided && random.nextBoolean()) {
            return new Encoded(TrieLayout.CONSTANT, stride, new byte[0]);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ends.forEach(end -> word(bytes, end));
        return new Encoded(TrieLayout.VARIABLE, 0, bytes.toByteArray());
    }

    private static void word(ByteArrayOutputStream bytes, int word) {
        for (int shift = 0; shift < 32; shift += 8) {
            bytes.write(word >>> shift);
        }
    }
}
