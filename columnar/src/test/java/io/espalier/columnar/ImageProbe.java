package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Hands any bytes to the reader of images. They are refused with a reason; or accepted, and then
 * everything that can be done to a chunk is done to them. Whether that looks at bytes which are not
 * the image's is seen by doing it twice, with other bytes behind it.
 */
final class ImageProbe implements AutoCloseable {

    /** What became of some bytes. */
    enum Verdict {
        /** Not an image: an {@link ImageException} said why. */
        REFUSED,
        /**
         * An image whose values are not in order, which {@link TrieView#firstDisorder} says. Nobody
         * promises what operations make of it, but that they stay within the image and end.
         */
        DISORDERED,
        /** An image: everything works. */
        VALID
    }

    /** The verdict, why, and a digest of everything that was read. */
    record Outcome(Verdict verdict, String reason, long digest) {}

    private static final int BEHIND_BYTES = 1 << 12;

    private final NativeMemory memory = NativeMemory.open();
    private final Pager pager = TestPagers.open(memory);
    private final Pager paging = TestPagers.openWithoutBudget(memory);
    private long digest;

    Outcome probe(byte[] bytes) {
        Outcome one = probe(bytes, (byte) 0);
        Outcome two = probe(bytes, (byte) 0xFF);
        assertEquals(one, two, "what is read depends on bytes behind the image");
        return one;
    }

    private Outcome probe(byte[] bytes, byte behind) {
        digest = 1;
        Lease lease = memory.allocate(bytes.length + BEHIND_BYTES);
        MemorySegment segment = memory.segment();
        MemorySegment.copy(bytes, 0, segment, Layouts.BYTE, lease.offset(), bytes.length);
        segment.asSlice(lease.offset() + bytes.length, BEHIND_BYTES).fill(behind);
        TrieView view = new TrieView();
        try {
            TrieView.check(segment, lease.offset(), bytes.length);
            view.bind(memory, lease.offset());
        } catch (ImageException e) {
            lease.close();
            assertNotNull(e.getMessage());
            assertFalse(e.getMessage().isEmpty());
            return new Outcome(Verdict.REFUSED, e.getMessage(), 0);
        }
        walk(view);
        String disorder = view.firstDisorder();
        TrieType type = view.type();
        SortedMap<Row, Diff> rows = new TreeMap<>();
        if (disorder == null) {
            Tries.read(view, rows);
        }
        TreeSet<Datum> keys = new TreeSet<>();
        for (long key = 0; key < view.keyCount(); key++) {
            keys.add(Tries.datum(type.key(), view.keys(), key));
        }
        try (Batch batch = new Batch(type)) {
            batch.add(Chunk.of(pager, lease, view, 1));
            if (disorder == null) {
                useAll(batch, keys, rows);
            } else {
                useAnyhow(batch, keys);
            }
        }
        long mapped = paging.stats().segments().count();
        assertEquals(mapped, memory.stats().leases(), "leases left");
        return disorder == null
                ? new Outcome(Verdict.VALID, "", digest)
                : new Outcome(Verdict.DISORDERED, disorder, digest);
    }

    /** The same with bytes that may be a flat image. */
    Outcome probeFlat(byte[] bytes) {
        Outcome one = probeFlat(bytes, (byte) 0);
        Outcome two = probeFlat(bytes, (byte) 0xFF);
        assertEquals(one, two, "what is read depends on bytes behind the image");
        return one;
    }

    private Outcome probeFlat(byte[] bytes, byte behind) {
        digest = 1;
        Lease lease = memory.allocate(bytes.length + BEHIND_BYTES);
        MemorySegment segment = memory.segment();
        MemorySegment.copy(bytes, 0, segment, Layouts.BYTE, lease.offset(), bytes.length);
        segment.asSlice(lease.offset() + bytes.length, BEHIND_BYTES).fill(behind);
        FlatView view = new FlatView();
        try {
            FlatView.check(segment, lease.offset(), bytes.length);
            view.bind(memory, lease.offset());
        } catch (ImageException e) {
            lease.close();
            assertFalse(String.valueOf(e.getMessage()).isEmpty());
            return new Outcome(Verdict.REFUSED, e.getMessage(), 0);
        }
        walk(view);
        String disorder = view.firstDisorder();
        TrieType type = view.type();
        TreeSet<Datum> keys = new TreeSet<>();
        for (long row = 0; row < view.rowCount(); row++) {
            keys.add(Tries.datum(type.key(), view.keys(), row));
        }
        SortedMap<Row, Diff> rows = new TreeMap<>();
        if (disorder == null) {
            Chains.read(view, rows);
        }
        try (Batch batch = new Batch(type, ChunkKind.FLAT);
                ChunkFamily family = ChunkFamily.flat(pager, type, 100)) {
            batch.add(Chunk.of(pager, lease, view, 1));
            if (disorder == null) {
                useAll(family, batch, keys, rows);
            } else {
                anyhow(() -> useAll(family, batch, keys));
            }
        }
        long mapped = paging.stats().segments().count();
        assertEquals(mapped, memory.stats().leases(), "leases left");
        return disorder == null
                ? new Outcome(Verdict.VALID, "", digest)
                : new Outcome(Verdict.DISORDERED, disorder, digest);
    }

    private void walk(FlatView view) {
        for (long row = 0; row < view.rowCount(); row++) {
            add(view.keys(), row);
            add(view.vals(), row);
            add(view.timeAt(row));
            add(view.secondTimeAt(row));
            add(view.diffAt(row));
            if (view.type().diff() == DiffType.UPSERT) {
                add(view.payloads(), row);
            }
            assertTrue(view.keyEnd(row) > row && view.valEnd(row) > row);
        }
        assertTrue(view.flatBytes(0, view.rowCount()) > 0);
    }

    private void useAll(
            ChunkFamily family, Batch batch, Set<Datum> keys, SortedMap<Row, Diff> rows) {
        try (ColumnBuilder probes = Tries.column(memory, batch.type().key(), keys);
                BatchCursor cursor = family.cursor(batch)) {
            assertEquals(rows, Chains.walk(batch.type(), cursor));
            try (Batch staging = family.extractKeys(batch, probes.column())) {
                assertEquals(rows, Chains.read(staging));
            }
        }
        try (Batch one = family.fetchAll(batch);
                Batch two = family.fetchAll(batch);
                Batch merged = family.merge(one, two)) {
            assertEquals(Tries.union(batch.type(), List.of(rows, rows), 0), Chains.read(merged));
        } catch (ArithmeticException e) {
            assertTrue(rows.values().stream().anyMatch(d -> d.number() != (int) d.number()));
        }
    }

    /** Without a look at what comes out. */
    private void useAll(ChunkFamily family, Batch batch, Set<Datum> keys) {
        try (ColumnBuilder probes = Tries.column(memory, batch.type().key(), keys);
                BatchCursor cursor = family.cursor(batch);
                Batch staging = family.extractKeys(batch, probes.column())) {
            add(staging.updateCount());
            for (; cursor.hasKey(); cursor.stepKey()) {
                for (; cursor.hasVal(); cursor.stepVal()) {
                    add(cursor.vals(), cursor.val());
                }
            }
        }
        try (Batch one = family.fetchAll(batch);
                Batch two = family.fetchAll(batch);
                Batch merged = family.merge(one, two)) {
            add(merged.updateCount());
        }
    }

    private void add(long number) {
        digest = digest * 0x9E3779B97F4A7C15L + number;
    }

    private void add(Column column, long index) {
        long size = column.sizeOf(index);
        assertTrue(size >= 0);
        add(size);
        byte[] bytes =
                column.segment()
                        .asSlice(column.offsetOf(index), size)
                        .toArray(ValueLayout.JAVA_BYTE);
        for (byte b : bytes) {
            add(b);
        }
        assertEquals(0, Column.compare(column, index, column, index));
    }

    /** By index, which no order of values can disturb. */
    private void walk(TrieView view) {
        long updates = 0;
        for (long key = 0; key < view.keyCount(); key++) {
            add(view.keys(), key);
            for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
                add(view.vals(), val);
                for (long i = view.updatesFrom(val); i < view.updatesTo(val); i++) {
                    assertEquals(val, view.valOfUpdate(i));
                    assertEquals(key, view.keyOfVal(val));
                    add(view.timeAt(i));
                    add(view.secondTimeAt(i));
                    add(view.diffAt(i));
                    if (view.type().diff() == DiffType.UPSERT) {
                        add(view.payloads(), i);
                    }
                    updates++;
                }
            }
        }
        assertEquals(view.updateCount(), updates);
        assertTrue(updates <= view.sizeBytes(), "a walk takes time in proportion to the size");
        assertTrue(view.flatBytes() > 0);
        assertTrue(view.flatBytesOfLast() > 0);
        add(view.diffSum());
    }

    /** Everything that reads a chunk gives what the image holds. */
    private void useAll(Batch batch, Set<Datum> keys, SortedMap<Row, Diff> rows) {
        TrieType type = batch.type();
        assertEquals(rows, cursorWalk(batch));
        TreeSet<Datum> some = new TreeSet<>();
        boolean take = true;
        for (Datum key : keys) {
            if (take) {
                some.add(key);
            }
            take = !take;
        }
        assertEquals(rows, extract(batch, keys));
        assertEquals(Tries.restrict(rows, some), extract(batch, some));
        try (Batch fetched = fetch(batch, pager)) {
            assertEquals(rows, Tries.read(fetched));
        }
        try (Batch fetched = fetch(batch, paging);
                Batch merged = merge(List.of(batch, fetched), 0)) {
            assertEquals(Tries.union(type, List.of(rows, rows), 0), Tries.read(merged));
        } catch (ArithmeticException e) {
            assertTrue(rows.values().stream().anyMatch(d -> d.number() != (int) d.number()));
        }
        if (type.diff() == DiffType.COUNT && type.time() == TimeType.EPOCH) {
            long since = rows.keySet().stream().map(Row::time).max(Long::compareUnsigned).get();
            try (Batch merged = merge(List.of(batch), since)) {
                assertEquals(Tries.union(type, List.of(rows), since), Tries.read(merged));
            } catch (ArithmeticException e) {
                assertTrue(rows.values().stream().anyMatch(d -> d.number() != (int) d.number()));
            }
        }
    }

    /** The same, where exceptions that say what is wrong are as good as an answer. */
    private void useAnyhow(Batch batch, Set<Datum> keys) {
        anyhow(() -> {
            try (Cursor cursor = new Cursor(batch)) {
                for (; cursor.hasKey(); cursor.stepKey()) {
                    add(cursor.keys(), cursor.key());
                    for (; cursor.hasVal(); cursor.stepVal()) {
                        add(cursor.vals(), cursor.val());
                        cursor.mapTimes((time, diff) -> add(time ^ diff));
                    }
                }
            }
        });
        anyhow(() -> {
            try (ColumnBuilder probes = Tries.column(memory, batch.type().key(), keys);
                    Batch staging = new Batch(batch.type());
                    ChainBuilder out = Tries.chain(pager, batch.type(), 60, staging)) {
                new Extractor().extract(batch, probes.column(), out);
                out.finish();
                add(staging.updateCount());
            }
        });
        anyhow(() -> {
            try (Batch fetched = fetch(batch, paging)) {
                add(fetched.updateCount());
                merge(List.of(batch, fetched), 0).close();
            }
        });
        if (batch.type().diff() == DiffType.COUNT) {
            anyhow(() -> merge(List.of(batch), 2).close());
        }
    }

    private void anyhow(Runnable use) {
        try {
            use.run();
            add(1);
        } catch (IllegalArgumentException | ArithmeticException | AssertionError e) {
            // the builder noticed that what it is given does not ascend
            add(2);
        }
    }

    private static SortedMap<Row, Diff> cursorWalk(Batch batch) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        try (Cursor cursor = new Cursor(batch)) {
            for (; cursor.hasKey(); cursor.stepKey()) {
                Datum key = Tries.datum(batch.type().key(), cursor.keys(), cursor.key());
                for (; cursor.hasVal(); cursor.stepVal()) {
                    Datum val = Tries.datum(batch.type().val(), cursor.vals(), cursor.val());
                    cursor.mapUpdates((view, i) ->
                            rows.put(
                                    new Row(key, val, view.timeAt(i), view.secondTimeAt(i)),
                                    Tries.diff(view, i)));
                }
            }
        }
        return rows;
    }

    private SortedMap<Row, Diff> extract(Batch batch, Set<Datum> keys) {
        try (ColumnBuilder probes = Tries.column(memory, batch.type().key(), keys);
                Batch staging = new Batch(batch.type());
                ChainBuilder out = Tries.chain(pager, batch.type(), 60, staging)) {
            new Extractor().extract(batch, probes.column(), out);
            out.finish();
            return Tries.read(staging);
        }
    }

    private static Batch fetch(Batch batch, Pager pager) {
        Batch fetched = new Batch(batch.type());
        boolean done = false;
        try (ChainBuilder out = Tries.chain(pager, batch.type(), 100, fetched)) {
            new Extractor().fetch(batch, out);
            out.finish();
            done = true;
        } finally {
            if (!done) {
                fetched.close();
            }
        }
        return fetched;
    }

    private Batch merge(List<Batch> runs, long since) {
        Batch merged = new Batch(runs.getFirst().type());
        boolean done = false;
        try (ChainBuilder out = Tries.chain(pager, merged.type(), 100, merged);
                Merge merge = new Merge(runs, false, since, out)) {
            merge.run();
            done = true;
        } finally {
            if (!done) {
                merged.close();
            }
        }
        return merged;
    }

    @Override
    public void close() {
        paging.close();
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }
}
