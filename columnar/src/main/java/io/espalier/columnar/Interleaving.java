package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Kernels that merge two ascending ranges of values of one width, without a branch on their order:
 * what interleaves at random defeats branch prediction. They work from both ends at once, which are
 * two chains of dependent loads instead of one, and always for as many values as the shorter range
 * has, so that neither end can be reached.
 *
 * <p>Each also notes where its values came from: a byte 1 for the first range, 0 for the second.
 * Equal values are not merged: the kernels notice them and say so, and what they wrote is void.
 */
final class Interleaving {

    private static final ValueLayout.OfLong BIG_ENDIAN =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private Interleaving() {}

    /** Copies what is left of one range. */
    private static void rest(
            MemorySegment source,
            long start,
            long end,
            MemorySegment out,
            long to,
            long choice,
            byte from,
            long width) {
        if (start < end) {
            MemorySegment.copy(source, start, out, to, end - start);
            long choiceEnd = choice + (end - start) / width;
            for (long at = choice; at < choiceEnd; at++) {
                out.set(Layouts.BYTE, at, from);
            }
        }
    }

    /**
     * Merges {@code countA} values at {@code a} and {@code countB} at {@code b} into {@code
     * target}, each of {@code width} bytes, 8 or more: unsigned bytes, or signed longs one after
     * another.
     *
     * @return false if a value is in both
     */
    static boolean wide(
            MemorySegment segmentA,
            long a,
            long countA,
            MemorySegment segmentB,
            long b,
            long countB,
            MemorySegment out,
            long target,
            long choices,
            long width,
            boolean bytes) {
        long startA = a;
        long startB = b;
        long endA = a + countA * width;
        long endB = b + countB * width;
        long to = target;
        long end = target + (countA + countB) * width;
        long choice = choices;
        long choiceEnd = choices + countA + countB;
        while (startA < endA && startB < endB) {
            long steps = Math.min(endA - startA, endB - startB) / width;
            for (long k = 0; k < steps; k++) {
                long order = order(segmentA, startA, segmentB, startB, width, bytes);
                if (order == 0) {
                    return false;
                }
                long less = order >> 63;
                copy(
                        less != 0 ? segmentA : segmentB,
                        startB + (startA - startB & less),
                        out,
                        to,
                        width);
                out.set(Layouts.BYTE, choice, (byte) -less);
                startA += less & width;
                startB += ~less & width;
                to += width;
                choice++;

                long back = order(segmentB, endB - width, segmentA, endA - width, width, bytes);
                if (back == 0) {
                    return false;
                }
                long more = back >> 63;
                end -= width;
                choiceEnd--;
                copy(
                        more != 0 ? segmentA : segmentB,
                        endB - width + (endA - endB & more),
                        out,
                        end,
                        width);
                out.set(Layouts.BYTE, choiceEnd, (byte) -more);
                endA -= more & width;
                endB -= ~more & width;
            }
        }
        rest(segmentA, startA, endA, out, to, choice, (byte) 1, width);
        rest(segmentB, startB, endB, out, to, choice, (byte) 0, width);
        return true;
    }

    /** Negative, zero or positive; decided by the first words that differ. */
    private static long order(
            MemorySegment a, long x, MemorySegment b, long y, long width, boolean bytes) {
        long last = width - Long.BYTES;
        for (long at = 0; at < last; at += Long.BYTES) {
            long order = orderOfWords(a, x + at, b, y + at, bytes);
            if (order != 0) {
                return order;
            }
        }
        // the last word may overlap the one before, whose bytes are equal
        return orderOfWords(a, x + last, b, y + last, bytes);
    }

    private static long orderOfWords(
            MemorySegment a, long x, MemorySegment b, long y, boolean bytes) {
        if (bytes) {
            long v = a.get(BIG_ENDIAN, x) ^ Words.FLIP;
            long w = b.get(BIG_ENDIAN, y) ^ Words.FLIP;
            return orderOf(v, w);
        }
        return orderOf(a.get(Layouts.LONG, x), b.get(Layouts.LONG, y));
    }

    private static long orderOf(long x, long y) {
        long z = x ^ y;
        long d = x - y;
        long sign = (d ^ (z & (d ^ x))) >> 63;
        // -1 if less, 0 if equal, else 1
        return sign | ((z | -z) >>> 63);
    }

    private static void copy(
            MemorySegment source, long from, MemorySegment out, long to, long width) {
        long last = width - Long.BYTES;
        for (long at = 0; at < last; at += Long.BYTES) {
            out.set(Layouts.LONG, to + at, source.get(Layouts.LONG, from + at));
        }
        out.set(Layouts.LONG, to + last, source.get(Layouts.LONG, from + last));
    }

    /**
     * Chooses between two columns of longs by the notes of a merge, which need not be there if both
     * are the same constant.
     */
    static void chooseLongs(
            Column a,
            long i,
            Column b,
            long j,
            MemorySegment out,
            long target,
            long choices,
            long count) {
        if (a.isConstant() && b.isConstant() && a.longAt(0) == b.longAt(0)) {
            Words.fill(out, target, count, a.longAt(0));
            return;
        }
        chooseLongs(
                a.segment(),
                a.offsetOf(i),
                a.isConstant() ? 0 : Long.BYTES,
                b.segment(),
                b.offsetOf(j),
                b.isConstant() ? 0 : Long.BYTES,
                out,
                target,
                choices,
                count);
    }

    /** A step of 0 repeats a constant. */
    static void chooseLongs(
            MemorySegment segmentA,
            long a,
            long stepA,
            MemorySegment segmentB,
            long b,
            long stepB,
            MemorySegment out,
            long target,
            long choices,
            long count) {
        long x = a;
        long y = b;
        for (long k = 0; k < count; k++) {
            long chosen = -(long) out.get(Layouts.BYTE, choices + k);
            long v = segmentA.get(Layouts.LONG, x);
            long w = segmentB.get(Layouts.LONG, y);
            out.set(Layouts.LONG, target + (k << 3), w ^ ((v ^ w) & chosen));
            x += chosen & stepA;
            y += ~chosen & stepB;
        }
    }

    /** Copies values of {@code width} bytes, 8 or more, by their indexes: all but the first. */
    static void gather(
            MemorySegment source,
            long data,
            long width,
            MemorySegment out,
            long target,
            long indexes,
            long count) {
        if (width == Long.BYTES) {
            for (long k = 1; k < count; k++) {
                long index = out.get(Layouts.LONG, indexes + (k << 3));
                out.set(
                        Layouts.LONG,
                        target + ((k - 1) << 3),
                        source.get(Layouts.LONG, data + (index << 3)));
            }
            return;
        }
        long to = target;
        for (long k = 1; k < count; k++) {
            copy(source, data + out.get(Layouts.LONG, indexes + (k << 3)) * width, out, to, width);
            to += width;
        }
    }

    // ---- columns ------------------------------------------------------------------------------

    /**
     * Appends values of two columns of the same kind in the order that a merge of others took: see
     * {@link #wide}.
     */
    static void appendChosen(
            ColumnBuilder target,
            Column a,
            long i,
            long countA,
            Column b,
            long j,
            long countB,
            long choices) {
        MemorySegment segment = target.segment();
        long values = countA + countB;
        if (target.isUnit()) {
            target.appendUnits(values);
            return;
        }
        if (a.isConstant() && b.isConstant() && Column.compare(a, 0, b, 0) == 0) {
            target.appendCopies(a, values);
            return;
        }
        if (a.width() == Long.BYTES && b.width() == Long.BYTES) {
            long at = target.reserveFixed(Long.BYTES, values);
            if (at != -1) {
                chooseLongs(a, i, b, j, segment, at, choices, values);
                target.advanceFixed(Long.BYTES, values);
                return;
            }
        }
        long nextA = i;
        long nextB = j;
        for (long k = 0; k < values; k++) {
            if (segment.get(Layouts.BYTE, choices + k) != 0) {
                target.append(a, nextA++);
            } else {
                target.append(b, nextB++);
            }
        }
    }

    /** Appends the values of a column of the same kind whose indexes are given, 64 bits each. */
    static void appendGathered(ColumnBuilder target, Column source, long indexes, long values) {
        MemorySegment segment = target.segment();
        if (target.isUnit()) {
            target.appendUnits(values);
            return;
        }
        if (source.isConstant()) {
            target.appendCopies(source, values);
            return;
        }
        long size = source.width();
        // one value first: it ends a constant, or begins one
        target.append(source, Words.getLong(segment, indexes, 0));
        if (target.encoding() == TrieLayout.FIXED && !source.isVariable() && size >= Long.BYTES) {
            long at = target.reserveFixed(size, values - 1);
            if (at != -1) {
                gather(source.segment(), source.data(), size, segment, at, indexes, values);
                target.advanceFixed(size, values - 1);
                return;
            }
        }
        for (long k = 1; k < values; k++) {
            target.append(source, Words.getLong(segment, indexes, k));
        }
    }
}
