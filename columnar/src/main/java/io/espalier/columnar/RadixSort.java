package io.espalier.columnar;

import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Sorts a native column of longs, unsigned, by a range of their bits; stable. What lies above the
 * range must be the same in all of them; what lies below goes along and, where the bits of the
 * range are equal, must ascend as it comes: a row number, or nothing.
 *
 * <p>As many leading bits as tell most values apart are sorted by digits, the last digit first
 * (LSD); the few values that agree in all of them find their places by insertion. A column that
 * does not fit into the cache is first cut into buckets that do, by one digit from the top. Input
 * that consists of a few ascending runs is merged instead, input in order is left alone, and dense,
 * distinct numbers are sorted by {@link DenseSort}.
 *
 * <p>Single-threaded: it owns its counters. The caller gives a second area of the same size.
 */
final class RadixSort {

    /** Up to this many values are sorted by insertion. */
    static final int INSERTION_MAX = 24;

    /** More ascending runs than this are not worth merging: each doubling costs a pass. */
    private static final int RUNS_MAX = 4;

    private static final int DIGIT_BITS = 11;
    private static final int BUCKET_DIGIT_BITS = 8;

    /** From this many bytes on, one digit from the top comes first. */
    private static final long CACHED_BYTES_MAX = 512 << 10;

    /** By how many bits the digits exceed what would just do for evenly spread values. */
    private static final int SPARE_BITS = 3;

    /** How far insertion moves a value before its whole group is sorted by digits instead. */
    private static final int STEPS_MAX = 32;

    private static final int DIGITS_MAX = 4;

    private final int[][] counts = new int[DIGITS_MAX][1 << DIGIT_BITS];

    /** Where buckets end, for each depth of cutting. */
    private final int[][] bucketEnds = new int[Long.SIZE / BUCKET_DIGIT_BITS + 1][];

    private boolean distinct;
    private final int[] runEnds = new int[RUNS_MAX + 1];

    /**
     * Sorts {@code count} longs at {@code at} by the bits {@code [low, high)}; {@code spare} is as
     * large an area.
     *
     * @return where the sorted longs are: {@code at} or {@code spare}
     */
    long sort(MemorySegment segment, long at, long spare, int count, int low, int high) {
        assert low >= 0 && high <= Long.SIZE;
        distinct = false;
        if (count <= INSERTION_MAX) {
            insert(segment, at, count);
            return at;
        }
        int runs = findRuns(segment, at, count);
        if (runs == 1) {
            return at;
        }
        if (runs <= RUNS_MAX) {
            return mergeRuns(segment, at, spare, runs);
        }
        if (descends(segment, at, count)) {
            reverse(segment, at, count);
            return at;
        }
        if (low == 0 && DenseSort.sort(segment, at, spare, count, high)) {
            distinct = true;
            return at;
        }
        return byDigits(segment, at, spare, count, low, high, 0);
    }

    /** Whether the last sort found out that no two longs are equal; if not, they may be. */
    boolean foundDistinct() {
        return distinct;
    }

    private long byDigits(
            MemorySegment segment, long at, long spare, int count, int low, int high, int depth) {
        if (high <= low) {
            return at;
        }
        if (count <= INSERTION_MAX) {
            insert(segment, at, count);
            return at;
        }
        if ((long) count * Long.BYTES > CACHED_BYTES_MAX) {
            return byBuckets(segment, at, spare, count, low, high, depth);
        }
        int wanted =
                Math.min(
                        high - low,
                        Integer.SIZE - Integer.numberOfLeadingZeros(count) + SPARE_BITS);
        int limit = count < 1 << DIGIT_BITS ? BUCKET_DIGIT_BITS : DIGIT_BITS;
        int digits = (wanted + limit - 1) / limit;
        int bits = (wanted + digits - 1) / digits;
        int first = high - wanted;
        long source = at;
        long target = spare;
        countDigits(segment, at, count, first, bits, digits);
        for (int digit = 0; digit < digits; digit++) {
            int shift = first + digit * bits;
            pass(segment, source, target, count, shift, (1 << bits) - 1, counts[digit]);
            long swap = source;
            source = target;
            target = swap;
        }
        if (first > low) {
            finish(segment, source, target, count, low, first, depth);
        }
        return source;
    }

    /** Cuts by the topmost digit, and sorts each bucket for itself. */
    private long byBuckets(
            MemorySegment segment, long at, long spare, int count, int low, int high, int depth) {
        int bits = Math.min(BUCKET_DIGIT_BITS, high - low);
        int shift = high - bits;
        int[] ends = bucketEnds(depth);
        countDigits(segment, at, count, shift, bits, 1);
        System.arraycopy(counts[0], 0, ends, 0, 1 << bits);
        pass(segment, at, spare, count, shift, (1 << bits) - 1, ends);
        if (shift > low) {
            int from = 0;
            for (int bucket = 0; bucket < 1 << bits; bucket++) {
                int to = ends[bucket];
                long offset = (long) from * Long.BYTES;
                long start = spare + offset;
                long found =
                        byDigits(segment, start, at + offset, to - from, low, shift, depth + 1);
                if (found != start) {
                    copy(segment, found, 0, start, 0, to - from);
                }
                from = to;
            }
        }
        return spare;
    }

    private int[] bucketEnds(int depth) {
        int[] ends = bucketEnds[depth];
        if (ends == null) {
            ends = new int[1 << BUCKET_DIGIT_BITS];
            bucketEnds[depth] = ends;
        }
        return ends;
    }

    // ---- digits -------------------------------------------------------------------------------

    /** Sets the counters of each digit to where the first value with it goes. */
    private void countDigits(
            MemorySegment segment, long at, int count, int first, int bits, int digits) {
        int size = 1 << bits;
        int mask = size - 1;
        for (int digit = 0; digit < digits; digit++) {
            Arrays.fill(counts[digit], 0, size, 0);
        }
        if (digits == 1) {
            countOne(segment, at, count, first, mask, counts[0]);
        } else if (digits == 2) {
            countTwo(segment, at, count, first, bits, mask, counts[0], counts[1]);
        } else {
            for (int digit = 0; digit < digits; digit++) {
                countOne(segment, at, count, first + digit * bits, mask, counts[digit]);
            }
        }
        for (int digit = 0; digit < digits; digit++) {
            startsOf(counts[digit], size);
        }
    }

    private static void countOne(
            MemorySegment segment, long at, int count, int shift, int mask, int[] counts) {
        for (int i = 0; i < count; i++) {
            counts[(int) (Words.getLong(segment, at, i) >>> shift) & mask]++;
        }
    }

    private static void countTwo(
            MemorySegment segment,
            long at,
            int count,
            int shift,
            int bits,
            int mask,
            int[] low,
            int[] high) {
        for (int i = 0; i < count; i++) {
            long digits = Words.getLong(segment, at, i) >>> shift;
            low[(int) digits & mask]++;
            high[(int) (digits >>> bits) & mask]++;
        }
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

    private static void pass(
            MemorySegment segment,
            long source,
            long target,
            int count,
            int shift,
            int mask,
            int[] starts) {
        for (int i = 0; i < count; i++) {
            long value = Words.getLong(segment, source, i);
            int digit = (int) (value >>> shift) & mask;
            int to = starts[digit];
            starts[digit] = to + 1;
            Words.setLong(segment, target, to, value);
        }
    }

    /**
     * Brings values into order that are sorted by the bits from {@code first} on. Where many agree
     * in those, they are sorted by the digits below.
     */
    private void finish(
            MemorySegment segment, long at, long spare, int count, int low, int first, int depth) {
        int i = 1;
        while (i < count) {
            i = insertNext(segment, at, i, count);
            if (i < count) {
                long group = Words.getLong(segment, at, i) >>> first;
                int from = i;
                while (from > 0 && Words.getLong(segment, at, from - 1) >>> first == group) {
                    from--;
                }
                int to = i + 1;
                while (to < count && Words.getLong(segment, at, to) >>> first == group) {
                    to++;
                }
                long offset = (long) from * Long.BYTES;
                long start = at + offset;
                long found =
                        byDigits(segment, start, spare + offset, to - from, low, first, depth + 1);
                if (found != start) {
                    copy(segment, found, 0, start, 0, to - from);
                }
                i = to;
            }
        }
    }

    /** Inserts values from {@code i} on until one has far to go: its index then, else the count. */
    private static int insertNext(MemorySegment segment, long at, int i, int count) {
        long before = Words.getLong(segment, at, i - 1) ^ Words.FLIP;
        while (i < count) {
            long value = Words.getLong(segment, at, i);
            if ((value ^ Words.FLIP) >= before) {
                before = value ^ Words.FLIP;
            } else {
                int end = Math.max(0, i - STEPS_MAX);
                int j = i;
                while (j > end
                        && Long.compareUnsigned(Words.getLong(segment, at, j - 1), value) > 0) {
                    Words.setLong(segment, at, j, Words.getLong(segment, at, j - 1));
                    j--;
                }
                Words.setLong(segment, at, j, value);
                if (j == end && end > 0) {
                    return i;
                }
            }
            i++;
        }
        return i;
    }

    private static void insert(MemorySegment segment, long at, int count) {
        for (int i = 1; i < count; i++) {
            long value = Words.getLong(segment, at, i);
            int j = i;
            while (j > 0 && Long.compareUnsigned(Words.getLong(segment, at, j - 1), value) > 0) {
                Words.setLong(segment, at, j, Words.getLong(segment, at, j - 1));
                j--;
            }
            Words.setLong(segment, at, j, value);
        }
    }

    // ---- runs ---------------------------------------------------------------------------------

    /** How many ascending runs there are, if not more than are worth merging; sets their ends. */
    private int findRuns(MemorySegment segment, long at, int count) {
        int found = 0;
        int from = 0;
        while (from < count) {
            if (found > RUNS_MAX - 1) {
                return RUNS_MAX + 1;
            }
            from = runEnd(segment, at, from, count);
            runEnds[found++] = from;
        }
        return found;
    }

    private static int runEnd(MemorySegment segment, long at, int from, int count) {
        int i = from + 1;
        // in blocks without a way out, which the compiler makes vectors of
        while (i + RUN_BLOCK <= count && ascends(segment, at, i)) {
            i += RUN_BLOCK;
        }
        while (i < count
                && Long.compareUnsigned(
                                Words.getLong(segment, at, i - 1), Words.getLong(segment, at, i))
                        <= 0) {
            i++;
        }
        return i;
    }

    private static final int RUN_BLOCK = 64;

    private static boolean ascends(MemorySegment segment, long at, int from) {
        long behind = at - Long.BYTES;
        long descents = 0;
        for (int i = from; i < from + RUN_BLOCK; i++) {
            long x = Words.getLong(segment, behind, i) ^ Words.FLIP;
            long y = Words.getLong(segment, at, i) ^ Words.FLIP;
            descents |= x > y ? 1 : 0;
        }
        return descents == 0;
    }

    private static boolean descends(MemorySegment segment, long at, int count) {
        for (int i = 1; i < count; i++) {
            if (Long.compareUnsigned(
                            Words.getLong(segment, at, i - 1), Words.getLong(segment, at, i))
                    <= 0) {
                return false;
            }
        }
        return true;
    }

    private static void reverse(MemorySegment segment, long at, int count) {
        for (int i = 0, j = count - 1; i < j; i++, j--) {
            long value = Words.getLong(segment, at, i);
            Words.setLong(segment, at, i, Words.getLong(segment, at, j));
            Words.setLong(segment, at, j, value);
        }
    }

    private long mergeRuns(MemorySegment segment, long at, long spare, int runs) {
        int found = runs;
        long source = at;
        long target = spare;
        while (found > 1) {
            int merged = 0;
            int from = 0;
            for (int run = 0; run < found; run += 2) {
                int middle = runEnds[run];
                int to = run + 1 < found ? runEnds[run + 1] : middle;
                merge(segment, source, target, from, middle, to);
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

    private static void merge(
            MemorySegment segment, long source, long target, int from, int middle, int end) {
        int i = from;
        int j = middle;
        int to = from;
        while (i < middle && j < end) {
            long x = Words.getLong(segment, source, i);
            long y = Words.getLong(segment, source, j);
            // the first of equals comes from the first run
            boolean second = Long.compareUnsigned(y, x) < 0;
            Words.setLong(segment, target, to++, second ? y : x);
            j += second ? 1 : 0;
            i += second ? 0 : 1;
        }
        copy(segment, source, i, target, to, middle - i);
        copy(segment, source, j, target, to + middle - i, end - j);
    }

    private static void copy(
            MemorySegment segment, long source, int from, long target, int to, int count) {
        MemorySegment.copy(
                segment,
                source + (long) from * Long.BYTES,
                segment,
                target + (long) to * Long.BYTES,
                (long) count * Long.BYTES);
    }
}
