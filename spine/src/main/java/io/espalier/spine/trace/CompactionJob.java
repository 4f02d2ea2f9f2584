package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Merge;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.Frontier;
import io.espalier.spine.PartRef;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One merge of runs into one, step by step: what the store's own compactor and a worker in another
 * process have in common. Closed before it is finished, the file that is being written is gone;
 * those that were finished before are the caller's.
 *
 * <p>Not thread-safe.
 */
final class CompactionJob implements AutoCloseable {

    private final RunWriter output;
    private final CompactionEvent event = new CompactionEvent();
    private final long bytesIn;
    private final int runs;
    private @Nullable ChainBuilder chain;
    private @Nullable Merge merge;

    /**
     * How an output is cut into files.
     *
     * @param partBytes a file is not continued from this size on, as soon as a key ends
     * @param keys ascending: each is the last key of a file, if it is there at all
     */
    record Cuts(long partBytes, List<byte[]> keys) {
        /** One file, whatever its size. */
        static final Cuts NONE = new Cuts(Long.MAX_VALUE, List.of());

        Cuts {
            keys = List.copyOf(keys);
        }
    }

    /**
     * Starts at the first updates of all inputs.
     *
     * @param inputs held by the caller until the job is closed
     * @param since times below are raised to it
     * @param targets gives a new file each time; it belongs to the job
     * @throws StoreException if a file cannot be read or written
     */
    CompactionJob(
            NativeMemory memory,
            long chunkBytes,
            List<? extends Run> inputs,
            Frontier since,
            Supplier<? extends BatchTarget> targets,
            Cuts cuts) {
        event.begin();
        runs = inputs.size();
        bytesIn = inputs.stream().mapToLong(Run::sizeBytes).sum();
        output =
                new RunWriter(
                        memory,
                        () -> early(targets.get()),
                        chunkBytes,
                        cuts.partBytes(),
                        cuts.keys());
        boolean done = false;
        try {
            chain =
                    new ChainBuilder(
                            new TrieBuilder(memory, TrieType.BYTES_TO_BYTES), chunkBytes, output);
            long floor = since.isEmpty() ? 0 : since.epoch();
            merge = new Merge(inputs, true, floor, chain);
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    private static BatchTarget early(BatchTarget target) {
        // or whoever commits meanwhile would wait for gigabytes
        target.writeEarly();
        return target;
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
     * @return its parts in order; none if nothing is left of the updates
     */
    List<PartRef> finish() {
        List<PartRef> parts = output.finish();
        event.commit(runs, bytesIn, parts);
        return parts;
    }

    /** The files that are finished: all of the output, or what there is of it so far. */
    List<PartRef> written() {
        return output.written();
    }

    @Override
    public void close() {
        Merge running = merge;
        ChainBuilder out = chain;
        merge = null;
        chain = null;
        // the merge first, then its chain, then the file
        try (RunWriter last = output;
                ChainBuilder second = out;
                Merge first = running) {
            // nothing but closing
        }
    }
}
