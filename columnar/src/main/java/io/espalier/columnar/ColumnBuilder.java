package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * A column that grows. It stays in the cheapest form that its values allow: one value while all are
 * equal, then values of one width, then offsets and bytes; each step is taken once, when the first
 * value asks for it, so that what a chunk does not need is never written.
 *
 * <p>The owner closes it. Not thread-safe.
 */
public final class ColumnBuilder implements AutoCloseable {

    private static final long BYTES_MAX = TrieLayout.COLUMN_BYTES_MAX;

    /** Smaller images are moved to a slot of their own size: they are in the nearest cache. */
    private static final long MOVED_BYTES_MAX = 4096;

    /** A room is not left to an image that is so many times smaller. */
    private static final long ROOM_MAX = 4;

    private final ColumnType type;
    private final boolean distinct;
    private final MemorySegment segment;
    private final NativeBuffer data;
    private final NativeBuffer offsets;
    private final NativeBuffer scratch;

    private int encoding = TrieLayout.ABSENT;
    private long width;
    private long count;

    /** A builder of values in ascending order without duplicates, such as keys or probes. */
    public static ColumnBuilder distinct(NativeMemory memory, ColumnType type) {
        return new ColumnBuilder(memory, type, true);
    }

    /**
     * @param distinct whether values are never equal, so that looking for a constant is idle
     */
    ColumnBuilder(NativeMemory memory, ColumnType type, boolean distinct) {
        this(memory, type, distinct, 0);
    }

    /**
     * @param headBytes room before the values, for an image that begins with this column
     */
    ColumnBuilder(NativeMemory memory, ColumnType type, boolean distinct, long headBytes) {
        this.type = type;
        this.distinct = distinct;
        this.segment = memory.segment();
        this.data = new NativeBuffer(memory, headBytes);
        this.offsets = new NativeBuffer(memory);
        this.scratch = new NativeBuffer(memory);
    }

    /** How many values were appended. */
    public long count() {
        return count;
    }

    int encoding() {
        return encoding;
    }

    boolean isUnit() {
        return type.kind() == ColumnType.Kind.UNIT;
    }

    /** The segment that the column is in. */
    MemorySegment segment() {
        return segment;
    }

    /** The size of all values unless variable. */
    long width() {
        return width;
    }

    /** The bytes that the column takes in an image, padding included. */
    long sealedBytes() {
        return switch (encoding) {
            case TrieLayout.VARIABLE ->
                    TrieLayout.align((count + 1) * Integer.BYTES)
                            + TrieLayout.align(data.sizeBytes());
            case TrieLayout.ABSENT -> 0;
            default -> TrieLayout.align(data.sizeBytes());
        };
    }

    /** The bytes of all values if they have one width and stand one by one, else 0. */
    long fixedBytes() {
        return encoding == TrieLayout.FIXED ? data.sizeBytes() : 0;
    }

    /**
     * Whether the room of the values is fit to become an image of {@code size} bytes: large enough,
     * and not much larger, so that it does not hold on to a large slot for a small image.
     */
    boolean fitsImage(long size, long headBytes) {
        long room = headBytes + data.capacityBytes();
        return size >= MOVED_BYTES_MAX && size <= room && size > room / ROOM_MAX;
    }

    /**
     * Empties the column, of which an image of {@code size} bytes was made by copying. If its room
     * was too small to become one, it is given back, and the next will be large enough.
     */
    void clearForImage(long size, long headBytes, long bytesMax) {
        clear(bytesMax);
        if (size <= bytesMax && size > headBytes + data.capacityBytes()) {
            data.close();
            data.expect(size);
        }
    }

    /**
     * Hands over the room of the values, with the values where they are, as an image of {@code
     * size} bytes. The column can only be cleared then.
     */
    Lease becomeImage(long size) {
        return data.detach(size);
    }

    /** The bytes of all values, without offsets. */
    public long dataBytes() {
        return data.sizeBytes();
    }

    /** Binds {@code column} to what was appended so far; valid until the next append. */
    public Column bind(Column column) {
        column.bind(type.kind(), encoding, width, segment, offsets.offset(), data.offset(), count);
        return column;
    }

    /** A new column bound to what was appended so far; valid until the next append. */
    public Column column() {
        return bind(new Column());
    }

    /**
     * The bytes of all values written out, with an offset each if their kind has no fixed size: see
     * {@link Column#flatBytes}.
     */
    long flatBytes() {
        return switch (type.kind()) {
            case UNIT -> 0;
            case LONG, TUPLE -> count * width;
            case BYTES ->
                    (encoding == TrieLayout.VARIABLE ? data.sizeBytes() : count * width)
                            + count * TrieLayout.OFFSET_BYTES;
        };
    }

    /**
     * Appends a long.
     *
     * @throws IllegalArgumentException if the column is of another kind
     */
    public void append(long value) {
        if (encoding == TrieLayout.FIXED && type.kind() == ColumnType.Kind.LONG) {
            data.appendLong(value);
            count++;
            return;
        }
        if (type.kind() != ColumnType.Kind.LONG) {
            throw new IllegalArgumentException(
                    "the long " + value + " for a column of " + type + "; append its bytes");
        }
        appendRepeated(value, 1);
    }

    /** Appends a tuple of two. */
    void appendPair(long first, long second) {
        if (encoding == TrieLayout.FIXED) {
            data.appendLong(first);
            data.appendLong(second);
            count++;
            return;
        }
        scratch.clear();
        scratch.appendLong(first);
        scratch.appendLong(second);
        append(segment, scratch.offset(), 2 * Long.BYTES);
    }

    /** Appends the same long {@code times} times. */
    void appendRepeated(long value, long times) {
        if (times == 0) {
            return;
        }
        if (encoding == TrieLayout.ABSENT) {
            encoding = startEncoding(times);
            width = Long.BYTES;
            if (encoding == TrieLayout.CONSTANT) {
                data.appendLong(value);
                count = times;
                return;
            }
        } else if (encoding == TrieLayout.CONSTANT) {
            if (segment.get(Layouts.LONG, data.offset()) == value) {
                count += times;
                return;
            }
            spread();
        }
        assert encoding == TrieLayout.FIXED && width == Long.BYTES;
        long at = data.reserve(times * Long.BYTES);
        Words.fill(segment, at, times, value);
        data.advance(times * Long.BYTES);
        count += times;
    }

    private void checkValue(long size) {
        int expected = type.fixedWidth();
        if (size < 0 || (expected >= 0 ? size != expected : flatBytes() + size > BYTES_MAX)) {
            throw new IllegalArgumentException(
                    "a value of "
                            + size
                            + " bytes for a column of "
                            + type
                            + " with "
                            + dataBytes()
                            + " bytes; "
                            + (expected >= 0
                                    ? "its values have " + expected
                                    : "a chunk holds at most " + BYTES_MAX));
        }
    }

    private int startEncoding(long times) {
        return distinct && times == 1 ? TrieLayout.FIXED : TrieLayout.CONSTANT;
    }

    /**
     * Appends one value, a run of native bytes: for a tuple its longs, little-endian.
     *
     * @throws IllegalArgumentException if values of the column have another size, or the column
     *     would exceed {@value TrieLayout#COLUMN_BYTES_MAX} bytes
     */
    public void append(MemorySegment source, long sourceOffset, long size) {
        checkValue(size);
        if (prepare(source, sourceOffset, size, 1)) {
            data.append(source, sourceOffset, size);
            closeValue();
        }
    }

    /**
     * Appends one value, a run of bytes of the heap.
     *
     * @throws IllegalArgumentException as for native bytes
     */
    public void append(byte[] source, int from, int size) {
        checkValue(size);
        // the kernels see native bytes only
        scratch.clear();
        scratch.append(source, from, size);
        append(segment, scratch.offset(), size);
    }

    /** Appends value {@code index} of a column of the same kind. */
    public void append(Column source, long index) {
        if (type.kind() == ColumnType.Kind.UNIT) {
            count++;
        } else if (type.kind() == ColumnType.Kind.LONG) {
            append(source.longAt(index));
        } else {
            append(source.segment(), source.offsetOf(index), source.sizeOf(index));
        }
    }

    /**
     * Makes room for {@code values} more of {@code size} bytes. The caller writes them and says so
     * by {@link #advanceFixed}, or does not, and the column stays as it was.
     *
     * @return where they go, or -1 if the column has values of other sizes
     */
    long reserveFixed(long size, long values) {
        if (encoding == TrieLayout.VARIABLE || (encoding != TrieLayout.ABSENT && width != size)) {
            return -1;
        }
        long repeated = encoding == TrieLayout.CONSTANT ? (count - 1) * size : 0;
        return data.reserve(repeated + values * size) + repeated;
    }

    /** Takes values of {@code size} bytes in that were written where {@link #reserveFixed} said. */
    void advanceFixed(long size, long values) {
        if (encoding == TrieLayout.CONSTANT) {
            spread();
        }
        encoding = TrieLayout.FIXED;
        width = size;
        data.advance(values * size);
        count += values;
    }

    /** Appends {@code times} unit values. */
    void appendUnits(long times) {
        assert type.kind() == ColumnType.Kind.UNIT;
        count += times;
    }

    /** Appends values {@code [from, to)} of a column of the same kind by range copies. */
    void appendRange(Column source, long from, long to) {
        long values = to - from;
        if (values == 0) {
            return;
        }
        if (type.kind() == ColumnType.Kind.UNIT) {
            count += values;
            return;
        }
        switch (source.encoding()) {
            case TrieLayout.CONSTANT -> appendCopies(source, values);
            case TrieLayout.FIXED -> appendFixed(source, from, values);
            case TrieLayout.VARIABLE -> appendVariable(source, from, to);
            default -> throw new IllegalStateException("column without content");
        }
    }

    /** Appends a constant column's value some times. */
    void appendCopies(Column source, long values) {
        if (source.kind() == ColumnType.Kind.LONG) {
            appendRepeated(source.longAt(0), values);
            return;
        }
        if (prepare(source.segment(), source.data(), source.width(), values)) {
            for (long i = 0; i < values; i++) {
                data.append(source.segment(), source.data(), source.width());
                closeValue();
            }
        }
    }

    private void appendFixed(Column source, long from, long values) {
        long size = source.width();
        long at = source.offsetOf(from);
        long bytes = values * size;
        if (encoding == TrieLayout.ABSENT) {
            width = size;
            if (distinct || !allEqual(source.segment(), at, size, values)) {
                encoding = TrieLayout.FIXED;
            } else {
                encoding = TrieLayout.CONSTANT;
                data.append(source.segment(), at, size);
                count = values;
                return;
            }
        } else if (encoding == TrieLayout.CONSTANT) {
            if (size == width
                    && Bytes.equal(source.segment(), at, segment, data.offset(), size)
                    && allEqual(source.segment(), at, size, values)) {
                count += values;
                return;
            }
            spread();
        }
        if (encoding == TrieLayout.FIXED && width != size) {
            cut();
        }
        data.append(source.segment(), at, bytes);
        if (encoding == TrieLayout.VARIABLE) {
            long end = data.sizeBytes() - bytes;
            long target = offsets.reserve(values * Integer.BYTES);
            for (long i = 0; i < values; i++) {
                end += size;
                Words.setInt(segment, target, i, (int) end);
            }
            offsets.advance(values * Integer.BYTES);
        }
        count += values;
    }

    private static boolean allEqual(MemorySegment segment, long at, long size, long values) {
        long bytes = (values - 1) * size;
        return bytes == 0 || Bytes.commonPrefix(segment, at, segment, at + size, bytes) == bytes;
    }

    private void appendVariable(Column source, long from, long to) {
        if (to - from == 1) {
            append(source.segment(), source.offsetOf(from), source.sizeOf(from));
            return;
        }
        if (encoding == TrieLayout.CONSTANT) {
            spread();
        }
        if (encoding != TrieLayout.VARIABLE) {
            cut();
        }
        long start = source.offsetOf(from);
        long bytes = source.bytesOf(from, to);
        long delta = data.sizeBytes() - (start - source.data());
        data.append(source.segment(), start, bytes);
        long target = offsets.reserve((to - from) * Integer.BYTES);
        Words.copyAdding(
                source.segment(),
                source.offsets() + (from + 1) * Integer.BYTES,
                segment,
                target,
                to - from,
                (int) delta);
        offsets.advance((to - from) * Integer.BYTES);
        count += to - from;
    }

    /**
     * Brings the column into a form that takes {@code times} values of {@code size} bytes like the
     * one given. False if they are in already, because they equal the constant.
     */
    private boolean prepare(MemorySegment source, long sourceOffset, long size, long times) {
        switch (encoding) {
            case TrieLayout.ABSENT -> {
                width = size;
                encoding = startEncoding(times);
                if (encoding == TrieLayout.CONSTANT) {
                    data.append(source, sourceOffset, size);
                    count = times;
                    return false;
                }
            }
            case TrieLayout.CONSTANT -> {
                if (size == width
                        && Bytes.equal(source, sourceOffset, segment, data.offset(), size)) {
                    count += times;
                    return false;
                }
                spread();
                if (width != size) {
                    cut();
                }
            }
            case TrieLayout.FIXED -> {
                if (width != size) {
                    cut();
                }
            }
            default -> {}
        }
        return true;
    }

    private void closeValue() {
        if (encoding == TrieLayout.VARIABLE) {
            offsets.appendInt((int) data.sizeBytes());
        }
        count++;
    }

    /** From one value to one for each. */
    private void spread() {
        assert encoding == TrieLayout.CONSTANT;
        encoding = TrieLayout.FIXED;
        long bytes = (count - 1) * width;
        if (bytes == 0) {
            return;
        }
        long at = data.reserve(bytes);
        if (width == Long.BYTES) {
            Words.fill(segment, at, count - 1, segment.get(Layouts.LONG, data.offset()));
        } else {
            for (long i = 0; i < bytes; i += width) {
                MemorySegment.copy(segment, data.offset(), segment, at + i, width);
            }
        }
        data.advance(bytes);
    }

    /** From values of one width to offsets. */
    private void cut() {
        assert encoding == TrieLayout.FIXED || encoding == TrieLayout.ABSENT;
        encoding = TrieLayout.VARIABLE;
        offsets.clear();
        long target = offsets.reserve((count + 1) * Integer.BYTES);
        for (long i = 0; i <= count; i++) {
            Words.setInt(segment, target, i, (int) (i * width));
        }
        offsets.advance((count + 1) * Integer.BYTES);
        width = 0;
    }

    /** Takes the last value out again. */
    void removeLast() {
        assert count > 0;
        count--;
        if (type.kind() == ColumnType.Kind.UNIT) {
            return;
        }
        switch (encoding) {
            case TrieLayout.CONSTANT -> {
                if (count == 0) {
                    clear(Long.MAX_VALUE);
                }
            }
            case TrieLayout.FIXED -> data.truncate(count * width);
            default -> {
                offsets.truncate((count + 1) * Integer.BYTES);
                data.truncate(Words.getUnsignedInt(segment, offsets.offset(), count));
            }
        }
    }

    /** Replaces the last value of a column of longs. */
    void replaceLast(long value) {
        removeLast();
        append(value);
    }

    /** The last value of a column of longs, or its first word in one of tuples. */
    long lastLong() {
        return lastWord(0);
    }

    /** A word of the last value of a column of longs or tuples. */
    long lastWord(int word) {
        long at = encoding == TrieLayout.FIXED ? (count - 1) * width : 0;
        return segment.get(Layouts.LONG, data.offset() + at + (long) word * Long.BYTES);
    }

    /** Writes the column at {@code at}, with zero padding, and returns the bytes without it. */
    long seal(long at) {
        if (encoding == TrieLayout.ABSENT) {
            return 0;
        }
        long start = at;
        if (encoding == TrieLayout.VARIABLE) {
            long bytes = (count + 1) * Integer.BYTES;
            MemorySegment.copy(segment, offsets.offset(), segment, at, bytes);
            at += pad(segment, at, bytes);
        }
        MemorySegment.copy(segment, data.offset(), segment, at, data.sizeBytes());
        pad(segment, at, data.sizeBytes());
        return at - start + data.sizeBytes();
    }

    static long pad(MemorySegment segment, long at, long bytes) {
        long padded = TrieLayout.align(bytes);
        for (long i = bytes; i < padded; i++) {
            segment.set(Layouts.BYTE, at + i, (byte) 0);
        }
        return padded;
    }

    /** Empties the column; it keeps its room, unless that is more than {@code bytesMax}. */
    public void clear(long bytesMax) {
        encoding = TrieLayout.ABSENT;
        width = 0;
        count = 0;
        data.clear(bytesMax);
        offsets.clear(bytesMax);
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return data.backedBytes() + offsets.backedBytes() + scratch.backedBytes();
    }

    @Override
    public void close() {
        clear(0);
        data.close();
        offsets.close();
        scratch.close();
    }
}
