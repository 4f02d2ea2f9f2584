package io.espalier.columnar;

/**
 * Where things are in a chunk image. Little-endian; every column starts at a multiple of eight and
 * is padded with zeros to one. {@code docs/format.md} draws it.
 *
 * <pre>
 *   0  magic          8   "ESPTRIE\n"
 *   8  checksum       4   CRC32C of everything from byte 12 to the end
 *  12  version        4   2
 *  16  size           8   of the whole image, in bytes
 *  24  type           8   kinds and words of key and val, kind of diff
 *  32  keys           8   number of keys
 *  40  vals           8   number of (key, val)
 *  48  updates        8   number of (key, val, time)
 *  56  time min       8   unsigned
 *  64  time max       8   unsigned
 *  72  directory    168   seven columns of 24 bytes:
 *                           encoding 4, width 4, offset 8, size 8
 * 240  columns: the largest fixed one, then the others by the directory
 * </pre>
 *
 * <p>Where times are pairs, 56 and 64 are about their first numbers, and two more come before the
 * columns:
 *
 * <pre>
 * 240  time min       8   of the second numbers
 * 248  time max       8
 * 256  columns
 * </pre>
 */
final class TrieLayout {

    static final long MAGIC = 0x0A45_4952_5450_5345L; // "ESPTRIE\n" read little-endian
    static final int VERSION = 2;

    /** In images of this version all columns stand in the order of the directory. */
    static final int VERSION_MIN = 1;

    static final int MAGIC_AT = 0;
    static final int CHECKSUM_AT = 8;
    static final int VERSION_AT = 12;
    static final int SIZE_AT = 16;
    static final int TYPE_AT = 24;
    static final int KEYS_AT = 32;
    static final int VALS_AT = 40;
    static final int UPDATES_AT = 48;
    static final int TIME_MIN_AT = 56;
    static final int TIME_MAX_AT = 64;
    static final int DIRECTORY_AT = 72;

    static final int ENTRY_BYTES = 24;
    static final int ENTRY_ENCODING_AT = 0;
    static final int ENTRY_WIDTH_AT = 4;
    static final int ENTRY_OFFSET_AT = 8;
    static final int ENTRY_SIZE_AT = 16;

    /** The columns, in the order of the directory. */
    static final int KEYS = 0;

    static final int KEY_BOUNDS = 1;
    static final int VALS = 2;
    static final int VAL_BOUNDS = 3;
    static final int TIMES = 4;
    static final int DIFFS = 5;
    static final int PAYLOADS = 6;
    static final int COLUMNS = 7;

    static final int HEADER_BYTES = DIRECTORY_AT + COLUMNS * ENTRY_BYTES;

    /** Of pairs only. */
    static final int SECOND_TIME_MIN_AT = HEADER_BYTES;

    static final int SECOND_TIME_MAX_AT = HEADER_BYTES + Long.BYTES;

    /** No bytes: an absent column, or values without content. */
    static final int ABSENT = 0;

    /** One value, stored once; for bounds: all groups have {@code width} members. */
    static final int CONSTANT = 1;

    /** Values of {@code width} bytes each. */
    static final int FIXED = 2;

    /** n + 1 unsigned 32-bit offsets, padded to eight, then the bytes that they cut. */
    static final int VARIABLE = 3;

    /** Not in images: a field of rows that are further apart than the values of it are wide. */
    static final int FIELD = 4;

    /** Not in images: the same, with the values elsewhere. */
    static final int FIELD_VARIABLE = 5;

    /** An offset, of a group or of a value. */
    static final int OFFSET_BYTES = Integer.BYTES;

    /** Offsets and sizes of values are 32 bits wide, so no column of a chunk exceeds this. */
    static final long COLUMN_BYTES_MAX = 0xFFFF_FFFFL;

    private TrieLayout() {}

    /** Where the columns of an image start. */
    static int headerBytes(TrieType type) {
        return type.time() == TimeType.EPOCH ? HEADER_BYTES : HEADER_BYTES + 2 * Long.BYTES;
    }

    static long align(long bytes) {
        return (bytes + 7) & -8L;
    }

    static String columnName(int column) {
        return switch (column) {
            case KEYS -> "keys";
            case KEY_BOUNDS -> "key bounds";
            case VALS -> "vals";
            case VAL_BOUNDS -> "val bounds";
            case TIMES -> "times";
            case DIFFS -> "diffs";
            default -> "payloads";
        };
    }
}
