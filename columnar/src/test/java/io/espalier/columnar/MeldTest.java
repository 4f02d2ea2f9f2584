package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.testing.Seed;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Pieces of a chunk, melded, are the chunk. */
class MeldTest {

    private final NativeMemory memory = Tries.memory();
    private final TrieView view = new TrieView();
    private final TrieView made = new TrieView();

    @AfterEach
    void nothingIsLeft() {
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    /** One image of the rows. */
    private Lease image(TrieType type, SortedMap<Row, Diff> rows) {
        Lease[] image = new Lease[1];
        ImageSink sink = (lease, sealed) -> image[0] = lease;
        try (ChainBuilder out = new ChainBuilder(new TrieBuilder(memory, type), 1 << 30, sink)) {
            Tries.add(memory, out, rows);
            out.finish();
        }
        return image[0];
    }

    private byte[] bytes(Lease lease) {
        return memory.segment()
                .asSlice(lease.offset(), lease.sizeBytes())
                .toArray(ValueLayout.JAVA_BYTE);
    }

    private SortedMap<Row, Diff> read(Lease lease) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        Tries.read(made.bind(memory, lease.offset()), rows);
        return rows;
    }

    @Test
    void everySplitByKeysMeldsBackToTheChunk() {
        // fails when a seam loses a bound, a constant, or a member of an open group
        for (int seed = 0; seed < 25; seed++) {
            Random random = new Random(Seed.value() + seed);
            for (TrieType type : Tries.TYPES) {
                SortedMap<Row, Diff> rows = Tries.random(type, random, 8, 20);
                if (rows.isEmpty()) {
                    continue;
                }
                try (TrieBuilder builder = new TrieBuilder(memory, type);
                        Lease whole = image(type, rows)) {
                    view.bind(memory, whole.offset());
                    for (long from = 0; from <= view.keyCount(); from++) {
                        for (long to = from; to <= view.keyCount(); to++) {
                            builder.meldKeys(view, 0, from);
                            builder.meldKeys(view, from, to);
                            builder.meldKeys(view, to, view.keyCount());
                            assertSame(rows, builder);
                        }
                    }
                }
            }
        }
    }

    @Test
    void everySplitByUpdatesMeldsBackToTheChunk() {
        // fails when a piece that starts or ends within a key or a val is sewn on wrongly
        for (int seed = 0; seed < 25; seed++) {
            Random random = new Random(Seed.value() + seed);
            for (TrieType type : Tries.TYPES) {
                SortedMap<Row, Diff> rows = Tries.random(type, random, 5, 20);
                if (rows.isEmpty()) {
                    continue;
                }
                try (TrieBuilder builder = new TrieBuilder(memory, type);
                        Lease whole = image(type, rows)) {
                    view.bind(memory, whole.offset());
                    long count = view.updateCount();
                    for (long from = 0; from <= count; from++) {
                        for (long to = from; to <= count; to++) {
                            builder.appendUpdates(view, 0, from);
                            builder.appendUpdates(view, from, to);
                            builder.appendUpdates(view, to, count);
                            assertSame(rows, builder);
                        }
                    }
                }
            }
        }
    }

    private void assertSame(SortedMap<Row, Diff> rows, TrieBuilder builder) {
        assertEquals(rows.size(), builder.updateCount());
        long flat = builder.flatBytes();
        long size = builder.sealedBytes();
        try (Lease sealed = builder.seal()) {
            assertEquals(size, sealed.sizeBytes());
            assertEquals(rows, read(sealed));
            assertEquals(flat, made.flatBytes());
            TrieView.stamp(memory.segment(), sealed.offset());
            TrieView.check(memory.segment(), sealed.offset(), sealed.sizeBytes());
        }
    }

    @Test
    void equalPiecesGiveEqualBytesInRecycledMemory() {
        // fails when padding or an unused field keeps what the memory held before
        Random random = new Random(Seed.value());
        for (TrieType type : Tries.TYPES) {
            SortedMap<Row, Diff> rows = Tries.random(type, random, 10, 41);
            byte[] before;
            try (Lease first = image(type, rows)) {
                before = bytes(first);
            }
            try (Lease other = image(type, Tries.random(type, random, 12, 60));
                    Lease second = image(type, rows);
                    TrieBuilder builder = new TrieBuilder(memory, type)) {
                assertArrayEquals(before, bytes(second));
                // and a melded whole is canonical: melding it again changes no byte
                builder.meld(view.bind(memory, second.offset()));
                try (Lease melded = builder.seal()) {
                    builder.meld(view.bind(memory, melded.offset()));
                    try (Lease again = builder.seal()) {
                        assertArrayEquals(bytes(melded), bytes(again));
                    }
                }
                assertEquals(true, other.sizeBytes() > 0);
            }
        }
    }

    @Test
    void aPieceThatIsNotAboveIsRefusedAndLeavesTheBuilderAsItWas() {
        // fails when a refused piece is half taken, or an overlap is taken at all
        Random random = new Random(Seed.value());
        for (TrieType type : Tries.TYPES) {
            SortedMap<Row, Diff> rows = Tries.random(type, random, 6, 30);
            try (Lease whole = image(type, rows);
                    TrieBuilder builder = new TrieBuilder(memory, type)) {
                view.bind(memory, whole.offset());
                for (long end = 1; end <= view.updateCount(); end++) {
                    for (long from = 0; from < end; from++) {
                        builder.appendUpdates(view, 0, end);
                        long at = from;
                        assertThrows(
                                IllegalArgumentException.class,
                                () -> builder.appendUpdates(view, at, view.updateCount()));
                        builder.appendUpdates(view, end, view.updateCount());
                        assertSame(rows, builder);
                    }
                }
                assertThrows(
                        IndexOutOfBoundsException.class,
                        () -> builder.meldKeys(view, 0, view.keyCount() + 1));
                assertThrows(IndexOutOfBoundsException.class, () -> builder.meldKeys(view, 2, 1));
                assertThrows(IllegalStateException.class, builder::seal);
            }
        }
    }

    @Test
    void anImageMadeInTheRoomOfItsLargestColumnIsLikeAnyOther() {
        // fails when sealing in place loses or keeps too much, or an earlier chunk shows through
        Random random = new Random(Seed.value() + 77);
        int inPlace = 0;
        for (TrieType type : Tries.TYPES) {
            try (TrieBuilder reused = new TrieBuilder(memory, type)) {
                for (int round = 0; round < 40; round++) {
                    int size = 1 + random.nextInt(round % 3 == 0 ? 10 : 2000);
                    SortedMap<Row, Diff> rows = Tries.random(type, random, 500, size);
                    if (rows.isEmpty()) {
                        continue;
                    }
                    try (Lease expected = image(type, rows)) {
                        view.bind(memory, expected.offset());
                        long middle = random.nextLong(view.updateCount());
                        reused.appendUpdates(view, 0, middle);
                        reused.appendUpdates(view, middle, view.updateCount());
                        long leases = memory.stats().leases();
                        try (Lease sealed = reused.seal()) {
                            assertArrayEquals(bytes(expected), bytes(sealed));
                            assertEquals(expected.accountedBytes(), sealed.accountedBytes());
                            inPlace += memory.stats().leases() == leases ? 1 : 0;
                        }
                    }
                }
            }
        }
        assertTrue(inPlace >= 40, inPlace + " in place");
    }

    @Test
    void timeBoundsAreThoseOfWhatIsLeftAfterFolding() {
        // fails when a time that cancelled is still counted as the least or the greatest
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        SortedMap<Row, Diff> rows = new TreeMap<>();
        rows.put(new Row(Tries.datum(1L), Tries.datum(), 5), new Diff(1, Tries.datum("")));
        rows.put(new Row(Tries.datum(2L), Tries.datum(), 6), new Diff(1, Tries.datum("")));
        rows.put(new Row(Tries.datum(3L), Tries.datum(), 9), new Diff(1, Tries.datum("")));
        try (Lease whole = image(type, rows);
                TrieBuilder builder = new TrieBuilder(memory, type)) {
            builder.meld(view.bind(memory, whole.offset()));
            builder.foldIntoLast(-1);
            try (Lease part = builder.seal()) {
                made.bind(memory, part.offset());
                assertEquals(5, made.timeMin());
                assertEquals(6, made.timeMax());
            }
        }
    }

    @Test
    void aConstantColumnStaysConstantThroughExtractionOfPartOfIt() {
        // fails when bytes an update grow because a chunk was cut out of a more varied one
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        SortedMap<Row, Diff> rows = new TreeMap<>();
        for (int i = 0; i < 1000; i++) {
            rows.put(
                    new Row(Tries.datum((long) i), Tries.datum(), i < 900 ? 7 : i),
                    new Diff(i < 900 ? 1 : i, Tries.datum("")));
        }
        try (Lease whole = image(type, rows);
                TrieBuilder builder = new TrieBuilder(memory, type)) {
            builder.meldKeys(view.bind(memory, whole.offset()), 0, 900);
            try (Lease part = builder.seal()) {
                assertEquals(TrieLayout.HEADER_BYTES + 900 * 8 + 16, part.sizeBytes());
            }
        }
    }
}
