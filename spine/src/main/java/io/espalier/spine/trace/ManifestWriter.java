package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.DiskSyncException;
import io.espalier.spine.trace.ManifestFormat.Header;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Writes one manifest file, from its header to its last record. Not thread-safe.
 *
 * <p>A failed append is taken back: the file is cut to where it was, and that is synced before the
 * failure is reported, so that what was reported as failed does not come back after a crash.
 */
final class ManifestWriter {

    private final Disk disk;
    private final Header header;
    private final DiskFile file;
    private long nextSequence;
    private long sizeBytes;
    private long syncedBytes;

    private ManifestWriter(Disk disk, Header header, DiskFile file) {
        this.disk = disk;
        this.header = header;
        this.file = file;
        this.nextSequence = header.firstSequence();
    }

    /**
     * Makes a new manifest file with a snapshot, and syncs it. Its name is not yet synced. If it
     * fails, what there is of the file is deleted again.
     */
    static ManifestWriter create(Disk disk, Header header, byte[] snapshot) throws IOException {
        String name = ManifestFormat.fileName(header.number());
        DiskFile file = disk.create(name);
        ManifestWriter writer = new ManifestWriter(disk, header, file);
        boolean done = false;
        try {
            file.append(ByteBuffer.wrap(header.encode()));
            writer.sizeBytes = ManifestFormat.HEADER_BYTES;
            ByteBuffer record = writer.encode(ManifestFormat.KIND_SNAPSHOT, List.of(snapshot));
            int recordBytes = record.remaining();
            file.append(record);
            file.sync();
            writer.nextSequence++;
            writer.sizeBytes += recordBytes;
            writer.syncedBytes = writer.sizeBytes;
            done = true;
            return writer;
        } finally {
            if (!done) {
                closeQuietly(file);
                deleteQuietly(disk, name);
            }
        }
    }

    Header header() {
        return header;
    }

    String name() {
        return file.name();
    }

    /** How many bytes of the file have been synced. */
    long syncedBytes() {
        return syncedBytes;
    }

    /** How many bytes the file has. */
    long sizeBytes() {
        return sizeBytes;
    }

    long nextSequence() {
        return nextSequence;
    }

    /**
     * Appends changes and makes them durable by one sync.
     *
     * @throws DiskSyncException if it is unknown whether they are
     * @throws IOException if none of them is
     */
    void append(List<byte[]> changes) throws IOException {
        write(encode(ManifestFormat.KIND_CHANGE, changes), changes.size());
        file.sync();
        syncedBytes = sizeBytes;
    }

    /**
     * Writes, without a sync, that everything so far is synced. It may fail, and is then taken
     * back: the changes that it would have vouched for are durable without it.
     *
     * @throws DiskSyncException if the file can no longer be written to
     */
    void mark() throws IOException {
        try {
            write(encode(ManifestFormat.KIND_MARK, List.of(new byte[0])), 1);
        } catch (DiskSyncException e) {
            throw e;
        } catch (IOException e) {
            // taken back
            return;
        }
    }

    /** Makes everything durable, marks included; before a close. */
    void sync() throws IOException {
        file.sync();
        syncedBytes = sizeBytes;
    }

    private void write(ByteBuffer records, int count) throws IOException {
        int recordBytes = records.remaining();
        try {
            file.append(records);
        } catch (IOException e) {
            takeBack(e);
            throw e;
        }
        sizeBytes += recordBytes;
        nextSequence += count;
    }

    private void takeBack(IOException failure) throws IOException {
        try {
            file.truncate(sizeBytes);
            file.sync();
        } catch (IOException e) {
            e.addSuppressed(failure);
            throw new DiskSyncException(
                    disk.describe(file.name()) + ": a failed append cannot be taken back", e);
        }
        syncedBytes = sizeBytes;
    }

    private ByteBuffer encode(int kind, List<byte[]> payloads) {
        long bytes = 0;
        for (byte[] payload : payloads) {
            if (payload.length > ManifestFormat.PAYLOAD_BYTES_MAX) {
                throw new IllegalArgumentException(
                        "a record of "
                                + payload.length
                                + " bytes; the limit is "
                                + ManifestFormat.PAYLOAD_BYTES_MAX);
            }
            bytes += ManifestFormat.recordBytes(payload.length);
        }
        ByteBuffer records =
                ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
        long sequence = nextSequence;
        for (byte[] payload : payloads) {
            ManifestFormat.encode(header, kind, sequence++, syncedBytes, payload, records);
        }
        return records.flip();
    }

    private static void closeQuietly(DiskFile file) {
        try {
            file.close();
        } catch (IOException ignored) {
            // what matters was synced, or has failed already
        }
    }

    private static void deleteQuietly(Disk disk, String name) {
        try {
            disk.delete(name);
        } catch (IOException ignored) {
            // what is not referenced is swept at the next opening
        }
    }

    /** Closes the file; what matters was synced. */
    void closeQuietly() {
        closeQuietly(file);
    }
}
