package io.espalier.memory;

import java.util.Arrays;

/**
 * Which ranges of a {@link NativeMemory}'s reservation are in use, and what of the others may still
 * be backed: bookkeeping alone, no byte is touched here.
 *
 * <p>Slots of whole pages are carved upwards from the start, spans of small ones downwards from the
 * end. Page 0 and the last page stay unused, so that a kernel may read a word past.
 *
 * <p>Whoever calls it holds its monitor: what belongs together is more than one call. The monitor
 * also guards what {@link Mappings} keeps.
 */
final class Slots {

    private static final int SPAN_BITS = 16;

    /** The size of a span of small slots. */
    static final long SPAN_BYTES = 1L << SPAN_BITS;

    private final long reservedBytes;
    private final long warmBytesMax;
    private final long spansEnd;

    // small slots are all in cold: whether they are backed is a matter of their span
    // warm slots are each followed by how many of their bytes may be backed, from the start
    private final OffsetStack[] warm = new OffsetStack[SizeClasses.COUNT];
    private final OffsetStack[] cold = new OffsetStack[SizeClasses.COUNT];
    private long bump = SizeClasses.PAGE_BYTES;
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

    /**
     * All free.
     *
     * @param reservedBytes the size of the reservation
     * @param warmBytesMax how many bytes of pages free slots may keep
     */
    Slots(long reservedBytes, long warmBytesMax) {
        this.reservedBytes = reservedBytes;
        this.warmBytesMax = warmBytesMax;
        this.spansEnd = reservedBytes - SizeClasses.PAGE_BYTES;
        for (int i = 0; i < SizeClasses.COUNT; i++) {
            warm[i] = new OffsetStack();
            cold[i] = new OffsetStack();
        }
    }

    /** For assertions: whether the caller holds the monitor. */
    private boolean isHeld() {
        return Thread.holdsLock(this);
    }

    // ---- what is out --------------------------------------------------------------------------

    void checkOpen() {
        assert isHeld();
        if (closed) {
            throw new IllegalStateException("native memory is closed");
        }
    }

    boolean isClosed() {
        return closed;
    }

    /** Opens again what failed to close; while closed, {@link #checkOpen} fails. */
    void setClosed(boolean closed) {
        assert isHeld();
        this.closed = closed;
    }

    long leases() {
        return leases;
    }

    long leasedBytes() {
        return leasedBytes;
    }

    long mappedBytes() {
        return mappedBytes;
    }

    NativeMemory.Stats stats() {
        assert isHeld();
        return new NativeMemory.Stats(
                leases, leasedBytes, leasedBytesPeak, mappedBytes, warmBytes());
    }

    /** One more lease, of so many {@linkplain SizeClasses#accountedBytes accounted bytes}. */
    void countLease(long bytes) {
        assert isHeld();
        leases++;
        leasedBytes += bytes;
        leasedBytesPeak = Math.max(leasedBytesPeak, leasedBytes);
    }

    /** Once nothing is done with its range any more: until then the memory cannot be closed. */
    void uncountLease(long bytes) {
        assert isHeld();
        leases--;
        leasedBytes -= bytes;
    }

    /** A lease has lost so many of its accounted bytes. */
    void shrinkLease(long bytes) {
        assert isHeld();
        leasedBytes -= bytes;
    }

    /** One more mapped lease, of so many bytes in whole pages. */
    void countMapping(long bytes) {
        assert isHeld();
        leases++;
        mappedBytes += bytes;
    }

    /** Like {@link #uncountLease}, for a mapped one. */
    void uncountMapping(long bytes) {
        assert isHeld();
        leases--;
        mappedBytes -= bytes;
    }

    /** What free slots may keep backed. */
    long warmBytes() {
        return pagesWarmBytes + smallBackedBytes - smallLeasedBytes;
    }

    // ---- slots of whole pages -----------------------------------------------------------------

    boolean hasWarm(int sizeClass) {
        return !warm[sizeClass].isEmpty();
    }

    /** How many bytes of the slot that {@link #takeWarm} gives next may be backed. */
    long backedBytesOfWarm(int sizeClass) {
        return warm[sizeClass].top();
    }

    /**
     * A slot that may be backed. What an earlier lease had beyond the end of this one stays warm.
     *
     * @param endBytes where the lease that gets it ends, in whole pages
     */
    long takeWarm(int sizeClass, long endBytes) {
        assert isHeld();
        pagesWarmBytes -= Math.min(warm[sizeClass].pop(), endBytes);
        return warm[sizeClass].pop();
    }

    /** Pages behind the end of a lease count as warm no more; {@link #keepWarm} may follow. */
    void takeSurplus(long surplusBytes) {
        assert isHeld();
        pagesWarmBytes -= surplusBytes;
    }

    /** A slot that nothing backs. */
    long takeCold(int sizeClass) {
        assert isHeld();
        if (!cold[sizeClass].isEmpty()) {
            return cold[sizeClass].pop();
        }
        long slotBytes = SizeClasses.slotBytes(sizeClass);
        checkRoom(slotBytes);
        long offset = bump;
        bump += slotBytes;
        return offset;
    }

    /** Whether pages that nobody needs now may be kept; they count as warm from then on. */
    boolean keepWarm(long backedBytes) {
        assert isHeld();
        if (warmBytes() + backedBytes > warmBytesMax) {
            return false;
        }
        pagesWarmBytes += backedBytes;
        return true;
    }

    /** Frees a slot whose pages went back. */
    void freeCold(int sizeClass, long offset) {
        assert isHeld();
        cold[sizeClass].push(offset);
    }

    /**
     * Frees a slot that keeps its pages.
     *
     * @param counted whether {@link #keepWarm} counted them
     */
    void freeWarm(int sizeClass, long offset, long backedBytes, boolean counted) {
        assert isHeld();
        warm[sizeClass].push(offset);
        warm[sizeClass].push(backedBytes);
        pagesWarmBytes += counted ? 0 : backedBytes;
    }

    // ---- small slots --------------------------------------------------------------------------

    /** A slot of a span, of which the pages are counted as backed from now on. */
    long takeSmall(int sizeClass) {
        assert isHeld();
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

    /**
     * Frees a small slot.
     *
     * @return where its span starts if the span is to give its pages back, else -1
     */
    long freeSmall(int sizeClass, long offset) {
        assert isHeld();
        cold[sizeClass].push(offset);
        smallLeasedBytes -= SizeClasses.slotBytes(sizeClass);
        int span = spanOf(offset);
        spanLeases[span]--;
        return spanLeases[span] == 0 && warmBytes() > warmBytesMax
                ? spansEnd - ((span + 1L) << SPAN_BITS)
                : -1;
    }

    /** The span of a slot has given its pages back. */
    void coolSpan(long offset) {
        assert isHeld();
        spanBacked[spanOf(offset)] = false;
        smallBackedBytes -= SPAN_BYTES;
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
                            + reservedBytes
                            + " bytes is used up; "
                            + leasedBytes
                            + " bytes are leased, "
                            + mappedBytes
                            + " mapped");
        }
    }

    /** A stack of slot offsets, or of whatever else is a number, without boxing. */
    static final class OffsetStack {
        private long[] offsets = {};
        private int size;

        boolean isEmpty() {
            return size == 0;
        }

        int size() {
            return size;
        }

        long top() {
            return offsets[size - 1];
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
