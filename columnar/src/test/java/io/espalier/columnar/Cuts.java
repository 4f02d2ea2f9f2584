package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Codec;
import io.espalier.pager.Pager;
import io.espalier.pager.SpillStats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiPredicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/** A small trie in one place, in every cut. */
final class Cuts implements AutoCloseable {

    static final long ONE_CHUNK = 1 << 30;

    /** More than a page of the spill file, for what fits one is not compressed. */
    private static final int WIDE_BYTES = 4200;

    private static final int KEYS_MAX = 6;

    private static final Map<String, Long> CASES = new TreeMap<>();

    /** Where the chunks are when they are read. */
    enum Where {
        RESIDENT,
        MAPPED,

        /** Each pin maps its page, and unmaps it. */
        MAPPED_ANEW,
        LZ4,
        ZSTD;

        boolean isCompressed() {
            return this == LZ4 || this == ZSTD;
        }

        Pager pager(NativeMemory memory) {
            return switch (this) {
                case RESIDENT -> TestPagers.open(memory);
                case MAPPED -> TestPagers.openWithoutBudget(memory);
                case MAPPED_ANEW -> TestPagers.openWithoutBudget(memory, Codec.NONE);
                case LZ4 -> TestPagers.openWithoutBudget(memory, Codec.LZ4);
                case ZSTD -> TestPagers.openWithoutBudget(memory, Codec.ZSTD);
            };
        }
    }

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);

    /** What has bytes can be wide enough to be compressed. */
    private static final List<TrieType> TYPES =
            List.of(LONGS, TrieType.BYTES_UPSERTS, TrieType.BYTES_TO_BYTES);

    /** What a chain of tries is sent to: read at once, by whether it should share what it can. */
    static final class Reading implements ImageSink {

        private final SmallTrie trie;
        final long targetBytes;
        private long[] expected = {};
        long bits;
        private long lastBytes;

        Reading(SmallTrie trie, long targetBytes) {
            this.trie = trie;
            this.targetBytes = targetBytes;
        }

        void begin(long[] diffs) {
            expected = diffs;
            bits = 0;
            lastBytes = Long.MAX_VALUE / 2;
        }

        @Override
        public void accept(Lease image, TrieView view) {
            try {
                bits |= trie.read(view, expected, bits);
                graded(view.flatBytes(), view.flatBytesOfLast());
            } finally {
                image.close();
            }
        }

        @Override
        public boolean offer(Chunk chunk) {
            bits |= trie.read(chunk, expected, bits);
            graded(chunk.flatBytes(), chunk.flatBytes());
            return true;
        }

        private void graded(long bytes, long lastUpdateBytes) {
            if (lastBytes + bytes <= targetBytes || bytes - lastUpdateBytes >= targetBytes) {
                fail("chunks of " + lastBytes + " and " + bytes + " bytes for " + targetBytes);
            }
            lastBytes = bytes;
        }
    }

    final TrieType type;
    final Where where;
    final int keys;
    final NativeMemory memory;
    final Pager pager;

    /** For results: of its own, so that they do not count as what was read. */
    final Pager resident;

    final SmallTrie trie;
    final List<Batch> cuts;

    /** Two or three updates: what is staged is cut as well. */
    final long targetBytes;

    Cuts(ChunkKind kind, TrieType type, Where where, int keys) {
        this.type = type;
        this.where = where;
        this.keys = keys;
        // without debug mode, for there are millions of cases
        this.memory = NativeMemory.open();
        this.pager = where.pager(memory);
        this.resident = TestPagers.open(memory);
        int wideBytes = where.isCompressed() ? WIDE_BYTES : 0;
        this.targetBytes = 60 + 2L * wideBytes;
        this.trie = new SmallTrie(pager, kind, type, keys, wideBytes);
        this.cuts = trie.cuts();
        check();
    }

    private void check() {
        // into one chunk, two, three and four
        long n = trie.updateCount() - 1L;
        long expected = 1 + n + n * (n - 1) / 2 + n * (n - 1) * (n - 2) / 6;
        assertEquals(expected, cuts.size());
        SpillStats.Images images = pager.stats().images();
        cuts.forEach(cut ->
                Tries.chunks(cut)
                        .forEach(chunk ->
                                assertEquals(where == Where.RESIDENT, chunk.isResident())));
        if (where != Where.RESIDENT) {
            boolean smaller = images.pagedStoredBytes() < images.pagedRawBytes();
            assertEquals(where.isCompressed(), smaller, images::toString);
        }
    }

    @Override
    public void close() {
        cuts.forEach(Batch::close);
        trie.close();
        for (Pager each : List.of(pager, resident)) {
            assertEquals(0, each.stats().images().pinsOpen());
            assertEquals(0, each.stats().images().count());
            each.close();
        }
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    /** Counts what was tried. */
    static void count(String what, long cases) {
        CASES.merge(what, cases, Long::sum);
    }

    /** Writes down what was {@link #count counted}, by all classes of tests so far. */
    static void report() throws IOException {
        StringBuilder text = new StringBuilder();
        CASES.forEach((what, cases) -> text.append(String.format("%,15d  %s%n", cases, what)));
        Path report = Path.of("target", "boundaries.txt");
        Files.createDirectories(report.toAbsolutePath().getParent());
        Files.writeString(report, text);
    }

    /** Small tries of each kind, in places and of sizes that are wanted. */
    static Stream<Arguments> cases(BiPredicate<Where, Integer> wanted) {
        return IntStream.rangeClosed(1, KEYS_MAX)
                .boxed()
                .flatMap(keys ->
                        Stream.of(Where.values())
                                .filter(where -> wanted.test(where, keys))
                                .flatMap(where -> cases(keys, where)));
    }

    private static Stream<Arguments> cases(int keys, Where where) {
        return TYPES.stream()
                .filter(type -> !type.equals(LONGS) || !where.isCompressed())
                .flatMap(type ->
                        Stream.of(ChunkKind.values())
                                .map(kind -> Arguments.of(kind, type, where, keys)));
    }
}
