package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.pager.Pager;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A chain of chunks in memory, or paged by the pager: the run that merges and extractions make and
 * read. It holds each of its chunks once. A consuming reader takes chunks out as it passes them, so
 * that a merge never holds its inputs and its output whole.
 *
 * <p>The owner closes it. Not thread-safe.
 */
public final class Batch implements Run, AutoCloseable {

    private final TrieType type;
    private final ChunkKind kind;
    private final List<@Nullable Chunk> chunks = new ArrayList<>();
    private long updateCount;
    private long sizeBytes;
    private boolean closed;

    /** The chunk that was opened last: who opens one after the other soon wants the next. */
    private long opened = -1;

    /** An empty batch of tries. */
    public Batch(TrieType type) {
        this(type, ChunkKind.TRIE);
    }

    /** An empty batch. */
    Batch(TrieType type, ChunkKind kind) {
        this.type = type;
        this.kind = kind;
    }

    /** The layout of all chunks. */
    public ChunkKind kind() {
        return kind;
    }

    /** A sink that appends chunks of a depth to this batch, sharing what it is offered. */
    public ImageSink sink(Pager pager, int depth) {
        return new ImageSink() {
            @Override
            public void accept(Lease image, TrieView view) {
                Chunk chunk = Chunk.of(pager, image, view, depth);
                boolean done = false;
                try {
                    add(chunk);
                    done = true;
                } finally {
                    if (!done) {
                        chunk.close();
                    }
                }
            }

            @Override
            public boolean offer(Chunk chunk) {
                Chunk shared = chunk.share();
                boolean done = false;
                try {
                    add(shared);
                    done = true;
                } finally {
                    if (!done) {
                        shared.close();
                    }
                }
                return true;
            }
        };
    }

    /**
     * Appends a chunk that lies above all others; the batch owns this hold on it.
     *
     * @throws IllegalArgumentException if it is of another type, or does not lie above; it is still
     *     the caller's then
     * @throws IllegalStateException if the batch is closed; the same
     */
    public void add(Chunk chunk) {
        checkOpen();
        if (!chunk.type().equals(type)) {
            throw new IllegalArgumentException(
                    "a chunk of " + chunk.type() + " for a batch of " + type + "; give one of it");
        }
        if (chunk.kind() != kind) {
            throw new IllegalArgumentException(
                    chunk + " is laid out as " + chunk.kind() + ", expected " + kind);
        }
        Chunk last = chunks.isEmpty() ? null : chunks.getLast();
        if (last != null && !last.fence().endsBelow(chunk.fence())) {
            throw new IllegalArgumentException(
                    chunk
                            + " starts with key "
                            + chunk.fence().keys().describe(0)
                            + ", not above the last of "
                            + chunks.size()
                            + " chunks, which ends with key "
                            + last.fence().keys().describe(1)
                            + "; add chunks in order, or merge them");
        }
        chunks.add(chunk);
        updateCount += chunk.updateCount();
        sizeBytes += chunk.sizeBytes();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(
                    "the batch of " + type + " is closed; use it before its owner closes it");
        }
    }

    /**
     * Chunk {@code index}; still owned by the batch.
     *
     * @throws IllegalStateException if it was consumed, or the batch is closed
     */
    public Chunk chunk(long index) {
        checkOpen();
        Chunk chunk = chunks.get((int) index);
        if (chunk == null) {
            throw new IllegalStateException(
                    "chunk "
                            + index
                            + " of "
                            + chunks.size()
                            + " was consumed by a merge; share it beforehand to read it again");
        }
        return chunk;
    }

    @Override
    public TrieType type() {
        return type;
    }

    @Override
    public long chunkCount() {
        checkOpen();
        return chunks.size();
    }

    @Override
    public long updateCount() {
        return updateCount;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public long seek(Column probes, long probe, long from) {
        checkOpen();
        long size = chunks.size();
        if (from >= size || !below(from, probes, probe)) {
            return from;
        }
        long low = from; // below the probe
        long step = 1;
        while (low + step < size && below(low + step, probes, probe)) {
            low += step;
            step <<= 1;
        }
        long high = Math.min(low + step, size);
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (below(middle, probes, probe)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    private boolean below(long index, Column probes, long probe) {
        return Column.compare(chunk(index).fence().keys(), 1, probes, probe) < 0;
    }

    @Override
    public ChunkPin open(long index, TrieView view) {
        ChunkPin pin = chunk(index).open(view);
        prefetchAfter(index);
        return pin;
    }

    /**
     * As {@link #open}, without an object, for a visit that begins and ends in one place: {@link
     * Chunk#letGo(TrieView)} of the answer ends it, said exactly once.
     *
     * @return the chunk, which the caller holds until then
     * @throws IllegalStateException if it was consumed, or the batch is closed
     */
    public Chunk hold(long index, TrieView view) {
        Chunk chunk = chunk(index);
        chunk.hold(view);
        prefetchAfter(index);
        return chunk;
    }

    private void prefetchAfter(long index) {
        boolean inOrder = index == opened + 1;
        opened = index;
        if (inOrder && index + 1 < chunkCount()) {
            Chunk next = chunks.get((int) index + 1);
            if (next != null) {
                next.prefetch();
            }
        }
    }

    @Override
    public Fence fence(long index) {
        return chunk(index).fence();
    }

    @Override
    public @Nullable Chunk shareable(long index) {
        return chunk(index);
    }

    @Override
    public void passed(long index) {
        Chunk chunk = chunk(index);
        chunks.set((int) index, null);
        updateCount -= chunk.updateCount();
        sizeBytes -= chunk.sizeBytes();
        chunk.close();
    }

    @Override
    public void close() {
        for (Chunk chunk : chunks) {
            if (chunk != null) {
                chunk.close();
            }
        }
        closed = true;
        chunks.clear();
        updateCount = 0;
        sizeBytes = 0;
    }
}
