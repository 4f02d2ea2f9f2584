package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** The kernels on every way that two short ranges can interleave, equal values included. */
class InterleavingTest {

    private static final int LENGTH_MAX = 6;
    private static final ValueLayout.OfLong BIG_ENDIAN =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private MemorySegment segment;
    private long a;
    private long b;
    private long target;
    private long notes;
    private int width;
    private boolean bytes;
    private int found;

    // what comes out, where values differ: each value with the side it is from
    private final int[] sides = new int[2 * LENGTH_MAX];

    @Test
    void wideValuesInterleaveInEveryWay() {
        // fails when an equal pair goes unnoticed, in front, at the back or where both ends meet,
        // or
        // when the words of a value are misread
        all(8, true);
        all(13, true);
        all(16, false);
    }

    private void all(int width, boolean bytes) {
        this.width = width;
        this.bytes = bytes;
        found = 0;
        try (NativeMemory memory =
                        NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
                NativeBuffer buffer = new NativeBuffer(memory)) {
            segment = memory.segment();
            // a word between, since a kernel may read one past
            long room = (long) LENGTH_MAX * width + Long.BYTES;
            a = buffer.reserve(6 * room);
            b = a + room;
            target = b + room;
            notes = target + 2 * room;
            next(0, 0, 0, false);
        }
        assertEquals(paths(), found);
    }

    /** In how many ways one can go on in one range, the other or both, to wherever. */
    private int paths() {
        int[][] paths = new int[LENGTH_MAX + 1][LENGTH_MAX + 1];
        int sum = 0;
        for (int i = 0; i <= LENGTH_MAX; i++) {
            for (int j = 0; j <= LENGTH_MAX; j++) {
                paths[i][j] =
                        i == 0 || j == 0
                                ? 1
                                : paths[i - 1][j] + paths[i][j - 1] + paths[i - 1][j - 1];
                sum += paths[i][j];
            }
        }
        return sum;
    }

    /** Checks what is there, and all that begins with it. */
    private void next(int countA, int countB, int value, boolean equal) {
        check(countA, countB, value, equal);
        if (countA < LENGTH_MAX) {
            put(a, countA, value);
            sides[value] = 1;
            next(countA + 1, countB, value + 1, equal);
        }
        if (countB < LENGTH_MAX) {
            put(b, countB, value);
            sides[value] = 0;
            next(countA, countB + 1, value + 1, equal);
        }
        if (countA < LENGTH_MAX && countB < LENGTH_MAX) {
            put(a, countA, value);
            put(b, countB, value);
            next(countA + 1, countB + 1, value + 1, true);
        }
    }

    /** Values around zero as longs, and around 128 as bytes; odd ones differ in the last word. */
    private void put(long base, int index, int value) {
        long at = base + (long) index * width;
        if (width == Long.BYTES) {
            word(at, first(value));
            return;
        }
        segment.asSlice(at, width).fill((byte) 7);
        word(at, first(value / 2));
        segment.set(Layouts.BYTE, at + width - 1, (byte) (value % 2));
    }

    private long first(int value) {
        return bytes ? (value + 120L) << 56 : value - 8L;
    }

    private void word(long at, long word) {
        if (bytes) {
            segment.set(BIG_ENDIAN, at, word);
        } else {
            segment.set(Layouts.LONG, at, word);
        }
    }

    private void check(int countA, int countB, int values, boolean equal) {
        found++;
        long total = (long) countA + countB;
        segment.set(Layouts.BYTE, target + total * width, (byte) 99);
        segment.set(Layouts.BYTE, notes + total, (byte) 99);
        boolean distinct =
                Interleaving.wide(
                        segment, a, countA, segment, b, countB, segment, target, notes, width,
                        bytes);
        if (distinct == equal) {
            throw new AssertionError(countA + " and " + countB + ": " + distinct);
        }
        if (segment.get(Layouts.BYTE, target + total * width) != 99
                || segment.get(Layouts.BYTE, notes + total) != 99) {
            throw new AssertionError("written past the end");
        }
        if (equal) {
            return;
        }
        int nextA = 0;
        int nextB = 0;
        for (int i = 0; i < values; i++) {
            long from = sides[i] == 1 ? a + (long) nextA++ * width : b + (long) nextB++ * width;
            long at = target + (long) i * width;
            if (segment.get(Layouts.BYTE, notes + i) != sides[i]
                    || MemorySegment.mismatch(segment, from, from + width, segment, at, at + width)
                            != -1) {
                throw new AssertionError("value " + i + " of " + countA + " and " + countB);
            }
        }
    }
}
