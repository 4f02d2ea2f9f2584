package io.espalier.columnar;

import io.espalier.memory.Layouts;

/**
 * What the times of a trie are, and how they are ordered. Two orders matter: the <i>stored</i> one,
 * which is total and says where an update stands among those of its (key, val), and the order of
 * <i>before and after</i>, which may be partial and is what frontiers speak of ({@link Antichain}).
 *
 * <p>Methods that serve both types take a time as two numbers, the second of which is 0 for epochs.
 */
public enum TimeType {
    /** One unsigned 64-bit number; both orders are the numeric one. */
    EPOCH(0, 1),
    /**
     * Two unsigned 64-bit numbers: stored in lexicographic order, and before another where neither
     * number is greater (the product order), which stays open for many pairs.
     */
    PAIR(1, 2);

    /** What an image stores. */
    final int code;

    private final int words;

    TimeType(int code, int words) {
        this.code = code;
        this.words = words;
    }

    /** The size of a time in bytes. */
    public int bytes() {
        return words * Long.BYTES;
    }

    /** The type of a column of times; its values are compared as unsigned numbers, though. */
    ColumnType column() {
        return this == EPOCH ? ColumnType.LONG : ColumnType.tuple(words);
    }

    /**
     * Checks the second number of a time.
     *
     * @throws IllegalArgumentException if an epoch has one
     */
    void check(long second) {
        if (this == EPOCH && second != 0) {
            throw new IllegalArgumentException(
                    "a second number "
                            + Long.toUnsignedString(second)
                            + " for an epoch, which is one number; give 0");
        }
    }

    /** Compares two times in the stored order. */
    static int compare(long first, long second, long otherFirst, long otherSecond) {
        int order = Long.compareUnsigned(first, otherFirst);
        return order != 0 ? order : Long.compareUnsigned(second, otherSecond);
    }

    /** Whether a time is at or before another one, in the order of before and after. */
    static boolean lessEqual(long first, long second, long otherFirst, long otherSecond) {
        return Long.compareUnsigned(first, otherFirst) <= 0
                && Long.compareUnsigned(second, otherSecond) <= 0;
    }

    /** The second number of value {@code index} of a column of times; 0 of an epoch. */
    static long secondOf(Column times, long index) {
        return times.width() == Long.BYTES
                ? 0
                : times.segment().get(Layouts.LONG, times.offsetOf(index) + Long.BYTES);
    }

    static long min(long a, long b) {
        return Long.compareUnsigned(a, b) <= 0 ? a : b;
    }

    static long max(long a, long b) {
        return Long.compareUnsigned(a, b) >= 0 ? a : b;
    }

    /** A time as it is shown. */
    String show(long first, long second) {
        String text = Long.toUnsignedString(first);
        return this == EPOCH ? text : "(" + text + ", " + Long.toUnsignedString(second) + ")";
    }
}
