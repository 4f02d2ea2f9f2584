package io.espalier.session;

import org.jspecify.annotations.Nullable;

/**
 * A store could not do what was asked. The message is one line for the person at the terminal: it
 * names the thing, the value found and what to do. Which kind of trouble it is, and so whether it
 * is worth trying again, is the class: a closed family.
 *
 * <p>Whatever is thrown, the committed epochs stay as they were: an epoch is visible whole or not
 * at all. Misuse of the API (a key above the limit, a closed store) is not among these; it throws
 * {@link IllegalArgumentException} or {@link IllegalStateException}.
 */
public abstract sealed class StoreException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private StoreException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /** There is no store in the directory, and it was not to be created. */
    public static final class Absent extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line. */
        public Absent(String message) {
            super(message, null);
        }
    }

    /** The path holds something else: files that no store wrote, or no directory at all. */
    public static final class Foreign extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line. */
        public Foreign(String message) {
            super(message, null);
        }
    }

    /** A newer version of Espalier wrote the store, in a format that this one cannot read. */
    public static final class NewerVersion extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line. */
        public NewerVersion(String message) {
            super(message, null);
        }
    }

    /** Another process, or another {@link Store} of this one, owns the store for writing. */
    public static final class Locked extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line. */
        public Locked(String message) {
            super(message, null);
        }
    }

    /** A check failed: names file, offset and what is lost. Everything else stays readable. */
    public static final class Damaged extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line, and why. */
        public Damaged(String message, @Nullable Throwable cause) {
            super(message, cause);
        }

        /** What happened, in one line. */
        public Damaged(String message) {
            super(message, null);
        }
    }

    /**
     * Writing is not possible: the store was opened read-only, its folder or file system is
     * read-only, or the permission is missing (for reading too).
     */
    public static final class ReadOnly extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line, and why. */
        public ReadOnly(String message, @Nullable Throwable cause) {
            super(message, cause);
        }

        /** What happened, in one line. */
        public ReadOnly(String message) {
            super(message, null);
        }
    }

    /** No space left on the device; nothing was dropped, and one may try again. */
    public static final class DiskFull extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line, and why. */
        public DiskFull(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }

    /** The history asked for has been compacted away, or has not happened yet. */
    public static final class OutOfHistory extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line. */
        public OutOfHistory(String message) {
            super(message, null);
        }
    }

    /** The operating system failed otherwise: the message carries its words. */
    public static final class Failed extends StoreException {
        private static final long serialVersionUID = 1L;

        /** What happened, in one line, and why. */
        public Failed(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }
}
