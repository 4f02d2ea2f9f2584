package io.espalier.memory;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The few Linux calls for memory that the JDK does not offer: reserving and giving back address
 * space, mapping a file at a chosen place, and advice about pages; {@link FileCalls} has those for
 * files. Everything here is optional: where {@link #AVAILABLE} is false (another system or
 * processor, pages of another size than 4096 bytes, native access denied, or {@code
 * -Despalier.memory.native=false}), the callers have a slower way that needs the JDK alone.
 *
 * <p>Ranges are passed as segments, never as addresses: the call is then refused once the
 * reservation is closed, and the reservation cannot be closed during the call.
 */
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

    private static final int EAGAIN = 11;
    private static final int EFAULT = 14;
    private static final int EHWPOISON = 133;

    private static final int MAPPINGS_MAX_DEFAULT = 65_530;

    private record Handles(
            MethodHandle mmap,
            MethodHandle munmap,
            MethodHandle madvise,
            MethodHandle madvisePlain) {}

    private static final @Nullable Handles HANDLES = Libc.link(SystemCalls::link);

    /** Whether these calls, and those of {@link FileCalls}, can be used in this process. */
    static final boolean AVAILABLE = HANDLES != null && FileCalls.areLinked();

    private SystemCalls() {}

    private static Handles link() {
        AddressLayout address = ValueLayout.ADDRESS;
        ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
        ValueLayout.OfInt integer = ValueLayout.JAVA_INT;
        return new Handles(
                Libc.handle(
                        "mmap",
                        FunctionDescriptor.of(
                                word, address, word, integer, integer, integer, word)),
                Libc.handle("munmap", FunctionDescriptor.of(integer, address, word)),
                Libc.handle("madvise", FunctionDescriptor.of(integer, address, word, integer)),
                Libc.plain(
                        "madvise", FunctionDescriptor.of(integer, word, word, integer, address)));
    }

    private static Handles handles() {
        return Libc.linked(HANDLES);
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
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
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
            throw Libc.unexpected(e);
        }
    }

    /** Gives an address range back to the system. */
    static void unmap(MemorySegment range, long sizeBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            int result = (int) handles().munmap().invokeExact(state, range, sizeBytes);
            if (result != 0) {
                throw new IllegalStateException("munmap failed with errno " + Libc.errno(state));
            }
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /**
     * Replaces whatever backs the range by nothing: reads give zeros, writes fresh pages.
     *
     * @return whether the system did so; it refuses when the process has too many mappings
     */
    static boolean mapNothing(MemorySegment range) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            int flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
            if (map(state, range, range.byteSize(), flags, -1, 0) != range.address()) {
                return false;
            }
            // as the rest of the reservation, or the system keeps the range apart for ever
            advise(range, MADV_NOHUGEPAGE);
            return true;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
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
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
            long address = map(state, range, range.byteSize(), flags, descriptor, position);
            return address == range.address() ? 0 : Libc.errno(state);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
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
            MemorySegment state = arena.allocate(Libc.CALL_STATE);
            long size = SizeClasses.PAGE_BYTES;
            long address = map(state, MemorySegment.NULL, size, MAP_PRIVATE, descriptor, position);
            if (address == MAP_FAILED) {
                return Libc.errno(state);
            }
            unmap(MemorySegment.ofAddress(address), size);
            return 0;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
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
        } while (errno == Libc.EINTR || errno == EAGAIN);
        return switch (errno) {
            case 0 -> Populated.DONE;
            case EFAULT, EHWPOISON -> Populated.UNREADABLE;
            case Libc.EINVAL -> Populated.UNSUPPORTED;
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
            throw Libc.unexpected(e);
        }
    }

    /** Gives the advice; the answer is 0 or the errno. */
    private static int tryAdvise(MemorySegment range, int advice) {
        // with every lease that is used again
        MemorySegment state = Libc.callState();
        try {
            int result =
                    (int) handles().madvise().invokeExact(state, range, range.byteSize(), advice);
            return result == 0 ? 0 : Libc.errno(state);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }
}
