package io.espalier.pager;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The bytes of one spill file, by position. Tests put failing ones in the place of {@link
 * ChannelSpillFile}. Thread-safe.
 */
interface SpillFile extends AutoCloseable {

    /** Writes at most what remains in {@code source}; the answer is how many bytes were written. */
    int write(ByteBuffer source, long position) throws IOException;

    /** Reads at most what remains in {@code target}; the answer is how many, -1 at the end. */
    int read(ByteBuffer target, long position) throws IOException;

    @Override
    void close() throws IOException;
}
