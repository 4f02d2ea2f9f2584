package io.espalier.memory;

import java.io.IOException;
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
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The few Linux calls that the JDK does not offer: reserving and giving back address space, mapping
 * a file at a chosen place, punching holes. Everything here is optional: where {@link #AVAILABLE}
 * is false (another system, native access denied, or {@code -Despalier.memory.native=false}), the
 * callers have a slower way that needs the JDK alone.
 */
@SuppressWarnings("restricted") // the one place that links native functions
final class SystemCalls {

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
    private static final int EAGAIN = 11;
    private static final int EFAULT = 14;
    private static final int EINVAL = 22;
    private static final int EHWPOISON = 133;

    private static final int O_RDONLY = 0;
    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int FALLOC_FL_KEEP_SIZE = 0x01;
    private static final int FALLOC_FL_PUNCH_HOLE = 0x02;

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
            CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final Charset FILE_NAME_CHARSET =
            Charset.forName(
                    System.getProperty("sun.jnu.encoding", "UTF-8"), Charset.defaultCharset());

    private record Handles(
            MethodHandle mmap,
            MethodHandle munmap,
            MethodHandle madvise,
            MethodHandle open,
            MethodHandle close,
            MethodHandle fallocate) {}

    private static final @Nullable Handles HANDLES = link();

    /** Whether the native calls can be used in this process. */
    static final boolean AVAILABLE = HANDLES != null;

    private SystemCalls() {}

    private static @Nullable Handles link() {
        boolean linux =
                System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux");
        boolean wide = ValueLayout.ADDRESS.byteSize() == 8;
        if (!linux || !wide || !Boolean.parseBoolean(setting())) {
            return null;
        }
        try {
            ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
            ValueLayout.OfInt integer = ValueLayout.JAVA_INT;
            return new Handles(
                    handle(
                            "mmap",
                            FunctionDescriptor.of(
                                    word, word, word, integer, integer, integer, word)),
                    handle("munmap", FunctionDescriptor.of(integer, word, word)),
                    handle("madvise", FunctionDescriptor.of(integer, word, word, integer)),
                    handle("open", FunctionDescriptor.of(integer, ValueLayout.ADDRESS, integer)),
                    handle("close", FunctionDescriptor.of(integer, integer)),
                    handle(
                            "fallocate",
                            FunctionDescriptor.of(integer, integer, integer, word, word)));
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
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name), descriptor, errno);
    }

    private static Handles handles() {
        Handles handles = HANDLES;
        if (handles == null) {
            throw new IllegalStateException("native calls are not available in this process");
        }
        return handles;
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
            long address =
                    (long)
                            handles()
                                    .mmap()
                                    .invokeExact(
                                            state, 0L, sizeBytes, PROT_READ_WRITE, flags, -1, 0L);
            if (address != MAP_FAILED) {
                // whole-page accounting: a huge page would back two megabytes for one byte
                int ignored =
                        (int)
                                handles()
                                        .madvise()
                                        .invokeExact(state, address, sizeBytes, MADV_NOHUGEPAGE);
            }
            return address;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** Gives the address range back to the system. */
    static void unmap(long address, long sizeBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int result = (int) handles().munmap().invokeExact(state, address, sizeBytes);
            if (result != 0) {
                throw new IllegalStateException("munmap failed, errno " + errno(state));
            }
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** Replaces whatever backs the range by nothing: reads give zeros, writes fresh pages. */
    static void mapNothing(long address, long sizeBytes) {
        mapFixed(address, sizeBytes, MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, "anonymous memory");
        // as the rest of the reservation, so that the kernel joins the ranges again; a kernel
        // without huge pages refuses the advice and needs none
        int ignored = tryAdvise(address, sizeBytes, MADV_NOHUGEPAGE);
    }

    /**
     * Maps a file over the range. The mapping is private and writable so that a stray write can
     * neither crash the process nor reach the file.
     */
    static void mapFile(long address, long sizeBytes, Path file, long position)
            throws IOException {
        int descriptor = open(file, O_RDONLY | O_CLOEXEC);
        try {
            mapFixed(address, sizeBytes, MAP_NORESERVE, descriptor, position, file.toString());
        } finally {
            close(descriptor);
        }
    }

    private static void mapFixed(
            long address, long sizeBytes, int flags, int descriptor, long position, String what) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int all = MAP_PRIVATE | MAP_FIXED | flags;
            long result =
                    (long)
                            handles()
                                    .mmap()
                                    .invokeExact(
                                            state,
                                            address,
                                            sizeBytes,
                                            PROT_READ_WRITE,
                                            all,
                                            descriptor,
                                            position);
            if (result != address) {
                throw new IllegalStateException(
                        "cannot map "
                                + sizeBytes
                                + " bytes of "
                                + what
                                + ": mmap failed with errno "
                                + errno(state)
                                + " (12 means that the process has too many mappings; see"
                                + " vm.max_map_count)");
            }
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** Drops the pages of the range: anonymous ones read as zero, file pages are read again. */
    static void discard(long address, long sizeBytes) {
        advise(address, sizeBytes, MADV_DONTNEED);
    }

    /** Asks for the pages of the range to be read ahead. */
    static void willNeed(long address, long sizeBytes) {
        advise(address, sizeBytes, MADV_WILLNEED);
    }

    /** What became of {@link #populate}. */
    enum Populated {
        DONE,
        UNREADABLE,
        UNSUPPORTED
    }

    /** Reads the pages of the range in, or says why not; never raises a signal. */
    static Populated populate(long address, long sizeBytes) {
        int errno;
        do {
            errno = tryAdvise(address, sizeBytes, MADV_POPULATE_READ);
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

    private static void advise(long address, long sizeBytes, int advice) {
        int errno = tryAdvise(address, sizeBytes, advice);
        if (errno != 0) {
            throw new IllegalStateException("madvise(" + advice + ") failed with errno " + errno);
        }
    }

    /** Gives the advice; the answer is 0 or the errno. */
    private static int tryAdvise(long address, long sizeBytes, int advice) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int result = (int) handles().madvise().invokeExact(state, address, sizeBytes, advice);
            return result == 0 ? 0 : errno(state);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** Opens a file for {@link #punch}; the caller closes it by {@link #close}. */
    static int openForPunching(Path file) throws IOException {
        return open(file, O_RDWR | O_CLOEXEC);
    }

    private static int open(Path file, int flags) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            MemorySegment name = arena.allocateFrom(file.toString(), FILE_NAME_CHARSET);
            int descriptor = (int) handles().open().invokeExact(state, name, flags);
            if (descriptor < 0) {
                throw new IOException("cannot open " + file + ": errno " + errno(state));
            }
            return descriptor;
        } catch (IOException e) {
            throw e;
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
