package io.espalier.spine.trace;

/**
 * Where things are in a batch file. Little-endian. {@code docs/format.md} draws it.
 *
 * <pre>
 *   0        magic          8   "ESPBATCH"
 *   8        checksum       4   CRC32C of the header from byte 12 on
 *  12        version        4   2; 1 if there are no filters
 *  16        file id        8
 *  24        chunk images   each with a checksum of its own, and between them and behind the last
 *            filters        of the keys of the chunks before: {@link FilterFormat}
 *  index     fence index    a chunk image: last key of each chunk -> where it is
 *  directory                where the filters are
 *  size-104  footer:
 *    0       magic          8   "ESPBFOOT"
 *    8       checksum       4   CRC32C of the footer from byte 12 on
 *   12       version        4   that of the header
 *   16       file id        8
 *   24       file size      8
 *   32       chunks         8
 *   40       updates        8
 *   48       index offset   8
 *   56       index size     8
 *   64       time min       8   unsigned
 *   72       time max       8   unsigned
 *   80       diff sum       8   modulo 2^64
 *   88       directory      8   offset; 0 in version 1
 *   96       directory      8   size; 0 in version 1
 * </pre>
 *
 * An entry of the fence index has 40 bytes: where the chunk starts (big-endian, so that entries of
 * one key are ordered by it), its size, its updates, its least and its greatest time.
 */
final class BatchFileFormat {

    static final long MAGIC = 0x4843_5441_4250_5345L; // "ESPBATCH" read little-endian
    static final long FOOTER_MAGIC = 0x544F_4F46_4250_5345L; // "ESPBFOOT"
    static final int VERSION = 2;

    /** The version of files without filters. */
    static final int VERSION_PLAIN = 1;

    static final int HEADER_BYTES = 24;
    static final int HEADER_CHECKSUM_AT = 8;
    static final int HEADER_VERSION_AT = 12;
    static final int HEADER_ID_AT = 16;

    static final int FOOTER_BYTES = 104;
    static final int FOOTER_CHECKSUM_AT = 8;
    static final int FOOTER_VERSION_AT = 12;
    static final int FOOTER_ID_AT = 16;
    static final int FOOTER_SIZE_AT = 24;
    static final int FOOTER_CHUNKS_AT = 32;
    static final int FOOTER_UPDATES_AT = 40;
    static final int FOOTER_INDEX_AT = 48;
    static final int FOOTER_INDEX_SIZE_AT = 56;
    static final int FOOTER_TIME_MIN_AT = 64;
    static final int FOOTER_TIME_MAX_AT = 72;
    static final int FOOTER_DIFF_SUM_AT = 80;
    static final int FOOTER_DIRECTORY_AT = 88;
    static final int FOOTER_DIRECTORY_SIZE_AT = 96;

    static final int ENTRY_BYTES = 40;
    static final int ENTRY_OFFSET_AT = 0;
    static final int ENTRY_SIZE_AT = 8;
    static final int ENTRY_UPDATES_AT = 16;
    static final int ENTRY_TIME_MIN_AT = 24;
    static final int ENTRY_TIME_MAX_AT = 32;

    private BatchFileFormat() {}
}
