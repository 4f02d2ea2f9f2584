package io.espalier.spine.disk;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * An open file: appended to if it was {@linkplain Disk#create created} through this handle, read
 * only if it was {@linkplain Disk#open opened}.
 *
 * <p>One thread at a time. Interrupts do not disturb it (see {@link Disk}).
 */
public interface DiskFile extends AutoCloseable {

    /** The name within the disk. */
    String name();

    /** How many bytes the file has, as seen through this handle. */
    long sizeBytes() throws IOException;

    /**
     * Appends all remaining bytes of {@code source}. If it fails, some of them may be in the file;
     * {@link #truncate} takes them away.
     *
     * @throws DiskFullException if there is no room
     */
    void append(ByteBuffer source) throws IOException;

    /**
     * From here on, sends what is appended to the medium a little at a time, rather than all of it
     * at the sync: for large files, so that others who sync meanwhile do not wait for them. It
     * makes nothing durable. A failure that is found out on the way is the {@link
     * DiskSyncException} that the sync would have thrown. Where the system has no such way, nothing
     * happens, or it is synced now and then.
     */
    default void writeEarly() {}

    /** Cuts the file to its first {@code sizeBytes} bytes; durable after the next sync. */
    void truncate(long sizeBytes) throws IOException;

    /**
     * Makes the file's bytes and size durable.
     *
     * @throws DiskSyncException if that failed. What was written since the last sync may be lost
     *     even if a later sync succeeds (the system may have dropped it), so there is no second
     *     try.
     */
    void sync() throws IOException;

    /**
     * Reads from {@code position} on until {@code target} is full or the file ends.
     *
     * @return how many bytes were read, 0 at or after the end
     */
    int read(long position, ByteBuffer target) throws IOException;

    @Override
    void close() throws IOException;
}
