package io.espalier.memory;

import java.lang.foreign.MemorySegment;

/**
 * Kernels over runs of bytes: static, primitive, without allocation. The order is unsigned
 * lexicographic, decided a big-endian word at a time; a proper prefix comes first.
 */
public final class Bytes {

    private static final long HASH_SEED = 0x9E3779B97F4A7C15L;
    private static final long HASH_MIX_1 = 0xD6E8FEB86659FD93L;
    private static final long HASH_MIX_2 = 0xA0761D6478BD642FL;
    private static final long BULK_BYTES = 64;

    private Bytes() {}

    /** Compares {@code a[aOffset, +aSize)} with {@code b[bOffset, +bSize)}; negative, 0, positive. */
    public static int compare(
            MemorySegment a, long aOffset, long aSize, MemorySegment b, long bOffset, long bSize) {
        long shared = Math.min(aSize, bSize);
        long i = 0;
        if (shared > BULK_BYTES
                && a.get(Layouts.LONG, aOffset) == b.get(Layouts.LONG, bOffset)) {
            // long equal starts: let the vectorised search find the word that differs
            long at = MemorySegment.mismatch(a, aOffset, aOffset + shared, b, bOffset, bOffset + shared);
            if (at < 0) {
                return Long.compare(aSize, bSize);
            }
            return Byte.compareUnsigned(
                    a.get(Layouts.BYTE, aOffset + at), b.get(Layouts.BYTE, bOffset + at));
        }
        for (; i + Long.BYTES <= shared; i += Long.BYTES) {
            long x = a.get(Layouts.LONG_BIG_ENDIAN, aOffset + i);
            long y = b.get(Layouts.LONG_BIG_ENDIAN, bOffset + i);
            if (x != y) {
                return Long.compareUnsigned(x, y);
            }
        }
        if (i < shared) {
            long x = prefix(a, aOffset + i, shared - i);
            long y = prefix(b, bOffset + i, shared - i);
            if (x != y) {
                return Long.compareUnsigned(x, y);
            }
        }
        return Long.compare(aSize, bSize);
    }

    /** Whether two runs of the same size hold the same bytes. */
    public static boolean equal(
            MemorySegment a, long aOffset, MemorySegment b, long bOffset, long size) {
        if (size > BULK_BYTES) {
            return MemorySegment.mismatch(a, aOffset, aOffset + size, b, bOffset, bOffset + size) < 0;
        }
        long i = 0;
        for (; i + Long.BYTES <= size; i += Long.BYTES) {
            if (a.get(Layouts.LONG, aOffset + i) != b.get(Layouts.LONG, bOffset + i)) {
                return false;
            }
        }
        return i == size
                || prefix(a, aOffset + i, size - i) == prefix(b, bOffset + i, size - i);
    }

    /**
     * The first eight bytes as a number whose unsigned order is the order of the bytes; missing
     * bytes count as zero, so that equal prefixes say nothing about sizes.
     */
    public static long prefix(MemorySegment segment, long offset, long size) {
        if (size >= Long.BYTES) {
            return segment.get(Layouts.LONG_BIG_ENDIAN, offset);
        }
        if (size >= Integer.BYTES) {
            long high = Integer.reverseBytes(segment.get(Layouts.INT, offset)) & 0xFFFFFFFFL;
            long low =
                    Integer.reverseBytes(segment.get(Layouts.INT, offset + size - Integer.BYTES))
                            & 0xFFFFFFFFL;
            // the two words overlap by 8 - size bytes: keep each byte once
            int extra = (int) (size - Integer.BYTES) * Byte.SIZE;
            long tail = extra == 0 ? 0 : low & ((1L << extra) - 1);
            return high << 32 | tail << (32 - extra);
        }
        long prefix = 0;
        for (long i = 0; i < size; i++) {
            prefix |= (segment.get(Layouts.BYTE, offset + i) & 0xFFL) << (56 - 8 * i);
        }
        return prefix;
    }

    /** A 64-bit hash of a run of bytes; the same on every machine. */
    public static long hash(MemorySegment segment, long offset, long size) {
        long h = HASH_SEED ^ size * HASH_MIX_1;
        long i = 0;
        for (; i + Long.BYTES <= size; i += Long.BYTES) {
            h = mix(h ^ segment.get(Layouts.LONG, offset + i));
        }
        if (i < size) {
            h = mix(h ^ prefix(segment, offset + i, size - i));
        }
        return mix(h);
    }

    private static long mix(long x) {
        long high = Math.unsignedMultiplyHigh(x, HASH_MIX_2);
        return high ^ (x * HASH_MIX_2) ^ (x >>> 32);
    }

    /** The size of the common start of two runs, at most {@code size} bytes. */
    public static long commonPrefix(
            MemorySegment a, long aOffset, MemorySegment b, long bOffset, long size) {
        long at = MemorySegment.mismatch(a, aOffset, aOffset + size, b, bOffset, bOffset + size);
        return at < 0 ? size : at;
    }
}
