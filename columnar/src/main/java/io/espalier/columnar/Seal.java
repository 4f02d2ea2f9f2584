package io.espalier.columnar;

import org.jspecify.annotations.Nullable;

/**
 * What a {@link MergeBatcher} gives out of a seal, chunk by chunk, each as soon as it is merged:
 * however much that is, not more than a few chunks of it are in memory at once, and they are not
 * written only to be read again. Bodies that come next are asked to be read ahead.
 *
 * <p>The batcher may not be used meanwhile: its next call ends the seal, and what was not given out
 * until then is in the batcher again. So is what is left when this is closed before the end.
 *
 * <p>The caller closes it. Not thread-safe.
 */
public final class Seal implements AutoCloseable {

    private final MergeBatcher batcher;
    private final @Nullable BatcherJob job;
    private boolean ended;

    /**
     * A seal that begins.
     *
     * @param job what ships the chunks; null if there are none
     */
    Seal(MergeBatcher batcher, @Nullable BatcherJob job) {
        this.batcher = batcher;
        this.job = job;
        this.ended = job == null;
    }

    /**
     * The next chunk, in order; it lies above all before it.
     *
     * @return a chunk that the caller owns and closes; null at the end, and when this is closed
     * @throws IllegalStateException if the batcher was used or closed since the seal began
     * @throws RuntimeException as for {@link MergeBatcher#seal}; if the disk is full, call this
     *     again
     */
    public @Nullable Chunk next() {
        BatcherJob shipping = job;
        if (ended || shipping == null) {
            return null;
        }
        Chunk chunk = batcher.nextOf(shipping);
        ended = chunk == null;
        return chunk;
    }

    @Override
    public void close() {
        // the batcher's next call finishes the work and takes what it made in, as after a failure
        ended = true;
    }
}
