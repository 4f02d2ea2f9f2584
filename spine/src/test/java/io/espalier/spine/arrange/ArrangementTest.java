package io.espalier.spine.arrange;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Column;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Collections in memory, beside a model: what they hold, and what an insert may cost. */
class ArrangementTest {

    private static final TrieType TYPE = TrieType.BYTES_TO_BYTES;

    /** An update. */
    private record Update(long key, long val, long time, long diff) {}

    /** A key and its val. */
    private record Row(long key, long val) {}

    private interface Body {
        void run(NativeMemory memory, Pager pager);
    }

    private static void inMemory(Body body) {
        try {
            Path folder = Files.createTempDirectory("arrangement");
            try (NativeMemory memory =
                            NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
                    Pager pager =
                            Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder))) {
                body.run(memory, pager);
                assertEquals(0, memory.stats().leases());
            } finally {
                Files.delete(folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A batch of updates that are sorted by key, val and time. */
    private static Batch batch(NativeMemory memory, Pager pager, List<Update> updates, long bytes) {
        Batch batch = new Batch(TYPE);
        try (Lease row = memory.allocate(16);
                ChainBuilder out =
                        new ChainBuilder(
                                new TrieBuilder(memory, TYPE), bytes, batch.sink(pager, 0))) {
            for (Update update : updates) {
                memory.segment().set(Layouts.LONG, row.offset(), Long.reverseBytes(update.key()));
                memory.segment()
                        .set(Layouts.LONG, row.offset() + 8, Long.reverseBytes(update.val()));
                out.append(
                        memory.segment(),
                        row.offset(),
                        8,
                        memory.segment(),
                        row.offset() + 8,
                        8,
                        update.time(),
                        update.diff());
            }
            out.finish();
        }
        return batch;
    }

    private static List<Update> random(Random random, int count, long lower, long upper) {
        TreeMap<String, Update> updates = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            long key = random.nextInt(20);
            long val = random.nextInt(3);
            long time = lower + random.nextInt((int) (upper - lower));
            long diff = random.nextLong(5) - 2;
            if (diff != 0) {
                updates.put(
                        "%03d %d %09d".formatted(key, val, time), new Update(key, val, time, diff));
            }
        }
        return new ArrayList<>(updates.values());
    }

    /** Of 8 bytes, big-endian, so that their order is that of the numbers. */
    private static long number(Column column, long index) {
        return Long.reverseBytes(column.segment().get(Layouts.LONG, column.offsetOf(index)));
    }

    private static Map<Row, Long> read(Arrangement.Snapshot snapshot, long asOf) {
        Map<Row, Long> rows =
                new TreeMap<>(Comparator.comparingLong(Row::key).thenComparingLong(Row::val));
        try (AsOfCursor cursor = snapshot.cursor(asOf)) {
            while (cursor.next()) {
                long key = number(cursor.keys(), cursor.key());
                long val = number(cursor.vals(), cursor.val());
                assertEquals(null, rows.put(new Row(key, val), cursor.sum()));
            }
        }
        return rows;
    }

    private static Map<Row, Long> expected(List<Update> all, long asOf) {
        Map<Row, Long> rows =
                new TreeMap<>(Comparator.comparingLong(Row::key).thenComparingLong(Row::val));
        for (Update update : all) {
            if (update.time() <= asOf) {
                rows.merge(new Row(update.key(), update.val()), update.diff(), Long::sum);
            }
        }
        rows.values().removeIf(sum -> sum == 0);
        return rows;
    }

    private static void check(Arrangement.Snapshot snapshot, List<Update> all) {
        for (long asOf = snapshot.since(); asOf < snapshot.upper() + 1; asOf++) {
            assertEquals(expected(all, asOf), read(snapshot, asOf), "as of " + asOf);
        }
    }

    @Property(tries = 150)
    void itHoldsWhatWasInsertedAsOfEveryTimeFromSinceOn(
            @ForAll @IntRange(min = 1, max = 60) int steps, @ForAll long seed) {
        // fails if a merge loses, invents or advances too far, or a snapshot changes
        inMemory((memory, pager) -> {
            Random random = new Random(seed);
            List<Update> all = new ArrayList<>();
            List<Arrangement.Snapshot> snapshots = new ArrayList<>();
            List<List<Update>> seen = new ArrayList<>();
            try (Arrangement arrangement = new Arrangement(pager, TYPE, 64L << random.nextInt(6))) {
                for (int step = 0; step < steps; step++) {
                    long lower = arrangement.upper();
                    switch (random.nextInt(8)) {
                        case 0 -> arrangement.exert(1L << random.nextInt(8));
                        case 1 -> {
                            long most = lower + 1 - arrangement.since();
                            arrangement.downgradeSince(
                                    arrangement.since() + random.nextInt((int) most));
                        }
                        case 2 -> {
                            snapshots.add(arrangement.snapshot());
                            seen.add(List.copyOf(all));
                        }
                        default -> {
                            long upper = lower + 1 + random.nextInt(3);
                            int count = random.nextInt(4) == 0 ? 0 : random.nextInt(40);
                            List<Update> updates = random(random, count, lower, upper);
                            arrangement.insert(
                                    batch(memory, pager, updates, 64L << random.nextInt(6)), upper);
                            all.addAll(updates);
                        }
                    }
                }
                try (Arrangement.Snapshot snapshot = arrangement.snapshot()) {
                    check(snapshot, all);
                }
                for (int i = 0; arrangement.exert(1000); i++) {
                    assertTrue(i < 1000, "no end");
                }
                assertTrue(arrangement.runCount() <= 1);
                try (Arrangement.Snapshot snapshot = arrangement.snapshot()) {
                    check(snapshot, all);
                }
            }
            for (int i = 0; i < snapshots.size(); i++) {
                try (Arrangement.Snapshot snapshot = snapshots.get(i)) {
                    check(snapshot, seen.get(i));
                }
            }
        });
    }

    @Test
    void noInsertDoesMuchMoreWorkThanAnother() {
        // fails if a large merge is done within one insert, or merges fall behind and pile up
        inMemory((memory, pager) -> {
            long chunkBytes = 1 << 10;
            int size = 64;
            Random random = new Random(3);
            try (Arrangement arrangement = new Arrangement(pager, TYPE, chunkBytes)) {
                long before = 0;
                long most = 0;
                for (int i = 0; i < 1000; i++) {
                    List<Update> updates = new ArrayList<>();
                    for (int j = 0; j < size; j++) {
                        updates.add(new Update(random.nextLong() >>> 1, 0, i, 1));
                    }
                    updates.sort(Comparator.comparingLong(Update::key));
                    arrangement.insert(batch(memory, pager, updates, chunkBytes), i + 1);
                    most = Math.max(most, arrangement.mergedUpdates() - before);
                    before = arrangement.mergedUpdates();
                    // a merge for each order of magnitude, and what waits for it
                    int levels = 64 - Long.numberOfLeadingZeros(i + 1) + 1;
                    assertTrue(arrangement.mergesUnderWay() <= levels);
                    assertTrue(arrangement.runCount() <= 3 * levels, arrangement::toString);
                }
                long levels = 11;
                long piece = 8 * chunkBytes / 16;
                long limit = levels * (Arrangement.FUEL_PER_UPDATE * size + piece);
                assertTrue(most <= limit, most + " updates merged in one insert");
                // far less than the largest merge
                assertTrue(most < arrangement.updateCount() / 8, most + " updates in one insert");
                assertEquals(1000L * size, arrangement.updateCount());
            }
        });
    }

    @Test
    void whatDoesNotFitIsRefusedAndStaysTheCallers() {
        // fails if a batch is lost, or taken, when it is refused
        inMemory((memory, pager) -> {
            try (Arrangement arrangement = new Arrangement(pager, TYPE, 1000)) {
                List<Update> updates = List.of(new Update(1, 1, 5, 1));
                try (Batch batch = batch(memory, pager, updates, 1000);
                        Batch other = new Batch(TrieType.BYTES_UPSERTS)) {
                    assertThrows(
                            IllegalArgumentException.class, () -> arrangement.insert(batch, 5));
                    assertThrows(
                            IllegalArgumentException.class, () -> arrangement.insert(batch, 0));
                    assertThrows(
                            IllegalArgumentException.class, () -> arrangement.insert(other, 9));
                    assertEquals(1, batch.updateCount());
                }
                arrangement.insert(batch(memory, pager, updates, 1000), 6);
                arrangement.downgradeSince(6);
                assertThrows(IllegalArgumentException.class, () -> arrangement.downgradeSince(5));
                try (Arrangement.Snapshot snapshot = arrangement.snapshot()) {
                    assertThrows(IllegalArgumentException.class, () -> snapshot.cursor(5));
                }
                assertFalse(arrangement.exert(1));
                assertThrows(IllegalArgumentException.class, () -> arrangement.exert(0));
                arrangement.close();
                assertThrows(IllegalStateException.class, arrangement::snapshot);
            }
        });
    }
}
