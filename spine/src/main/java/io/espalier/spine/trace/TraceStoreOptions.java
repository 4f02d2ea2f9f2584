package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;

/**
 * How a {@link TraceStore} behaves.
 *
 * @param chunkBytes the target size of the chunks of batch files
 * @param compaction whether a background thread compacts; without it runs pile up until {@link
 *     TraceStore#compact} is called
 */
public record TraceStoreOptions(long chunkBytes, boolean compaction) {

    public TraceStoreOptions {
        if (chunkBytes < 1 || chunkBytes > 1L << 28) {
            throw new IllegalArgumentException(
                    "chunks of " + chunkBytes + " bytes; give 1 byte to 256 MiB");
        }
    }

    /** Chunks of 256 KiB, compacted in the background. */
    public static TraceStoreOptions defaults() {
        return new TraceStoreOptions(ChainBuilder.TARGET_BYTES_DEFAULT, true);
    }

    /** These options with chunks of another size. */
    public TraceStoreOptions withChunkBytes(long chunkBytes) {
        return new TraceStoreOptions(chunkBytes, compaction);
    }

    /** These options with or without compaction in the background. */
    public TraceStoreOptions withCompaction(boolean compaction) {
        return new TraceStoreOptions(chunkBytes, compaction);
    }
}
