package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.testing.SeededProperties;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import org.junit.jupiter.api.Test;

/** Pairs of times beyond the families: reading as of one, and the merge batcher. */
@AddLifecycleHook(SeededProperties.class)
class PairTimesTest {

    private static final List<TrieType> TYPES =
            Tries.TYPES.stream().filter(type -> type.time() == TimeType.PAIR).toList();

    @Property(tries = 400)
    void readingAsOfAPairAddsUpWhatIsAtOrBeforeIt(@ForAll long seed) {
        // fails when a time counts of which one number is later, or one that is not is left out
        Random random = new Random(seed);
        TrieType type = counts(random);
        try (NativeMemory memory = Tries.memory()) {
            try (Pager pager = Tries.pager(memory, random.nextBoolean() ? 1 << 30 : 0)) {
                List<SortedMap<Row, Diff>> models = new ArrayList<>();
                List<Batch> runs = new ArrayList<>();
                for (int i = random.nextInt(3); i >= 0; i--) {
                    SortedMap<Row, Diff> model = Tries.random(type, random, 5, random.nextInt(50));
                    models.add(model);
                    runs.add(Tries.formParts(pager, type, Chains.parts(model, random)));
                }
                try (AsOfCursor cursor = new AsOfCursor(memory)) {
                    for (int round = 0; round < 3; round++) {
                        // from the middle of a walk, from its end, or closed: all the same
                        assertReadsAsOf(cursor, type, models, runs, random);
                        if (random.nextBoolean()) {
                            cursor.start(runs, -1, -1, null, 0);
                            cursor.next();
                        }
                        if (random.nextInt(3) == 0) {
                            cursor.close();
                        }
                    }
                }
                runs.forEach(Batch::close);
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void assertReadsAsOf(
            AsOfCursor cursor,
            TrieType type,
            List<SortedMap<Row, Diff>> models,
            List<Batch> runs,
            Random random) {
        int count = 1 + random.nextInt(runs.size());
        long first = Tries.time(random.nextInt(4));
        long second = Tries.time(random.nextInt(4));
        SortedMap<Row, Diff> expected =
                Chains.mapped(
                        type,
                        before(Tries.union(type, models.subList(0, count), 0), first, second),
                        row -> new Row(row.key(), row.val(), 0));
        SortedMap<Row, Diff> found = new TreeMap<>();
        cursor.start(runs.subList(0, count), first, second, null, 0);
        while (cursor.next()) {
            Datum key = Tries.datum(type.key(), cursor.keys(), cursor.key());
            Datum val = Tries.datum(type.val(), cursor.vals(), cursor.val());
            found.put(new Row(key, val, 0), new Diff(cursor.sum(), Tries.datum("")));
        }
        assertEquals(expected, found);
    }

    private static TrieType counts(Random random) {
        List<TrieType> counts =
                TYPES.stream().filter(type -> type.diff() == DiffType.COUNT).toList();
        return counts.get(random.nextInt(counts.size()));
    }

    private static SortedMap<Row, Diff> before(Map<Row, Diff> rows, long first, long second) {
        SortedMap<Row, Diff> before = new TreeMap<>(rows);
        before.keySet()
                .removeIf(row -> !TimeType.lessEqual(row.time(), row.second(), first, second));
        return before;
    }

    @Property(tries = 200)
    void sealsGiveOutWhatAFrontierClosesAndKeepTheRest(@ForAll long seed) {
        // fails when an update is given out early, late, twice or not at all
        Random random = new Random(seed);
        TrieType type = TYPES.get(random.nextInt(TYPES.size()));
        try (NativeMemory memory = Tries.memory()) {
            try (Pager pager = Tries.pager(memory, random.nextBoolean() ? 1 << 30 : 0);
                    MergeBatcher batcher =
                            new MergeBatcher(
                                    pager,
                                    type,
                                    1 + random.nextInt(2000),
                                    1 + random.nextInt(500))) {
                SortedMap<Row, Diff> held = new TreeMap<>();
                for (int round = 0; round < 6; round++) {
                    feed(batcher, type, random, held);
                    boolean chunkwise = random.nextBoolean();
                    Antichain frontier = Chains.frontier(TimeType.PAIR, random);
                    seal(batcher, type, frontier, held, chunkwise);
                }
                seal(batcher, type, Antichain.empty(TimeType.PAIR), held, seed % 2 == 0);
                assertTrue(held.isEmpty());
                assertTrue(batcher.frontier().isEmpty());
                assertTrue(batcher.isEmpty());
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void feed(
            MergeBatcher batcher, TrieType type, Random random, SortedMap<Row, Diff> held) {
        Tries.random(type, random, 6, random.nextInt(60))
                .forEach((row, diff) -> {
                    byte[] key = row.key().bytes();
                    byte[] val = row.val().bytes();
                    byte[] payload = diff.payload().bytes();
                    if (type.diff() == DiffType.UPSERT && payload.length == 0) {
                        return;
                    }
                    batcher.setSecondTime(row.second());
                    if (type.diff() == DiffType.COUNT) {
                        batcher.add(
                                key, 0, key.length, val, 0, val.length, row.time(), diff.number());
                    } else {
                        batcher.upsert(
                                key,
                                0,
                                key.length,
                                row.time(),
                                diff.number(),
                                payload[0],
                                payload,
                                1,
                                payload.length - 1);
                    }
                    Tries.fold(type, held, row, diff);
                });
        held.values().removeIf(d -> type.diff() == DiffType.COUNT && d.number() == 0);
    }

    /** What a seal gives out chunk by chunk. */
    private static Batch readSeal(MergeBatcher batcher, Antichain frontier) {
        Batch given = new Batch(batcher.type());
        try (Seal seal = batcher.startSeal(frontier)) {
            for (Chunk chunk = seal.next(); chunk != null; chunk = seal.next()) {
                given.add(chunk);
            }
        }
        return given;
    }

    private static void seal(
            MergeBatcher batcher,
            TrieType type,
            Antichain frontier,
            SortedMap<Row, Diff> held,
            boolean chunkwise) {
        SortedMap<Row, Diff> done = new TreeMap<>(held);
        done.keySet().removeIf(row -> frontier.lessEqual(row.time(), row.second()));
        held.keySet().removeAll(done.keySet());
        try (Batch sealed = chunkwise ? readSeal(batcher, frontier) : batcher.seal(frontier)) {
            assertEquals(done, Chains.read(sealed));
        }
        Antichain.Builder least = Antichain.builder(type.time());
        held.keySet().forEach(row -> least.insert(row.time(), row.second()));
        // what cancels across chains may still count
        assertTrue(batcher.frontier().dominates(least.build()));
        assertTrue(frontier.dominates(batcher.frontier()), "something is kept that is closed");
    }

    @Test
    void epochsAndPairsAreNotMixedUp() {
        // fails when a batcher of one kind of times takes a frontier of the other
        try (NativeMemory memory = Tries.memory()) {
            try (Pager pager = Tries.pager(memory, 1 << 30);
                    MergeBatcher pairs = new MergeBatcher(pager, TYPES.getFirst());
                    MergeBatcher epochs = new MergeBatcher(pager, TrieType.BYTES_TO_BYTES)) {
                assertThrows(IllegalArgumentException.class, () -> pairs.seal(7));
                assertEquals(Antichain.empty(TimeType.PAIR), pairs.frontier());
                assertThrows(IllegalArgumentException.class, () -> epochs.seal(Antichain.of(1, 2)));
                String message =
                        assertThrows(IllegalArgumentException.class, () -> epochs.setSecondTime(3))
                                .getMessage();
                assertTrue(message.contains("second number 3"), message);
                assertEquals(Antichain.empty(TimeType.EPOCH), epochs.frontier());
            }
            assertEquals(0, memory.stats().leases());
        }
    }
}
