package io.espalier.spine.trace;

import java.nio.ByteBuffer;

/**
 * Where a batch file is written to. Its owner appends, {@linkplain #finish finishes}, or closes it
 * and it is gone. One thread at a time.
 */
interface BatchTarget extends AutoCloseable {

    /** The file's id, which its header and its footer name. */
    long id();

    /** How many bytes were appended. */
    long sizeBytes();

    /**
     * Appends all remaining bytes.
     *
     * @throws StoreException if the disk refuses
     */
    void append(ByteBuffer source);

    /**
     * From here on, sends what is appended to the medium a little at a time, so that the end has
     * little left to do, and others who sync meanwhile have little to wait for.
     */
    void writeEarly();

    /**
     * Makes the content durable, and keeps the file.
     *
     * @throws StoreException.Stopped if that failed
     */
    void finish();

    @Override
    void close();
}
