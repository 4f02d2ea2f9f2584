package io.espalier.columnar;

/** Keeps the body of a chunk readable until it is closed, exactly once. */
public interface ChunkPin extends AutoCloseable {

    @Override
    void close();
}
