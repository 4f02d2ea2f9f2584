package io.espalier.columnar;

import io.espalier.memory.Lease;
import java.lang.foreign.MemorySegment;

/**
 * Cuts a sorted, consolidated stream of pieces into chunks of a target size and sends them to a
 * sink. A chunk is sealed as soon as it has at least the target size, so that none exceeds it by
 * more than one update, and any two neighbours sum to more than the target: the test is "at least",
 * never a window, whatever the size of a row.
 *
 * <p>The owner closes it; what was not {@linkplain #finish finished} is dropped then. Not
 * thread-safe.
 */
public final class ChainBuilder implements AutoCloseable {

    /** The default target size of a chunk: 256 KiB. */
    public static final long TARGET_BYTES_DEFAULT = 256L << 10;

    private final TrieBuilder builder;
    private final long targetBytes;
    private final ImageSink sink;
    private final TrieView sealed = new TrieView();
    private final Column oneKey = new Column();
    private final Column oneVal = new Column();

    /**
     * @param builder empty; closed with this
     * @param targetBytes the size from which a chunk is sealed
     */
    public ChainBuilder(TrieBuilder builder, long targetBytes, ImageSink sink) {
        if (targetBytes < 1 || targetBytes > TrieLayout.COLUMN_BYTES_MAX / 4) {
            throw new IllegalArgumentException(
                    "chunk target of " + targetBytes + " bytes; give 1 byte to 1 GiB");
        }
        this.builder = builder;
        this.targetBytes = targetBytes;
        this.sink = sink;
    }

    /** The type of the chunks. */
    public TrieType type() {
        return builder.type();
    }

    /** Appends the keys {@code [from, to)} of a view with everything below them. */
    public void appendKeys(TrieView view, long from, long to) {
        if (from < to) {
            appendUpdates(view, view.updatesFromKey(from), view.updatesFromKey(to));
        }
    }

    /** Appends the updates {@code [from, to)} of a view. */
    void appendUpdates(TrieView view, long from, long to) {
        long at = from;
        while (at < to) {
            makeRoom(view, at);
            long next = cut(view, at, to, targetBytes - builder.sealedBytes());
            builder.appendUpdates(view, at, next);
            at = next;
        }
    }

    /**
     * Appends a whole chunk: by sharing it where the sink agrees and the neighbours allow, else by
     * copy. The view is bound to the chunk.
     */
    void appendChunk(Chunk chunk, TrieView view) {
        if (!shareChunk(chunk)) {
            appendUpdates(view, 0, view.updateCount());
        }
    }

    /** Shares a whole chunk if the sink agrees and the grading rule holds; else does nothing. */
    boolean shareChunk(Chunk chunk) {
        return mayFollow(chunk.sizeBytes()) && offer(chunk);
    }

    /**
     * Sends on a whole sealed image if the grading rule holds; else does nothing.
     *
     * @return whether the lease is taken
     */
    boolean takeImage(Lease image, TrieView view) {
        if (!mayFollow(view.sizeBytes())) {
            return false;
        }
        boolean done = false;
        try {
            finish();
            done = true;
        } finally {
            if (!done) {
                image.close();
            }
        }
        sink.accept(image, view);
        return true;
    }

    /** Whether a chunk of a size may stand by itself: neighbours sum to more than the target. */
    private boolean mayFollow(long sizeBytes) {
        return sizeBytes >= targetBytes / 2
                && (builder.isEmpty() || builder.sealedBytes() + sizeBytes > targetBytes);
    }

    private boolean offer(Chunk chunk) {
        if (builder.isEmpty()) {
            return sink.offer(chunk);
        }
        // a shared chunk that the sink then refuses leaves one chunk below the target: harmless
        seal();
        return sink.offer(chunk);
    }

    /**
     * Appends one update of a trie of bytes to bytes with counts. It must lie above all before it,
     * by (key, val, time).
     *
     * @throws IllegalArgumentException if it does not; nothing is appended then
     */
    public void append(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            MemorySegment valSegment,
            long valOffset,
            long valSize,
            long time,
            long diff) {
        oneKey.bind(
                ColumnType.Kind.BYTES,
                TrieLayout.CONSTANT,
                keySize,
                keySegment,
                keyOffset,
                keyOffset,
                1);
        oneVal.bind(
                ColumnType.Kind.BYTES,
                TrieLayout.CONSTANT,
                valSize,
                valSegment,
                valOffset,
                valOffset,
                1);
        int keyOrder = -1;
        int valOrder = -1;
        if (!builder.isEmpty()) {
            keyOrder = builder.compareLastKey(oneKey, 0);
            valOrder = keyOrder == 0 ? builder.compareLastVal(oneVal, 0) : -1;
            boolean above =
                    keyOrder < 0
                            || (keyOrder == 0
                                    && (valOrder < 0
                                            || (valOrder == 0
                                                    && Long.compareUnsigned(
                                                                    builder.lastTime(), time)
                                                            < 0)));
            if (!above || diff == 0) {
                throw new IllegalArgumentException(
                        "an update that is not above the last one, or counts zero, after "
                                + builder.updateCount()
                                + " updates");
            }
        }
        TrieBuilder target = roomForOne();
        if (target.isEmpty() || keyOrder < 0) {
            target.openKey(oneKey, 0);
            target.openFirstVal(oneVal, 0);
        } else if (valOrder < 0) {
            target.openNextVal(oneVal, 0);
        }
        target.addCount(time, diff);
    }

    /** The builder, with room for one more update. */
    TrieBuilder roomForOne() {
        if (builder.sealedBytes() >= targetBytes) {
            seal();
        }
        return builder;
    }

    /** The builder as it is: for folding into the last update. */
    TrieBuilder builder() {
        return builder;
    }

    private void makeRoom(TrieView view, long at) {
        long size = builder.sealedBytes();
        if (size >= targetBytes || (size >= targetBytes / 2 && wouldSpread(view, at, size))) {
            seal();
        }
    }

    /** Whether the next update ends a constant column and so makes the chunk far too large. */
    private boolean wouldSpread(TrieView view, long at, long size) {
        long extra = 0;
        if (spreads(builder.times(), view.times(), at)) {
            extra += builder.updateCount() * Long.BYTES;
        }
        if (spreads(builder.diffs(), view.diffs(), at)) {
            extra += builder.updateCount() * Long.BYTES;
        }
        return extra > 0 && size + extra > targetBytes;
    }

    private static boolean spreads(ColumnBuilder column, Column next, long at) {
        return column.encoding() == TrieLayout.CONSTANT && column.lastLong() != next.longAt(at);
    }

    /** How far pieces from {@code from} fit into {@code room} bytes: at least one update. */
    private long cut(TrieView view, long from, long to, long room) {
        if (bytesOf(view, from, to) <= room) {
            return to;
        }
        long low = from + 1; // taken in any case
        long high = to; // too large
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (bytesOf(view, from, middle) <= room) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private long bytesOf(TrieView view, long from, long to) {
        Column keys = view.keys();
        Column vals = view.vals();
        long firstVal = view.valOfUpdate(from);
        long endVal = view.valOfUpdate(to - 1) + 1;
        long firstKey = view.keyOfVal(firstVal);
        long endKey = view.keyOfVal(endVal - 1) + 1;
        long bytes = keys.bytesOf(firstKey, endKey) + vals.bytesOf(firstVal, endVal);
        bytes += keys.isVariable() ? (endKey - firstKey) * Integer.BYTES : 0;
        bytes += vals.isVariable() ? (endVal - firstVal) * Integer.BYTES : 0;
        bytes += view.keyBounds().stride() == 0 ? (endKey - firstKey) * Integer.BYTES : 0;
        bytes += view.valBounds().stride() == 0 ? (endVal - firstVal) * Integer.BYTES : 0;
        int words =
                (view.times().isConstant() && builder.times().encoding() != TrieLayout.FIXED ? 0 : 1)
                        + (view.diffs().isConstant()
                                        && builder.diffs().encoding() != TrieLayout.FIXED
                                ? 0
                                : 1);
        bytes += (to - from) * words * Long.BYTES;
        if (view.type().diff() == DiffType.UPSERT) {
            Column payloads = view.payloads();
            bytes += payloads.bytesOf(from, to);
            bytes += payloads.isVariable() ? (to - from) * Integer.BYTES : 0;
        }
        return bytes;
    }

    private void seal() {
        Lease image = builder.seal();
        sealed.bind(builder.memory(), image.offset());
        sink.accept(image, sealed);
    }

    /** Sends what is left as the last chunk. The builder can be used for another chain then. */
    public void finish() {
        if (!builder.isEmpty()) {
            seal();
        }
    }

    @Override
    public void close() {
        builder.close();
    }
}
