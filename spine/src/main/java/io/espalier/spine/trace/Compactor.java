package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Merge;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.spine.Frontier;
import io.espalier.spine.PartRef;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Answers the requests of spines: merges the runs of a request, however many, into one file, and
 * asks the store to swap it in. One background thread takes requests in their order; those that a
 * later one covers are left out.
 *
 * <p>A failure costs nothing but the attempt: the inputs stay, and the request is found again when
 * the store is opened.
 */
final class Compactor implements AutoCloseable {

    /** How many updates are merged between two looks at whether to stop. */
    private static final long FUEL = 1 << 16;

    private final TraceStore store;
    private final @Nullable Thread thread;

    // guarded by this
    private final Deque<TraceStore.Task> queue = new ArrayDeque<>();
    private boolean stopped;
    private boolean busy;
    private @Nullable RuntimeException failure;
    private long applied;
    private long refused;
    private long updatesRead;
    private long updatesWritten;
    private long bytesWritten;
    private long failures;

    private volatile boolean stopping;

    Compactor(TraceStore store, boolean background) {
        this.store = store;
        this.thread =
                background
                        ? Thread.ofPlatform()
                                .daemon()
                                .name("espalier-compaction")
                                .unstarted(this::loop)
                        : null;
        if (thread != null) {
            thread.start();
        }
    }

    synchronized void add(TraceStore.Task task) {
        if (thread == null || stopped) {
            return;
        }
        queue.removeIf(waiting ->
                waiting.trace() == task.trace()
                        && task.request().id().covers(waiting.request().id()));
        queue.add(task);
        notifyAll();
    }

    /** Waits while a trace has too many runs and there is hope that this changes. */
    synchronized void awaitFewerRuns(Trace trace, int runsMax) {
        boolean interrupted = false;
        while (thread != null
                && !stopped
                && failure == null
                && trace.runCount() > runsMax
                && (busy || !queue.isEmpty())) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void loop() {
        while (true) {
            TraceStore.Task task = take();
            if (task == null) {
                return;
            }
            RuntimeException failed = null;
            try {
                compact(task);
            } catch (RuntimeException e) {
                failed = e;
            }
            synchronized (this) {
                busy = false;
                failure = failed;
                failures += failed == null ? 0 : 1;
                notifyAll();
            }
        }
    }

    private synchronized TraceStore.@Nullable Task take() {
        while (queue.isEmpty() && !stopped) {
            try {
                wait();
            } catch (InterruptedException e) {
                // nobody but close() ends this thread
            }
        }
        busy = !stopped;
        return stopped ? null : queue.poll();
    }

    /**
     * Does one compaction now.
     *
     * @throws StoreException if a file cannot be read or written
     */
    void compact(TraceStore.Task task) {
        List<BatchFile> inputs = store.hold(task);
        if (inputs.isEmpty()) {
            return;
        }
        try (BatchFileWriter file = store.newFile()) {
            if (!merge(task, inputs, file)) {
                return;
            }
            Optional<PartRef> output =
                    file.isEmpty() ? Optional.empty() : Optional.of(file.finish());
            boolean wanted = false;
            try {
                wanted = store.apply(task, output);
            } finally {
                if (!wanted) {
                    output.ifPresent(part -> store.discard(part.fileId()));
                }
            }
            count(inputs, output, wanted);
        } finally {
            inputs.forEach(input -> input.release(false));
        }
    }

    /** False if it was stopped on the way. */
    private boolean merge(TraceStore.Task task, List<BatchFile> inputs, BatchFileWriter file) {
        Frontier since = task.request().description().since();
        long floor = since.isEmpty() ? 0 : since.epoch();
        try (ChainBuilder chain =
                        new ChainBuilder(
                                new TrieBuilder(store.memory(), TrieType.BYTES_TO_BYTES),
                                store.options().chunkBytes(),
                                file);
                Merge merge = new Merge(inputs, true, floor, chain)) {
            while (merge.step(FUEL)) {
                if (stopping) {
                    return false;
                }
            }
        }
        return true;
    }

    private synchronized void count(
            List<BatchFile> inputs, Optional<PartRef> output, boolean wanted) {
        for (BatchFile input : inputs) {
            updatesRead += input.updateCount();
        }
        updatesWritten += output.map(PartRef::updateCount).orElse(0L);
        bytesWritten += output.map(PartRef::sizeBytes).orElse(0L);
        if (wanted) {
            applied++;
        } else {
            refused++;
        }
    }

    synchronized CompactionStats stats() {
        return new CompactionStats(
                queue.size() + (busy ? 1 : 0),
                applied,
                refused,
                updatesRead,
                updatesWritten,
                bytesWritten,
                failures);
    }

    /** Stops after the step under way; what was being written goes. */
    @Override
    public void close() {
        stopping = true;
        synchronized (this) {
            stopped = true;
            queue.clear();
            notifyAll();
        }
        if (thread == null) {
            return;
        }
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
