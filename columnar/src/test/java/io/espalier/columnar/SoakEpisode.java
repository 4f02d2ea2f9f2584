package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Codec;
import io.espalier.pager.CodecPolicy;
import io.espalier.pager.DamagedPageException;
import io.espalier.pager.FaultySpill;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.pager.SpillException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.NavigableSet;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * Some hundred random operations on batches of one type, each with a sorted map beside it that says
 * what it holds, under a budget that most of them do not fit in, on a disk that fails. What an
 * operation refuses changes nothing; what the disk lost is said and not made up; in the end all
 * bytes are home.
 */
final class SoakEpisode {

    private static final int BATCHES_MAX = 8;
    private static final int HOLDS_MAX = 6;
    private static final int ROWS_MAX = 4000;

    /** Every kind of key, val and diff, with epochs for times. */
    private static final List<TrieType> TYPES =
            List.of(
                    TrieType.BYTES_TO_BYTES,
                    TrieType.BYTES_UPSERTS,
                    new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT),
                    new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT),
                    new TrieType(ColumnType.tuple(2), ColumnType.BYTES, DiffType.COUNT),
                    new TrieType(ColumnType.BYTES, ColumnType.tuple(3), DiffType.UPSERT));

    /** A batch, and what it holds. */
    private static final class Held {
        final Batch batch;
        final SortedMap<Row, Diff> rows;

        Held(Batch batch, SortedMap<Row, Diff> rows) {
            this.batch = batch;
            this.rows = rows;
        }
    }

    /** A cursor that is kept over other operations, also over the close of its batch. */
    private static final class Walk {
        final Cursor cursor;
        final Held held;
        final NavigableSet<Datum> keys;

        Walk(Held held) {
            this.cursor = new Cursor(held.batch);
            this.held = held;
            this.keys = Tries.keys(held.rows.keySet());
        }
    }

    /** A pinned chunk, and what was read of it. */
    private record Pinned(ChunkPin pin, TrieView view, SortedMap<Row, Diff> rows) {}

    private final Random random;
    private final TrieType type;
    private final NativeMemory memory;
    private final MemoryBudget budget;
    private final FaultySpill disk;
    private final boolean rots;
    private final Pager pager;

    private final List<Held> live = new ArrayList<>();
    private final List<Walk> walks = new ArrayList<>();
    private final List<Pinned> pins = new ArrayList<>();
    private final SoakBatcher batcher;

    private int operations;
    private int refused;
    private int damaged;

    SoakEpisode(long seed, NativeMemory memory) {
        this.random = new Random(seed);
        this.memory = memory;
        this.type = TYPES.get(random.nextInt(TYPES.size()));
        this.rots = random.nextInt(3) == 0;
        this.budget = new MemoryBudget(100_000);
        this.disk = new FaultySpill(seed, rots);
        Codec codec = List.of(Codec.values()).get(random.nextInt(3));
        boolean windows = random.nextBoolean();
        this.pager =
                disk.open(
                        memory,
                        budget,
                        PagerOptions.in(Path.of(System.getProperty("java.io.tmpdir")))
                                .withSegmentBytes(1 << 20)
                                .withSlackBytes(random.nextInt(3) * 40_000L)
                                .withWindows(windows ? 50_000 : 0, 0)
                                .withFreeBytesMax(200_000)
                                .withWriters(random.nextInt(3), 1 + random.nextInt(4))
                                .withPrefetchBytes(random.nextInt(2) * 50_000L)
                                .withCodecPolicy(CodecPolicy.always(codec)));
        this.batcher = new SoakBatcher(random, type, pager, disk);
    }

    int operations() {
        return operations;
    }

    int refused() {
        return refused + batcher.refused();
    }

    int damaged() {
        return damaged + batcher.damaged();
    }

    long faults() {
        return disk.faults();
    }

    // ---- the episode --------------------------------------------------------------------------

    void run(int count) {
        for (int i = 0; i < count; i++) {
            step();
        }
        end();
    }

    private void step() {
        operations++;
        switch (random.nextInt(20)) {
            case 0, 1, 2 -> form();
            case 3, 4 -> merge();
            case 5 -> mergeConsuming();
            case 6 -> settle();
            case 7, 8 -> extract();
            case 9 -> fetch();
            case 10 -> openWalk();
            case 11, 12 -> walk();
            case 13 -> pin();
            case 14 -> batcher.add();
            case 15 -> seal(pick(4));
            case 16 -> pageOut();
            case 17 -> resize();
            case 18 -> disk.setFailing(new int[] {0, 0, 30, 200, 900}[random.nextInt(5)]);
            default -> letGo();
        }
        while (live.size() > BATCHES_MAX) {
            drop(live.get(random.nextInt(live.size())));
        }
    }

    /** Does something that the disk may spoil; those involved are gone if bytes of them are. */
    private boolean attempt(Runnable operation, Held... involved) {
        try {
            operation.run();
            return true;
        } catch (SpillException e) {
            assertTrue(disk.faults() > 0, e.toString());
            refused++;
        } catch (DamagedPageException e) {
            assertTrue(disk.rotten() > 0, e.toString());
            damaged++;
            for (Held held : involved) {
                drop(held);
            }
        }
        return false;
    }

    private void drop(Held held) {
        if (live.remove(held)) {
            held.batch.close();
        }
    }

    private Held any() {
        if (live.isEmpty()) {
            form();
        }
        return live.isEmpty()
                ? keep(new Batch(type), new TreeMap<>())
                : live.get(pick(live.size()));
    }

    private int pick(int bound) {
        return random.nextInt(bound);
    }

    private long target() {
        return new long[] {1, 300, 3000, 20_000}[pick(4)];
    }

    private Held keep(Batch batch, SortedMap<Row, Diff> rows) {
        Held held = new Held(batch, rows);
        live.add(held);
        return held;
    }

    /** Fills a batch that is closed again if that fails. */
    private void make(Consumer<ChainBuilder> filling, SortedMap<Row, Diff> rows) {
        Batch batch = new Batch(type);
        boolean done = false;
        try (ChainBuilder out = Tries.chain(pager, type, target(), batch)) {
            filling.accept(out);
            done = true;
        } finally {
            if (!done) {
                batch.close();
            }
        }
        // may be found damaged later on, when it is read
        keep(batch, rows);
    }

    private SortedMap<Row, Diff> rows() {
        SortedMap<Row, Diff> rows = Tries.random(type, random, 1 + pick(60), pick(300));
        if (pick(3) == 0) {
            for (int i = pick(4); i >= 0; i--) {
                Datum wide = Tries.datum("w".repeat(3000 + pick(5000)));
                boolean bytes = type.val().kind() == ColumnType.Kind.BYTES;
                Datum key = Tries.datum(type.key(), pick(60), true);
                Datum val = bytes ? wide : Tries.datum(type.val(), 1, true);
                boolean upsert = type.diff() == DiffType.UPSERT;
                rows.put(
                        new Row(key, val, 5),
                        new Diff(
                                upsert ? 20 : 1,
                                upsert
                                        ? Tries.datum("equal orders, equal payloads")
                                        : Tries.datum("")));
            }
        }
        return rows;
    }

    private void form() {
        SortedMap<Row, Diff> rows = rows();
        attempt(() ->
                make(
                        out -> {
                            Tries.add(memory, out, rows);
                            out.finish();
                        },
                        rows));
    }

    private void merge() {
        Held[] inputs = new Held[1 + pick(4)];
        List<Batch> runs = new ArrayList<>();
        List<SortedMap<Row, Diff>> models = new ArrayList<>();
        long size = 0;
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = any();
            runs.add(inputs[i].batch);
            models.add(inputs[i].rows);
            size += inputs[i].rows.size();
        }
        boolean counts = type.diff() == DiffType.COUNT;
        long since = counts && pick(3) == 0 ? pick(4) : 0;
        SortedMap<Row, Diff> rows = Tries.union(type, models, since);
        boolean large =
                counts && rows.values().stream().anyMatch(d -> Math.abs(d.number()) > 1L << 40);
        if (size > ROWS_MAX || large) {
            drop(inputs[0]);
            return;
        }
        attempt(
                () ->
                        make(
                                out -> {
                                    try (Merge merge = new Merge(runs, false, since, out)) {
                                        long fuel = pick(2) == 0 ? Long.MAX_VALUE : 20;
                                        while (merge.step(fuel)) {
                                            // and on
                                        }
                                    }
                                },
                                rows),
                inputs);
    }

    private void mergeConsuming() {
        Held one = any();
        Held two = any();
        if (one == two || one.rows.size() + two.rows.size() > ROWS_MAX) {
            return;
        }
        SortedMap<Row, Diff> rows = Tries.union(type, List.of(one.rows, two.rows), 0);
        attempt(() ->
                make(
                        out -> {
                            try (Merge merge =
                                    new Merge(List.of(one.batch, two.batch), true, 0, out)) {
                                merge.run();
                            }
                        },
                        rows));
        // what is left of the inputs after a failure is not the inputs
        drop(one);
        drop(two);
    }

    private void settle() {
        Held held = any();
        attempt(() -> keep(Settle.settle(held.batch, pager, target(), 2), held.rows));
        drop(held);
    }

    private void extract() {
        Held held = any();
        TreeSet<Datum> wanted = new TreeSet<>();
        int part = pick(5);
        for (Datum key : Tries.keys(held.rows.keySet())) {
            if (pick(4) < part) {
                wanted.add(key);
            }
        }
        boolean oneSize = random.nextBoolean();
        for (int i = pick(20); i > 0; i--) {
            wanted.add(Tries.datum(type.key(), pick(80), oneSize));
        }
        SortedMap<Row, Diff> hits = Tries.restrict(held.rows, wanted);
        attempt(
                () -> {
                    try (ColumnBuilder probes = Tries.column(memory, type.key(), wanted)) {
                        make(
                                out -> {
                                    new Extractor().extract(held.batch, probes.column(), out);
                                    out.finish();
                                },
                                hits);
                    }
                },
                held);
        check(any());
    }

    private void fetch() {
        Held held = any();
        attempt(
                () ->
                        make(
                                out -> {
                                    new Extractor().fetch(held.batch, out);
                                    out.finish();
                                },
                                held.rows),
                held);
    }

    private void check(Held held) {
        attempt(() -> assertEquals(held.rows, Tries.read(held.batch)), held);
    }

    // ---- what is kept open --------------------------------------------------------------------

    private void openWalk() {
        if (walks.size() < HOLDS_MAX) {
            Held held = any();
            attempt(() -> walks.add(new Walk(held)), held);
        } else {
            walks.remove(pick(walks.size())).cursor.close();
        }
    }

    private void walk() {
        if (walks.isEmpty()) {
            return;
        }
        Walk walk = walks.get(pick(walks.size()));
        boolean closed = !live.contains(walk.held);
        try {
            if (!attempt(() -> walkOn(walk), walk.held)) {
                walks.remove(walk);
                walk.cursor.close();
            }
        } catch (IllegalStateException e) {
            assertTrue(closed && String.valueOf(e.getMessage()).contains("closed"), e.toString());
            walks.remove(walk);
            walk.cursor.close();
        }
    }

    private void walkOn(Walk walk) {
        Cursor cursor = walk.cursor;
        for (int i = pick(10); i >= 0; i--) {
            if (!cursor.hasKey()) {
                cursor.rewind();
                if (!cursor.hasKey()) {
                    assertTrue(walk.keys.isEmpty());
                    return;
                }
                assertEquals(walk.keys.first(), key(cursor));
            }
            Datum here = key(cursor);
            Datum expected;
            if (random.nextBoolean()) {
                cursor.stepKey();
                expected = walk.keys.higher(here);
            } else {
                Datum probe = Tries.datum(type.key(), pick(80), random.nextBoolean());
                try (ColumnBuilder probes = Tries.column(memory, type.key(), List.of(probe))) {
                    cursor.seekKey(probes.column(), 0);
                }
                expected = walk.keys.ceiling(probe.compareTo(here) > 0 ? probe : here);
            }
            assertEquals(expected != null, cursor.hasKey());
            if (expected != null) {
                assertEquals(expected, key(cursor));
                assertEquals(Tries.restrict(walk.held.rows, List.of(expected)), rest(cursor));
                cursor.rewindVals();
            }
        }
    }

    private Datum key(Cursor cursor) {
        return Tries.datum(type.key(), cursor.keys(), cursor.key());
    }

    private SortedMap<Row, Diff> rest(Cursor cursor) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        Datum key = key(cursor);
        for (; cursor.hasVal(); cursor.stepVal()) {
            Datum val = Tries.datum(type.val(), cursor.vals(), cursor.val());
            cursor.mapUpdates(
                    (view, i) -> rows.put(new Row(key, val, view.timeAt(i)), Tries.diff(view, i)));
        }
        return rows;
    }

    private void pin() {
        if (pins.size() == HOLDS_MAX) {
            unpin(pins.remove(pick(pins.size())));
            return;
        }
        Held held = any();
        if (held.batch.chunkCount() > 0) {
            attempt(
                    () -> {
                        TrieView view = new TrieView();
                        ChunkPin pin = held.batch.open(pick((int) held.batch.chunkCount()), view);
                        SortedMap<Row, Diff> rows = new TreeMap<>();
                        Tries.read(view, rows);
                        pins.add(new Pinned(pin, view, rows));
                    },
                    held);
        }
    }

    /** Whatever happened to its batch, a pinned chunk is what it was. */
    private static void unpin(Pinned pinned) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        Tries.read(pinned.view, rows);
        assertEquals(pinned.rows, rows);
        pinned.pin.close();
        assertEquals(0, pinned.view.updateCount());
    }

    private void letGo() {
        switch (pick(3)) {
            case 0 -> {
                if (!live.isEmpty()) {
                    drop(live.get(pick(live.size())));
                }
            }
            case 1 -> {
                if (!walks.isEmpty()) {
                    walks.remove(pick(walks.size())).cursor.close();
                }
            }
            default -> {
                if (!pins.isEmpty()) {
                    unpin(pins.remove(pick(pins.size())));
                }
            }
        }
    }

    // ---- the batcher --------------------------------------------------------------------------

    private void seal(long upper) {
        SoakBatcher.Sealed sealed = batcher.seal(upper);
        if (sealed != null) {
            check(keep(sealed.batch(), sealed.rows()));
        }
    }

    // ---- the pager ----------------------------------------------------------------------------

    private void pageOut() {
        Held held = any();
        for (Chunk chunk : Tries.chunks(held.batch)) {
            if (random.nextBoolean()) {
                attempt(() -> chunk.image().pageOut());
            }
        }
    }

    private void resize() {
        budget.resize(new long[] {0, 20_000, 100_000, 1 << 20}[pick(4)]);
        attempt(pager::relieve);
    }

    // ---- the end ------------------------------------------------------------------------------

    private void end() {
        disk.setFailing(0);
        attempt(pager::relieve);
        List<Held> all = new ArrayList<>(live);
        all.forEach(this::check);
        seal(MergeBatcher.NO_TIME);
        List<Runnable> closing = new ArrayList<>();
        for (Held held : live) {
            closing.add(held.batch::close);
        }
        walks.forEach(walk -> closing.add(walk.cursor::close));
        pins.forEach(pinned -> closing.add(() -> unpin(pinned)));
        closing.add(batcher::close);
        Collections.shuffle(closing, random);
        closing.forEach(Runnable::run);
        assertEquals(0, pager.stats().images().count(), "images left");
        pager.close();
        assertEquals(0, budget.usedBytes(), "bytes of the budget left");
        assertEquals(0, memory.stats().leases(), "leases left");
    }
}
