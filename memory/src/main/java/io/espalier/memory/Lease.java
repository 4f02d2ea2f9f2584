package io.espalier.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One owner's hold on a range of bytes of a {@link NativeMemory}: allocated, or mapped from a file.
 * The owner closes it exactly once; a second close, and any use after the first, is an {@link
 * IllegalStateException}.
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
    private final long offset;
    private final long sizeBytes;
    private final int sizeClass;
    private final boolean mapped;
    private final @Nullable Throwable origin;

    private volatile boolean open = true;

    Lease(
            NativeMemory memory,
            long offset,
            long sizeBytes,
            int sizeClass,
            boolean mapped,
            @Nullable Throwable origin) {
        this.memory = memory;
        this.offset = offset;
        this.sizeBytes = sizeBytes;
        this.sizeClass = sizeClass;
        this.mapped = mapped;
        this.origin = origin;
    }

    /** Where the bytes start in {@link NativeMemory#segment()}; a multiple of 64. */
    public long offset() {
        checkOpen();
        return offset;
    }

    /** How many bytes were asked for. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /**
     * What {@link NativeMemory#stats()} counts for this lease, in bytes: whole pages, or the slot
     * when it is smaller than a page. This is what a budget is to be charged for it.
     */
    public long accountedBytes() {
        return NativeMemory.accountedBytes(sizeClass, sizeBytes);
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
            throw new IllegalStateException("lease of " + sizeBytes + " bytes is closed");
        }
    }

    int sizeClass() {
        return sizeClass;
    }

    @Nullable Throwable origin() {
        return origin;
    }

    @Override
    public void close() {
        if (!OPEN.compareAndSet(this, true, false)) {
            throw new IllegalStateException(
                    "lease of " + sizeBytes + " bytes is closed a second time");
        }
        memory.release(this, offset);
    }

    @Override
    public String toString() {
        return (mapped ? "mapped" : "allocated") + " lease of " + sizeBytes + " bytes";
    }
}
