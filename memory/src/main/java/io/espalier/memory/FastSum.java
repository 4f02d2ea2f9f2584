package io.espalier.memory;

import java.lang.foreign.MemorySegment;

/**
 * A 64-bit checksum at the speed of memory, for bytes that never outlive the process: pages of
 * spill files, which are read back by who wrote them. What is durable has a CRC32C ({@link
 * Checksums}), which others can compute.
 *
 * <p>Each word is mixed with a key of its place, its halves are multiplied, and the products added
 * up; the sums of blocks are chained. Damage within four aligned bytes, and so any byte that
 * changes, is found for certain; of other damage about one in 2<sup>32</sup> at worst is missed, as
 * by a CRC of 32 bits. Nothing keeps an attacker out. The products are those of NH in UMAC (Black,
 * Halevi, Krawczyk, Krovetz, Rogaway, 1999), the added word is XXH3's (Collet).
 *
 * <p>A kernel of plain reads, without allocation: mapped bytes that are gone raise an {@link
 * InternalError}.
 */
public final class FastSum {

    private static final int BLOCK_WORDS = 1024;

    /** All pieces of a sum but the last are a multiple of this, which is a power of two. */
    public static final long BLOCK_BYTES = BLOCK_WORDS * (long) Long.BYTES;

    private static final long LOW_HALF = 0xFFFFFFFFL;
    private static final long MIX = 0xD6E8FEB86659FD93L;
    private static final long[] KEYS = keys();

    private FastSum() {}

    private static long[] keys() {
        long[] keys = new long[BLOCK_WORDS];
        long state = MIX;
        for (int i = 0; i < BLOCK_WORDS; i++) {
            state += 0x9E3779B97F4A7C15L;
            keys[i] = mix(mix(state));
        }
        return keys;
    }

    private static long mix(long x) {
        long product = (x ^ (x >>> 32)) * MIX;
        return product ^ (product >>> 29);
    }

    /** The checksum of {@code segment[offset, offset + sizeBytes)}. */
    public static long of(MemorySegment segment, long offset, long sizeBytes) {
        return add(start(sizeBytes), segment, offset, sizeBytes);
    }

    /** What a sum over {@code sizeBytes} bytes begins with, that come piece by piece. */
    public static long start(long sizeBytes) {
        return mix(sizeBytes);
    }

    /**
     * Adds a piece.
     *
     * @param sum of what came before
     * @param sizeBytes a multiple of {@link #BLOCK_BYTES}, unless it is the last piece
     * @return the sum of all so far
     */
    public static long add(long sum, MemorySegment segment, long offset, long sizeBytes) {
        long all = sum;
        long at = offset;
        long end = offset + sizeBytes;
        for (; at + BLOCK_BYTES <= end; at += BLOCK_BYTES) {
            all = mix(all ^ blockSum(segment, at));
        }
        int words = (int) ((end - at) >>> 3);
        if (words > 0) {
            all = mix(all ^ tailSum(segment, at, words));
            at += (long) words << 3;
        }
        return at < end ? mix(all ^ Bytes.prefix(segment, at, end - at)) : all;
    }

    /**
     * A counted loop over what does not depend on what came before: made of vectors. Its length is
     * a constant since the compiler does not always see through it otherwise.
     */
    private static long blockSum(MemorySegment segment, long offset) {
        long[] keys = KEYS;
        long sum = 0;
        for (int i = 0; i < BLOCK_WORDS; i++) {
            sum += product(segment.get(Layouts.LONG, offset + ((long) i << 3)) ^ keys[i]);
        }
        return sum;
    }

    private static long tailSum(MemorySegment segment, long offset, int words) {
        long[] keys = KEYS;
        long sum = 0;
        for (int i = 0; i < words; i++) {
            sum += product(segment.get(Layouts.LONG, offset + ((long) i << 3)) ^ keys[i]);
        }
        return sum;
    }

    private static long product(long word) {
        return (word & LOW_HALF) * (word >>> 32) + word;
    }
}
