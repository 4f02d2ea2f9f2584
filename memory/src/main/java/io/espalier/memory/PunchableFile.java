package io.espalier.memory;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A second handle on a file through which blocks are given back to the file system while the file
 * keeps its size ("punching a hole"). It stays usable after the file's name is gone. Where the
 * system has no such call, {@link #punch} answers false and the blocks stay until the file dies.
 *
 * <p>Thread-safe.
 */
public final class PunchableFile implements AutoCloseable {

    private static final int NONE = -1;

    private int descriptor;

    private PunchableFile(int descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Opens {@code file}, which must exist and be writable.
     *
     * @throws IOException if it cannot be opened
     */
    public static PunchableFile open(Path file) throws IOException {
        return new PunchableFile(SystemCalls.AVAILABLE ? SystemCalls.openForPunching(file) : NONE);
    }

    /**
     * Gives back the blocks of {@code [position, position + sizeBytes)}; they read as zeros then.
     *
     * @return whether the file system did so
     */
    public synchronized boolean punch(long position, long sizeBytes) {
        return descriptor != NONE && SystemCalls.punch(descriptor, position, sizeBytes);
    }

    @Override
    public synchronized void close() {
        if (descriptor != NONE) {
            SystemCalls.close(descriptor);
            descriptor = NONE;
        }
    }
}
