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
 * bits. All offsets are of one segment. Whether some are equal is asked of the result, which takes
 * vectors.
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
     * @return how many of the values are from {@code a}
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
        return (end - a) >> 3;
    }

    /** Where the last lane ends in its first range. */
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
            long stepCount) {
        // a range that is ahead in one way is behind in the other: one position tells both
        long c0 = a;
        long c1 = a1;
        long c2 = a2;
        long c3 = a3;
        long both0 = a + b;
        long both1 = a1 + b1;
        long both2 = a2 + b2;
        long both3 = a3 + b3;
        long to1 = target + (stepCount << 3);
        long to2 = to1 + (stepCount << 3);
        long to3 = to2 + (stepCount << 3);
        int steps = (int) stepCount;
        for (int k = 0; k < steps; k++) {
            long at = (long) k << 3;

            long x = segment.get(Layouts.LONG, c0);
            long y = segment.get(Layouts.LONG, both0 + at - c0);
            long less = (x - y) >>> 63;
            segment.set(Layouts.LONG, target + at, Math.min(x, y));
            c0 += less << 3;

            x = segment.get(Layouts.LONG, c1);
            y = segment.get(Layouts.LONG, both1 + at - c1);
            less = (x - y) >>> 63;
            segment.set(Layouts.LONG, to1 + at, Math.min(x, y));
            c1 += less << 3;

            x = segment.get(Layouts.LONG, c2);
            y = segment.get(Layouts.LONG, both2 + at - c2);
            less = (x - y) >>> 63;
            segment.set(Layouts.LONG, to2 + at, Math.min(x, y));
            c2 += less << 3;

            x = segment.get(Layouts.LONG, c3);
            y = segment.get(Layouts.LONG, both3 + at - c3);
            less = (x - y) >>> 63;
            segment.set(Layouts.LONG, to3 + at, Math.min(x, y));
            c3 += less << 3;
        }
        return c3;
    }

    /**
     * The same, with notes. A loop of its own: whether there are notes would be asked in each step
     * of each lane, unless a compiler takes it out of the loop, which none has promised.
     */
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
            long stepCount) {
        // a range that is ahead in one way is behind in the other: one position tells both
        long c0 = a;
        long c1 = a1;
        long c2 = a2;
        long c3 = a3;
        long both0 = a + b;
        long both1 = a1 + b1;
        long both2 = a2 + b2;
        long both3 = a3 + b3;
        long to1 = target + (stepCount << 3);
        long to2 = to1 + (stepCount << 3);
        long to3 = to2 + (stepCount << 3);
        long notes1 = notes + stepCount;
        long notes2 = notes1 + stepCount;
        long notes3 = notes2 + stepCount;
        int steps = (int) stepCount;
        for (int k = 0; k < steps; k++) {
            long at = (long) k << 3;

            long x = segment.get(Layouts.LONG, c0);
            long y = segment.get(Layouts.LONG, both0 + at - c0);
            long less = (x - y) >>> 63;
            segment.set(Layouts.LONG, target + at, Math.min(x, y));
            segment.set(Layouts.BYTE, notes + k, (byte) less);
            c0 += less << 3;

            x = segment.get(Layouts.LONG, c1);
            y = segment.get(Layouts.LONG, both1 + at - c1);
            less = (x - y) >>> 63;
            segment.set(Layouts.LONG, to1 + at, Math.min(x, y));
            segment.set(Layouts.BYTE, notes1 + k, (byte) less);
            c1 += less << 3;

            x = segment.get(Layouts.LONG, c2);
            y = segment.get(Layouts.LONG, both2 + at - c2);
            less = (x - y) >>> 63;
            segment.set(Layouts.LONG, to2 + at, Math.min(x, y));
            segment.set(Layouts.BYTE, notes2 + k, (byte) less);
            c2 += less << 3;

            x = segment.get(Layouts.LONG, c3);
            y = segment.get(Layouts.LONG, both3 + at - c3);
            less = (x - y) >>> 63;
            segment.set(Layouts.LONG, to3 + at, Math.min(x, y));
            segment.set(Layouts.BYTE, notes3 + k, (byte) less);
            c3 += less << 3;
        }
        return c3;
    }

    /** Merges two ranges to their ends, one value at a time: for what the lanes leave. */
    static void finish(
            MemorySegment segment,
            long a,
            long countA,
            long b,
            long countB,
            long target,
            long notes) {
        long i = 0;
        long j = 0;
        while (i < countA && j < countB) {
            long x = segment.get(Layouts.LONG, a + (i << 3));
            long y = segment.get(Layouts.LONG, b + (j << 3));
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
    }

    /** Whether values that ascend are not all distinct. */
    static boolean hasEqual(MemorySegment segment, long values, long count) {
        long next = values + Long.BYTES;
        int pairs = (int) count - 1;
        long distinct = -1;
        for (int k = 0; k < pairs; k++) {
            long at = (long) k << 3;
            long z = segment.get(Layouts.LONG, values + at) ^ segment.get(Layouts.LONG, next + at);
            distinct &= z | -z;
        }
        return distinct >= 0;
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
     * Adds counts pairwise, up to the first sum that is zero or no number of 64 bits. Nothing is
     * written but these sums.
     *
     * @return how many there are
     */
    static int add(
            MemorySegment segmentA,
            long a,
            MemorySegment segmentB,
            long b,
            MemorySegment out,
            long target,
            int count) {
        // in two loops the compiler makes vectors of both
        long bad = 0;
        for (int k = 0; k < count; k++) {
            long at = (long) k << 3;
            bad |= badness(segmentA.get(Layouts.LONG, a + at), segmentB.get(Layouts.LONG, b + at));
        }
        int good = bad >= 0 ? count : firstBad(segmentA, a, segmentB, b, count);
        for (int k = 0; k < good; k++) {
            long at = (long) k << 3;
            long x = segmentA.get(Layouts.LONG, a + at);
            out.set(Layouts.LONG, target + at, x + segmentB.get(Layouts.LONG, b + at));
        }
        return good;
    }

    /** The same where one side is a constant. */
    static int add(
            MemorySegment source,
            long a,
            long constant,
            MemorySegment out,
            long target,
            int count) {
        int good = 0;
        while (good < count) {
            long x = source.get(Layouts.LONG, a + ((long) good << 3));
            if (badness(x, constant) < 0) {
                break;
            }
            out.set(Layouts.LONG, target + ((long) good << 3), x + constant);
            good++;
        }
        return good;
    }

    private static int firstBad(
            MemorySegment segmentA, long a, MemorySegment segmentB, long b, int count) {
        int k = 0;
        while (k < count
                && badness(
                                segmentA.get(Layouts.LONG, a + ((long) k << 3)),
                                segmentB.get(Layouts.LONG, b + ((long) k << 3)))
                        >= 0) {
            k++;
        }
        return k;
    }

    /** Below zero if a sum is zero or no number of 64 bits. */
    static long badness(long x, long y) {
        long sum = x + y;
        return ((x ^ sum) & (y ^ sum)) | ~(sum | -sum);
    }
}
