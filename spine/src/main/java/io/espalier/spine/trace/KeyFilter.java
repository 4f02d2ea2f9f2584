package io.espalier.spine.trace;

import io.espalier.memory.Layouts;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Kernels of a blocked Bloom filter over hashes of keys: a key sets 6 bits of one block of 64
 * bytes, so that asking for it meets one line of the cache. With {@value #BITS_PER_KEY} bits for a
 * key some 1 in 100 absent keys passes.
 *
 * <p>The idea is that of Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom
 * filters", 2007. A filter that is smaller for the same precision (binary fuse) is made of all keys
 * at once with several times its size beside it; this one is written as the hashes come.
 */
final class KeyFilter {

    static final int BITS_PER_KEY = 10;
    static final int BLOCK_BYTES = 64;
    private static final int BLOCK_BITS = 9;
    private static final long BIT_MASK = (1 << BLOCK_BITS) - 1;
    private static final int FIRST_SHIFT = 55;
    private static final int LAST_SHIFT = 10;

    /** Odd, its bits without a pattern: which bits a key sets must not follow from its block. */
    private static final long SPREAD = 0xC2B2AE3D27D4EB4FL;

    private KeyFilter() {}

    /** How many blocks a filter of so many keys has. */
    static long blockCount(long keys) {
        return Math.max(1, (keys * BITS_PER_KEY + BIT_MASK) >>> BLOCK_BITS);
    }

    /** Where the block of a key is, in bytes from the first block; at most 2^32 blocks. */
    private static long blockOf(long hash, long blockCount) {
        return (((hash >>> 32) * blockCount) >>> 32) * BLOCK_BYTES;
    }

    /** Adds keys to a filter. */
    static void add(
            MemorySegment segment, long blocks, long blockCount, long hashes, long hashCount) {
        for (long i = 0; i < hashCount; i++) {
            long hash = Words.getLong(segment, hashes, i);
            long block = blocks + blockOf(hash, blockCount);
            long bits = hash * SPREAD;
            for (int shift = FIRST_SHIFT; shift >= LAST_SHIFT; shift -= BLOCK_BITS) {
                long bit = bits >>> shift & BIT_MASK;
                long at = block + (bit >>> 6) * Long.BYTES;
                segment.set(Layouts.LONG, at, segment.get(Layouts.LONG, at) | 1L << bit);
            }
        }
    }

    /** Whether a key may be there; if not, it is not. */
    static boolean mayHold(MemorySegment segment, long blocks, long blockCount, long hash) {
        return test(segment, blocks + blockOf(hash, blockCount), hash) != 0;
    }

    /** The offset of the block that {@link #mayHold} looks at. */
    static long lookedAt(long blocks, long blockCount, long hash) {
        return blocks + blockOf(hash, blockCount);
    }

    /**
     * Leaves of some keys those that may be there.
     *
     * @param hashes by probe
     * @param some probes; those from {@code from} to {@code to} are asked for
     * @param kept where those that may be there go, from {@code keptFrom} on; may be {@code some}
     *     itself, not before where it is read
     * @return where they end
     */
    static int sift(
            MemorySegment segment,
            long blocks,
            long blockCount,
            long[] hashes,
            int[] some,
            int from,
            int to,
            int[] kept,
            int keptFrom) {
        int end = keptFrom;
        for (int i = from; i < to; i++) {
            int probe = some[i];
            long hash = hashes[probe];
            // without a branch, so that the misses of neighbours overlap
            kept[end] = probe;
            end += (int) test(segment, blocks + blockOf(hash, blockCount), hash);
        }
        return end;
    }

    private static long test(MemorySegment segment, long block, long hash) {
        long bits = hash * SPREAD;
        return bit(segment, block, bits >>> 55)
                & bit(segment, block, bits >>> 46 & BIT_MASK)
                & bit(segment, block, bits >>> 37 & BIT_MASK)
                & bit(segment, block, bits >>> 28 & BIT_MASK)
                & bit(segment, block, bits >>> 19 & BIT_MASK)
                & bit(segment, block, bits >>> 10 & BIT_MASK)
                & 1;
    }

    private static long bit(MemorySegment segment, long block, long bit) {
        return segment.get(Layouts.LONG, block + (bit >>> 6) * Long.BYTES) >>> bit;
    }
}
