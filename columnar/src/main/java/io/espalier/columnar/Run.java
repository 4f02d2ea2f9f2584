package io.espalier.columnar;

import org.jspecify.annotations.Nullable;

/**
 * A sorted, consolidated sequence of chunks, wherever their bodies are: a {@link Batch} in memory,
 * or a durable file. A key, or a (key, val), may straddle neighbours. Called once for each chunk,
 * never for each row.
 */
public interface Run {

    /** The type of all chunks. */
    TrieType type();

    /** How many chunks there are; 0 for an empty run. */
    long chunkCount();

    /** How many updates all chunks have. */
    long updateCount();

    /** The size of all chunks in bytes, wherever they are. */
    long sizeBytes();

    /**
     * The first chunk at or after {@code from} whose last key is not less than key {@code probe} of
     * {@code probes}, or {@link #chunkCount()}; answered without opening a body.
     */
    long seek(Column probes, long probe, long from);

    /**
     * Pins chunk {@code index} and binds {@code view} to it. The caller closes the pin; the view is
     * valid until then.
     */
    ChunkPin open(long index, TrieView view);

    /** Whether {@link #sift} knows of keys that are not here. */
    default boolean hasFilter() {
        return false;
    }

    /**
     * Leaves of some probes those whose keys may be here, as far as that is known without opening a
     * chunk.
     *
     * @param probes ascending
     * @param hashes the {@linkplain KeyHashes#hash hash} of each probe
     * @param some indexes of probes, ascending
     * @param count how many
     * @param kept where the indexes go that are left, in their order; another array
     * @return how many are left
     */
    default int sift(Column probes, long[] hashes, int[] some, int count, int[] kept) {
        System.arraycopy(some, 0, kept, 0, count);
        return count;
    }

    /** The fences of chunk {@code index} if they are known without opening it. */
    default @Nullable Fence fence(long index) {
        return null;
    }

    /** Chunk {@code index} if it may be shared, wherever its body is; the run still owns it. */
    default @Nullable Chunk shareable(long index) {
        return null;
    }

    /** Says that a consuming reader is past chunk {@code index} and will not come back. */
    default void passed(long index) {}
}
