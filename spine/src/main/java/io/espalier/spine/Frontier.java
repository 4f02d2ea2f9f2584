package io.espalier.spine;

/**
 * The earliest time that may still appear: one epoch, or none at all.
 *
 * <p>Times are epochs, totally ordered unsigned 64-bit numbers, so an antichain of them has at most
 * one element. A time {@code t} is <em>beyond</em> a frontier when its epoch is at or after the
 * frontier's; no time is beyond the {@linkplain #EMPTY empty} frontier. Frontiers are ordered by
 * what is beyond them: {@code a <= b} when everything beyond {@code b} is beyond {@code a}, which
 * makes {@link #MINIMUM} the least and {@link #EMPTY} the greatest.
 *
 * <p>A bare {@code long} would not do: all 2<sup>64</sup> epochs are legal, and "no more times" is
 * one state more. The durable form is therefore a flag and an epoch; reserving the last epoch
 * instead would make a legal input of the table illegal here.
 *
 * <p>Immutable. The idea is that of timely dataflow's antichains, reduced to a total order.
 *
 * @param isEmpty whether no time is beyond this frontier
 * @param epoch the earliest epoch beyond it, unsigned; 0 if {@code isEmpty}
 */
public record Frontier(boolean isEmpty, long epoch) implements Comparable<Frontier> {
    /** Every time is beyond this frontier. */
    public static final Frontier MINIMUM = new Frontier(false, 0);

    /** No time is beyond this frontier: nothing more can come. */
    public static final Frontier EMPTY = new Frontier(true, 0);

    /**
     * @throws IllegalArgumentException if an empty frontier is given an epoch
     */
    public Frontier {
        if (isEmpty && epoch != 0) {
            throw new IllegalArgumentException(
                    "an empty frontier has epoch " + Long.toUnsignedString(epoch) + ", expected 0");
        }
    }

    /** The frontier that begins at {@code epoch} (unsigned). */
    public static Frontier of(long epoch) {
        return epoch == 0 ? MINIMUM : new Frontier(false, epoch);
    }

    /** Whether a time at {@code epoch} (unsigned) is beyond this frontier. */
    public boolean reaches(long epoch) {
        return !isEmpty && Long.compareUnsigned(this.epoch, epoch) <= 0;
    }

    /** Whether everything beyond {@code other} is beyond this frontier. */
    public boolean lessEqual(Frontier other) {
        return compareTo(other) <= 0;
    }

    /** The later of the two: beyond it is what is beyond both. */
    public Frontier join(Frontier other) {
        return compareTo(other) >= 0 ? this : other;
    }

    @Override
    public int compareTo(Frontier other) {
        return isEmpty == other.isEmpty
                ? Long.compareUnsigned(epoch, other.epoch)
                : Boolean.compare(isEmpty, other.isEmpty);
    }

    /** The epoch in unsigned decimal, or nothing if empty. */
    @Override
    public String toString() {
        return isEmpty ? "" : Long.toUnsignedString(epoch);
    }
}
