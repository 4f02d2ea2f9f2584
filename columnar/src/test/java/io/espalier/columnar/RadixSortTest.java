package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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

/** Sorting of words and pairs, whatever the input looks like. */
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

    @ParameterizedTest
    @EnumSource(Input.class)
    void longsComeOutInSignedOrder(Input input, NativeMemory memory) {
        // fails when a digit is skipped that differs, or a group is not refined
        RadixSort radix = new RadixSort();
        for (int size : SIZES) {
            long[] values = input.make(size, new Random(size));
            long bytes = size * 8L + 8;
            try (Lease at = memory.allocate(bytes);
                    Lease spare = memory.allocate(bytes)) {
                for (int i = 0; i < size; i++) {
                    Words.setLong(memory.segment(), at.offset(), i, values[i]);
                }
                long found =
                        radix.sortLongs(
                                memory.segment(), at.offset(), spare.offset(), size, Words.FLIP);
                assertTrue(found == at.offset() || found == spare.offset());
                Arrays.sort(values);
                for (int i = 0; i < size; i++) {
                    assertEquals(values[i], Words.getLong(memory.segment(), found, i));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Input.class)
    void pairsComeOutInUnsignedOrderAndEqualOnesAsTheyWere(Input input, NativeMemory memory) {
        // fails when equal keys change places
        RadixSort radix = new RadixSort();
        for (int size : SIZES) {
            long[] values = input.make(size, new Random(size));
            long bytes = (long) size * RadixSort.PAIR_BYTES + 8;
            try (Lease at = memory.allocate(bytes);
                    Lease spare = memory.allocate(bytes)) {
                long[][] pairs = new long[size][];
                for (int i = 0; i < size; i++) {
                    Words.setLong(memory.segment(), at.offset(), 2L * i, values[i]);
                    Words.setLong(memory.segment(), at.offset(), 2L * i + 1, i);
                    pairs[i] = new long[] {values[i], i};
                }
                long found = radix.sortPairs(memory.segment(), at.offset(), spare.offset(), size);
                Arrays.sort(
                        pairs,
                        (a, b) -> {
                            int order = Long.compareUnsigned(a[0], b[0]);
                            return order == 0 ? Long.compare(a[1], b[1]) : order;
                        });
                for (int i = 0; i < size; i++) {
                    long[] pair = {
                        Words.getLong(memory.segment(), found, 2L * i),
                        Words.getLong(memory.segment(), found, 2L * i + 1)
                    };
                    assertArrayEquals(pairs[i], pair, input + " " + size + " at " + i);
                }
            }
        }
    }
}
