package io.espalier.memory;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Buffers over a {@link NativeMemory}'s reservation, see {@link NativeMemory#window}. They start at
 * even distances and overlap, so that each offset has one that holds the bytes behind it.
 *
 * <p>Thread-safe: two threads may make the same window at once, of which either serves.
 */
final class Windows {

    /** The most that a window surely holds from any offset on: 1 GiB. */
    static final long BYTES = 1L << 30;

    /** How far windows start from each other: both together are less than a buffer may have. */
    private static final long STEP_BYTES = 1L << 29;

    private final MemorySegment segment;
    private final AtomicReferenceArray<@Nullable ByteBuffer> windows;

    Windows(MemorySegment segment) {
        this.segment = segment;
        this.windows =
                new AtomicReferenceArray<>(Math.toIntExact(segment.byteSize() / STEP_BYTES) + 1);
    }

    /** The window around an offset, made where it is missing. */
    ByteBuffer at(long offset) {
        int index = (int) (offset / STEP_BYTES);
        ByteBuffer known = windows.get(index);
        if (known == null) {
            long start = index * STEP_BYTES;
            long bytes = Math.min(STEP_BYTES + BYTES, segment.byteSize() - start);
            known = segment.asSlice(start, bytes).asByteBuffer();
            windows.set(index, known);
        }
        return known;
    }

    /** Where an offset is in its window. */
    static int indexOf(long offset) {
        return (int) (offset % STEP_BYTES);
    }
}
