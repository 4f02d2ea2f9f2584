package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.espalier.memory.Layouts;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The model of a trie, a sorted map of rows, and what the tests need to go from one to the other.
 */
final class Tries {

    /** Every kind of key, val and diff. */
    static final List<TrieType> TYPES =
            List.of(
                    TrieType.BYTES_TO_BYTES,
                    TrieType.BYTES_UPSERTS,
                    new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT),
                    new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT),
                    new TrieType(ColumnType.tuple(2), ColumnType.BYTES, DiffType.COUNT),
                    new TrieType(ColumnType.BYTES, ColumnType.tuple(3), DiffType.UPSERT),
                    new TrieType(ColumnType.BYTES, ColumnType.UNIT, DiffType.COUNT),
                    new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.UPSERT),
                    TrieType.BYTES_TO_BYTES.withTime(TimeType.PAIR),
                    TrieType.BYTES_UPSERTS.withTime(TimeType.PAIR),
                    new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT, TimeType.PAIR),
                    new TrieType(
                            ColumnType.LONG, ColumnType.tuple(2), DiffType.COUNT, TimeType.PAIR));

    /** A value as its bytes in a chunk, in the order of its type. */
    record Datum(ColumnType type, byte[] bytes) implements Comparable<Datum> {
        @Override
        public int compareTo(Datum other) {
            if (type.kind() == ColumnType.Kind.BYTES) {
                return Arrays.compareUnsigned(bytes, other.bytes);
            }
            for (int i = 0; i < bytes.length; i += Long.BYTES) {
                int order = Long.compare(word(bytes, i), word(other.bytes, i));
                if (order != 0) {
                    return order;
                }
            }
            return 0;
        }

        private static long word(byte[] bytes, int at) {
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(at);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Datum datum && Arrays.equals(bytes, datum.bytes);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(bytes);
        }

        @Override
        public String toString() {
            return HexFormat.of().formatHex(bytes);
        }
    }

    /** Without a second number, at an epoch. */
    record Row(Datum key, Datum val, long time, long second) implements Comparable<Row> {

        Row(Datum key, Datum val, long time) {
            this(key, val, time, 0);
        }

        @Override
        public int compareTo(Row other) {
            int order = key.compareTo(other.key);
            if (order == 0) {
                order = val.compareTo(other.val);
            }
            if (order == 0) {
                order = Long.compareUnsigned(time, other.time);
            }
            return order == 0 ? Long.compareUnsigned(second, other.second) : order;
        }
    }

    /** A count, or the order key of an upsert with what it sets. */
    record Diff(long number, Datum payload) {}

    private static final Datum NO_PAYLOAD = new Datum(ColumnType.BYTES, new byte[0]);

    private Tries() {}

    static NativeMemory memory() {
        // poisoned, and names who forgot a lease
        return NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
    }

    static Pager pager(NativeMemory memory, long budgetBytes) {
        return Pager.open(
                memory,
                new MemoryBudget(budgetBytes),
                PagerOptions.in(Path.of(System.getProperty("java.io.tmpdir"))));
    }

    static Datum datum(String text) {
        return new Datum(ColumnType.BYTES, text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    static Datum datum(long... words) {
        ByteBuffer bytes = ByteBuffer.allocate(words.length * Long.BYTES);
        bytes.order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            bytes.putLong(word);
        }
        ColumnType type =
                switch (words.length) {
                    case 0 -> ColumnType.UNIT;
                    case 1 -> ColumnType.LONG;
                    default -> ColumnType.tuple(words.length);
                };
        return new Datum(type, bytes.array());
    }

    /** One of about {@code domain} values of a type; of one size, or of several. */
    static Datum datum(ColumnType type, int number, boolean oneSize) {
        return switch (type.kind()) {
            case UNIT -> datum();
            // around zero, and at both ends
            case LONG -> datum(number % 3 == 0 ? number - 4L : (number - 4L) << 60);
            case TUPLE -> {
                long[] words = new long[type.words()];
                Arrays.fill(words, -1);
                words[0] = number / 2;
                words[words.length - 1] = number % 2 == 0 ? Long.MIN_VALUE : number;
                yield datum(words);
            }
            case BYTES ->
                    oneSize
                            ? datum(String.format("%08d", number))
                            : datum("\u00e9".repeat(number % 4) + (number == 0 ? "" : number));
        };
    }

    /** Rows with few keys, vals and times, so that groups and equal rows are common. */
    static SortedMap<Row, Diff> random(TrieType type, Random random, int keys, int updates) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        boolean oneSize = random.nextBoolean();
        int vals = 1 + random.nextInt(3);
        int times = 1 + random.nextInt(4);
        boolean onlyOnes = random.nextBoolean();
        for (int i = 0; i < updates; i++) {
            Row row =
                    new Row(
                            datum(type.key(), random.nextInt(keys), oneSize),
                            datum(type.val(), random.nextInt(vals), oneSize),
                            time(random.nextInt(times)),
                            type.time() == TimeType.EPOCH ? 0 : time(random.nextInt(times)));
            if (type.diff() == DiffType.COUNT) {
                long number = onlyOnes ? 1 : random.nextInt(5) - 2;
                fold(type, rows, row, new Diff(number, NO_PAYLOAD));
            } else {
                // an order key says what is set: equal orders are equal upserts
                long order = random.nextInt(4) - 2L;
                Datum payload = datum(ColumnType.BYTES, (int) (order + 2) * 3, false);
                fold(type, rows, row, new Diff(order, payload));
            }
        }
        rows.values().removeIf(d -> type.diff() == DiffType.COUNT && d.number == 0);
        return rows;
    }

    /** Times at both ends of the unsigned order. */
    static long time(int number) {
        return switch (number) {
            case 2 -> Long.MAX_VALUE;
            case 3 -> -1;
            default -> number;
        };
    }

    static void fold(TrieType type, SortedMap<Row, Diff> rows, Row row, Diff diff) {
        rows.merge(
                row,
                diff,
                (a, b) ->
                        type.diff() == DiffType.COUNT
                                ? new Diff(a.number + b.number, a.payload)
                                : Long.compareUnsigned(a.number, b.number) >= 0 ? a : b);
    }

    /** The union of what is in several models, with times raised to {@code since}. */
    static SortedMap<Row, Diff> union(
            TrieType type, Collection<? extends Map<Row, Diff>> models, long since) {
        SortedMap<Row, Diff> all = new TreeMap<>();
        for (Map<Row, Diff> model : models) {
            model.forEach((row, diff) -> {
                long time = Long.compareUnsigned(row.time, since) < 0 ? since : row.time;
                fold(type, all, new Row(row.key, row.val, time, row.second), diff);
            });
        }
        all.values().removeIf(d -> type.diff() == DiffType.COUNT && d.number == 0);
        return all;
    }

    static ColumnBuilder column(NativeMemory memory, ColumnType type, Collection<Datum> values) {
        ColumnBuilder column = ColumnBuilder.distinct(memory, type);
        for (Datum value : values) {
            append(column, type, value);
        }
        return column;
    }

    static void append(ColumnBuilder column, ColumnType type, Datum value) {
        switch (type.kind()) {
            case UNIT -> column.appendUnits(1);
            case LONG -> column.append(Datum.word(value.bytes, 0));
            default -> column.append(value.bytes, 0, value.bytes.length);
        }
    }

    /** A chain of the rows, cut by a target size. */
    static Batch form(Pager pager, TrieType type, Map<Row, Diff> rows, long targetBytes) {
        Batch batch = new Batch(type);
        try (ChainBuilder out = chain(pager, type, targetBytes, batch)) {
            add(pager.memory(), out, rows);
            out.finish();
        }
        return batch;
    }

    static ChainBuilder chain(Pager pager, TrieType type, long targetBytes, Batch batch) {
        return new ChainBuilder(
                new TrieBuilder(pager.memory(), type), targetBytes, batch.sink(pager, 1));
    }

    /** A chain with one chunk for each part. */
    static Batch formParts(Pager pager, TrieType type, List<Map<Row, Diff>> parts) {
        Batch batch = new Batch(type);
        for (Map<Row, Diff> part : parts) {
            try (ChainBuilder out = chain(pager, type, 1 << 30, batch)) {
                add(pager.memory(), out, part);
                out.finish();
            }
        }
        return batch;
    }

    static void add(NativeMemory memory, ChainBuilder out, Map<Row, Diff> rows) {
        TrieType type = out.type();
        try (ColumnBuilder keys = ColumnBuilder.distinct(memory, type.key());
                ColumnBuilder vals = ColumnBuilder.distinct(memory, type.val());
                ColumnBuilder payloads = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            Row before = null;
            for (Map.Entry<Row, Diff> entry : rows.entrySet()) {
                Row row = entry.getKey();
                keys.clear(0);
                vals.clear(0);
                payloads.clear(0);
                append(keys, type.key(), row.key);
                append(vals, type.val(), row.val);
                TrieBuilder builder = out.roomForOne();
                if (builder.isEmpty() || before == null || !row.key.equals(before.key)) {
                    builder.openKey(keys.column(), 0);
                    builder.openFirstVal(vals.column(), 0);
                } else if (!row.val.equals(before.val)) {
                    builder.openNextVal(vals.column(), 0);
                }
                if (type.diff() == DiffType.COUNT) {
                    builder.addCount(row.time, row.second, entry.getValue().number);
                } else {
                    append(payloads, ColumnType.BYTES, entry.getValue().payload);
                    builder.addUpsert(
                            row.time, row.second, entry.getValue().number, payloads.column(), 0);
                }
                before = row;
            }
        }
    }

    static Datum datum(ColumnType type, Column column, long index) {
        byte[] bytes = new byte[(int) column.sizeOf(index)];
        MemorySegment.copy(
                column.segment(), Layouts.BYTE, column.offsetOf(index), bytes, 0, bytes.length);
        return new Datum(type, bytes);
    }

    /** What a chain holds; checks on the way that every chunk is a whole image. */
    static SortedMap<Row, Diff> read(Batch batch) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        TrieView view = new TrieView();
        for (long i = 0; i < batch.chunkCount(); i++) {
            ChunkPin pin = batch.open(i, view);
            assertNull(view.firstDisorder());
            assertEquals(batch.chunk(i).flatBytes(), view.flatBytes());
            read(view, rows);
            pin.close();
        }
        return rows;
    }

    static void read(TrieView view, SortedMap<Row, Diff> rows) {
        for (long key = 0; key < view.keyCount(); key++) {
            for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
                for (long i = view.updatesFrom(val); i < view.updatesTo(val); i++) {
                    assertEquals(val, view.valOfUpdate(i));
                    assertEquals(key, view.keyOfVal(val));
                    Row row =
                            new Row(
                                    datum(view.type().key(), view.keys(), key),
                                    datum(view.type().val(), view.vals(), val),
                                    view.timeAt(i),
                                    view.secondTimeAt(i));
                    if (!rows.isEmpty()) {
                        assertEquals(-1, Integer.signum(rows.lastKey().compareTo(row)), "order");
                    }
                    rows.put(row, diff(view, i));
                }
            }
        }
    }

    static Diff diff(TrieView view, long update) {
        Datum payload =
                view.type().diff() == DiffType.COUNT
                        ? NO_PAYLOAD
                        : datum(ColumnType.BYTES, view.payloads(), update);
        return new Diff(view.diffAt(update), payload);
    }

    static NavigableSet<Datum> keys(Collection<Row> rows) {
        TreeSet<Datum> keys = new TreeSet<>();
        rows.forEach(row -> keys.add(row.key));
        return keys;
    }

    static SortedMap<Row, Diff> restrict(SortedMap<Row, Diff> rows, Collection<Datum> keys) {
        SortedMap<Row, Diff> hits = new TreeMap<>(rows);
        hits.keySet().removeIf(row -> !keys.contains(row.key));
        return hits;
    }

    /** The grading rule: neighbours exceed the target together, none exceeds it by two updates. */
    static void assertGraded(Batch batch, long targetBytes) {
        for (long i = 0; i < batch.chunkCount(); i++) {
            Chunk chunk = batch.chunk(i);
            assertEquals(false, chunk.exceeds(targetBytes), () -> chunk + " exceeds the target");
            if (i > 0) {
                long sum = batch.chunk(i - 1).flatBytes() + chunk.flatBytes();
                assertEquals(true, sum > targetBytes, () -> sum + " of two, target " + targetBytes);
            }
        }
    }

    static List<Chunk> chunks(Batch batch) {
        List<Chunk> chunks = new ArrayList<>();
        for (long i = 0; i < batch.chunkCount(); i++) {
            chunks.add(batch.chunk(i));
        }
        return chunks;
    }
}
