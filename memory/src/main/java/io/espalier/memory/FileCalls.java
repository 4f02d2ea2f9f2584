package io.espalier.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The Linux calls for files that the JDK does not offer: an open file as a number, for {@link
 * SystemCalls#mapFile} and for reading and writing without a channel; punching holes, writing early
 * and syncing data alone. They are there if {@link SystemCalls#AVAILABLE}; otherwise the callers go
 * another way.
 */
final class FileCalls {

    private static final int SEEK_END = 2;
    private static final int O_RDONLY = 0;
    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int FALLOC_FL_KEEP_SIZE = 0x01;
    private static final int FALLOC_FL_PUNCH_HOLE = 0x02;

    private static final int LOCK_SH = 1;
    private static final int LOCK_EX = 2;
    private static final int LOCK_NB = 4;

    private static final int SYNC_FILE_RANGE_WAIT_BEFORE = 1;
    private static final int SYNC_FILE_RANGE_WRITE = 2;
    private static final int SYNC_FILE_RANGE_WAIT_AFTER = 4;

    private static final int ENOENT = 2;
    private static final int EIO = 5;
    private static final int EACCES = 13;
    private static final int ENOSPC = 28;
    private static final int ESPIPE = 29;
    private static final int ENOSYS = 38;
    private static final int EDQUOT = 122;

    private static final Charset FILE_NAME_CHARSET =
            Charset.forName(
                    System.getProperty("sun.jnu.encoding", "UTF-8"), Charset.defaultCharset());

    private record Handles(
            MethodHandle open,
            MethodHandle lseek,
            MethodHandle close,
            MethodHandle fallocate,
            MethodHandle pread,
            MethodHandle preadPlain,
            MethodHandle pwrite,
            MethodHandle ftruncate,
            MethodHandle fsync,
            MethodHandle fdatasync,
            MethodHandle syncFileRange,
            MethodHandle flock) {}

    private static final @Nullable Handles HANDLES = Libc.link(FileCalls::link);

    private FileCalls() {}

    private static Handles link() {
        ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
        ValueLayout.OfInt integer = ValueLayout.JAVA_INT;
        return new Handles(
                Libc.handle("open", FunctionDescriptor.of(integer, ValueLayout.ADDRESS, integer)),
                Libc.handle("lseek", FunctionDescriptor.of(word, integer, word, integer)),
                Libc.handle("close", FunctionDescriptor.of(integer, integer)),
                Libc.handle(
                        "fallocate", FunctionDescriptor.of(integer, integer, integer, word, word)),
                Libc.handle("pread", FunctionDescriptor.of(word, integer, word, word, word)),
                Libc.plain("pread", FunctionDescriptor.of(word, integer, word, word, word)),
                Libc.handle(
                        "pwrite",
                        FunctionDescriptor.of(word, integer, ValueLayout.ADDRESS, word, word)),
                Libc.handle("ftruncate", FunctionDescriptor.of(integer, integer, word)),
                Libc.handle("fsync", FunctionDescriptor.of(integer, integer)),
                Libc.handle("fdatasync", FunctionDescriptor.of(integer, integer)),
                Libc.handle(
                        "sync_file_range",
                        FunctionDescriptor.of(integer, integer, word, word, integer)),
                Libc.handle("flock", FunctionDescriptor.of(integer, integer, integer)));
    }

    /** Whether all these calls can be used in this process. */
    static boolean areLinked() {
        return HANDLES != null;
    }

    private static Handles handles() {
        return Libc.linked(HANDLES);
    }

    /**
     * Opens a file for {@link SystemCalls#mapFile} and {@link #read}; the caller closes it by
     * {@link #close}.
     */
    static int openForMapping(Path file) throws IOException {
        return open(file, O_RDONLY | O_CLOEXEC);
    }

    /** Opens a file for writing; the caller closes it by {@link #close}. */
    static int openForWriting(Path file) throws IOException {
        return open(file, O_RDWR | O_CLOEXEC);
    }

    /** Opens a folder for {@link #sync}; the caller closes it by {@link #close}. */
    static int openFolder(Path folder) throws IOException {
        return open(folder, O_RDONLY | O_CLOEXEC);
    }

    /** Opens a file for {@link #punch}; the caller closes it by {@link #close}. */
    static int openForPunching(Path file) throws IOException {
        return open(file, O_RDWR | O_CLOEXEC);
    }

    private static int open(Path file, int flags) throws IOException {
        int error;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            byte[] bytes = file.toString().getBytes(FILE_NAME_CHARSET);
            MemorySegment name = arena.allocate(bytes.length + 1L);
            MemorySegment.copy(bytes, 0, name, ValueLayout.JAVA_BYTE, 0, bytes.length);
            int descriptor = (int) handles().open().invokeExact(state, name, flags);
            if (descriptor >= 0) {
                return descriptor;
            }
            error = Libc.errno(state);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
        throw switch (error) {
            case ENOENT -> new NoSuchFileException(file.toString());
            case EACCES -> new AccessDeniedException(file.toString());
            default ->
                    new FileSystemException(
                            file.toString(), null, "open failed with errno " + error);
        };
    }

    static void close(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            int ignored = (int) handles().close().invokeExact(state, descriptor);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /** How long an open file is, in bytes. */
    static long sizeBytes(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            return (long) handles().lseek().invokeExact(state, descriptor, 0L, SEEK_END);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /** Reads from an open file; answers how many bytes, 0 at its end. */
    static long read(int descriptor, long address, long bytes, long position) throws IOException {
        int error;
        try {
            long read =
                    (long) handles().preadPlain().invokeExact(descriptor, address, bytes, position);
            if (read >= 0) {
                return read;
            }
            MemorySegment state = Libc.callState();
            do {
                long count =
                        (long)
                                handles()
                                        .pread()
                                        .invokeExact(state, descriptor, address, bytes, position);
                if (count >= 0) {
                    return count;
                }
                error = Libc.errno(state);
            } while (error == Libc.EINTR);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
        throw failed("pread", error);
    }

    /** Writes all of {@code source} into an open file. */
    static void write(int descriptor, MemorySegment source, long position) throws IOException {
        MemorySegment state = Libc.callState();
        long done = 0;
        while (done < source.byteSize()) {
            MemorySegment rest = source.asSlice(done);
            long count;
            try {
                count =
                        (long)
                                handles()
                                        .pwrite()
                                        .invokeExact(
                                                state,
                                                descriptor,
                                                rest,
                                                rest.byteSize(),
                                                position + done);
            } catch (Throwable e) {
                throw Libc.unexpected(e);
            }
            if (count < 0 && Libc.errno(state) != Libc.EINTR) {
                throw failed("pwrite", Libc.errno(state));
            }
            done += Math.max(0, count);
        }
    }

    /** Makes an open file so many bytes long. */
    static void truncate(int descriptor, long sizeBytes) throws IOException {
        MemorySegment state = Libc.callState();
        int result;
        try {
            result = (int) handles().ftruncate().invokeExact(state, descriptor, sizeBytes);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
        if (result != 0) {
            throw failed("ftruncate", Libc.errno(state));
        }
    }

    /** Syncs an open file or folder; of a file only what reading it back needs, if so told. */
    static void sync(int descriptor, boolean dataOnly) throws IOException {
        MemorySegment state = Libc.callState();
        int result;
        try {
            result =
                    dataOnly
                            ? (int) handles().fdatasync().invokeExact(state, descriptor)
                            : (int) handles().fsync().invokeExact(state, descriptor);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
        if (result != 0) {
            // no second try, whatever it was: nobody knows what the system has dropped
            throw failed(dataOnly ? "fdatasync" : "fsync", Libc.errno(state));
        }
    }

    /**
     * Begins to write a range of an open file to its medium, or also waits until that is done.
     *
     * @throws IOException if a write failed; a later sync may not say so again
     */
    static void writeBack(int descriptor, long position, long sizeBytes, boolean wait)
            throws IOException {
        MemorySegment state = Libc.callState();
        int flags =
                wait
                        ? SYNC_FILE_RANGE_WAIT_BEFORE
                                | SYNC_FILE_RANGE_WRITE
                                | SYNC_FILE_RANGE_WAIT_AFTER
                        : SYNC_FILE_RANGE_WRITE;
        int result;
        try {
            result =
                    (int)
                            handles()
                                    .syncFileRange()
                                    .invokeExact(state, descriptor, position, sizeBytes, flags);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
        int error = result == 0 ? 0 : Libc.errno(state);
        // a file system without it writes when the file is synced
        if (error != 0 && error != ENOSYS && error != Libc.EINVAL && error != ESPIPE) {
            throw failed("sync_file_range", error);
        }
    }

    /** Gives the file's blocks in the range back to the file system; false if it cannot. */
    static boolean punch(int descriptor, long position, long sizeBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            int mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
            int result =
                    (int)
                            handles()
                                    .fallocate()
                                    .invokeExact(state, descriptor, mode, position, sizeBytes);
            return result == 0;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /**
     * Locks an open file, for as long as it is open and whoever else opens and closes it: the lock
     * belongs to this opening and not to the process.
     *
     * @return whether that was possible without waiting
     */
    static boolean tryLock(int descriptor, boolean shared) {
        MemorySegment state = Libc.callState();
        int how = LOCK_NB | (shared ? LOCK_SH : LOCK_EX);
        try {
            int result;
            do {
                result = (int) handles().flock().invokeExact(state, descriptor, how);
            } while (result != 0 && Libc.errno(state) == Libc.EINTR);
            return result == 0;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    private static IOException failed(String call, int error) {
        return new IOException(
                switch (error) {
                    case EIO -> "Input/output error";
                    case ENOSPC -> "No space left on device";
                    case EDQUOT -> "Disk quota exceeded";
                    default -> call + " failed with errno " + error;
                });
    }
}
