package io.espalier.spine;

/**
 * A position in the order of arrival: the half-open interval {@code [first, end)}.
 *
 * <p>The n-th batch that enters a spine gets {@code [n, n+1)}; what is merged spans its inputs.
 * Batches that cover no time cannot be told apart by their frontiers, so the id and not the time
 * range names a batch.
 *
 * @param first the first position, from 0
 * @param end the position after the last, greater than {@code first}
 */
public record SpineId(long first, long end) {
    /**
     * @throws IllegalArgumentException if the interval is empty, reversed or begins below 0
     */
    public SpineId {
        if (first < 0 || end <= first) {
            throw new IllegalArgumentException(
                    "spine id " + first + "-" + end + " is not an interval of positions");
        }
    }

    /** Whether {@code other} lies within this interval. */
    public boolean covers(SpineId other) {
        return first <= other.first && other.end <= end;
    }

    /** The interval from the beginning of {@code oldest} to the end of {@code newest}. */
    static SpineId hull(SpineId oldest, SpineId newest) {
        return new SpineId(oldest.first, newest.end);
    }

    /** The form {@code first-end}. */
    @Override
    public String toString() {
        return first + "-" + end;
    }
}
