package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.memory.Layouts;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many keys at once, over all parts of a snapshot, as of an epoch. */
class BulkLookUpTest {

    /** Per probe: a few pins for each chunk, and there are many keys in a chunk. */
    private static final double HEAP_BYTES_MAX = 4;

    @TempDir Path folder = Path.of("");

    private final NativeMemory memory =
            NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));

    @AfterEach
    void close() {
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private static void append(ColumnBuilder probes, Iterable<String> keys) {
        for (String key : keys) {
            byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
            probes.append(bytes, 0, bytes.length);
        }
    }

    private Map<String, String> look(TraceSnapshot snapshot, Set<String> keys, long asOf) {
        Map<String, String> found = new TreeMap<>();
        try (LatestValues latest = new LatestValues(memory);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            append(probes, keys);
            assertTrue(snapshot.read(latest, probes.column(), asOf, Long.MAX_VALUE));
            int i = 0;
            for (String key : keys) {
                if (latest.isPresent(i)) {
                    byte[] value = new byte[(int) latest.sizeOf(i)];
                    MemorySegment.copy(
                            latest.segment(),
                            Layouts.BYTE,
                            latest.offsetOf(i),
                            value,
                            0,
                            value.length);
                    found.put(key, new String(value, StandardCharsets.UTF_8));
                }
                i++;
            }
            assertFalse(
                    found.size() > 1 && snapshot.read(latest, probes.column(), asOf, 1),
                    "more than allowed");
        }
        return found;
    }

    @Test
    void everyKeyHasWhatItHadAsOfTheEpoch() {
        // fails if a filter, a part left out, or a compaction hides a value or shows a stale one
        try (Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder))) {
            for (int seed = 0; seed < 60; seed++) {
                try {
                    history(new Random(seed), pager);
                } catch (AssertionError | RuntimeException e) {
                    throw new AssertionError("seed " + seed, e);
                }
            }
        }
    }

    private void history(Random random, Pager pager) {
        TraceStoreOptions options =
                TraceStoreOptions.defaults()
                        .withCompaction(false)
                        .withChunkBytes(1L << random.nextInt(12));
        List<Map<String, String>> states = new ArrayList<>();
        states.add(Map.of());
        try (TraceStore store =
                TraceStore.open(new SimulatedDisk(1), Mode.CREATE, pager, options)) {
            Trace trace = store.findOrCreate("t");
            for (long epoch = 1; epoch <= 8; epoch++) {
                Map<String, String> after = new TreeMap<>(states.getLast());
                for (int i = random.nextInt(300); i > 0; i--) {
                    String key = "k" + random.nextInt(800);
                    if (random.nextInt(4) == 0) {
                        after.remove(key);
                    } else {
                        after.put(key, "v" + epoch + random.nextInt(3));
                    }
                }
                try (Commit commit = store.begin()) {
                    Rows.appendChange(memory, commit.writer(trace), states.getLast(), after, epoch);
                    commit.downgradeSince(Math.max(0, epoch - 4));
                    commit.commit(epoch);
                }
                states.add(after);
                if (random.nextInt(4) == 0) {
                    store.compact();
                }
            }
            try (TraceSnapshot snapshot = trace.snapshot()) {
                assertThrows(
                        OutOfHistoryException.class,
                        () -> look(snapshot, new TreeSet<>(), snapshot.upper()));
                for (int round = 0; round < 40; round++) {
                    long span = snapshot.upper() - snapshot.since();
                    long asOf = snapshot.since() + random.nextLong(span);
                    TreeSet<String> keys = new TreeSet<>();
                    for (int i = random.nextInt(round % 4 == 0 ? 200 : 12); i >= 0; i--) {
                        keys.add("k" + random.nextInt(900));
                    }
                    Map<String, String> expected = new TreeMap<>(states.get((int) asOf));
                    expected.keySet().retainAll(keys);
                    assertEquals(expected, look(snapshot, keys, asOf), "as of " + asOf);
                }
            }
        }
    }

    @Test
    void probesCostNothingOnTheHeap() {
        // fails if there is an object for each probe, with filters or without
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
                TraceStore store =
                        TraceStore.open(
                                new SimulatedDisk(1),
                                Mode.CREATE,
                                pager,
                                TraceStoreOptions.defaults().withCompaction(false))) {
            Trace trace = store.findOrCreate("t");
            for (long epoch = 1; epoch <= 4; epoch++) {
                Map<String, String> rows = new TreeMap<>();
                for (int i = 0; i < 20_000; i++) {
                    rows.put("k" + (4L * i + epoch), "value");
                }
                try (Commit commit = store.begin()) {
                    Rows.appendChange(memory, commit.writer(trace), Map.of(), rows, epoch);
                    commit.commit(epoch);
                }
            }
            try (TraceSnapshot snapshot = trace.snapshot();
                    LatestValues latest = new LatestValues(memory)) {
                for (int count : new int[] {1_000, 20_000}) {
                    TreeSet<String> keys = new TreeSet<>();
                    for (int i = 0; i < count; i++) {
                        keys.add("k" + i * (80_000 / count));
                    }
                    try (ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
                        append(probes, keys);
                        double least = Double.MAX_VALUE;
                        for (int round = 0; round < 5; round++) {
                            long before = threads.getCurrentThreadAllocatedBytes();
                            snapshot.read(latest, probes.column(), 4, Long.MAX_VALUE);
                            long bytes = threads.getCurrentThreadAllocatedBytes() - before;
                            least = Math.min(least, (double) bytes / count);
                        }
                        double bytes = least;
                        assertTrue(bytes < HEAP_BYTES_MAX, () -> bytes + " bytes for each probe");
                    }
                }
            }
        }
    }
}
