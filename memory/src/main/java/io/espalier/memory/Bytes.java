package io.espalier.memory;

import java.lang.foreign.MemorySegment;

/**
 * Kernels over runs of bytes: static, primitive, without allocation. The order is unsigned
 * lexicographic, decided a big-endian word at a time; a proper prefix comes first.
 *
 * <p>Every read is a plain access. {@link MemorySegment#mismatch} and the JDK's checksums are no
 * faster, and read through assembly stubs in which a page that a mapped file no longer has
 * (truncated, or unreadable) ends the process instead of raising an {@link InternalError}.
 */
public final class Bytes {

    private static final long HASH_SEED = 0x9E3779B97F4A7C15L;
    private static final long HASH_MIX_1 = 0xD6E8FEB86659FD93L;
    private static final long HASH_MIX_2 = 0xA0761D6478BD642FL;
    private static final long BLOCK_BYTES = 256;
    private static final int BLOCK_WORDS = (int) (BLOCK_BYTES / Long.BYTES);
    private static final long LARGE_BLOCK_BYTES = 16_384;

    private Bytes() {}

    /**
     * Compares {@code a[aOffset, +aSize)} with {@code b[bOffset, +bSize)}; negative, 0, positive.
     */
    public static int compare(
            MemorySegment a, long aOffset, long aSize, MemorySegment b, long bOffset, long bSize) {
        long shared = Math.min(aSize, bSize);
        long i = 0;
        if (shared > BLOCK_BYTES && a.get(Layouts.LONG, aOffset) == b.get(Layouts.LONG, bOffset)) {
            i = equalBlocks(a, aOffset, b, bOffset, shared);
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
        long i = equalBlocks(a, aOffset, b, bOffset, size);
        for (; i + Long.BYTES <= size; i += Long.BYTES) {
            if (a.get(Layouts.LONG, aOffset + i) != b.get(Layouts.LONG, bOffset + i)) {
                return false;
            }
        }
        return i == size || prefix(a, aOffset + i, size - i) == prefix(b, bOffset + i, size - i);
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

    /** A 64-bit hash of a run of bytes; the same on every machine, not safe against attackers. */
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
        long i = equalBlocks(a, aOffset, b, bOffset, size);
        for (; i + Long.BYTES <= size; i += Long.BYTES) {
            long difference = a.get(Layouts.LONG, aOffset + i) ^ b.get(Layouts.LONG, bOffset + i);
            if (difference != 0) {
                return i + (Long.numberOfTrailingZeros(difference) >>> 3);
            }
        }
        while (i < size && a.get(Layouts.BYTE, aOffset + i) == b.get(Layouts.BYTE, bOffset + i)) {
            i++;
        }
        return i;
    }

    /**
     * The size of the whole small blocks at the start of two runs before the first that differs.
     * What is equal so far decides how much is compared next: a long loop is at the speed of
     * memory, where a short one costs as much for its ends as for its words.
     */
    private static long equalBlocks(
            MemorySegment a, long aOffset, MemorySegment b, long bOffset, long size) {
        // most runs are short, or differ at once: small enough to be compiled into the callers
        return size < BLOCK_BYTES || equalSmallBlocks(a, aOffset, b, bOffset, BLOCK_BYTES) == 0
                ? 0
                : equalLargeBlocks(a, aOffset, b, bOffset, size);
    }

    /** The same where the first block is equal. */
    private static long equalLargeBlocks(
            MemorySegment a, long aOffset, MemorySegment b, long bOffset, long size) {
        long i = BLOCK_BYTES;
        while (i + BLOCK_BYTES <= size) {
            long block = Math.min(i, LARGE_BLOCK_BYTES);
            while (i + block > size) {
                block >>= 1;
            }
            block = Long.highestOneBit(block);
            if (difference(a, aOffset + i, b, bOffset + i, (int) (block >>> 3)) != 0) {
                return i + equalSmallBlocks(a, aOffset + i, b, bOffset + i, block);
            }
            i += block;
        }
        return i;
    }

    /** A counted loop without an exit, alone in its method: the compiler makes vectors of it. */
    private static long difference(
            MemorySegment a, long aOffset, MemorySegment b, long bOffset, int words) {
        long difference = 0;
        for (int word = 0; word < words; word++) {
            long at = (long) word << 3;
            difference |= a.get(Layouts.LONG, aOffset + at) ^ b.get(Layouts.LONG, bOffset + at);
        }
        return difference;
    }

    private static long equalSmallBlocks(
            MemorySegment a, long aOffset, MemorySegment b, long bOffset, long size) {
        long i = 0;
        // without an exit inside a block, the compiler makes vectors of it
        for (; i + BLOCK_BYTES <= size; i += BLOCK_BYTES) {
            long difference = 0;
            for (int word = 0; word < BLOCK_WORDS; word++) {
                long at = i + ((long) word << 3);
                difference |= a.get(Layouts.LONG, aOffset + at) ^ b.get(Layouts.LONG, bOffset + at);
            }
            if (difference != 0) {
                break;
            }
        }
        return i;
    }
}
