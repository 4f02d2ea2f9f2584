package io.espalier.session;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Layouts;
import io.espalier.spine.trace.TraceSnapshot;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds the value of one key. Parts follow each other in time, so the newest part that knows the key
 * decides, and in it the key's latest time: the value that was inserted then, or none if there was
 * only a retraction. Nothing older is opened, and no other key's chunk.
 */
final class PointReader {

    private final Column probe;
    private final TrieView view = new TrieView();

    private boolean found;
    private long latest;
    private byte @Nullable [] value;

    /** The key is value 0 of {@code probe}. */
    PointReader(Column probe) {
        this.probe = probe;
    }

    /** The value, or null if the key has none. */
    byte @Nullable [] get(List<TraceSnapshot.Part> parts) {
        for (int i = parts.size() - 1; i >= 0 && !found; i--) {
            look(parts.get(i).run());
        }
        return value;
    }

    private void look(Run run) {
        long chunkCount = run.chunkCount();
        boolean goesOn = true;
        for (long chunk = run.seek(probe, 0, 0); goesOn && chunk < chunkCount; chunk++) {
            try (ChunkPin pin = run.open(chunk, view)) {
                goesOn = lookIntoView();
            }
        }
    }

    /** Whether the key may go on in the next chunk. */
    private boolean lookIntoView() {
        Column keys = view.keys();
        long keyCount = view.keyCount();
        long key = keys.gallop(0, keyCount, probe, 0);
        if (key == keyCount || Column.compare(keys, key, probe, 0) != 0) {
            return false;
        }
        long best = -1;
        for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
            long update = view.updatesTo(val) - 1;
            long time = view.timeAt(update);
            boolean inserted = view.diffAt(update) > 0;
            int order = found ? Long.compareUnsigned(time, latest) : 1;
            if (order > 0 || (order == 0 && inserted)) {
                found = true;
                latest = time;
                best = inserted ? val : -1;
                value = null;
            }
        }
        if (best >= 0) {
            value = bytes(view.vals(), best);
        }
        return key == keyCount - 1;
    }

    private static byte[] bytes(Column column, long index) {
        byte[] bytes = new byte[Math.toIntExact(column.sizeOf(index))];
        MemorySegment.copy(
                column.segment(), Layouts.BYTE, column.offsetOf(index), bytes, 0, bytes.length);
        return bytes;
    }
}
