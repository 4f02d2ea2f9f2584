package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Brings values of columns into another order: value {@code i} of the result is the one whose
 * number is the {@code i}th of a list of 32-bit indexes. The results stand in scratch of its own,
 * as the columns of an open {@link TrieView}, until the next round.
 *
 * <p>Single-threaded. The owner closes it.
 */
final class Gather implements AutoCloseable {

    private final MemorySegment segment;
    private final NativeBuffer[] data = new NativeBuffer[TrieLayout.COLUMNS];
    private final NativeBuffer[] offsets = new NativeBuffer[TrieLayout.COLUMNS];

    Gather(NativeMemory memory) {
        this.segment = memory.segment();
        for (int i = 0; i < TrieLayout.COLUMNS; i++) {
            data[i] = new NativeBuffer(memory);
            offsets[i] = new NativeBuffer(memory);
        }
    }

    /**
     * Binds {@code target} to the chosen values of {@code source}.
     *
     * @param slot which of the scratch columns to use, as in {@link TrieLayout}
     * @param indexesAt where {@code count} 32-bit indexes are
     */
    void gather(int slot, Column source, long indexesAt, long count, Column target) {
        if (source.isConstant()) {
            target.bind(
                    source.kind(),
                    source.encoding(),
                    source.width(),
                    segment,
                    0,
                    source.data(),
                    count);
        } else if (source.isVariable()) {
            variable(slot, source, indexesAt, count, target);
        } else {
            fixed(slot, source, indexesAt, count, target);
        }
    }

    private void fixed(int slot, Column source, long indexesAt, long count, Column target) {
        long width = source.width();
        NativeBuffer to = data[slot];
        to.clear();
        // a word at a time: up to a word more than the values have
        long at = to.reserve(count * width + Long.BYTES);
        if (width == Long.BYTES) {
            copyWords(segment, source.data(), indexesAt, count, at);
        } else if (width == 2 * Long.BYTES) {
            copyDoubleWords(segment, source.data(), indexesAt, count, at);
        } else {
            copyFixed(segment, source.data(), width, indexesAt, count, at);
        }
        target.bind(source.kind(), TrieLayout.FIXED, width, segment, 0, at, count);
    }

    private static void copyWords(
            MemorySegment segment, long source, long indexesAt, long count, long target) {
        for (long i = 0; i < count; i++) {
            long index = Words.getUnsignedInt(segment, indexesAt, i);
            Words.setLong(segment, target, i, Words.getLong(segment, source, index));
        }
    }

    private static void copyDoubleWords(
            MemorySegment segment, long source, long indexesAt, long count, long target) {
        for (long i = 0; i < count; i++) {
            long index = Words.getUnsignedInt(segment, indexesAt, i) << 1;
            Words.setLong(segment, target, i << 1, Words.getLong(segment, source, index));
            Words.setLong(segment, target, (i << 1) + 1, Words.getLong(segment, source, index + 1));
        }
    }

    private static void copyFixed(
            MemorySegment segment,
            long source,
            long width,
            long indexesAt,
            long count,
            long target) {
        for (long i = 0; i < count; i++) {
            long from = source + Words.getUnsignedInt(segment, indexesAt, i) * width;
            copyValue(segment, from, target + i * width, width);
        }
    }

    /** Values up to this size are copied by words, which may write up to seven bytes too many. */
    private static final long WORDWISE_MAX = 96;

    private static void copyValue(MemorySegment segment, long from, long to, long size) {
        if (size > WORDWISE_MAX) {
            MemorySegment.copy(segment, from, segment, to, size);
            return;
        }
        for (long i = 0; i < size; i += Long.BYTES) {
            segment.set(Layouts.LONG, to + i, segment.get(Layouts.LONG, from + i));
        }
    }

    private void variable(int slot, Column source, long indexesAt, long count, Column target) {
        NativeBuffer ends = offsets[slot];
        ends.clear();
        long endsAt = ends.reserve((count + 1) * Integer.BYTES);
        long bytes = endsOf(segment, source.offsets(), indexesAt, count, endsAt);
        NativeBuffer to = data[slot];
        to.clear();
        long at = to.reserve(bytes + Long.BYTES);
        copyVariable(segment, source.data(), source.offsets(), indexesAt, count, at);
        target.bind(source.kind(), TrieLayout.VARIABLE, 0, segment, endsAt, at, count);
    }

    private static long endsOf(
            MemorySegment segment, long offsets, long indexesAt, long count, long endsAt) {
        long end = 0;
        Words.setInt(segment, endsAt, 0, 0);
        for (long i = 0; i < count; i++) {
            long index = Words.getUnsignedInt(segment, indexesAt, i);
            end +=
                    Words.getUnsignedInt(segment, offsets, index + 1)
                            - Words.getUnsignedInt(segment, offsets, index);
            Words.setInt(segment, endsAt, i + 1, (int) end);
        }
        return end;
    }

    private static void copyVariable(
            MemorySegment segment,
            long source,
            long offsets,
            long indexesAt,
            long count,
            long target) {
        long to = target;
        for (long i = 0; i < count; i++) {
            long index = Words.getUnsignedInt(segment, indexesAt, i);
            long from = Words.getUnsignedInt(segment, offsets, index);
            long size = Words.getUnsignedInt(segment, offsets, index + 1) - from;
            copyValue(segment, source + from, to, size);
            to += size;
        }
    }

    /**
     * Binds {@code target} to bounds whose {@code count + 1} 32-bit offsets stand at {@code at},
     * from 0 on: to a stride if all groups have one size.
     */
    static void bindBounds(MemorySegment segment, long at, long count, Bounds target) {
        long stride = Words.getUnsignedInt(segment, at, 1);
        if (Words.getUnsignedInt(segment, at, count) == stride * count) {
            long group = 1;
            while (group < count
                    && Words.getUnsignedInt(segment, at, group + 1) == stride * (group + 1)) {
                group++;
            }
            if (group == count) {
                target.bind(stride, segment, 0, count);
                return;
            }
        }
        target.bind(0, segment, at, count);
    }

    /** Binds {@code target} to a column of longs at {@code at}: to a constant if all are equal. */
    static void bindLongs(MemorySegment segment, long at, long count, Column target) {
        boolean constant = Words.allEqual(segment, at, count);
        target.bind(
                ColumnType.Kind.LONG,
                constant ? TrieLayout.CONSTANT : TrieLayout.FIXED,
                Long.BYTES,
                segment,
                0,
                at,
                count);
    }

    /** Room for {@code bytes} in a scratch column that is not gathered. */
    long room(int slot, long bytes) {
        data[slot].clear();
        return data[slot].reserve(bytes);
    }

    /** Gives scratch of more than {@code bytesMax} a column back. */
    void clear(long bytesMax) {
        for (int i = 0; i < TrieLayout.COLUMNS; i++) {
            data[i].clear(bytesMax);
            offsets[i].clear(bytesMax);
        }
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        long bytes = 0;
        for (int i = 0; i < TrieLayout.COLUMNS; i++) {
            bytes += data[i].backedBytes() + offsets[i].backedBytes();
        }
        return bytes;
    }

    @Override
    public void close() {
        clear(0);
        for (int i = 0; i < TrieLayout.COLUMNS; i++) {
            data[i].close();
            offsets[i].close();
        }
    }
}
