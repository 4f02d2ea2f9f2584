package io.espalier.columnar;

import io.espalier.memory.Lease;

/** Where a {@link ChainBuilder} sends its chunks, in order. */
public interface ImageSink {

    /**
     * Takes a sealed chunk. The sink owns the lease from here on, also if it throws.
     *
     * @param image the lease that holds the image, from its first byte
     * @param view a view of it, valid during the call
     */
    void accept(Lease image, TrieView view);

    /**
     * Offers a whole resident chunk that follows everything accepted so far, to be shared instead
     * of copied.
     *
     * @return whether the sink took a share of its own; false asks for a copy
     */
    default boolean offer(Chunk chunk) {
        return false;
    }
}
