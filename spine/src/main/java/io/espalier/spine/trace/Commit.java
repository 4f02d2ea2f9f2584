package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.spine.PartRef;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * One epoch on its way into a {@link TraceStore}: the differences of any number of traces,
 * committed together or not at all. Closed without having been committed, what was written is
 * deleted.
 *
 * <p>One thread at a time.
 */
public final class Commit implements AutoCloseable {

    private final TraceStore store;
    private final Map<Trace, Writer> writers = new LinkedHashMap<>();
    private long since;
    private boolean done;

    Commit(TraceStore store) {
        this.store = store;
    }

    /** The differences of one trace. */
    private record Writer(BatchFileWriter file, ChainBuilder chain) {}

    /**
     * Where the differences of a trace go: sorted, consolidated, all at the epoch that is
     * committed.
     *
     * @throws StoreException if the disk refuses
     */
    public ChainBuilder writer(Trace trace) {
        if (done) {
            throw new IllegalStateException("the commit is over");
        }
        Writer writer = writers.get(trace);
        if (writer == null) {
            BatchFileWriter file = store.newFile();
            ChainBuilder chain =
                    new ChainBuilder(
                            new TrieBuilder(store.memory(), TrieType.BYTES_TO_BYTES),
                            store.options().chunkBytes(),
                            file);
            writer = new Writer(file, chain);
            writers.put(trace, writer);
        }
        return writer.chain();
    }

    /** Lets the history before {@code since} of the traces written to be forgotten. */
    public void downgradeSince(long since) {
        this.since = since;
    }

    /**
     * Makes everything durable and visible, if the store is still where the differences were made
     * for.
     *
     * @param epoch the epoch that is committed: the upper of the store before, and one less after
     * @throws IllegalStateException if the store's upper is another; nothing is committed then
     * @throws StoreException if it is not durable; unless it is {@link StoreException.Stopped},
     *     nothing is committed then
     */
    public void commit(long epoch) {
        if (done) {
            throw new IllegalStateException("the commit is over");
        }
        Map<Trace, Optional<PartRef>> parts = new LinkedHashMap<>();
        for (Map.Entry<Trace, Writer> entry : writers.entrySet()) {
            Writer writer = entry.getValue();
            writer.chain().finish();
            parts.put(
                    entry.getKey(),
                    writer.file().isEmpty()
                            ? Optional.empty()
                            : Optional.of(writer.file().finish()));
        }
        boolean committed = false;
        try {
            store.append(epoch, since, parts);
            committed = true;
        } finally {
            if (!committed) {
                parts.values().forEach(part -> part.ifPresent(p -> store.discard(p.fileId())));
            }
        }
        done = true;
    }

    @Override
    public void close() {
        done = true;
        for (Writer writer : writers.values()) {
            writer.chain().close();
            writer.file().close();
        }
        writers.clear();
    }
}
