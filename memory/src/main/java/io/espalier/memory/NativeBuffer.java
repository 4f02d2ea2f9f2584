package io.espalier.memory;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A growable run of native bytes, appended at its end: the open form of a column. It takes its
 * first bytes when something is appended and doubles when full; {@link #clear()} keeps the room for
 * the next round. {@link #offset()} moves when it grows, so read it after the last append.
 *
 * <p>The owner closes it. Not thread-safe.
 */
public final class NativeBuffer implements AutoCloseable {

    private static final long CAPACITY_MIN = 256;

    private final NativeMemory memory;
    private final MemorySegment segment;
    private final long headBytes;
    private @Nullable Lease lease;
    private long offset;
    private long sizeBytes;
    private long capacityBytes;

    /** The end of the last page that was ever reserved, or of the room. */
    private long limitBytes;

    /** How much room is taken at first: more than the largest content that was expected. */
    private long expectedBytes = CAPACITY_MIN;

    /** An empty buffer that will take its bytes from {@code memory}. */
    public NativeBuffer(NativeMemory memory) {
        this(memory, 0);
    }

    /**
     * An empty buffer whose content starts {@code headBytes} behind the start of its lease: room
     * for a header, for the day the lease is {@linkplain #detach detached}.
     */
    public NativeBuffer(NativeMemory memory, long headBytes) {
        this.memory = memory;
        this.segment = memory.segment();
        this.headBytes = headBytes;
    }

    /** Where the content starts in {@link #segment()}; valid until the next append. */
    public long offset() {
        return offset;
    }

    /** How many bytes the content has. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** How many bytes are held, used or not. */
    public long capacityBytes() {
        return capacityBytes;
    }

    /**
     * How many bytes of memory may back what is held: the room as far as it was ever reserved, with
     * the head, or what an earlier holder of the slot left.
     */
    public long backedBytes() {
        Lease held = lease;
        return held == null
                ? 0
                : Math.max(SizeClasses.pagesUp(headBytes + limitBytes), held.backedBytes());
    }

    /** The segment that {@link #offset()} indexes. */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * Makes room for {@code bytes} more and returns where they go. The caller writes there and then
     * says so by {@link #advance}.
     *
     * @throws OutOfNativeMemoryException if there is no room; the content stays as it is
     */
    public long reserve(long bytes) {
        assert bytes >= 0 : bytes;
        if (limitBytes - sizeBytes < bytes) {
            raise(Math.addExact(sizeBytes, bytes));
        }
        return offset + sizeBytes;
    }

    /**
     * Takes {@code bytes} that were written after {@link #reserve} into the content.
     *
     * @throws IllegalArgumentException if that many were not reserved
     */
    public void advance(long bytes) {
        if (bytes < 0 || limitBytes - sizeBytes < bytes) {
            throw new IllegalArgumentException(
                    "cannot take "
                            + bytes
                            + " bytes: "
                            + (limitBytes - sizeBytes)
                            + " are reserved");
        }
        sizeBytes += bytes;
    }

    /** Appends eight bytes, little-endian. */
    public void appendLong(long value) {
        segment.set(Layouts.LONG, reserve(Long.BYTES), value);
        sizeBytes += Long.BYTES;
    }

    /** Appends four bytes, little-endian. */
    public void appendInt(int value) {
        segment.set(Layouts.INT, reserve(Integer.BYTES), value);
        sizeBytes += Integer.BYTES;
    }

    /** Appends one byte. */
    public void appendByte(byte value) {
        segment.set(Layouts.BYTE, reserve(1), value);
        sizeBytes++;
    }

    /** Appends a copy of native bytes, which are not this buffer's own. */
    public void append(MemorySegment source, long sourceOffset, long bytes) {
        long at = reserve(bytes);
        MemorySegment.copy(source, sourceOffset, segment, at, bytes);
        sizeBytes += bytes;
    }

    /** Appends a copy of bytes of the heap. */
    public void append(byte[] source, int from, int count) {
        long at = reserve(count);
        MemorySegment.copy(source, from, segment, Layouts.BYTE, at, count);
        sizeBytes += count;
    }

    /**
     * Cuts the content to its first {@code sizeBytes} bytes.
     *
     * @throws IllegalArgumentException if it has fewer
     */
    public void truncate(long sizeBytes) {
        if (sizeBytes < 0 || sizeBytes > this.sizeBytes) {
            throw new IllegalArgumentException(
                    "cannot cut " + this.sizeBytes + " bytes to " + sizeBytes);
        }
        this.sizeBytes = sizeBytes;
    }

    /**
     * Hands the lease over, cut to its first {@code sizeBytes} bytes, head included: the content in
     * place, with what the caller writes around it. The buffer is empty then, and will take at
     * least as much room as that at first.
     *
     * @return the lease, which the caller owns
     * @throws IllegalArgumentException if head and content are more than that, or the room is less
     */
    public Lease detach(long sizeBytes) {
        Lease detached = lease;
        if (detached == null
                || sizeBytes < headBytes + this.sizeBytes
                || sizeBytes > headBytes + capacityBytes) {
            throw new IllegalArgumentException(
                    "cannot detach "
                            + sizeBytes
                            + " bytes; give at least "
                            + (headBytes + this.sizeBytes)
                            + ", and at most "
                            + (headBytes + capacityBytes));
        }
        detached.shrink(sizeBytes, headBytes + limitBytes);
        lease = null;
        offset = 0;
        this.sizeBytes = 0;
        capacityBytes = 0;
        limitBytes = 0;
        expect(sizeBytes);
        return detached;
    }

    /**
     * Takes room for a content like one of so many bytes, head included, when it next takes any.
     */
    public void expect(long sizeBytes) {
        // the next will differ a little; that the last of many is smaller says nothing
        expectedBytes = Math.max(expectedBytes, sizeBytes + sizeBytes / 32);
    }

    /** Empties the buffer; it keeps its room. */
    public void clear() {
        sizeBytes = 0;
    }

    /** Empties the buffer; it gives its room back if that is more than {@code bytesMax}. */
    public void clear(long bytesMax) {
        sizeBytes = 0;
        expectedBytes = Math.max(CAPACITY_MIN, Math.min(expectedBytes, bytesMax));
        if (capacityBytes > bytesMax) {
            close();
        }
    }

    /** Makes room for content of a size. */
    private void raise(long needed) {
        if (needed > capacityBytes) {
            grow(needed);
        }
        // page by page: what was not reserved was not touched, and need not be given back
        limitBytes = Math.min(capacityBytes, SizeClasses.pagesUp(headBytes + needed) - headBytes);
    }

    private void grow(long needed) {
        long capacity = Math.max(needed, capacityBytes == 0 ? expectedBytes : capacityBytes * 2);
        Lease larger = memory.allocate(headBytes + capacity);
        MemorySegment.copy(segment, offset, segment, larger.offset() + headBytes, sizeBytes);
        if (lease != null) {
            lease.close();
        }
        lease = larger;
        offset = larger.offset() + headBytes;
        capacityBytes = capacity;
    }

    /** Gives the bytes back. The buffer is empty then and may be used again. */
    @Override
    public void close() {
        if (lease != null) {
            lease.close();
            lease = null;
        }
        offset = 0;
        sizeBytes = 0;
        capacityBytes = 0;
        limitBytes = 0;
    }
}
