package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.testing.SeededProperties;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/**
 * What every family of chunks does equals what a sorted map does: for every type of keys, vals,
 * diffs and times, every cut, resident and paged. One subclass for each family.
 */
@AddLifecycleHook(SeededProperties.class)
abstract class FamilyContract {

    private final ChunkKind kind;

    private NativeMemory memory;
    private Pager pager;
    private Random random = new Random(0);
    private TrieType type = TrieType.BYTES_TO_BYTES;
    private long target;
    private ChunkFamily family;

    FamilyContract(ChunkKind kind) {
        this.kind = kind;
    }

    private interface Case {
        void run();
    }

    /** Runs a case on a type and a residency of its own; nothing is left when it ends. */
    private void with(long seed, Case body) {
        random = new Random(seed);
        type = Tries.TYPES.get(random.nextInt(Tries.TYPES.size()));
        memory = Tries.memory();
        // resident, or paged out as soon as it is made
        pager = Tries.pager(memory, random.nextBoolean() ? 1 << 30 : 0);
        target = 1L + random.nextInt(random.nextBoolean() ? 200 : 2000);
        family = ChunkFamily.of(kind, pager, type, target);
        body.run();
        assertEquals(0, pager.stats().images().pinsOpen());
        family.close();
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private SortedMap<Row, Diff> rows() {
        return Tries.random(type, random, 1 + random.nextInt(12), random.nextInt(60));
    }

    private Batch cut(SortedMap<Row, Diff> model) {
        return Chains.formParts(pager, kind, type, Chains.parts(model, random));
    }

    private void assertHolds(SortedMap<Row, Diff> model, Batch batch) {
        assertEquals(kind, batch.kind());
        assertEquals(model, Chains.read(batch));
        Tries.assertGraded(batch, target);
    }

    private long pins() {
        return pager.stats().policy().pins();
    }

    // ---- 1: form ------------------------------------------------------------------------------

    @Property(tries = 400)
    void formingSortsAndFoldsWhatWasStaged(@ForAll long seed) {
        // fails when an update is lost, misplaced or not folded, or one that counts zero stays
        with(seed, this::form);
    }

    private void form() {
        if (type.diff() == DiffType.UPSERT && type.val().kind() != ColumnType.Kind.UNIT) {
            return; // cannot be staged
        }
        SortedMap<Row, Diff> model = new TreeMap<>();
        List<Map.Entry<Row, Diff>> updates = new ArrayList<>();
        for (int i = random.nextInt(3); i >= 0; i--) {
            updates.addAll(rows().entrySet());
        }
        updates.removeIf(
                e -> type.diff() == DiffType.UPSERT && e.getValue().payload().bytes().length == 0);
        updates.forEach(e -> Tries.fold(type, model, e.getKey(), e.getValue()));
        model.values().removeIf(d -> type.diff() == DiffType.COUNT && d.number() == 0);
        Collections.shuffle(updates, random);
        try (UpdateBuffer staged = new UpdateBuffer(memory, type)) {
            Antichain.Builder least = Antichain.builder(type.time());
            updates.forEach(e -> Chains.add(staged, e.getKey(), e.getValue()));
            updates.forEach(e -> least.insert(e.getKey().time(), e.getKey().second()));
            assertEquals(least.build(), staged.frontier());
            try (Batch formed = family.form(staged)) {
                assertHolds(model, formed);
            }
            assertEquals(0, staged.count());
            assertTrue(staged.frontier().isEmpty());
        }
    }

    // ---- 2, 3: merge --------------------------------------------------------------------------

    @Property(tries = 600)
    void mergingGivesTheConsolidatedUnion(@ForAll long seed) {
        // fails when a merge loses, doubles or misplaces an update, or does not fold equal ones
        with(seed, this::merge);
    }

    private void merge() {
        SortedMap<Row, Diff> a = rows();
        SortedMap<Row, Diff> b = rows();
        if (random.nextInt(4) == 0) {
            // all cancels, or coincides
            b = new TreeMap<>(a);
            if (type.diff() == DiffType.COUNT) {
                b.replaceAll((row, diff) -> new Diff(-diff.number(), diff.payload()));
            }
        }
        try (Batch first = cut(a);
                Batch second = cut(b);
                Batch merged = family.merge(first, second)) {
            assertEquals(0, first.updateCount() + second.updateCount());
            assertEquals(Tries.union(type, List.of(a, b), 0), Chains.read(merged));
            Tries.assertGraded(merged, target);
        }
    }

    @Property(tries = 300)
    void mergingDisjointChainsForwardsTheirChunks(@ForAll long seed) {
        // fails when a chunk below all others is opened or copied although it stands on its own
        with(seed, this::mergeDisjoint);
    }

    private void mergeDisjoint() {
        SortedMap<Row, Diff> model = rows();
        if (model.size() < 2) {
            return;
        }
        Row at = new ArrayList<>(model.keySet()).get(1 + random.nextInt(model.size() - 1));
        try (Batch below = Chains.form(pager, kind, type, model.headMap(at), target);
                Batch above = Chains.form(pager, kind, type, model.tailMap(at), target)) {
            List<Chunk> expected = new ArrayList<>(Tries.chunks(below));
            boolean stands = expected.getLast().flatBytes() + above.chunk(0).flatBytes() > target;
            expected.addAll(Tries.chunks(above));
            long pins = pins();
            try (Batch merged =
                    random.nextBoolean()
                            ? family.merge(below, above)
                            : family.merge(above, below)) {
                if (stands) {
                    assertEquals(expected, Tries.chunks(merged));
                    assertEquals(pins, pins(), "a chunk was opened");
                }
                assertHolds(model, merged);
            }
        }
    }

    // ---- 4: extract by time -------------------------------------------------------------------

    @Property(tries = 600)
    void partingByTimeGivesEachSideItsUpdates(@ForAll long seed) {
        // fails when an update goes to the wrong side, or the residual is not the least time kept
        with(seed, this::part);
    }

    private void part() {
        SortedMap<Row, Diff> model = rows();
        Antichain frontier = Chains.frontier(type.time(), random);
        SortedMap<Row, Diff> open = new TreeMap<>(model);
        open.keySet().removeIf(row -> !frontier.lessEqual(row.time(), row.second()));
        SortedMap<Row, Diff> done = new TreeMap<>(model);
        done.keySet().removeAll(open.keySet());
        Antichain.Builder least = Antichain.builder(type.time());
        open.keySet().forEach(row -> least.insert(row.time(), row.second()));
        Antichain.Builder residual = Antichain.builder(type.time());
        try (Batch batch = cut(model);
                Staging keep = family.staging();
                Staging ship = family.staging()) {
            family.extract(batch, frontier, residual, keep, ship);
            assertEquals(0, batch.updateCount());
            try (Batch kept = keep.finish();
                    Batch shipped = ship.finish()) {
                assertHolds(open, kept);
                assertHolds(done, shipped);
            }
        }
        assertEquals(least.build(), residual.build());
    }

    @Property(tries = 200)
    void partingMovesChunksOfOneSideUnopened(@ForAll long seed) {
        // fails when the time bounds of a chunk do not decide about it
        with(seed, this::partUnopened);
    }

    private void partUnopened() {
        SortedMap<Row, Diff> model = rows();
        try (Batch batch = Chains.form(pager, kind, type, model, target)) {
            List<Chunk> chunks = Tries.chunks(batch);
            long pins = pins();
            boolean all = random.nextBoolean();
            Antichain frontier =
                    all ? Antichain.minimum(type.time()) : Antichain.empty(type.time());
            try (Staging keep = family.staging();
                    Staging ship = family.staging()) {
                family.extract(batch, frontier, Antichain.builder(type.time()), keep, ship);
                try (Batch kept = keep.finish();
                        Batch shipped = ship.finish()) {
                    assertEquals(all ? chunks : List.of(), Tries.chunks(kept));
                    assertEquals(all ? List.of() : chunks, Tries.chunks(shipped));
                    assertEquals(pins, pins(), "a chunk was opened");
                }
            }
        }
    }

    // ---- 5: advance ---------------------------------------------------------------------------

    @Property(tries = 600)
    void advancingMapsTimesAndConsolidates(@ForAll long seed) {
        // fails when times are not moved, not folded, or out of order afterwards
        with(seed, this::advance);
    }

    private void advance() {
        boolean oneGroup = random.nextInt(3) == 0;
        SortedMap<Row, Diff> model =
                oneGroup ? Tries.random(type, random, 1, random.nextInt(60)) : rows();
        Antichain frontier = Chains.frontier(type.time(), random);
        SortedMap<Row, Diff> expected =
                Chains.mapped(
                        type,
                        model,
                        row ->
                                new Row(
                                        row.key(),
                                        row.val(),
                                        frontier.advanceFirst(row.time()),
                                        frontier.advanceSecond(row.second())));
        try (Batch batch = cut(model);
                Batch advanced = family.advance(batch, frontier)) {
            assertEquals(0, batch.updateCount());
            assertHolds(expected, advanced);
        }
    }

    // ---- 6: settle ----------------------------------------------------------------------------

    @Property(tries = 400)
    void settlingGradesAChainAndASecondTimeChangesNothing(@ForAll long seed) {
        // fails when neighbours fit together, a chunk is too large, or settled chunks are remade
        with(seed, this::settle);
    }

    private void settle() {
        SortedMap<Row, Diff> model = rows();
        try (Batch batch = cut(model);
                Batch settled = family.settle(batch)) {
            assertEquals(0, batch.updateCount());
            assertHolds(model, settled);
            List<Chunk> before = Tries.chunks(settled);
            long pins = pins();
            try (Batch again = family.settle(settled)) {
                assertEquals(pins, pins(), "settled chunks were opened");
                assertEquals(before.size(), again.chunkCount());
                for (int i = 0; i < before.size(); i++) {
                    assertSame(before.get(i), again.chunk(i));
                }
            }
        }
    }

    // ---- 7: extract by key --------------------------------------------------------------------

    @Property(tries = 600)
    void extractionIsAFilterByProbes(@ForAll long seed) {
        // fails when a hit is lost at a seam, a miss is copied, or a chunk stays pinned
        with(seed, this::extract);
    }

    private void extract() {
        SortedMap<Row, Diff> model = rows();
        NavigableSet<Datum> wanted = wanted(model);
        try (Batch batch = cut(model);
                ColumnBuilder probes = Tries.column(memory, type.key(), wanted)) {
            try (Batch hits = family.extractKeys(batch, probes.column())) {
                assertHolds(Tries.restrict(model, wanted), hits);
            }
            try (Batch all = family.fetchAll(batch)) {
                assertHolds(model, all);
            }
            assertEquals(model, Chains.read(batch));
        }
    }

    private NavigableSet<Datum> wanted(SortedMap<Row, Diff> model) {
        boolean oneSize = random.nextBoolean();
        TreeSet<Datum> wanted = new TreeSet<>();
        for (int i = 0; i < 13; i++) {
            if (random.nextBoolean()) {
                wanted.add(Tries.datum(type.key(), i, oneSize));
            }
        }
        if (random.nextInt(3) == 0) {
            wanted.addAll(Tries.keys(model.keySet()));
        }
        return wanted;
    }

    @Property(tries = 400)
    void eachChunkConsumesTheProbesBelowItsLastKey(@ForAll long seed) {
        // fails when a probe of a chunk's last key is consumed, or one above it
        with(seed, this::consume);
    }

    private void consume() {
        SortedMap<Row, Diff> model = rows();
        NavigableSet<Datum> wanted = wanted(model);
        List<Datum> list = List.copyOf(wanted);
        try (Batch batch = cut(model);
                ColumnBuilder built = Tries.column(memory, type.key(), wanted)) {
            Column probes = built.column();
            for (long i = 0; i < batch.chunkCount(); i++) {
                SortedMap<Row, Diff> part = Chains.read(batch.chunk(i));
                Datum first = part.firstKey().key();
                Datum last = part.lastKey().key();
                int from = list.isEmpty() ? 0 : random.nextInt(list.size() + 1);
                int expected = from;
                while (expected < list.size() && list.get(expected).compareTo(last) < 0) {
                    expected++;
                }
                for (int p = 0; p < list.size(); p++) {
                    Datum probe = list.get(p);
                    ChunkFamily.Place place =
                            probe.compareTo(first) < 0
                                    ? ChunkFamily.Place.BELOW
                                    : probe.compareTo(last) > 0
                                            ? ChunkFamily.Place.ABOVE
                                            : ChunkFamily.Place.WITHIN;
                    assertEquals(place, family.locate(batch.chunk(i), probes, p));
                }
                try (Staging out = family.staging()) {
                    assertEquals(expected, family.extractInto(batch.chunk(i), probes, from, out));
                    try (Batch hits = out.finish()) {
                        assertHolds(Tries.restrict(part, list.subList(from, list.size())), hits);
                    }
                }
            }
        }
    }

    // ---- 8: cursor ----------------------------------------------------------------------------

    @Property(tries = 400)
    void walkingEqualsTheModel(@ForAll long seed) {
        // fails when the cursor shows a straddling key or val twice, or misses what follows a seam
        with(seed, this::walk);
    }

    private void walk() {
        SortedMap<Row, Diff> model = rows();
        try (Batch batch = cut(model);
                BatchCursor cursor = family.cursor(batch)) {
            assertEquals(model, Chains.walk(type, cursor));
            cursor.rewind();
            NavigableSet<Datum> keys = Tries.keys(model.keySet());
            for (int i = 0; i < 13; i++) {
                Datum wanted = Tries.datum(type.key(), random.nextInt(13), random.nextBoolean());
                if (random.nextBoolean()) {
                    cursor.rewind();
                }
                Datum here = keyOf(cursor);
                Datum expected = keys.ceiling(wanted);
                if (here == null || (expected != null && here.compareTo(expected) > 0)) {
                    expected = here;
                }
                try (ColumnBuilder probe = Tries.column(memory, type.key(), List.of(wanted))) {
                    cursor.seekKey(probe.column(), 0);
                }
                assertEquals(expected, keyOf(cursor));
                if (expected != null) {
                    walkVals(cursor, expected, model);
                }
            }
        }
    }

    private void walkVals(BatchCursor cursor, Datum key, SortedMap<Row, Diff> model) {
        SortedMap<Row, Diff> expected = new TreeMap<>(model);
        expected.keySet().removeIf(row -> !row.key().equals(key));
        cursor.rewindVals();
        if (random.nextBoolean() && type.val().kind() != ColumnType.Kind.UNIT) {
            Datum wanted = Tries.datum(type.val(), random.nextInt(3), random.nextBoolean());
            expected.keySet().removeIf(row -> row.val().compareTo(wanted) < 0);
            try (ColumnBuilder probe = Tries.column(memory, type.val(), List.of(wanted))) {
                cursor.seekVal(probe.column(), 0);
            }
        }
        SortedMap<Row, Diff> seen = new TreeMap<>();
        for (; cursor.hasVal(); cursor.stepVal()) {
            Chains.vals(type, cursor, key, seen);
        }
        assertEquals(expected, seen);
        assertEquals(key, keyOf(cursor));
    }

    private Datum keyOf(BatchCursor cursor) {
        return cursor.hasKey() ? Tries.datum(type.key(), cursor.keys(), cursor.key()) : null;
    }

    // ---- 10: image ----------------------------------------------------------------------------

    @Property(tries = 150)
    void flippingAnyByteOfAnImageIsDetected(@ForAll long seed) {
        // fails when some byte of an image is covered by no check
        with(seed, this::flip);
    }

    private void flip() {
        SortedMap<Row, Diff> model = rows();
        try (Batch batch = Chains.form(pager, kind, type, model, 1 << 30)) {
            if (batch.chunkCount() == 0) {
                return;
            }
            assertFalse(model.isEmpty());
            byte[] image = Images.bytes(batch.chunk(0));
            Images.check(memory, kind, image);
            for (int i = 0; i < image.length; i++) {
                byte[] damaged = image.clone();
                damaged[i] ^= (byte) (1 << random.nextInt(8));
                Images.assertRefused(memory, kind, damaged);
            }
        }
    }
}
