package io.espalier.columnar;

import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Maps words of eight bytes to smaller numbers of the same order: each byte to its rank among the
 * bytes that occur at its place, the ranks being the digits of the number. Eight decimal digits
 * take 27 bits then, and not 32; eight hexadecimal ones 32, and not some 50.
 *
 * <p>Single-threaded: it owns its tables, 18 KiB of the heap.
 */
final class ByteRanks {

    private static final int PLACES = Long.BYTES;
    private static final int BYTES = 1 << Byte.SIZE;
    private static final int SET_WORDS = BYTES / Long.SIZE;

    private final long[] sets = new long[PLACES * SET_WORDS];

    /** What each byte at each place adds to the number. */
    private final long[] parts = new long[PLACES * BYTES];

    /**
     * Looks at {@code count} words, whose first byte is the highest.
     *
     * @return whether their numbers are below 2<sup>62</sup>, so that {@link #map} may be called
     */
    boolean survey(MemorySegment segment, long at, int count) {
        Arrays.fill(sets, 0);
        collect(segment, at, count, sets);
        long weight = 1;
        for (int place = PLACES - 1; place >= 0; place--) {
            int rank = 0;
            for (int value = 0; value < BYTES; value++) {
                parts[place * BYTES + value] = rank * weight;
                if (((sets[place * SET_WORDS + (value >>> 6)] >>> value) & 1) != 0) {
                    rank++;
                }
            }
            if (Math.unsignedMultiplyHigh(weight, rank) != 0 || (weight * rank) >>> 62 != 0) {
                return false;
            }
            weight *= rank;
        }
        return true;
    }

    private static void collect(MemorySegment segment, long at, int count, long[] sets) {
        for (int i = 0; i < count; i++) {
            long word = Words.getLong(segment, at, i);
            for (int place = 0; place < PLACES; place++) {
                int value = (int) (word >>> (56 - 8 * place)) & 0xFF;
                sets[place * SET_WORDS + (value >>> 6)] |= 1L << value;
            }
        }
    }

    /** Replaces the words that were looked at by their numbers. */
    void map(MemorySegment segment, long at, int count) {
        map(segment, at, count, parts);
    }

    private static void map(MemorySegment segment, long at, int count, long[] parts) {
        for (int i = 0; i < count; i++) {
            long word = Words.getLong(segment, at, i);
            long number =
                    parts[(int) (word >>> 56)]
                            + parts[BYTES + ((int) (word >>> 48) & 0xFF)]
                            + parts[2 * BYTES + ((int) (word >>> 40) & 0xFF)]
                            + parts[3 * BYTES + ((int) (word >>> 32) & 0xFF)]
                            + parts[4 * BYTES + ((int) (word >>> 24) & 0xFF)]
                            + parts[5 * BYTES + ((int) (word >>> 16) & 0xFF)]
                            + parts[6 * BYTES + ((int) (word >>> 8) & 0xFF)]
                            + parts[7 * BYTES + ((int) word & 0xFF)];
            Words.setLong(segment, at, i, number);
        }
    }
}
