package io.espalier.columnar;

/**
 * The type of a trie, fixed when it is created.
 *
 * @param key the type of keys; not unit
 * @param val the type of vals
 * @param diff how updates fold
 * @param time what times are
 */
public record TrieType(ColumnType key, ColumnType val, DiffType diff, TimeType time) {

    /** Bytes to bytes with counts: what tables and traces hold. */
    public static final TrieType BYTES_TO_BYTES =
            new TrieType(ColumnType.BYTES, ColumnType.BYTES, DiffType.COUNT);

    /** Bytes to upserts: what a stash of commands holds. */
    public static final TrieType BYTES_UPSERTS =
            new TrieType(ColumnType.BYTES, ColumnType.UNIT, DiffType.UPSERT);

    /** The type that was decoded last: there are few, and images of one follow each other. */
    private static volatile TrieType decoded = BYTES_TO_BYTES;

    /** Checks that keys have content. */
    public TrieType {
        if (key.kind() == ColumnType.Kind.UNIT) {
            throw new IllegalArgumentException(
                    "a trie with unit keys; give it long, tuple or bytes");
        }
    }

    /** The type of a trie whose times are epochs. */
    public TrieType(ColumnType key, ColumnType val, DiffType diff) {
        this(key, val, diff, TimeType.EPOCH);
    }

    /** The same with other times. */
    public TrieType withTime(TimeType other) {
        return new TrieType(key, val, diff, other);
    }

    /** The size of an update beside its key and val: a time and a diff. */
    int updateBytes() {
        return time.bytes() + Long.BYTES;
    }

    /** The type as the eight bytes that the chunk image stores. */
    long code() {
        return key.kind().code
                | (long) key.words() << 8
                | (long) val.kind().code << 16
                | (long) val.words() << 24
                | (long) diff.code << 40
                | (long) time.code << 48;
    }

    /**
     * The type of a stored code.
     *
     * @throws ImageException if no type has that code
     */
    static TrieType ofCode(long code) {
        TrieType known = decoded;
        if (known.code() != code) {
            known = decode(code);
            decoded = known;
        }
        return known;
    }

    private static TrieType decode(long code) {
        try {
            ColumnType key = column((int) (code & 0xFF), (int) (code >>> 8 & 0xFF));
            ColumnType val = column((int) (code >>> 16 & 0xFF), (int) (code >>> 24 & 0xFF));
            for (TimeType time : TimeType.values()) {
                for (DiffType diff : DiffType.values()) {
                    TrieType type = new TrieType(key, val, diff, time);
                    if (type.code() == code) {
                        return type;
                    }
                }
            }
        } catch (IllegalArgumentException e) {
            throw new ImageException(
                    "type code 0x" + Long.toHexString(code) + ": " + e.getMessage());
        }
        throw new ImageException("type code 0x" + Long.toHexString(code) + " is not known");
    }

    private static ColumnType column(int code, int words) {
        for (ColumnType.Kind kind : ColumnType.Kind.values()) {
            if (kind.code == code) {
                return new ColumnType(kind, words);
            }
        }
        throw new IllegalArgumentException("column kind " + code);
    }
}
