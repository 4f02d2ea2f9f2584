package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a loop of bulk reads takes out of runs, one read after the other: an owned chain of chunks
 * in memory, which the next read replaces. It is for those who look at the hits and go on: a read
 * in a steady state makes no object but one for each chunk of hits that is copied, 56 bytes, and
 * none for a chunk that it only passes, paged or not. Who wants to keep hits reads them into a
 * {@link Batch}, by an {@link Extractor}, or {@linkplain #handOver hands them over}.
 *
 * <p>An excerpt is a run itself, for cursors and merges. Its memory is charged to no budget: it is
 * as large as what was read last, and the working room of one chunk. Whole resident chunks are
 * shared, and pinned until the next read.
 *
 * <p>The owner closes it. Not thread-safe.
 */
public final class Excerpt implements Run, AutoCloseable {

    private static final int CHUNKS_MIN = 8;

    private final NativeMemory memory;
    private final Extractor extractor = new Extractor();
    private final ChainBuilder chain;

    /** Looks at last keys; bound to chunk {@link #lookedAt} until the next read. */
    private final TrieView look = new TrieView();

    private int lookedAt = -1;

    // chunk i is an image of our own, or a shared one that is held, and starts at offsets[i]
    private @Nullable Lease[] images = new Lease[CHUNKS_MIN];
    private @Nullable Chunk[] shared = new Chunk[CHUNKS_MIN];
    private long[] offsets = new long[CHUNKS_MIN];
    private int count;

    private long updateCount;
    private long sizeBytes;
    private int pins;
    private boolean closed;

    /** An empty excerpt of chunks of the default size. */
    public Excerpt(NativeMemory memory, TrieType type) {
        this(memory, type, ChainBuilder.TARGET_BYTES_DEFAULT);
    }

    /**
     * An empty excerpt.
     *
     * @param memory where copies are made
     * @param targetBytes the size from which a chunk is sealed, see {@link ChainBuilder}
     */
    public Excerpt(NativeMemory memory, TrieType type, long targetBytes) {
        this.memory = memory;
        this.chain =
                new ChainBuilder(
                        new TrieBuilder(memory, type),
                        targetBytes,
                        new ImageSink() {
                            @Override
                            public void accept(Lease image, TrieView view) {
                                take(image, view);
                            }

                            @Override
                            public boolean offer(Chunk chunk) {
                                take(chunk);
                                return true;
                            }
                        });
    }

    /**
     * Replaces the content by all updates of the probed keys.
     *
     * @param probes ascending, without duplicates, of the key type of the run
     * @throws IllegalArgumentException as of {@link Extractor#extract}
     * @throws io.espalier.pager.DamagedPageException if a page does not hold what was written; the
     *     excerpt is empty then
     * @throws IllegalStateException if a pin on this excerpt is open, or it is closed
     */
    public void extract(Run run, Column probes) {
        ChainBuilder out = begin();
        boolean done = false;
        try {
            extractor.extract(run, probes, out);
            chain.sendRest();
            done = true;
        } finally {
            if (!done) {
                drop();
            }
        }
    }

    /**
     * Replaces the content by all of a run: the scan path.
     *
     * @throws IllegalArgumentException if the run is of another type
     * @throws io.espalier.pager.DamagedPageException if a page does not hold what was written; the
     *     excerpt is empty then
     * @throws IllegalStateException if a pin on this excerpt is open, or it is closed
     */
    public void fetch(Run run) {
        ChainBuilder out = begin();
        boolean done = false;
        try {
            extractor.fetch(run, out);
            chain.sendRest();
            done = true;
        } finally {
            if (!done) {
                drop();
            }
        }
    }

    /**
     * Empties the excerpt and answers what fills it, for who finds rows in another way: the caller
     * appends to it, and says {@link #end}. It is the excerpt's, which closes and finishes it.
     *
     * @throws IllegalStateException if a pin on this excerpt is open, or it is closed
     */
    public ChainBuilder begin() {
        if (closed) {
            throw new IllegalStateException(this + " is closed; use it before its owner closes it");
        }
        clear();
        return chain;
    }

    /** Says that all is appended since {@link #begin}. */
    public void end() {
        boolean done = false;
        try {
            chain.sendRest();
            done = true;
        } finally {
            if (!done) {
                drop();
            }
        }
    }

    private void drop() {
        chain.drop();
        clear();
    }

    private void take(Lease image, TrieView view) {
        boolean done = false;
        try {
            add(image.offset(), view.updateCount(), view.sizeBytes());
            images[count - 1] = image;
            done = true;
        } finally {
            if (!done) {
                image.close();
            }
        }
    }

    private void take(Chunk chunk) {
        long offset = chunk.hold();
        boolean done = false;
        try {
            add(offset, chunk.updateCount(), chunk.sizeBytes());
            shared[count - 1] = chunk;
            done = true;
        } finally {
            if (!done) {
                chunk.letGo();
            }
        }
    }

    private void add(long offset, long updates, long bytes) {
        if (count == offsets.length) {
            int room = count * 2;
            images = Arrays.copyOf(images, room);
            shared = Arrays.copyOf(shared, room);
            offsets = Arrays.copyOf(offsets, room);
        }
        offsets[count] = offset;
        count++;
        updateCount += updates;
        sizeBytes += bytes;
    }

    /**
     * Binds a view to chunk {@code index}. It is valid until the next read, and not to be used
     * afterwards: unlike {@link #open} nothing watches over that.
     */
    public TrieView bind(long index, TrieView view) {
        return view.bind(memory, offsets[checked(index)]);
    }

    private int checked(long index) {
        if (index < 0 || index >= count) {
            throw new IndexOutOfBoundsException("chunk " + index + " of " + this);
        }
        return (int) index;
    }

    /**
     * Gives all chunks to a sink, in order, and is empty then: for instance to that of a {@link
     * Batch}, whose pager they are charged to from then on.
     *
     * @param sink of the memory that this excerpt copies to; what it took before it failed is its
     *     own, and the rest is dropped
     * @throws IllegalStateException if a pin on this excerpt is open
     */
    public void handOver(ImageSink sink) {
        checkPins();
        try {
            for (int i = 0; i < count; i++) {
                Lease image = images[i];
                Chunk chunk = shared[i];
                look.bind(memory, offsets[i]);
                if (image != null) {
                    images[i] = null; // the sink's, also if it throws
                    sink.accept(image, look);
                } else if (chunk != null && !sink.offer(chunk)) {
                    throw new IllegalArgumentException(
                            chunk
                                    + " is shared, and the sink wants a copy; read into a chain of"
                                    + " its own instead");
                }
            }
        } finally {
            clear();
        }
    }

    @Override
    public TrieType type() {
        return chain.type();
    }

    @Override
    public long chunkCount() {
        return count;
    }

    @Override
    public long updateCount() {
        return updateCount;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public long seek(Column probes, long probe, long from) {
        int low = (int) from;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (lookedAt != middle) {
                look.bind(memory, offsets[middle]);
                lookedAt = middle;
            }
            if (Column.compare(look.keys(), look.keyCount() - 1, probes, probe) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Binds {@code view} to chunk {@code index}; while the pin is open, nothing is replaced. */
    @Override
    public ChunkPin open(long index, TrieView view) {
        bind(index, view);
        pins++;
        return new Held(view, view.binding());
    }

    /** A pin of this excerpt. */
    private final class Held implements ChunkPin {
        private final TrieView view;
        private final long binding;
        private boolean open = true;

        Held(TrieView view, long binding) {
            this.view = view;
            this.binding = binding;
        }

        @Override
        public void close() {
            if (!open) {
                throw new IllegalStateException("a pin on an excerpt is closed a second time");
            }
            open = false;
            pins--;
            view.unbind(binding);
        }
    }

    private void checkPins() {
        if (pins > 0) {
            throw new IllegalStateException(
                    pins + " pins are open on " + this + "; close them before it is filled again");
        }
    }

    /**
     * Lets the content go; what is kept is room for the next.
     *
     * @throws IllegalStateException if a pin on this excerpt is open
     */
    public void clear() {
        checkPins();
        look.unbind();
        lookedAt = -1;
        for (int i = 0; i < count; i++) {
            Lease image = images[i];
            Chunk chunk = shared[i];
            images[i] = null;
            shared[i] = null;
            if (image != null) {
                image.close();
            } else if (chunk != null) {
                chunk.letGo();
            }
        }
        count = 0;
        updateCount = 0;
        sizeBytes = 0;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        clear();
        closed = true;
        chain.close();
    }

    @Override
    public String toString() {
        return "excerpt of " + count + " chunks of " + type();
    }
}
