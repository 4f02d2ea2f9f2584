package io.espalier.columnar;

/**
 * Where things are in a flat chunk image: rows of one size, and behind them the bytes of what has
 * no fixed size. {@code docs/format.md} draws it.
 *
 * <pre>
 *   0  magic          8   "ESPFLAT\n"
 *   8  checksum       4   CRC32C of everything from byte 12 to the end
 *  12  version        4   1
 *  16  size           8   of the whole image, in bytes
 *  24  type           8   as of a trie
 *  32  rows           8   number of updates
 *  40  stride         8   bytes a row
 *  48  heap           8   bytes of the heap, without padding
 *  56  time min       8   unsigned; of the first numbers of pairs
 *  64  time max       8
 *  72  second min     8   of the second numbers of pairs, else 0
 *  80  second max     8
 *  88  rows, then heap, then zeros to a multiple of 8
 *
 * row: key, val, time, diff, payload; what is variable as offset and size in the heap, 4 bytes each
 * </pre>
 */
final class FlatLayout {

    static final long MAGIC = 0x0A54_414C_4650_5345L; // "ESPFLAT\n" read little-endian
    static final int VERSION = 1;

    static final int CHECKSUM_AT = 8;
    static final int VERSION_AT = 12;
    static final int SIZE_AT = 16;
    static final int TYPE_AT = 24;
    static final int ROWS_AT = 32;
    static final int STRIDE_AT = 40;
    static final int HEAP_AT = 48;
    static final int TIME_MIN_AT = 56;
    static final int TIME_MAX_AT = 64;
    static final int SECOND_MIN_AT = 72;
    static final int SECOND_MAX_AT = 80;
    static final int HEADER_BYTES = 88;

    private FlatLayout() {}

    /** The size of a value in a row. */
    private static int fieldBytes(ColumnType type) {
        return type.kind() == ColumnType.Kind.BYTES ? Long.BYTES : type.fixedWidth();
    }

    static int valAt(TrieType type) {
        return fieldBytes(type.key());
    }

    static int timeAt(TrieType type) {
        return valAt(type) + fieldBytes(type.val());
    }

    static int diffAt(TrieType type) {
        return timeAt(type) + type.time().bytes();
    }

    static int payloadAt(TrieType type) {
        return diffAt(type) + Long.BYTES;
    }

    static int stride(TrieType type) {
        return payloadAt(type) + (type.diff() == DiffType.UPSERT ? Long.BYTES : 0);
    }

    /** Where the first variable field of a row is; -1 if there is none. */
    static int firstVariableAt(TrieType type) {
        if (type.key().kind() == ColumnType.Kind.BYTES) {
            return 0;
        }
        if (type.val().kind() == ColumnType.Kind.BYTES) {
            return valAt(type);
        }
        return type.diff() == DiffType.UPSERT ? payloadAt(type) : -1;
    }
}
