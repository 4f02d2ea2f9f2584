package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.spine.PartRef;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
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
            boolean kept = false;
            try {
                ChainBuilder chain =
                        new ChainBuilder(
                                new TrieBuilder(store.memory(), TrieType.BYTES_TO_BYTES),
                                store.options().chunkBytes(),
                                file);
                writer = new Writer(file, chain);
                writers.put(trace, writer);
                kept = true;
            } finally {
                if (!kept) {
                    file.close();
                }
            }
        }
        return writer.chain();
    }

    /**
     * Lets the history before {@code since} of the traces written be forgotten.
     *
     * @param since not beyond the epoch that is committed
     */
    public void downgradeSince(long since) {
        this.since = since;
    }

    /**
     * Makes everything durable and visible, if the store is still where the differences were made
     * for.
     *
     * @param epoch the epoch that is committed: the upper of the store before, and one less after
     * @throws IllegalStateException if the store's upper is another; nothing is committed then
     * @throws StoreException.Behind if others are to compact and do not; nothing is committed, and
     *     it may be tried again
     * @throws StoreException if it is not durable; unless it is {@link StoreException.Stopped},
     *     nothing is committed then
     */
    public void commit(long epoch) {
        if (done) {
            throw new IllegalStateException("the commit is over");
        }
        if (Long.compareUnsigned(since, epoch) > 0) {
            throw new IllegalArgumentException(
                    "a commit of epoch "
                            + epoch
                            + " that lets go of history up to "
                            + since
                            + "; keep that epoch at least");
        }
        store.backpressure().admit(writers.keySet());
        long startedNanos = store.clock().nanos();
        // one attempt: after a failure nobody knows how much of a file is written
        done = true;
        Map<Trace, Optional<PartRef>> parts = new LinkedHashMap<>();
        boolean committed = false;
        store.gap().enter();
        try {
            for (Map.Entry<Trace, Writer> entry : writers.entrySet()) {
                Writer writer = entry.getValue();
                writer.chain().finish();
                parts.put(
                        entry.getKey(),
                        writer.file().isEmpty()
                                ? Optional.empty()
                                : Optional.of(writer.file().finish()));
            }
            store.append(epoch, since, parts);
            committed = true;
        } finally {
            store.gap().leave();
            if (!committed) {
                parts.values().forEach(part -> part.ifPresent(p -> store.discard(p.fileId())));
            }
        }
        store.backpressure().slow(parts.keySet(), startedNanos);
    }

    @Override
    public void close() {
        done = true;
        List<Writer> open = new ArrayList<>(writers.values());
        writers.clear();
        close(open, 0);
    }

    /** Closes all, whatever closing one of them throws. */
    private static void close(List<Writer> open, int from) {
        if (from == open.size()) {
            return;
        }
        try (BatchFileWriter file = open.get(from).file();
                ChainBuilder chain = open.get(from).chain()) {
            // the chain first, then its file
        } finally {
            close(open, from + 1);
        }
    }
}
