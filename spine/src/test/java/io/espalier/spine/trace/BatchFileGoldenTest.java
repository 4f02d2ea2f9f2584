package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.columnar.ChainBuilder;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is on the disk is what {@code docs/format.md} says. */
class BatchFileGoldenTest {

    @TempDir Path folder = Path.of("");

    @Test
    void theBytesOfABatchFileAreThoseOfTheFormat() throws IOException {
        // fails if the format changes without a new version
        SimulatedDisk disk = new SimulatedDisk(1);
        try (NativeMemory memory = NativeMemory.open();
                Pager pager =
                        Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder))) {
            TraceStoreOptions options =
                    TraceStoreOptions.defaults().withCompaction(false).withChunkBytes(64);
            try (TraceStore store = TraceStore.open(disk, Mode.CREATE, pager, options)) {
                try (Commit commit = store.begin()) {
                    ChainBuilder out = commit.writer(store.findOrCreate("t"));
                    Rows.append(memory, out, "apple", "green", 1, 1);
                    Rows.append(memory, out, "apple", "red", 1, 2);
                    Rows.append(memory, out, "pear", "yellow", 1, 1);
                    commit.commit(1);
                }
                Trace trace = store.find("t").orElseThrow();
                try (TraceSnapshot snapshot = trace.snapshot()) {
                    assertEquals(2, snapshot.parts().getFirst().chunkCount());
                    assertEquals(
                            "batches/0000000001.batch", snapshot.parts().getFirst().fileName());
                }
            }
            Golden.check("batch-file", disk.bytes("batches/0000000001.batch"));
        }
    }
}
