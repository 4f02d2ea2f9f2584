package io.espalier.spine.trace;

import io.espalier.spine.Description;
import io.espalier.spine.PartRef;
import io.espalier.spine.Replaced;
import io.espalier.spine.SpineId;
import java.util.List;
import java.util.UUID;

/**
 * A compaction that a store hands out to be done by somebody else: which batch files to merge, how
 * far to advance times, and under which id to leave the output. It is all facts; {@link #toBytes}
 * carries it to another process.
 *
 * @param storeId of the store that asks
 * @param traceId which of its traces
 * @param fileId allotted to the output, and to nothing else, ever
 * @param claimedAtMillis when it was handed out, by the store's clock
 * @param leaseMillis for how long nobody else is asked
 * @param chunkBytes the target size of the output's chunks
 * @param description the times of the output, and the since up to which its times are advanced
 * @param replaced the identities of what the output is to replace
 * @param inputs the batch files to be merged, in order
 */
public record CompactionRequest(
        UUID storeId,
        long traceId,
        long fileId,
        long claimedAtMillis,
        long leaseMillis,
        long chunkBytes,
        Description description,
        Replaced replaced,
        List<PartRef> inputs) {

    /**
     * @throws IllegalArgumentException if an id, the lease or the chunk size is out of range, or
     *     there is nothing to merge
     */
    public CompactionRequest {
        inputs = List.copyOf(inputs);
        if (fileId < 0 || fileId >= 1L << 48 || traceId < 1) {
            throw new IllegalArgumentException(
                    "a request with file id " + fileId + " and trace id " + traceId);
        }
        if (leaseMillis < 1 || chunkBytes < 1 || chunkBytes > 1L << 28) {
            throw new IllegalArgumentException(
                    "a request with a lease of "
                            + leaseMillis
                            + " ms and chunks of "
                            + chunkBytes
                            + " bytes");
        }
        if (inputs.isEmpty()) {
            throw new IllegalArgumentException("a request without inputs");
        }
    }

    /** The bytes from which {@link #ofBytes} makes an equal request. */
    public byte[] toBytes() {
        return CompactionFacts.encode(this);
    }

    /**
     * Reads what {@link #toBytes} wrote.
     *
     * @throws ManifestState.MalformedException if the bytes are anything else
     */
    public static CompactionRequest ofBytes(byte[] bytes) throws ManifestState.MalformedException {
        return CompactionFacts.decodeRequest(bytes);
    }

    /** The batches of which something is replaced. */
    SpineId id() {
        return switch (replaced) {
            case Replaced.Range range -> range.id();
            case Replaced.Runs runs -> runs.partId();
        };
    }

    /** Whether both want something of the same batches. */
    boolean overlaps(CompactionTask task) {
        return traceId == task.trace().id()
                && id().first() < task.request().id().end()
                && task.request().id().first() < id().end();
    }

    /** Whether nobody else is asked at that moment; a clock that was set back ends it, too. */
    boolean isLeased(long nowMillis) {
        return nowMillis >= claimedAtMillis && nowMillis - claimedAtMillis < leaseMillis;
    }
}
