package io.espalier.spine.trace;

import io.espalier.columnar.KeyHashes;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * Makes the filters of a batch file while it is written: gathers the hashes of keys, and of some
 * {@value #KEYS_MAX} of them a section, which is written right behind their chunks. So it needs 8
 * bytes for each of so many keys and the section, however large the file gets.
 *
 * <p>Not thread-safe.
 */
final class FilterWriter implements AutoCloseable {

    static final long KEYS_MAX = 1 << 20;

    private final long keysMax;
    private final NativeMemory memory;
    private final MemorySegment segment;
    private final NativeBuffer hashes;
    private final NativeBuffer directory;
    private int sectionCount;

    /**
     * @param keysMax from so many keys on a section is full
     */
    FilterWriter(NativeMemory memory, long keysMax) {
        this.keysMax = keysMax;
        this.memory = memory;
        this.segment = memory.segment();
        this.hashes = new NativeBuffer(memory);
        this.directory = new NativeBuffer(memory);
    }

    /** Takes the keys of a chunk. */
    void add(TrieView view) {
        long bytes = view.keyCount() * Long.BYTES;
        long at = hashes.reserve(bytes);
        KeyHashes.hash(view.keys(), segment, at);
        hashes.advance(bytes);
    }

    /** Whether it is time to write a section. */
    boolean isFull() {
        return hashes.sizeBytes() >= keysMax * Long.BYTES;
    }

    boolean isEmpty() {
        return hashes.sizeBytes() == 0;
    }

    /**
     * A section of the keys that were taken since the last one; the caller closes it.
     *
     * @param at where it will be in the file
     * @param chunkEnd how many chunks are before it
     */
    Lease section(long at, long chunkEnd) {
        long keys = hashes.sizeBytes() / Long.BYTES;
        long blockCount = KeyFilter.blockCount(keys);
        // blocks are lines of the cache: files are mapped from the start of a page
        long headBytes = FilterFormat.headBytes(at);
        long bytes = headBytes + blockCount * KeyFilter.BLOCK_BYTES;
        Lease section = memory.allocate(bytes);
        boolean done = false;
        try {
            long offset = section.offset();
            segment.asSlice(offset, bytes).fill((byte) 0);
            KeyFilter.add(segment, offset + headBytes, blockCount, hashes.offset(), keys);
            segment.set(Layouts.LONG, offset, FilterFormat.MAGIC);
            segment.set(Layouts.LONG, offset + FilterFormat.KEYS_AT, keys);
            segment.set(Layouts.LONG, offset + FilterFormat.BLOCKS_AT, blockCount);
            long sum = offset + FilterFormat.COVERED_FROM;
            segment.set(
                    Layouts.INT,
                    offset + FilterFormat.CHECKSUM_AT,
                    Checksums.crc32c(segment, sum, bytes - FilterFormat.COVERED_FROM));
            directory.appendLong(at);
            directory.appendLong(bytes);
            directory.appendLong(chunkEnd);
            sectionCount++;
            hashes.clear();
            done = true;
            return section;
        } finally {
            if (!done) {
                section.close();
            }
        }
    }

    /** Says where all sections are; the caller closes it. */
    Lease directory() {
        long bytes = FilterFormat.DIRECTORY_HEAD_BYTES + directory.sizeBytes();
        Lease image = memory.allocate(bytes);
        long offset = image.offset();
        segment.set(Layouts.LONG, offset, FilterFormat.DIRECTORY_MAGIC);
        segment.set(Layouts.INT, offset + FilterFormat.DIRECTORY_COUNT_AT, sectionCount);
        MemorySegment.copy(
                segment,
                directory.offset(),
                segment,
                offset + FilterFormat.DIRECTORY_HEAD_BYTES,
                directory.sizeBytes());
        long sum = offset + FilterFormat.COVERED_FROM;
        segment.set(
                Layouts.INT,
                offset + FilterFormat.CHECKSUM_AT,
                Checksums.crc32c(segment, sum, bytes - FilterFormat.COVERED_FROM));
        return image;
    }

    @Override
    public void close() {
        hashes.close();
        directory.close();
    }
}
