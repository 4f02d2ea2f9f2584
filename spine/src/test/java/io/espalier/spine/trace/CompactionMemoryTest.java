package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.columnar.ChainBuilder;
import io.espalier.memory.Layouts;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A compaction of much more than fits takes no more memory than a small one. */
class CompactionMemoryTest {

    private static final long BUDGET_BYTES = 8 << 20;
    private static final int VALUE_BYTES = 2000;
    private static final int ROWS = 8000;
    private static final int COMMITS = 6;

    private static final Path STATUS = Path.of("/proc/self/status");

    @TempDir Path folder = Path.of("");

    /** How many bytes of mapped files are in memory. */
    private static long residentFileBytes() {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith("RssFile:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) << 10;
                }
            }
            return 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void fill(NativeMemory memory, TraceStore store, Random random) {
        long epoch = store.upper();
        try (Commit commit = store.begin();
                NativeBuffer row = new NativeBuffer(memory)) {
            byte[] value = new byte[VALUE_BYTES];
            random.nextBytes(value);
            row.append(new byte[Long.BYTES], 0, Long.BYTES);
            row.append(value, 0, value.length);
            MemorySegment segment = memory.segment();
            long at = row.offset();
            ChainBuilder out = commit.writer(store.findOrCreate("t"));
            for (long key = 0; key < ROWS; key++) {
                // the rows of all commits alternate, so that each has to be merged
                long order = key * COMMITS + epoch;
                segment.set(Layouts.LONG, at, Long.reverseBytes(order));
                segment.set(Layouts.LONG, at + Long.BYTES, order);
                out.append(
                        segment, at, Long.BYTES, segment, at + Long.BYTES, VALUE_BYTES, epoch, 1);
            }
            commit.commit(epoch);
        }
    }

    @Test
    void compactingTenTimesTheBudgetLeavesNothingOfItInMemory() throws Exception {
        // fails if what was merged stays mapped in memory until the end
        assumeTrue(Files.exists(STATUS));
        PagerOptions options = PagerOptions.in(folder);
        try (NativeMemory memory = NativeMemory.open();
                Pager pager =
                        Pager.open(
                                memory,
                                new MemoryBudget(BUDGET_BYTES),
                                // so large that it drops nothing itself
                                options.withWindows(BUDGET_BYTES, 1L << 30))) {
            TraceStoreOptions byHand = TraceStoreOptions.defaults().withCompaction(false);
            try (TraceStore store =
                    TraceStore.open(folder.resolve("store"), Mode.CREATE, pager, byHand)) {
                Random random = new Random(1);
                for (int i = 0; i < COMMITS; i++) {
                    fill(memory, store, random);
                }
                AtomicBoolean over = new AtomicBoolean();
                AtomicLong most = new AtomicLong();
                long before = residentFileBytes();
                Thread watcher =
                        Thread.ofPlatform()
                                .start(() -> {
                                    while (!over.get()) {
                                        most.accumulateAndGet(residentFileBytes(), Math::max);
                                    }
                                });
                try {
                    store.compact();
                } finally {
                    over.set(true);
                    watcher.join();
                }
                CompactionStats stats = store.compactionStats();
                assertEquals((long) ROWS * COMMITS, stats.updatesWritten());
                assertTrue(stats.bytesWritten() > 10 * BUDGET_BYTES, stats::toString);
                long grown = most.get() - before;
                // what the virtual machine maps of its own meanwhile counts, too
                assertTrue(grown < 3 * BUDGET_BYTES, "grew by " + grown + " bytes");
            }
        }
    }
}
