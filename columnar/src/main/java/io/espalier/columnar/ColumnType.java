package io.espalier.columnar;

/**
 * What the values of a key or val column are, and hence their order. Richer types are mapped onto
 * these so that the order is kept.
 *
 * @param kind the physical kind
 * @param words for a tuple the number of its longs, 1 to {@value #WORDS_MAX}; else 0
 */
public record ColumnType(Kind kind, int words) {

    /** The largest tuple. */
    public static final int WORDS_MAX = 32;

    /** The physical kinds. */
    public enum Kind {
        /** One value without content. */
        UNIT(0),
        /** A signed 64-bit number, in numeric order. */
        LONG(1),
        /** A fixed number of signed 64-bit numbers, in lexicographic order. */
        TUPLE(2),
        /** Any number of bytes, in unsigned lexicographic order. */
        BYTES(3);

        /** What the chunk image stores. */
        final int code;

        Kind(int code) {
            this.code = code;
        }
    }

    /** One value without content. */
    public static final ColumnType UNIT = new ColumnType(Kind.UNIT, 0);

    /** A signed 64-bit number. */
    public static final ColumnType LONG = new ColumnType(Kind.LONG, 0);

    /** Any number of bytes. */
    public static final ColumnType BYTES = new ColumnType(Kind.BYTES, 0);

    /** Checks the number of words. */
    public ColumnType {
        if (kind == Kind.TUPLE ? words < 1 || words > WORDS_MAX : words != 0) {
            throw new IllegalArgumentException(
                    kind
                            + " of "
                            + words
                            + " words; a tuple has 1 to "
                            + WORDS_MAX
                            + ", the other kinds 0");
        }
    }

    /** A tuple of {@code words} longs. */
    public static ColumnType tuple(int words) {
        return new ColumnType(Kind.TUPLE, words);
    }

    /** The size of every value in bytes, or -1 for bytes. */
    int fixedWidth() {
        return switch (kind) {
            case UNIT -> 0;
            case LONG -> Long.BYTES;
            case TUPLE -> words * Long.BYTES;
            case BYTES -> -1;
        };
    }
}
