package io.espalier.memory;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A file that is read into native memory at any position: one system call each, without an object,
 * a lock, or an eye on interrupts, all of which the JDK's channels have. It stays usable after the
 * file's name is gone.
 *
 * <p>Thread-safe, but nobody reads while it is closed.
 */
public final class FileReads implements AutoCloseable {

    private final int descriptor;

    private FileReads(int descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Opens a file; null where the system has no such call, or the file is not one of the system's.
     *
     * @throws IOException if it cannot be opened
     */
    public static @Nullable FileReads open(Path file) throws IOException {
        return SystemCalls.AVAILABLE && file.getFileSystem().equals(FileSystems.getDefault())
                ? new FileReads(FileCalls.openForMapping(file))
                : null;
    }

    /**
     * Reads at most {@code sizeBytes} bytes.
     *
     * @param target native memory, which the caller keeps alive: by a lease, for instance
     * @return how many were read; 0 at the end of the file
     * @throws IndexOutOfBoundsException if the target has no such bytes; nothing is read
     * @throws IOException if the system says so, with its error number
     */
    public long read(long position, MemorySegment target, long offset, long sizeBytes)
            throws IOException {
        // an address, since a slice is an object, and a segment of a shared arena costs a lock to
        // hand over: that the bytes stay is what the caller's lease is for
        Objects.checkFromIndexSize(offset, sizeBytes, target.byteSize());
        if (!target.isNative() || !target.scope().isAlive()) {
            throw new IllegalArgumentException(
                    "reading into " + target + "; give native memory that is not closed");
        }
        return FileCalls.read(descriptor, target.address() + offset, sizeBytes, position);
    }

    /** Gives the file up; once. */
    @Override
    public void close() {
        FileCalls.close(descriptor);
    }
}
