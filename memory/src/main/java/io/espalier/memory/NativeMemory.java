package io.espalier.memory;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
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
 * to a limit, beyond that its pages go back to the system. The counter of leased bytes is exact;
 * {@link #close()} refuses while anything is out.
 *
 * <p>Where the native calls are missing, the reservation is a sparse temporary file and mapping is
 * reading: slower, and memory goes back only at close, but nothing else differs.
 *
 * <p>Thread-safe.
 */
public final class NativeMemory implements AutoCloseable {

    /** How a memory is set up. */
    public record Options(long reserveBytes, long warmBytes, boolean debug) {

        /** The default limit of pages that freed slots keep: 8 MiB. */
        public static final long WARM_BYTES_DEFAULT = 8L << 20;

        /** The default reservation: 2 TiB of address space. */
        public static final long RESERVE_BYTES_DEFAULT = 2L << 40;

        public Options {
            if (reserveBytes < RESERVE_BYTES_MIN) {
                throw new IllegalArgumentException(
                        "reservation of " + reserveBytes + " bytes; give " + RESERVE_BYTES_MIN
                                + " or more");
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

    /** What is out, at one moment; all in bytes but {@code leases}. */
    public record Stats(
            long leases, long leasedBytes, long leasedBytesPeak, long mappedBytes, long warmBytes) {}

    private static final long RESERVE_BYTES_MIN = 1L << 26;
    private static final long FALLBACK_RESERVE_BYTES = 1L << 36;
    private static final long SMALL_SPAN_BYTES = 1L << 16;
    private static final byte POISON = (byte) 0xDB;
    private static final int NAMED_LEAKS_MAX = 5;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final long baseAddress;
    private final boolean isNative;
    private final Options options;
    private final @Nullable Set<Lease> out;

    private final Object lock = new Object();
    // all guarded by lock
    private final OffsetStack[] warm = new OffsetStack[SizeClasses.COUNT];
    private final OffsetStack[] cold = new OffsetStack[SizeClasses.COUNT];
    private long bump = SizeClasses.PAGE_BYTES;
    private long leases;
    private long leasedBytes;
    private long leasedBytesPeak;
    private long mappedBytes;
    private long warmBytes;
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
                size >>= 1;
                address = SystemCalls.reserve(size);
            }
        }
        this.isNative = address != -1;
        if (isNative) {
            this.baseAddress = address;
            this.segment = Reservation.over(address, size, arena);
        } else {
            this.baseAddress = 0;
            this.segment =
                    Reservation.sparseFile(
                            Math.min(
                                    FALLBACK_RESERVE_BYTES,
                                    SizeClasses.pagesUp(options.reserveBytes())),
                            arena);
        }
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

    /** The options that this memory was opened with. */
    public Options options() {
        return options;
    }

    /**
     * Leases {@code sizeBytes} bytes with undefined content, 64-byte aligned, page-aligned from one
     * page on.
     *
     * @throws OutOfNativeMemoryException if the reservation is used up
     * @throws IllegalStateException if this memory is closed
     */
    public Lease allocate(long sizeBytes) {
        int sizeClass = sizeClass(sizeBytes);
        long slotBytes = SizeClasses.slotBytes(sizeClass);
        long offset;
        synchronized (lock) {
            checkOpen();
            if (!warm[sizeClass].isEmpty()) {
                offset = warm[sizeClass].pop();
                warmBytes -= slotBytes;
            } else if (!cold[sizeClass].isEmpty()) {
                offset = cold[sizeClass].pop();
            } else {
                offset = carve(sizeClass, slotBytes);
            }
            leases++;
            leasedBytes += accountedBytes(sizeClass, sizeBytes);
            leasedBytesPeak = Math.max(leasedBytesPeak, leasedBytes);
        }
        return track(new Lease(this, offset, sizeBytes, sizeClass, false, origin()));
    }

    /**
     * Maps {@code [position, position + sizeBytes)} of a file for reading, whole pages, not charged
     * as leased memory. What is written to these bytes stays private to the process and is lost.
     *
     * @param position a multiple of 4096
     * @throws IOException if the file cannot be opened or is shorter than that
     */
    public Lease map(Path file, long position, long sizeBytes) throws IOException {
        if (position < 0 || position % SizeClasses.PAGE_BYTES != 0) {
            throw new IllegalArgumentException(
                    "mapping " + file + " at " + position + "; give a multiple of 4096");
        }
        int sizeClass = sizeClass(Math.max(sizeBytes, SizeClasses.PAGE_BYTES));
        long fileBytes = Files.size(file);
        if (fileBytes - position < sizeBytes) {
            throw new EOFException(
                    file + " has " + fileBytes + " bytes, expected " + (position + sizeBytes)
                            + " or more");
        }
        long offset;
        synchronized (lock) {
            checkOpen();
            if (!cold[sizeClass].isEmpty()) {
                offset = cold[sizeClass].pop();
            } else {
                offset = carve(sizeClass, SizeClasses.slotBytes(sizeClass));
            }
        }
        boolean done = false;
        try {
            if (isNative) {
                SystemCalls.mapFile(
                        baseAddress + offset, SizeClasses.pagesUp(sizeBytes), file, position);
            } else {
                read(file, position, offset, sizeBytes);
            }
            done = true;
        } finally {
            synchronized (lock) {
                if (done) {
                    leases++;
                    mappedBytes += SizeClasses.pagesUp(sizeBytes);
                } else {
                    cold[sizeClass].push(offset);
                }
            }
        }
        return track(new Lease(this, offset, sizeBytes, sizeClass, true, origin()));
    }

    private void read(Path file, long position, long offset, long sizeBytes) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long done = 0;
            while (done < sizeBytes) {
                long part = Math.min(1 << 30, sizeBytes - done);
                ByteBuffer target = segment.asSlice(offset + done, part).asByteBuffer();
                int count = channel.read(target, position + done);
                if (count < 0) {
                    throw new EOFException(file + " ends at " + (position + done));
                }
                done += count;
            }
        }
    }

    /**
     * Gives back the pages that lie wholly in the range and are backed by memory. Mapped files are
     * read again when touched; allocated bytes become zero.
     */
    public void discard(long offset, long sizeBytes) {
        long from = SizeClasses.pagesUp(offset);
        long to = (offset + sizeBytes) & -SizeClasses.PAGE_BYTES;
        if (isNative && to > from) {
            SystemCalls.discard(baseAddress + from, to - from);
        }
    }

    /** Asks the system to read the mapped pages of the range ahead. */
    public void prefetch(long offset, long sizeBytes) {
        long from = offset & -SizeClasses.PAGE_BYTES;
        if (isNative && sizeBytes > 0) {
            SystemCalls.willNeed(
                    baseAddress + from, SizeClasses.pagesUp(offset + sizeBytes) - from);
        }
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
        switch (SystemCalls.populate(baseAddress + from, pagesBytes)) {
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
                "a mapped page in [" + from + ", " + (from + sizeBytes)
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
            return new Stats(leases, leasedBytes, leasedBytesPeak, mappedBytes, warmBytes);
        }
    }

    void release(Lease lease, long offset) {
        int sizeClass = lease.sizeClass();
        long slotBytes = SizeClasses.slotBytes(sizeClass);
        if (out != null) {
            out.remove(lease);
        }
        if (lease.isMapped()) {
            long pages = SizeClasses.pagesUp(lease.sizeBytes());
            if (isNative) {
                SystemCalls.mapNothing(baseAddress + offset, pages);
            }
            synchronized (lock) {
                leases--;
                mappedBytes -= pages;
                cold[sizeClass].push(offset);
            }
            return;
        }
        if (options.debug()) {
            segment.asSlice(offset, lease.sizeBytes()).fill(POISON);
        }
        boolean small = SizeClasses.isSmall(sizeClass);
        boolean keep;
        synchronized (lock) {
            leases--;
            leasedBytes -= accountedBytes(sizeClass, lease.sizeBytes());
            keep = small || warmBytes + slotBytes <= options.warmBytes();
            if (keep) {
                warmBytes += slotBytes;
                warm[sizeClass].push(offset);
            }
        }
        if (!keep) {
            // outside of the lock: the call walks the pages; nobody else knows the slot yet
            discard(offset, slotBytes);
            synchronized (lock) {
                cold[sizeClass].push(offset);
            }
        }
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
        if (sizeBytes > segment.byteSize() / 2) {
            throw new OutOfNativeMemoryException(
                    "lease of " + sizeBytes + " bytes exceeds half of the reservation of "
                            + segment.byteSize() + " bytes");
        }
        return SizeClasses.of(sizeBytes);
    }

    /** Takes fresh address space; small slots come many at a time. */
    private long carve(int sizeClass, long slotBytes) {
        boolean small = SizeClasses.isSmall(sizeClass);
        long span = small ? SMALL_SPAN_BYTES : slotBytes;
        // one page stays unused at the end, so that a kernel may read a word past the last byte
        if (bump + span > segment.byteSize() - SizeClasses.PAGE_BYTES) {
            throw new OutOfNativeMemoryException(
                    "the reservation of " + segment.byteSize() + " bytes is used up; "
                            + leasedBytes + " bytes are leased, " + mappedBytes + " mapped");
        }
        long offset = bump;
        bump += span;
        if (small) {
            for (long slot = offset + span - slotBytes; slot > offset; slot -= slotBytes) {
                cold[sizeClass].push(slot);
            }
        }
        return offset;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("native memory is closed");
        }
    }

    private @Nullable Throwable origin() {
        return options.debug() ? new Throwable("leased here") : null;
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
     *     message's suppressed exceptions say who leased them.
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
        arena.close();
    }

    private IllegalStateException leaked() {
        IllegalStateException e =
                new IllegalStateException(
                        leases + " leases are still out (" + leasedBytes + " bytes allocated, "
                                + mappedBytes + " mapped); close what holds them first"
                                + (out == null ? "; -Despalier.memory.debug=true says who" : ""));
        if (out != null) {
            List<Lease> some = new ArrayList<>(out);
            Collections.shuffle(some);
            for (Lease lease : some.subList(0, Math.min(NAMED_LEAKS_MAX, some.size()))) {
                if (lease.origin() != null) {
                    e.addSuppressed(lease.origin());
                }
            }
        }
        return e;
    }

    /** A stack of slot offsets, without boxing. */
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
