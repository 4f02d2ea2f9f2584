package io.espalier.columnar;

import io.espalier.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * Kernels that merge two ascending ranges of longs without a branch on their order. One such merge
 * waits for its own loads; so a block is cut where the merge passes certain places of the result,
 * into four merges that depend on nothing of each other and go forward side by side.
 *
 * <p>None of them looks whether a range has ended: a cut leaves the next value of either range at
 * or above all before it, so a merge that has used up its part of one range goes on with the other.
 * Behind the whole block, too, each range must have a value for that.
 *
 * <p>Of equal values that of {@code b} comes first. Differences of values must be numbers of 64
 * bits. All offsets are of one segment.
 *
 * <p>Cutting a merge by diagonals is the idea of Odeh, Green, Mwassi, Shmueli and Birk, "Merge Path
 * - Parallel Merging Made Simple" (2012).
 */
final class LongLanes {

    static final int LANES = 4;

    private LongLanes() {}

    /**
     * How many of the first {@code count} values of the merge are from {@code a}: of {@code countA}
     * values there, and {@code countB} of {@code b}.
     */
    static long cut(MemorySegment segment, long a, long countA, long b, long countB, long count) {
        long low = Math.max(0, count - countB);
        long high = Math.min(count, countA);
        while (low < high) {
            long middle = (low + high) >>> 1;
            long x = segment.get(Layouts.LONG, a + (middle << 3));
            long y = segment.get(Layouts.LONG, b + ((count - middle - 1) << 3));
            if (x < y) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * Merges the first {@code LANES * steps} values.
     *
     * @param countA how many values {@code a} has, of which no more than all but one are taken
     * @param countB how many {@code b} has, likewise
     * @param notes where to write for each value 1 if it is from {@code a}, else 0; or -1
     * @return how many of the values are from {@code a}; its complement if there are equal ones
     */
    static long merge(
            MemorySegment segment,
            long a,
            long countA,
            long b,
            long countB,
            long target,
            long notes,
            long steps) {
        long a1 = a + (cut(segment, a, countA, b, countB, steps) << 3);
        long a2 = a + (cut(segment, a, countA, b, countB, 2 * steps) << 3);
        long a3 = a + (cut(segment, a, countA, b, countB, 3 * steps) << 3);
        long b1 = b + (steps << 3) - (a1 - a);
        long b2 = b + (steps << 4) - (a2 - a);
        long b3 = b + (steps << 4) + (steps << 3) - (a3 - a);
        long end =
                notes == -1
                        ? lanes(segment, a, b, a1, b1, a2, b2, a3, b3, target, steps)
                        : noted(segment, a, b, a1, b1, a2, b2, a3, b3, target, notes, steps);
        return end < 0 ? ~((~end - a) >> 3) : (end - a) >> 3;
    }

    /** Where the last lane ends in its first range, or the complement if values are equal. */
    private static long lanes(
            MemorySegment segment,
            long a,
            long b,
            long a1,
            long b1,
            long a2,
            long b2,
            long a3,
            long b3,
            long target,
            long steps) {
        long a0 = a;
        long b0 = b;
        long c1 = a1;
        long d1 = b1;
        long c2 = a2;
        long d2 = b2;
        long c3 = a3;
        long d3 = b3;
        long to1 = target + (steps << 3);
        long to2 = to1 + (steps << 3);
        long to3 = to2 + (steps << 3);
        long distinct = -1;
        for (long k = 0; k < steps; k++) {
            long at = k << 3;

            long y = segment.get(Layouts.LONG, b0);
            long d = segment.get(Layouts.LONG, a0) - y;
            long less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, target + at, y + (d & less));
            a0 -= less << 3;
            b0 += (less << 3) + 8;

            y = segment.get(Layouts.LONG, d1);
            d = segment.get(Layouts.LONG, c1) - y;
            less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, to1 + at, y + (d & less));
            c1 -= less << 3;
            d1 += (less << 3) + 8;

            y = segment.get(Layouts.LONG, d2);
            d = segment.get(Layouts.LONG, c2) - y;
            less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, to2 + at, y + (d & less));
            c2 -= less << 3;
            d2 += (less << 3) + 8;

            y = segment.get(Layouts.LONG, d3);
            d = segment.get(Layouts.LONG, c3) - y;
            less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, to3 + at, y + (d & less));
            c3 -= less << 3;
            d3 += (less << 3) + 8;
        }
        return distinct < 0 ? c3 : ~c3;
    }

    /** The same, with notes. */
    private static long noted(
            MemorySegment segment,
            long a,
            long b,
            long a1,
            long b1,
            long a2,
            long b2,
            long a3,
            long b3,
            long target,
            long notes,
            long steps) {
        long a0 = a;
        long b0 = b;
        long c1 = a1;
        long d1 = b1;
        long c2 = a2;
        long d2 = b2;
        long c3 = a3;
        long d3 = b3;
        long to1 = target + (steps << 3);
        long to2 = to1 + (steps << 3);
        long to3 = to2 + (steps << 3);
        long notes1 = notes + steps;
        long notes2 = notes1 + steps;
        long notes3 = notes2 + steps;
        long distinct = -1;
        for (long k = 0; k < steps; k++) {
            long at = k << 3;

            long y = segment.get(Layouts.LONG, b0);
            long d = segment.get(Layouts.LONG, a0) - y;
            long less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, target + at, y + (d & less));
            segment.set(Layouts.BYTE, notes + k, (byte) -less);
            a0 -= less << 3;
            b0 += (less << 3) + 8;

            y = segment.get(Layouts.LONG, d1);
            d = segment.get(Layouts.LONG, c1) - y;
            less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, to1 + at, y + (d & less));
            segment.set(Layouts.BYTE, notes1 + k, (byte) -less);
            c1 -= less << 3;
            d1 += (less << 3) + 8;

            y = segment.get(Layouts.LONG, d2);
            d = segment.get(Layouts.LONG, c2) - y;
            less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, to2 + at, y + (d & less));
            segment.set(Layouts.BYTE, notes2 + k, (byte) -less);
            c2 -= less << 3;
            d2 += (less << 3) + 8;

            y = segment.get(Layouts.LONG, d3);
            d = segment.get(Layouts.LONG, c3) - y;
            less = d >> 63;
            distinct &= d | -d;
            segment.set(Layouts.LONG, to3 + at, y + (d & less));
            segment.set(Layouts.BYTE, notes3 + k, (byte) -less);
            c3 -= less << 3;
            d3 += (less << 3) + 8;
        }
        return distinct < 0 ? c3 : ~c3;
    }

    /**
     * Merges two ranges to their ends, one value at a time: for what the lanes leave.
     *
     * @return whether there are equal values
     */
    static boolean finish(
            MemorySegment segment,
            long a,
            long countA,
            long b,
            long countB,
            long target,
            long notes) {
        long i = 0;
        long j = 0;
        boolean equal = false;
        while (i < countA && j < countB) {
            long x = segment.get(Layouts.LONG, a + (i << 3));
            long y = segment.get(Layouts.LONG, b + (j << 3));
            equal |= x == y;
            boolean first = x < y;
            segment.set(Layouts.LONG, target + ((i + j) << 3), first ? x : y);
            if (notes != -1) {
                segment.set(Layouts.BYTE, notes + i + j, (byte) (first ? 1 : 0));
            }
            i += first ? 1 : 0;
            j += first ? 0 : 1;
        }
        long left = countA - i + countB - j;
        boolean leftOfA = i < countA;
        MemorySegment.copy(
                segment,
                leftOfA ? a + (i << 3) : b + (j << 3),
                segment,
                target + ((i + j) << 3),
                left << 3);
        if (notes != -1) {
            for (long k = i + j; k < i + j + left; k++) {
                segment.set(Layouts.BYTE, notes + k, (byte) (leftOfA ? 1 : 0));
            }
        }
        return equal;
    }

    /**
     * Adds the counts of equal neighbours, of which no three are equal, and leaves out what counts
     * zero, in place.
     *
     * @param count one or more
     * @return how many are left; -1 if a sum is no number of 64 bits, and all is void
     */
    static long fold(MemorySegment segment, long values, long counts, long count) {
        long before = segment.get(Layouts.LONG, values);
        long sum = segment.get(Layouts.LONG, counts);
        long overflow = 0;
        long to = 0;
        for (long k = 1; k < count; k++) {
            long value = segment.get(Layouts.LONG, values + (k << 3));
            long next = segment.get(Layouts.LONG, counts + (k << 3));
            long z = value ^ before;
            long differs = (z | -z) >> 63;
            to += (sum | -sum) >>> 63 & differs;
            long added = sum & ~differs;
            long total = next + added;
            overflow |= (added ^ total) & (next ^ total);
            sum = total;
            before = value;
            segment.set(Layouts.LONG, values + (to << 3), value);
            segment.set(Layouts.LONG, counts + (to << 3), sum);
        }
        return overflow < 0 ? -1 : to + ((sum | -sum) >>> 63);
    }

    /**
     * Adds counts pairwise. A step of 0 repeats the first.
     *
     * @return how many sums there are up to the first that is zero or no number of 64 bits
     */
    static long add(
            MemorySegment segmentA,
            long a,
            long stepA,
            MemorySegment segmentB,
            long b,
            long stepB,
            MemorySegment out,
            long target,
            long count) {
        long bad = 0;
        for (long k = 0; k < count; k++) {
            long x = segmentA.get(Layouts.LONG, a + k * stepA);
            long y = segmentB.get(Layouts.LONG, b + k * stepB);
            long sum = x + y;
            bad |= ((x ^ sum) & (y ^ sum)) | ~(sum | -sum);
            out.set(Layouts.LONG, target + (k << 3), sum);
        }
        if (bad >= 0) {
            return count;
        }
        for (long k = 0; k < count; k++) {
            long x = segmentA.get(Layouts.LONG, a + k * stepA);
            long y = segmentB.get(Layouts.LONG, b + k * stepB);
            long sum = x + y;
            if (sum == 0 || ((x ^ sum) & (y ^ sum)) < 0) {
                return k;
            }
        }
        throw new AssertionError("no bad sum");
    }
}
