package io.espalier.memory;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Says that a file is read, to whoever would {@linkplain PunchableFile#tryOwn own} it and give its
 * blocks back, in whatever process. A system that has no holes in files has no holds on them, and
 * needs none: what is open stays as it is.
 *
 * <p>Thread-safe.
 */
public final class FileHold implements AutoCloseable {

    private static final int NONE = -1;

    private int descriptor;

    private FileHold(int descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Takes a hold. Any number of them go together.
     *
     * @throws NoSuchFileException if there is no such file, or it was just deleted and somebody
     *     owns what is left
     * @throws IOException if it cannot be opened
     */
    public static FileHold of(Path file) throws IOException {
        if (!SystemCalls.AVAILABLE || !file.getFileSystem().equals(FileSystems.getDefault())) {
            return new FileHold(NONE);
        }
        int descriptor = FileCalls.openForMapping(file);
        if (!FileCalls.tryLock(descriptor, true)) {
            FileCalls.close(descriptor);
            throw new NoSuchFileException(file.toString(), null, "it is being deleted");
        }
        return new FileHold(descriptor);
    }

    /** Lets the file go; a second time does nothing. */
    @Override
    public synchronized void close() {
        if (descriptor != NONE) {
            FileCalls.close(descriptor);
            descriptor = NONE;
        }
    }
}
