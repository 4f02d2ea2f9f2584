package io.espalier.spine.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The locks of this process. A system forgets a process's lock on a file as soon as the process
 * closes <em>any</em> handle of that file. So there is one handle per locked file, shared by those
 * who share the lock, and who is refused here does not touch the file. A second copy of this class
 * in the same process (another class loader) is kept away by a system property.
 */
final class FolderLock {

    private static final String PROPERTY_PREFIX = "io.espalier.lock:";
    private static final int OWNER_BYTES_MAX = 200;

    // guarded by itself
    private static final Map<Path, FolderLock> HELD = new HashMap<>();

    private final Path path;
    private final boolean shared;
    private final FileChannel channel;
    private final FileLock lock;
    private int holders = 1;

    private FolderLock(Path path, boolean shared, FileChannel channel, FileLock lock) {
        this.path = path;
        this.shared = shared;
        this.channel = channel;
        this.lock = lock;
    }

    static DiskLock lock(Path file, boolean shared, String owner) throws IOException {
        Path folder = file.getParent();
        if (folder == null) {
            throw new IllegalArgumentException(file + " is not in a folder");
        }
        // one folder, one lock, whatever links lead there
        Path path = folder.toRealPath().resolve(file.getFileName());
        synchronized (HELD) {
            FolderLock held = HELD.get(path);
            if (held != null) {
                if (!shared || !held.shared) {
                    throw new LockHeldException(path.toString(), "this process");
                }
                held.holders++;
                return new Handle(held);
            }
            String property = PROPERTY_PREFIX + path;
            if (System.getProperties().putIfAbsent(property, owner) != null) {
                throw new LockHeldException(path.toString(), "this process");
            }
            FolderLock[] taken = {null};
            try {
                Uninterrupted.run(() -> taken[0] = take(path, shared, owner));
            } finally {
                if (taken[0] == null) {
                    System.clearProperty(property);
                }
            }
            if (taken[0] == null) {
                return () -> {};
            }
            HELD.put(path, taken[0]);
            return new Handle(taken[0]);
        }
    }

    private static @Nullable FolderLock take(Path path, boolean shared, String owner)
            throws IOException {
        FileChannel channel;
        try {
            channel =
                    shared
                            ? FileChannel.open(path, StandardOpenOption.READ)
                            : FileChannel.open(
                                    path,
                                    StandardOpenOption.CREATE,
                                    StandardOpenOption.READ,
                                    StandardOpenOption.WRITE);
        } catch (NoSuchFileException e) {
            if (shared) {
                return null;
            }
            throw e;
        }
        boolean done = false;
        try {
            FileLock lock = channel.tryLock(0, Long.MAX_VALUE, shared);
            if (lock == null) {
                throw new LockHeldException(path.toString(), holder(channel, shared));
            }
            if (!shared) {
                write(channel, owner);
            }
            done = true;
            return new FolderLock(path, shared, channel, lock);
        } catch (OverlappingFileLockException e) {
            LockHeldException held = new LockHeldException(path.toString(), "this process");
            held.initCause(e);
            throw held;
        } finally {
            if (!done) {
                channel.close();
            }
        }
    }

    private static void write(FileChannel channel, String owner) throws IOException {
        try {
            channel.truncate(0);
            channel.write(ByteBuffer.wrap((owner + "\n").getBytes(StandardCharsets.UTF_8)), 0);
        } catch (IOException e) {
            // the lock is ours all the same; on a full disk nobody can be told whose it is
            channel.truncate(0);
        }
    }

    private static String holder(FileChannel channel, boolean shared) throws IOException {
        if (!shared) {
            try (FileLock readers = channel.tryLock(0, Long.MAX_VALUE, true)) {
                if (readers != null) {
                    // what the file says is what an earlier, dead owner left
                    return "another process that reads it";
                }
            }
        }
        ByteBuffer text = ByteBuffer.allocate(OWNER_BYTES_MAX);
        channel.read(text, 0);
        String line =
                new String(text.array(), 0, text.position(), StandardCharsets.UTF_8)
                        .lines()
                        .findFirst()
                        .orElse("");
        return line.isBlank() ? "another process" : line.strip();
    }

    private void release() throws IOException {
        synchronized (HELD) {
            if (--holders > 0) {
                return;
            }
            HELD.remove(path);
            try {
                Uninterrupted.run(() -> {
                    try (channel) {
                        if (!shared) {
                            channel.truncate(0);
                        }
                        lock.release();
                    }
                });
            } finally {
                System.clearProperty(PROPERTY_PREFIX + path);
            }
        }
    }

    /** One holder's share of a lock. */
    private static final class Handle implements DiskLock {
        private final FolderLock held;
        private final AtomicBoolean open = new AtomicBoolean(true);

        Handle(FolderLock held) {
            this.held = held;
        }

        @Override
        public void close() throws IOException {
            if (open.getAndSet(false)) {
                held.release();
            }
        }
    }
}
