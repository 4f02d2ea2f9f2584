package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Merge;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.Frontier;
import io.espalier.spine.PartRef;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One merge of batch files into one, step by step: what the store's own compactor and a worker in
 * another process have in common. Closed before it is finished, its output is gone.
 *
 * <p>Not thread-safe.
 */
final class CompactionJob implements AutoCloseable {

    private final BatchFileWriter file;
    private final CompactionEvent event = new CompactionEvent();
    private final long bytesIn;
    private final int runs;
    private @Nullable ChainBuilder chain;
    private @Nullable Merge merge;

    /**
     * Starts at the first updates of all inputs.
     *
     * @param inputs held by the caller until the job is closed
     * @param since times below are raised to it
     * @param target belongs to the job from here on, also if this throws
     * @throws StoreException if a file cannot be read or written
     */
    CompactionJob(
            NativeMemory memory,
            long chunkBytes,
            List<BatchFile> inputs,
            Frontier since,
            BatchTarget target) {
        event.begin();
        runs = inputs.size();
        bytesIn = inputs.stream().mapToLong(BatchFile::sizeBytes).sum();
        // or whoever commits meanwhile would wait for gigabytes
        target.writeEarly();
        file = BatchFileWriter.create(memory, target);
        boolean done = false;
        try {
            chain =
                    new ChainBuilder(
                            new TrieBuilder(memory, TrieType.BYTES_TO_BYTES), chunkBytes, file);
            long floor = since.isEmpty() ? 0 : since.epoch();
            merge = new Merge(inputs, true, floor, chain);
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    /**
     * Merges about {@code fuel} updates more.
     *
     * @return whether work is left
     */
    boolean step(long fuel) {
        Merge running = merge;
        if (running == null) {
            throw new IllegalStateException("the compaction is finished or closed");
        }
        return running.step(fuel);
    }

    /**
     * Makes the output durable; called once, when no work is left.
     *
     * @return none if nothing is left of the updates
     */
    Optional<PartRef> finish() {
        Optional<PartRef> output = file.isEmpty() ? Optional.empty() : Optional.of(file.finish());
        event.commit(runs, bytesIn, output);
        return output;
    }

    @Override
    public void close() {
        Merge running = merge;
        ChainBuilder out = chain;
        merge = null;
        chain = null;
        // the merge first, then its chain, then the file
        try (BatchFileWriter last = file;
                ChainBuilder second = out;
                Merge first = running) {
            // nothing but closing
        }
    }
}
