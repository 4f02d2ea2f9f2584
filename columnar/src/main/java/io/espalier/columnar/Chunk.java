package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.pager.Image;
import io.espalier.pager.Pager;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import org.jspecify.annotations.Nullable;

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

    /** More least times than this are not kept resident. */
    private static final int LOWER_MAX = 64;

    private final ChunkKind kind;
    private final Image image;
    private final Fence fence;
    private final long keyCount;
    private final long updateCount;
    private final long flatBytes;
    private final long flatBytesOfLast;
    private final long timeMin;
    private final long timeMax;
    private final long secondTimeMin;
    private final long secondTimeMax;
    private final @Nullable Antichain lower;

    /** How many hold the chunk; updated by {@link #HOLDERS}, for an object less for each chunk. */
    private volatile int holders = 1;

    private Chunk(Pager pager, Lease lease, Fence fence, TrieView view, int depth) {
        this.kind = ChunkKind.TRIE;
        this.fence = fence;
        this.keyCount = view.keyCount();
        this.updateCount = view.updateCount();
        this.flatBytes = view.flatBytes();
        this.flatBytesOfLast = view.flatBytesOfLast();
        this.timeMin = view.timeMin();
        this.timeMax = view.timeMax();
        this.secondTimeMin = view.secondTimeMin();
        this.secondTimeMax = view.secondTimeMax();
        this.lower = lower(view.type().time(), timeMin, secondTimeMin, view.times());
        // last: from here on the pager may move the body
        this.image = pager.adopt(lease, depth);
    }

    private Chunk(Pager pager, Lease lease, Fence fence, FlatView view, int depth) {
        this.kind = ChunkKind.FLAT;
        this.fence = fence;
        this.keyCount = view.rowCount();
        this.updateCount = view.rowCount();
        this.flatBytes = view.flatBytes(0, updateCount);
        this.flatBytesOfLast = view.flatBytes(updateCount - 1, updateCount);
        this.timeMin = view.timeBound(FlatLayout.TIME_MIN_AT);
        this.timeMax = view.timeBound(FlatLayout.TIME_MAX_AT);
        this.secondTimeMin = view.timeBound(FlatLayout.SECOND_MIN_AT);
        this.secondTimeMax = view.timeBound(FlatLayout.SECOND_MAX_AT);
        this.lower = lower(view.type().time(), timeMin, secondTimeMin, view.times());
        this.image = pager.adopt(lease, depth);
    }

    /** The least times of a chunk; null if that is the least time alone. */
    private static @Nullable Antichain lower(
            TimeType type, long timeMin, long secondTimeMin, Column times) {
        if (type == TimeType.EPOCH) {
            return null;
        }
        Antichain.Builder least = Antichain.builder(type);
        long count = times.isConstant() ? 1 : times.count();
        for (long i = 0; i < count; i++) {
            least.insert(times.longAt(i), TimeType.secondOf(times, i));
            if (least.size() > LOWER_MAX) {
                return null;
            }
        }
        return least.size() == 1 && least.lessEqual(timeMin, secondTimeMin) ? null : least.build();
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
     * Makes a chunk of a sealed flat image; see above.
     *
     * @param lease the image; owned by the chunk from here on, also if this throws
     */
    static Chunk of(Pager pager, Lease lease, FlatView view, int depth) {
        boolean done = false;
        Fence fence = null;
        try {
            fence = Fence.of(pager.memory(), view);
            Chunk chunk = new Chunk(pager, lease, fence, view, depth);
            done = true;
            return chunk;
        } finally {
            if (!done) {
                if (fence != null) {
                    fence.close();
                }
                lease.close();
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

    /** The layout of the image. */
    public ChunkKind kind() {
        return kind;
    }

    /** The type of the updates. */
    public TrieType type() {
        return fence.type();
    }

    /** The number of distinct keys; a flat chunk does not know, and says its number of updates. */
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

    /**
     * What the chunk is graded by: see {@link TrieView#flatBytes()}; of a flat one the bytes of its
     * rows with their values.
     */
    public long flatBytes() {
        return flatBytes;
    }

    /** Whether the chunk is more than one update larger than a target size. */
    boolean exceeds(long targetBytes) {
        return flatBytes - flatBytesOfLast >= targetBytes;
    }

    /** The least time, unsigned; of pairs the least first number. */
    public long timeMin() {
        return timeMin;
    }

    /** The greatest time, unsigned; of pairs the greatest first number. */
    public long timeMax() {
        return timeMax;
    }

    /** The least second number of pairs, unsigned; else 0. */
    public long secondTimeMin() {
        return secondTimeMin;
    }

    /** The greatest second number of pairs, unsigned; else 0. */
    public long secondTimeMax() {
        return secondTimeMax;
    }

    /**
     * The least times. A chunk of pairs that has more than 64 of them says the greatest time at or
     * before all instead.
     */
    public Antichain lower() {
        if (lower != null) {
            return lower;
        }
        return type().time() == TimeType.EPOCH
                ? Antichain.of(timeMin)
                : Antichain.of(timeMin, secondTimeMin);
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

    /** Adds the {@link #lower() least times} to a frontier. */
    void addLower(Antichain.Builder frontier) {
        if (lower != null) {
            frontier.insertAll(lower);
        } else {
            frontier.insert(timeMin, secondTimeMin);
        }
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
     * @throws IllegalArgumentException if it is flat
     */
    public ChunkPin open(TrieView view) {
        hold(view);
        return new Opened(this, view, view.binding());
    }

    /**
     * The same without an object, for a visit that begins and ends in one place: {@link #letGo}
     * ends it.
     */
    void hold(TrieView view) {
        long offset = hold();
        boolean done = false;
        try {
            view.bind(fence.memory(), offset);
            done = true;
        } finally {
            if (!done) {
                letGo();
                view.unbind();
            }
        }
    }

    /**
     * Ends what {@link #hold} began, with the view that is still bound to it; exactly once.
     *
     * @param view the one that was bound
     */
    public void letGo(TrieView view) {
        view.unbind();
        letGo();
    }

    /** Holds the body, and the chunk, until {@link #letGo()}; answers where the image starts. */
    long hold() {
        return hold(ChunkKind.TRIE);
    }

    private long hold(ChunkKind expected) {
        checkKind(expected);
        long offset = image.hold();
        boolean done = false;
        try {
            share();
            done = true;
        } finally {
            if (!done) {
                image.letGo();
            }
        }
        return offset;
    }

    /** Ends what {@link #hold()} began. */
    void letGo() {
        image.letGo();
        close();
    }

    /**
     * Copies the body of a paged chunk to memory of the caller: see {@link Image#readInto}.
     *
     * @return false if the body is in memory, and is to be {@linkplain #open opened}
     */
    boolean readInto(Lease target) {
        checkKind(ChunkKind.TRIE);
        return image.readInto(target);
    }

    /**
     * The same for a flat chunk.
     *
     * @throws IllegalStateException if the chunk is closed
     * @throws IllegalArgumentException if it is a trie
     */
    public ChunkPin open(FlatView view) {
        hold(view);
        return new Opened(this, view, view.binding());
    }

    /** The same without an object: {@link #letGo(FlatView)} ends it. */
    void hold(FlatView view) {
        long offset = hold(ChunkKind.FLAT);
        boolean done = false;
        try {
            view.bind(fence.memory(), offset);
            done = true;
        } finally {
            if (!done) {
                letGo();
                view.unbind(view.binding());
            }
        }
    }

    /** Ends what {@link #hold(FlatView)} began, with the view that is still bound to it. */
    void letGo(FlatView view) {
        view.unbind(view.binding());
        letGo();
    }

    private void checkKind(ChunkKind expected) {
        if (holders == 0) {
            throw closed();
        }
        if (kind != expected) {
            throw new IllegalArgumentException(
                    this + " is laid out as " + kind + ", expected " + expected);
        }
    }

    /** A hold on the body, and the binding that ends with it. */
    private static final class Opened implements ChunkPin {

        private static final AtomicIntegerFieldUpdater<Opened> CLOSES =
                AtomicIntegerFieldUpdater.newUpdater(Opened.class, "closes");

        private final Chunk chunk;
        private final Object view;
        private final long binding;

        @SuppressWarnings("unused") // through CLOSES
        private volatile int closes;

        Opened(Chunk chunk, Object view, long binding) {
            this.chunk = chunk;
            this.view = view;
            this.binding = binding;
        }

        @Override
        public void close() {
            if (!CLOSES.compareAndSet(this, 0, 1)) {
                throw new IllegalStateException(
                        "pin on an image of "
                                + chunk.sizeBytes()
                                + " bytes is closed a second time");
            }
            chunk.image.letGo();
            if (view instanceof TrieView trie) {
                trie.unbind(binding);
            } else {
                ((FlatView) view).unbind(binding);
            }
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
