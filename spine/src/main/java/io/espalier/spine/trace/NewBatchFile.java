package io.espalier.spine.trace;

import io.espalier.spine.disk.DiskFile;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A batch file that is being written. Its owner appends to it, {@linkplain #finish finishes} it,
 * and then names it in a {@linkplain StoreDirectory#append commit}; closed without having been
 * finished, it is deleted. Finished but never named, it is deleted by {@link
 * StoreDirectory#deleteBatchFile} or at the next opening.
 *
 * <p>One thread at a time.
 */
public final class NewBatchFile implements BatchTarget {

    private final StoreDirectory directory;
    private final long id;
    private final DiskFile file;
    private long sizeBytes;
    private boolean open = true;

    NewBatchFile(StoreDirectory directory, long id, DiskFile file) {
        this.directory = directory;
        this.id = id;
        this.file = file;
    }

    /** The file's id, never used before in the store. */
    @Override
    public long id() {
        return id;
    }

    /** How many bytes were appended. */
    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    /**
     * Appends all remaining bytes.
     *
     * @throws StoreException.Full if there is no room; close this file then
     * @throws StoreException.Stopped if bytes that were {@linkplain #writeEarly sent early} have
     *     not arrived; the store has stopped then
     */
    @Override
    public void append(ByteBuffer source) {
        checkOpen();
        int bytes = source.remaining();
        try {
            file.append(source);
        } catch (IOException e) {
            throw directory.batchFailed(id, "writing a batch file", e);
        }
        sizeBytes += bytes;
    }

    /**
     * From here on, sends what is appended to the medium a little at a time, so that the end has
     * little left to do, and others who sync meanwhile have little to wait for.
     */
    @Override
    public void writeEarly() {
        checkOpen();
        file.writeEarly();
    }

    /**
     * Makes the content durable. The file's name becomes so with the commit.
     *
     * @throws StoreException.Stopped if that failed; the store has stopped then
     */
    @Override
    public void finish() {
        checkOpen();
        try {
            file.sync();
            file.close();
        } catch (IOException e) {
            throw directory.batchFailed(id, "syncing a batch file", e);
        }
        open = false;
    }

    private void checkOpen() {
        if (!open) {
            throw new IllegalStateException("batch file " + id + " is finished or closed");
        }
    }

    @Override
    public void close() {
        if (!open) {
            return;
        }
        open = false;
        try {
            file.close();
        } catch (IOException e) {
            // it is deleted in any case
        }
        directory.deleteBatchFile(id);
    }
}
