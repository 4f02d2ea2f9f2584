package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Forming makes no garbage for each row. */
class FormingAllocationTest {

    private static final int ROWS = 100_000;
    private static final double BYTES_PER_ROW_MAX = 0.01;

    /** One chunk a round: what a chunk allocates, some hundred bytes, is not the matter here. */
    private static final long TARGET_BYTES = 1 << 26;

    private interface Rows {
        void addTo(UpdateBuffer buffer, Random random);
    }

    private static final ImageSink DROP =
            new ImageSink() {
                @Override
                public void accept(Lease image, TrieView view) {
                    image.close();
                }
            };

    private static void assertLean(TrieType type, Rows rows) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Random random = new Random(1);
        double least = Double.MAX_VALUE;
        // without debug mode, which records who leased what
        try (NativeMemory memory =
                        NativeMemory.open(NativeMemory.Options.defaults().withDebug(false));
                UpdateBuffer buffer = new UpdateBuffer(memory, type);
                ChainBuilder out =
                        new ChainBuilder(new TrieBuilder(memory, type), TARGET_BYTES, DROP)) {
            // compiled code is what counts: as many rounds as that takes, within reason
            for (int round = 0; round < 300 && least >= BYTES_PER_ROW_MAX; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                rows.addTo(buffer, random);
                buffer.formInto(out);
                out.finish();
                long bytes = threads.getCurrentThreadAllocatedBytes() - before;
                least = Math.min(least, (double) bytes / ROWS);
            }
        }
        assertTrue(least < BYTES_PER_ROW_MAX, type + ": " + least + " bytes a row");
    }

    @Test
    void longsAreFormedWithoutGarbage() {
        // fails when staging, sorting or sealing allocates for each row
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        assertLean(
                type,
                (buffer, random) -> {
                    for (int i = 0; i < ROWS; i++) {
                        buffer.add(random.nextLong(), 3, 1);
                    }
                });
        assertLean(
                type,
                (buffer, random) -> {
                    for (int i = 0; i < ROWS; i++) {
                        buffer.add(random.nextInt(1000), random.nextInt(100), 1);
                    }
                });
    }

    @Test
    void bytesAndUpsertsAreFormedWithoutGarbage() {
        // fails when a key, val or payload becomes an object on its way
        byte[] key = "java.base/java/lang/Object00000".getBytes(StandardCharsets.US_ASCII);
        byte[] val = new byte[32];
        assertLean(
                TrieType.BYTES_TO_BYTES,
                (buffer, random) -> {
                    for (int i = 0; i < ROWS; i++) {
                        fill(key, random.nextInt(90_000));
                        int size = key.length - i % 3;
                        buffer.add(key, 0, size, val, 0, i % 32, i % 2, 1);
                    }
                });
        assertLean(
                TrieType.BYTES_UPSERTS,
                (buffer, random) -> {
                    for (int i = 0; i < ROWS; i++) {
                        fill(key, random.nextInt(90_000));
                        buffer.upsert(key, 0, key.length, i % 2, i, (byte) 1, val, 0, i % 32);
                    }
                });
    }

    private static void fill(byte[] key, int number) {
        for (int i = key.length - 1; i >= key.length - 5; i--) {
            key[i] = (byte) ('0' + number % 10);
            number /= 10;
        }
    }
}
