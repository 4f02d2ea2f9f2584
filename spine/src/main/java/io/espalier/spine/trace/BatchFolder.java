package io.espalier.spine.trace;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.function.Consumer;

/**
 * The batch files of a store as readers see them, and who may delete them: the writer that has the
 * store open, and nobody else. After a close, or when a commit's outcome is unknown, or when
 * another opening has taken over, a file that looks like nobody's may be somebody's.
 *
 * <p>Thread-safe. Deleting takes a lock of its own, so that a reader that lets go of a file never
 * waits for a commit.
 */
final class BatchFolder {

    private static final long NO_TERM = -1;

    private final Disk disk;
    private final Consumer<String> notes;

    /** The term of the opening that may delete. Guarded by this. */
    private long term = NO_TERM;

    private volatile boolean closed;

    BatchFolder(Disk disk, Consumer<String> notes) {
        this.disk = disk;
        this.notes = notes;
    }

    Disk disk() {
        return disk;
    }

    /** Lets files be deleted as long as the store says that this term is the latest. */
    synchronized void allowDeleting(long term) {
        this.term = term;
    }

    /** No file is deleted after this. */
    synchronized void forbidDeleting() {
        term = NO_TERM;
    }

    /** No file is opened or deleted after this. */
    void close() {
        closed = true;
        synchronized (this) {
            try {
                disk.dropSpares(term != NO_TERM && isOurs());
            } catch (IOException | StoreException e) {
                // what is not referenced is swept at the next opening
                notes.accept(disk.describe("") + ": spare files are left: " + e.getMessage());
            }
            term = NO_TERM;
        }
    }

    private boolean isOurs() throws IOException {
        return StoreFile.read(disk).term() == term;
    }

    /**
     * Checks that the store is open.
     *
     * @throws IllegalStateException if it was closed
     */
    void checkOpen() {
        if (closed) {
            throw new IllegalStateException("store " + disk.describe("") + " is closed");
        }
    }

    /** Deletes a file, if that is ours to do; the next opening does it otherwise. */
    void delete(long id) {
        delete(Names.batch(id));
    }

    /** The same for any file of the store by its name. */
    void delete(String name) {
        delete(name, false);
    }

    /**
     * Deletes a file that the manifest named and names no longer, or lets it become another one:
     * its id is known to be used up, whoever opens the store next.
     */
    void retire(long id) {
        delete(Names.batch(id), true);
    }

    private synchronized void delete(String name, boolean spare) {
        if (term == NO_TERM) {
            return;
        }
        try {
            if (isOurs()) {
                if (spare) {
                    disk.spare(name);
                } else {
                    disk.discard(name);
                }
            }
        } catch (IOException | StoreException e) {
            // what is not referenced is swept at the next opening
            notes.accept(disk.describe(name) + " cannot be deleted: " + e.getMessage());
        }
    }

    /**
     * Opens a file for reading; the caller closes it.
     *
     * @throws StoreException.Damaged if it is missing
     */
    DiskFile open(long id) {
        try {
            return disk.open(Names.batch(id));
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw StoreException.of(disk, Names.batch(id), "opening a batch file", e);
        }
    }

    /**
     * The size of a file.
     *
     * @throws StoreException.Damaged if it is missing
     */
    long sizeBytes(long id) {
        try (DiskFile file = open(id)) {
            return file.sizeBytes();
        } catch (IOException e) {
            throw StoreException.of(disk, Names.batch(id), "looking at a batch file", e);
        }
    }

    /**
     * Maps the first {@code sizeBytes} bytes of a file; the caller closes the lease.
     *
     * @throws StoreException.Damaged if it is missing or shorter than that
     */
    Lease map(NativeMemory memory, long id, long sizeBytes) {
        try {
            return disk.map(memory, Names.batch(id), 0, sizeBytes);
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (EOFException e) {
            throw new StoreException.Damaged(
                    new Damage(
                            disk.describe(Names.batch(id)),
                            -1,
                            "bytes are missing: " + e.getMessage()));
        } catch (IOException e) {
            throw StoreException.of(disk, Names.batch(id), "mapping a batch file", e);
        }
    }

    private StoreException.Damaged missing(long id) {
        return new StoreException.Damaged(
                new Damage(
                        disk.describe(Names.batch(id)),
                        -1,
                        "the file is missing; its updates are lost"));
    }
}
