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
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every cut of a small chain into at most four chunks: with probes in every place, and every way to
 * part its times; for each family and both kinds of times.
 */
class FamilyBoundaryTest {

    private static final int CHUNKS_MAX = 4;

    static Stream<Arguments> cases() {
        return Stream.of(ChunkKind.values())
                .flatMap(kind ->
                        Stream.of(TimeType.values())
                                .flatMap(time ->
                                        IntStream.rangeClosed(1, 6)
                                                .mapToObj(keys -> Arguments.of(kind, time, keys))));
    }

    private static TrieType type(TimeType time) {
        return new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT, time);
    }

    /** Keys at odd numbers; some have two vals, some two times, so that both groups are cut. */
    private static SortedMap<Row, Diff> rows(TimeType type, int keys) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (int key = 0; key < keys; key++) {
            for (int val = 0; val < (key % 3 == 1 ? 2 : 1); val++) {
                for (int time = 0; time < (key % 3 == 2 ? 2 : 1); time++) {
                    long second = type == TimeType.EPOCH ? 0 : (key + val) % 2 + 1 - time;
                    rows.put(
                            new Row(key(2 * key + 1), Tries.datum((long) val), time, second),
                            new Diff(time == 0 ? 1 : -1, Tries.datum("")));
                }
            }
        }
        return rows;
    }

    private static Datum key(int number) {
        return Tries.datum(number - 5L);
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
    @MethodSource("cases")
    void everyCutWithEveryPlacementOfProbesExtractsTheHits(
            ChunkKind kind, TimeType time, int keys) {
        // fails when a key that straddles chunks is cut off, doubled, or found where it is not
        SortedMap<Row, Diff> rows = rows(time, keys);
        try (NativeMemory memory = NativeMemory.open()) {
            List<Wanted> placements = placements(memory, keys);
            try (Pager pager = Tries.pager(memory, 1 << 30);
                    ChunkFamily family = ChunkFamily.of(kind, pager, type(time), 100)) {
                List<List<Map<Row, Diff>>> all = new ArrayList<>();
                cuts(List.copyOf(rows.entrySet()), 0, CHUNKS_MAX, List.of(), all);
                for (List<Map<Row, Diff>> parts : all) {
                    try (Batch batch = Chains.formParts(pager, kind, type(time), parts)) {
                        assertEquals(parts.size(), batch.chunkCount());
                        assertEquals(rows, walk(family, batch));
                        for (Wanted wanted : placements) {
                            try (Batch hits = family.extractKeys(batch, wanted.probes.column())) {
                                assertEquals(Tries.restrict(rows, wanted.keys), read(hits));
                            }
                        }
                    }
                }
                assertEquals(0, pager.stats().images().pinsOpen());
            }
            placements.forEach(wanted -> wanted.probes.close());
            assertEquals(0, memory.stats().leases());
        }
    }

    private record Wanted(TreeSet<Datum> keys, ColumnBuilder probes) {}

    /** Up to four keys every placement; for more each set of hits, with some sets of misses. */
    private static List<Wanted> placements(NativeMemory memory, int keys) {
        List<Wanted> all = new ArrayList<>();
        int gapSets = 1 << (keys + 1);
        for (int hits = 0; hits < 1 << keys; hits++) {
            for (int gaps = 0; gaps < gapSets; gaps++) {
                if (keys > 4 && gaps != 0 && gaps != gapSets - 1 && gaps != (0x55 ^ hits)) {
                    continue;
                }
                TreeSet<Datum> wanted = new TreeSet<>();
                for (int i = 0; i <= keys; i++) {
                    if ((gaps >> i & 1) != 0) {
                        wanted.add(key(2 * i));
                    }
                    if ((hits >> i & 1) != 0) {
                        wanted.add(key(2 * i + 1));
                    }
                }
                all.add(new Wanted(wanted, Tries.column(memory, ColumnType.LONG, wanted)));
            }
        }
        return all;
    }

    private static SortedMap<Row, Diff> read(Batch batch) {
        return batch.kind() == ChunkKind.TRIE ? Tries.read(batch) : Chains.read(batch);
    }

    private static SortedMap<Row, Diff> walk(ChunkFamily family, Batch batch) {
        try (BatchCursor cursor = family.cursor(batch)) {
            return Chains.walk(batch.type(), cursor);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyCutIsPartedAndAdvancedAlike(ChunkKind kind, TimeType time, int keys) {
        // fails when what becomes of times depends on where a chain is cut
        SortedMap<Row, Diff> rows = rows(time, keys);
        try (NativeMemory memory = NativeMemory.open()) {
            try (Pager pager = Tries.pager(memory, 0);
                    ChunkFamily family = ChunkFamily.of(kind, pager, type(time), 100)) {
                List<List<Map<Row, Diff>>> all = new ArrayList<>();
                cuts(List.copyOf(rows.entrySet()), 0, CHUNKS_MAX, List.of(), all);
                for (List<Map<Row, Diff>> parts : all) {
                    for (long first = 0; first < 3; first++) {
                        for (long second = 0; second < (time == TimeType.EPOCH ? 1 : 3); second++) {
                            Antichain.Builder frontier = Antichain.builder(time);
                            frontier.insert(first, second);
                            if (time == TimeType.PAIR) {
                                frontier.insert(second, first);
                            }
                            part(pager, family, parts, rows, frontier.build());
                            advance(pager, family, parts, rows, frontier.build());
                        }
                    }
                }
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void part(
            Pager pager,
            ChunkFamily family,
            List<Map<Row, Diff>> parts,
            SortedMap<Row, Diff> rows,
            Antichain frontier) {
        SortedMap<Row, Diff> open = new TreeMap<>(rows);
        open.keySet().removeIf(row -> !frontier.lessEqual(row.time(), row.second()));
        Antichain.Builder least = Antichain.builder(frontier.type());
        open.keySet().forEach(row -> least.insert(row.time(), row.second()));
        Antichain.Builder residual = Antichain.builder(frontier.type());
        try (Batch batch = Chains.formParts(pager, family.kind(), family.type(), parts);
                Staging keep = family.staging();
                Staging ship = family.staging()) {
            family.extract(batch, frontier, residual, keep, ship);
            try (Batch kept = keep.finish();
                    Batch shipped = ship.finish()) {
                assertEquals(open, read(kept));
                SortedMap<Row, Diff> done = new TreeMap<>(rows);
                done.keySet().removeAll(open.keySet());
                assertEquals(done, read(shipped));
            }
        }
        assertEquals(least.build(), residual.build());
    }

    private static void advance(
            Pager pager,
            ChunkFamily family,
            List<Map<Row, Diff>> parts,
            SortedMap<Row, Diff> rows,
            Antichain frontier) {
        SortedMap<Row, Diff> expected =
                Chains.mapped(
                        family.type(),
                        rows,
                        row ->
                                new Row(
                                        row.key(),
                                        row.val(),
                                        frontier.advanceFirst(row.time()),
                                        frontier.advanceSecond(row.second())));
        try (Batch batch = Chains.formParts(pager, family.kind(), family.type(), parts);
                Batch advanced = family.advance(batch, frontier)) {
            assertEquals(expected, read(advanced));
        }
    }
}
