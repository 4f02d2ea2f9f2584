package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Chains against a sorted map: forming, merging, extracting, for every cut. */
class TrieModelTest {

    record Row(String key, String val, long time) implements Comparable<Row> {
        @Override
        public int compareTo(Row other) {
            int order = key.compareTo(other.key);
            if (order == 0) {
                order = val.compareTo(other.val);
            }
            return order == 0 ? Long.compareUnsigned(time, other.time) : order;
        }
    }

    private static SortedMap<Row, Long> random(Random random, int keys, int updates) {
        SortedMap<Row, Long> rows = new TreeMap<>();
        boolean sameWidth = random.nextBoolean();
        int times = 1 + random.nextInt(3);
        for (int i = 0; i < updates; i++) {
            int k = random.nextInt(keys);
            String key = sameWidth ? String.format("k%03d", k) : "k" + k;
            String val = "v".repeat(random.nextInt(3)) + random.nextInt(2);
            long diff = random.nextInt(5) - 2;
            if (diff != 0) {
                rows.merge(new Row(key, val, random.nextInt(times)), diff, Long::sum);
            }
        }
        rows.values().removeIf(d -> d == 0);
        return rows;
    }

    private static Batch form(Pager pager, SortedMap<Row, Long> rows, long target) {
        NativeMemory memory = pager.memory();
        Batch batch = new Batch(TrieType.BYTES_TO_BYTES);
        try (ColumnBuilder keys = ColumnBuilder.distinct(memory, ColumnType.BYTES);
                ColumnBuilder vals = ColumnBuilder.distinct(memory, ColumnType.BYTES);
                ChainBuilder out =
                        new ChainBuilder(
                                new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                                target,
                                batch.sink(pager, 0))) {
            String key = null;
            String val = null;
            for (var entry : rows.entrySet()) {
                Row row = entry.getKey();
                keys.clear(0);
                vals.clear(0);
                keys.append(row.key.getBytes(), 0, row.key.length());
                vals.append(row.val.getBytes(), 0, row.val.length());
                TrieBuilder builder = out.roomForOne();
                if (builder.isEmpty() || !row.key.equals(key)) {
                    builder.openKey(keys.column(), 0);
                    builder.openFirstVal(vals.column(), 0);
                } else if (!row.val.equals(val)) {
                    builder.openNextVal(vals.column(), 0);
                }
                builder.addCount(row.time, entry.getValue());
                key = row.key;
                val = row.val;
            }
            out.finish();
        }
        return batch;
    }

    static SortedMap<Row, Long> read(Batch batch) {
        SortedMap<Row, Long> rows = new TreeMap<>();
        TrieView view = new TrieView();
        for (long c = 0; c < batch.chunkCount(); c++) {
            try (ChunkPin pin = batch.open(c, view)) {
                TrieView.stamp(view.segment(), view.offset());
                TrieView.check(view.segment(), view.offset(), view.sizeBytes());
                for (long k = 0; k < view.keyCount(); k++) {
                    for (long v = view.valsFrom(k); v < view.valsTo(k); v++) {
                        for (long u = view.updatesFrom(v); u < view.updatesTo(v); u++) {
                            Row row =
                                    new Row(
                                            string(view.keys(), k),
                                            string(view.vals(), v),
                                            view.timeAt(u));
                            Long before = rows.put(row, view.diffAt(u));
                            assertEquals(null, before, "twice: " + row);
                        }
                    }
                }
            }
        }
        return rows;
    }

    private static String string(Column column, long index) {
        byte[] bytes = new byte[(int) column.sizeOf(index)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] =
                    column.segment()
                            .get(
                                    java.lang.foreign.ValueLayout.JAVA_BYTE,
                                    column.offsetOf(index) + i);
        }
        return new String(bytes);
    }

    @Test
    void mergesAndExtractionsEqualTheModelForEveryCut() {
        // fails when a seam, a cut or a fold loses, doubles or misplaces an update
        try (NativeMemory memory =
                NativeMemory.open(NativeMemory.Options.defaults().withDebug(true))) {
            Pager pager =
                    Pager.open(
                            memory,
                            new io.espalier.memory.MemoryBudget(0),
                            io.espalier.pager.PagerOptions.in(
                                    java.nio.file.Path.of(System.getProperty("java.io.tmpdir"))));
            for (int seed = 0; seed < 1500; seed++) {
                Random random = new Random(seed);
                int runs = 1 + random.nextInt(4);
                SortedMap<Row, Long> expected = new TreeMap<>();
                List<Batch> batches = new ArrayList<>();
                long since = random.nextInt(3) == 0 ? random.nextInt(3) : 0;
                for (int i = 0; i < runs; i++) {
                    SortedMap<Row, Long> rows =
                            random(random, 1 + random.nextInt(12), random.nextInt(40));
                    long target = 1 + random.nextInt(random.nextBoolean() ? 400 : 2000);
                    Batch batch = form(pager, rows, target);
                    assertEquals(rows, read(batch), "seed " + seed);
                    batches.add(batch);
                    rows.forEach((r, d) ->
                            expected.merge(
                                    new Row(r.key, r.val, Math.max(r.time, since)), d, Long::sum));
                }
                expected.values().removeIf(d -> d == 0);
                Batch merged = new Batch(TrieType.BYTES_TO_BYTES);
                long target = 1 + random.nextInt(1000);
                try (ChainBuilder out =
                                new ChainBuilder(
                                        new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                                        target,
                                        merged.sink(pager, 1));
                        Merge merge = new Merge(batches, random.nextBoolean(), since, out)) {
                    while (merge.step(1 + random.nextInt(10))) {}
                }
                assertEquals(expected, read(merged), "seed " + seed);
                // extraction
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES);
                TreeMap<String, Boolean> wanted = new TreeMap<>();
                for (int i = 0; i < 14; i++) {
                    if (random.nextBoolean()) {
                        wanted.put(
                                random.nextBoolean() ? String.format("k%03d", i) : "k" + i, true);
                    }
                }
                if (random.nextInt(4) == 0) {
                    expected.keySet().forEach(r -> wanted.put(r.key, true));
                }
                wanted.keySet().forEach(k -> probes.append(k.getBytes(), 0, k.length()));
                Batch staging = new Batch(TrieType.BYTES_TO_BYTES);
                try (ChainBuilder out =
                        new ChainBuilder(
                                new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                                target,
                                staging.sink(pager, 0))) {
                    new Extractor().extract(merged, probes.column(), out);
                    out.finish();
                }
                SortedMap<Row, Long> hits = new TreeMap<>(expected);
                hits.keySet().removeIf(r -> !wanted.containsKey(r.key));
                assertEquals(hits, read(staging), "seed " + seed);
                probes.close();
                staging.close();
                merged.close();
                batches.forEach(Batch::close);
                assertEquals(0, memory.stats().leasedBytes(), "seed " + seed);
            }
            pager.close();
        }
    }
}
