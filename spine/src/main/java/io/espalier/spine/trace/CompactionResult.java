package io.espalier.spine.trace;

import io.espalier.spine.PartRef;
import java.util.Optional;
import java.util.UUID;

/**
 * What came of a {@link CompactionRequest}. It may be presented to the store late, or more than
 * once: it names the request, and the request what it was to replace.
 *
 * @param storeId of the store that asked
 * @param fileId of the request
 * @param requestChecksum of the request's content, so that no other one is meant
 * @param outcome what happened
 */
public record CompactionResult(UUID storeId, long fileId, int requestChecksum, Outcome outcome) {

    /** What happened. */
    public sealed interface Outcome {}

    /**
     * It was done, and its output is written and synced.
     *
     * @param output none if nothing is left of the updates
     */
    public record Done(Optional<PartRef> output) implements Outcome {}

    /**
     * It was not done, and leaves nothing behind.
     *
     * @param why one line
     */
    public record Failed(String why) implements Outcome {}

    static CompactionResult of(CompactionRequest request, Outcome outcome) {
        return new CompactionResult(
                request.storeId(), request.fileId(), CompactionFacts.checksum(request), outcome);
    }

    /** The bytes from which {@link #ofBytes} makes an equal result. */
    public byte[] toBytes() {
        return CompactionFacts.encode(this);
    }

    /**
     * Reads what {@link #toBytes} wrote.
     *
     * @throws ManifestState.MalformedException if the bytes are anything else
     */
    public static CompactionResult ofBytes(byte[] bytes) throws ManifestState.MalformedException {
        return CompactionFacts.decodeResult(bytes);
    }
}
