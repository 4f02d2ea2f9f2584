package io.espalier.spine.disk;

import io.espalier.memory.FileWrites;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Small files that nobody needs any more, kept to be written over: a file that has its blocks
 * already is durable after one write and one flush, where a new one needs an inode, blocks and the
 * file system's bookkeeping of both, each with somebody else to wait for. And what is not freed
 * holds nobody up.
 *
 * <p>They keep their names until they get another, so that nothing new is left behind by a crash:
 * it looks as if it had come before they were deleted. A file that has a second name, somebody's
 * backup, or that another process {@linkplain Disk#hold holds}, is not written over.
 *
 * <p>Thread-safe. Logs of databases keep their old segments in this way.
 */
final class SpareFiles {

    /** Twice as many as one compaction of small runs leaves, beside a large one. */
    static final int FILES_MAX = 64;

    /** Larger ones are few, and their room is better given back. */
    static final long FILE_BYTES_MAX = 1 << 20;

    // guarded by this
    private final Deque<Spare> spares = new ArrayDeque<>();

    private record Spare(Path path, long sizeBytes, FileWrites file) {}

    /**
     * A file that was written over in part, or not yet.
     *
     * @param sizeBytes how long it is
     */
    record Taken(FileWrites file, long sizeBytes) {}

    /**
     * Keeps a file, if it is worth it and nobody else may see it change.
     *
     * @return false if the caller is to delete it
     * @throws java.nio.file.NoSuchFileException if there is no such file
     */
    boolean keep(Path path) throws IOException {
        long sizeBytes = Files.size(path);
        if (sizeBytes == 0 || sizeBytes > FILE_BYTES_MAX || isFull()) {
            return false;
        }
        FileWrites file = FileWrites.open(path);
        if (file == null) {
            return false;
        }
        boolean kept = false;
        try {
            kept = file.tryOwn() && add(new Spare(path, sizeBytes, file));
            return kept;
        } finally {
            if (!kept) {
                file.close();
            }
        }
    }

    private synchronized boolean isFull() {
        return spares.size() >= FILES_MAX;
    }

    private synchronized boolean add(Spare spare) {
        return !isFull() && spares.add(spare);
    }

    /** The first that is in a folder; it is the caller's. */
    private synchronized @Nullable Spare poll(@Nullable Path folder) {
        for (Spare spare : spares) {
            if (Objects.equals(spare.path.getParent(), folder)) {
                spares.remove(spare);
                return spare;
            }
        }
        return null;
    }

    /**
     * Gives a spare file of the same folder another name.
     *
     * @return what was made, which is the caller's; none if there is no such file that can be used
     * @throws FileAlreadyExistsException if there is a file of that name, which is left as it is
     */
    @Nullable Taken take(Path path) throws IOException {
        Spare spare = poll(path.getParent());
        if (spare == null) {
            return null;
        }
        boolean done = false;
        try {
            // not a rename, which would replace a file that is there
            Files.createLink(path, spare.path);
            done = becomes(path, spare);
            return done ? new Taken(spare.file, spare.sizeBytes) : null;
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (IOException | UnsupportedOperationException e) {
            // gone, or a file system without links: there is another way
            return null;
        } finally {
            if (!done) {
                drop(spare);
            }
        }
    }

    /** Takes the old name away; whether the new one is the only one then. */
    private static boolean becomes(Path path, Spare spare) throws IOException {
        boolean alone = false;
        try {
            Files.deleteIfExists(spare.path);
            alone = Files.getAttribute(path, "unix:nlink").equals(1);
            return alone;
        } finally {
            if (!alone) {
                Files.deleteIfExists(path);
            }
        }
    }

    private static void drop(Spare spare) throws IOException {
        try {
            Files.deleteIfExists(spare.path);
        } finally {
            spare.file.close();
        }
    }

    /**
     * Deletes all.
     *
     * @return whether there was any
     */
    boolean drop() throws IOException {
        boolean any = false;
        for (Spare spare = pollAny(); spare != null; spare = pollAny()) {
            any = true;
            drop(spare);
        }
        return any;
    }

    /** Leaves all where they are, for somebody else to find. */
    void forget() {
        for (Spare spare = pollAny(); spare != null; spare = pollAny()) {
            spare.file.close();
        }
    }

    private synchronized @Nullable Spare pollAny() {
        return spares.poll();
    }
}
