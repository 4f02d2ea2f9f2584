package io.espalier.spine.trace;

import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import java.util.Map;

/** What compaction takes of memory. */
final class CompactionCost {

    /** What the tables beside a run take at least, however small it is. */
    private static final long RUN_BYTES_MIN = 1 << 14;

    /** The output: a chunk that is built, and one that is written. */
    private static final int OUTPUT_CHUNKS = 2;

    private CompactionCost() {}

    /**
     * What reading a file in order takes: its largest chunk and its fence index.
     *
     * @throws StoreException.Damaged if it cannot be opened
     */
    static long ofReading(BatchFile file) {
        return RUN_BYTES_MIN + largestChunk(file) + file.opened().index.sizeBytes();
    }

    private static long largestChunk(BatchFile file) {
        BatchFile.Opened opened = file.opened();
        long largest = 0;
        for (long chunk = 0; chunk < opened.index.valCount(); chunk++) {
            largest = Math.max(largest, opened.chunkSize(chunk));
        }
        return largest;
    }

    /** The same of a run: of its parts one is read at a time, but the indexes of all are there. */
    static long ofReading(Run run, Map<Long, BatchFile> held) {
        long indexes = 0;
        long largest = 0;
        for (PartRef part : run.parts()) {
            BatchFile file = held.get(part.fileId());
            if (file == null) {
                throw new IllegalStateException("file " + part.fileId() + " is not held");
            }
            indexes += file.opened().index.sizeBytes();
            largest = Math.max(largest, largestChunk(file));
        }
        return RUN_BYTES_MIN + largest + indexes;
    }

    /** What is left for reading. */
    static long forReading(long memoryBytes, long chunkBytes) {
        return Math.max(0, memoryBytes - OUTPUT_CHUNKS * chunkBytes);
    }
}
