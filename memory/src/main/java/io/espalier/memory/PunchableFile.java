package io.espalier.memory;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

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
        if (SystemCalls.AVAILABLE && file.getFileSystem().equals(FileSystems.getDefault())) {
            return new PunchableFile(FileCalls.openForPunching(file));
        }
        FileChannel.open(file, StandardOpenOption.WRITE).close();
        return new PunchableFile(NONE);
    }

    /**
     * Takes the file for this handle, unless somebody {@linkplain FileHold holds} it, in whatever
     * process.
     *
     * @return whether nobody does; a hold is refused from now on until this handle is closed. False
     *     too where files cannot be held
     */
    public synchronized boolean tryOwn() {
        return descriptor != NONE && FileCalls.tryLock(descriptor, false);
    }

    /**
     * Gives back the blocks of {@code [position, position + sizeBytes)}; they read as zeros then.
     *
     * @return whether the file system did so; false too once this handle is closed
     */
    public synchronized boolean punch(long position, long sizeBytes) {
        return descriptor != NONE && FileCalls.punch(descriptor, position, sizeBytes);
    }

    /** Gives this handle up; a second time does nothing. */
    @Override
    public synchronized void close() {
        if (descriptor != NONE) {
            FileCalls.close(descriptor);
            descriptor = NONE;
        }
    }
}
