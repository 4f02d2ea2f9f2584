package io.espalier.pager;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.OutOfNativeMemoryException;
import org.jspecify.annotations.Nullable;

/**
 * Sealed bytes that are resident or paged: a chunk's, as far as the floors above are concerned.
 * They are read through a {@link Pin}. Where they are meanwhile is the pager's business:
 *
 * <pre>
 *              adopt                  page out                 pin
 *   lease ────────────▶ resident ─────────────────▶ paged ──────────────▶ paged, read in place
 *                          ▲                          │  ▲                  (no codec)
 *                          │ a copy: decoded for pins │  │ last pin closed, and the budget
 *                          └──────────────────────────┘  │ (or the window) is full
 *                                                        └───────────────
 * </pre>
 *
 * <p>Between resident and paged it may wait for a writer, readable and resident as before; if it is
 * closed meanwhile, it is never written. What {@link #prefetch} brings in is as if it were pinned
 * and let go again, only earlier.
 *
 * <p>It has one owner, who closes it once. Everybody may pin it, from any thread, until then.
 */
public final class Image implements AutoCloseable {

    /** Whether the bytes are to come, or came, before anybody pins them. */
    enum Ahead {
        NO,
        WANTED,
        HELD
    }

    final Pager pager;
    private final long sizeBytes;
    final long chargeBytes;
    private final int depth;

    /** Of {@link ImageLock}, and nobody else. */
    @SuppressWarnings("unused") // through its updater
    volatile int lockState;

    // all guarded by the lock, and known to ImageLeaving, besides; the budget is charged for the
    // lease, or the place, while there is one
    @Nullable Lease lease;

    /** Whether the lease is one that the store loaded. */
    private boolean loaded;

    @Nullable StoredPage page;
    int pins;
    boolean inPlace;
    boolean writing;
    boolean closed;
    Ahead ahead = Ahead.NO;

    /** Pinned since the last pass looked. Lossy by intent. */
    volatile boolean touched;

    /** Links of {@link ImageQueue}, guarded by the lock of {@link ImageQueues}. */
    @Nullable ImageQueue queue;

    @Nullable Image previous;
    @Nullable Image next;

    /** When it began to wait for a writer. Guarded by the lock of {@link ImageQueues}. */
    long queuedNanos;

    /** Of a lease that the budget is charged for already. */
    Image(Pager pager, Lease lease, int depth) {
        this.pager = pager;
        this.lease = lease;
        this.sizeBytes = lease.sizeBytes();
        this.chargeBytes = lease.accountedBytes();
        this.depth = depth;
        SpillCounters counters = pager.counters();
        counters.images.increment();
        counters.residentBytes.add(chargeBytes);
        pager.queues().enterBand(this);
    }

    /** The size in bytes. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** How many merges the bytes have survived, as said when they were adopted. */
    public int depth() {
        return depth;
    }

    /** What the budget is charged for it while it is resident. */
    long chargeBytes() {
        return chargeBytes;
    }

    /** Whether the bytes are in allocated memory now, charged to the budget. */
    public boolean isResident() {
        ImageLock.lock(this);
        try {
            return lease != null;
        } finally {
            ImageLock.unlock(this);
        }
    }

    boolean isClosed() {
        ImageLock.lock(this);
        try {
            return closed;
        } finally {
            ImageLock.unlock(this);
        }
    }

    /** Whether the bytes have been written to a spill file. */
    public boolean isPaged() {
        ImageLock.lock(this);
        try {
            return page != null;
        } finally {
            ImageLock.unlock(this);
        }
    }

    /**
     * Holds the bytes in place for reading. Resident bytes are given where they are; a page without
     * codec where it is mapped; any other page is decoded into memory that all pins of this image
     * share. Either is charged to the budget. A copy goes with the last pin while the budget is in
     * debt, and may stay for the next one while it is not; what is mapped stays as long as the
     * window of such pages has room.
     *
     * <p>Waits while another pin of the same image brings its page in, and for nothing else.
     *
     * @throws DamagedPageException if the page does not hold what was written
     * @throws IllegalStateException if this image is closed
     */
    public Pin pin() {
        return new Pin(this, hold());
    }

    /**
     * The same without an object: for holds that begin and end in one place. Whoever takes it says
     * {@link #letGo} exactly once.
     *
     * @return where the bytes start in the segment of the pager's memory
     */
    public long hold() {
        long startNanos = 0;
        if (!ImageLock.tryLock(this)) {
            startNanos = System.nanoTime();
            ImageLock.lock(this);
        }
        boolean broughtIn;
        long offset;
        try {
            checkOpen();
            broughtIn = lease == null && !inPlace;
            if (ahead != Ahead.NO) {
                endAhead(true);
            }
            if (broughtIn) {
                startNanos = startNanos == 0 ? System.nanoTime() : startNanos;
                bringIn(false);
            } else if (!touched) {
                touched = true;
            }
            Lease held = lease;
            offset = held != null ? held.offset() : stored().mappedOffset();
            pins++;
        } finally {
            ImageLock.unlock(this);
        }
        SpillCounters counters = pager.counters();
        counters.pins.increment();
        if (startNanos != 0) {
            counters.fetched(System.nanoTime() - startNanos);
        }
        if (broughtIn) {
            pager.residency().trimWindow();
            pager.residency().dropCopies();
            pager.residency().settleBehind();
        }
        return offset;
    }

    /**
     * Copies the bytes of a page to memory of the caller: from the file and through the codec, in
     * one pass, without a mapping and without a copy that is charged to the budget. Nothing of it
     * stays behind. Meanwhile the image counts as pinned; others pin and read it at the same time.
     *
     * @param target at least {@link #sizeBytes()} bytes, of any memory; undefined if this throws
     * @return false if the bytes are in memory: nothing is copied then, and a pin costs nothing
     * @throws DamagedPageException if the page does not hold what was written
     * @throws IllegalArgumentException if the target is too small, or a mapped file
     * @throws IllegalStateException if this image, or the target, is closed
     */
    public boolean readInto(Lease target) {
        return ImageReads.readInto(this, target);
    }

    /**
     * Appends ranges of the bytes to a buffer, in the order in which they are asked for, wherever
     * the bytes are. Neither a copy nor a mapping stays behind: a page is read, checked and decoded
     * beside, whole, since its checksum is that of the whole page, and once for all ranges. Bytes
     * in memory are copied from there. Ranges that hold nothing do no I/O.
     *
     * @param ranges offset and size of each range in bytes, in turn; they may overlap, and come in
     *     any order
     * @param target what the content is appended to, of any memory; unchanged if this throws
     * @throws IllegalArgumentException if {@code ranges} has an odd length
     * @throws IndexOutOfBoundsException if a range is not one of the image; nothing is read then
     * @throws DamagedPageException if the page does not hold what was written
     * @throws IllegalStateException if this image is closed
     */
    public void readRanges(long[] ranges, NativeBuffer target) {
        ImageReads.readRanges(this, ranges, target);
    }

    /**
     * Pins the page, for who reads it from the file: {@link #letGo} ends that.
     *
     * @return null, and no pin, if the bytes are in memory
     */
    @Nullable StoredPage holdPage() {
        ImageLock.lock(this);
        try {
            checkOpen();
            if (lease != null || inPlace) {
                return null;
            }
            if (ahead != Ahead.NO) {
                endAhead(true); // it comes now
            }
            pins++;
            return stored();
        } finally {
            ImageLock.unlock(this);
        }
    }

    private void bringIn(boolean isAhead) {
        long startNanos = System.nanoTime();
        PageInEvent event = PageInEvent.begun();
        StoredPage from = stored();
        SpillCounters counters = pager.counters();
        ImageQueues queues = pager.queues();
        if (from.isInPlace()) {
            long placeBytes = from.extent().sizeBytes();
            pager.budget().take(placeBytes);
            boolean good = false;
            try {
                pager.store().verifyInPlace(from);
                good = true;
            } finally {
                if (!good) {
                    pager.store().forget(from);
                    pager.budget().giveBack(placeBytes);
                }
            }
            inPlace = true;
            counters.inPlaceBytes.add(placeBytes);
            if (!isAhead) {
                queues.enterWindow(this, from.extent().sizeBytes());
            }
        } else {
            pager.budget().take(chargeBytes);
            boolean good = false;
            try {
                lease = pager.store().load(from, sizeBytes);
                loaded = true;
                good = true;
            } finally {
                if (!good) {
                    pager.budget().giveBack(chargeBytes);
                }
            }
            counters.residentBytes.add(chargeBytes);
            counters.copyBytes.add(chargeBytes);
            if (!isAhead) {
                queues.enterCopies(this);
            }
        }
        counters.pagedIn(sizeBytes, from, System.nanoTime() - startNanos);
        if (event != null && event.shouldCommit()) {
            event.commit(sizeBytes, from, isAhead);
        }
    }

    /** Ends a {@link #hold}. */
    public void letGo() {
        ImageLock.lock(this);
        try {
            assert pins > 0 : "a pin was closed that was not open";
            pins--;
            if (pins == 0 && page != null) {
                if (lease != null && pager.residency().debtBytes() > 0) {
                    dropLease();
                } else if (inPlace && pager.queues().isWindowFull()) {
                    leavePlace();
                }
            }
        } finally {
            ImageLock.unlock(this);
        }
        pager.counters().pinsClosed.increment();
    }

    /**
     * Sends the bytes out now, whatever the budget says.
     *
     * @return false if the image is pinned, and so stays; true if no memory holds its bytes now
     * @throws SpillException if they cannot be written; the image stays resident
     * @throws IllegalStateException if this image is closed
     */
    public boolean pageOut() {
        try {
            ImageLock.lock(this);
            try {
                awaitWritten();
                checkOpen();
                if (pins > 0) {
                    return false;
                }
                if (lease != null && page == null) {
                    write();
                }
                if (pins > 0) {
                    return false;
                }
                if (ahead != Ahead.NO) {
                    endAhead(false);
                }
                if (lease != null) {
                    dropLease();
                } else if (inPlace) {
                    leavePlace();
                }
                return true;
            } finally {
                ImageLock.unlock(this);
            }
        } catch (SpillException e) {
            pager.residency().writeFailed(e);
            throw e;
        }
    }

    /**
     * Asks for the bytes to be brought in ahead of a pin that is to come soon: a thread of the
     * pager reads, checks and decodes them, and they are held until then, as far as {@link
     * PagerOptions#prefetchBytes} goes. Without such threads the system is asked to read ahead. It
     * is a wish: it may do less, or nothing. Never waits.
     *
     * @throws IllegalStateException if this image is closed
     */
    public void prefetch() {
        if (!ImageLock.tryLock(this)) {
            return;
        }
        try {
            checkOpen();
            if (lease != null || inPlace || ahead != Ahead.NO || !pager.readsAhead()) {
                return;
            }
            if (pager.hasWriters()) {
                // before the wish: its writer waits for the lock of this image
                ahead = Ahead.WANTED;
                if (pager.residency().want(this, aheadBytes())) {
                    return;
                }
                ahead = Ahead.NO;
                pager.counters().prefetchesRefused.increment();
            }
            pager.store().prefetch(stored());
        } finally {
            ImageLock.unlock(this);
        }
    }

    /** What it takes to hold the bytes before they are pinned. */
    private long aheadBytes() {
        StoredPage from = stored();
        return from.isInPlace() ? from.extent().sizeBytes() : chargeBytes;
    }

    /** What a writer does for an image that is wanted ahead. */
    void bringAhead() {
        ImageLock.lock(this);
        try {
            if (closed || ahead != Ahead.WANTED) {
                return;
            }
            try {
                bringIn(true);
            } catch (DamagedPageException | OutOfNativeMemoryException e) {
                // whoever pins it meets the same, and can say so
                endAhead(false);
                return;
            }
            ahead = Ahead.HELD;
            pager.counters().prefetches.increment();
            pager.queues().enterAhead(this);
        } finally {
            ImageLock.unlock(this);
        }
    }

    /** The image is not one that is held ahead any more, but like any other. */
    void endAhead(boolean isHit) {
        ImageQueues queues = pager.queues();
        boolean held = ahead == Ahead.HELD;
        ahead = Ahead.NO;
        queues.releaseAhead(aheadBytes());
        if (!held) {
            queues.leave(this);
            return;
        }
        SpillCounters counters = pager.counters();
        (isHit ? counters.prefetchHits : counters.prefetchesWasted).increment();
        if (inPlace) {
            queues.enterWindow(this, stored().extent().sizeBytes());
        } else {
            queues.enterCopies(this);
        }
    }

    /**
     * Writes the bytes. The lock is released meanwhile, so that pins go on; nobody drops or closes
     * the image while {@code writing}. Afterwards the memory is a copy of the page.
     */
    void write() {
        Lease source = lease;
        if (source == null || page != null || writing) {
            throw new AssertionError("nothing to write");
        }
        writing = true;
        StoredPage result = null;
        ImageLock.unlock(this);
        try {
            result = pager.store().write(source.offset(), sizeBytes, depth);
        } finally {
            ImageLock.lock(this);
            writing = false;
            ImageLock.wakeAll(this);
            if (result == null) {
                pager.queues().enterBand(this);
            }
        }
        page = result;
        pager.residency().writeSucceeded();
        SpillCounters counters = pager.counters();
        counters.pagedImages.increment();
        counters.pagedRawBytes.add(sizeBytes);
        counters.pagedStoredBytes.add(result.storedBytes());
        counters.copyBytes.add(chargeBytes);
        pager.queues().enterCopies(this);
    }

    /** Frees the memory of an image whose page is written. */
    void dropLease() {
        pager.counters().copyBytes.add(-chargeBytes);
        releaseLease();
    }

    /** Whether the image was waiting for a writer. */
    private boolean releaseLease() {
        Lease held = lease;
        if (held == null) {
            throw new AssertionError("nothing is resident");
        }
        boolean waited = pager.queues().leave(this);
        pager.counters().residentBytes.add(-chargeBytes);
        lease = null;
        if (loaded) {
            loaded = false;
            pager.store().unload(held);
        } else {
            held.close();
        }
        pager.budget().giveBack(chargeBytes);
        return waited;
    }

    void leavePlace() {
        StoredPage from = stored();
        long placeBytes = from.extent().sizeBytes();
        inPlace = false;
        pager.queues().leaveWindow(this, placeBytes);
        pager.store().forget(from);
        pager.budget().giveBack(placeBytes);
        pager.counters().inPlaceBytes.add(-placeBytes);
        pager.counters().pageDrops.increment();
    }

    private StoredPage stored() {
        StoredPage stored = page;
        if (stored == null) {
            throw new AssertionError("an image is neither resident nor paged");
        }
        return stored;
    }

    /** The page, for tests that damage it. */
    @Nullable StoredPage storedForTest() {
        return page;
    }

    private void awaitWritten() {
        while (writing) {
            ImageLock.await(this);
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("image of " + sizeBytes + " bytes is closed");
        }
    }

    /**
     * Frees the bytes, wherever they are. Waits while they are being written.
     *
     * @throws IllegalStateException if this image is closed already, or pinned; nothing changes
     *     then
     */
    @Override
    public void close() {
        SpillCounters counters = pager.counters();
        ImageLock.lock(this);
        try {
            awaitWritten();
            if (closed) {
                throw new IllegalStateException(
                        "image of " + sizeBytes + " bytes is closed a second time");
            }
            if (pins > 0) {
                throw new IllegalStateException(
                        "image of "
                                + sizeBytes
                                + " bytes is closed while "
                                + pins
                                + " pins are open; close them first");
            }
            if (ahead != Ahead.NO) {
                endAhead(false);
            }
            closed = true;
            StoredPage dead = page;
            if (lease != null) {
                if (dead != null) {
                    dropLease();
                } else {
                    counters.writesElided.increment();
                    counters.writesElidedBytes.add(sizeBytes);
                    if (releaseLease()) {
                        counters.writesCancelled.increment();
                        counters.writesCancelledBytes.add(sizeBytes);
                    }
                }
            }
            if (inPlace) {
                leavePlace();
            }
            if (dead != null) {
                page = null;
                counters.pagedImages.decrement();
                counters.pagedRawBytes.add(-sizeBytes);
                counters.pagedStoredBytes.add(-dead.storedBytes());
                pager.store().free(dead);
            }
            counters.images.decrement();
        } finally {
            ImageLock.unlock(this);
        }
        pager.forget(this);
    }

    @Override
    public String toString() {
        return "image of " + sizeBytes + " bytes at depth " + depth;
    }
}
