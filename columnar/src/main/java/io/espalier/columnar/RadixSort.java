package io.espalier.columnar;

import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Sorts native columns of longs, and of (long, row) pairs, in unsigned order of the longs; stable.
 *
 * <p>Digits are taken where the values differ and nowhere else. As many leading digits as tell most
 * values apart are sorted, the last of them first (LSD); the few values that agree in all of them
 * are then sorted among themselves by what follows. Input that consists of a few ascending runs is
 * merged instead, and input in order is left alone.
 *
 * <p>Single-threaded: it owns its counters. The caller gives a second area of the same size.
 */
final class RadixSort {

    /** The bytes of a pair: the long first, then the row. */
    static final int PAIR_BYTES = 16;

    /** Up to this many values are sorted by insertion. */
    static final int INSERTION_MAX = 24;

    /** More ascending runs than this are not worth merging. */
    private static final int RUNS_MAX = 8;

    private static final int DIGIT_BITS = 11;
    private static final int SMALL_DIGIT_BITS = 8;

    /** From this many values on a digit of {@link #DIGIT_BITS} pays for its counters. */
    private static final int LARGE_MIN = 4000;

    /**
     * From this many bytes on, one digit from the top comes first, and what agrees in it is sorted
     * in the cache.
     */
    private static final long CACHED_BYTES_MAX = 512 << 10;

    private static final int DIGITS_MAX = Long.SIZE / SMALL_DIGIT_BITS;

    /** By how many bits the digits exceed what would just do for evenly spread values. */
    private static final int SPARE_BITS = 3;

    private final int[] counts = new int[1 << DIGIT_BITS];
    private final int[] runEnds = new int[RUNS_MAX + 1];

    // what the last survey found: bits that are not the same everywhere, ascending runs
    private long varying;
    private int runs;

    // the last plan: where digits start, from the top
    private final int[] shifts = new int[DIGITS_MAX];
    private int digits;
    private int digitBits;

    /**
     * Sorts {@code count} longs at {@code at} by their values XOR {@code flip}, unsigned; {@code
     * spare} is as large an area.
     *
     * @return where the sorted longs are: {@code at} or {@code spare}
     */
    long sortLongs(MemorySegment segment, long at, long spare, int count, long flip) {
        if (count <= INSERTION_MAX) {
            insertLongs(segment, at, 0, count, flip);
            return at;
        }
        surveyLongs(segment, at, count, flip);
        if (runs == 1) {
            return at;
        }
        if (runs == count) {
            reverseLongs(segment, at, count);
            return at;
        }
        if (runs <= RUNS_MAX) {
            return mergeLongRuns(segment, at, spare, count, flip);
        }
        if ((long) count * Long.BYTES > CACHED_BYTES_MAX) {
            int shift = topShift();
            passLongs(segment, at, spare, count, flip, shift, SMALL_DIGIT_BITS, counts);
            refineLongs(segment, spare, at, count, flip, shift);
            return spare;
        }
        long rest = plan(count);
        int low = shifts[digits - 1];
        long source = at;
        long target = spare;
        for (int digit = digits - 1; digit >= 0; digit--) {
            passLongs(segment, source, target, count, flip, shifts[digit], digitBits, counts);
            long swap = source;
            source = target;
            target = swap;
        }
        if (rest != 0) {
            refineLongs(segment, source, target, count, flip, low);
        }
        return source;
    }

    /**
     * Sorts {@code count} pairs at {@code at} by their longs, unsigned and stable; {@code spare} is
     * as large an area.
     *
     * @return where the sorted pairs are: {@code at} or {@code spare}
     */
    long sortPairs(MemorySegment segment, long at, long spare, int count) {
        if (count <= INSERTION_MAX) {
            insertPairs(segment, at, count);
            return at;
        }
        surveyPairs(segment, at, count);
        if (runs == 1) {
            return at;
        }
        if (runs == count) {
            reversePairs(segment, at, count);
            return at;
        }
        if (runs <= RUNS_MAX) {
            return mergePairRuns(segment, at, spare, count);
        }
        if ((long) count * PAIR_BYTES > CACHED_BYTES_MAX) {
            int shift = topShift();
            passPairs(segment, at, spare, count, shift, SMALL_DIGIT_BITS, counts);
            refinePairs(segment, spare, at, count, shift);
            return spare;
        }
        long rest = plan(count);
        int low = shifts[digits - 1];
        long source = at;
        long target = spare;
        for (int digit = digits - 1; digit >= 0; digit--) {
            passPairs(segment, source, target, count, shifts[digit], digitBits, counts);
            long swap = source;
            source = target;
            target = swap;
        }
        if (rest != 0) {
            refinePairs(segment, source, target, count, low);
        }
        return source;
    }

    /** Where the topmost small digit that varies starts. */
    private int topShift() {
        return Math.max(0, Long.SIZE - Long.numberOfLeadingZeros(varying) - SMALL_DIGIT_BITS);
    }

    /** Chooses digits from the top; the varying bits below them that are left. */
    private long plan(int count) {
        digitBits = count < LARGE_MIN ? SMALL_DIGIT_BITS : DIGIT_BITS;
        int wanted = Integer.SIZE - Integer.numberOfLeadingZeros(count) + SPARE_BITS;
        long left = varying;
        int covered = 0;
        digits = 0;
        while (left != 0 && covered < wanted) {
            int top = Long.SIZE - Long.numberOfLeadingZeros(left);
            int shift = Math.max(0, top - digitBits);
            long below = (1L << shift) - 1;
            covered += Long.bitCount(left & ~below);
            left &= below;
            shifts[digits++] = shift;
        }
        return left;
    }

    // ---- longs --------------------------------------------------------------------------------

    private void surveyLongs(MemorySegment segment, long at, int count, long flip) {
        long first = Words.getLong(segment, at, 0);
        long order = flip ^ Words.FLIP;
        long before = first ^ order;
        long differing = 0;
        int descents = 0;
        for (int i = 1; i < count; i++) {
            long value = Words.getLong(segment, at, i);
            differing |= value ^ first;
            value ^= order;
            descents += value < before ? 1 : 0;
            before = value;
        }
        varying = differing;
        runs = descents + 1;
    }

    private static void passLongs(
            MemorySegment segment,
            long source,
            long target,
            int count,
            long flip,
            int shift,
            int bits,
            int[] counts) {
        int mask = (1 << bits) - 1;
        Arrays.fill(counts, 0, mask + 1, 0);
        for (int i = 0; i < count; i++) {
            counts[(int) ((Words.getLong(segment, source, i) ^ flip) >>> shift) & mask]++;
        }
        startsOf(counts, mask + 1);
        for (int i = 0; i < count; i++) {
            long value = Words.getLong(segment, source, i);
            int digit = (int) ((value ^ flip) >>> shift) & mask;
            int to = counts[digit];
            counts[digit] = to + 1;
            Words.setLong(segment, target, to, value);
        }
    }

    private void refineLongs(
            MemorySegment segment, long at, long spare, int count, long flip, int low) {
        int from = 0;
        long head = (Words.getLong(segment, at, 0) ^ flip) >>> low;
        for (int i = 1; i <= count; i++) {
            long next = i < count ? (Words.getLong(segment, at, i) ^ flip) >>> low : ~head;
            if (next != head) {
                if (i - from > 1) {
                    refineLongGroup(segment, at, spare, from, i, flip);
                }
                from = i;
                head = next;
            }
        }
    }

    private void refineLongGroup(
            MemorySegment segment, long at, long spare, int from, int to, long flip) {
        if (to - from <= INSERTION_MAX) {
            insertLongs(segment, at, from, to, flip);
            return;
        }
        long start = at + (long) from * Long.BYTES;
        long found = sortLongs(segment, start, spare + (long) from * Long.BYTES, to - from, flip);
        if (found != start) {
            MemorySegment.copy(segment, found, segment, start, (long) (to - from) * Long.BYTES);
        }
    }

    private static void insertLongs(MemorySegment segment, long at, int from, int to, long flip) {
        long order = flip ^ Words.FLIP;
        for (int i = from + 1; i < to; i++) {
            long value = Words.getLong(segment, at, i);
            int j = i;
            while (j > from && (Words.getLong(segment, at, j - 1) ^ order) > (value ^ order)) {
                Words.setLong(segment, at, j, Words.getLong(segment, at, j - 1));
                j--;
            }
            Words.setLong(segment, at, j, value);
        }
    }

    private static void reverseLongs(MemorySegment segment, long at, int count) {
        for (int i = 0, j = count - 1; i < j; i++, j--) {
            long value = Words.getLong(segment, at, i);
            Words.setLong(segment, at, i, Words.getLong(segment, at, j));
            Words.setLong(segment, at, j, value);
        }
    }

    private long mergeLongRuns(MemorySegment segment, long at, long spare, int count, long flip) {
        long order = flip ^ Words.FLIP;
        int found = 0;
        for (int i = 1; i < count; i++) {
            if ((Words.getLong(segment, at, i) ^ order)
                    < (Words.getLong(segment, at, i - 1) ^ order)) {
                runEnds[found++] = i;
            }
        }
        runEnds[found++] = count;
        long source = at;
        long target = spare;
        while (found > 1) {
            int merged = 0;
            int from = 0;
            for (int run = 0; run < found; run += 2) {
                int middle = runEnds[run];
                int to = run + 1 < found ? runEnds[run + 1] : middle;
                mergeLongs(segment, source, target, from, middle, to, order);
                runEnds[merged++] = to;
                from = to;
            }
            found = merged;
            long swap = source;
            source = target;
            target = swap;
        }
        return source;
    }

    private static void mergeLongs(
            MemorySegment segment,
            long source,
            long target,
            int from,
            int middle,
            int end,
            long order) {
        int i = from;
        int j = middle;
        int to = from;
        while (i < middle && j < end) {
            long x = Words.getLong(segment, source, i);
            long y = Words.getLong(segment, source, j);
            boolean second = (y ^ order) < (x ^ order);
            Words.setLong(segment, target, to++, second ? y : x);
            j += second ? 1 : 0;
            i += second ? 0 : 1;
        }
        copyLongs(segment, source, i, target, to, middle - i);
        copyLongs(segment, source, j, target, to + middle - i, end - j);
    }

    private static void copyLongs(
            MemorySegment segment, long source, int from, long target, int to, int count) {
        MemorySegment.copy(
                segment,
                source + (long) from * Long.BYTES,
                segment,
                target + (long) to * Long.BYTES,
                (long) count * Long.BYTES);
    }

    // ---- pairs --------------------------------------------------------------------------------

    private static long key(MemorySegment segment, long at, int index) {
        return Words.getLong(segment, at, (long) index << 1);
    }

    private static long row(MemorySegment segment, long at, int index) {
        return Words.getLong(segment, at, ((long) index << 1) + 1);
    }

    private static void set(MemorySegment segment, long at, int index, long key, long row) {
        Words.setLong(segment, at, (long) index << 1, key);
        Words.setLong(segment, at, ((long) index << 1) + 1, row);
    }

    private void surveyPairs(MemorySegment segment, long at, int count) {
        long first = key(segment, at, 0);
        long before = first ^ Words.FLIP;
        long differing = 0;
        int descents = 0;
        for (int i = 1; i < count; i++) {
            long value = key(segment, at, i);
            differing |= value ^ first;
            value ^= Words.FLIP;
            descents += value < before ? 1 : 0;
            before = value;
        }
        varying = differing;
        runs = descents + 1;
    }

    private static void passPairs(
            MemorySegment segment,
            long source,
            long target,
            int count,
            int shift,
            int bits,
            int[] counts) {
        int mask = (1 << bits) - 1;
        Arrays.fill(counts, 0, mask + 1, 0);
        for (int i = 0; i < count; i++) {
            counts[(int) (key(segment, source, i) >>> shift) & mask]++;
        }
        startsOf(counts, mask + 1);
        for (int i = 0; i < count; i++) {
            long key = key(segment, source, i);
            int digit = (int) (key >>> shift) & mask;
            int to = counts[digit];
            counts[digit] = to + 1;
            set(segment, target, to, key, row(segment, source, i));
        }
    }

    private void refinePairs(MemorySegment segment, long at, long spare, int count, int low) {
        int from = 0;
        long head = key(segment, at, 0) >>> low;
        for (int i = 1; i <= count; i++) {
            long next = i < count ? key(segment, at, i) >>> low : ~head;
            if (next != head) {
                if (i - from > 1) {
                    refinePairGroup(segment, at, spare, from, i);
                }
                from = i;
                head = next;
            }
        }
    }

    private void refinePairGroup(MemorySegment segment, long at, long spare, int from, int to) {
        long offset = (long) from * PAIR_BYTES;
        if (to - from <= INSERTION_MAX) {
            insertPairs(segment, at + offset, to - from);
            return;
        }
        long found = sortPairs(segment, at + offset, spare + offset, to - from);
        if (found != at + offset) {
            MemorySegment.copy(
                    segment, found, segment, at + offset, (long) (to - from) * PAIR_BYTES);
        }
    }

    private static void insertPairs(MemorySegment segment, long at, int count) {
        for (int i = 1; i < count; i++) {
            long key = key(segment, at, i);
            long row = row(segment, at, i);
            int j = i;
            while (j > 0 && Long.compareUnsigned(key(segment, at, j - 1), key) > 0) {
                set(segment, at, j, key(segment, at, j - 1), row(segment, at, j - 1));
                j--;
            }
            set(segment, at, j, key, row);
        }
    }

    private static void reversePairs(MemorySegment segment, long at, int count) {
        for (int i = 0, j = count - 1; i < j; i++, j--) {
            long key = key(segment, at, i);
            long row = row(segment, at, i);
            set(segment, at, i, key(segment, at, j), row(segment, at, j));
            set(segment, at, j, key, row);
        }
    }

    private long mergePairRuns(MemorySegment segment, long at, long spare, int count) {
        int found = 0;
        for (int i = 1; i < count; i++) {
            if (Long.compareUnsigned(key(segment, at, i), key(segment, at, i - 1)) < 0) {
                runEnds[found++] = i;
            }
        }
        runEnds[found++] = count;
        long source = at;
        long target = spare;
        while (found > 1) {
            int merged = 0;
            int from = 0;
            for (int run = 0; run < found; run += 2) {
                int middle = runEnds[run];
                int to = run + 1 < found ? runEnds[run + 1] : middle;
                mergePairs(segment, source, target, from, middle, to);
                runEnds[merged++] = to;
                from = to;
            }
            found = merged;
            long swap = source;
            source = target;
            target = swap;
        }
        return source;
    }

    private static void mergePairs(
            MemorySegment segment, long source, long target, int from, int middle, int end) {
        int i = from;
        int j = middle;
        int to = from;
        while (i < middle && j < end) {
            // the first of equals comes from the first run
            boolean second =
                    Long.compareUnsigned(key(segment, source, j), key(segment, source, i)) < 0;
            int next = second ? j : i;
            set(segment, target, to++, key(segment, source, next), row(segment, source, next));
            j += second ? 1 : 0;
            i += second ? 0 : 1;
        }
        copyPairs(segment, source, i, target, to, middle - i);
        copyPairs(segment, source, j, target, to + middle - i, end - j);
    }

    private static void copyPairs(
            MemorySegment segment, long source, int from, long target, int to, int count) {
        MemorySegment.copy(
                segment,
                source + (long) from * PAIR_BYTES,
                segment,
                target + (long) to * PAIR_BYTES,
                (long) count * PAIR_BYTES);
    }

    /** From how many there are of each digit to where the first of each goes. */
    private static void startsOf(int[] counts, int size) {
        int sum = 0;
        for (int i = 0; i < size; i++) {
            int count = counts[i];
            counts[i] = sum;
            sum += count;
        }
    }
}
