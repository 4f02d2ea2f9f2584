package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.testing.SeededProperties;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/** What chains do equals what a sorted map does, for every type, cut and residency. */
@AddLifecycleHook(SeededProperties.class)
class ChainPropertyTest {

    private NativeMemory memory;
    private Pager pager;
    private Random random = new Random(0);
    private TrieType type = TrieType.BYTES_TO_BYTES;

    private void start(long seed) {
        random = new Random(seed);
        type = Tries.TYPES.get(random.nextInt(Tries.TYPES.size()));
        memory = Tries.memory();
        // resident, or paged out as soon as it is made
        pager = Tries.pager(memory, random.nextBoolean() ? 1 << 30 : 0);
    }

    /** Nothing is left when all is closed. */
    private void finish() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private SortedMap<Row, Diff> rows() {
        return Tries.random(type, random, 1 + random.nextInt(12), random.nextInt(60));
    }

    private long target() {
        return 1L + random.nextInt(random.nextBoolean() ? 200 : 2000);
    }

    @Property(tries = 800)
    void mergingGivesTheConsolidatedUnion(@ForAll long seed) {
        // fails when a merge loses, doubles or misplaces an update, or does not fold equal ones
        start(seed);
        merge();
        finish();
    }

    private void merge() {
        List<SortedMap<Row, Diff>> models = new ArrayList<>();
        List<Batch> batches = new ArrayList<>();
        for (int i = random.nextInt(4); i >= 0; i--) {
            SortedMap<Row, Diff> model = rows();
            models.add(model);
            batches.add(Tries.form(pager, type, model, target()));
        }
        long since =
                type.diff() == DiffType.COUNT
                                && type.time() == TimeType.EPOCH
                                && random.nextInt(3) == 0
                        ? Tries.time(random.nextInt(4))
                        : 0;
        long target = target();
        boolean consuming = random.nextBoolean();
        try (Batch merged = new Batch(type)) {
            try (ChainBuilder out = Tries.chain(pager, type, target, merged);
                    Merge merge = new Merge(batches, consuming, since, out)) {
                while (merge.step(1 + random.nextInt(10))) {}
                assertFalse(merge.step(1));
            }
            assertEquals(Tries.union(type, models, since), Tries.read(merged));
            Tries.assertGraded(merged, target);
            if (consuming) {
                batches.forEach(b -> assertEquals(0, b.updateCount()));
            }
        }
        batches.forEach(Batch::close);
    }

    @Property(tries = 200)
    void mergingManyThatInterleaveGivesTheUnion(@ForAll long seed) {
        // fails when merging by thousands misplaces an update, or misses that two are equal
        start(seed);
        mergeMany();
        finish();
    }

    private void mergeMany() {
        List<SortedMap<Row, Diff>> models = new ArrayList<>();
        List<Batch> batches = new ArrayList<>();
        int domain = 100 + random.nextInt(3000);
        boolean oneKey = random.nextInt(3) == 0;
        // up to here both sides have the same keys, later mostly one
        int overlapTo = random.nextInt(3) == 0 ? domain : random.nextInt(60);
        int times = 1 + random.nextInt(2);
        int vals = 1 + random.nextInt(3);
        boolean ones = random.nextBoolean();
        for (int side = 0; side < 2; side++) {
            SortedMap<Row, Diff> model = new TreeMap<>();
            int density = 1 + random.nextInt(4);
            for (int i = 0; i < domain; i++) {
                if (random.nextInt(4) >= density || (i >= overlapTo && mix(i) % 2 != side)) {
                    continue;
                }
                Datum key = many(type.key(), oneKey ? i / 500 : i);
                Datum val = many(type.val(), oneKey ? i : mix(i) % vals);
                int time = random.nextInt(times);
                model.put(
                        new Row(
                                key,
                                val,
                                Tries.time(time),
                                type.time() == TimeType.EPOCH ? 0 : mix(i) % 2),
                        new Diff(
                                ones ? 1 : 1 + i % 3,
                                type.diff() == DiffType.COUNT
                                        ? Tries.datum("")
                                        : many(ColumnType.BYTES, ones ? 1 : 1 + i % 3)));
            }
            models.add(model);
            batches.add(Tries.form(pager, type, model, 1 + random.nextInt(100_000)));
        }
        long target = 1L + random.nextInt(100_000);
        try (Batch merged = new Batch(type)) {
            try (ChainBuilder out = Tries.chain(pager, type, target, merged);
                    Merge merge = new Merge(batches, false, 0, out)) {
                merge.run();
            }
            SortedMap<Row, Diff> union = Tries.union(type, models, 0);
            assertEquals(union, Tries.read(merged));
            Tries.assertGraded(merged, target);
            extractMany(merged, union);
        }
        batches.forEach(Batch::close);
    }

    /** About every other key, and some that are not there. */
    private void extractMany(Batch batch, SortedMap<Row, Diff> model) {
        TreeSet<Datum> wanted = new TreeSet<>(Tries.keys(model.keySet()));
        int most = 2 + random.nextInt(6);
        wanted.removeIf(key -> random.nextInt(most) == 0);
        for (int i = 0; i < 3000; i += 1 + random.nextInt(50)) {
            wanted.add(many(type.key(), i));
        }
        try (ColumnBuilder probes = Tries.column(memory, type.key(), wanted);
                Batch staging = new Batch(type)) {
            try (ChainBuilder out = Tries.chain(pager, type, 10_000, staging)) {
                new Extractor().extract(batch, probes.column(), out);
                out.finish();
            }
            assertEquals(Tries.restrict(model, wanted), Tries.read(staging));
            Tries.assertGraded(staging, 10_000);
        }
    }

    private static int mix(int i) {
        return (i * 0x9E3779B9) >>> 20;
    }

    /** A value out of very many, on both sides of zero. */
    private Datum many(ColumnType valueType, int number) {
        long word = (number - 1000L) * 0x1_0000_0001_0003L;
        return switch (valueType.kind()) {
            case UNIT -> Tries.datum();
            case LONG -> Tries.datum(word);
            case TUPLE -> {
                long[] words = new long[valueType.words()];
                words[0] = number / 3;
                words[words.length - 1] = word;
                yield Tries.datum(words);
            }
            case BYTES -> Tries.datum(String.format("%08d-key", number));
        };
    }

    @Property(tries = 400)
    void mergingDisjointChainsForwardsTheirChunks(@ForAll long seed) {
        // fails when a chunk below all others is opened or copied although it stands on its own
        start(seed);
        mergeDisjoint();
        finish();
    }

    private void mergeDisjoint() {
        SortedMap<Row, Diff> model = rows();
        NavigableSet<Datum> keys = Tries.keys(model.keySet());
        if (keys.size() < 2) {
            return;
        }
        Datum cut = new ArrayList<>(keys).get(1 + random.nextInt(keys.size() - 1));
        long target = target();
        List<Batch> halves = new ArrayList<>();
        for (boolean below : List.of(true, false)) {
            SortedMap<Row, Diff> half = new TreeMap<>(model);
            half.keySet().removeIf(row -> (row.key().compareTo(cut) < 0) != below);
            halves.add(Tries.form(pager, type, half, target));
        }
        List<Chunk> expected = new ArrayList<>();
        halves.forEach(half -> expected.addAll(Tries.chunks(half)));
        Chunk last = halves.get(0).chunk(halves.get(0).chunkCount() - 1);
        boolean stands = last.flatBytes() + halves.get(1).chunk(0).flatBytes() > target;
        long pins = pager.stats().policy().pins();
        try (Batch merged = new Batch(type)) {
            try (ChainBuilder out = Tries.chain(pager, type, target, merged);
                    Merge merge = new Merge(List.of(halves.get(1), halves.get(0)), false, 0, out)) {
                merge.run();
            }
            if (stands) {
                assertEquals(expected, Tries.chunks(merged));
                assertEquals(pins, pager.stats().policy().pins());
            } else {
                assertEquals(model, Tries.read(merged));
            }
        }
        halves.forEach(Batch::close);
    }

    @Property(tries = 800)
    void extractionIsAFilterByProbes(@ForAll long seed) {
        // fails when a hit is lost at a seam, a miss is copied, or a chunk stays pinned
        start(seed);
        extract();
        finish();
    }

    private void extract() {
        SortedMap<Row, Diff> model = rows();
        boolean oneSize = random.nextBoolean();
        TreeSet<Datum> wanted = new TreeSet<>();
        for (int i = 0; i < 13; i++) {
            if (random.nextBoolean()) {
                wanted.add(Tries.datum(type.key(), i, oneSize));
            }
        }
        if (random.nextInt(3) == 0) {
            wanted.addAll(Tries.keys(model.keySet()));
        }
        long target = target();
        try (Batch batch = Tries.form(pager, type, model, target);
                ColumnBuilder probes = Tries.column(memory, type.key(), wanted);
                Batch staging = new Batch(type);
                Batch scanned = new Batch(type)) {
            long stagingTarget = random.nextBoolean() ? target : target();
            try (ChainBuilder out = Tries.chain(pager, type, stagingTarget, staging)) {
                new Extractor().extract(batch, probes.column(), out);
                out.finish();
            }
            assertEquals(Tries.restrict(model, wanted), Tries.read(staging));
            Tries.assertGraded(staging, stagingTarget);
            try (ChainBuilder out = Tries.chain(pager, type, stagingTarget, scanned)) {
                new Extractor().fetch(batch, out);
                out.finish();
            }
            assertEquals(model, Tries.read(scanned));
            Tries.assertGraded(scanned, stagingTarget);
            assertEquals(0, pager.stats().images().pinsOpen());
        }
    }

    @Property(tries = 600)
    void settlingGradesAChainAndASecondTimeChangesNothing(@ForAll long seed) {
        // fails when neighbours fit together, a chunk is too large, or settled chunks are remade
        start(seed);
        settle();
        finish();
    }

    private void settle() {
        SortedMap<Row, Diff> model = rows();
        long target = target();
        try (Batch batch = Tries.formParts(pager, type, parts(model))) {
            Batch settled = Settle.settle(batch, pager, target, 1);
            assertEquals(0, batch.updateCount());
            assertEquals(model, Tries.read(settled));
            Tries.assertGraded(settled, target);
            List<Chunk> before = Tries.chunks(settled);
            long pins = pager.stats().policy().pins();
            try (Batch again = Settle.settle(settled, pager, target, 1)) {
                List<Chunk> after = Tries.chunks(again);
                assertEquals(before.size(), after.size());
                for (int i = 0; i < before.size(); i++) {
                    assertSame(before.get(i), after.get(i));
                }
                assertEquals(pins, pager.stats().policy().pins(), "settled chunks were opened");
            }
            settled.close();
        }
    }

    private List<java.util.Map<Row, Diff>> parts(SortedMap<Row, Diff> model) {
        List<java.util.Map<Row, Diff>> parts = new ArrayList<>();
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

    @Property(tries = 600)
    void walkingEqualsTheModel(@ForAll long seed) {
        // fails when the cursor shows a straddling key or val twice, or misses what follows a seam
        start(seed);
        walk();
        finish();
    }

    private void walk() {
        SortedMap<Row, Diff> model = rows();
        try (Batch batch = Tries.formParts(pager, type, parts(model));
                Cursor cursor = new Cursor(batch)) {
            for (int round = 0; round < 2; round++) {
                assertEquals(model, walk(cursor));
                cursor.rewind();
            }
            NavigableSet<Datum> keys = Tries.keys(model.keySet());
            for (int i = 0; i < 13; i++) {
                Datum wanted = Tries.datum(type.key(), random.nextInt(13), random.nextBoolean());
                try (ColumnBuilder probe = Tries.column(memory, type.key(), List.of(wanted))) {
                    if (random.nextBoolean()) {
                        cursor.rewind();
                    }
                    Datum here = keyOf(cursor);
                    cursor.seekKey(probe.column(), 0);
                    Datum expected = keys.ceiling(wanted);
                    if (here == null || (expected != null && here.compareTo(expected) > 0)) {
                        expected = here;
                    }
                    assertEquals(expected, keyOf(cursor));
                }
                if (cursor.hasKey()) {
                    seekVals(cursor, model);
                }
            }
        }
    }

    private void seekVals(Cursor cursor, SortedMap<Row, Diff> model) {
        Datum key = keyOf(cursor);
        cursor.rewindVals();
        TreeSet<Datum> vals = new TreeSet<>();
        model.keySet()
                .forEach(row -> {
                    if (row.key().equals(key)) vals.add(row.val());
                });
        if (type.val().kind() == ColumnType.Kind.UNIT) {
            return;
        }
        Datum wanted = Tries.datum(type.val(), random.nextInt(3), random.nextBoolean());
        try (ColumnBuilder probe = Tries.column(memory, type.val(), List.of(wanted))) {
            cursor.seekVal(probe.column(), 0);
            Datum expected = vals.ceiling(wanted);
            assertEquals(expected != null, cursor.hasVal());
            if (expected != null) {
                assertEquals(expected, Tries.datum(type.val(), cursor.vals(), cursor.val()));
                SortedMap<Row, Diff> times = new TreeMap<>();
                updates(cursor, key, expected, times);
                SortedMap<Row, Diff> all = new TreeMap<>(model);
                all.keySet().removeIf(r -> !r.key().equals(key) || !r.val().equals(expected));
                assertEquals(all, times);
            }
            assertEquals(key, keyOf(cursor));
        }
    }

    private Datum keyOf(Cursor cursor) {
        return cursor.hasKey() ? Tries.datum(type.key(), cursor.keys(), cursor.key()) : null;
    }

    private SortedMap<Row, Diff> walk(Cursor cursor) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        while (cursor.hasKey()) {
            Datum key = keyOf(cursor);
            boolean all = random.nextInt(4) != 0;
            do {
                cursor.rewindVals();
                while (cursor.hasVal()) {
                    Datum val = Tries.datum(type.val(), cursor.vals(), cursor.val());
                    updates(cursor, key, val, rows);
                    assertEquals(key, keyOf(cursor));
                    cursor.stepVal();
                }
            } while (!all && random.nextBoolean());
            cursor.stepKey();
            assertTrue(!cursor.hasKey() || key.compareTo(keyOf(cursor)) < 0);
        }
        return rows;
    }

    private static void updates(Cursor cursor, Datum key, Datum val, SortedMap<Row, Diff> rows) {
        cursor.mapUpdates((v, i) ->
                rows.put(new Row(key, val, v.timeAt(i), v.secondTimeAt(i)), Tries.diff(v, i)));
        cursor.mapTimes((time, second, diff, payloads, payload) ->
                assertEquals(diff, rows.get(new Row(key, val, time, second)).number()));
    }
}
