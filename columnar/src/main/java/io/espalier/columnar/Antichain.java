package io.espalier.columnar;

import java.util.Arrays;

/**
 * A frontier: the times that are at or after one of its elements are still open, all others are
 * complete. No element is at or before another; so a frontier of epochs has one element or none. An
 * empty frontier says that nothing more comes.
 *
 * <p>Pairs are kept as a staircase: first numbers ascend, second ones descend. The element that can
 * decide about a time is then found by one search for its first number.
 *
 * <p>Immutable; a {@link Builder} collects one. Numbers are unsigned. The second number of an epoch
 * is 0 wherever one is asked for.
 *
 * <p>The notion is that of Naiad and Timely Dataflow; so is {@link #advanceFirst advancing}.
 */
public final class Antichain {

    private final TimeType type;
    private final long[] firsts;
    private final long[] seconds;

    /** The greatest time at or before all elements. */
    private final long floorFirst;

    private final long floorSecond;

    private Antichain(TimeType type, long[] firsts, long[] seconds) {
        this.type = type;
        this.firsts = firsts;
        this.seconds = seconds;
        boolean empty = firsts.length == 0;
        this.floorFirst = empty ? 0 : firsts[0];
        this.floorSecond = empty ? 0 : seconds[seconds.length - 1];
    }

    // ---- making -------------------------------------------------------------------------------

    /** The frontier that says that nothing more comes. */
    public static Antichain empty(TimeType type) {
        return new Antichain(type, new long[0], new long[0]);
    }

    /** The frontier that says that everything may come. */
    public static Antichain minimum(TimeType type) {
        return new Antichain(type, new long[1], new long[1]);
    }

    /** The frontier of one epoch. */
    public static Antichain of(long epoch) {
        return new Antichain(TimeType.EPOCH, new long[] {epoch}, new long[1]);
    }

    /** The frontier of one pair. */
    public static Antichain of(long first, long second) {
        return new Antichain(TimeType.PAIR, new long[] {first}, new long[] {second});
    }

    /** An empty builder. */
    public static Builder builder(TimeType type) {
        return new Builder(type);
    }

    /** Collects the least of the times that it is given. Not thread-safe. */
    public static final class Builder {

        private final TimeType type;
        private long[] firsts = new long[1];
        private long[] seconds = new long[1];
        private int size;

        private Builder(TimeType type) {
            this.type = type;
        }

        /** The type of the times. */
        public TimeType type() {
            return type;
        }

        /** How many elements there are. */
        public int size() {
            return size;
        }

        /**
         * Takes an epoch in.
         *
         * @return whether the frontier is another one now
         * @throws IllegalArgumentException if times are pairs
         */
        public boolean insert(long epoch) {
            checkEpochs(type);
            return insert(epoch, 0);
        }

        /**
         * Takes a time in, unless one at or before it is there; those after it go.
         *
         * @return whether the frontier is another one now
         * @throws IllegalArgumentException if an epoch has a second number
         */
        public boolean insert(long first, long second) {
            type.check(second);
            if (Antichain.lessEqual(firsts, seconds, size, first, second)) {
                return false;
            }
            // what the new element is before starts here, and is a run of the staircase
            int from = size;
            while (from > 0 && Long.compareUnsigned(firsts[from - 1], first) >= 0) {
                from--;
            }
            int to = from;
            while (to < size && Long.compareUnsigned(seconds[to], second) >= 0) {
                to++;
            }
            if (to == from && size == firsts.length) {
                firsts = Arrays.copyOf(firsts, 2 * size);
                seconds = Arrays.copyOf(seconds, 2 * size);
            }
            System.arraycopy(firsts, to, firsts, from + 1, size - to);
            System.arraycopy(seconds, to, seconds, from + 1, size - to);
            firsts[from] = first;
            seconds[from] = second;
            size += 1 - (to - from);
            return true;
        }

        /**
         * Takes all elements of a frontier in.
         *
         * @return whether the frontier is another one now
         * @throws IllegalArgumentException if it is of another type
         */
        public boolean insertAll(Antichain other) {
            checkSame(type, other.type);
            boolean changed = false;
            for (int i = 0; i < other.size(); i++) {
                changed |= insert(other.firsts[i], other.seconds[i]);
            }
            return changed;
        }

        /** Whether some element is at or before a time. */
        public boolean lessEqual(long first, long second) {
            return Antichain.lessEqual(firsts, seconds, size, first, second);
        }

        /** Drops all elements. */
        public void clear() {
            size = 0;
        }

        /** The frontier as it is now. */
        public Antichain build() {
            return new Antichain(type, Arrays.copyOf(firsts, size), Arrays.copyOf(seconds, size));
        }

        @Override
        public String toString() {
            return build().toString();
        }
    }

    // ---- asking -------------------------------------------------------------------------------

    /** The type of the times. */
    public TimeType type() {
        return type;
    }

    /** How many elements there are; 0 or 1 of epochs. */
    public int size() {
        return firsts.length;
    }

    /** Whether nothing more comes. */
    public boolean isEmpty() {
        return firsts.length == 0;
    }

    /** The first number of an element, which ascend. */
    public long firstAt(int index) {
        return firsts[index];
    }

    /** The second number of an element, which descend; 0 of an epoch. */
    public long secondAt(int index) {
        return seconds[index];
    }

    /**
     * Whether some element is at or before an epoch.
     *
     * @throws IllegalArgumentException if times are pairs
     */
    public boolean lessEqual(long epoch) {
        checkEpochs(type);
        return lessEqual(epoch, 0);
    }

    /** Whether some element is at or before a time: whether the time is still open. */
    public boolean lessEqual(long first, long second) {
        return lessEqual(firsts, seconds, firsts.length, first, second);
    }

    private static boolean lessEqual(
            long[] firsts, long[] seconds, int size, long first, long second) {
        if (size < 2) {
            return size == 1 && TimeType.lessEqual(firsts[0], seconds[0], first, second);
        }
        // of the elements whose first number suits, the last has the least second number
        int low = 0; // those below suit
        int high = size; // those from here on do not
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(firsts[middle], first) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low > 0 && Long.compareUnsigned(seconds[low - 1], second) <= 0;
    }

    /** Whether some element is before a time and not equal to it. */
    public boolean lessThan(long first, long second) {
        if (!lessEqual(first, second)) {
            return false;
        }
        // an element that is equal to the time is the only one at or before it
        for (int i = 0; i < firsts.length; i++) {
            if (firsts[i] == first && seconds[i] == second) {
                return false;
            }
        }
        return true;
    }

    /**
     * Whether everything that is open here would be open by this frontier too: every element of
     * {@code other} is at or after one of these. An empty frontier is dominated by all.
     *
     * @throws IllegalArgumentException if it is of another type
     */
    public boolean dominates(Antichain other) {
        checkSame(type, other.type);
        for (int i = 0; i < other.size(); i++) {
            if (!lessEqual(other.firsts[i], other.seconds[i])) {
                return false;
            }
        }
        return true;
    }

    /**
     * The frontier by which a time is open if it is by this or by the other one.
     *
     * @throws IllegalArgumentException if it is of another type
     */
    public Antichain meet(Antichain other) {
        Builder builder = builder(type);
        builder.insertAll(this);
        builder.insertAll(other);
        return builder.build();
    }

    /**
     * The frontier by which a time is open if it is by this and by the other one.
     *
     * @throws IllegalArgumentException if it is of another type
     */
    public Antichain join(Antichain other) {
        checkSame(type, other.type);
        Builder builder = builder(type);
        for (int i = 0; i < size(); i++) {
            for (int j = 0; j < other.size(); j++) {
                builder.insert(
                        TimeType.max(firsts[i], other.firsts[j]),
                        TimeType.max(seconds[i], other.seconds[j]));
            }
        }
        return builder.build();
    }

    /**
     * The first number of the <i>representative</i> of a time: the greatest time that readers at or
     * after this frontier cannot tell from it, which is the meet, over all elements, of the join of
     * the time with the element. An empty frontier leaves times as they are.
     *
     * <p>Both orders here are products of total ones, in which meet distributes over join. So it is
     * the join of the time with the meet of all elements, and each number is raised on its own.
     */
    public long advanceFirst(long first) {
        return TimeType.max(first, floorFirst);
    }

    /** The second number of the representative of a time; see {@link #advanceFirst}. */
    public long advanceSecond(long second) {
        return TimeType.max(second, floorSecond);
    }

    /** Whether a time, and so every time at or after it, is its own representative. */
    boolean leaves(long first, long second) {
        return TimeType.lessEqual(floorFirst, floorSecond, first, second);
    }

    private static void checkEpochs(TimeType type) {
        if (type != TimeType.EPOCH) {
            throw new IllegalArgumentException("an epoch for times of " + type);
        }
    }

    private static void checkSame(TimeType type, TimeType other) {
        if (type != other) {
            throw new IllegalArgumentException("a frontier of " + other + ", expected " + type);
        }
    }

    /** Checks that the frontier is of a type. */
    void checkType(TimeType expected) {
        checkSame(expected, type);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Antichain frontier
                && type == frontier.type
                && Arrays.equals(firsts, frontier.firsts)
                && Arrays.equals(seconds, frontier.seconds);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(firsts) + Arrays.hashCode(seconds) + type.code;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("{");
        for (int i = 0; i < firsts.length; i++) {
            text.append(i == 0 ? "" : ", ").append(type.show(firsts[i], seconds[i]));
        }
        return text.append('}').toString();
    }
}
