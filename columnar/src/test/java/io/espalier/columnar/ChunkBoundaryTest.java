package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Codec;
import io.espalier.pager.Pager;
import io.espalier.pager.SpillStats;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every cut of a small trie into at most four chunks, with probes in every place: within a key,
 * within a val, within the times of a val; in memory, mapped, and compressed.
 */
class ChunkBoundaryTest {

    private static final int CHUNKS_MAX = 4;

    /** More than a page of the spill file, for what fits one is not compressed. */
    private static final int WIDE_BYTES = 4200;

    /** Where the chunks are when they are read. */
    private enum Where {
        RESIDENT,
        MAPPED,
        LZ4,
        ZSTD;

        boolean isCompressed() {
            return this == LZ4 || this == ZSTD;
        }

        Pager pager(NativeMemory memory) {
            return switch (this) {
                case RESIDENT -> TestPagers.open(memory);
                case MAPPED -> TestPagers.openWithoutBudget(memory, Codec.NONE);
                case LZ4 -> TestPagers.openWithoutBudget(memory, Codec.LZ4);
                case ZSTD -> TestPagers.openWithoutBudget(memory, Codec.ZSTD);
            };
        }

        void check(Batch batch, Pager pager) {
            SpillStats.Images images = pager.stats().images();
            for (Chunk chunk : Tries.chunks(batch)) {
                assertEquals(this == RESIDENT, chunk.isResident());
            }
            if (this != RESIDENT) {
                boolean smaller = images.pagedStoredBytes() < images.pagedRawBytes();
                assertEquals(isCompressed(), smaller, images::toString);
            }
        }
    }

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);

    /** What has bytes can be wide enough to be compressed. */
    private static final List<TrieType> TYPES =
            List.of(LONGS, TrieType.BYTES_UPSERTS, TrieType.BYTES_TO_BYTES);

    /** A small trie, in one place. */
    private record Case(ChunkKind kind, TrieType type, Where where, int keys) {

        /**
         * Keys at odd numbers, with one to three vals, of one to three times, so that all kinds of
         * groups are cut.
         */
        SortedMap<Row, Diff> rows() {
            SortedMap<Row, Diff> rows = new TreeMap<>();
            boolean unit = type.val().kind() == ColumnType.Kind.UNIT;
            for (int key = 0; key < keys; key++) {
                int vals = unit ? 1 : new int[] {1, 3, 2}[key % 3];
                for (int val = 0; val < vals; val++) {
                    int times = key % 3 == 1 && val == 1 ? 2 : key % 3 == 2 && val == 0 ? 3 : 1;
                    for (int time = 0; time < times; time++) {
                        Row row = new Row(key(2 * key + 1), val(2 * val), time);
                        rows.put(row, new Diff(1 + key, payload(key)));
                    }
                }
            }
            return rows;
        }

        Datum key(int number) {
            return type.key().kind() == ColumnType.Kind.LONG
                    ? Tries.datum(number - 5L)
                    : Tries.datum("k" + (char) ('a' + number));
        }

        /** Odd numbers are between vals. */
        Datum val(int number) {
            int size = number / 2 + (where.isCompressed() ? WIDE_BYTES : 0);
            return switch (type.val().kind()) {
                case UNIT -> Tries.datum();
                case LONG -> Tries.datum((long) number);
                default -> Tries.datum("v".repeat(size) + "\0".repeat(number % 2));
            };
        }

        private Datum payload(int key) {
            return type.diff() == DiffType.COUNT
                    ? Tries.datum("")
                    : Tries.datum(
                            "p".repeat(key % 2 * 5 + (where.isCompressed() ? WIDE_BYTES : 0)));
        }

        /** All ways to cut the rows into at most four chunks. */
        List<List<Map<Row, Diff>>> cuts() {
            List<List<Map<Row, Diff>>> all = new ArrayList<>();
            cut(List.copyOf(rows().entrySet()), 0, CHUNKS_MAX, List.of(), all);
            return all;
        }

        private static void cut(
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
                    cut(rows, to, chunksLeft - 1, longer, all);
                }
            }
        }
    }

    /** What is done with each cut. */
    private interface Use {
        void accept(Pager pager, Batch batch);
    }

    /** Does something with every {@code every}th cut; asserts that nothing is left behind. */
    private static void forEachCut(Case c, int every, Pager pager, Use use) {
        List<List<Map<Row, Diff>>> cuts = c.cuts();
        for (int i = 0; i < cuts.size(); i += every) {
            try (Batch batch = Chains.formParts(pager, c.kind, c.type, cuts.get(i))) {
                assertEquals(cuts.get(i).size(), batch.chunkCount());
                c.where.check(batch, pager);
                use.accept(pager, batch);
                assertEquals(0, pager.stats().images().pinsOpen());
            }
            assertEquals(0, pager.stats().images().count());
        }
    }

    private static Stream<Arguments> cases(int keysFrom, int keysTo) {
        return IntStream.rangeClosed(keysFrom, keysTo)
                .boxed()
                .flatMap(keys -> Stream.of(Where.values()).flatMap(where -> cases(keys, where)));
    }

    private static Stream<Arguments> cases(int keys, Where where) {
        return TYPES.stream()
                .filter(type -> !type.equals(LONGS) || !where.isCompressed())
                .flatMap(type ->
                        Stream.of(ChunkKind.values())
                                .map(kind -> Arguments.of(kind, type, where, keys)));
    }

    static Stream<Arguments> small() {
        return cases(1, 3);
    }

    static Stream<Arguments> large() {
        return cases(4, 6);
    }

    static Stream<Arguments> largeTries() {
        return large().filter(ChunkBoundaryTest::isTrie);
    }

    // ---- extraction ---------------------------------------------------------------------------

    /** Probes, and what they hit. */
    private record Probes(Set<Datum> wanted, ColumnBuilder column, SortedMap<Row, Diff> hits) {}

    /** Every set of hits; with misses nowhere, in every gap, and in some. */
    private static List<Probes> everyPlacement(Case c, NativeMemory memory) {
        List<Probes> all = new ArrayList<>();
        SortedMap<Row, Diff> rows = c.rows();
        for (int hits = 0; hits < 1 << c.keys; hits++) {
            for (int gaps : new int[] {0, -1, 0x55 ^ hits}) {
                TreeSet<Datum> wanted = new TreeSet<>();
                for (int i = 0; i <= c.keys; i++) {
                    if ((gaps >> i & 1) != 0) {
                        wanted.add(c.key(2 * i));
                    }
                    if ((hits >> i & 1) != 0) {
                        wanted.add(c.key(2 * i + 1));
                    }
                }
                all.add(
                        new Probes(
                                wanted,
                                Tries.column(memory, c.type.key(), wanted),
                                Tries.restrict(rows, wanted)));
            }
        }
        return all;
    }

    private static void extract(Case c, int every) {
        // without debug mode, for there are a hundred thousand cases
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = c.where.pager(memory);
                Pager resident = TestPagers.open(memory)) {
            List<Probes> placements = everyPlacement(c, memory);
            Extractor extractor = new Extractor();
            forEachCut(
                    c,
                    every,
                    pager,
                    (p, batch) -> {
                        for (Probes probes : placements) {
                            extract(extractor, p, batch, probes, resident);
                        }
                    });
            placements.forEach(probes -> probes.column.close());
            pager.close();
            resident.close();
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void extract(
            Extractor extractor, Pager pager, Batch batch, Probes probes, Pager resident) {
        // staging is resident, and shares no chunk of a batch that another pager has
        if (batch.kind() == ChunkKind.FLAT) {
            try (ChunkFamily family = ChunkFamily.flat(resident, batch.type(), 60);
                    Batch staging = family.extractKeys(batch, probes.column.column())) {
                assertEquals(probes.hits, Chains.read(staging));
            }
            return;
        }
        try (Batch staging = new Batch(batch.type());
                ChainBuilder out = Tries.chain(resident, batch.type(), 60, staging)) {
            long pins = pager.stats().policy().pins();
            extractor.extract(batch, probes.column.column(), out);
            pins = pager.stats().policy().pins() - pins;
            out.finish();
            assertEquals(probes.hits, Tries.read(staging));
            if (probes.wanted.isEmpty()) {
                assertEquals(0, pins, "opened without a probe");
            }
            assertTrue(pins <= batch.chunkCount() + staging.chunkCount(), "opened twice");
        }
    }

    @ParameterizedTest
    @MethodSource("small")
    void everyCutWithEveryPlacementOfProbesExtractsTheHits(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when a key that straddles chunks is cut off, doubled, or found where it is not
        extract(new Case(kind, type, where, keys), 1);
    }

    @ParameterizedTest
    @MethodSource("largeTries")
    void someCutsOfMoreKeysWithEveryPlacementOfProbes(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        extract(new Case(kind, type, where, keys), keys == 4 ? 31 : keys == 5 ? 151 : 499);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("large")
    void everyCutOfMoreKeysWithEveryPlacementOfProbes(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        extract(new Case(kind, type, where, keys), 1);
    }

    // ---- cursors ------------------------------------------------------------------------------

    private static void seek(Case c, int every) {
        SortedMap<Row, Diff> rows = c.rows();
        TreeSet<Datum> keyProbes = new TreeSet<>();
        IntStream.rangeClosed(0, 2 * c.keys).forEach(i -> keyProbes.add(c.key(i)));
        TreeSet<Datum> valProbes = new TreeSet<>();
        IntStream.rangeClosed(0, 6).forEach(i -> valProbes.add(c.val(i)));
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = c.where.pager(memory)) {
            ColumnBuilder keys = Tries.column(memory, c.type.key(), keyProbes);
            ColumnBuilder vals = Tries.column(memory, c.type.val(), valProbes);
            forEachCut(
                    c,
                    every,
                    pager,
                    (p, batch) -> {
                        try (ChunkFamily family = ChunkFamily.of(c.kind, p, c.type, 60);
                                BatchCursor cursor = family.cursor(batch)) {
                            assertEquals(rows, Chains.walk(c.type, cursor));
                            for (int from = 0; from <= 2 * c.keys; from++) {
                                for (int to = from; to <= 2 * c.keys; to++) {
                                    cursor.rewind();
                                    cursor.seekKey(keys.column(), from);
                                    cursor.seekKey(keys.column(), to);
                                    assertKey(cursor, c, rows, to);
                                }
                            }
                            for (int key = 0; key < c.keys; key++) {
                                seekVals(cursor, c, rows, keys.column(), key, vals.column());
                            }
                        }
                    });
            keys.close();
            vals.close();
            pager.close();
            assertEquals(0, memory.stats().leases());
        }
    }

    /** The cursor is at the first key that is not below the probe, with all that it has. */
    private static void assertKey(
            BatchCursor cursor, Case c, SortedMap<Row, Diff> rows, int probe) {
        int key = probe / 2; // the gap below a key, or the key
        assertEquals(key < c.keys, cursor.hasKey());
        if (key < c.keys) {
            Datum datum = c.key(2 * key + 1);
            assertEquals(Tries.restrict(rows, List.of(datum)), restOfKey(cursor, c.type));
        }
    }

    private static void seekVals(
            BatchCursor cursor,
            Case c,
            SortedMap<Row, Diff> rows,
            Column keys,
            int key,
            Column vals) {
        Datum datum = c.key(2 * key + 1);
        SortedMap<Row, Diff> ofKey = Tries.restrict(rows, List.of(datum));
        for (int from = 0; from < vals.count(); from++) {
            for (int to = from; to < vals.count(); to++) {
                cursor.rewind();
                cursor.seekKey(keys, 2 * key + 1);
                cursor.seekVal(vals, from);
                cursor.seekVal(vals, to);
                SortedMap<Row, Diff> rest = ofKey.tailMap(new Row(datum, c.val(to), 0));
                if (c.type.val().kind() == ColumnType.Kind.UNIT) {
                    rest = ofKey;
                }
                assertEquals(!rest.isEmpty(), cursor.hasVal());
                assertEquals(rest, restOfKey(cursor, c.type));
            }
        }
    }

    private static SortedMap<Row, Diff> restOfKey(BatchCursor cursor, TrieType type) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        if (cursor.hasVal()) {
            Datum key = Tries.datum(type.key(), cursor.keys(), cursor.key());
            for (; cursor.hasVal(); cursor.stepVal()) {
                Chains.vals(type, cursor, key, rows);
            }
        }
        return rows;
    }

    @ParameterizedTest
    @MethodSource("small")
    void everySeekInEveryCutEndsWhereItShould(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when what a cursor sees depends on where a chain is cut
        seek(new Case(kind, type, where, keys), 1);
    }

    @ParameterizedTest
    @MethodSource("largeTries")
    void everySeekInSomeCutsOfMoreKeys(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        seek(new Case(kind, type, where, keys), keys == 4 ? 31 : keys == 5 ? 151 : 499);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("large")
    void everySeekInEveryCutOfMoreKeys(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        seek(new Case(kind, type, where, keys), 1);
    }

    // ---- merges and melds ---------------------------------------------------------------------

    /** Every other row; the same with counts that cancel; all of them so. */
    private static List<SortedMap<Row, Diff>> others(Case c) {
        SortedMap<Row, Diff> odd = new TreeMap<>();
        boolean take = false;
        for (var entry : c.rows().entrySet()) {
            take = !take;
            if (take) {
                odd.put(entry.getKey(), entry.getValue());
            }
        }
        return List.of(odd, negated(odd), negated(c.rows()));
    }

    /** An upsert is not taken back; its order is a lesser one then. */
    private static SortedMap<Row, Diff> negated(SortedMap<Row, Diff> rows) {
        SortedMap<Row, Diff> negated = new TreeMap<>(rows);
        negated.replaceAll((row, diff) -> new Diff(-diff.number(), diff.payload()));
        return negated;
    }

    private static void mergeFlat(Case c, int every) {
        SortedMap<Row, Diff> rows = c.rows();
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = c.where.pager(memory);
                ChunkFamily family = ChunkFamily.flat(pager, c.type, 100)) {
            List<SortedMap<Row, Diff>> others = others(c);
            List<List<Map<Row, Diff>>> cuts = c.cuts();
            for (int i = 0; i < cuts.size(); i += every) {
                for (SortedMap<Row, Diff> other : others) {
                    try (Batch batch = Chains.formParts(pager, c.kind, c.type, cuts.get(i));
                            Batch second = Chains.form(pager, c.kind, c.type, other, 50);
                            Batch merged = family.merge(batch, second)) {
                        assertEquals(
                                Tries.union(c.type, List.of(rows, other), 0), Chains.read(merged));
                    }
                }
            }
            family.close();
            pager.close();
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void merge(Case c, int every) {
        if (c.kind == ChunkKind.FLAT) {
            mergeFlat(c, every);
            return;
        }
        SortedMap<Row, Diff> rows = c.rows();
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = c.where.pager(memory)) {
            List<SortedMap<Row, Diff>> others = others(c);
            List<Batch> runs = new ArrayList<>();
            others.forEach(other -> runs.add(Tries.form(pager, c.type, other, 50)));
            List<List<Map<Row, Diff>>> cuts = c.cuts();
            for (int i = 0; i < cuts.size(); i += every) {
                try (Batch batch = Tries.formParts(pager, c.type, cuts.get(i))) {
                    for (int k = 0; k < runs.size(); k++) {
                        try (Batch merged = new Batch(c.type)) {
                            merge(pager, List.of(batch, runs.get(k)), merged);
                            assertEquals(
                                    Tries.union(c.type, List.of(rows, others.get(k)), 0),
                                    Tries.read(merged));
                        }
                    }
                    meld(memory, batch, rows);
                }
            }
            runs.forEach(Batch::close);
            pager.close();
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void merge(Pager pager, List<Batch> runs, Batch merged) {
        try (ChainBuilder out = Tries.chain(pager, merged.type(), 100, merged);
                Merge merge = new Merge(runs, false, 0, out)) {
            merge.run();
        }
        Tries.assertGraded(merged, 100);
    }

    /** The chunks of a chain melded again are the trie: whole, and key by key. */
    private static void meld(NativeMemory memory, Batch batch, SortedMap<Row, Diff> rows) {
        for (boolean byKeys : new boolean[] {false, true}) {
            try (TrieBuilder builder = new TrieBuilder(memory, batch.type())) {
                TrieView view = new TrieView();
                for (long i = 0; i < batch.chunkCount(); i++) {
                    try (ChunkPin pin = batch.open(i, view)) {
                        if (byKeys) {
                            for (long key = 0; key < view.keyCount(); key++) {
                                builder.meldKeys(view, key, key + 1);
                            }
                        } else {
                            builder.meld(view);
                        }
                    }
                }
                SortedMap<Row, Diff> melded = new TreeMap<>();
                try (Lease image = builder.seal()) {
                    view.bind(memory, image.offset());
                    Tries.read(view, melded);
                }
                assertEquals(rows, melded);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("small")
    void everyCutMergesAndMeldsAlike(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when what a merge makes of a chain depends on where it is cut
        merge(new Case(kind, type, where, keys), 1);
    }

    @ParameterizedTest
    @MethodSource("largeTries")
    void someCutsOfMoreKeysMergeAndMeldAlike(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        merge(new Case(kind, type, where, keys), keys == 4 ? 3 : keys == 5 ? 11 : 31);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("large")
    void everyCutOfMoreKeysMergesAndMeldsAlike(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        merge(new Case(kind, type, where, keys), 1);
    }

    private static void mergeEveryPair(Case c) {
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = c.where.pager(memory)) {
            SortedMap<Row, Diff> rows = c.rows();
            SortedMap<Row, Diff> twice = Tries.union(c.type, List.of(rows, rows), 0);
            List<Batch> all = new ArrayList<>();
            c.cuts().forEach(parts -> all.add(Tries.formParts(pager, c.type, parts)));
            for (Batch one : all) {
                for (Batch two : all) {
                    if (one != two) {
                        try (Batch merged = new Batch(c.type)) {
                            merge(pager, List.of(one, two), merged);
                            assertEquals(twice, Tries.read(merged));
                        }
                    }
                }
            }
            assertFalse(all.isEmpty());
            all.forEach(Batch::close);
            pager.close();
            assertEquals(0, memory.stats().leases());
        }
    }

    static Stream<Arguments> pairs() {
        return cases(2, 2).filter(ChunkBoundaryTest::isTrie);
    }

    static Stream<Arguments> morePairs() {
        return cases(3, 3).filter(ChunkBoundaryTest::isTrie);
    }

    /** Merges of flat chains consume them, so that every pair would be formed anew. */
    private static boolean isTrie(Arguments arguments) {
        return arguments.get()[0] == ChunkKind.TRIE;
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void everyCutMergesWithEveryOther(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when equal updates at the ends of two chunks are not folded, or folded twice
        mergeEveryPair(new Case(kind, type, where, keys));
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("morePairs")
    void everyCutOfMoreKeysMergesWithEveryOther(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        mergeEveryPair(new Case(kind, type, where, keys));
    }
}
