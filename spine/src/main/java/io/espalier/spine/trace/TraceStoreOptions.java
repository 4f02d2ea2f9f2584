package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;

/**
 * How a {@link TraceStore} behaves.
 *
 * @param chunkBytes the target size of the chunks of batch files
 * @param compaction whether a background thread compacts; without it runs pile up until {@link
 *     TraceStore#compact} is called, or others compact
 * @param compactionMemoryBytes what one compaction takes of memory: a run that it reads takes its
 *     largest chunk, the output two chunks. Two runs are read at a time in any case. As many as
 *     three compactions may be under way at once.
 * @param compactionLeaseMillis for how long a request that somebody has claimed is left to them;
 *     then it is taken up again
 */
public record TraceStoreOptions(
        long chunkBytes,
        boolean compaction,
        long compactionMemoryBytes,
        long compactionLeaseMillis) {

    /** 64 MiB. */
    public static final long COMPACTION_MEMORY_BYTES_DEFAULT = 64L << 20;

    /** One minute. */
    public static final long COMPACTION_LEASE_MILLIS_DEFAULT = 60_000;

    public TraceStoreOptions {
        if (chunkBytes < 1 || chunkBytes > 1L << 28) {
            throw new IllegalArgumentException(
                    "chunks of " + chunkBytes + " bytes; give 1 byte to 256 MiB");
        }
        if (compactionMemoryBytes < 0) {
            throw new IllegalArgumentException(
                    "compactions in " + compactionMemoryBytes + " bytes; give 0 or more");
        }
        if (compactionLeaseMillis < 1) {
            throw new IllegalArgumentException(
                    "a lease of " + compactionLeaseMillis + " ms; give 1 or more");
        }
    }

    /** Chunks of 2 MiB, compacted in the background. */
    public static TraceStoreOptions defaults() {
        return new TraceStoreOptions(
                ChainBuilder.TARGET_BYTES_DEFAULT,
                true,
                COMPACTION_MEMORY_BYTES_DEFAULT,
                COMPACTION_LEASE_MILLIS_DEFAULT);
    }

    /** These options with chunks of another size. */
    public TraceStoreOptions withChunkBytes(long chunkBytes) {
        return new TraceStoreOptions(
                chunkBytes, compaction, compactionMemoryBytes, compactionLeaseMillis);
    }

    /** These options with or without compaction in the background. */
    public TraceStoreOptions withCompaction(boolean compaction) {
        return new TraceStoreOptions(
                chunkBytes, compaction, compactionMemoryBytes, compactionLeaseMillis);
    }

    /** These options with another bound on the memory of a compaction. */
    public TraceStoreOptions withCompactionMemoryBytes(long compactionMemoryBytes) {
        return new TraceStoreOptions(
                chunkBytes, compaction, compactionMemoryBytes, compactionLeaseMillis);
    }

    /** These options with another lease. */
    public TraceStoreOptions withCompactionLeaseMillis(long compactionLeaseMillis) {
        return new TraceStoreOptions(
                chunkBytes, compaction, compactionMemoryBytes, compactionLeaseMillis);
    }
}
