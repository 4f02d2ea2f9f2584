package io.espalier.memory;

import java.lang.foreign.MemorySegment;

/**
 * Kernels over columns of little-endian words: static, primitive, without allocation. Offsets are
 * in bytes, indexes and counts in words. Sorted columns are in signed order; {@link #FLIP} turns an
 * unsigned column's values into that order and back.
 */
public final class Words {

    /** XOR with this maps unsigned order to signed order. */
    public static final long FLIP = Long.MIN_VALUE;

    private static final long LINE_BYTES = 64;

    /** With fewer, aligning costs more than it saves. */
    private static final long ALIGNED_WORDS_MIN = 128;

    private Words() {}

    /** The 64-bit word at {@code index}. */
    public static long getLong(MemorySegment segment, long offset, long index) {
        return segment.get(Layouts.LONG, offset + (index << 3));
    }

    /** Writes the 64-bit word at {@code index}. */
    public static void setLong(MemorySegment segment, long offset, long index, long value) {
        segment.set(Layouts.LONG, offset + (index << 3), value);
    }

    /** The 32-bit word at {@code index}. */
    public static int getInt(MemorySegment segment, long offset, long index) {
        return segment.get(Layouts.INT, offset + (index << 2));
    }

    /** An unsigned 32-bit word. */
    public static long getUnsignedInt(MemorySegment segment, long offset, long index) {
        return segment.get(Layouts.INT, offset + (index << 2)) & 0xFFFFFFFFL;
    }

    /** Writes the 32-bit word at {@code index}. */
    public static void setInt(MemorySegment segment, long offset, long index, int value) {
        segment.set(Layouts.INT, offset + (index << 2), value);
    }

    /**
     * The first index in {@code [from, to)} whose value is not less than {@code key}, or {@code
     * to}; gallops from {@code from}, so that near answers are cheap. The column ascends there.
     */
    public static long gallop(MemorySegment segment, long offset, long from, long to, long key) {
        if (from >= to || getLong(segment, offset, from) >= key) {
            return from;
        }
        long low = from; // less than key
        long step = 1;
        while (low + step < to && getLong(segment, offset, low + step) < key) {
            low += step;
            step <<= 1;
        }
        long high = Math.min(low + step, to);
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (getLong(segment, offset, middle) < key) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    /**
     * The first index in {@code [from, to)} of an ascending column of unsigned 32-bit words whose
     * value is above {@code bound}, or {@code to}: which group an element of a layer belongs to.
     */
    public static long firstAbove(
            MemorySegment segment, long offset, long from, long to, long bound) {
        long low = from;
        long high = to;
        while (low < high) {
            long middle = (low + high) >>> 1;
            if (getUnsignedInt(segment, offset, middle) > bound) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /**
     * Copies {@code count} 32-bit words, adding {@code delta} to each, modulo 2^32: rebased end
     * offsets. The ranges do not overlap, or the target begins first.
     */
    public static void copyAdding(
            MemorySegment source,
            long sourceOffset,
            MemorySegment target,
            long targetOffset,
            long count,
            int delta) {
        if (delta == 0) {
            MemorySegment.copy(source, sourceOffset, target, targetOffset, count << 2);
            return;
        }
        for (long i = 0; i < count; i++) {
            int word = source.get(Layouts.INT, sourceOffset + (i << 2));
            target.set(Layouts.INT, targetOffset + (i << 2), word + delta);
        }
    }

    /**
     * Copies 64-bit words between ranges that do not overlap: faster than {@link
     * MemorySegment#copy} where there are hundreds, since it writes whole lines of the cache.
     */
    public static void copy(
            MemorySegment source,
            long sourceOffset,
            MemorySegment target,
            long targetOffset,
            long count) {
        long head = 0;
        if (count >= ALIGNED_WORDS_MIN) {
            head = -targetOffset & LINE_BYTES - Long.BYTES;
            for (long at = 0; at < head; at += Long.BYTES) {
                target.set(
                        Layouts.LONG,
                        targetOffset + at,
                        source.get(Layouts.LONG, sourceOffset + at));
            }
        }
        MemorySegment.copy(
                source, sourceOffset + head, target, targetOffset + head, (count << 3) - head);
    }

    /** The first 64-bit word that is not greater than the one before it, or {@code count}. */
    public static long firstDescent(MemorySegment segment, long offset, long count) {
        for (long i = 1; i < count; i++) {
            if (getLong(segment, offset, i - 1) >= getLong(segment, offset, i)) {
                return i;
            }
        }
        return count;
    }

    /** Writes the same 64-bit word {@code count} times. */
    public static void fill(MemorySegment target, long targetOffset, long count, long value) {
        for (long i = 0; i < count; i++) {
            target.set(Layouts.LONG, targetOffset + (i << 3), value);
        }
    }

    /** Whether all {@code count} 64-bit words equal the first; so do none and one. */
    public static boolean allEqual(MemorySegment segment, long offset, long count) {
        // a column equals itself shifted by one word exactly if all its words are equal
        return count <= 1 || Bytes.equal(segment, offset, segment, offset + 8, (count - 1) << 3);
    }
}
