package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What families refuse, by name, and leave as it was. */
class FamilyRefusalTest {

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);

    private final NativeMemory memory = Tries.memory();
    private final Pager pager = Tries.pager(memory, 1 << 30);

    @AfterEach
    void nothingIsLeft() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private static SortedMap<Row, Diff> rows(long... keys) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (long key : keys) {
            rows.put(new Row(Tries.datum(key), Tries.datum(), key), new Diff(1, Tries.datum("")));
        }
        return rows;
    }

    private static void refused(String part, Class<? extends Exception> as, Executable call) {
        String message = assertThrows(as, call).getMessage();
        assertTrue(message.contains(part), message);
    }

    private ChunkKind other(ChunkKind kind) {
        return kind == ChunkKind.TRIE ? ChunkKind.FLAT : ChunkKind.TRIE;
    }

    @ParameterizedTest
    @EnumSource
    void chunksOfTheOtherFamilyOrAnotherType(ChunkKind kind) {
        // fails when the bytes of one layout are read as the other
        try (ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 100);
                Batch own = Chains.form(pager, kind, LONGS, rows(1, 2, 3), 100);
                Batch foreign = Chains.form(pager, other(kind), LONGS, rows(1, 2, 3), 100);
                Batch pairs =
                        Chains.form(
                                pager, kind, LONGS.withTime(TimeType.PAIR), rows(1, 2, 3), 100);
                Staging staging = family.staging();
                ChunkFamily otherFamily = ChunkFamily.of(other(kind), pager, LONGS, 100);
                Staging otherStaging = otherFamily.staging()) {
            for (Batch wrong : new Batch[] {foreign, pairs}) {
                String part = wrong == pairs ? "PAIR" : other(kind).toString();
                Class<IllegalArgumentException> as = IllegalArgumentException.class;
                refused(part, as, () -> family.merge(own, wrong));
                refused(part, as, () -> family.merge(wrong, own));
                refused(part, as, () -> family.settle(wrong));
                refused(part, as, () -> family.advance(wrong, Antichain.of(1)));
                refused(part, as, () -> family.fetchAll(wrong));
                refused(part, as, () -> family.fetchInto(wrong.chunk(0), staging));
                refused(part, as, () -> family.cursor(wrong));
                refused(part, as, () -> own.add(wrong.chunk(0)));
                assertEquals(rows(1, 2, 3), Chains.read(wrong));
            }
            refused(
                    other(kind).toString(),
                    IllegalArgumentException.class,
                    () -> family.fetchInto(own.chunk(0), otherStaging));
            refused(
                    "PAIR",
                    IllegalArgumentException.class,
                    () -> family.advance(own, Antichain.of(1, 2)));
            Antichain.Builder residual = Antichain.builder(TimeType.EPOCH);
            refused(
                    "PAIR",
                    IllegalArgumentException.class,
                    () -> family.extract(own, Antichain.of(1, 2), residual, staging, staging));
            assertEquals(rows(1, 2, 3), Chains.read(own));
        }
    }

    @Test
    void viewsOfTheOtherLayout() {
        // fails when a view is bound to an image that is not its own
        try (Batch trie = Chains.form(pager, ChunkKind.TRIE, LONGS, rows(1), 100);
                Batch flat = Chains.form(pager, ChunkKind.FLAT, LONGS, rows(1), 100)) {
            refused(
                    "FLAT",
                    IllegalArgumentException.class,
                    () -> flat.chunk(0).open(new TrieView()).close());
            refused(
                    "TRIE",
                    IllegalArgumentException.class,
                    () -> trie.chunk(0).open(new FlatView()).close());
            FlatView flatView = new FlatView();
            TrieView trieView = new TrieView();
            try (ChunkPin pin = flat.chunk(0).open(flatView);
                    ChunkPin other = trie.chunk(0).open(trieView)) {
                long flatAt = flatView.offset();
                long trieAt = trieView.offset();
                refused("magic", ImageException.class, () -> new TrieView().bind(memory, flatAt));
                refused("magic", ImageException.class, () -> new FlatView().bind(memory, trieAt));
                refused(
                        "magic",
                        ImageException.class,
                        () -> TrieView.check(memory.segment(), flatAt, 1 << 10));
                refused(
                        "magic",
                        ImageException.class,
                        () -> FlatView.check(memory.segment(), trieAt, 1 << 10));
            }
            assertEquals(0, flatView.rowCount());
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsClosed(ChunkKind kind) {
        // fails when a closed chunk or cursor gives bytes that may be another's, or when whoever is
        // given one is no longer as before
        Class<IllegalStateException> as = IllegalStateException.class;
        try (ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 100);
                Batch own = Chains.form(pager, kind, LONGS, rows(7, 8, 9), 30);
                ColumnBuilder probes = probes(1);
                Staging staging = family.staging()) {
            Batch batch = Chains.form(pager, kind, LONGS, rows(1, 2, 3), 100);
            Chunk chunk = batch.chunk(0);
            BatchCursor cursor = family.cursor(batch);
            cursor.close();
            refused("closed", as, cursor::rewind);
            refused("closed", as, cursor::keys);
            batch.close();
            Antichain.Builder residual = Antichain.builder(TimeType.EPOCH);
            refused("closed", as, () -> family.settle(batch));
            refused("closed", as, () -> family.advance(batch, Antichain.of(1)));
            refused("closed", as, () -> family.merge(own, batch));
            refused("closed", as, () -> family.merge(batch, own));
            refused("closed", as, () -> family.fetchAll(batch));
            refused("closed", as, () -> family.extractKeys(batch, probes.column()));
            refused(
                    "closed",
                    as,
                    () -> family.extract(batch, Antichain.of(1), residual, staging, staging));
            refused("closed", as, () -> family.fetchInto(chunk, staging));
            refused("closed", as, () -> family.locate(chunk, probes.column(), 0));
            refused("closed", as, () -> family.extractInto(chunk, probes.column(), 0, staging));
            refused("closed", as, () -> own.add(chunk));
            assertEquals(rows(7, 8, 9), Chains.read(own));
            assertStillTakes(family, staging, own);
        }
    }

    /** What was refused left nothing in the staging, and it can be used. */
    private static void assertStillTakes(ChunkFamily family, Staging staging, Batch own) {
        for (Chunk each : Tries.chunks(own)) {
            family.fetchInto(each, staging);
        }
        try (Batch result = staging.finish()) {
            assertEquals(Chains.read(own), Chains.read(result));
        }
    }

    private static ChunkPin open(Chunk chunk, TrieView trie, FlatView flat) {
        return chunk.kind() == ChunkKind.TRIE ? chunk.open(trie) : chunk.open(flat);
    }

    @ParameterizedTest
    @EnumSource
    void pinsAfterTheClose(ChunkKind kind) {
        // fails when a pin is taken of what is gone, ends twice, or shows bytes after its end
        for (long budgetBytes : new long[] {1 << 30, 0}) {
            try (Pager place = Tries.pager(memory, budgetBytes)) {
                Batch batch = Chains.form(place, kind, LONGS, rows(1, 2, 3), 10_000);
                Chunk chunk = batch.chunk(0);
                TrieView trie = new TrieView();
                FlatView flat = new FlatView();
                ChunkPin pin = open(chunk, trie, flat);
                Column keys = kind == ChunkKind.TRIE ? trie.keys() : flat.keys();
                batch.close();
                // the pin is a hold of its own
                assertEquals(3, keys.longAt(2));
                pin.close();
                refused("a second time", IllegalStateException.class, pin::close);
                assertThrows(IndexOutOfBoundsException.class, () -> keys.longAt(2));
                assertEquals(0, trie.updateCount() + flat.rowCount());
                refused(
                        "closed",
                        IllegalStateException.class,
                        () -> open(chunk, trie, flat).close());
                refused("closed", IllegalStateException.class, chunk::share);
                refused("closed", IllegalStateException.class, chunk::close);
                assertEquals(0, trie.updateCount() + flat.rowCount());
                assertEquals(0, place.stats().images().pinsOpen());
                assertEquals(0, place.stats().images().count());
            }
        }
    }

    private ColumnBuilder probes(long... keys) {
        ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.LONG);
        for (long key : keys) {
            probes.append(key);
        }
        return probes;
    }

    @ParameterizedTest
    @EnumSource
    void probesOutOfOrder(ChunkKind kind) {
        // fails when unsorted or repeated probes give a result, or half of one
        Class<IllegalArgumentException> as = IllegalArgumentException.class;
        try (ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 10_000);
                Batch batch = Chains.form(pager, kind, LONGS, rows(1, 2, 3), 40);
                ColumnBuilder unsorted = probes(1, 3, 2);
                ColumnBuilder repeated = probes(1, 2, 2);
                ColumnBuilder bytes =
                        Tries.column(memory, ColumnType.BYTES, List.of(Tries.datum("x")));
                Staging staging = family.staging()) {
            Map<ColumnBuilder, String> all =
                    Map.of(
                            unsorted,
                            "probe 2 of 3 is 2 after 3; probes ascend: sort them",
                            repeated,
                            "probe 2 of 3 is 2 after 2; probes ascend: sort them, and take each",
                            bytes,
                            "probes of BYTES, 1 bytes wide, for keys of ColumnType[kind=LONG");
            all.forEach((wrong, part) -> {
                Column column = wrong.column();
                refused(part, as, () -> family.extractKeys(batch, column));
                refused(part, as, () -> family.extractInto(batch.chunk(0), column, 0, staging));
            });
            assertEquals(rows(1, 2, 3), Chains.read(batch));
            assertStillTakes(family, staging, batch);
            assertEquals(0, pager.stats().images().pinsOpen());
        }
    }

    @ParameterizedTest
    @EnumSource
    void piecesOutOfOrder(ChunkKind kind) {
        // fails when what is not above the last update is taken, or some of that is lost
        Class<IllegalArgumentException> as = IllegalArgumentException.class;
        try (Pager paging = Tries.pager(memory, 0);
                ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 10_000);
                Batch middle = Chains.form(paging, kind, LONGS, rows(4, 5, 6), 10_000);
                Batch below = Chains.form(paging, kind, LONGS, rows(1, 2), 10_000);
                Batch above = Chains.form(paging, kind, LONGS, rows(7), 10_000);
                ColumnBuilder last = probes(6);
                Staging staging = family.staging()) {
            // by copy, since nothing of another pager is shared
            family.extractInto(middle.chunk(0), last.column(), 0, staging);
            refused("(1, (), 1)", as, () -> family.fetchInto(below.chunk(0), staging));
            refused("(6, (), 6)", as, () -> family.fetchInto(below.chunk(0), staging));
            refused("ascend", as, () -> family.fetchInto(middle.chunk(0), staging));
            refused(
                    "(6, (), 6)",
                    as,
                    () -> family.extractInto(middle.chunk(0), last.column(), 0, staging));
            family.fetchInto(above.chunk(0), staging);
            try (Batch result = staging.finish()) {
                assertEquals(rows(6, 7), Chains.read(result));
            }
            assertEquals(0, paging.stats().images().pinsOpen());
        }
    }

    @ParameterizedTest
    @EnumSource
    void countsThatOverflow(ChunkKind kind) {
        // fails when a sum wraps around, or what was to be merged is lost
        SortedMap<Row, Diff> most = rows(1);
        most.replaceAll((row, diff) -> new Diff(Long.MAX_VALUE, diff.payload()));
        SortedMap<Row, Diff> later = new TreeMap<>(most);
        later.put(
                new Row(Tries.datum(1L), Tries.datum(), 2),
                new Diff(Long.MAX_VALUE, Tries.datum("")));
        Class<ArithmeticException> as = ArithmeticException.class;
        try (ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 100);
                Batch a = Chains.form(pager, kind, LONGS, most, 100);
                Batch b = Chains.form(pager, kind, LONGS, most, 100);
                Batch c = Chains.form(pager, kind, LONGS, later, 100);
                UpdateBuffer staged = new UpdateBuffer(memory, LONGS)) {
            refused("64 bits hold; keep counts smaller", as, () -> family.merge(a, b));
            assertEquals(most, Chains.read(a));
            assertEquals(most, Chains.read(b));
            refused("64 bits", as, () -> family.advance(c, Antichain.of(2)));
            assertEquals(later, Chains.read(c));
            staged.add(1, 1, Long.MAX_VALUE);
            staged.add(1, 1, 1);
            refused("64 bits", as, () -> family.form(staged));
            staged.add(1, 1, -1);
            try (Batch formed = family.form(staged)) {
                assertEquals(most, Chains.read(formed));
            }
        }
        assertEquals(0, pager.stats().images().pinsOpen());
    }
}
