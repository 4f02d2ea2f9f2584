package io.espalier.spine;

/**
 * Which times a batch covers, and how far they may have been advanced.
 *
 * <p>The batch holds every update of its collection whose time was beyond {@code lower} and not
 * beyond {@code upper}. Times before {@code since} may have been moved up to it, so that only reads
 * as of {@code since} or later are exact. {@code lower == upper} is allowed: such a batch covers no
 * time and holds nothing (exertion makes them).
 *
 * @param lower the first time covered
 * @param upper the first time no longer covered; not before {@code lower}
 * @param since up to where times may have been advanced
 */
public record Description(Frontier lower, Frontier upper, Frontier since) {
    /**
     * @throws IllegalArgumentException if {@code upper} is before {@code lower}
     */
    public Description {
        if (!lower.lessEqual(upper)) {
            throw new IllegalArgumentException(
                    "a batch ends at [" + upper + "], before its beginning at [" + lower + "]");
        }
    }

    /** Whether both cover the same times, whatever their {@code since}. */
    public boolean sameTimes(Description other) {
        return lower.equals(other.lower) && upper.equals(other.upper);
    }

    /** The form {@code [lower][upper][since]}. */
    @Override
    public String toString() {
        return "[" + lower + "][" + upper + "][" + since + "]";
    }
}
