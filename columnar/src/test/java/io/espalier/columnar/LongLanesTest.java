package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The kernels against a plain merge: every way that two short ranges interleave, and long ones. */
class LongLanesTest {

    private static final int VALUES_MAX = 400;
    private static final int SHORT_MAX = 10;
    private static final int FROM_A = 1;
    private static final int FROM_B = 2;
    private static final int FROM_BOTH = 3;

    private NativeMemory memory;
    private NativeBuffer buffer;
    private MemorySegment segment;
    private long a;
    private long b;
    private long target;
    private long notes;

    // the merge, values of b first
    private final long[] merged = new long[2 * VALUES_MAX];
    private final byte[] sides = new byte[2 * VALUES_MAX];
    private int countA;
    private int countB;

    @BeforeEach
    void open() {
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        buffer = new NativeBuffer(memory);
        segment = memory.segment();
        a = buffer.reserve(7L * VALUES_MAX * Long.BYTES);
        b = a + VALUES_MAX * Long.BYTES;
        target = b + VALUES_MAX * Long.BYTES;
        notes = target + 3L * VALUES_MAX * Long.BYTES;
    }

    @AfterEach
    void close() {
        buffer.close();
        memory.close();
    }

    @Test
    void shortRangesInterleaveInEveryWay() {
        // fails when a lane begins or ends at the wrong place, or equal values go unnoticed
        int[] from = new int[SHORT_MAX];
        int words = 1;
        for (int length = 1; length <= SHORT_MAX; length++) {
            words *= 3;
            for (int word = 0; word < words; word++) {
                int left = word;
                for (int i = 0; i < length; i++) {
                    from[i] = 1 + left % 3;
                    left /= 3;
                }
                check(from, length, -3, 1);
            }
        }
    }

    @Test
    void longRangesOfFarApartValuesInterleave() {
        // fails when a difference of values overflows, or lanes of many steps go astray
        Random random = new Random(Seed.value() + 31);
        int[] from = new int[VALUES_MAX];
        for (int round = 0; round < 300; round++) {
            int length = 1 + random.nextInt(VALUES_MAX);
            int kinds = 1 + random.nextInt(3);
            int run = 1 + random.nextInt(9);
            for (int i = 0; i < length; i++) {
                boolean goesOn = i > 0 && random.nextInt(run) > 0;
                from[i] = goesOn ? from[i - 1] : 1 + random.nextInt(kinds);
            }
            // as far apart as they may be: all within 63 bits
            long step = round % 2 == 0 ? 1 : Long.MAX_VALUE / length;
            check(from, length, -(step * length / 2), step);
        }
    }

    private void check(int[] from, int length, long first, long step) {
        countA = 0;
        countB = 0;
        for (int i = 0; i < length; i++) {
            long value = first + i * step;
            if ((from[i] & FROM_B) != 0) {
                Words.setLong(segment, b, countB, value);
                sides[countA + countB] = 0;
                merged[countA + countB] = value;
                countB++;
            }
            if ((from[i] & FROM_A) != 0) {
                Words.setLong(segment, a, countA, value);
                sides[countA + countB] = 1;
                merged[countA + countB] = value;
                countA++;
            }
        }
        checkLanes();
        checkFinish();
        checkFold(from, length, first, step);
    }

    /** How far lanes may go: each range has a value behind. */
    private int reach() {
        int left = 0;
        int leftB = 0;
        for (int i = 0; i < countA + countB; i++) {
            left += sides[i];
            leftB += 1 - sides[i];
            if (left == countA || leftB == countB) {
                return i;
            }
        }
        return 0;
    }

    private void checkLanes() {
        int reach = countA == 0 || countB == 0 ? 0 : reach();
        for (int steps = reach / LongLanes.LANES; steps > 0; steps /= 2) {
            int count = steps * LongLanes.LANES;
            int fromA = 0;
            for (int i = 0; i < count; i++) {
                fromA += sides[i];
            }
            assertEquals(fromA, LongLanes.cut(segment, a, countA, b, countB, count));
            for (long noted : new long[] {-1, notes}) {
                poison(count);
                long found = LongLanes.merge(segment, a, countA, b, countB, target, noted, steps);
                assertEquals(fromA, found);
                assertMerged(count, noted != -1);
            }
        }
    }

    private void checkFinish() {
        boolean equal = false;
        for (int i = 1; i < countA + countB; i++) {
            equal |= merged[i] == merged[i - 1];
        }
        for (long noted : new long[] {-1, notes}) {
            poison(countA + countB);
            LongLanes.finish(segment, a, countA, b, countB, target, noted);
            assertMerged(countA + countB, noted != -1);
            assertEquals(equal, LongLanes.hasEqual(segment, target, countA + countB));
        }
    }

    private void poison(int count) {
        Words.setLong(segment, target, count, 99);
        segment.set(Layouts.BYTE, notes + count, (byte) 99);
    }

    private void assertMerged(int count, boolean noted) {
        for (int i = 0; i < count; i++) {
            if (Words.getLong(segment, target, i) != merged[i]
                    || (noted && segment.get(Layouts.BYTE, notes + i) != sides[i])) {
                throw new AssertionError("value " + i + " of " + countA + " and " + countB);
            }
        }
        assertEquals(99, Words.getLong(segment, target, count), "written past the end");
        assertEquals(99, segment.get(Layouts.BYTE, notes + count), "written past the end");
    }

    /** Counts of the kinds that cancel, add, and overflow. */
    private void checkFold(int[] from, int length, long first, long step) {
        long counts = notes;
        int count = countA + countB;
        for (int pattern = 0; pattern < 3; pattern++) {
            for (int i = 0; i < count; i++) {
                Words.setLong(segment, target, i, merged[i]);
                Words.setLong(segment, counts, i, number(pattern, i, sides[i]));
            }
            long kept = LongLanes.fold(segment, target, counts, count);
            int next = 0;
            int to = 0;
            boolean overflow = false;
            for (int i = 0; i < length; i++) {
                long sum = number(pattern, next, sides[next]);
                next++;
                if (from[i] == FROM_BOTH) {
                    long other = number(pattern, next, sides[next]);
                    next++;
                    overflow |= ((sum ^ (sum + other)) & (other ^ (sum + other))) < 0;
                    sum += other;
                }
                if (sum != 0 && !overflow && kept != -1) {
                    assertEquals(first + i * step, Words.getLong(segment, target, to));
                    assertEquals(sum, Words.getLong(segment, counts, to));
                    to++;
                }
            }
            assertEquals(overflow ? -1 : to, kept);
        }
    }

    private static long number(int pattern, int index, int side) {
        return switch (pattern) {
            case 0 -> side == 0 ? 1 : -1;
            case 1 -> index % 3 == 0 ? 7 : -index - 1;
            default -> index % 5 == 0 ? Long.MAX_VALUE : Long.MIN_VALUE + index;
        };
    }
}
