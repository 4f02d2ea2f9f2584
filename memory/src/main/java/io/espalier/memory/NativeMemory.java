package io.espalier.memory;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
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
    private static final int SPAN_BITS = 16;
    private static final long SPAN_BYTES = 1L << SPAN_BITS;
    private static final byte POISON = (byte) 0xDB;
    private static final long POISON_FRESH_BYTES_MAX = 1L << 20;
    private static final int NAMED_LEAKS_MAX = 5;
    private static final long READ_BYTES_MAX = 1L << 30;

    // Each mapped file may cost two mappings, itself and the gap before the next. A process that
    // has
    // none left cannot even start a thread, so a good part stays for everyone else.
    private static final int MAPPED_FILES_MAX = mappedFilesMax();
    private static final AtomicInteger mappedFiles = new AtomicInteger();

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final boolean isNative;
    private final AtomicReferenceArray<@Nullable ByteBuffer> windows;
    private final Options options;
    private final @Nullable Set<Lease> out;

    private final Object lock = new Object();
    // all guarded by lock
    // small slots are all in cold: whether they are backed is a matter of their span
    // warm slots are each followed by how many of their bytes may be backed, from the start
    private final OffsetStack[] warm = new OffsetStack[SizeClasses.COUNT];
    private final OffsetStack[] cold = new OffsetStack[SizeClasses.COUNT];
    // mapped slots that the system refused to clear, each followed by its class
    private final OffsetStack stuck = new OffsetStack();
    // slots of whole pages are carved upwards from the start, spans of small ones downwards
    // from the end; page 0 and the last page stay unused, so that a kernel may read a word past
    private long bump = SizeClasses.PAGE_BYTES;
    private final long spansEnd;
    private int spanCount;
    private short[] spanLeases = {};
    private boolean[] spanBacked = {};
    private long smallBackedBytes;
    private long smallLeasedBytes;
    private long pagesWarmBytes;
    private long leases;
    private long leasedBytes;
    private long leasedBytesPeak;
    private long mappedBytes;
    private boolean closed;

    @SuppressWarnings("unused") // keeps the loads that touch pages alive
    private volatile byte touched;

    private NativeMemory(Options options) {
        this.options = options;
        this.out = options.debug() ? ConcurrentHashMap.newKeySet() : null;
        for (int i = 0; i < SizeClasses.COUNT; i++) {
            warm[i] = new OffsetStack();
            cold[i] = new OffsetStack();
        }
        long size = SizeClasses.pagesUp(options.reserveBytes());
        long address = -1;
        if (SystemCalls.AVAILABLE) {
            // a system that forbids over-commitment grants less: take what it grants
            address = SystemCalls.reserve(size);
            while (address == -1 && size > RESERVE_BYTES_MIN) {
                size = SizeClasses.pagesUp(size >> 1);
                address = SystemCalls.reserve(size);
            }
        }
        this.isNative = address != -1;
        if (isNative) {
            this.segment = Reservation.over(address, size, arena);
        } else {
            size = SizeClasses.pagesUp(options.reserveBytes());
            this.segment =
                    Reservation.sparseFile(
                            Math.min(FALLBACK_RESERVE_BYTES, size), RESERVE_BYTES_MIN, arena);
        }
        this.spansEnd = segment.byteSize() - SizeClasses.PAGE_BYTES;
        this.windows =
                new AtomicReferenceArray<>(
                        Math.toIntExact(segment.byteSize() / WINDOW_STEP_BYTES) + 1);
    }

    private static int mappedFilesMax() {
        int all = SystemCalls.mappingsMax();
        return all < 16_384 ? all / 4 : (all - 8_192) / 2;
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
    public static final long WINDOW_BYTES = 1L << 30;

    /** How far windows start from each other: both together are less than a buffer may have. */
    private static final long WINDOW_STEP_BYTES = 1L << 29;

    /**
     * A buffer over the bytes around an offset, for native libraries that take such: from {@link
     * #inWindow} on it holds {@link #WINDOW_BYTES}, as far as there are that many. Many share it,
     * so only its absolute methods are used. It is made once.
     */
    public ByteBuffer window(long offset) {
        int index = (int) (offset / WINDOW_STEP_BYTES);
        ByteBuffer known = windows.get(index);
        if (known == null) {
            long start = index * WINDOW_STEP_BYTES;
            long bytes = Math.min(WINDOW_STEP_BYTES + WINDOW_BYTES, segment.byteSize() - start);
            known = segment.asSlice(start, bytes).asByteBuffer();
            windows.set(index, known);
        }
        return known;
    }

    /** Where an offset is in its {@link #window}. */
    public static int inWindow(long offset) {
        return (int) (offset % WINDOW_STEP_BYTES);
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
        int sizeClass = sizeClass(sizeBytes);
        Throwable origin = origin(sizeBytes);
        long offset;
        long backed = 0;
        synchronized (lock) {
            checkOpen();
            if (SizeClasses.isSmall(sizeClass)) {
                offset = takeSmall(sizeClass);
            } else if (!warm[sizeClass].isEmpty()) {
                backed = warm[sizeClass].pop();
                offset = warm[sizeClass].pop();
                // what an earlier lease had beyond the end of this one stays warm
                pagesWarmBytes -= Math.min(backed, SizeClasses.pagesUp(sizeBytes));
            } else {
                offset = takeCold(sizeClass);
            }
            leases++;
            leasedBytes += accountedBytes(sizeClass, sizeBytes);
            leasedBytesPeak = Math.max(leasedBytesPeak, leasedBytes);
        }
        if (options.debug()) {
            long poisoned = Math.min(sizeBytes, POISON_FRESH_BYTES_MAX);
            segment.asSlice(offset, poisoned).fill(POISON);
            backed = Math.max(backed, SizeClasses.pagesUp(poisoned));
        }
        return track(new Lease(this, offset, sizeBytes, backed, sizeClass, false, origin));
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
        synchronized (lock) {
            checkOpen();
            offset = takeSmall(sizeClass);
            leases++;
            leasedBytes += SizeClasses.slotBytes(sizeClass);
            leasedBytesPeak = Math.max(leasedBytesPeak, leasedBytes);
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
        Throwable origin = origin(sizeBytes);
        if (!isNative) {
            return read(file, position, sizeBytes, sizeClass, origin);
        }
        if (!file.getFileSystem().equals(FileSystems.getDefault())) {
            throw new IOException(file + " is not a file of the system and cannot be mapped");
        }
        retryStuck();
        if (mappedFiles.incrementAndGet() > MAPPED_FILES_MAX) {
            mappedFiles.decrementAndGet();
            throw new OutOfNativeMemoryException(
                    "cannot map "
                            + file
                            + ": this process has "
                            + MAPPED_FILES_MAX
                            + " files mapped, which is the share of vm.max_map_count that is ours;"
                            + " map fewer and larger ranges, or raise it");
        }
        boolean done = false;
        try {
            Lease lease = mapNative(file, position, sizeBytes, sizeClass, origin);
            done = true;
            return lease;
        } finally {
            if (!done) {
                mappedFiles.decrementAndGet();
            }
        }
    }

    private Lease mapNative(
            Path file, long position, long sizeBytes, int sizeClass, @Nullable Throwable origin)
            throws IOException {
        int descriptor = SystemCalls.openForMapping(file);
        try {
            checkLength(file, SystemCalls.sizeBytes(descriptor), position, sizeBytes);
            int error = SystemCalls.tryMapFile(descriptor, position);
            if (error != 0) {
                throw new FileSystemException(
                        file.toString(), null, "mmap failed with errno " + error);
            }
            long pages = SizeClasses.pagesUp(sizeBytes);
            long offset = takeForMapping(sizeClass, pages);
            // on failure the slot is lost: its pages may belong to nobody then, or to anybody
            boolean done = false;
            try {
                error = SystemCalls.mapFile(segment.asSlice(offset, pages), descriptor, position);
                done = error == 0;
            } finally {
                if (!done) {
                    forgetMapping(pages);
                }
            }
            if (error != 0) {
                throw new OutOfNativeMemoryException(
                        "cannot map " + file + ": mmap failed with errno " + error);
            }
            return track(new Lease(this, offset, sizeBytes, 0, sizeClass, true, origin));
        } finally {
            SystemCalls.close(descriptor);
        }
    }

    /** Mapping without the system's help: the bytes are read into a slot. */
    private Lease read(
            Path file, long position, long sizeBytes, int sizeClass, @Nullable Throwable origin)
            throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            checkLength(file, channel.size(), position, sizeBytes);
            long pages = SizeClasses.pagesUp(sizeBytes);
            long offset = takeForMapping(sizeClass, pages);
            boolean done = false;
            try {
                for (long at = 0; at < sizeBytes; ) {
                    long part = Math.min(READ_BYTES_MAX, sizeBytes - at);
                    ByteBuffer target = segment.asSlice(offset + at, part).asByteBuffer();
                    int count = channel.read(target, position + at);
                    if (count < 0) {
                        throw new EOFException(file + " ends at " + (position + at));
                    }
                    at += count;
                }
                // beyond the file's end, a mapped page reads as zeros
                segment.asSlice(offset + sizeBytes, pages - sizeBytes).fill((byte) 0);
                done = true;
            } finally {
                if (!done) {
                    synchronized (lock) {
                        cold[sizeClass].push(offset);
                    }
                    forgetMapping(pages);
                }
            }
            return track(new Lease(this, offset, sizeBytes, 0, sizeClass, true, origin));
        }
    }

    private static void checkLength(Path file, long fileBytes, long position, long sizeBytes)
            throws IOException {
        if (fileBytes - position < sizeBytes) {
            throw new EOFException(
                    file
                            + " has "
                            + fileBytes
                            + " bytes, expected "
                            + sizeBytes
                            + " or more from position "
                            + position
                            + " on");
        }
    }

    /** Counts before the work starts, so that {@link #close()} cannot come between. */
    private long takeForMapping(int sizeClass, long pages) {
        synchronized (lock) {
            checkOpen();
            long offset = takeCold(sizeClass);
            leases++;
            mappedBytes += pages;
            return offset;
        }
    }

    private void forgetMapping(long pages) {
        synchronized (lock) {
            leases--;
            mappedBytes -= pages;
        }
    }

    /**
     * Gives back the pages that lie wholly in the range and are backed by memory. Mapped files are
     * read again when touched; allocated bytes become undefined. A hint: it may do nothing.
     *
     * @throws IndexOutOfBoundsException if the range is not one of {@link #segment()}
     */
    public void discard(long offset, long sizeBytes) {
        Objects.checkFromIndexSize(offset, sizeBytes, segment.byteSize());
        long from = SizeClasses.pagesUp(offset);
        long to = (offset + sizeBytes) & -SizeClasses.PAGE_BYTES;
        giveBackPages(from, to - from);
    }

    /**
     * Asks the system to read the mapped pages of the range ahead. A hint: it may do nothing.
     *
     * @throws IndexOutOfBoundsException if the range is not one of {@link #segment()}
     */
    public void prefetch(long offset, long sizeBytes) {
        Objects.checkFromIndexSize(offset, sizeBytes, segment.byteSize());
        long from = offset & -SizeClasses.PAGE_BYTES;
        if (isNative && sizeBytes > 0) {
            long to = SizeClasses.pagesUp(offset + sizeBytes);
            SystemCalls.willNeed(segment.asSlice(from, to - from));
        }
    }

    /** Whether the pages are not backed any more, as far as the system can do that. */
    private boolean giveBackPages(long offset, long sizeBytes) {
        return !isNative
                || sizeBytes <= 0
                || SystemCalls.discard(segment.asSlice(offset, sizeBytes));
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
        if (!isNative || sizeBytes <= 0) {
            return;
        }
        long from = offset & -SizeClasses.PAGE_BYTES;
        long pagesBytes = SizeClasses.pagesUp(offset + sizeBytes) - from;
        switch (SystemCalls.populate(segment.asSlice(from, pagesBytes))) {
            case DONE -> {}
            case UNREADABLE -> throw unreadable(from, pagesBytes, null);
            case UNSUPPORTED -> touchPages(from, pagesBytes);
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // yields for its safepoint, not for its effect
    private void touchPages(long from, long sizeBytes) throws IOException {
        try {
            byte sum = 0;
            for (long at = from; at < from + sizeBytes; at += SizeClasses.PAGE_BYTES) {
                sum ^= segment.get(Layouts.BYTE, at);
            }
            touched = sum;
            // the error of a page that cannot be read is thrown at the next safepoint: pass one
            Thread.yield();
        } catch (InternalError e) {
            throw unreadable(from, sizeBytes, e);
        }
    }

    private static IOException unreadable(long from, long sizeBytes, @Nullable Throwable cause) {
        return new IOException(
                "a mapped page in ["
                        + from
                        + ", "
                        + (from + sizeBytes)
                        + ") of the reservation cannot be read: the file beneath it was cut short"
                        + " or its device fails",
                cause);
    }

    /** Whether mapping, discarding and prefetching are done by the system, or imitated. */
    public boolean isNative() {
        return isNative;
    }

    /** What is out now. */
    public Stats stats() {
        synchronized (lock) {
            return new Stats(leases, leasedBytes, leasedBytesPeak, mappedBytes, warmBytes());
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
        synchronized (lock) {
            pagesWarmBytes -= lease.surplusBytes();
            leasedBytes -= SizeClasses.pagesUp(lease.sizeBytes()) - end;
            keep = warmBytes() + surplus <= options.warmBytes();
            pagesWarmBytes += keep ? surplus : 0;
            lease.setSizeBytes(sizeBytes);
            lease.setBackedBytes(keep ? backed : end);
        }
        if (!keep) {
            giveBackPages(offset + end, surplus);
        }
    }

    void release(Lease lease, long offset) {
        if (out != null) {
            out.remove(lease);
        }
        if (lease.isMapped()) {
            releaseMapped(lease, offset);
        } else if (SizeClasses.isSmall(lease.sizeClass())) {
            releaseSmall(lease.sizeClass(), offset, lease.sizeBytes());
        } else {
            releasePages(lease, offset);
        }
    }

    // The lease is taken off the count last: until then close() refuses, so that no call below
    // can meet an address range that is somebody else's already.

    private void releaseMapped(Lease lease, long offset) {
        long pages = SizeClasses.pagesUp(lease.sizeBytes());
        boolean cleared = !isNative;
        try {
            if (isNative) {
                retryStuck();
                cleared = clear(offset, pages);
            }
        } finally {
            synchronized (lock) {
                if (cleared) {
                    cold[lease.sizeClass()].push(offset);
                } else {
                    stuck.push(offset);
                    stuck.push(lease.sizeClass());
                }
                leases--;
                mappedBytes -= pages;
            }
        }
    }

    private boolean clear(long offset, long pages) {
        MemorySegment range = segment.asSlice(offset, pages);
        if (SystemCalls.mapNothing(range)) {
            mappedFiles.decrementAndGet();
            return true;
        }
        SystemCalls.discard(range);
        return false;
    }

    /** Clears a slot that could not be cleared when its lease was closed. */
    private void retryStuck() {
        long offset;
        int sizeClass;
        synchronized (lock) {
            if (stuck.isEmpty() || closed) {
                return;
            }
            sizeClass = (int) stuck.pop();
            offset = stuck.pop();
            leases++;
        }
        boolean cleared = false;
        try {
            cleared = clear(offset, SizeClasses.slotBytes(sizeClass));
        } finally {
            synchronized (lock) {
                if (cleared) {
                    cold[sizeClass].push(offset);
                } else {
                    stuck.push(offset);
                    stuck.push(sizeClass);
                }
                leases--;
            }
        }
    }

    private void releaseSmall(int sizeClass, long offset, long sizeBytes) {
        long slotBytes = SizeClasses.slotBytes(sizeClass);
        if (options.debug()) {
            segment.asSlice(offset, sizeBytes).fill(POISON);
        }
        synchronized (lock) {
            cold[sizeClass].push(offset);
            smallLeasedBytes -= slotBytes;
            int span = spanOf(offset);
            spanLeases[span]--;
            if (spanLeases[span] == 0 && warmBytes() > options.warmBytes()) {
                // inside of the lock, since the slots of the span are free for all; it is short
                long start = spansEnd - ((span + 1L) << SPAN_BITS);
                if (giveBackPages(start, SPAN_BYTES)) {
                    spanBacked[span] = false;
                    smallBackedBytes -= SPAN_BYTES;
                }
            }
            leases--;
            leasedBytes -= slotBytes;
        }
    }

    private void releasePages(Lease lease, long offset) {
        int sizeClass = lease.sizeClass();
        long backed;
        boolean keep;
        synchronized (lock) {
            pagesWarmBytes -= lease.surplusBytes();
            backed = SizeClasses.pagesUp(lease.sizeBytes()) + lease.surplusBytes();
            keep = warmBytes() + backed <= options.warmBytes();
            if (keep) {
                pagesWarmBytes += backed;
            }
        }
        boolean given = false;
        try {
            if (!keep) {
                // outside of the lock: the call walks the pages; nobody else knows the slot yet
                given = giveBackPages(offset, backed);
            } else if (options.debug()) {
                segment.asSlice(offset, lease.sizeBytes()).fill(POISON);
            }
        } finally {
            synchronized (lock) {
                if (given) {
                    cold[sizeClass].push(offset);
                } else {
                    warm[sizeClass].push(offset);
                    warm[sizeClass].push(backed);
                    pagesWarmBytes += keep ? 0 : backed;
                }
                leases--;
                leasedBytes -= accountedBytes(sizeClass, lease.sizeBytes());
            }
        }
    }

    private long warmBytes() {
        return pagesWarmBytes + smallBackedBytes - smallLeasedBytes;
    }

    static long accountedBytes(int sizeClass, long sizeBytes) {
        return SizeClasses.isSmall(sizeClass)
                ? SizeClasses.slotBytes(sizeClass)
                : SizeClasses.pagesUp(sizeBytes);
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

    private long takeCold(int sizeClass) {
        if (!cold[sizeClass].isEmpty()) {
            return cold[sizeClass].pop();
        }
        long slotBytes = SizeClasses.slotBytes(sizeClass);
        checkRoom(slotBytes);
        long offset = bump;
        bump += slotBytes;
        return offset;
    }

    private long takeSmall(int sizeClass) {
        long slotBytes = SizeClasses.slotBytes(sizeClass);
        if (cold[sizeClass].isEmpty()) {
            carveSpan(sizeClass, slotBytes);
        }
        long offset = cold[sizeClass].pop();
        int span = spanOf(offset);
        spanLeases[span]++;
        if (!spanBacked[span]) {
            spanBacked[span] = true;
            smallBackedBytes += SPAN_BYTES;
        }
        smallLeasedBytes += slotBytes;
        return offset;
    }

    private void carveSpan(int sizeClass, long slotBytes) {
        checkRoom(SPAN_BYTES);
        if (spanCount == spanLeases.length) {
            int room = Math.max(8, spanCount * 2);
            spanLeases = Arrays.copyOf(spanLeases, room);
            spanBacked = Arrays.copyOf(spanBacked, room);
        }
        spanCount++;
        long start = spansStart();
        for (long slot = start + SPAN_BYTES - slotBytes; slot >= start; slot -= slotBytes) {
            cold[sizeClass].push(slot);
        }
    }

    private long spansStart() {
        return spansEnd - ((long) spanCount << SPAN_BITS);
    }

    private int spanOf(long offset) {
        return (int) ((spansEnd - 1 - offset) >>> SPAN_BITS);
    }

    private void checkRoom(long sizeBytes) {
        if (sizeBytes > spansStart() - bump) {
            throw new OutOfNativeMemoryException(
                    "the reservation of "
                            + segment.byteSize()
                            + " bytes is used up; "
                            + leasedBytes
                            + " bytes are leased, "
                            + mappedBytes
                            + " mapped");
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("native memory is closed");
        }
    }

    private @Nullable Throwable origin(long sizeBytes) {
        return options.debug()
                ? new Throwable("lease of " + sizeBytes + " bytes, taken here")
                : null;
    }

    private Lease track(Lease lease) {
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
        synchronized (lock) {
            if (closed) {
                return;
            }
            if (leases != 0) {
                throw leaked();
            }
            closed = true;
        }
        try {
            arena.close();
        } catch (IllegalStateException e) {
            synchronized (lock) {
                closed = false;
            }
            throw new IllegalStateException(
                    "native memory is in use by a call of another thread that holds no lease", e);
        }
        // what could not be cleared went with the rest
        mappedFiles.addAndGet(-stuck.size / 2);
    }

    private IllegalStateException leaked() {
        IllegalStateException e =
                new IllegalStateException(
                        leases
                                + " leases are still out ("
                                + leasedBytes
                                + " bytes allocated, "
                                + mappedBytes
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

    /** A stack of slot offsets, or of whatever else is a number, without boxing. */
    private static final class OffsetStack {
        private long[] offsets = {};
        private int size;

        boolean isEmpty() {
            return size == 0;
        }

        void push(long offset) {
            if (size == offsets.length) {
                offsets = Arrays.copyOf(offsets, Math.max(8, size * 2));
            }
            offsets[size++] = offset;
        }

        long pop() {
            return offsets[--size];
        }
    }
}
