package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Chains of either layout, from the model and to it: what {@link Tries} does for tries. */
final class Chains {

    private static final long ONE_CHUNK = 1 << 30;

    private Chains() {}

    /** Stages a row; those of one (key, val, time) add up. */
    static void add(UpdateBuffer staged, Row row, Diff diff) {
        byte[] key = row.key().bytes();
        byte[] val = row.val().bytes();
        staged.setSecondTime(row.second());
        if (staged.type().diff() == DiffType.COUNT) {
            staged.add(key, 0, key.length, val, 0, val.length, row.time(), diff.number());
        } else {
            byte[] payload = diff.payload().bytes();
            staged.upsert(
                    key,
                    0,
                    key.length,
                    row.time(),
                    diff.number(),
                    payload[0],
                    payload,
                    1,
                    payload.length - 1);
        }
    }

    /** A chain with one chunk for each part. */
    static Batch formParts(
            Pager pager, ChunkKind kind, TrieType type, List<? extends Map<Row, Diff>> parts) {
        if (kind == ChunkKind.TRIE) {
            return Tries.formParts(pager, type, List.copyOf(parts));
        }
        Batch batch = new Batch(type, kind);
        for (Map<Row, Diff> part : parts) {
            try (Batch one = form(pager, kind, type, part, ONE_CHUNK)) {
                if (one.chunkCount() > 0) {
                    batch.add(one.chunk(0).share());
                }
            }
        }
        return batch;
    }

    /** A chain of rows, cut by a target size. */
    static Batch form(
            Pager pager, ChunkKind kind, TrieType type, Map<Row, Diff> rows, long targetBytes) {
        if (kind == ChunkKind.TRIE) {
            return Tries.form(pager, type, rows, targetBytes);
        }
        NativeMemory memory = pager.memory();
        try (FlatStaging out = new FlatStaging(pager, type, targetBytes, 1)) {
            for (Map.Entry<Row, Diff> entry : rows.entrySet()) {
                Row row = entry.getKey();
                try (ColumnBuilder keys = Tries.column(memory, type.key(), List.of(row.key()));
                        ColumnBuilder vals = Tries.column(memory, type.val(), List.of(row.val()));
                        ColumnBuilder payloads =
                                Tries.column(
                                        memory,
                                        ColumnType.BYTES,
                                        List.of(entry.getValue().payload()))) {
                    out.append(
                            keys.column(),
                            0,
                            vals.column(),
                            0,
                            row.time(),
                            row.second(),
                            entry.getValue().number(),
                            payloads.column(),
                            0);
                }
            }
            return out.finish();
        }
    }

    /** What a chain holds; checks that every chunk is a whole image and says what it holds. */
    static SortedMap<Row, Diff> read(Batch batch) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (long i = 0; i < batch.chunkCount(); i++) {
            SortedMap<Row, Diff> part = read(batch.chunk(i));
            assertTrue(rows.isEmpty() || rows.lastKey().compareTo(part.firstKey()) < 0, "order");
            rows.putAll(part);
        }
        return rows;
    }

    static SortedMap<Row, Diff> read(Chunk chunk) {
        Images.check(chunk);
        SortedMap<Row, Diff> rows = new TreeMap<>();
        if (chunk.kind() == ChunkKind.TRIE) {
            TrieView view = new TrieView();
            try (ChunkPin pin = chunk.open(view)) {
                assertNull(view.firstDisorder());
                assertEquals(chunk.flatBytes(), view.flatBytes());
                Tries.read(view, rows);
            }
        } else {
            FlatView view = new FlatView();
            try (ChunkPin pin = chunk.open(view)) {
                assertNull(view.firstDisorder());
                read(view, rows);
            }
        }
        assertEquals(chunk.updateCount(), rows.size());
        Antichain.Builder least = Antichain.builder(chunk.type().time());
        rows.keySet().forEach(row -> least.insert(row.time(), row.second()));
        assertEquals(least.build(), chunk.lower());
        return rows;
    }

    static void read(FlatView view, SortedMap<Row, Diff> rows) {
        boolean upserts = view.type().diff() == DiffType.UPSERT;
        for (long i = 0; i < view.rowCount(); i++) {
            rows.put(
                    new Row(
                            Tries.datum(view.type().key(), view.keys(), i),
                            Tries.datum(view.type().val(), view.vals(), i),
                            view.timeAt(i),
                            view.secondTimeAt(i)),
                    new Diff(
                            view.diffAt(i),
                            upserts
                                    ? Tries.datum(ColumnType.BYTES, view.payloads(), i)
                                    : Tries.datum("")));
        }
        assertEquals(view.rowCount(), rows.size());
    }

    /** What a cursor shows from where it is to the end. */
    static SortedMap<Row, Diff> walk(TrieType type, BatchCursor cursor) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (; cursor.hasKey(); cursor.stepKey()) {
            Datum key = Tries.datum(type.key(), cursor.keys(), cursor.key());
            for (; cursor.hasVal(); cursor.stepVal()) {
                vals(type, cursor, key, rows);
                assertEquals(key, Tries.datum(type.key(), cursor.keys(), cursor.key()));
            }
        }
        return rows;
    }

    /** The updates of the val that a cursor is at. */
    static void vals(TrieType type, BatchCursor cursor, Datum key, SortedMap<Row, Diff> rows) {
        Datum val = Tries.datum(type.val(), cursor.vals(), cursor.val());
        boolean upserts = type.diff() == DiffType.UPSERT;
        cursor.mapTimes((time, second, diff, payloads, payload) ->
                assertNull(
                        rows.put(
                                new Row(key, val, time, second),
                                new Diff(
                                        diff,
                                        upserts
                                                ? Tries.datum(ColumnType.BYTES, payloads, payload)
                                                : Tries.datum("")))));
    }

    /** The rows with other times, folded. */
    static SortedMap<Row, Diff> mapped(
            TrieType type, Map<Row, Diff> rows, UnaryOperator<Row> times) {
        SortedMap<Row, Diff> mapped = new TreeMap<>();
        rows.forEach((row, diff) -> Tries.fold(type, mapped, times.apply(row), diff));
        mapped.values().removeIf(d -> type.diff() == DiffType.COUNT && d.number() == 0);
        return mapped;
    }

    /** A frontier of times that {@link Tries#random} uses. */
    static Antichain frontier(TimeType type, Random random) {
        Antichain.Builder builder = Antichain.builder(type);
        for (int i = random.nextInt(4); i > 0; i--) {
            builder.insert(
                    Tries.time(random.nextInt(4)),
                    type == TimeType.EPOCH ? 0 : Tries.time(random.nextInt(4)));
        }
        return builder.build();
    }

    /** Cuts rows at random. */
    static List<Map<Row, Diff>> parts(SortedMap<Row, Diff> model, Random random) {
        List<Map<Row, Diff>> parts = new java.util.ArrayList<>();
        TreeMap<Row, Diff> part = new TreeMap<>();
        int most = 1 + random.nextInt(20);
        for (var entry : model.entrySet()) {
            part.put(entry.getKey(), entry.getValue());
            if (part.size() >= 1 + random.nextInt(most)) {
                parts.add(part);
                part = new TreeMap<>();
            }
        }
        if (!part.isEmpty()) {
            parts.add(part);
        }
        return parts;
    }
}
