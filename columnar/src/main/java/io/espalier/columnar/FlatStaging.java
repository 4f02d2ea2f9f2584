package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import org.jspecify.annotations.Nullable;

/**
 * Cuts ascending rows into flat chunks, graded by the same rule as tries are: see {@link
 * ChainBuilder}.
 */
final class FlatStaging implements Staging {

    private final Pager pager;
    private final TrieType type;
    private final long targetBytes;
    private final int depth;
    private final FlatBuilder builder;
    private final FlatView sealed = new FlatView();
    private Batch batch;

    /** A shared chunk below the target, above everything sent; the builder is empty meanwhile. */
    private @Nullable Chunk pending;

    FlatStaging(Pager pager, TrieType type, long targetBytes, int depth) {
        this.pager = pager;
        this.type = type;
        this.targetBytes = targetBytes;
        this.depth = depth;
        this.builder = new FlatBuilder(pager.memory(), type);
        this.batch = new Batch(type, ChunkKind.FLAT);
    }

    @Override
    public ChunkKind kind() {
        return ChunkKind.FLAT;
    }

    @Override
    public TrieType type() {
        return type;
    }

    NativeMemory memory() {
        return pager.memory();
    }

    /** Appends a row that is above all before it. */
    void append(
            Column keys,
            long key,
            Column vals,
            long val,
            long time,
            long second,
            long diff,
            Column payloads,
            long payload) {
        room();
        builder.append(keys, key, vals, val, time, second, diff, payloads, payload);
    }

    /** Appends rows {@code [from, to)} of a view, which are above all before them. */
    void appendRows(FlatView view, long from, long to) {
        long at = from;
        while (at < to) {
            long next = cut(view, at, to, room());
            builder.appendRows(view, at, next);
            at = next;
        }
    }

    /** How far rows from {@code from} on fit into some room: at least one. */
    private static long cut(FlatView view, long from, long to, long room) {
        if (view.flatBytes(from, to) <= room) {
            return to;
        }
        long low = from + 1; // taken in any case
        long high = to; // too large
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (view.flatBytes(from, middle) <= room) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** The bytes of room that are left, after sealing what is full. */
    private long room() {
        join();
        if (builder.flatBytes() >= targetBytes) {
            seal();
        }
        return targetBytes - builder.flatBytes();
    }

    /** Shares a whole chunk that is above all before it, unless it has to be copied. */
    boolean share(Chunk chunk) {
        long size = chunk.flatBytes();
        Chunk before = pending;
        if (chunk.exceeds(targetBytes)
                || (before != null && before.flatBytes() + size <= targetBytes)
                || (!builder.isEmpty() && builder.flatBytes() + size <= targetBytes)) {
            return false;
        }
        send();
        if (size < targetBytes) {
            pending = chunk.share();
        } else {
            addShared(chunk.share());
        }
        return true;
    }

    private void addShared(Chunk shared) {
        boolean done = false;
        try {
            batch.add(shared);
            done = true;
        } finally {
            if (!done) {
                shared.close();
            }
        }
    }

    /** Sends what is pending, or what is built. */
    private void send() {
        Chunk chunk = pending;
        if (chunk != null) {
            pending = null;
            addShared(chunk);
        }
        if (!builder.isEmpty()) {
            seal();
        }
    }

    /** Makes the pending chunk the start of the next one, by copy. */
    private void join() {
        Chunk chunk = pending;
        if (chunk != null) {
            try (ChunkPin pin = chunk.open(sealed)) {
                builder.appendRows(sealed, 0, sealed.rowCount());
            }
            pending = null;
            chunk.close();
        }
    }

    private void seal() {
        Lease image = builder.seal();
        sealed.bind(pager.memory(), image.offset());
        long binding = sealed.binding();
        Chunk chunk = Chunk.of(pager, image, sealed, depth);
        sealed.unbind(binding);
        addShared(chunk);
    }

    @Override
    public Batch finish() {
        send();
        Batch finished = batch;
        batch = new Batch(type, ChunkKind.FLAT);
        return finished;
    }

    @Override
    public void close() {
        Chunk chunk = pending;
        pending = null;
        if (chunk != null) {
            chunk.close();
        }
        builder.close();
        batch.close();
    }
}
