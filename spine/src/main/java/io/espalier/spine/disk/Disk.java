package io.espalier.spine.disk;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.util.List;

/**
 * One folder of durable files. Names are relative to it, with {@code /} between a folder and what
 * is in it; {@code ""} is the folder itself.
 *
 * <p>Failures are {@link IOException}s. Three of them mean something to the store and have types of
 * their own: {@link DiskFullException}, {@link DiskSyncException} and {@link LockHeldException}.
 * Otherwise the exceptions of {@code java.nio.file} are used: {@link
 * java.nio.file.NoSuchFileException}, {@link java.nio.file.FileAlreadyExistsException}, {@link
 * java.nio.file.AccessDeniedException}, {@link java.nio.file.ReadOnlyFileSystemException}.
 *
 * <p>Thread-safe. An interrupt of the calling thread neither stops nor breaks a call; the thread is
 * still interrupted after it.
 */
public interface Disk {

    /** What to call the file {@code name} in a message to people: its path. */
    String describe(String name);

    /** Whether there is a file or folder of that name. */
    boolean exists(String name) throws IOException;

    /**
     * The names of what is in a folder, sorted, without the folder's own name; those of folders end
     * in {@code /}.
     *
     * @throws java.nio.file.NoSuchFileException if there is no such folder
     */
    List<String> list(String folder) throws IOException;

    /**
     * The same, but folders look like files: of a folder with very many files it is faster to have
     * only their names.
     */
    default List<String> names(String folder) throws IOException {
        return list(folder).stream()
                .map(name -> name.endsWith("/") ? name.substring(0, name.length() - 1) : name)
                .toList();
    }

    /** Makes a folder, and those above it, if it is not there. Not yet durable. */
    void createFolder(String folder) throws IOException;

    /**
     * Makes a new, empty file and opens it for appending. Its name is not yet durable.
     *
     * @throws java.nio.file.FileAlreadyExistsException if the name is taken
     */
    DiskFile create(String name) throws IOException;

    /**
     * Opens a file for reading.
     *
     * @throws java.nio.file.NoSuchFileException if there is no such file
     */
    DiskFile open(String name) throws IOException;

    /** Gives a file another name, at once; a file that had that name is gone. Not yet durable. */
    void rename(String source, String target) throws IOException;

    /** Deletes a file if it is there; handles and maps of it stay usable. Not yet durable. */
    void delete(String name) throws IOException;

    /**
     * Deletes a file that nobody reads any more, if it is there. The name is gone at once, though
     * not yet durably; the room of a large file may come back little by little, so that others who
     * sync meanwhile do not wait for it. Whoever has it open and does not {@linkplain #hold hold}
     * it may read zeros.
     */
    default void discard(String name) throws IOException {
        delete(name);
    }

    /**
     * The same, but the file may be kept to become another one, by {@link #createFromSpare}, and
     * has its name until then.
     */
    default void spare(String name) throws IOException {
        discard(name);
    }

    /**
     * Creates a file as {@link #create} does, maybe out of a {@linkplain #spare spare} one of the
     * same folder. Until it is synced for the first time, others may see old bytes behind what was
     * appended and, after a crash, in its place.
     */
    default DiskFile createFromSpare(String name) throws IOException {
        return create(name);
    }

    /**
     * Spare files are not needed any more.
     *
     * @param delete false to leave them where they are
     */
    default void dropSpares(boolean delete) throws IOException {}

    /**
     * Says that a file is read here, until this is closed, so that nobody's {@link #discard}
     * changes what is read. For those who read what another process may delete meanwhile.
     *
     * @throws java.nio.file.NoSuchFileException if there is no such file
     */
    default DiskLock hold(String name) throws IOException {
        return () -> {};
    }

    /**
     * Makes what was created, renamed and deleted in a folder durable.
     *
     * @throws DiskSyncException if that failed: nobody knows then what is durable
     */
    void syncFolder(String folder) throws IOException;

    /**
     * Makes bytes of a file readable in place; the caller closes the lease.
     *
     * @param position a multiple of 4096
     * @throws IOException if the file is absent, or shorter than that
     */
    Lease map(NativeMemory memory, String name, long position, long sizeBytes) throws IOException;

    /**
     * Locks a file against other processes, and against other users of it in this one.
     *
     * @param name the lock file: made if absent for an exclusive lock. A shared lock on an absent
     *     file is granted and locks nothing: where there is no lock file nobody has ever written.
     * @param shared whether others may share the lock
     * @param owner one line that says who takes it, for those who are refused; it is in the file as
     *     long as an exclusive lock is held
     * @throws LockHeldException if another has it
     */
    DiskLock lock(String name, boolean shared, String owner) throws IOException;
}
