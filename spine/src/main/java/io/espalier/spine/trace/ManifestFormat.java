package io.espalier.spine.trace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The bytes of a manifest file: a header, then records. Drawn in {@code docs/format.md}.
 *
 * <p>All checksums of a file are salted with what is particular to it (store, number, term), so
 * that what a recycled disk block holds of an earlier manifest is no record of this one.
 */
final class ManifestFormat {

    /** "ESPALOG\n" in ASCII. */
    static final long MAGIC = 0x0A474F4C41505345L;

    static final int HEADER_BYTES = 64;
    static final int RECORD_HEADER_BYTES = 32;
    static final int ALIGNMENT_BYTES = 8;

    /** The longest payload: a snapshot of a million parts has about a tenth of it. */
    static final int PAYLOAD_BYTES_MAX = 1 << 30;

    /** What a record is. */
    static final int KIND_SNAPSHOT = 1;

    static final int KIND_CHANGE = 2;
    static final int KIND_MARK = 3;

    private static final int HEADER_CHECKSUM_OFFSET = 60;

    private static final int KIND_OFFSET = 4;
    private static final int SEQUENCE_OFFSET = 8;
    private static final int SYNCED_OFFSET = 16;
    private static final int PAYLOAD_CHECKSUM_OFFSET = 24;
    private static final int RECORD_CHECKSUM_OFFSET = 28;

    private ManifestFormat() {}

    static String fileName(long number) {
        return String.format(Locale.ROOT, "manifest-%08d.log", number);
    }

    /** The number in a manifest's name, or -1 if it is not one. */
    static long fileNumber(String name) {
        return Names.number(name, "manifest-", ".log");
    }

    /** What stands at the front of a manifest file. */
    record Header(UUID storeId, long number, long term, long firstSequence) {

        byte[] encode() {
            ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            bytes.putLong(0, MAGIC);
            bytes.putInt(8, StoreFile.FORMAT_VERSION);
            bytes.putLong(16, storeId.getMostSignificantBits());
            bytes.putLong(24, storeId.getLeastSignificantBits());
            bytes.putLong(32, number);
            bytes.putLong(40, term);
            bytes.putLong(48, firstSequence);
            CRC32C crc = new CRC32C();
            crc.update(bytes.slice(0, HEADER_CHECKSUM_OFFSET));
            bytes.putInt(HEADER_CHECKSUM_OFFSET, (int) crc.getValue());
            return bytes.array();
        }

        /**
         * The header in the first bytes of {@code bytes}; what it says is only checked by checksum.
         */
        static Header decode(ByteBuffer bytes) throws ManifestState.MalformedException {
            if (bytes.limit() < HEADER_BYTES) {
                throw new ManifestState.MalformedException(
                        "the file has "
                                + bytes.limit()
                                + " bytes, expected a header of "
                                + HEADER_BYTES);
            }
            CRC32C crc = new CRC32C();
            crc.update(bytes.slice(0, HEADER_CHECKSUM_OFFSET));
            int found = bytes.getInt(HEADER_CHECKSUM_OFFSET);
            if ((int) crc.getValue() != found) {
                throw new ManifestState.MalformedException(
                        String.format(
                                "the file's header has CRC32C 0x%08x, expected 0x%08x",
                                (int) crc.getValue(), found));
            }
            int version = bytes.getInt(8);
            if (bytes.getLong(0) != MAGIC
                    || version < StoreFile.FORMAT_VERSION_MIN
                    || version > StoreFile.FORMAT_VERSION) {
                throw new ManifestState.MalformedException(
                        "the file's header is not that of a manifest of format version "
                                + StoreFile.FORMAT_VERSION_MIN
                                + " to "
                                + StoreFile.FORMAT_VERSION);
            }
            return new Header(
                    new UUID(bytes.getLong(16), bytes.getLong(24)),
                    bytes.getLong(32),
                    bytes.getLong(40),
                    bytes.getLong(48));
        }
    }

    /** A checksum that has taken in what is particular to the file. */
    static CRC32C salted(Header header) {
        ByteBuffer salt = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        salt.putLong(header.storeId.getMostSignificantBits());
        salt.putLong(header.storeId.getLeastSignificantBits());
        salt.putLong(header.number);
        salt.putLong(header.term);
        CRC32C crc = new CRC32C();
        crc.update(salt.array());
        return crc;
    }

    static long recordBytes(int payloadBytes) {
        long bytes = (long) RECORD_HEADER_BYTES + payloadBytes;
        return (bytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
    }

    /**
     * One record.
     *
     * @param sequence one more than that of the record before
     * @param syncedBytes how many bytes of the file had been synced when this was written
     */
    static void encode(
            Header header,
            int kind,
            long sequence,
            long syncedBytes,
            byte[] payload,
            ByteBuffer target) {
        int start = target.position();
        target.putInt(start, payload.length);
        target.putInt(start + KIND_OFFSET, kind);
        target.putLong(start + SEQUENCE_OFFSET, sequence);
        target.putLong(start + SYNCED_OFFSET, syncedBytes);
        target.put(start + RECORD_HEADER_BYTES, payload);
        int end = start + (int) recordBytes(payload.length);
        for (int i = start + RECORD_HEADER_BYTES + payload.length; i < end; i++) {
            target.put(i, (byte) 0);
        }
        target.putInt(start + PAYLOAD_CHECKSUM_OFFSET, payloadChecksum(header, target, start, end));
        target.putInt(start + RECORD_CHECKSUM_OFFSET, recordChecksum(header, target, start));
        target.position(end);
    }

    private static int payloadChecksum(Header header, ByteBuffer bytes, int start, int end) {
        CRC32C crc = salted(header);
        int from = start + RECORD_HEADER_BYTES;
        crc.update(bytes.slice(from, end - from));
        return (int) crc.getValue();
    }

    private static int recordChecksum(Header header, ByteBuffer bytes, int start) {
        CRC32C crc = salted(header);
        crc.update(bytes.slice(start, RECORD_CHECKSUM_OFFSET));
        return (int) crc.getValue();
    }

    /** What the header of a record says; its checksum holds. */
    record RecordHeader(int offset, int payloadBytes, int kind, long sequence, long syncedBytes) {

        long end() {
            return offset + recordBytes(payloadBytes);
        }

        int payloadOffset() {
            return offset + RECORD_HEADER_BYTES;
        }
    }

    /**
     * Whether a whole record header with the right checksum, and with sense, is at {@code offset}.
     */
    static boolean hasRecordHeader(Header header, ByteBuffer bytes, int offset) {
        if (bytes.limit() - offset < RECORD_HEADER_BYTES) {
            return false;
        }
        int kind = bytes.getInt(offset + KIND_OFFSET);
        int payloadBytes = bytes.getInt(offset);
        return payloadBytes >= 0
                && payloadBytes <= PAYLOAD_BYTES_MAX
                && (kind == KIND_SNAPSHOT || kind == KIND_CHANGE || kind == KIND_MARK)
                && bytes.getLong(offset + SYNCED_OFFSET) >= 0
                && bytes.getLong(offset + SYNCED_OFFSET) <= offset
                && bytes.getInt(offset + RECORD_CHECKSUM_OFFSET)
                        == recordChecksum(header, bytes, offset);
    }

    /** The record header at {@code offset}, where {@link #hasRecordHeader} holds. */
    static RecordHeader recordHeader(ByteBuffer bytes, int offset) {
        return new RecordHeader(
                offset,
                bytes.getInt(offset),
                bytes.getInt(offset + KIND_OFFSET),
                bytes.getLong(offset + SEQUENCE_OFFSET),
                bytes.getLong(offset + SYNCED_OFFSET));
    }

    /** Whether the whole payload of a record is there, and as it was written. */
    static boolean payloadIsWhole(Header header, ByteBuffer bytes, RecordHeader record) {
        return record.end() <= bytes.limit()
                && bytes.getInt(record.offset + PAYLOAD_CHECKSUM_OFFSET)
                        == payloadChecksum(header, bytes, record.offset, (int) record.end());
    }
}
