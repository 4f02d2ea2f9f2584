package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
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
        // fails when a closed chunk or cursor gives bytes that may be another's
        Class<IllegalStateException> as = IllegalStateException.class;
        try (ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 100)) {
            Batch batch = Chains.form(pager, kind, LONGS, rows(1, 2, 3), 100);
            Chunk chunk = batch.chunk(0);
            BatchCursor cursor = family.cursor(batch);
            cursor.close();
            refused("closed", as, cursor::rewind);
            batch.close();
            refused("closed", as, () -> family.settle(batch));
            try (Staging staging = family.staging();
                    ColumnBuilder probes =
                            Tries.column(
                                    memory, ColumnType.LONG, java.util.List.of(Tries.datum(1L)))) {
                refused("closed", as, () -> family.fetchInto(chunk, staging));
                refused("closed", as, () -> family.locate(chunk, probes.column(), 0));
                refused("closed", as, () -> family.extractInto(chunk, probes.column(), 0, staging));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void probesAndPiecesOutOfOrder(ChunkKind kind) {
        // fails when what does not ascend is taken, and makes a chain that cannot be searched
        Class<IllegalArgumentException> as = IllegalArgumentException.class;
        try (ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 10_000);
                Batch batch = Chains.form(pager, kind, LONGS, rows(1, 2, 3), 10_000);
                ColumnBuilder unsorted = ColumnBuilder.distinct(memory, ColumnType.LONG);
                ColumnBuilder bytes =
                        Tries.column(
                                memory, ColumnType.BYTES, java.util.List.of(Tries.datum("x")));
                Staging staging = family.staging()) {
            unsorted.append(2);
            unsorted.append(1);
            refused("ascend", as, () -> family.extractKeys(batch, unsorted.column()));
            refused(
                    "ascend",
                    as,
                    () -> family.extractInto(batch.chunk(0), unsorted.column(), 0, staging));
            refused("BYTES", as, () -> family.extractKeys(batch, bytes.column()));
            // the second time the same rows are not above
            try (Pager paging = Tries.pager(memory, 0);
                    Batch paged = Chains.form(paging, kind, LONGS, rows(1, 2, 3), 10_000)) {
                family.fetchInto(paged.chunk(0), staging);
                assertThrows(as, () -> family.fetchInto(paged.chunk(0), staging));
            }
            try (Batch result = staging.finish()) {
                assertEquals(rows(1, 2, 3), Chains.read(result));
            }
            Map<Row, Diff> unfit = rows(1, 2, 3);
            assertEquals(unfit, Chains.read(batch));
        }
    }

    @ParameterizedTest
    @EnumSource
    void countsThatOverflow(ChunkKind kind) {
        // fails when a sum wraps around
        SortedMap<Row, Diff> most = rows(1);
        most.replaceAll((row, diff) -> new Diff(Long.MAX_VALUE, diff.payload()));
        try (ChunkFamily family = ChunkFamily.of(kind, pager, LONGS, 100);
                Batch a = Chains.form(pager, kind, LONGS, most, 100);
                Batch b = Chains.form(pager, kind, LONGS, most, 100)) {
            refused("64 bits", ArithmeticException.class, () -> family.merge(a, b));
        }
    }
}
