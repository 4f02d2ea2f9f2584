package io.espalier.spine;

import java.util.List;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Arithmetic on counts, fuel and level weights that saturates at {@link Long#MAX_VALUE}. Lengths
 * may come from a damaged file; a sum that wrapped round would read as "nothing to do" and starve a
 * merge for ever.
 */
final class Amounts {
    private Amounts() {}

    /** {@code a + b} for non-negative amounts. */
    static long add(long a, long b) {
        assert a >= 0 && b >= 0 : a + " + " + b;
        long sum = a + b;
        return sum < 0 ? Long.MAX_VALUE : sum;
    }

    /** {@code amount * 2^shift} for a non-negative amount and shift. */
    static long shiftLeft(long amount, int shift) {
        assert amount >= 0 && shift >= 0 : amount + " << " + shift;
        return shift < Long.numberOfLeadingZeros(amount)
                ? amount << shift
                : amount == 0 ? 0 : Long.MAX_VALUE;
    }

    /** The sum of a non-negative amount over all things. */
    static <T> long sum(List<T> things, ToLongFunction<? super T> amount) {
        long sum = 0;
        // all lists here have random access, and an iterator for each batch of a commit adds up
        for (int i = 0; i < things.size(); i++) {
            sum = add(sum, amount.applyAsLong(things.get(i)));
        }
        return sum;
    }

    /**
     * The sum modulo 2^64 of sums, unknown as soon as one of them is. Wrapping keeps equal
     * multisets of diffs equal.
     */
    static <T> OptionalLong diffSum(List<T> things, Function<? super T, OptionalLong> diffSum) {
        if (things.size() == 1) {
            return diffSum.apply(things.getFirst());
        }
        long sum = 0;
        for (T thing : things) {
            OptionalLong one = diffSum.apply(thing);
            if (one.isEmpty()) {
                return one;
            }
            sum += one.getAsLong();
        }
        return OptionalLong.of(sum);
    }
}
