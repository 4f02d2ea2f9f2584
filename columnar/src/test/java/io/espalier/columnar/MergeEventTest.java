package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a batcher merges can be seen in flight recordings. */
final class MergeEventTest {

    private static final TrieType LONGS =
            new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);

    @Test
    void eachMergeIsOneEvent(@TempDir Path folder) throws IOException {
        // fails if a merge is not told, is told twice, or its sizes are others
        Path file = folder.resolve("merges.jfr");
        long merges;
        long forms;
        long shipped;
        try (NativeMemory memory = NativeMemory.open();
                Pager pager = TestPagers.open(memory);
                Recording recording = new Recording();
                MergeBatcher batcher = new MergeBatcher(pager, LONGS, 2000, 1000)) {
            recording.enable("io.espalier.Merge").withoutThreshold();
            recording.start();
            for (long key = 0; key < 3000; key++) {
                batcher.add(key * 7919 % 3000, 0, 1);
            }
            try (Batch batch = batcher.seal(MergeBatcher.NO_TIME)) {
                shipped = batch.updateCount();
            }
            merges = batcher.counters().merges();
            forms = batcher.counters().forms();
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events =
                RecordingFile.readAllEvents(file).stream()
                        .filter(e -> e.getEventType().getName().equals("io.espalier.Merge"))
                        .toList();
        // eight of the chains that were formed became one; that and the others, in the seal
        assertEquals(13, forms);
        assertEquals(2, merges);
        assertEquals(merges, events.size());
        for (RecordedEvent event : events) {
            assertTrue(event.getInt("runs") >= 2);
            // the keys are unique, so nothing folds
            assertEquals(event.getLong("updatesIn"), event.getLong("updatesOut"));
            assertTrue(event.getLong("bytesIn") > 0 && event.getLong("bytesOut") > 0);
        }
        assertEquals(3000, shipped);
    }
}
