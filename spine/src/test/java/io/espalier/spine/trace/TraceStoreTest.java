package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Column;
import io.espalier.memory.Layouts;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceStoreTest {

    @TempDir Path folder;

    private static void append(
            NativeMemory memory, ChainBuilder out, String key, String val, long time, long diff) {
        try (NativeBuffer k = new NativeBuffer(memory);
                NativeBuffer v = new NativeBuffer(memory)) {
            byte[] kb = key.getBytes(StandardCharsets.UTF_8);
            byte[] vb = val.getBytes(StandardCharsets.UTF_8);
            k.append(kb, 0, kb.length);
            v.append(vb, 0, vb.length);
            out.append(
                    memory.segment(),
                    k.offset(),
                    kb.length,
                    memory.segment(),
                    v.offset(),
                    vb.length,
                    time,
                    diff);
        }
    }

    private static Map<String, String> read(NativeMemory memory, Trace trace, long asOf) {
        Map<String, String> rows = new TreeMap<>();
        try (TraceSnapshot snapshot = trace.snapshot();
                AsOfCursor cursor = new AsOfCursor(memory, snapshot.runs(), asOf)) {
            while (cursor.next()) {
                assertEquals(1, cursor.sum());
                String before =
                        rows.put(
                                string(cursor.keys(), cursor.key()),
                                string(cursor.vals(), cursor.val()));
                assertEquals(null, before);
            }
        }
        return rows;
    }

    private static String string(Column column, long index) {
        byte[] bytes = new byte[(int) column.sizeOf(index)];
        MemorySegment.copy(
                column.segment(), Layouts.BYTE, column.offsetOf(index), bytes, 0, bytes.length);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Test
    void everyEpochReadsBackAsItWasWhateverIsCompactedAndReopened() {
        // fails when a batch file, a spine or a compaction loses or doubles an update
        for (int seed = 0; seed < 20; seed++) {
            Random random = new Random(seed);
            Path store = folder.resolve("s" + seed);
            List<Map<String, String>> epochs = new ArrayList<>();
            epochs.add(new TreeMap<>());
            long since = 0;
            try (NativeMemory memory =
                            NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
                    Pager pager =
                            Pager.open(
                                    memory, new MemoryBudget(1 << 20), PagerOptions.in(folder))) {
                TraceStore traces = open(store, pager);
                for (int epoch = 1; epoch <= 60; epoch++) {
                    Map<String, String> rows = new TreeMap<>(epochs.getLast());
                    Trace trace = traces.findOrCreate("t");
                    try (Commit commit = traces.begin()) {
                        ChainBuilder out = commit.writer(trace);
                        TreeMap<String, String> changes = new TreeMap<>();
                        for (int i = random.nextInt(30); i > 0; i--) {
                            String key = "key-" + random.nextInt(200);
                            changes.put(
                                    key, random.nextInt(5) == 0 ? "" : "v" + random.nextInt(1000));
                        }
                        for (var change : changes.entrySet()) {
                            String old = rows.get(change.getKey());
                            String now = change.getValue().isEmpty() ? null : change.getValue();
                            if (now != null && now.equals(old)) {
                                continue;
                            }
                            if (old != null && (now == null || old.compareTo(now) < 0)) {
                                append(memory, out, change.getKey(), old, epoch, -1);
                                rows.remove(change.getKey());
                            }
                            if (now != null) {
                                append(memory, out, change.getKey(), now, epoch, 1);
                                rows.put(change.getKey(), now);
                            }
                            if (old != null && now != null && old.compareTo(now) > 0) {
                                append(memory, out, change.getKey(), old, epoch, -1);
                            }
                        }
                        since = Math.max(0, epoch - 20);
                        commit.downgradeSince(since);
                        commit.commit(epoch);
                    }
                    epochs.add(rows);
                    if (random.nextInt(15) == 0) {
                        traces.compact();
                        assertTrue(trace.runCount() <= 1);
                    }
                    if (random.nextInt(10) == 0) {
                        traces.close();
                        traces = open(store, pager);
                        trace = traces.find("t").orElseThrow();
                    }
                    for (long asOf = trace.since(); asOf <= epoch; asOf++) {
                        assertEquals(
                                epochs.get((int) asOf), read(memory, trace, asOf), "seed " + seed);
                    }
                }
                traces.close();
                VerifyReport report =
                        TraceStore.verify(
                                store, pager, damage -> assertEquals("", damage.toString()));
                assertTrue(report.isWhole());
            }
        }
    }

    private static TraceStore open(Path folder, Pager pager) {
        return TraceStore.open(
                folder,
                StoreDirectory.Mode.OPEN_OR_CREATE,
                pager,
                TraceStoreOptions.defaults().withChunkBytes(300));
    }
}
