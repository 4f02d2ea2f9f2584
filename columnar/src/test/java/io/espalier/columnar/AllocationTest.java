package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.espalier.columnar.Tries.Datum;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

/** Data never becomes objects: what is allocated on the heap does not grow with the updates. */
class AllocationTest {

    private static final int UPDATES = 1_000_000;

    /** Per update of the input. */
    private static final double HEAP_BYTES_MAX = 0.01;

    /** The objects of an operation itself: builder, merge, cursors, room that grows once. */
    private static final long OPERATION_BYTES = 16 << 10;

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** Longs from {@code first} in steps, each with a count of one at time 1. */
    private static Batch batch(Pager pager, long first, long step) {
        NativeMemory memory = pager.memory();
        Batch batch = new Batch(LONGS);
        try (ChainBuilder out =
                        Tries.chain(pager, LONGS, ChainBuilder.TARGET_BYTES_DEFAULT, batch);
                ColumnBuilder keys = Tries.column(memory, ColumnType.LONG, List.<Datum>of())) {
            for (long key = first; key < UPDATES; key += step) {
                keys.append(key);
            }
            Column column = keys.column();
            TrieBuilder builder = out.builder();
            for (long i = 0; i < column.count(); i++) {
                builder = out.roomForOne();
                builder.openKey(column, i);
                builder.vals().appendUnits(1);
                builder.addCount(1, 1);
            }
            out.finish();
        }
        return batch;
    }

    /** The least of several rounds: the first ones compile and warm up. */
    private void assertSteady(String what, LongSupplier round) {
        double least = Double.MAX_VALUE;
        for (int i = 0; i < 8; i++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            long updates = round.getAsLong();
            long bytes = threads.getCurrentThreadAllocatedBytes() - before;
            least = Math.min(least, (double) (bytes - OPERATION_BYTES) / updates);
        }
        double found = least;
        assertTrue(
                found < HEAP_BYTES_MAX,
                () -> what + " allocates " + found + " bytes of heap for an update");
    }

    @Test
    void mergeMeldExtractAndScanAllocateNothingForAnUpdate() {
        // fails when some object is made for each row, piece or block instead of each chunk
        try (NativeMemory memory = NativeMemory.open(NativeMemory.Options.defaults());
                Pager pager = Tries.pager(memory, 1 << 30);
                Batch even = batch(pager, 0, 2);
                Batch odd = batch(pager, 1, 2);
                Batch all = batch(pager, 0, 1);
                ColumnBuilder probes = Tries.column(memory, ColumnType.LONG, List.<Datum>of())) {
            for (long key = 0; key < UPDATES; key += 2) {
                probes.append(key);
            }
            Column column = probes.column();
            assertSteady(
                    "merge",
                    () -> {
                        try (Batch merged = new Batch(LONGS)) {
                            try (ChainBuilder out = chain(pager, merged);
                                    Merge merge = new Merge(List.of(even, odd), false, 0, out)) {
                                merge.run();
                            }
                            assertEquals(UPDATES, merged.updateCount());
                            return UPDATES;
                        }
                    });
            Extractor extractor = new Extractor();
            assertSteady(
                    "extraction of every other key",
                    () -> {
                        try (Batch staging = new Batch(LONGS)) {
                            try (ChainBuilder out = chain(pager, staging)) {
                                extractor.extract(all, column, out);
                                out.finish();
                            }
                            assertEquals(UPDATES / 2, staging.updateCount());
                            return UPDATES;
                        }
                    });
            TrieView view = new TrieView();
            assertSteady(
                    "meld",
                    () -> {
                        try (Batch copy = new Batch(LONGS)) {
                            try (ChainBuilder out = chain(pager, copy)) {
                                for (long i = 0; i < all.chunkCount(); i++) {
                                    ChunkPin pin = all.open(i, view);
                                    out.appendKeys(view, 0, view.keyCount());
                                    pin.close();
                                }
                                out.finish();
                            }
                            return copy.updateCount();
                        }
                    });
            long[] sum = {0};
            Cursor.Times times = (time, diff) -> sum[0] += diff;
            assertSteady(
                    "scan",
                    () -> {
                        sum[0] = 0;
                        try (Cursor cursor = new Cursor(all)) {
                            for (; cursor.hasKey(); cursor.stepKey()) {
                                for (; cursor.hasVal(); cursor.stepVal()) {
                                    cursor.mapTimes(times);
                                }
                            }
                        }
                        assertEquals(UPDATES, sum[0]);
                        return UPDATES;
                    });
        }
    }

    private static ChainBuilder chain(Pager pager, Batch batch) {
        return Tries.chain(pager, LONGS, ChainBuilder.TARGET_BYTES_DEFAULT, batch);
    }
}
