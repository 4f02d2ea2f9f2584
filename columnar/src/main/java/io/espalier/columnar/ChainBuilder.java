package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a sorted, consolidated stream of pieces into chunks and sends them to a sink. This is where
 * chains are graded, by the {@linkplain TrieView#flatBytes() flat size} of chunks:
 *
 * <ul>
 *   <li>a chunk is sealed as soon as it has at least the target size, so that none exceeds it by
 *       more than one update: the test is "at least", never a window, whatever the size of a row;
 *   <li>any two neighbours sum to more than the target, also where whole chunks are shared between
 *       pieces that are copied.
 * </ul>
 *
 * <p>The flat size does not depend on encodings: a constant that breaks makes an image larger, and
 * never a chunk too large. A chunk that is shared but smaller than the target waits until it is
 * known whether what follows has to be joined to it.
 *
 * <p>After an exception from the sink or from memory, the chain can only be closed. The owner
 * closes it; what was not {@linkplain #finish finished} is dropped then. Not thread-safe.
 */
public final class ChainBuilder implements AutoCloseable {

    /**
     * The default target size of a chunk: 2 MiB, flat; most images are half of it or less. So large
     * that the objects of a chunk weigh less than a hundredth of a byte for each of its updates.
     */
    public static final long TARGET_BYTES_DEFAULT = 2L << 20;

    static final long TARGET_BYTES_MAX = 1L << 30;

    /** Keys and vals that are appended one by one are smaller than this: 1 GiB. */
    private static final long VALUE_BYTES_MAX = 1L << 30;

    /** So many cursors are kept for the next merge. */
    private static final int IDLE_MAX = 16;

    private final TrieBuilder builder;
    private final long targetBytes;
    private final ImageSink sink;
    private final TrieView sealed = new TrieView();
    private final NativeBuffer scratch;
    private @Nullable Weaver weaver;
    private final ArrayDeque<RunCursor> idle = new ArrayDeque<>(2);
    private final Column oneKey = new Column();
    private final Column oneVal = new Column();

    private boolean closed;

    private @Nullable Blend blend;

    /** What certainly fits into the builder; less than what does, and 0 when that is not known. */
    private long room;

    /** A shared chunk below the target, above everything sent; the builder is empty meanwhile. */
    private @Nullable Chunk pending;

    /** The same of an image that was handed over; there is one of the two at most. */
    private @Nullable Lease pendingImage;

    private long pendingBytes;

    /** Memory that a body was read into and that was not handed over: for the next one. */
    private @Nullable Lease spareBody;

    /**
     * Starts a chain.
     *
     * @param builder empty; closed with this
     * @param targetBytes the flat size from which a chunk is sealed
     */
    public ChainBuilder(TrieBuilder builder, long targetBytes, ImageSink sink) {
        if (targetBytes < 1 || targetBytes > TARGET_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "chunk target of " + targetBytes + " bytes; give 1 byte to 1 GiB");
        }
        this.builder = builder;
        this.scratch = new NativeBuffer(builder.memory());
        this.targetBytes = targetBytes;
        this.sink = sink;
    }

    /** The type of the chunks. */
    public TrieType type() {
        return builder.type();
    }

    NativeMemory memory() {
        return builder.memory();
    }

    /**
     * Appends the keys {@code [from, to)} of a view with everything below them.
     *
     * @throws IndexOutOfBoundsException if the view has no such keys
     * @throws IllegalArgumentException if they do not start above what was appended last
     */
    public void appendKeys(TrieView view, long from, long to) {
        if (from < 0 || to < from || to > view.keyCount()) {
            throw new IndexOutOfBoundsException(
                    "keys [" + from + ", " + to + ") of a view of " + view.keyCount());
        }
        if (from < to) {
            long firstVal = view.valsFrom(from);
            long endVal = view.valsFrom(to);
            appendPiece(
                    view,
                    view.updatesFrom(firstVal),
                    view.updatesFrom(endVal),
                    firstVal,
                    endVal - 1,
                    from,
                    to - 1);
        }
    }

    /** Appends the updates {@code [from, to)} of a view. */
    void appendUpdates(TrieView view, long from, long to) {
        if (from < to) {
            long firstVal = view.valOfUpdate(from);
            long lastVal = view.valOfUpdate(to - 1);
            long firstKey = view.keyOfVal(firstVal);
            appendPiece(view, from, to, firstVal, lastVal, firstKey, view.keyOfVal(lastVal));
        }
    }

    /** Appends updates whose first and last val and key are known. */
    void appendPiece(
            TrieView view,
            long from,
            long to,
            long firstVal,
            long lastVal,
            long firstKey,
            long lastKey) {
        long bytes = view.flatBytes(firstKey, lastKey + 1, firstVal, lastVal + 1, from, to);
        if (bytes > room) {
            makeRoom();
        }
        if (bytes <= room) {
            builder.appendPiece(view, from, to, firstVal, lastVal, firstKey, lastKey);
            room -= bytes;
        } else {
            appendCut(view, from, to);
        }
    }

    /** Appends updates that do not fit into one chunk together with what is there. */
    private void appendCut(TrieView view, long from, long to) {
        long at = from;
        while (at < to) {
            makeRoom();
            long next = cut(view, at, to);
            builder.appendUpdates(view, at, next);
            at = next;
        }
        room = 0;
    }

    /** The bytes of room that are left, after sealing what is full; 1 or more. */
    long makeRoom() {
        join();
        room = targetBytes - builder.flatBytes();
        if (room <= 0) {
            seal();
        }
        return room;
    }

    /** How far updates from {@code from} fit into the room: at least one. */
    private long cut(TrieView view, long from, long to) {
        if (flatBytes(view, from, to) <= room) {
            return to;
        }
        long val = view.valOfUpdate(from);
        if (to <= view.updatesTo(val) && view.type().diff() == DiffType.COUNT) {
            long key = view.keyOfVal(val);
            long left = room - view.flatBytes(key, key + 1, val, val + 1, from, from);
            return from + Math.max(1, left / view.type().updateBytes());
        }
        long low = from + 1; // taken in any case
        long high = to; // too large
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (flatBytes(view, from, middle) <= room) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private static long flatBytes(TrieView view, long from, long to) {
        long firstVal = view.valOfUpdate(from);
        long lastVal = view.valOfUpdate(to - 1);
        long firstKey = view.keyOfVal(firstVal);
        long lastKey = view.keyOfVal(lastVal);
        return view.flatBytes(firstKey, lastKey + 1, firstVal, lastVal + 1, from, to);
    }

    /**
     * Shares a whole chunk that lies above everything appended, unopened. Does nothing if it has to
     * be copied: since the sink asks for a copy, or because it is too large or too small to stand
     * beside its neighbours.
     *
     * @return whether it was shared
     */
    boolean shareChunk(Chunk chunk) {
        long size = chunk.flatBytes();
        if (chunk.exceeds(targetBytes)) {
            return false;
        }
        if (!standsBeside(size)) {
            return false;
        }
        if (size < targetBytes) {
            pending = chunk.share();
            pendingBytes = size;
            return true;
        }
        return sink.offer(chunk);
    }

    /**
     * Sends on what is there, if a whole chunk of a size can stand beside it; else does nothing.
     */
    private boolean standsBeside(long size) {
        checkOpen();
        if (pending != null || pendingImage != null) {
            if (pendingBytes + size <= targetBytes) {
                return false;
            }
            sendPending();
        }
        if (!builder.isEmpty()) {
            if (builder.flatBytes() + size <= targetBytes) {
                return false;
            }
            seal();
        }
        room = 0;
        return true;
    }

    /** Sends the pending chunk, or copies it if the sink wants that. */
    private void sendPending() {
        Chunk chunk = pending;
        Lease image = pendingImage;
        if (image != null) {
            pendingImage = null;
            send(image);
        } else if (chunk != null) {
            if (sink.offer(chunk)) {
                pending = null;
                chunk.close();
            } else {
                join();
            }
        }
    }

    /**
     * Sends on a whole sealed image that lies above everything appended, if it can stand beside its
     * neighbours and is not more than one update larger than the target; else does nothing.
     *
     * @param image in the memory of this chain, which may be larger than the image and is cut then;
     *     taken as well if this throws
     * @return whether the lease is taken
     */
    boolean takeImage(Lease image, TrieView view) {
        long size = view.flatBytes();
        if (size - view.flatBytesOfLast() >= targetBytes) {
            return false;
        }
        boolean done = false;
        try {
            if (!standsBeside(size)) {
                done = true;
                return false;
            }
            done = true;
        } finally {
            if (!done) {
                image.close();
            }
        }
        if (image.sizeBytes() > view.sizeBytes()) {
            image.shrink(view.sizeBytes(), image.sizeBytes());
        }
        if (size < targetBytes) {
            pendingImage = image;
            pendingBytes = size;
        } else {
            sink.accept(image, view);
        }
        return true;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(
                    "the chain of " + type() + " is closed; build another one");
        }
    }

    /** Makes what is pending the start of the next chunk, by copy. */
    private void join() {
        checkOpen();
        Chunk chunk = pending;
        Lease image = pendingImage;
        if (image != null) {
            sealed.bind(builder.memory(), image.offset());
            try {
                builder.meld(sealed);
            } finally {
                sealed.unbind();
            }
            pendingImage = null;
            image.close();
        } else if (chunk != null) {
            chunk.hold(sealed);
            try {
                builder.meld(sealed);
            } finally {
                chunk.letGo(sealed);
            }
            pending = null;
            chunk.close();
        }
    }

    /**
     * Appends one update of a trie of bytes to bytes with counts. It must lie above all before it,
     * by (key, val, time).
     *
     * @throws IllegalArgumentException if it does not, counts zero, or has a key or val of 1 GiB or
     *     more; nothing is appended then
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
        if (keySize >= VALUE_BYTES_MAX || valSize >= VALUE_BYTES_MAX || diff == 0) {
            throw new IllegalArgumentException(
                    "an update of "
                            + keySize
                            + " and "
                            + valSize
                            + " bytes that counts "
                            + diff
                            + "; keys and vals have less than "
                            + VALUE_BYTES_MAX
                            + " bytes, and counts are not zero");
        }
        if (!type().equals(TrieType.BYTES_TO_BYTES)) {
            throw new IllegalArgumentException("bytes to bytes for a chain of " + type());
        }
        join();
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
            if (!above) {
                throw new IllegalArgumentException(
                        "an update ("
                                + oneKey.describe(0)
                                + ", "
                                + oneVal.describe(0)
                                + ", "
                                + Long.toUnsignedString(time)
                                + ") that is not above the last one, after "
                                + builder.updateCount()
                                + " in this chunk; sort updates, and fold what is equal");
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

    /**
     * Appends keys of a view of single vals and updates, by their indexes, for which there is room.
     */
    void appendGathered(TrieView view, long indexes, long count) {
        join();
        builder.appendGathered(view, indexes, count);
        room = 0;
    }

    /** What merges two runs into this chain, many updates at once. */
    Weaver weaver(boolean eager) {
        Weaver known = weaver;
        if (known == null || known.isEager() != eager) {
            known = new Weaver(this, eager);
            weaver = known;
        }
        return known;
    }

    /** A cursor that is not in use, so that one merge after another makes none. */
    RunCursor takeCursor() {
        return idle.isEmpty() ? new RunCursor() : idle.removeLast();
    }

    /** Closes a cursor, and keeps it for the next merge. */
    void giveBack(RunCursor cursor) {
        cursor.close();
        if (idle.size() < IDLE_MAX) {
            idle.add(cursor);
        }
    }

    /**
     * Room for whoever feeds this chain, so that feeding allocates nothing; given back when the
     * chain is finished or closed.
     */
    NativeBuffer scratch() {
        return scratch;
    }

    /**
     * Memory for a body that is to be read: of at least that size. The caller gives it back by
     * {@link #keepBody}, hands it over by {@link #takeImage}, or closes it.
     */
    Lease takeBody(long sizeBytes) {
        Lease kept = spareBody;
        if (kept != null) {
            spareBody = null;
            if (kept.sizeBytes() >= sizeBytes) {
                return kept;
            }
            kept.close();
        }
        return memory().allocate(sizeBytes);
    }

    /** Takes memory of {@link #takeBody} back, for the next body. */
    void keepBody(Lease body) {
        assert spareBody == null : "one body is read after the other";
        spareBody = body;
    }

    /** Merges many runs into this chain; its room is given back like {@link #scratch}. */
    Blend blend() {
        Blend made = blend;
        if (made == null) {
            made = new Blend(this);
            blend = made;
        }
        return made;
    }

    /** How many bytes of memory may back its room, what is not sent yet included. */
    long heldBytes() {
        Lease image = pendingImage;
        Lease body = spareBody;
        Blend made = blend;
        return builder.heldBytes()
                + scratch.backedBytes()
                + (body == null ? 0 : body.accountedBytes())
                + (made == null ? 0 : made.heldBytes())
                + (image == null ? 0 : image.accountedBytes());
    }

    private void closeScratch() {
        scratch.close();
        Lease body = spareBody;
        if (body != null) {
            spareBody = null;
            body.close();
        }
        if (blend != null) {
            blend.close();
        }
    }

    /** The builder, with room for one more update. */
    TrieBuilder roomForOne() {
        makeRoom();
        room = 0;
        return builder;
    }

    /** The builder as it is: for folding into the last update. */
    TrieBuilder builder() {
        join();
        room = 0;
        return builder;
    }

    private void seal() {
        Lease image = builder.seal();
        room = targetBytes;
        send(image);
    }

    private void closePendingImage() {
        Lease image = pendingImage;
        if (image != null) {
            pendingImage = null;
            image.close();
        }
    }

    private void send(Lease image) {
        sealed.bind(builder.memory(), image.offset());
        try {
            sink.accept(image, sealed);
        } finally {
            sealed.unbind();
        }
    }

    /** Sends what is left as the last chunk. The builder can be used for another chain then. */
    public void finish() {
        sendRest();
        // who keeps the builder for another chain does not close this one
        closeScratch();
    }

    /** The same for an owner who starts the next chain soon, and closes this: the room stays. */
    void sendRest() {
        checkOpen();
        sendPending();
        if (!builder.isEmpty()) {
            seal();
        }
    }

    /** Drops what was not sent, after a failure; the builder can be used for another chain then. */
    void drop() {
        room = 0;
        closePendingImage();
        Chunk chunk = pending;
        pending = null;
        if (chunk != null) {
            chunk.close();
        }
        builder.clear();
    }

    @Override
    public void close() {
        closed = true;
        drop();
        closeScratch();
        builder.close();
    }
}
