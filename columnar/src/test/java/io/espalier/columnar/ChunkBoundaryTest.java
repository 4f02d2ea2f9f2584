package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.fail;

import io.espalier.columnar.Cuts.Where;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every cut of a small trie into at most four chunks, with probes in every place: within a key,
 * within a val, within the times of a val; in memory, mapped, and compressed.
 *
 * <p>{@code target/boundaries.txt} says how many cases that were.
 */
class ChunkBoundaryTest {

    /** Mapping anew for each pin costs most, and does not get harder with more keys. */
    static boolean isUsual(Where where, int keys) {
        return where != Where.MAPPED_ANEW || keys <= 3;
    }

    static Stream<Arguments> all() {
        return Cuts.cases(ChunkBoundaryTest::isUsual);
    }

    /** Six keys compressed take as long as all else that is compressed. */
    static Stream<Arguments> most() {
        return Cuts.cases((where, keys) -> isUsual(where, keys) && !isSlow(where, keys));
    }

    static Stream<Arguments> slow() {
        return Cuts.cases(ChunkBoundaryTest::isSlow);
    }

    private static boolean isSlow(Where where, int keys) {
        return where.isCompressed() && keys == 6;
    }

    static Stream<Arguments> upToFourKeys() {
        return Cuts.cases(
                (where, keys) -> keys <= 4 && isUsual(where, keys) && !where.isCompressed());
    }

    static Stream<Arguments> moreKeys() {
        return Cuts.cases(
                (where, keys) -> keys > 4 && isUsual(where, keys) && !where.isCompressed());
    }

    @AfterAll
    static void report() throws IOException {
        Cuts.report();
    }

    // ---- extraction ---------------------------------------------------------------------------

    /** Extracts from every cut, with probes at positions that are bits: keys are the odd ones. */
    private static final class Extraction implements AutoCloseable {

        private final Cuts c;
        private final ColumnBuilder probes;
        private final long[] diffs;

        /** Per chunk of all cuts, the positions from its first key to its last. */
        private final long[] reaches;

        private final Extractor extractor = new Extractor();
        private final Cuts.Reading reading;
        private final ChainBuilder out;
        private final ChunkFamily family;

        Extraction(Cuts c, ChunkKind kind, long targetBytes) {
            this.c = c;
            this.probes = ColumnBuilder.distinct(c.memory, c.type.key());
            this.diffs = c.trie.diffs();
            this.reading = new Cuts.Reading(c.trie, targetBytes);
            this.out = new ChainBuilder(new TrieBuilder(c.memory, c.type), targetBytes, reading);
            this.family = ChunkFamily.of(kind, c.resident, c.type, targetBytes);
            this.reaches =
                    c.cuts.stream()
                            .flatMap(cut -> Tries.chunks(cut).stream())
                            .mapToLong(Extraction::reach)
                            .toArray();
        }

        private static long reach(Chunk chunk) {
            Column ends = chunk.fence().keys();
            int first = SmallTrie.numberOfKey(ends, 0);
            int last = SmallTrie.numberOfKey(ends, 1);
            return (2L << last) - (1L << first);
        }

        void everyCut(long positions) {
            probes.clear(Long.MAX_VALUE);
            long hits = 0;
            for (int position = 0; position <= 2 * c.keys; position++) {
                if ((positions >> position & 1) != 0) {
                    Tries.append(probes, c.type.key(), c.trie.key(position));
                    hits |= position % 2 == 0 ? 0 : c.trie.bitsOf(position / 2);
                }
            }
            Column column = probes.column();
            long pins = c.pager.stats().policy().pins();
            for (Batch cut : c.cuts) {
                long bits = family.kind() == ChunkKind.TRIE ? trie(cut, column) : flat(cut, column);
                if (bits != hits) {
                    failed(cut, positions, bits, hits);
                }
            }
            pins = c.pager.stats().policy().pins() - pins;
            int touched = 0;
            for (long reach : reaches) {
                touched += (positions & reach) != 0 ? 1 : 0;
            }
            if (c.where != Where.RESIDENT) {
                // each chunk that a probe lies in, once, and no other; what is shared and then has
                // to be joined to its neighbours after all is in memory
                assertEquals(touched, pins);
            }
        }

        private long trie(Batch cut, Column column) {
            reading.begin(diffs);
            extractor.extract(cut, column, out);
            out.sendRest();
            return reading.bits;
        }

        private long flat(Batch cut, Column column) {
            try (Batch staged = family.extractKeys(cut, column)) {
                Tries.assertGraded(staged, reading.targetBytes);
                return c.trie.read(staged, diffs);
            }
        }

        private static void failed(Batch cut, long positions, long found, long expected) {
            fail(
                    "positions "
                            + Long.toBinaryString(positions)
                            + " of "
                            + Tries.chunks(cut)
                            + " gave updates "
                            + Long.toBinaryString(found)
                            + ", expected "
                            + Long.toBinaryString(expected));
        }

        @Override
        public void close() {
            out.close();
            family.close();
            probes.close();
        }
    }

    @ParameterizedTest
    @MethodSource("most")
    void everyCutWithEverySetOfHitsExtractsTheHits(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when a key that straddles chunks is cut off, doubled, or found where it is not
        extractEverySetOfHits(kind, type, where, keys);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("slow")
    void everyCutOfSixKeysIsReadAlikeWhenItIsCompressed(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before and everySeekInEveryCutEndsWhereItShould do
        extractEverySetOfHits(kind, type, where, keys);
        seekEverywhere(kind, type, where, keys);
    }

    private static void extractEverySetOfHits(
            ChunkKind kind, TrieType type, Where where, int keys) {
        try (Cuts c = new Cuts(kind, type, where, keys);
                Extraction extraction = new Extraction(c, kind, c.targetBytes)) {
            long everyGap = 0x5555 & ((2L << (2 * keys)) - 1);
            for (long hits = 0; hits < 1 << keys; hits++) {
                long keyPositions = Long.expand(hits, 0xaaaa);
                long someGaps = Long.expand(~hits, everyGap);
                for (long gaps : new long[] {0, everyGap, someGaps}) {
                    extraction.everyCut(keyPositions | gaps);
                }
            }
            Cuts.count(
                    "cut, hits and three sets of gaps, " + where,
                    3L * c.cuts.size() * (1L << keys));
        }
    }

    @ParameterizedTest
    @MethodSource("upToFourKeys")
    void everyCutWithEveryPlacementOfProbesExtractsTheHits(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before, and when it matters in which gaps misses are
        extractEveryPlacement(kind, type, where, keys);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("moreKeys")
    void everyCutOfMoreKeysWithEveryPlacementOfProbesExtractsTheHits(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        extractEveryPlacement(kind, type, where, keys);
    }

    /**
     * Not of what is compressed: nothing looks at that before it is a chunk in memory, as the tests
     * with every set of hits show, so that it can make no difference in which gaps the misses are.
     */
    private static void extractEveryPlacement(
            ChunkKind kind, TrieType type, Where where, int keys) {
        try (Cuts c = new Cuts(kind, type, where, keys);
                Extraction extraction = new Extraction(c, kind, Cuts.ONE_CHUNK)) {
            long placements = 2L << (2 * keys);
            for (long positions = 0; positions < placements; positions++) {
                extraction.everyCut(positions);
            }
            Cuts.count("cut and placement of probes, " + where, placements * c.cuts.size());
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void everyCutIsFetchedWhole(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when the end of a chunk is lost, or what is shared comes twice
        try (Cuts c = new Cuts(kind, type, where, keys);
                ChunkFamily fine = ChunkFamily.of(kind, c.resident, type, c.targetBytes);
                ChunkFamily coarse = ChunkFamily.of(kind, c.resident, type, Cuts.ONE_CHUNK)) {
            long[] diffs = c.trie.diffs();
            for (Batch cut : c.cuts) {
                for (ChunkFamily family : List.of(fine, coarse)) {
                    try (Batch fetched = family.fetchAll(cut)) {
                        assertEquals(c.trie.allBits(), c.trie.read(fetched, diffs));
                    }
                }
            }
            Cuts.count("cut, fetched", 2L * c.cuts.size());
        }
    }

    // ---- cursors ------------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("most")
    void everySeekInEveryCutEndsWhereItShould(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when what a cursor sees depends on where a chain is cut
        seekEverywhere(kind, type, where, keys);
    }

    private static void seekEverywhere(ChunkKind kind, TrieType type, Where where, int keys) {
        try (Cuts c = new Cuts(kind, type, where, keys);
                ChunkFamily family = ChunkFamily.of(kind, c.resident, type, Cuts.ONE_CHUNK);
                ColumnBuilder keyProbes = ColumnBuilder.distinct(c.memory, type.key());
                ColumnBuilder valProbes = ColumnBuilder.distinct(c.memory, type.val())) {
            IntStream.rangeClosed(0, 2 * keys)
                    .forEach(i -> Tries.append(keyProbes, type.key(), c.trie.key(i)));
            boolean unit = type.val().kind() == ColumnType.Kind.UNIT;
            IntStream.rangeClosed(0, unit ? 0 : SmallTrie.VAL_NUMBER_MAX)
                    .forEach(i -> Tries.append(valProbes, type.val(), c.trie.val(i)));
            Column keyColumn = keyProbes.column();
            Column valColumn = valProbes.column();
            long cases = 0;
            for (Batch cut : c.cuts) {
                try (BatchCursor cursor = family.cursor(cut)) {
                    walk(cursor, c);
                    cases += seekKeys(cursor, c, keyColumn);
                    cases += seekVals(cursor, c, keyColumn, valColumn);
                }
            }
            Cuts.count("cut and two seeks, " + where, cases);
        }
    }

    /** Key by key: all read, all stepped over, or one read. */
    private static void walk(BatchCursor cursor, Cuts c) {
        walk(cursor, c, -1);
        walk(cursor, c, 0);
        for (int key = 0; key < c.keys; key++) {
            walk(cursor, c, 1 << key);
        }
    }

    private static void walk(BatchCursor cursor, Cuts c, int read) {
        cursor.rewind();
        for (int key = 0; key < c.keys; key++) {
            if ((read >> key & 1) != 0) {
                assertKey(cursor, c, 2 * key + 1);
            }
            cursor.stepKey();
        }
        assertFalse(cursor.hasKey());
    }

    /** The cursor is at the first key that is not below the probe, with all that it has. */
    private static void assertKey(BatchCursor cursor, Cuts c, int probe) {
        int key = probe / 2; // the gap below a key, or the key
        assertEquals(key < c.keys, cursor.hasKey());
        if (key < c.keys) {
            assertEquals(2 * key + 1, SmallTrie.key(cursor));
            assertEquals(c.trie.bitsOf(key), c.trie.restOfKey(cursor));
        }
    }

    private static long seekKeys(BatchCursor cursor, Cuts c, Column probes) {
        long cases = 0;
        for (int from = 0; from <= 2 * c.keys; from++) {
            for (int to = from; to <= 2 * c.keys; to++) {
                cursor.rewind();
                cursor.seekKey(probes, from);
                cursor.seekKey(probes, to);
                assertKey(cursor, c, to);
                cases++;
            }
        }
        return cases;
    }

    private static long seekVals(BatchCursor cursor, Cuts c, Column keys, Column vals) {
        long cases = 0;
        for (int key = 0; key < c.keys; key++) {
            cursor.rewind();
            cursor.seekKey(keys, 2 * key + 1);
            for (int from = 0; from < vals.count(); from++) {
                for (int to = from; to < vals.count(); to++) {
                    cursor.rewindVals();
                    cursor.seekVal(vals, from);
                    cursor.seekVal(vals, to);
                    long rest = c.trie.bitsFrom(key, to);
                    assertEquals(rest != 0, cursor.hasVal());
                    assertEquals(rest, c.trie.restOfKey(cursor));
                    cases++;
                }
            }
        }
        return cases;
    }
}
