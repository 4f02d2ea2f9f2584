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

    /** What holds the bytes of a chunk. */
    private interface Source {
        void close();
    }

    private final NativeMemory memory;
    private final MemorySegment segment;
    private final List<Source> sources = new ArrayList<>();
    private final Lease[] copies;
    private final long[] offsets;
    private final long[] sizes;

    private Floor(NativeMemory memory, int chunks) {
        this.memory = memory;
        this.segment = memory.segment();
        copies = new Lease[chunks];
        offsets = new long[chunks];
        sizes = new long[chunks];
    }

    Floor(NativeMemory memory, Batch batch) {
        this(memory, Math.toIntExact(batch.chunkCount()));
        TrieView view = new TrieView();
        for (int i = 0; i < copies.length; i++) {
            ChunkPin pin = batch.open(i, view);
            sources.add(pin::close);
            offsets[i] = view.offset();
            sizes[i] = view.sizeBytes();
        }
    }

    /** The floor of a result that is not of tries: bytes of the same sizes. */
    static Floor ofSizes(NativeMemory memory, Batch batch) {
        Floor floor = new Floor(memory, Math.toIntExact(batch.chunkCount()));
        for (int i = 0; i < floor.copies.length; i++) {
            long size = batch.chunk(i).sizeBytes();
            Lease source = memory.allocate(size);
            memory.segment().asSlice(source.offset(), size).fill((byte) 1);
            floor.sources.add(source::close);
            floor.offsets[i] = source.offset();
            floor.sizes[i] = size;
        }
        return floor;
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
        sources.forEach(Source::close);
        sources.clear();
    }
}
