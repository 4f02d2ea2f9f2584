package io.espalier.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A file that native memory is written to at any position: one system call each, without a copy, an
 * object, or an eye on interrupts. Syncs carry what reading the bytes back needs, and not the time
 * of the last write; what is to be synced later can be sent on its way early.
 *
 * <p>One thread at a time.
 */
public final class FileWrites implements AutoCloseable {

    private static final int CLOSED = -1;
    private static final int HEAP_BYTES_MIN = 1 << 12;

    private int descriptor;

    /** What is on the heap goes through here; as large as the largest piece so far. */
    private @Nullable MemorySegment bounce;

    private FileWrites(int descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Opens a file that is there; null where the system has no such calls, or the file is not one
     * of the system's.
     *
     * @throws IOException if it cannot be opened
     */
    public static @Nullable FileWrites open(Path file) throws IOException {
        return isAvailable(file) ? new FileWrites(FileCalls.openForWriting(file)) : null;
    }

    private static boolean isAvailable(Path file) {
        return SystemCalls.AVAILABLE && file.getFileSystem().equals(FileSystems.getDefault());
    }

    /**
     * Takes the file for this handle, as {@link PunchableFile#tryOwn} does, before others' bytes
     * are written over.
     *
     * @return whether nobody holds it
     * @throws IOException if this handle is closed
     */
    public boolean tryOwn() throws IOException {
        return FileCalls.tryLock(open(), false);
    }

    /**
     * Makes the names in a folder durable.
     *
     * @return false where the system has no such call
     * @throws IOException if it cannot be opened, or the sync failed
     */
    public static boolean syncFolder(Path folder) throws IOException {
        if (!isAvailable(folder)) {
            return false;
        }
        int descriptor = FileCalls.openFolder(folder);
        try {
            FileCalls.sync(descriptor, false);
        } finally {
            FileCalls.close(descriptor);
        }
        return true;
    }

    /**
     * Writes all of {@code source}.
     *
     * @param position where in the file
     * @param source native memory, or the heap's, of which a copy is made first
     * @throws IOException if the system says so; some of it may be written then
     */
    public void write(long position, MemorySegment source) throws IOException {
        FileCalls.write(open(), source.isNative() ? source : copied(source), position);
    }

    private MemorySegment copied(MemorySegment heap) {
        MemorySegment target = bounce;
        if (target == null || target.byteSize() < heap.byteSize()) {
            target = Arena.ofAuto().allocate(Math.max(HEAP_BYTES_MIN, heap.byteSize()));
            bounce = target;
        }
        return target.asSlice(0, heap.byteSize()).copyFrom(heap);
    }

    /**
     * Begins to write bytes of the file to the medium; they are not durable before a {@link #sync}.
     * Where the file system cannot do that, nothing happens.
     *
     * @throws IOException if a write failed: no later sync vouches for it then
     */
    public void startWriteBack(long position, long sizeBytes) throws IOException {
        FileCalls.writeBack(open(), position, sizeBytes, false);
    }

    /**
     * Waits until bytes of the file are on their medium, as far as the system knows; they are not
     * durable before a {@link #sync}.
     *
     * @throws IOException if a write failed: no later sync vouches for it then
     */
    public void awaitWriteBack(long position, long sizeBytes) throws IOException {
        FileCalls.writeBack(open(), position, sizeBytes, true);
    }

    /** Makes the file so many bytes long. */
    public void truncate(long sizeBytes) throws IOException {
        FileCalls.truncate(open(), sizeBytes);
    }

    /**
     * Makes the bytes and the size durable.
     *
     * @throws IOException if that failed; it is not to be tried again
     */
    public void sync() throws IOException {
        FileCalls.sync(open(), true);
    }

    private int open() throws IOException {
        if (descriptor == CLOSED) {
            throw new IOException("the file is closed");
        }
        return descriptor;
    }

    /** Gives the file up; a second time does nothing. */
    @Override
    public void close() {
        if (descriptor != CLOSED) {
            FileCalls.close(descriptor);
            descriptor = CLOSED;
        }
    }
}
