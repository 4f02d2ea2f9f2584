package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ChainBuilder;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
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

    @Test
    void everyEpochReadsBackAsItWasWhateverIsCompactedAndReopened() {
        // fails when a batch file, a spine or a compaction loses or doubles an update
        for (int seed = 0; seed < 6; seed++) {
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
                        for (int i = random.nextInt(30); i > 0; i--) {
                            String key = "key-" + random.nextInt(200);
                            if (random.nextInt(5) == 0) {
                                rows.remove(key);
                            } else {
                                rows.put(key, "v" + random.nextInt(1000));
                            }
                        }
                        Rows.appendChange(memory, out, epochs.getLast(), rows, epoch);
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
                                epochs.get((int) asOf),
                                Rows.read(memory, trace, asOf),
                                "seed " + seed);
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
