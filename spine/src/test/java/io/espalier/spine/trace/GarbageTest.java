package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ChainBuilder;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import io.espalier.spine.disk.SimulatedDisk;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When a trace is compacted for the sake of the room that it takes. */
class GarbageTest {

    private static final int PERCENT = 40;

    private long files;

    private HollowBatch batch(Spine spine, long updates, OptionalLong rows) {
        long epoch = spine.upper().epoch();
        PartRef part = new PartRef("f" + files, files, updates, 0, rows);
        return new HollowBatch(
                new Description(spine.upper(), Frontier.of(epoch + 1), spine.since()),
                List.of(new Run(new RunId(0, files++), 0, false, List.of(part))));
    }

    /** Adds a batch and answers what is asked for at once: parts are as they are then. */
    private void push(Spine spine, long updates, long rows) {
        push(spine, updates, OptionalLong.of(rows));
    }

    private void push(Spine spine, long updates, OptionalLong rows) {
        spine.push(batch(spine, updates, rows));
    }

    private static boolean isTooMuch(Spine spine) {
        return Garbage.isTooMuch(spine, PERCENT, 10);
    }

    /** Makes one run of everything, folded as far as the since is. */
    private void foldAll(Spine spine, long updates) {
        long rows = 0;
        for (HollowBatch batch : spine.snapshot()) {
            rows += batch.diffSum().orElse(0);
        }
        while (spine.requestsBefore(Long.MAX_VALUE, 0).size() != 1
                || spine.requestsBefore(Long.MAX_VALUE, 0).getFirst().inputs().size()
                        < spine.snapshot().size()) {
            spine.exert(2 * spine.updateCount());
        }
        MergeRequest request = spine.requestsBefore(Long.MAX_VALUE, 0).getFirst();
        PartRef part = new PartRef("f" + files, files, updates, 0, OptionalLong.of(rows));
        HollowBatch output =
                new HollowBatch(
                        request.description(),
                        List.of(new Run(new RunId(0, files++), 0, false, List.of(part))));
        assertTrue(spine.apply(MergeResult.of(request, output)).applied());
    }

    @Test
    void overwritesCountOnceTheirHistoryMayGo() {
        Spine spine = new Spine();
        push(spine, 1000, 1000);
        push(spine, 500, 0);
        // fails if history that somebody may read is taken for garbage: compaction would keep it,
        // and be asked for again with each commit
        assertFalse(isTooMuch(spine));
        spine.downgradeSince(Frontier.of(0));
        assertFalse(isTooMuch(spine));
        spine.downgradeSince(Frontier.of(1));
        // fails if a table grows with what is overwritten
        assertTrue(isTooMuch(spine));
    }

    @Test
    void aLittleIsLeftAlone() {
        Spine spine = new Spine();
        spine.downgradeSince(Frontier.of(100));
        push(spine, 1000, 1000);
        push(spine, 400, 0);
        // 40 percent, and not more
        assertFalse(isTooMuch(spine));
        push(spine, 1, 0);
        assertTrue(isTooMuch(spine));
        // fails if a few rows are compacted over and over
        assertFalse(Garbage.isTooMuch(spine, PERCENT, 402));
    }

    @Test
    void whatIsFoldedAndStaysIsNoGarbage() {
        Spine spine = new Spine();
        spine.downgradeSince(Frontier.of(100));
        push(spine, 1000, 0);
        push(spine, 1000, 0);
        assertTrue(isTooMuch(spine));
        // half of the rows are there minus once: nothing cancels
        foldAll(spine, 2000);
        // fails if everything is compacted again after each compaction, for nothing
        assertFalse(isTooMuch(spine));
        push(spine, 700, 0);
        assertFalse(isTooMuch(spine));
        push(spine, 200, 0);
        assertTrue(isTooMuch(spine));
    }

    @Test
    void whatIsNotKnownIsNoGarbage() {
        Spine spine = new Spine();
        spine.downgradeSince(Frontier.of(100));
        push(spine, 1000, OptionalLong.empty());
        push(spine, 1000, OptionalLong.empty());
        assertFalse(isTooMuch(spine));
        // rows that are there several times are more than there are updates
        push(spine, 10, 1_000_000);
        assertFalse(isTooMuch(spine));
    }

    @Test
    void whatIsAskedForAnywayIsNotAskedForTwice() {
        Spine spine = new Spine();
        spine.downgradeSince(Frontier.of(100));
        push(spine, 1000, 1000);
        push(spine, 1000, 0);
        assertTrue(isTooMuch(spine));
        spine.exert(1 << 20);
        // fails if each commit until the compaction is done makes it larger, and never done
        assertFalse(isTooMuch(spine));
    }

    @Test
    void aTableThatIsOverwrittenStaysSmall(@TempDir Path folder) throws InterruptedException {
        // fails if only the levels decide: the largest run would wait for as many updates as it has
        int rows = 70_000;
        try (NativeMemory memory = NativeMemory.open();
                Pager pager =
                        Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
                TraceStore store =
                        TraceStore.open(
                                new SimulatedDisk(1),
                                StoreDirectory.Mode.CREATE,
                                pager,
                                TraceStoreOptions.defaults())) {
            Trace trace = store.findOrCreate("t");
            for (int epoch = 1; epoch <= 5; epoch++) {
                try (Commit commit = store.begin()) {
                    ChainBuilder out = commit.writer(trace);
                    for (int row = 0; row < rows; row++) {
                        String key = "%08d".formatted(row);
                        if (epoch > 1) {
                            Rows.append(memory, out, key, "" + (epoch - 1), epoch, -1);
                        }
                        Rows.append(memory, out, key, "" + epoch, epoch, 1);
                    }
                    commit.downgradeSince(epoch);
                    commit.commit(epoch);
                }
                while (store.compactionStats().waiting() > 0) {
                    Thread.sleep(2);
                }
            }
            try (TraceSnapshot snapshot = trace.snapshot()) {
                long updates =
                        snapshot.parts().stream().mapToLong(TraceSnapshot.Part::updateCount).sum();
                assertEquals(rows, updates);
            }
        }
    }
}
