package io.espalier.spine.trace;

/**
 * Where things are in the filters of a batch file. Little-endian. {@code docs/format.md} draws it.
 *
 * <pre>
 * section, behind the chunks whose keys it knows:
 *   0        magic          8   "ESPFILTR"
 *   8        checksum       4   CRC32C of the section from byte 12 on
 *  12        reserved       4   zero
 *  16        keys           8
 *  24        blocks         8
 *  32        padding        so that the blocks start at a multiple of 64 in the file
 *            blocks         64 each
 *
 * directory, behind the fence index:
 *   0        magic          8   "ESPFDIRS"
 *   8        checksum       4   CRC32C of the directory from byte 12 on
 *  12        sections       4
 *  16        for each: offset 8, size 8, and how many chunks of the file are before it 8
 * </pre>
 */
final class FilterFormat {

    static final long MAGIC = 0x5254_4C49_4650_5345L; // "ESPFILTR" read little-endian
    static final long DIRECTORY_MAGIC = 0x5352_4944_4650_5345L; // "ESPFDIRS"

    static final int CHECKSUM_AT = 8;
    static final int COVERED_FROM = 12;
    static final int KEYS_AT = 16;
    static final int BLOCKS_AT = 24;
    private static final int HEAD_BYTES_MIN = 32;

    static final int DIRECTORY_COUNT_AT = 12;
    static final int DIRECTORY_HEAD_BYTES = 16;
    static final int ENTRY_BYTES = 24;
    static final int ENTRY_SIZE_AT = 8;
    static final int ENTRY_CHUNKS_AT = 16;

    private FilterFormat() {}

    /** How many bytes are before the blocks of a section that starts at an offset of the file. */
    static long headBytes(long at) {
        long blocks = (at + HEAD_BYTES_MIN + KeyFilter.BLOCK_BYTES - 1) & -KeyFilter.BLOCK_BYTES;
        return blocks - at;
    }

    /** The least size of such a section. */
    static long sizeBytesMin(long at) {
        return headBytes(at) + KeyFilter.BLOCK_BYTES;
    }
}
