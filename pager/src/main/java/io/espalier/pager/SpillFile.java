package io.espalier.pager;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
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

    /**
     * Reads at most {@code bytes}, up to 2 GiB, into native memory; answers how many, 0 or -1 at
     * the end.
     */
    default long read(MemorySegment target, long offset, long bytes, long position)
            throws IOException {
        return read(target.asSlice(offset, bytes).asByteBuffer(), position);
    }

    @Override
    void close() throws IOException;
}
