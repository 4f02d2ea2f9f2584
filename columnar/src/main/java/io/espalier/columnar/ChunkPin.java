package io.espalier.columnar;

/**
 * Keeps the body of a chunk readable until it is closed, exactly once. A {@link TrieView} that was
 * bound with it is bound to nothing afterwards: reading through it fails, and never gives bytes
 * that became another's.
 */
public interface ChunkPin extends AutoCloseable {

    @Override
    void close();
}
