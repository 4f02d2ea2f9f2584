package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import io.espalier.testing.NativeMemoryExtension;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sorting of words by a range of their bits, whatever the input looks like. */
@ExtendWith(NativeMemoryExtension.class)
class RadixSortTest {

    private static final int[] SIZES = {
        0, 1, 2, 3, 23, 24, 25, 100, 999, 3_999, 4_000, 20_000, 32_769, 65_537, 200_000
    };

    /** Inputs that sorts have stumbled over. */
    enum Input {
        RANDOM,
        SORTED,
        REVERSED,
        EQUAL,
        TWO_VALUES,
        ORGAN_PIPE,
        FEW_RUNS,
        MANY_RUNS,
        NEARLY_SORTED,
        DENSE_SHUFFLED,
        LOW_BITS,
        HIGH_BITS,
        ONE_BIT_IN_EACH_BYTE,
        MOST_IN_ONE_BUCKET,
        NESTED_BUCKETS,
        ENDS_OF_THE_RANGE;

        long[] make(int size, Random random) {
            IntToLongFunction value =
                    switch (this) {
                        case RANDOM -> i -> random.nextLong();
                        case SORTED -> i -> i * 77L - 1000;
                        case REVERSED -> i -> -i * 77L;
                        case EQUAL -> i -> 42;
                        case TWO_VALUES -> i -> random.nextBoolean() ? -1 : 1;
                        case ORGAN_PIPE -> i -> Math.min(i, size - i);
                        case FEW_RUNS -> i -> (long) (i % (size / 5 + 1)) * 3;
                        case MANY_RUNS -> i -> (long) (i % (size / 50 + 1)) * 3;
                        case NEARLY_SORTED -> i -> random.nextInt(100) == 0 ? -i : i;
                        case DENSE_SHUFFLED -> i -> i;
                        case LOW_BITS -> i -> 0x1234_5678_0000_0000L | random.nextInt(3000);
                        case HIGH_BITS -> i -> (long) random.nextInt() << 32;
                        case ONE_BIT_IN_EACH_BYTE -> i -> random.nextLong() & 0x0101010101010101L;
                        case MOST_IN_ONE_BUCKET ->
                                i ->
                                        random.nextInt(1000) == 0
                                                ? random.nextLong()
                                                : random.nextInt(99);
                        // bucket in bucket in bucket: every digit splits off one value
                        case NESTED_BUCKETS -> i -> 1L << random.nextInt(64) | random.nextInt(2);
                        case ENDS_OF_THE_RANGE ->
                                i -> new long[] {Long.MIN_VALUE, Long.MAX_VALUE, 0, -1}[i & 3];
                    };
            long[] values = new long[size];
            for (int i = 0; i < size; i++) {
                values[i] = value.applyAsLong(i);
            }
            if (this == DENSE_SHUFFLED) {
                for (int i = size - 1; i > 0; i--) {
                    int j = random.nextInt(i + 1);
                    long swap = values[i];
                    values[i] = values[j];
                    values[j] = swap;
                }
            }
            return values;
        }
    }

    private static void assertSorts(
            NativeMemory memory, String what, long[] values, int low, int high) {
        RadixSort radix = new RadixSort();
        int size = values.length;
        try (Lease at = memory.allocate(size * 8L + 8);
                Lease spare = memory.allocate(size * 8L + 8)) {
            for (int i = 0; i < size; i++) {
                Words.setLong(memory.segment(), at.offset(), i, values[i]);
            }
            long found = radix.sort(memory.segment(), at.offset(), spare.offset(), size, low, high);
            assertTrue(found == at.offset() || found == spare.offset());
            long[] sorted = values.clone();
            for (int i = 0; i < size; i++) {
                sorted[i] ^= Words.FLIP;
            }
            Arrays.sort(sorted);
            for (int i = 0; i < size; i++) {
                long value = Words.getLong(memory.segment(), found, i);
                assertEquals(sorted[i] ^ Words.FLIP, value, what + " " + size + " at " + i);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Input.class)
    void wordsComeOutInUnsignedOrder(Input input, NativeMemory memory) {
        // fails when a digit is skipped, or a group of equal digits is not refined
        for (int size : SIZES) {
            long[] values = input.make(size, new Random(size));
            assertSorts(memory, input + ", 64 bits", values, 0, Long.SIZE);
            for (int bits : new int[] {1, 8, 13, 22, 40}) {
                long[] few = new long[size];
                for (int i = 0; i < size; i++) {
                    few[i] = (values[i] & ((1L << bits) - 1)) | (0x12L << 56);
                }
                assertSorts(memory, input + ", bits " + bits, few, 0, bits);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Input.class)
    void wordsThatAgreeInTheRangeStayAsTheyWere(Input input, NativeMemory memory) {
        // fails when equal words change places: the numbers below the range ascend
        for (int size : SIZES) {
            long[] values = input.make(size, new Random(size));
            for (int bits : new int[] {1, 8, 20, 30, 46}) {
                long[] numbered = new long[size];
                for (int i = 0; i < size; i++) {
                    numbered[i] = (values[i] & ((1L << bits) - 1)) << 18 | i;
                }
                assertSorts(memory, input + ", bits " + bits, numbered, 18, 18 + bits);
            }
        }
    }
}
