package io.espalier.columnar;

import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Sorts distinct longs that lie densely in a range, as numbers given out one after the other do: it
 * sets a bit for each of them, and reads the bits in order. Static, without allocation.
 */
final class DenseSort {

    /** How many bits of the range there may be for each value: their memory is two bytes then. */
    private static final int SPARSE_MAX = 16;

    /** Fewer values than this are sorted as fast by digits. */
    private static final int COUNT_MIN = 1 << 12;

    /** After so many values each, what has been found is looked at. */
    private static final int CHECKED_EACH = 512;

    private static final int WORD_SHIFT = 6;

    private DenseSort() {}

    /**
     * Sorts {@code count} values at {@code at}, which differ in their lowest {@code bits} bits
     * only, if they are dense and distinct.
     *
     * @param spare as large an area; its content is lost
     * @return whether they were sorted; if not, they are as they were
     */
    static boolean sort(MemorySegment segment, long at, long spare, int count, int bits) {
        if (count < COUNT_MIN || bits >= Integer.SIZE || 1L << bits > (long) SPARSE_MAX * count) {
            return false;
        }
        long words = Math.max(1, 1L << bits >>> WORD_SHIFT);
        long mask = (1L << bits) - 1;
        Words.fill(segment, spare, words, 0);
        for (int from = 0; from < count; from += CHECKED_EACH) {
            int to = Math.min(count, from + CHECKED_EACH);
            if (!setAll(segment, at, from, to, mask, spare)) {
                return false;
            }
        }
        long base = Words.getLong(segment, at, 0) & ~mask;
        long written = readAll(segment, spare, words, base, at);
        assert written == count;
        return true;
    }

    /** Sets the bits of some values; whether none was set. */
    private static boolean setAll(
            MemorySegment segment, long at, int from, int to, long mask, long set) {
        long twice = 0;
        for (int i = from; i < to; i++) {
            long value = Words.getLong(segment, at, i) & mask;
            long bit = 1L << value;
            long word = Words.getLong(segment, set, value >>> WORD_SHIFT);
            twice |= word & bit;
            Words.setLong(segment, set, value >>> WORD_SHIFT, word | bit);
        }
        return twice == 0;
    }

    private static long readAll(
            MemorySegment segment, long set, long words, long base, long target) {
        long to = 0;
        for (long i = 0; i < words; i++) {
            long word = Words.getLong(segment, set, i);
            long first = base + (i << WORD_SHIFT);
            if (word == -1) {
                for (int bit = 0; bit < Long.SIZE; bit++) {
                    Words.setLong(segment, target, to + bit, first + bit);
                }
                to += Long.SIZE;
            } else {
                while (word != 0) {
                    Words.setLong(segment, target, to, first + Long.numberOfTrailingZeros(word));
                    to++;
                    word &= word - 1;
                }
            }
        }
        return to;
    }
}
