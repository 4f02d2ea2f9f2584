package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFullException;
import io.espalier.spine.disk.DiskSyncException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A store cannot do what was asked. Each kind says in one line what is the matter, with what, and
 * what can be done; {@link #path()} is the file or folder concerned.
 */
public abstract sealed class StoreException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String path;
    private final String message;

    private StoreException(String path, String message, @Nullable Throwable cause) {
        super(null, cause);
        this.path = path;
        this.message = path + ": " + message;
    }

    /** One line: the file or folder, what is the matter, what can be done. */
    @Override
    public final String getMessage() {
        return message;
    }

    /** The file or folder that it is about. */
    public final String path() {
        return path;
    }

    /** There is no store. */
    public static final class Absent extends StoreException {
        private static final long serialVersionUID = 1;

        Absent(String path) {
            super(path, "there is no store here; check the path, or create one", null);
        }
    }

    /** There is something, but not a store, or a store already where a new one was to be made. */
    public static final class NotAStore extends StoreException {
        private static final long serialVersionUID = 1;

        NotAStore(String path, String message) {
            super(path, message, null);
        }
    }

    /** The store was written by a later version of this software. */
    public static final class NewerFormat extends StoreException {
        private static final long serialVersionUID = 1;

        private final int version;

        NewerFormat(String path, int version) {
            super(
                    path,
                    "the store has format version "
                            + version
                            + ", this software knows versions up to "
                            + StoreFile.FORMAT_VERSION
                            + "; use the version that wrote it or a later one",
                    null);
            this.version = version;
        }

        /** The version found. */
        public int version() {
            return version;
        }
    }

    /** Another process, or another user in this one, has the store open. */
    public static final class Locked extends StoreException {
        private static final long serialVersionUID = 1;

        private final String holder;

        Locked(String path, String holder, Throwable cause) {
            super(path, "the store is in use by " + holder + "; close it there first", cause);
            this.holder = holder;
        }

        /** Who has it, as far as is known. */
        public String holder() {
            return holder;
        }
    }

    /** The folder or a file may not be written, or not even be read. */
    public static final class NotPermitted extends StoreException {
        private static final long serialVersionUID = 1;

        NotPermitted(String path, String message, @Nullable Throwable cause) {
            super(path, message, cause);
        }
    }

    /** There is no room. Nothing of what failed is visible, and the store goes on. */
    public static final class Full extends StoreException {
        private static final long serialVersionUID = 1;

        Full(String path, Throwable cause) {
            super(path, "the disk is full; nothing was changed; make room and try again", cause);
        }
    }

    /** A trace has more runs than its limit, and nobody compacts, or who does fails. */
    public static final class Behind extends StoreException {
        private static final long serialVersionUID = 1;

        Behind(String path, String trace, int runs, int runsMax, long idleNanos) {
            super(
                    path,
                    "trace "
                            + trace
                            + " has "
                            + runs
                            + " runs, more than runsMax, "
                            + runsMax
                            + ", and nobody has compacted it for "
                            + idleNanos / 1_000_000
                            + " ms; nothing was committed. Let a CompactionWorker answer what"
                            + " externalCompaction() hands out, or call compact(), and commit"
                            + " again; or open the store with compaction, or a larger runsMax",
                    null);
        }

        Behind(String path, String trace, int runs, int runsMax, Throwable cause) {
            super(
                    path,
                    "trace "
                            + trace
                            + " has "
                            + runs
                            + " runs, more than runsMax, "
                            + runsMax
                            + ", since compacting it fails ("
                            + (cause.getMessage() == null ? cause.toString() : cause.getMessage())
                            + "); nothing was committed. Remove the cause, and commit again, which"
                            + " lets it be tried anew",
                    cause);
        }
    }

    /** Bytes are not what was written. */
    public static final class Damaged extends StoreException {
        private static final long serialVersionUID = 1;

        private final Damage damage;

        Damaged(Damage damage) {
            super(damage.path(), damage.where() + damage.what(), null);
            this.damage = damage;
        }

        /** What is damaged, and where. */
        public Damage damage() {
            return damage;
        }
    }

    /**
     * The store has stopped: a sync failed, or another process took it over. What was acknowledged
     * is safe; whether the last, unacknowledged commit survives is only known after reopening.
     */
    public static final class Stopped extends StoreException {
        private static final long serialVersionUID = 1;

        Stopped(String path, String message, @Nullable Throwable cause) {
            super(path, message, cause);
        }
    }

    /** The file system failed in another way. */
    public static final class Failed extends StoreException {
        private static final long serialVersionUID = 1;

        Failed(String path, String message, Throwable cause) {
            super(path, message, cause);
        }
    }

    /**
     * What a failure of the disk means to the store, while something was done with {@code name}.
     */
    static StoreException of(Disk disk, String name, String doing, IOException e) {
        String path = disk.describe(name);
        if (e instanceof DiskFullException) {
            return new Full(path, e);
        }
        if (e instanceof DiskSyncException) {
            return new Stopped(
                    path,
                    "a sync failed while "
                            + doing
                            + "; the store has stopped; check the disk, then open it again",
                    e);
        }
        String reason = e.getMessage() == null ? e.toString() : e.getMessage();
        if (e instanceof FileSystemException f && f.getReason() != null) {
            reason = f.getReason();
        }
        if (e instanceof AccessDeniedException
                || reason.toLowerCase(Locale.ROOT).contains("read-only file system")) {
            return new NotPermitted(
                    path,
                    "not permitted while "
                            + doing
                            + "; check owner and permissions, or open the store for reading only",
                    e);
        }
        return new Failed(path, "failed while " + doing + ": " + reason, e);
    }
}
