package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Image;
import io.espalier.pager.Pager;
import io.espalier.pager.Pin;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * A sealed, immutable run of updates whose body is resident or paged, with what stays resident in
 * any case: counts, time bounds and fences. Chunks are shared by counting: whoever holds one closes
 * it once, and the last one frees the bytes.
 *
 * <p>Thread-safe.
 */
public final class Chunk implements AutoCloseable {

    private static final AtomicIntegerFieldUpdater<Chunk> HOLDERS =
            AtomicIntegerFieldUpdater.newUpdater(Chunk.class, "holders");

    private final NativeMemory memory;
    private final Image image;
    private final Fence fence;
    private final TrieType type;
    private final long keyCount;
    private final long updateCount;
    private final long flatBytes;
    private final long flatBytesOfLast;
    private final long timeMin;
    private final long timeMax;

    /** How many hold the chunk; updated by {@link #HOLDERS}, for an object less for each chunk. */
    private volatile int holders = 1;

    private Chunk(Pager pager, Lease lease, Fence fence, TrieView view, int depth) {
        this.memory = pager.memory();
        this.fence = fence;
        this.type = view.type();
        this.keyCount = view.keyCount();
        this.updateCount = view.updateCount();
        this.flatBytes = view.flatBytes();
        this.flatBytesOfLast = view.flatBytesOfLast();
        this.timeMin = view.timeMin();
        this.timeMax = view.timeMax();
        // last: from here on the pager may move the body
        this.image = pager.adopt(lease, depth);
    }

    /**
     * Makes a chunk of a sealed image and hands its body to the pager.
     *
     * @param lease the image; owned by the chunk from here on, also if this throws
     * @param view a view of it
     * @param depth how many merges the content has survived: the deeper, the colder
     */
    public static Chunk of(Pager pager, Lease lease, TrieView view, int depth) {
        boolean done = false;
        try {
            Chunk chunk = adopt(pager, lease, view, depth);
            done = true;
            return chunk;
        } finally {
            if (!done) {
                lease.close();
            }
        }
    }

    /** The same, but the lease is still the caller's if this throws, who may try again. */
    static Chunk adopt(Pager pager, Lease lease, TrieView view, int depth) {
        Fence fence = Fence.of(pager.memory(), view);
        boolean done = false;
        try {
            Chunk chunk = new Chunk(pager, lease, fence, view, depth);
            done = true;
            return chunk;
        } finally {
            if (!done) {
                fence.close();
            }
        }
    }

    /**
     * Takes another hold on the chunk; each hold is closed once.
     *
     * @throws IllegalStateException if the last hold was closed
     */
    public Chunk share() {
        if (HOLDERS.getAndUpdate(this, n -> n == 0 ? 0 : n + 1) == 0) {
            throw closed();
        }
        return this;
    }

    private IllegalStateException closed() {
        return new IllegalStateException(
                this + " is closed; share it before its last holder closes it");
    }

    /** The type of the trie. */
    public TrieType type() {
        return type;
    }

    /** The number of distinct keys. */
    public long keyCount() {
        return keyCount;
    }

    /** The number of updates: (key, val, time), each with its diff. */
    public long updateCount() {
        return updateCount;
    }

    /** The size of the image in bytes. */
    public long sizeBytes() {
        return image.sizeBytes();
    }

    /** What the chunk is graded by: see {@link TrieView#flatBytes()}. */
    public long flatBytes() {
        return flatBytes;
    }

    /** Whether the chunk is more than one update larger than a target size. */
    boolean exceeds(long targetBytes) {
        return flatBytes - flatBytesOfLast >= targetBytes;
    }

    /** The least time, unsigned. */
    public long timeMin() {
        return timeMin;
    }

    /** The greatest time, unsigned. */
    public long timeMax() {
        return timeMax;
    }

    /**
     * The first and last (key, val, time); valid until the chunk is closed.
     *
     * @throws IllegalStateException if it is
     */
    public Fence fence() {
        if (holders == 0) {
            throw closed();
        }
        return fence;
    }

    /** Whether the body is in memory now. */
    public boolean isResident() {
        return image.isResident();
    }

    /**
     * Asks for the body to be brought in ahead: a wish, which costs the caller next to nothing.
     *
     * @throws IllegalStateException if the chunk is closed
     */
    public void prefetch() {
        image.prefetch();
    }

    /** The pager's handle on the body, for tests and explicit policy. */
    public Image image() {
        return image;
    }

    /**
     * Pins the body and binds {@code view} to it until the pin is closed, which the caller does, on
     * the thread that uses the view. The pin is a hold on the chunk: that may be closed meanwhile.
     *
     * @throws IllegalStateException if the chunk is closed
     */
    public ChunkPin open(TrieView view) {
        if (holders == 0) {
            throw closed();
        }
        Pin pin = image.pin();
        boolean done = false;
        try {
            view.bind(memory, pin.offset());
            share();
            done = true;
        } finally {
            if (!done) {
                pin.close();
                view.unbind();
            }
        }
        return new Opened(this, pin, view, view.binding());
    }

    /**
     * Copies the body of a paged chunk to memory of the caller: see {@link Image#readInto}.
     *
     * @return false if the body is in memory, and is to be {@linkplain #open opened}
     */
    boolean readInto(Lease target) {
        if (holders == 0) {
            throw closed();
        }
        return image.readInto(target);
    }

    /** A pin, and the binding that ends with it. */
    private record Opened(Chunk chunk, Pin pin, TrieView view, long binding) implements ChunkPin {
        @Override
        public void close() {
            pin.close();
            view.unbind(binding);
            chunk.close();
        }
    }

    @Override
    public void close() {
        int before = HOLDERS.getAndUpdate(this, n -> n == 0 ? 0 : n - 1);
        if (before == 0) {
            throw closed();
        }
        if (before == 1) {
            fence.close();
            image.close();
        }
    }

    @Override
    public String toString() {
        return "chunk of " + updateCount + " updates, " + sizeBytes() + " bytes";
    }
}
