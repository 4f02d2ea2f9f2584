package io.espalier.columnar;

/**
 * A chain of chunks that is being made by a {@link ChunkFamily}: what its operations write to. What
 * is written must ascend; chunks are graded on the way.
 *
 * <p>The owner closes it; what was not finished is dropped then. Not thread-safe.
 */
public sealed interface Staging extends AutoCloseable permits TrieStaging, FlatStaging {

    /** The layout of the chunks. */
    ChunkKind kind();

    /** The type of the chunks. */
    TrieType type();

    /**
     * Ends the chain. The caller owns the batch; the staging is empty then, and starts another one.
     */
    Batch finish();

    @Override
    void close();
}
