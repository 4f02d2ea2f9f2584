package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.DiskFullException;
import io.espalier.spine.disk.DiskSyncException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.AccessDeniedException;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The file {@code STORE}: which store this is, and which manifest counts. It is replaced as a
 * whole, so it is never torn: if its check fails it was damaged later.
 *
 * @param storeId chosen when the store was created
 * @param term the fencing term: one more at each opening for writing
 * @param manifestNumber the manifest that counts
 * @param manifestBytes how many bytes of it were synced when this was written; in a closed store,
 *     exactly how many it has
 * @param closed whether the store was closed in order
 */
record StoreFile(UUID storeId, long term, long manifestNumber, long manifestBytes, boolean closed) {

    static final String NAME = "STORE";
    static final String TEMPORARY_NAME = "STORE.tmp";

    /** What is written. Version 1 is read, too: its changes of traces hold them whole. */
    static final int FORMAT_VERSION = 2;

    static final int FORMAT_VERSION_MIN = 1;

    /** "ESPALIER" in ASCII. */
    static final long MAGIC = 0x5245494C41505345L;

    static final int BYTES = 64;

    private static final int MAGIC_OFFSET = 0;
    private static final int VERSION_OFFSET = 8;
    private static final int CLOSED_OFFSET = 12;
    private static final int ID_OFFSET = 16;
    private static final int TERM_OFFSET = 32;
    private static final int MANIFEST_NUMBER_OFFSET = 40;
    private static final int MANIFEST_BYTES_OFFSET = 48;
    private static final int CHECKSUM_OFFSET = 60;

    byte[] encode() {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(MAGIC_OFFSET, MAGIC);
        bytes.putInt(VERSION_OFFSET, FORMAT_VERSION);
        bytes.putInt(CLOSED_OFFSET, closed ? 1 : 0);
        bytes.putLong(ID_OFFSET, storeId.getMostSignificantBits());
        bytes.putLong(ID_OFFSET + 8, storeId.getLeastSignificantBits());
        bytes.putLong(TERM_OFFSET, term);
        bytes.putLong(MANIFEST_NUMBER_OFFSET, manifestNumber);
        bytes.putLong(MANIFEST_BYTES_OFFSET, manifestBytes);
        bytes.putInt(CHECKSUM_OFFSET, checksum(bytes));
        return bytes.array();
    }

    /**
     * Reads the file.
     *
     * @throws StoreException.NotAStore if it is another program's
     * @throws StoreException.Damaged if it is ours but not as written
     * @throws StoreException.NewerFormat if a later version wrote it
     * @throws IOException if it cannot be read; {@link java.nio.file.NoSuchFileException} if absent
     */
    static StoreFile read(Disk disk) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        long sizeBytes;
        try (DiskFile file = disk.open(NAME)) {
            sizeBytes = file.sizeBytes();
            file.read(0, bytes);
        }
        return decode(disk.describe(NAME), bytes, sizeBytes);
    }

    static StoreFile decode(String path, ByteBuffer bytes, long sizeBytes) {
        // the magic and the checksum stay where they are in all versions, so that a flipped bit in
        // the
        // version does not read as a later version, nor one in the magic as a foreign file
        boolean ours = bytes.getLong(MAGIC_OFFSET) == MAGIC;
        if (sizeBytes != BYTES) {
            if (ours) {
                throw new StoreException.Damaged(
                        new Damage(
                                path,
                                Math.min(sizeBytes, BYTES),
                                "the file has " + sizeBytes + " bytes, expected " + BYTES));
            }
            throw foreign(path);
        }
        int found = bytes.getInt(CHECKSUM_OFFSET);
        if (!ours) {
            ByteBuffer mended = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
            mended.put(0, bytes, 0, BYTES).putLong(MAGIC_OFFSET, MAGIC);
            if (checksum(mended) == found) {
                throw new StoreException.Damaged(
                        new Damage(
                                path, MAGIC_OFFSET, "the first 8 bytes are not those of a store"));
            }
            throw foreign(path);
        }
        int expected = checksum(bytes);
        if (found != expected) {
            throw new StoreException.Damaged(
                    new Damage(
                            path,
                            0,
                            String.format(
                                    "the file has CRC32C 0x%08x, expected 0x%08x",
                                    expected, found)));
        }
        int version = bytes.getInt(VERSION_OFFSET);
        if (version > FORMAT_VERSION) {
            throw new StoreException.NewerFormat(path, version);
        }
        StoreFile file =
                new StoreFile(
                        new UUID(bytes.getLong(ID_OFFSET), bytes.getLong(ID_OFFSET + 8)),
                        bytes.getLong(TERM_OFFSET),
                        bytes.getLong(MANIFEST_NUMBER_OFFSET),
                        bytes.getLong(MANIFEST_BYTES_OFFSET),
                        bytes.getInt(CLOSED_OFFSET) == 1);
        if (version < FORMAT_VERSION_MIN
                || file.term < 1
                || file.manifestNumber < 1
                || file.manifestBytes < ManifestFormat.HEADER_BYTES) {
            throw new StoreException.Damaged(
                    new Damage(path, 0, "the file's content makes no sense: " + file));
        }
        return file;
    }

    private static StoreException foreign(String path) {
        return new StoreException.NotAStore(
                path, "not a file of a store; give the folder of a store, or a new folder");
    }

    private static int checksum(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.slice(0, CHECKSUM_OFFSET));
        return (int) crc.getValue();
    }

    /**
     * Puts this in the place of the file, durably.
     *
     * @throws DiskSyncException if it is unknown whether that was done
     * @throws IOException if it was not done
     */
    void replace(Disk disk) throws IOException {
        disk.delete(TEMPORARY_NAME);
        try (DiskFile file = disk.create(TEMPORARY_NAME)) {
            file.append(ByteBuffer.wrap(encode()));
            file.sync();
        }
        try {
            disk.rename(TEMPORARY_NAME, NAME);
        } catch (DiskFullException | AccessDeniedException e) {
            throw e;
        } catch (IOException e) {
            throw unknown(disk, e);
        }
        try {
            disk.syncFolder("");
        } catch (IOException e) {
            throw unknown(disk, e);
        }
    }

    private static DiskSyncException unknown(Disk disk, IOException e) {
        return new DiskSyncException(
                disk.describe(NAME) + ": it is unknown whether it was replaced: " + e.getMessage(),
                e);
    }
}
