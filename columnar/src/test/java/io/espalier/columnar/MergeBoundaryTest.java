package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.espalier.columnar.Cuts.Where;
import io.espalier.memory.Lease;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every cut of a small trie into at most four chunks, merged and melded; see {@link Cuts}. */
class MergeBoundaryTest {

    static Stream<Arguments> all() {
        return Cuts.cases(ChunkBoundaryTest::isUsual);
    }

    /** Melds are of tries. */
    static Stream<Arguments> tries() {
        return all().filter(arguments -> arguments.get()[0] == ChunkKind.TRIE);
    }

    static Stream<Arguments> pairs() {
        return Cuts.cases((where, keys) -> keys <= 3);
    }

    static Stream<Arguments> morePairs() {
        return Cuts.cases((where, keys) -> keys == 4 || (keys == 5 && !where.isCompressed()));
    }

    @AfterAll
    static void report() throws IOException {
        Cuts.report();
    }

    /** What is merged with a cut, and which updates are left then, with which diffs. */
    private record Other(Batch chain, long left, long[] merged) {

        static Other of(SmallTrie trie, DiffType diff, long bits, int sign) {
            long[] own = trie.diffs();
            long[] others = trie.diffs();
            long[] merged = trie.diffs();
            long left = 0;
            for (int i = 0; i < own.length; i++) {
                others[i] *= sign;
                if ((bits >> i & 1) != 0) {
                    // an upsert is not taken back; the greater order stays, unsigned
                    merged[i] = diff == DiffType.COUNT ? own[i] + others[i] : others[i];
                }
                left |= merged[i] == 0 ? 0 : 1L << i;
            }
            return new Other(trie.form(bits, others, 50), left, merged);
        }
    }

    /** Merges, in the ways that there are, with results in memory. */
    private static final class Merging implements AutoCloseable {

        private final Cuts c;
        private final Cuts.Reading reading;
        private final ChainBuilder out;
        private final ChunkFamily family;

        Merging(Cuts c, ChunkKind kind) {
            this.c = c;
            this.reading = new Cuts.Reading(c.trie, c.targetBytes);
            this.out = new ChainBuilder(new TrieBuilder(c.memory, c.type), c.targetBytes, reading);
            this.family = ChunkFamily.of(kind, c.resident, c.type, c.targetBytes);
        }

        void merge(Batch one, Batch two, long left, long[] merged) {
            if (family.kind() == ChunkKind.TRIE) {
                run(one, two, false, left, merged);
                run(one, two, true, left, merged);
            } else {
                consume(one, two, left, merged);
            }
        }

        private void run(Batch one, Batch two, boolean eager, long left, long[] merged) {
            reading.begin(merged);
            try (Merge merge = new Merge(List.of(one, two), false, 0, out, eager)) {
                merge.run();
            }
            expect(one, two, left, reading.bits);
        }

        void consume(Batch one, Batch two, long left, long[] merged) {
            try (Batch first = c.trie.share(one);
                    Batch second = c.trie.share(two);
                    Batch result = family.merge(first, second)) {
                Tries.assertGraded(result, c.targetBytes);
                expect(one, two, left, c.trie.read(result, merged));
            }
        }

        private static void expect(Batch one, Batch two, long left, long found) {
            if (found != left) {
                fail(
                        Tries.chunks(one)
                                + " and "
                                + Tries.chunks(two)
                                + " became updates "
                                + Long.toBinaryString(found)
                                + ", expected "
                                + Long.toBinaryString(left));
            }
        }

        @Override
        public void close() {
            out.close();
            family.close();
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void everyCutMergesAlike(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when what a merge makes of a chain depends on where it is cut
        try (Cuts c = new Cuts(kind, type, where, keys);
                Merging merging = new Merging(c, kind)) {
            long whole = c.trie.allBits();
            long everyOther = whole & 0x5555_5555_5555_5555L;
            List<Other> others =
                    List.of(
                            Other.of(c.trie, type.diff(), everyOther, 1),
                            Other.of(c.trie, type.diff(), everyOther, -1),
                            Other.of(c.trie, type.diff(), whole, -1));
            for (Batch cut : c.cuts) {
                for (Other other : others) {
                    merging.merge(cut, other.chain, other.left, other.merged);
                    merging.merge(other.chain, cut, other.left, other.merged);
                    merging.consume(cut, other.chain, other.left, other.merged);
                }
            }
            Cuts.count("cut and merge with others, " + where, 2L * others.size() * c.cuts.size());
            others.forEach(other -> other.chain.close());
        }
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void everyCutMergesWithEveryOther(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when equal updates at the ends of two chunks are not folded, or folded twice
        mergeEveryPair(kind, type, where, keys);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("morePairs")
    void everyCutOfMoreKeysMergesWithEveryOther(
            ChunkKind kind, TrieType type, Where where, int keys) {
        // fails as the one before
        mergeEveryPair(kind, type, where, keys);
    }

    private static void mergeEveryPair(ChunkKind kind, TrieType type, Where where, int keys) {
        try (Cuts c = new Cuts(kind, type, where, keys);
                Merging merging = new Merging(c, kind)) {
            long[] twice = c.trie.diffs();
            if (type.diff() == DiffType.COUNT) {
                Arrays.setAll(twice, i -> 2 * twice[i]);
            }
            for (Batch one : c.cuts) {
                for (Batch two : c.cuts) {
                    merging.merge(one, two, c.trie.allBits(), twice);
                }
            }
            Cuts.count("pair of cuts, merged, " + where, (long) c.cuts.size() * c.cuts.size());
        }
    }

    /** The chunks of a chain melded again are the trie: whole, and key by key. */
    @ParameterizedTest
    @MethodSource("tries")
    void everyCutMeldsToTheTrie(ChunkKind kind, TrieType type, Where where, int keys) {
        // fails when a seam loses a bound, or a member of an open group
        TrieView view = new TrieView();
        try (Cuts c = new Cuts(kind, type, where, keys);
                TrieBuilder builder = new TrieBuilder(c.memory, type)) {
            long[] diffs = c.trie.diffs();
            for (Batch cut : c.cuts) {
                for (boolean byKeys : new boolean[] {false, true}) {
                    meld(cut, byKeys, builder, view);
                    try (Lease image = builder.seal()) {
                        view.bind(c.memory, image.offset());
                        assertEquals(c.trie.allBits(), c.trie.read(view, diffs, 0));
                    }
                }
            }
            Cuts.count("cut, melded, " + where, 2L * c.cuts.size());
        }
    }

    private static void meld(Batch cut, boolean byKeys, TrieBuilder builder, TrieView view) {
        for (long i = 0; i < cut.chunkCount(); i++) {
            try (ChunkPin pin = cut.open(i, view)) {
                if (byKeys) {
                    for (long key = 0; key < view.keyCount(); key++) {
                        builder.meldKeys(view, key, key + 1);
                    }
                } else {
                    builder.meld(view);
                }
            }
        }
    }
}
