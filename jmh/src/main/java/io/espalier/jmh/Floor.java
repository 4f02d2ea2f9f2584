package io.espalier.jmh;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * What any engine that makes a result has to pay at least: memory for each of its chunks, taken
 * where the engine takes it, and one plain copy of the bytes. Closed before the batch is.
 */
final class Floor implements AutoCloseable {

    private final NativeMemory memory;
    private final MemorySegment segment;
    private final List<ChunkPin> pins = new ArrayList<>();
    private final Lease[] copies;
    private final long[] offsets;
    private final long[] sizes;

    Floor(NativeMemory memory, Batch batch) {
        this.memory = memory;
        this.segment = memory.segment();
        int chunks = Math.toIntExact(batch.chunkCount());
        copies = new Lease[chunks];
        offsets = new long[chunks];
        sizes = new long[chunks];
        TrieView view = new TrieView();
        for (int i = 0; i < chunks; i++) {
            pins.add(batch.open(i, view));
            offsets[i] = view.offset();
            sizes[i] = view.sizeBytes();
        }
    }

    /** Copies everything and lets the copy go; a number that depends on it. */
    long run() {
        long last = 0;
        for (int i = 0; i < copies.length; i++) {
            Lease copy = memory.allocate(sizes[i]);
            MemorySegment.copy(segment, offsets[i], segment, copy.offset(), sizes[i]);
            copies[i] = copy;
            last += copy.offset();
        }
        for (Lease copy : copies) {
            copy.close();
        }
        return last;
    }

    @Override
    public void close() {
        for (ChunkPin pin : pins) {
            pin.close();
        }
        pins.clear();
    }
}
