package io.espalier.memory;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The few Linux calls that the JDK does not offer: reserving and giving back address space, mapping
 * a file at a chosen place, punching holes, writing early and syncing data alone. Everything here
 * is optional: where {@link #AVAILABLE} is false (another system or processor, pages of another
 * size than 4096 bytes, native access denied, or {@code -Despalier.memory.native=false}), the
 * callers have a slower way that needs the JDK alone.
 *
 * <p>Ranges are passed as segments, never as addresses: the call is then refused once the
 * reservation is closed, and the reservation cannot be closed during the call.
 */
@SuppressWarnings("restricted") // the one place that links native functions
final class SystemCalls {

    // these numbers are the same on the processors of LINUX_PROCESSORS, and only there
    private static final Set<String> LINUX_PROCESSORS = Set.of("amd64", "aarch64", "riscv64");

    private static final int PROT_READ_WRITE = 0x1 | 0x2;
    private static final int MAP_PRIVATE = 0x02;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_NORESERVE = 0x4000;
    private static final long MAP_FAILED = -1;

    private static final int MADV_WILLNEED = 3;
    private static final int MADV_DONTNEED = 4;
    private static final int MADV_NOHUGEPAGE = 15;
    private static final int MADV_POPULATE_READ = 22;

    private static final int EINTR = 4;
    private static final int EIO = 5;
    private static final int EAGAIN = 11;
    private static final int EFAULT = 14;
    private static final int EINVAL = 22;
    private static final int EHWPOISON = 133;

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
    private static final int EACCES = 13;
    private static final int ENOSPC = 28;
    private static final int ESPIPE = 29;
    private static final int ENOSYS = 38;
    private static final int EDQUOT = 122;

    private static final int MAPPINGS_MAX_DEFAULT = 65_530;

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
            CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final Charset FILE_NAME_CHARSET =
            Charset.forName(
                    System.getProperty("sun.jnu.encoding", "UTF-8"), Charset.defaultCharset());

    private static final ThreadLocal<MemorySegment> CALL_STATES =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CALL_STATE));

    private record Handles(
            MethodHandle mmap,
            MethodHandle munmap,
            MethodHandle madvise,
            MethodHandle madvisePlain,
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

    private static final @Nullable Handles HANDLES = link();

    /** Whether the native calls can be used in this process. */
    static final boolean AVAILABLE = HANDLES != null;

    private SystemCalls() {}

    private static @Nullable Handles link() {
        boolean linux =
                System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux");
        boolean known = LINUX_PROCESSORS.contains(System.getProperty("os.arch", ""));
        if (!linux || !known || !Boolean.parseBoolean(setting())) {
            return null;
        }
        try {
            AddressLayout address = ValueLayout.ADDRESS;
            ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
            ValueLayout.OfInt integer = ValueLayout.JAVA_INT;
            if (pageBytes() != SizeClasses.PAGE_BYTES) {
                return null;
            }
            return new Handles(
                    handle(
                            "mmap",
                            FunctionDescriptor.of(
                                    word, address, word, integer, integer, integer, word)),
                    handle("munmap", FunctionDescriptor.of(integer, address, word)),
                    handle("madvise", FunctionDescriptor.of(integer, address, word, integer)),
                    plain("madvise", FunctionDescriptor.of(integer, word, word, integer, address)),
                    handle("open", FunctionDescriptor.of(integer, address, integer)),
                    handle("lseek", FunctionDescriptor.of(word, integer, word, integer)),
                    handle("close", FunctionDescriptor.of(integer, integer)),
                    handle(
                            "fallocate",
                            FunctionDescriptor.of(integer, integer, integer, word, word)),
                    handle("pread", FunctionDescriptor.of(word, integer, word, word, word)),
                    plain("pread", FunctionDescriptor.of(word, integer, word, word, word)),
                    handle("pwrite", FunctionDescriptor.of(word, integer, address, word, word)),
                    handle("ftruncate", FunctionDescriptor.of(integer, integer, word)),
                    handle("fsync", FunctionDescriptor.of(integer, integer)),
                    handle("fdatasync", FunctionDescriptor.of(integer, integer)),
                    handle(
                            "sync_file_range",
                            FunctionDescriptor.of(integer, integer, word, word, integer)),
                    handle("flock", FunctionDescriptor.of(integer, integer, integer)));
        } catch (RuntimeException e) {
            // native access denied, or a libc without these names: the JDK-only way still works
            return null;
        }
    }

    private static String setting() {
        return System.getProperty("espalier.memory.native", "true");
    }

    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        Linker.Option errno = Linker.Option.captureCallState("errno");
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, errno);
    }

    /** The same without the error number, which costs objects: a call that fails is done again. */
    private static MethodHandle plain(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }

    private static long pageBytes() {
        Linker linker = Linker.nativeLinker();
        MethodHandle getpagesize =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("getpagesize"),
                        FunctionDescriptor.of(ValueLayout.JAVA_INT));
        try {
            return (int) getpagesize.invokeExact();
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static Handles handles() {
        Handles handles = HANDLES;
        if (handles == null) {
            throw new IllegalStateException("native calls are not available in this process");
        }
        return handles;
    }

    /** How many mappings the system grants to this process. */
    static int mappingsMax() {
        try (InputStream in = Files.newInputStream(Path.of("/proc/sys/vm/max_map_count"))) {
            // in one read: the system answers the second one with the end of the file
            byte[] bytes = in.readNBytes(64);
            return Integer.parseInt(new String(bytes, StandardCharsets.US_ASCII).strip());
        } catch (IOException | NumberFormatException e) {
            return MAPPINGS_MAX_DEFAULT;
        }
    }

    /**
     * Reserves {@code sizeBytes} of address space, readable and writable, backed by nothing yet.
     *
     * @return the address, or -1 when the system refuses
     */
    static long reserve(long sizeBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
            long address = map(state, MemorySegment.NULL, sizeBytes, flags, -1, 0);
            if (address != MAP_FAILED) {
                // whole-page accounting: a huge page would back two megabytes for one byte
                int ignored =
                        (int)
                                handles()
                                        .madvise()
                                        .invokeExact(
                                                state,
                                                MemorySegment.ofAddress(address),
                                                sizeBytes,
                                                MADV_NOHUGEPAGE);
            }
            return address;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** Gives an address range back to the system. */
    static void unmap(MemorySegment range, long sizeBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int result = (int) handles().munmap().invokeExact(state, range, sizeBytes);
            if (result != 0) {
                throw new IllegalStateException("munmap failed with errno " + errno(state));
            }
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /**
     * Replaces whatever backs the range by nothing: reads give zeros, writes fresh pages.
     *
     * @return whether the system did so; it refuses when the process has too many mappings
     */
    static boolean mapNothing(MemorySegment range) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
            if (map(state, range, range.byteSize(), flags, -1, 0) != range.address()) {
                return false;
            }
            // as the rest of the reservation, or the system keeps the range apart for ever
            advise(range, MADV_NOHUGEPAGE);
            return true;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /**
     * Maps an open file over the range. The mapping is private and writable so that a stray write
     * can neither crash the process nor reach the file.
     *
     * @return 0, or the system's error number; what backs the range is unknown then
     */
    static int mapFile(MemorySegment range, int descriptor, long position) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
            long address = map(state, range, range.byteSize(), flags, descriptor, position);
            return address == range.address() ? 0 : errno(state);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /**
     * Whether a page of an open file can be mapped at all: tried at a place of the system's choice,
     * since a failed attempt at a fixed place may leave a hole there.
     *
     * @return 0, or the system's error number
     */
    static int tryMapFile(int descriptor, long position) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            long size = SizeClasses.PAGE_BYTES;
            long address = map(state, MemorySegment.NULL, size, MAP_PRIVATE, descriptor, position);
            if (address == MAP_FAILED) {
                return errno(state);
            }
            unmap(MemorySegment.ofAddress(address), size);
            return 0;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static long map(
            MemorySegment state,
            MemorySegment range,
            long sizeBytes,
            int flags,
            int descriptor,
            long position)
            throws Throwable {
        return (long)
                handles()
                        .mmap()
                        .invokeExact(
                                state,
                                range,
                                sizeBytes,
                                PROT_READ_WRITE,
                                flags,
                                descriptor,
                                position);
    }

    /**
     * Drops the pages of the range: anonymous ones read as zero, file pages are read again.
     *
     * @return whether the system did so; it refuses for memory that is locked
     */
    static boolean discard(MemorySegment whole, long offset, long sizeBytes) {
        return tryAdvise(whole, offset, sizeBytes, MADV_DONTNEED) == 0;
    }

    /** Asks for the pages of the range to be read ahead. */
    static void willNeed(MemorySegment range) {
        boolean ignored = advise(range, MADV_WILLNEED);
    }

    /** Asks that a mapping is not backed by pages larger than the usual ones. */
    static void avoidHugePages(MemorySegment range) {
        boolean ignored = advise(range, MADV_NOHUGEPAGE);
    }

    /** What became of {@link #populate}. */
    enum Populated {
        DONE,
        UNREADABLE,
        UNSUPPORTED
    }

    /** Reads the pages of the range in, or says why not; never raises a signal. */
    static Populated populate(MemorySegment whole, long offset, long sizeBytes) {
        int errno;
        do {
            errno = tryAdvise(whole, offset, sizeBytes, MADV_POPULATE_READ);
        } while (errno == EINTR || errno == EAGAIN);
        return switch (errno) {
            case 0 -> Populated.DONE;
            case EFAULT, EHWPOISON -> Populated.UNREADABLE;
            case EINVAL -> Populated.UNSUPPORTED;
            default ->
                    throw new IllegalStateException(
                            "madvise(" + MADV_POPULATE_READ + ") failed with errno " + errno);
        };
    }

    private static boolean advise(MemorySegment range, int advice) {
        return tryAdvise(range, advice) == 0;
    }

    /**
     * The same for a range of a segment, without an object for the slice: the whole is handed over
     * beside it, behind the arguments that the system looks at, so that nobody can give the address
     * range up meanwhile.
     */
    private static int tryAdvise(MemorySegment whole, long offset, long sizeBytes, int advice) {
        Objects.checkFromIndexSize(offset, sizeBytes, whole.byteSize());
        long address = whole.address() + offset;
        try {
            int result =
                    (int) handles().madvisePlain().invokeExact(address, sizeBytes, advice, whole);
            return result == 0 ? 0 : tryAdvise(whole.asSlice(offset, sizeBytes), advice);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** Gives the advice; the answer is 0 or the errno. */
    private static int tryAdvise(MemorySegment range, int advice) {
        // with every lease that is used again: an arena each time would be garbage
        MemorySegment state = CALL_STATES.get();
        try {
            int result =
                    (int) handles().madvise().invokeExact(state, range, range.byteSize(), advice);
            return result == 0 ? 0 : errno(state);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /**
     * Opens a file for {@link #mapFile} and {@link #read}; the caller closes it by {@link #close}.
     */
    static int openForMapping(Path file) throws IOException {
        return open(file, O_RDONLY | O_CLOEXEC);
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
            MemorySegment state = CALL_STATES.get();
            do {
                long count =
                        (long)
                                handles()
                                        .pread()
                                        .invokeExact(state, descriptor, address, bytes, position);
                if (count >= 0) {
                    return count;
                }
                error = errno(state);
            } while (error == EINTR);
        } catch (Throwable e) {
            throw unexpected(e);
        }
        throw failed("pread", error);
    }

    /** Writes all of {@code source} into an open file. */
    static void write(int descriptor, MemorySegment source, long position) throws IOException {
        MemorySegment state = CALL_STATES.get();
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
                throw unexpected(e);
            }
            if (count < 0 && errno(state) != EINTR) {
                throw failed("pwrite", errno(state));
            }
            done += Math.max(0, count);
        }
    }

    /** Makes an open file so many bytes long. */
    static void truncate(int descriptor, long sizeBytes) throws IOException {
        MemorySegment state = CALL_STATES.get();
        int result;
        try {
            result = (int) handles().ftruncate().invokeExact(state, descriptor, sizeBytes);
        } catch (Throwable e) {
            throw unexpected(e);
        }
        if (result != 0) {
            throw failed("ftruncate", errno(state));
        }
    }

    /** Syncs an open file or folder; of a file only what reading it back needs, if so told. */
    static void sync(int descriptor, boolean dataOnly) throws IOException {
        MemorySegment state = CALL_STATES.get();
        int result;
        try {
            result =
                    dataOnly
                            ? (int) handles().fdatasync().invokeExact(state, descriptor)
                            : (int) handles().fsync().invokeExact(state, descriptor);
        } catch (Throwable e) {
            throw unexpected(e);
        }
        if (result != 0) {
            // no second try, whatever it was: nobody knows what the system has dropped
            throw failed(dataOnly ? "fdatasync" : "fsync", errno(state));
        }
    }

    /**
     * Begins to write a range of an open file to its medium, or also waits until that is done.
     *
     * @throws IOException if a write failed; a later sync may not say so again
     */
    static void writeBack(int descriptor, long position, long sizeBytes, boolean wait)
            throws IOException {
        MemorySegment state = CALL_STATES.get();
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
            throw unexpected(e);
        }
        int error = result == 0 ? 0 : errno(state);
        // a file system without it writes when the file is synced
        if (error != 0 && error != ENOSYS && error != EINVAL && error != ESPIPE) {
            throw failed("sync_file_range", error);
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

    /**
     * Locks an open file, for as long as it is open and whoever else opens and closes it: the lock
     * belongs to this opening and not to the process.
     *
     * @return whether that was possible without waiting
     */
    static boolean tryLock(int descriptor, boolean shared) {
        MemorySegment state = CALL_STATES.get();
        int how = LOCK_NB | (shared ? LOCK_SH : LOCK_EX);
        try {
            int result;
            do {
                result = (int) handles().flock().invokeExact(state, descriptor, how);
            } while (result != 0 && errno(state) == EINTR);
            return result == 0;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static int open(Path file, int flags) throws IOException {
        int error;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            byte[] bytes = file.toString().getBytes(FILE_NAME_CHARSET);
            MemorySegment name = arena.allocate(bytes.length + 1L);
            MemorySegment.copy(bytes, 0, name, ValueLayout.JAVA_BYTE, 0, bytes.length);
            int descriptor = (int) handles().open().invokeExact(state, name, flags);
            if (descriptor >= 0) {
                return descriptor;
            }
            error = errno(state);
        } catch (Throwable e) {
            throw unexpected(e);
        }
        throw switch (error) {
            case ENOENT -> new NoSuchFileException(file.toString());
            case EACCES -> new AccessDeniedException(file.toString());
            default ->
                    new FileSystemException(
                            file.toString(), null, "open failed with errno " + error);
        };
    }

    /** How long an open file is, in bytes. */
    static long sizeBytes(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return (long) handles().lseek().invokeExact(state, descriptor, 0L, SEEK_END);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static void close(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int ignored = (int) handles().close().invokeExact(state, descriptor);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** Gives the file's blocks in the range back to the file system; false if it cannot. */
    static boolean punch(int descriptor, long position, long sizeBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
            int result =
                    (int)
                            handles()
                                    .fallocate()
                                    .invokeExact(state, descriptor, mode, position, sizeBytes);
            return result == 0;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    private static RuntimeException unexpected(Throwable e) {
        if (e instanceof RuntimeException runtime) {
            return runtime;
        }
        if (e instanceof Error error) {
            throw error;
        }
        return new IllegalStateException("native call failed", e);
    }
}
