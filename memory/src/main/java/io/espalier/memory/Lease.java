package io.espalier.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One owner's hold on a range of bytes of a {@link NativeMemory}: allocated, or mapped from a file.
 * The owner closes it exactly once; a second close, and asking where the bytes are after the first,
 * is an {@link IllegalStateException}.
 *
 * <p>A lease may be handed to another thread; it is closed from any one thread. The bytes are as
 * thread-safe as the owner makes them.
 */
public final class Lease implements AutoCloseable {

    private static final VarHandle OPEN;

    static {
        try {
            OPEN = MethodHandles.lookup().findVarHandle(Lease.class, "open", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final NativeMemory memory;
    private long offset;
    private long sizeBytes;
    private long backedBytes;
    private int sizeClass;
    private final boolean mapped;
    private @Nullable Throwable origin;

    private volatile boolean open;

    /** Holds nothing, until it {@link #holds} something. */
    Lease(NativeMemory memory, boolean mapped) {
        this.memory = memory;
        this.mapped = mapped;
    }

    /** From here on this is a hold on these bytes. */
    Lease holds(
            long offset,
            long sizeBytes,
            long backedBytes,
            int sizeClass,
            @Nullable Throwable origin) {
        assert !open : this;
        this.offset = offset;
        this.sizeBytes = sizeBytes;
        this.backedBytes = backedBytes;
        this.sizeClass = sizeClass;
        this.origin = origin;
        open = true;
        return this;
    }

    /**
     * Where the bytes start in {@link NativeMemory#segment()}; a multiple of 64, and of 4096 for
     * more than 2048 bytes and for mapped files.
     *
     * @throws IllegalStateException if the lease was closed
     */
    public long offset() {
        checkOpen();
        return offset;
    }

    /** How many bytes were asked for, or are left after {@link #shrink}. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /**
     * What {@link NativeMemory#stats()} counts for this lease, in bytes: whole pages, or the slot
     * when it is smaller than a page. This is what a budget is to be charged for it.
     */
    public long accountedBytes() {
        return SizeClasses.accountedBytes(sizeClass, sizeBytes);
    }

    /**
     * Gives back what lies beyond the first {@code sizeBytes} bytes, of which the content is lost;
     * pages of it may stay warm, like those of free slots, for the next user of the slot. For
     * whoever took more than was needed; done before anybody else knows of the lease.
     *
     * @param touchedBytes what was written at most, from the start: pages beyond are not backed
     * @throws IllegalArgumentException if either is more than there is, or {@code sizeBytes} is not
     *     positive
     * @throws IllegalStateException if the lease was closed, or is a mapped file
     */
    public void shrink(long sizeBytes, long touchedBytes) {
        checkOpen();
        if (mapped) {
            throw new IllegalStateException(this + " cannot be shrunk");
        }
        if (sizeBytes <= 0 || sizeBytes > this.sizeBytes || touchedBytes > this.sizeBytes) {
            throw new IllegalArgumentException(
                    this
                            + " of which "
                            + touchedBytes
                            + " were written cannot be shrunk to "
                            + sizeBytes
                            + " bytes; give 1 to its size");
        }
        memory.shrink(this, offset, sizeBytes, touchedBytes);
    }

    /**
     * Makes a lease that was closed a hold on other bytes, as if it came from {@link
     * NativeMemory#allocate}: for an owner who takes and gives back all the time, and does without
     * a new object then. Only for who never showed the lease to anybody: others could not tell that
     * it stands for other bytes.
     *
     * @throws IllegalArgumentException as of {@link NativeMemory#allocate}; the lease stays closed
     * @throws OutOfNativeMemoryException the same
     * @throws IllegalStateException if the lease is still held, is a mapped file, or its memory is
     *     closed
     */
    public void renew(long sizeBytes) {
        if (open || mapped) {
            throw new IllegalStateException(
                    this + (mapped ? " cannot be renewed" : " is still held; close it first"));
        }
        memory.take(this, sizeBytes);
    }

    void setSizeBytes(long sizeBytes) {
        this.sizeBytes = sizeBytes;
    }

    /** The memory that the bytes belong to. */
    public NativeMemory memory() {
        return memory;
    }

    /** Whether the bytes are a mapped file and not allocated memory. */
    public boolean isMapped() {
        return mapped;
    }

    /** Whether the lease is still held. */
    public boolean isOpen() {
        return open;
    }

    /**
     * Checks that the lease is still held.
     *
     * @throws IllegalStateException if it was closed
     */
    public void checkOpen() {
        if (!open) {
            throw new IllegalStateException(this + " is closed");
        }
    }

    /**
     * From where on no page is backed but by whoever holds the lease: what is behind its last page
     * counts as warm. Guarded by the memory.
     */
    long backedBytes() {
        return backedBytes;
    }

    void setBackedBytes(long backedBytes) {
        this.backedBytes = backedBytes;
    }

    /** Pages behind the last one that may be backed. */
    long surplusBytes() {
        return Math.max(0, backedBytes - SizeClasses.pagesUp(sizeBytes));
    }

    int sizeClass() {
        return sizeClass;
    }

    @Nullable Throwable origin() {
        return origin;
    }

    /**
     * Gives the bytes back.
     *
     * @throws IllegalStateException if the lease was closed before
     */
    @Override
    public void close() {
        if (!OPEN.compareAndSet(this, true, false)) {
            throw new IllegalStateException(this + " is closed a second time");
        }
        memory.release(this, offset);
    }

    /** The kind and the size of the lease. */
    @Override
    public String toString() {
        return (mapped ? "mapped" : "allocated") + " lease of " + sizeBytes + " bytes";
    }
}
