package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Merging by many at once, tried at every head of small runs: all there are, cut in all ways. */
class WeaveTest {

    private static final List<TrieType> TYPES =
            List.of(
                    new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT),
                    new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.UPSERT),
                    TrieType.BYTES_TO_BYTES,
                    TrieType.BYTES_UPSERTS,
                    new TrieType(ColumnType.tuple(2), ColumnType.tuple(2), DiffType.COUNT));

    /** A run and what it holds. */
    private record Side(SortedMap<Row, Diff> rows, Batch batch) {}

    private NativeMemory memory;
    private Pager pager;

    @BeforeEach
    void open() {
        memory = Tries.memory();
        pager = TestPagers.open(memory);
    }

    @AfterEach
    void close() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    @Test
    void singleUpdatesOfKeysAreWovenInEveryWay() {
        // fails when an equal pair, or a key that goes on in the next chunk, is passed over
        for (TrieType type : TYPES) {
            all(type, 4, 1, 1, 9);
        }
        all(TYPES.getFirst(), 5, 1, 1, 9);
    }

    @Test
    void keysWithSeveralTimesAreWovenInEveryWay() {
        // fails when a time comes after a later one of its key, from the other run or a next chunk
        for (TrieType type : TYPES) {
            all(type, 2, 1, 2, 9);
        }
        all(TYPES.get(0), 3, 1, 2, 1);
        all(TYPES.get(3), 3, 1, 2, 1);
    }

    @Test
    void valsOfAKeyAreWovenInEveryWay() {
        // fails when a val that is open, or goes on in the next chunk, is passed over
        for (TrieType type : TYPES) {
            if (type.val().kind() != ColumnType.Kind.UNIT) {
                all(type, 1, 4, 1, 9);
                all(type, 1, 2, 2, 9);
                all(type, 2, 2, 1, 9);
            }
        }
    }

    @Test
    void someRunsOfManyShapesGiveTheUnion() {
        // fails when what is woven does not fit what is appended by pieces before and after
        Random random = new Random(20);
        for (int i = 0; i < 2000; i++) {
            TrieType type = TYPES.get(random.nextInt(TYPES.size()));
            int keys = 1 + random.nextInt(12);
            int vals = vals(type, 1 + random.nextInt(3));
            int times = 1 + random.nextInt(3);
            List<Side> sides = new ArrayList<>();
            int runs = 2 + random.nextInt(2) * random.nextInt(6);
            for (int side = 0; side < runs; side++) {
                List<Row> rows = rows(type, keys, vals, times);
                int density = 1 + random.nextInt(3);
                rows.removeIf(row -> random.nextInt(4) >= density);
                long cuts = random.nextLong();
                // a cut at every fourth place
                cuts &= random.nextLong();
                sides.add(side(type, rows, side, cuts));
            }
            long target = random.nextBoolean() ? 1 << 20 : 1 + random.nextInt(400);
            merge(type, sides, target);
            sides.forEach(s -> s.batch.close());
        }
    }

    @Test
    void longsAreWovenInLanes() {
        // fails when lanes, what they leave, folding or a full chunk lose, double or misplace a
        // value
        Random random = new Random(21);
        for (int i = 0; i < 400; i++) {
            boolean vals = random.nextBoolean();
            ColumnType val = vals ? ColumnType.LONG : ColumnType.UNIT;
            TrieType type = new TrieType(ColumnType.LONG, val, DiffType.COUNT);
            int keys = vals ? 1 + random.nextInt(4) : 1;
            int count = 1 + random.nextInt(random.nextBoolean() ? 40 : 400);
            // from next to each other to all there are
            long step = 1L << random.nextInt(56);
            int common = random.nextInt(3);
            int time = random.nextInt(3);
            int number = random.nextInt(4);
            int runs = random.nextBoolean() ? 2 : 3 + random.nextInt(4);
            List<SortedMap<Row, Diff>> models = new ArrayList<>();
            for (int side = 0; side < runs; side++) {
                models.add(new TreeMap<>());
            }
            for (int key = 0; key < keys; key++) {
                for (int n = 0; n < count; n++) {
                    long value = (n - count / 2) * step;
                    int from = common > random.nextInt(4) ? -1 : 1 << random.nextInt(runs);
                    for (int side = 0; side < runs; side++) {
                        if ((from >> side & 1) != 0) {
                            Row row =
                                    new Row(
                                            Tries.datum(vals ? key : value),
                                            vals ? Tries.datum(value) : Tries.datum(),
                                            time == 0 ? 5 : time == 1 ? 5 + side : n % 2);
                            models.get(side).put(row, diff(number, n, side));
                        }
                    }
                }
            }
            models.removeIf(Map::isEmpty);
            long cuts = 0;
            for (int bits = 0; bits < 8; bits++) {
                cuts |= 1L << random.nextInt(64);
            }
            List<Side> all = new ArrayList<>();
            for (SortedMap<Row, Diff> model : models) {
                all.add(new Side(model, Tries.formParts(pager, type, parts(model, cuts))));
            }
            for (boolean eager : new boolean[] {true, false}) {
                merge(type, all, random.nextBoolean() ? 1 << 20 : 1 + random.nextInt(5000), eager);
            }
            all.forEach(s -> s.batch.close());
        }
    }

    @Test
    void timesThatFollowOthersAreJoined() {
        // fails when a time is lost or doubled where two runs have the same keys, a group is not
        // ended, or times that overlap, or keys of one run alone, are taken for others
        Random random = new Random(23);
        for (int i = 0; i < 600; i++) {
            TrieType type = TYPES.get(random.nextInt(TYPES.size()));
            int keys = 1 + random.nextInt(40);
            int times = 1 + random.nextInt(random.nextInt(8) == 0 ? 300 : 4);
            boolean even = random.nextBoolean();
            boolean swaps = random.nextInt(3) == 0;
            int odd = random.nextInt(4) == 0 ? random.nextInt(keys) : -1;
            List<SortedMap<Row, Diff>> models = List.of(new TreeMap<>(), new TreeMap<>());
            for (int key = 0; key < keys; key++) {
                for (int side = 0; side < 2; side++) {
                    int first = swaps && key > keys / 2 ? 1 - side : side;
                    int least = key == odd ? first : first * times;
                    int count = even ? times : 1 + random.nextInt(times);
                    if (key == odd && random.nextBoolean()) {
                        continue;
                    }
                    for (int time = least; time < least + count; time++) {
                        long number = i % 3 == 0 ? 1 + time % 2 : 1;
                        Datum payload =
                                Tries.datum(type.diff() == DiffType.UPSERT ? "p" + time : "");
                        models.get(side)
                                .put(
                                        new Row(datum(type.key(), key), datum(type.val(), 1), time),
                                        new Diff(number, payload));
                    }
                }
            }
            if (models.get(0).isEmpty() || models.get(1).isEmpty()) {
                continue;
            }
            long cuts = random.nextInt(3) == 0 ? random.nextLong() : 0;
            cuts &= random.nextLong();
            cuts &= random.nextLong();
            List<Side> sides = new ArrayList<>();
            for (SortedMap<Row, Diff> model : models) {
                sides.add(new Side(model, Tries.formParts(pager, type, parts(model, cuts))));
            }
            for (boolean eager : new boolean[] {true, false}) {
                merge(
                        type,
                        sides,
                        random.nextBoolean() ? 1 << 20 : 1 + random.nextInt(9000),
                        eager);
            }
            sides.forEach(s -> s.batch.close());
        }
    }

    @Test
    void countsOfEqualKeysAreAdded() {
        // fails when a sum is lost, misplaced or zero, or a full chunk ends at the wrong key
        Random random = new Random(24);
        for (int i = 0; i < 300; i++) {
            TrieType type = TYPES.get(2 * random.nextInt(3));
            int keys = 1 + random.nextInt(random.nextBoolean() ? 60 : 3000);
            int kind = random.nextInt(5);
            int cancelled = random.nextInt(2 * keys);
            List<SortedMap<Row, Diff>> models = List.of(new TreeMap<>(), new TreeMap<>());
            for (int key = 0; key < keys; key++) {
                for (int side = 0; side < 2; side++) {
                    long number =
                            switch (kind) {
                                case 0 -> 3;
                                case 1 -> 1 + key % 5;
                                case 2 -> side == 0 ? 7 : 1 + key % 5;
                                case 3 -> side == 1 ? 7 : 1 + key % 5;
                                default -> random.nextInt(5) == 0 ? 1 - 2 * side : 1 + key % 3;
                            };
                    number = key == cancelled ? 1 - 2 * side : number;
                    models.get(side)
                            .put(
                                    new Row(datum(type.key(), key), datum(type.val(), 1), 3),
                                    new Diff(number, Tries.datum("")));
                }
            }
            List<Side> sides = new ArrayList<>();
            for (SortedMap<Row, Diff> model : models) {
                long cuts = random.nextInt(3) == 0 ? 1L << random.nextInt(61) : 0;
                sides.add(new Side(model, Tries.formParts(pager, type, parts(model, cuts))));
            }
            for (boolean eager : new boolean[] {true, false}) {
                merge(
                        type,
                        sides,
                        random.nextBoolean() ? 1 << 20 : 1 + random.nextInt(9000),
                        eager);
            }
            sides.forEach(s -> s.batch.close());
        }
    }

    /** Counts that are all one, differ by side and cancel, or are of all kinds. */
    private static Diff diff(int kind, int n, int side) {
        long number =
                switch (kind) {
                    case 0 -> 1;
                    case 1 -> side % 2 == 0 ? 1 : -1;
                    case 2 -> n % 3 == 0 ? 2 - 4 * side : n + 1;
                    default -> n % 2 == 0 ? 1 : 1 - 2 * side;
                };
        return new Diff(number, Tries.datum(""));
    }

    /** Cuts a model where {@code cuts} has a bit, again and again. */
    private static List<Map<Row, Diff>> parts(SortedMap<Row, Diff> model, long cuts) {
        List<Map<Row, Diff>> parts = new ArrayList<>();
        SortedMap<Row, Diff> part = new TreeMap<>();
        int at = 0;
        for (Map.Entry<Row, Diff> entry : model.entrySet()) {
            part.put(entry.getKey(), entry.getValue());
            at++;
            if ((cuts >> at % 61 & 1) != 0 || at == model.size()) {
                parts.add(part);
                part = new TreeMap<>();
            }
        }
        return parts;
    }

    @Test
    void aSumThatOverflowsInABlockIsRefused() {
        // fails when folding many at once wraps around, or what was merged before is not closed
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (long key = 0; key < 300; key++) {
            long number = key == 200 ? Long.MAX_VALUE : 1;
            rows.put(
                    new Row(Tries.datum(key), Tries.datum(), 0), new Diff(number, Tries.datum("")));
        }
        SortedMap<Row, Diff> others = new TreeMap<>(rows);
        others.keySet().removeIf(row -> row.key().bytes()[0] % 3 == 0);
        rows.keySet().removeIf(row -> row.key().bytes()[0] % 3 == 1);
        try (Batch a = Tries.formParts(pager, type, List.of(rows));
                Batch b = Tries.formParts(pager, type, List.of(others));
                Batch merged = new Batch(type);
                ChainBuilder out = Tries.chain(pager, type, 1 << 20, merged);
                Merge merge = new Merge(List.of(a, b), false, 0, out, true)) {
            assertThrows(ArithmeticException.class, merge::run);
            assertThrows(IllegalStateException.class, merge::run);
        }
    }

    private static int vals(TrieType type, int vals) {
        return type.val().kind() == ColumnType.Kind.UNIT ? 1 : vals;
    }

    /** Merges every two subsets of the rows there are, each cut at most {@code cuts} times. */
    private void all(TrieType type, int keys, int vals, int times, int cuts) {
        List<Row> rows = rows(type, keys, vals, times);
        List<List<Side>> sides = List.of(new ArrayList<>(), new ArrayList<>());
        for (int subset = 1; subset < 1 << rows.size(); subset++) {
            List<Row> some = new ArrayList<>();
            for (int i = 0; i < rows.size(); i++) {
                if ((subset >> i & 1) != 0) {
                    some.add(rows.get(i));
                }
            }
            for (int cut = 0; cut < 1 << (some.size() - 1); cut++) {
                if (Integer.bitCount(cut) <= cuts) {
                    sides.get(0).add(side(type, some, 0, cut));
                    sides.get(1).add(side(type, some, 1, cut));
                }
            }
        }
        for (Side first : sides.get(0)) {
            for (Side second : sides.get(1)) {
                merge(type, List.of(first, second), 1 << 20);
            }
        }
        sides.forEach(list -> list.forEach(s -> s.batch.close()));
    }

    private static List<Row> rows(TrieType type, int keys, int vals, int times) {
        List<Row> rows = new ArrayList<>();
        for (int key = 0; key < keys; key++) {
            for (int val = 0; val < vals; val++) {
                for (int time = 0; time < times; time++) {
                    rows.add(new Row(datum(type.key(), key), datum(type.val(), val), time));
                }
            }
        }
        return rows;
    }

    /** Values in ascending order, all of a width that is woven. */
    private static Datum datum(ColumnType type, int number) {
        return switch (type.kind()) {
            case UNIT -> Tries.datum();
            case LONG -> Tries.datum(number - 2);
            case TUPLE -> Tries.datum(number / 2, number % 2);
            case BYTES -> Tries.datum(String.format("%09d", number));
        };
    }

    /** A run of rows, in chunks that end where {@code cuts} has a bit. */
    private Side side(TrieType type, List<Row> rows, int side, long cuts) {
        SortedMap<Row, Diff> model = new TreeMap<>();
        List<Map<Row, Diff>> parts = new ArrayList<>();
        SortedMap<Row, Diff> part = new TreeMap<>();
        for (int i = 0; i < rows.size(); i++) {
            // some cancel
            long number = side + 1L;
            Datum payload = Tries.datum("");
            if (type.diff() == DiffType.UPSERT) {
                payload = Tries.datum("payload" + side);
            } else if (side == 1 && rows.get(i).hashCode() % 2 == 0) {
                number = -1;
            }
            part.put(rows.get(i), new Diff(number, payload));
            if ((cuts >> i & 1) != 0 || i == rows.size() - 1) {
                model.putAll(part);
                parts.add(part);
                part = new TreeMap<>();
            }
        }
        return new Side(model, Tries.formParts(pager, type, parts));
    }

    private void merge(TrieType type, List<Side> sides, long target) {
        merge(type, sides, target, true);
    }

    private void merge(TrieType type, List<Side> sides, long target, boolean eager) {
        SortedMap<Row, Diff> expected =
                Tries.union(type, sides.stream().map(Side::rows).toList(), 0);
        List<Batch> batches = sides.stream().map(Side::batch).toList();
        try (Batch merged = new Batch(type)) {
            // as who keeps the builder for another chain: the chain is finished, not closed
            try (TrieBuilder builder = new TrieBuilder(memory, type)) {
                ChainBuilder out = new ChainBuilder(builder, target, merged.sink(pager, 1));
                try (Merge merge = new Merge(batches, false, 0, out, eager)) {
                    merge.run();
                }
            }
            for (long i = 0; i < merged.chunkCount(); i++) {
                Chunk chunk = merged.chunk(i);
                assertFalse(chunk.exceeds(target), () -> chunk + " for " + target);
                assertTrue(
                        i == 0 || merged.chunk(i - 1).flatBytes() + chunk.flatBytes() > target,
                        () -> chunk + " is too small for " + target);
                checkTimes(chunk);
            }
            SortedMap<Row, Diff> read = Tries.read(merged);
            if (!expected.equals(read)) {
                assertEquals(expected, read, () -> sides.toString());
            }
        }
    }

    /** The bounds that a chunk knows are those of its times. */
    private static void checkTimes(Chunk chunk) {
        TrieView view = new TrieView();
        long least = -1;
        long greatest = 0;
        try (ChunkPin pin = chunk.open(view)) {
            assertEquals(chunk.updateCount(), view.updateCount(), pin::toString);
            for (long i = 0; i < view.updateCount(); i++) {
                long time = view.timeAt(i);
                least = Long.compareUnsigned(time, least) < 0 ? time : least;
                greatest = Long.compareUnsigned(time, greatest) > 0 ? time : greatest;
            }
        }
        assertEquals(least, chunk.timeMin(), chunk::toString);
        assertEquals(greatest, chunk.timeMax(), chunk::toString);
    }
}
