package io.espalier.spine.disk;

import io.espalier.memory.FileHold;
import io.espalier.memory.FileWrites;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The real disk: a folder of the default file system.
 *
 * <p>Files are written through the system's own calls where that is possible, otherwise and for
 * reading through {@link java.io.RandomAccessFile}, and never through channels, because an
 * interrupt closes a channel under its user, and hides whether a sync failed.
 */
public final class FolderDisk implements Disk {

    private static final boolean WINDOWS =
            System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");

    private final Path root;
    private final SpareFiles spares = new SpareFiles();

    /** A disk over {@code root}, which need not exist yet. */
    public FolderDisk(Path root) {
        this.root = root.toAbsolutePath().normalize();
    }

    /** The folder. */
    public Path root() {
        return root;
    }

    private Path path(String name) {
        return name.isEmpty() ? root : root.resolve(name);
    }

    @Override
    public String describe(String name) {
        return path(name).toString();
    }

    @Override
    public boolean exists(String name) throws IOException {
        Path path = path(name);
        if (Files.exists(path)) {
            return true;
        }
        if (Files.notExists(path)) {
            return false;
        }
        throw new AccessDeniedException(path.toString());
    }

    @Override
    public List<String> list(String folder) throws IOException {
        List<String> names = new ArrayList<>();
        try (Stream<Path> entries = Files.list(path(folder))) {
            for (Path entry : (Iterable<Path>) entries::iterator) {
                boolean isFolder = Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS);
                names.add(entry.getFileName() + (isFolder ? "/" : ""));
            }
        } catch (java.io.UncheckedIOException e) {
            throw e.getCause();
        }
        Collections.sort(names);
        return names;
    }

    @Override
    public List<String> names(String folder) throws IOException {
        // this one does not ask the system about every file that it finds
        String[] names = path(folder).toFile().list();
        return names == null ? Disk.super.names(folder) : List.of(names);
    }

    @Override
    public void createFolder(String folder) throws IOException {
        Path path = path(folder);
        if (Files.isDirectory(path)) {
            return;
        }
        List<Path> missing = new ArrayList<>();
        for (Path at = path; at != null && !Files.isDirectory(at); at = at.getParent()) {
            if (Files.exists(at)) {
                throw new NotDirectoryException(at.toString());
            }
            missing.add(at);
        }
        for (Path each : missing.reversed()) {
            try {
                Files.createDirectory(each);
            } catch (FileSystemException e) {
                throw ofFailedWrite(each, e);
            }
            // what is within our folder its user syncs; what is above it nobody else does
            Path above = each.getParent();
            if (above != null && (!each.startsWith(root) || each.equals(root))) {
                try {
                    sync(above);
                } catch (DiskSyncException e) {
                    // one may make names in a folder that one may not open
                    if (!(e.getCause() instanceof AccessDeniedException)) {
                        throw e;
                    }
                }
            }
        }
    }

    @Override
    public DiskFile create(String name) throws IOException {
        Path path = path(name);
        try {
            Files.createFile(path);
        } catch (FileSystemException e) {
            throw ofFailedWrite(path, e);
        }
        FileWrites file = FileWrites.open(path);
        return file == null ? open(name, "rw") : new WrittenFile(this, name, path, file, 0);
    }

    @Override
    public DiskFile createFromSpare(String name) throws IOException {
        Path path = path(name);
        SpareFiles.Taken taken = spares.take(path);
        return taken == null
                ? create(name)
                : new WrittenFile(this, name, path, taken.file(), taken.sizeBytes());
    }

    @Override
    public DiskFile open(String name) throws IOException {
        return open(name, "r");
    }

    private DiskFile open(String name, String mode) throws IOException {
        Path path = path(name);
        try {
            return new FolderFile(this, name, path, mode);
        } catch (FileNotFoundException e) {
            // one exception for "absent", "a folder" and "not permitted": find out which it was
            if (Files.notExists(path)) {
                throw asCause(new NoSuchFileException(path.toString()), e);
            }
            if (Files.isDirectory(path)) {
                throw asCause(
                        new FileSystemException(path.toString(), null, "is a folder, not a file"),
                        e);
            }
            throw asCause(new AccessDeniedException(path.toString()), e);
        }
    }

    private static IOException asCause(IOException of, IOException cause) {
        of.initCause(cause);
        return of;
    }

    @Override
    public void rename(String source, String target) throws IOException {
        try {
            Files.move(
                    path(source),
                    path(target),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (FileSystemException e) {
            throw ofFailedWrite(path(target), e);
        }
    }

    @Override
    public void delete(String name) throws IOException {
        Files.deleteIfExists(path(name));
    }

    @Override
    public void discard(String name) throws IOException {
        SlowRelease.delete(path(name));
    }

    @Override
    public void spare(String name) throws IOException {
        boolean kept = false;
        try {
            kept = spares.keep(path(name));
        } catch (IOException e) {
            // it may still be possible to delete it, or be done
        }
        if (!kept) {
            discard(name);
        }
    }

    @Override
    public void dropSpares(boolean delete) throws IOException {
        if (delete) {
            spares.drop();
        } else {
            spares.forget();
        }
    }

    /** Gives back what is kept or on its way, for one who needs the room; false if nothing is. */
    boolean giveRoom() {
        boolean dropped = false;
        try {
            dropped = spares.drop();
        } catch (IOException e) {
            // then there is what there is
        }
        return SlowRelease.finish() || dropped;
    }

    @Override
    public DiskLock hold(String name) throws IOException {
        return FileHold.of(path(name))::close;
    }

    @Override
    public void syncFolder(String folder) throws IOException {
        sync(path(folder));
    }

    private static void sync(Path folder) throws IOException {
        if (WINDOWS) {
            // folders cannot be opened there, and renames are journaled
            return;
        }
        try {
            if (FileWrites.syncFolder(folder)) {
                return;
            }
            Uninterrupted.run(() -> {
                try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                    channel.force(true);
                }
            });
        } catch (IOException e) {
            throw new DiskSyncException("folder " + folder + " cannot be synced: " + reason(e), e);
        }
    }

    @Override
    public Lease map(NativeMemory memory, String name, long position, long sizeBytes)
            throws IOException {
        return memory.map(path(name), position, sizeBytes);
    }

    @Override
    public DiskLock lock(String name, boolean shared, String owner) throws IOException {
        return FolderLock.lock(path(name), shared, owner);
    }

    /** What a failed write is: a full disk if it looks like one, else as it came. */
    static IOException ofFailedWrite(Path path, IOException e) {
        String reason = reason(e);
        boolean full = reason.contains("No space left") || reason.contains("quota exceeded");
        if (!full && !(e instanceof FileSystemException)) {
            // the system's words may be in any language
            try {
                Path folder = path.getParent();
                full = folder != null && Files.getFileStore(folder).getUsableSpace() < 4096;
            } catch (IOException unknown) {
                e.addSuppressed(unknown);
            }
        }
        return full ? new DiskFullException(path + ": " + reason, e) : e;
    }

    static String reason(IOException e) {
        if (e instanceof FileSystemException f && f.getReason() != null) {
            return f.getReason();
        }
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }
}
