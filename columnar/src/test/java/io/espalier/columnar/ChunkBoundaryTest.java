package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every cut of a small trie into chunks, with probes in every place. */
class ChunkBoundaryTest {

    private static final int CHUNKS_MAX = 4;

    private static final List<TrieType> TYPES =
            List.of(
                    new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT),
                    TrieType.BYTES_UPSERTS,
                    new TrieType(ColumnType.BYTES, ColumnType.BYTES, DiffType.COUNT));

    /**
     * Keys at odd numbers; some have two vals, some two times, so that both kinds of group are cut.
     */
    private static SortedMap<Row, Diff> rows(TrieType type, int keys) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        boolean unit = type.val().kind() == ColumnType.Kind.UNIT;
        for (int key = 0; key < keys; key++) {
            int vals = unit || key % 3 != 1 ? 1 : 2;
            int times = key % 3 == 2 ? 2 : 1;
            for (int val = 0; val < vals; val++) {
                for (int time = 0; time < times; time++) {
                    Row row = new Row(key(type, 2 * key + 1), val(type, val), time);
                    rows.put(row, new Diff(1 + key, Tries.datum(key % 2 == 0 ? "" : "payload")));
                }
            }
        }
        if (type.diff() == DiffType.COUNT) {
            rows.replaceAll((row, diff) -> new Diff(diff.number(), Tries.datum("")));
        }
        return rows;
    }

    private static Datum key(TrieType type, int number) {
        return type.key().kind() == ColumnType.Kind.LONG
                ? Tries.datum(number - 5L)
                : Tries.datum("k" + (char) ('a' + number));
    }

    private static Datum val(TrieType type, int number) {
        return switch (type.val().kind()) {
            case UNIT -> Tries.datum();
            case LONG -> Tries.datum((long) number);
            default -> Tries.datum("v".repeat(number));
        };
    }

    /** All ways to cut rows into at most four chunks. */
    private static void cuts(
            List<Map.Entry<Row, Diff>> rows,
            int from,
            int chunksLeft,
            List<Map<Row, Diff>> parts,
            List<List<Map<Row, Diff>>> all) {
        for (int to = from + 1; to <= rows.size(); to++) {
            if (to < rows.size() && chunksLeft == 1) {
                continue;
            }
            Map<Row, Diff> part = new TreeMap<>();
            rows.subList(from, to).forEach(e -> part.put(e.getKey(), e.getValue()));
            List<Map<Row, Diff>> longer = new ArrayList<>(parts);
            longer.add(part);
            if (to == rows.size()) {
                all.add(longer);
            } else {
                cuts(rows, to, chunksLeft - 1, longer, all);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6})
    void everyCutWithEveryPlacementOfProbesExtractsTheHits(int keys) {
        // fails when a key that straddles chunks is cut off, doubled, or found where it is not;
        // without debug mode, for there are a hundred thousand cases
        try (NativeMemory memory = NativeMemory.open()) {
            // the largest with one type each, which are still a hundred cuts with 192 sets of
            // probes
            for (TrieType type : keys < 5 ? TYPES : List.of(TYPES.get(keys % TYPES.size()))) {
                try (Pager pager = Tries.pager(memory, 1 << 30)) {
                    SortedMap<Row, Diff> rows = rows(type, keys);
                    List<List<Map<Row, Diff>>> all = new ArrayList<>();
                    cuts(List.copyOf(rows.entrySet()), 0, CHUNKS_MAX, List.of(), all);
                    for (List<Map<Row, Diff>> parts : all) {
                        try (Batch batch = Tries.formParts(pager, type, parts)) {
                            assertEquals(parts.size(), batch.chunkCount());
                            extractAll(pager, batch, rows, keys);
                        }
                    }
                    assertEquals(0, pager.stats().images().pinsOpen());
                }
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void extractAll(Pager pager, Batch batch, SortedMap<Row, Diff> rows, int keys) {
        TrieType type = batch.type();
        Extractor extractor = new Extractor();
        for (int hits = 0; hits < 1 << keys; hits++) {
            // misses: nowhere, in every gap, or in some
            for (int gaps : new int[] {0, -1, 0x55 ^ hits}) {
                TreeSet<Datum> wanted = new TreeSet<>();
                for (int i = 0; i <= keys; i++) {
                    if ((gaps >> i & 1) != 0) {
                        wanted.add(key(type, 2 * i));
                    }
                    if ((hits >> i & 1) != 0) {
                        wanted.add(key(type, 2 * i + 1));
                    }
                }
                try (ColumnBuilder probes = Tries.column(pager.memory(), type.key(), wanted);
                        Batch staging = new Batch(type);
                        ChainBuilder out = Tries.chain(pager, type, 60, staging)) {
                    long pins = pager.stats().policy().pins();
                    extractor.extract(batch, probes.column(), out);
                    pins = pager.stats().policy().pins() - pins;
                    out.finish();
                    assertEquals(Tries.restrict(rows, wanted), Tries.read(staging));
                    if (wanted.isEmpty()) {
                        assertEquals(0, pins, "opened without a probe");
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6})
    void everyCutIsWalkedAndMergedAlike(int keys) {
        // fails when what a cursor or a merge sees depends on where a chain is cut
        try (NativeMemory memory = Tries.memory()) {
            for (TrieType type : TYPES) {
                try (Pager pager = Tries.pager(memory, 0)) {
                    SortedMap<Row, Diff> rows = rows(type, keys);
                    SortedMap<Row, Diff> odd = new TreeMap<>();
                    boolean take = false;
                    for (var entry : rows.entrySet()) {
                        take = !take;
                        if (take) {
                            odd.put(entry.getKey(), entry.getValue());
                        }
                    }
                    List<List<Map<Row, Diff>>> all = new ArrayList<>();
                    cuts(List.copyOf(rows.entrySet()), 0, CHUNKS_MAX, List.of(), all);
                    for (List<Map<Row, Diff>> parts : all) {
                        try (Batch batch = Tries.formParts(pager, type, parts);
                                Batch other = Tries.form(pager, type, odd, 50);
                                Batch merged = new Batch(type)) {
                            assertEquals(rows, walk(batch));
                            merge(pager, List.of(batch, other), merged);
                            assertEquals(
                                    Tries.union(type, List.of(rows, odd), 0), Tries.read(merged));
                        }
                    }
                }
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static SortedMap<Row, Diff> walk(Batch batch) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        try (Cursor cursor = new Cursor(batch)) {
            for (; cursor.hasKey(); cursor.stepKey()) {
                Datum key = Tries.datum(batch.type().key(), cursor.keys(), cursor.key());
                for (; cursor.hasVal(); cursor.stepVal()) {
                    Datum val = Tries.datum(batch.type().val(), cursor.vals(), cursor.val());
                    cursor.mapUpdates((view, i) ->
                            rows.put(new Row(key, val, view.timeAt(i)), Tries.diff(view, i)));
                }
            }
        }
        return rows;
    }

    private static void merge(Pager pager, List<Batch> runs, Batch merged) {
        try (ChainBuilder out = Tries.chain(pager, merged.type(), 100, merged);
                Merge merge = new Merge(runs, false, 0, out)) {
            merge.run();
        }
        Tries.assertGraded(merged, 100);
    }
}
