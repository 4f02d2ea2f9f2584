package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Codec;
import io.espalier.pager.CodecPolicy;
import io.espalier.pager.DamagedPageException;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.testing.Seed;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Fetch and extraction, wherever the bodies are, over chunks of many keys. */
class BulkReadTest {

    private static final long CHUNK_BYTES = 9 << 10;
    private static final int KEYS = 500;

    enum Where {
        RESIDENT,
        NONE,
        LZ4,
        ZSTD
    }

    static Pager pager(NativeMemory memory, Where where) {
        Codec codec = where == Where.RESIDENT ? Codec.NONE : Codec.valueOf(where.name());
        return Pager.open(
                memory,
                new MemoryBudget(where == Where.RESIDENT ? 1 << 30 : 0),
                PagerOptions.in(Path.of(System.getProperty("java.io.tmpdir")))
                        .withCodecPolicy(CodecPolicy.always(codec))
                        .withWindows(0, 0)
                        .withWriters(0, 1));
    }

    /** Keys whose first words are often equal, or start with what all have in common. */
    private static Datum key(ColumnType type, int number, boolean oneSize) {
        return switch (type.kind()) {
            case UNIT -> Tries.datum();
            case LONG -> Tries.datum((number - KEYS / 2L) * (1L << 50) + (number & 7));
            case TUPLE -> {
                long[] words = new long[type.words()];
                words[0] = number / 5;
                words[words.length - 1] = number % 5 - 2L;
                yield Tries.datum(words);
            }
            case BYTES ->
                    oneSize
                            ? Tries.datum(String.format("common-%09d", number))
                            : Tries.datum(
                                    "commonly-"
                                            + String.format("%04d", number / 6)
                                            + "\0".repeat(number % 6 / 2)
                                            + (number % 2 == 0 ? "" : "x"));
        };
    }

    static SortedMap<Row, Diff> rows(TrieType type, Random random, boolean oneSize) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        boolean single = random.nextBoolean();
        for (int i = 0; i < KEYS; i++) {
            if (random.nextInt(4) == 0) {
                continue;
            }
            int vals = single || type.val().kind() == ColumnType.Kind.UNIT ? 1 : random.nextInt(3);
            for (int val = 0; val <= vals; val++) {
                int times = single ? 1 : 1 + random.nextInt(2);
                for (int time = 0; time < times; time++) {
                    Datum payload =
                            Tries.datum(type.diff() == DiffType.COUNT ? "" : "p".repeat(i % 4));
                    rows.put(
                            new Row(
                                    key(type.key(), i, oneSize),
                                    Tries.datum(type.val(), val, oneSize),
                                    time),
                            new Diff(1 + i % 2, payload));
                }
                if (single) {
                    break;
                }
            }
        }
        return rows;
    }

    /** One in {@code step} keys, whether it is there or not; or runs of them with wide gaps. */
    static Set<Datum> probes(
            ColumnType type, Random random, int step, boolean clustered, boolean oneSize) {
        TreeSet<Datum> probes = new TreeSet<>();
        for (int i = 0; i < KEYS; i++) {
            boolean in = clustered ? i / 40 % step == 0 : random.nextInt(step) == 0;
            if (in) {
                probes.add(key(type, i, oneSize));
            }
        }
        return probes;
    }

    @ParameterizedTest
    @EnumSource(Where.class)
    void probesOfEveryDensityFindWhatAFilterFinds(Where where) {
        // fails when a search misses a hit, takes a neighbour whose first word is the same, or
        // leaves a pin, a mapping or a lease behind
        Random random = new Random(Seed.value() + 31);
        try (NativeMemory memory = Tries.memory()) {
            for (TrieType type : Tries.TYPES) {
                for (boolean oneSize : new boolean[] {true, false}) {
                    SortedMap<Row, Diff> rows = rows(type, random, oneSize);
                    try (Pager pager = pager(memory, where);
                            Pager results = pager(memory, Where.RESIDENT);
                            Batch batch = Tries.form(pager, type, rows, CHUNK_BYTES)) {
                        assertTrue(batch.chunkCount() > 1);
                        for (int step : new int[] {1, 2, 4, 10, 100}) {
                            for (boolean clustered : new boolean[] {false, true}) {
                                extract(
                                        results,
                                        batch,
                                        rows,
                                        probes(type.key(), random, step, clustered, oneSize));
                            }
                        }
                        assertNothingLeft(pager, where);
                    }
                }
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void extract(
            Pager results, Batch batch, SortedMap<Row, Diff> rows, Set<Datum> wanted) {
        TrieType type = batch.type();
        for (long target : new long[] {CHUNK_BYTES, 1000}) {
            try (ColumnBuilder probes = Tries.column(results.memory(), type.key(), wanted);
                    Batch staging = new Batch(type);
                    ChainBuilder out = Tries.chain(results, type, target, staging)) {
                new Extractor().extract(batch, probes.column(), out);
                out.finish();
                assertEquals(Tries.restrict(rows, wanted), Tries.read(staging));
                Tries.assertGraded(staging, target);
            }
        }
    }

    static void assertNothingLeft(Pager pager, Where where) {
        assertEquals(0, pager.stats().images().pinsOpen());
        if (where != Where.RESIDENT) {
            assertEquals(0, pager.stats().images().residentBytes());
            assertEquals(0, pager.stats().mapped().pageBytes());
        }
    }

    @ParameterizedTest
    @EnumSource(Where.class)
    void fetchingCopiesEverythingAndHandsWholeChunksOver(Where where) {
        // fails when a chunk is lost, doubled or cut where it need not be, or is graded wrongly in
        // a chain of another target
        Random random = new Random(Seed.value() + 32);
        try (NativeMemory memory = Tries.memory()) {
            for (TrieType type : Tries.TYPES) {
                SortedMap<Row, Diff> rows = rows(type, random, true);
                try (Pager pager = pager(memory, where);
                        Pager results = pager(memory, Where.RESIDENT);
                        Batch batch = Tries.form(pager, type, rows, CHUNK_BYTES)) {
                    for (long target : new long[] {100, CHUNK_BYTES, 3 * CHUNK_BYTES}) {
                        try (Batch staging = new Batch(type);
                                ChainBuilder out = Tries.chain(results, type, target, staging)) {
                            // what is there already keeps its place in front of what is fetched
                            new Extractor().fetch(batch, out);
                            out.finish();
                            assertEquals(rows, Tries.read(staging));
                            Tries.assertGraded(staging, target);
                            if (target == CHUNK_BYTES) {
                                assertEquals(batch.chunkCount(), staging.chunkCount());
                            }
                        }
                    }
                    assertNothingLeft(pager, where);
                }
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    @Test
    void keysBesideEachOtherAreFoundWhereverTheListOfASearchIsFull() {
        // fails when the next search of many begins behind the key that follows the last hit
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        int pairs = 2500; // more probes than one search takes
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (long key = 0; key <= 10 * pairs + 1; key++) {
            rows.put(new Row(Tries.datum(key), Tries.datum(), 0), new Diff(1, Tries.datum("")));
        }
        try (NativeMemory memory = Tries.memory();
                Pager pager = pager(memory, Where.RESIDENT);
                Batch batch = Tries.form(pager, type, rows, 1 << 30);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.LONG)) {
            for (int first = 0; first < 2; first++) {
                // one alone or none, so that a pair is torn by a list of an even or an odd size
                probes.clear(0);
                for (long i = 0; i < first; i++) {
                    probes.append(5);
                }
                for (long i = 1; i <= pairs; i++) {
                    probes.append(10 * i);
                    probes.append(10 * i + 1);
                }
                try (Batch found = new Batch(type);
                        ChainBuilder out = Tries.chain(pager, type, 1 << 30, found)) {
                    new Extractor().extract(batch, probes.column(), out);
                    out.finish();
                    assertEquals(first + 2L * pairs, found.updateCount());
                }
            }
        }
    }

    @Test
    void aRunOfSmallChunksIsJoinedWhileItIsFetched() {
        // fails when a chunk below the target is handed over beside another that is small
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        Random random = new Random(Seed.value() + 33);
        try (NativeMemory memory = Tries.memory();
                Pager pager = pager(memory, Where.NONE);
                Pager results = pager(memory, Where.RESIDENT)) {
            List<java.util.Map.Entry<Row, Diff>> rows =
                    List.copyOf(rows(type, random, true).entrySet());
            for (int round = 0; round < 20; round++) {
                List<java.util.Map<Row, Diff>> parts = new ArrayList<>();
                for (int from = 0; from < rows.size(); ) {
                    int to = Math.min(rows.size(), from + 1 + random.nextInt(200));
                    java.util.Map<Row, Diff> part = new TreeMap<>();
                    rows.subList(from, to).forEach(e -> part.put(e.getKey(), e.getValue()));
                    parts.add(part);
                    from = to;
                }
                try (Batch batch = Tries.formParts(pager, type, parts);
                        Batch staging = new Batch(type);
                        ChainBuilder out = Tries.chain(results, type, 3000, staging)) {
                    new Extractor().fetch(batch, out);
                    out.finish();
                    assertEquals(rows.size(), Tries.read(staging).size());
                    Tries.assertGraded(staging, 3000);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Where.class,
            names = {"NONE", "LZ4", "ZSTD"})
    void aFlippedByteOfAPageIsFoundByEveryWayToRead(Where where, @TempDir Path folder)
            throws IOException {
        // fails when bytes that were not written reach a result, or an error leaves a lease behind
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")));
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        Random random = new Random(Seed.value() + 34);
        SortedMap<Row, Diff> rows = rows(type, random, true);
        try (NativeMemory memory = Tries.memory()) {
            PagerOptions options =
                    PagerOptions.in(folder)
                            .withCodecPolicy(CodecPolicy.always(Codec.valueOf(where.name())))
                            .withWriters(0, 1);
            try (Pager pager = Pager.open(memory, new MemoryBudget(0), options);
                    Pager results = pager(memory, Where.RESIDENT);
                    Batch batch = Tries.form(pager, type, rows, 64 << 10);
                    ColumnBuilder all =
                            Tries.column(memory, type.key(), Tries.keys(rows.keySet()));
                    ColumnBuilder few = ColumnBuilder.distinct(memory, type.key());
                    FileChannel file =
                            FileChannel.open(
                                    spillFile(folder),
                                    StandardOpenOption.READ,
                                    StandardOpenOption.WRITE)) {
                assertEquals(1, batch.chunkCount());
                few.append(all.column(), 10);
                long stored = pager.stats().images().pagedStoredBytes();
                for (int i = 0; i < 60; i++) {
                    long at = i == 0 ? 0 : i == 1 ? stored - 1 : random.nextLong(stored);
                    flip(file, at);
                    for (int way = 0; way < 3; way++) {
                        Column probes = way == 0 ? null : (way == 1 ? few : all).column();
                        DamagedPageException e =
                                assertThrows(
                                        DamagedPageException.class,
                                        () -> read(results, batch, probes));
                        assertTrue(String.valueOf(e.getMessage()).contains("page at offset"));
                        assertTrue(String.valueOf(e.getMessage()).contains("the page is lost"));
                    }
                    flip(file, at);
                    assertNothingLeft(pager, where);
                }
                assertEquals(rows.size(), read(results, batch, null));
                assertFalse(rows.isEmpty());
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static long read(
            Pager results, Batch batch, @org.jspecify.annotations.Nullable Column probes) {
        try (Batch staging = new Batch(batch.type());
                ChainBuilder out = Tries.chain(results, batch.type(), 64 << 10, staging)) {
            if (probes == null) {
                new Extractor().fetch(batch, out);
            } else {
                new Extractor().extract(batch, probes, out);
            }
            out.finish();
            return staging.updateCount();
        }
    }

    /** The file has no name any more, but the system knows it by its descriptor. */
    private static Path spillFile(Path folder) throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.filter(
                            fd -> {
                                try {
                                    return Files.readSymbolicLink(fd)
                                            .toString()
                                            .startsWith(folder + "/espalier-spill");
                                } catch (IOException e) {
                                    return false;
                                }
                            })
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static void flip(FileChannel file, long at) throws IOException {
        ByteBuffer one = ByteBuffer.allocate(1);
        assertEquals(1, file.read(one, at));
        one.put(0, (byte) (one.get(0) ^ 0x10)).flip();
        assertEquals(1, file.write(one, at));
    }

    @Test
    void probesThatDoNotAscendAreRefusedByIndex() {
        // fails when bad probes are searched, or the message does not say which and what to do
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        try (NativeMemory memory = Tries.memory();
                Pager pager = pager(memory, Where.RESIDENT);
                Batch batch =
                        Tries.form(pager, type, rows(type, new Random(1), true), CHUNK_BYTES);
                Batch staging = new Batch(type);
                ChainBuilder out = Tries.chain(pager, type, CHUNK_BYTES, staging);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.LONG)) {
            probes.append(1);
            probes.append(5);
            probes.append(5);
            assertRefused(
                    batch, probes, out, "probe 2 of 3 is 5 after 5; probes ascend: sort them");
            probes.clear(0);
            probes.append(1);
            probes.append(0);
            assertRefused(batch, probes, out, "probe 1 of 2 is 0 after 1; probes ascend");
            out.finish();
            assertEquals(0, staging.chunkCount());
        }
    }

    private static void assertRefused(
            Batch batch, ColumnBuilder probes, ChainBuilder out, String expected) {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> new Extractor().extract(batch, probes.column(), out));
        assertTrue(String.valueOf(e.getMessage()).contains(expected), e::getMessage);
    }
}
