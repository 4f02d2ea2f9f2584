package io.espalier.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * All native bytes of one store: a single large address range, reserved once and backed by memory
 * only where it is touched. Allocated images and mapped files are both ranges of the one {@link
 * #segment()}, so that every kernel sees a segment of one kind, and bounds are always checked
 * against a live reservation.
 *
 * <p>Slots come in size classes. A freed slot stays warm (its pages are kept for the next user) up
 * to a limit, beyond that its pages go back to the system. Slots below a page share spans of 64
 * KiB, which go back as a whole. The counter of leased bytes is exact; {@link #close()} refuses
 * while anything is out.
 *
 * <p>Where the native calls are missing, the reservation is a sparse temporary file of at most 64
 * GiB and mapping is reading: slower, and memory goes back only at close, but nothing else differs.
 *
 * <p>In debug mode every lease remembers who took it, fresh bytes are poisoned (the first mebibyte)
 * and so are freed ones that stay warm.
 *
 * <p>Thread-safe.
 */
public final class NativeMemory implements AutoCloseable {

    /**
     * How a memory is set up.
     *
     * @param reserveBytes how much address space to ask for, from 64 MiB to 64 TiB; a system that
     *     grants less is taken at its word
     * @param warmBytes how many bytes of pages free slots may keep
     * @param debug whether to remember who leased what and to poison bytes
     */
    public record Options(long reserveBytes, long warmBytes, boolean debug) {

        /** The default limit of pages that freed slots keep: 8 MiB. */
        public static final long WARM_BYTES_DEFAULT = 8L << 20;

        /** The default reservation: 2 TiB of address space. */
        public static final long RESERVE_BYTES_DEFAULT = 2L << 40;

        /** Checks the limits; an {@link IllegalArgumentException} names the one that is broken. */
        public Options {
            if (reserveBytes < RESERVE_BYTES_MIN || reserveBytes > RESERVE_BYTES_MAX) {
                throw new IllegalArgumentException(
                        "reservation of "
                                + reserveBytes
                                + " bytes; give "
                                + RESERVE_BYTES_MIN
                                + " to "
                                + RESERVE_BYTES_MAX);
            }
            if (warmBytes < 0) {
                throw new IllegalArgumentException("warm bytes " + warmBytes + "; give 0 or more");
            }
        }

        /** The defaults; debug mode follows {@code -Despalier.memory.debug}. */
        public static Options defaults() {
            return new Options(
                    RESERVE_BYTES_DEFAULT,
                    WARM_BYTES_DEFAULT,
                    Boolean.getBoolean("espalier.memory.debug"));
        }

        /** These options with another limit of warm bytes. */
        public Options withWarmBytes(long warmBytes) {
            return new Options(reserveBytes, warmBytes, debug);
        }

        /** These options with debug mode on or off: who leased what, and poisoned free slots. */
        public Options withDebug(boolean debug) {
            return new Options(reserveBytes, warmBytes, debug);
        }
    }

    /**
     * What is out, at one moment.
     *
     * @param leases how many leases are held
     * @param leasedBytes what allocated leases may back, in whole pages or small slots
     * @param leasedBytesPeak the highest {@code leasedBytes} so far
     * @param mappedBytes what mapped leases cover, in whole pages
     * @param warmBytes what free slots, and the ends of others, may keep backed
     */
    public record Stats(
            long leases,
            long leasedBytes,
            long leasedBytesPeak,
            long mappedBytes,
            long warmBytes) {}

    private static final long RESERVE_BYTES_MIN = 1L << 26;
    private static final long RESERVE_BYTES_MAX = 1L << 46;
    private static final long FALLBACK_RESERVE_BYTES = 1L << 36;
    private static final byte POISON = (byte) 0xDB;
    private static final long POISON_FRESH_BYTES_MAX = 1L << 20;
    private static final int NAMED_LEAKS_MAX = 5;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final boolean isNative;
    private final Options options;
    private final @Nullable Set<Lease> out;

    /** Its monitor guards all bookkeeping. */
    private final Slots slots;

    private final Mappings mappings;
    private final Pages pages;
    private final Windows windows;

    private NativeMemory(Options options) {
        this.options = options;
        this.out = options.debug() ? ConcurrentHashMap.newKeySet() : null;
        MemorySegment granted =
                Reservation.granted(options.reserveBytes(), RESERVE_BYTES_MIN, arena);
        this.isNative = granted != null;
        this.segment =
                granted != null
                        ? granted
                        : Reservation.sparseFile(
                                Math.min(
                                        FALLBACK_RESERVE_BYTES,
                                        SizeClasses.pagesUp(options.reserveBytes())),
                                RESERVE_BYTES_MIN,
                                arena);
        this.slots = new Slots(segment.byteSize(), options.warmBytes());
        this.pages = new Pages(segment, isNative);
        this.windows = new Windows(segment);
        this.mappings = new Mappings(this, slots);
    }

    /** Reserves address space with the default options. */
    public static NativeMemory open() {
        return open(Options.defaults());
    }

    /**
     * Reserves address space.
     *
     * @throws IllegalStateException if the system grants none
     */
    public static NativeMemory open(Options options) {
        return new NativeMemory(options);
    }

    /**
     * The whole reservation. Offsets of leases index it. Bytes outside of one's own leases are
     * foreign: reading them gives garbage, writing them destroys another's data.
     */
    public MemorySegment segment() {
        return segment;
    }

    /** The most that a {@link #window} surely holds from any offset on: 1 GiB. */
    public static final long WINDOW_BYTES = Windows.BYTES;

    /**
     * A buffer over the bytes around an offset, for native libraries that take such: from {@link
     * #inWindow} on it holds {@link #WINDOW_BYTES}, as far as there are that many. Many share it,
     * so only its absolute methods are used. It is made once.
     */
    public ByteBuffer window(long offset) {
        return windows.at(offset);
    }

    /** Where an offset is in its {@link #window}. */
    public static int inWindow(long offset) {
        return Windows.indexOf(offset);
    }

    /** The options that this memory was opened with. */
    public Options options() {
        return options;
    }

    /**
     * Leases {@code sizeBytes} bytes with undefined content, 64-byte aligned, page-aligned from
     * 2049 bytes on.
     *
     * @throws IllegalArgumentException if {@code sizeBytes} is not positive
     * @throws OutOfNativeMemoryException if the reservation is used up, or half of it (or 4 TiB) is
     *     less than that
     * @throws IllegalStateException if this memory is closed
     */
    public Lease allocate(long sizeBytes) {
        return take(new Lease(this, false), sizeBytes);
    }

    /** Makes a lease that holds nothing one of so many bytes. */
    Lease take(Lease lease, long sizeBytes) {
        int sizeClass = sizeClass(sizeBytes);
        Throwable origin = origin(sizeBytes);
        long offset;
        long backed = 0;
        synchronized (slots) {
            slots.checkOpen();
            if (SizeClasses.isSmall(sizeClass)) {
                offset = slots.takeSmall(sizeClass);
            } else if (slots.hasWarm(sizeClass)) {
                backed = slots.backedBytesOfWarm(sizeClass);
                offset = slots.takeWarm(sizeClass, SizeClasses.pagesUp(sizeBytes));
            } else {
                offset = slots.takeCold(sizeClass);
            }
            slots.countLease(SizeClasses.accountedBytes(sizeClass, sizeBytes));
        }
        if (options.debug()) {
            long poisoned = Math.min(sizeBytes, POISON_FRESH_BYTES_MAX);
            segment.asSlice(offset, poisoned).fill(POISON);
            backed = Math.max(backed, SizeClasses.pagesUp(poisoned));
        }
        return track(lease.holds(offset, sizeBytes, backed, sizeClass, origin));
    }

    /** The largest slot that {@link #takeSlot} gives, in bytes. */
    public static final long SLOT_BYTES_MAX = SizeClasses.PAGE_BYTES / 2;

    /**
     * Takes a small slot without a {@link Lease}: for an owner that is itself a handle, and one of
     * many. It is counted like a lease; that it is given back once, and not used afterwards, is the
     * owner's business alone.
     *
     * @param sizeBytes 1 to {@link #SLOT_BYTES_MAX}
     * @return where it starts in {@link #segment()}
     * @throws IllegalArgumentException if it is not
     * @throws OutOfNativeMemoryException if the reservation is used up
     * @throws IllegalStateException if this memory is closed
     */
    public long takeSlot(long sizeBytes) {
        int sizeClass = slotClass(sizeBytes);
        long offset;
        synchronized (slots) {
            slots.checkOpen();
            offset = slots.takeSmall(sizeClass);
            slots.countLease(SizeClasses.slotBytes(sizeClass));
        }
        if (options.debug()) {
            segment.asSlice(offset, sizeBytes).fill(POISON);
        }
        return offset;
    }

    /**
     * Gives a slot back that was {@linkplain #takeSlot taken}, with the size that was asked for.
     */
    public void giveSlot(long offset, long sizeBytes) {
        releaseSmall(slotClass(sizeBytes), offset, sizeBytes);
    }

    private int slotClass(long sizeBytes) {
        if (sizeBytes > SLOT_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "slot of " + sizeBytes + " bytes; give 1 to " + SLOT_BYTES_MAX);
        }
        return sizeClass(sizeBytes);
    }

    /**
     * Maps {@code [position, position + sizeBytes)} of a file for reading, whole pages, not charged
     * as leased memory. What is written to these bytes stays private to the process and is lost.
     * The file's bytes are to be there before: what is written to the file later may be seen or
     * not.
     *
     * <p>A file that gets shorter while it is mapped raises an {@link InternalError} in whoever
     * reads what is gone with the kernels of this package or plain accesses. The JDK's {@link
     * MemorySegment#mismatch} and checksums, and native code, would end the process: they are not
     * for mapped bytes.
     *
     * @param position a multiple of 4096
     * @throws IllegalArgumentException if {@code position} is not, or {@code sizeBytes} is not
     *     positive
     * @throws IOException if the file cannot be opened or mapped, or is shorter than that
     * @throws OutOfNativeMemoryException if the reservation is used up, or the process has too many
     *     files mapped
     * @throws IllegalStateException if this memory is closed
     */
    public Lease map(Path file, long position, long sizeBytes) throws IOException {
        if (position < 0 || position % SizeClasses.PAGE_BYTES != 0) {
            throw new IllegalArgumentException(
                    "mapping " + file + " at " + position + "; give a multiple of 4096");
        }
        int sizeClass = Math.max(sizeClass(sizeBytes), SizeClasses.of(SizeClasses.PAGE_BYTES));
        return mappings.map(file, position, sizeBytes, sizeClass, origin(sizeBytes));
    }

    /**
     * Gives back the pages that lie wholly in the range and are backed by memory. Mapped files are
     * read again when touched; allocated bytes become undefined. A hint: it may do nothing.
     *
     * @throws IndexOutOfBoundsException if the range is not one of {@link #segment()}
     */
    public void discard(long offset, long sizeBytes) {
        pages.discard(offset, sizeBytes);
    }

    /**
     * Asks the system to read the mapped pages of the range ahead. A hint: it may do nothing.
     *
     * @throws IndexOutOfBoundsException if the range is not one of {@link #segment()}
     */
    public void prefetch(long offset, long sizeBytes) {
        pages.prefetch(offset, sizeBytes);
    }

    /**
     * Asks the system to back the range by pages of the usual size, so that a part of a mapped file
     * can be {@linkplain #discard given back} without the rest: of a huge page, all goes. A hint:
     * it may do nothing.
     *
     * @throws IndexOutOfBoundsException if the range is not one of {@link #segment()}
     */
    public void avoidHugePages(long offset, long sizeBytes) {
        pages.avoidHugePages(offset, sizeBytes);
    }

    /**
     * Brings the mapped pages of the range into memory now. A page that cannot be read fails here
     * as an exception; when it is first met by a load instruction, it is an {@link InternalError}
     * at best, and within a native or intrinsic routine (a checksum, a codec) the end of the
     * process. So call this before such a routine reads a mapped range.
     *
     * <p>Systems without the call (Linux before 5.14) touch the pages one by one.
     *
     * @throws IOException if a page cannot be read: the file was cut short, or its device fails
     */
    public void populate(long offset, long sizeBytes) throws IOException {
        pages.populate(offset, sizeBytes);
    }

    /** Whether mapping, discarding and prefetching are done by the system, or imitated. */
    public boolean isNative() {
        return isNative;
    }

    /** What is out now. */
    public Stats stats() {
        synchronized (slots) {
            return slots.stats();
        }
    }

    /** Cuts a lease; pages behind it go back if too many are warm already. */
    void shrink(Lease lease, long offset, long sizeBytes, long touchedBytes) {
        if (SizeClasses.isSmall(lease.sizeClass())) {
            lease.setSizeBytes(sizeBytes);
            return;
        }
        long end = SizeClasses.pagesUp(sizeBytes);
        long backed = Math.max(lease.backedBytes(), SizeClasses.pagesUp(touchedBytes));
        long surplus = Math.max(0, backed - end);
        boolean keep;
        synchronized (slots) {
            slots.takeSurplus(lease.surplusBytes());
            slots.shrinkLease(SizeClasses.pagesUp(lease.sizeBytes()) - end);
            keep = slots.keepWarm(surplus);
            lease.setSizeBytes(sizeBytes);
            lease.setBackedBytes(keep ? backed : end);
        }
        if (!keep) {
            pages.giveBack(offset + end, surplus);
        }
    }

    void release(Lease lease, long offset) {
        if (out != null) {
            out.remove(lease);
        }
        if (lease.isMapped()) {
            mappings.release(lease, offset);
        } else if (SizeClasses.isSmall(lease.sizeClass())) {
            releaseSmall(lease.sizeClass(), offset, lease.sizeBytes());
        } else {
            releasePages(lease, offset);
        }
    }

    // The lease is taken off the count last: until then close() refuses, so that no call below
    // can meet an address range that is somebody else's already.

    private void releaseSmall(int sizeClass, long offset, long sizeBytes) {
        if (options.debug()) {
            segment.asSlice(offset, sizeBytes).fill(POISON);
        }
        synchronized (slots) {
            long span = slots.freeSmall(sizeClass, offset);
            // inside of the monitor, since the slots of the span are free for all; it is short
            if (span != -1 && pages.giveBack(span, Slots.SPAN_BYTES)) {
                slots.coolSpan(offset);
            }
            slots.uncountLease(SizeClasses.slotBytes(sizeClass));
        }
    }

    private void releasePages(Lease lease, long offset) {
        int sizeClass = lease.sizeClass();
        long backed;
        boolean keep;
        synchronized (slots) {
            slots.takeSurplus(lease.surplusBytes());
            backed = SizeClasses.pagesUp(lease.sizeBytes()) + lease.surplusBytes();
            keep = slots.keepWarm(backed);
        }
        boolean given = false;
        try {
            if (!keep) {
                // outside of the monitor: the call walks the pages; nobody else knows the slot yet
                given = pages.giveBack(offset, backed);
            } else if (options.debug()) {
                segment.asSlice(offset, lease.sizeBytes()).fill(POISON);
            }
        } finally {
            synchronized (slots) {
                if (given) {
                    slots.freeCold(sizeClass, offset);
                } else {
                    slots.freeWarm(sizeClass, offset, backed, keep);
                }
                slots.uncountLease(SizeClasses.accountedBytes(sizeClass, lease.sizeBytes()));
            }
        }
    }

    private int sizeClass(long sizeBytes) {
        if (sizeBytes <= 0) {
            throw new IllegalArgumentException("lease of " + sizeBytes + " bytes; give 1 or more");
        }
        long most = Math.min(segment.byteSize() / 2, 1L << SizeClasses.MAX_BITS);
        if (sizeBytes > most) {
            throw new OutOfNativeMemoryException(
                    "lease of "
                            + sizeBytes
                            + " bytes; the reservation of "
                            + segment.byteSize()
                            + " bytes allows for "
                            + most);
        }
        return SizeClasses.of(sizeBytes);
    }

    private @Nullable Throwable origin(long sizeBytes) {
        return options.debug()
                ? new Throwable("lease of " + sizeBytes + " bytes, taken here")
                : null;
    }

    /** Remembers a lease, in debug mode. */
    Lease track(Lease lease) {
        if (out != null) {
            out.add(lease);
        }
        return lease;
    }

    /**
     * Gives the reservation back.
     *
     * @throws IllegalStateException if leases are out; nothing is closed then. In debug mode the
     *     suppressed exceptions say who took the first few of them.
     */
    @Override
    public void close() {
        synchronized (slots) {
            if (slots.isClosed()) {
                return;
            }
            if (slots.leases() != 0) {
                throw leaked();
            }
            slots.setClosed(true);
        }
        try {
            arena.close();
        } catch (IllegalStateException e) {
            synchronized (slots) {
                slots.setClosed(false);
            }
            throw new IllegalStateException(
                    "native memory is in use by a call of another thread that holds no lease", e);
        }
        mappings.closed();
    }

    private IllegalStateException leaked() {
        IllegalStateException e =
                new IllegalStateException(
                        slots.leases()
                                + " leases are still out ("
                                + slots.leasedBytes()
                                + " bytes allocated, "
                                + slots.mappedBytes()
                                + " mapped); close what holds them first"
                                + (out == null ? "; -Despalier.memory.debug=true says who" : ""));
        if (out != null) {
            out.stream()
                    .map(Lease::origin)
                    .filter(Objects::nonNull)
                    .limit(NAMED_LEAKS_MAX)
                    .forEach(e::addSuppressed);
        }
        return e;
    }
}
