package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.espalier.columnar.BulkReadTest.Where;
import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.testing.Seed;
import java.lang.management.ManagementFactory;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import jdk.jfr.FlightRecorder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Bulk reads that replace each other. */
class ExcerptTest {

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
    private static final long CHUNK_BYTES = 9 << 10;
    private static final int ROUNDS = 300;
    private static final long EVENT_BYTES = 64;

    private static SortedMap<Row, Diff> read(Excerpt excerpt) {
        SortedMap<Row, Diff> rows = new TreeMap<>();
        TrieView view = new TrieView();
        long bytes = 0;
        for (long i = 0; i < excerpt.chunkCount(); i++) {
            Tries.read(excerpt.bind(i, view), rows);
            bytes += view.sizeBytes();
        }
        assertEquals(rows.size(), excerpt.updateCount());
        assertEquals(bytes, excerpt.sizeBytes());
        return rows;
    }

    @ParameterizedTest
    @EnumSource(Where.class)
    void everyReadReplacesTheOneBefore(Where where) {
        // fails when something of an earlier read is left, a hit is missed, a body that was read
        // for one chunk shows in another, or memory or a pin stays behind
        Random random = new Random(Seed.value() + 41);
        try (NativeMemory memory = Tries.memory()) {
            for (TrieType type : Tries.TYPES) {
                SortedMap<Row, Diff> rows = BulkReadTest.rows(type, random, false);
                try (Pager pager = BulkReadTest.pager(memory, where);
                        Batch batch = Tries.form(pager, type, rows, CHUNK_BYTES)) {
                    for (long target : new long[] {CHUNK_BYTES, 1000}) {
                        try (Excerpt excerpt = new Excerpt(memory, type, target)) {
                            readAll(excerpt, batch, rows, random);
                        }
                        BulkReadTest.assertNothingLeft(pager, where);
                    }
                }
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void readAll(
            Excerpt excerpt, Batch batch, SortedMap<Row, Diff> rows, Random random) {
        TrieType type = batch.type();
        for (int step : new int[] {1, 2, 4, 10, 100}) {
            for (boolean clustered : new boolean[] {false, true}) {
                Set<Datum> wanted = BulkReadTest.probes(type.key(), random, step, clustered, false);
                SortedMap<Row, Diff> expected = Tries.restrict(rows, wanted);
                try (ColumnBuilder probes =
                        Tries.column(batch.chunk(0).fence().memory(), type.key(), wanted)) {
                    excerpt.extract(batch, probes.column());
                    assertEquals(expected, read(excerpt));
                    assertRun(excerpt, expected, probes.column());
                }
            }
        }
        excerpt.fetch(batch);
        assertEquals(rows, read(excerpt));
    }

    /** It is a run like others: found in by probes, and walked. */
    private static void assertRun(Excerpt excerpt, SortedMap<Row, Diff> rows, Column probes) {
        long keys = 0;
        try (Cursor cursor = new Cursor(excerpt)) {
            for (; cursor.hasKey(); cursor.stepKey()) {
                keys++;
            }
        }
        assertEquals(Tries.keys(rows.keySet()).size(), keys);
        long found = 0;
        try (Cursor cursor = new Cursor(excerpt)) {
            for (long i = 0; i < probes.count() && cursor.hasKey(); i++) {
                cursor.seekKey(probes, i);
                found +=
                        cursor.hasKey()
                                        && Column.compare(cursor.keys(), cursor.key(), probes, i)
                                                == 0
                                ? 1
                                : 0;
            }
        }
        assertEquals(keys, found);
    }

    @ParameterizedTest
    @EnumSource(Where.class)
    void whatIsReadCanBeHandedOver(Where where) {
        // fails when a chunk is lost on the way into a batch, or freed twice
        Random random = new Random(Seed.value() + 42);
        try (NativeMemory memory = Tries.memory()) {
            SortedMap<Row, Diff> rows = BulkReadTest.rows(LONGS, random, true);
            try (Pager pager = BulkReadTest.pager(memory, where);
                    Pager results = BulkReadTest.pager(memory, Where.RESIDENT);
                    Batch batch = Tries.form(pager, LONGS, rows, CHUNK_BYTES);
                    Excerpt excerpt = new Excerpt(memory, LONGS, CHUNK_BYTES)) {
                for (int round = 0; round < 2; round++) {
                    try (Batch kept = new Batch(LONGS)) {
                        excerpt.fetch(batch);
                        excerpt.handOver(kept.sink(results, 0));
                        assertEquals(0, excerpt.chunkCount());
                        assertEquals(0, excerpt.updateCount());
                        assertEquals(rows, Tries.read(kept));
                    }
                }
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    @Test
    void badUseIsRefusedAndLeavesNothing() {
        // fails when a view that is pinned is pulled from under its user, or a failure leaves half
        // of a read, or a lease
        try (NativeMemory memory = Tries.memory()) {
            SortedMap<Row, Diff> rows = BulkReadTest.rows(LONGS, new Random(1), true);
            Excerpt excerpt = new Excerpt(memory, LONGS, CHUNK_BYTES);
            try (Pager pager = BulkReadTest.pager(memory, Where.RESIDENT);
                    Batch batch = Tries.form(pager, LONGS, rows, CHUNK_BYTES);
                    ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.LONG)) {
                probes.append(1);
                probes.append(0);
                excerpt.fetch(batch);
                TrieView view = new TrieView();
                ChunkPin pin = excerpt.open(0, view);
                refused("1 pins are open", () -> excerpt.fetch(batch));
                refused("1 pins are open", excerpt::clear);
                assertEquals(rows, read(excerpt));
                pin.close();
                refused("second time", pin::close);
                assertThrows(IndexOutOfBoundsException.class, () -> excerpt.bind(-1, view));
                assertThrows(
                        IndexOutOfBoundsException.class,
                        () -> excerpt.bind(excerpt.chunkCount(), view));
                assertThrows(
                        IllegalArgumentException.class,
                        () -> excerpt.extract(batch, probes.column()));
                assertEquals(0, excerpt.chunkCount());
                excerpt.fetch(batch);
                assertEquals(rows, read(excerpt));
                excerpt.close();
                excerpt.close();
                refused("is closed", () -> excerpt.fetch(batch));
                refused("is closed", excerpt::begin);
            }
            assertEquals(0, memory.stats().leases());
        }
    }

    private static void refused(String part, org.junit.jupiter.api.function.Executable use) {
        IllegalStateException e = assertThrows(IllegalStateException.class, use);
        assertTrue(String.valueOf(e.getMessage()).contains(part), e::getMessage);
    }

    @ParameterizedTest
    // not zstd: where its library calls through the JDK's linker, it makes segments for each block
    @EnumSource(
            value = Where.class,
            names = {"RESIDENT", "NONE", "LZ4"})
    void chunksThatAreOnlyPassedMakeNoObject(Where where) {
        // fails when a visit makes a pin, a lease, a buffer or a slice for each chunk
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int keys = 40_000;
        // not in debug mode, which remembers who took what
        try (NativeMemory memory = NativeMemory.open(NativeMemory.Options.defaults());
                Pager pager = BulkReadTest.pager(memory, where);
                Batch batch = new Batch(LONGS);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.LONG);
                Excerpt excerpt = new Excerpt(memory, LONGS)) {
            try (ChainBuilder out = Tries.chain(pager, LONGS, 16 << 10, batch);
                    UpdateBuffer buffer = new UpdateBuffer(memory, LONGS)) {
                for (long key = 0; key < keys; key++) {
                    buffer.add(key, 0, 1);
                    if (key % 100 == 50) {
                        probes.append(key);
                    }
                }
                buffer.formInto(out);
                out.finish();
            }
            long least = Long.MAX_VALUE;
            for (int round = 0; round < ROUNDS; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                excerpt.extract(batch, probes.column());
                excerpt.clear();
                long bytes = threads.getCurrentThreadAllocatedBytes() - before;
                least = Math.min(least, bytes);
            }
            assertTrue(batch.chunkCount() > 50);
            // one chunk of hits, and nothing for each of those that were passed; but if another
            // test
            // of this process has used the flight recorder, every read of a page is an event
            long chunkBytes = FlightRecorder.isInitialized() ? EVENT_BYTES : 0;
            long found = least;
            assertTrue(
                    found < 4 * batch.chunkCount() + chunkBytes * batch.chunkCount(),
                    () -> found + " bytes of heap for " + batch.chunkCount() + " chunks");
        }
    }
}
