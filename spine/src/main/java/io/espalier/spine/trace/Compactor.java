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
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Answers the requests of spines: merges the runs of a request, however many, into one file, and
 * asks the store to swap it in. One background thread takes requests in their order; those that a
 * later one covers are left out. What is merged is looked up when its turn comes, so that no work
 * is done for what has changed since it was asked for; one compaction runs at a time.
 *
 * <p>A failure costs nothing but the attempt: the inputs stay, and the request is found again when
 * a later one covers it, or the store is opened.
 */
final class Compactor implements AutoCloseable {

    /** How many updates are merged between two looks at whether to stop. */
    private static final long FUEL = 1 << 16;

    private final TraceStore store;
    private final ReentrantLock merging = new ReentrantLock();

    // guarded by this
    private final Deque<TraceStore.Task> queue = new ArrayDeque<>();
    private @Nullable Thread thread;
    private boolean stopped;
    private boolean busy;
    private @Nullable Throwable failure;
    private long applied;
    private long refused;
    private long updatesRead;
    private long updatesWritten;
    private long bytesWritten;
    private long failures;

    private volatile boolean stopping;

    Compactor(TraceStore store) {
        this.store = store;
    }

    /** Lets a thread of its own answer what is added. */
    synchronized void start() {
        Thread started =
                Thread.ofPlatform().daemon().name("espalier-compaction").unstarted(this::loop);
        started.start();
        thread = started;
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
            Throwable failed = null;
            try {
                compact(task);
            } catch (Throwable e) {
                // whatever it is, writers must not wait for this thread in vain
                failed = e;
            }
            synchronized (this) {
                busy = false;
                failure = failed;
                failures += failed == null ? 0 : 1;
                if (failed instanceof StoreException.Stopped) {
                    // nothing can be written any more
                    queue.clear();
                }
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
     * Does one compaction now, of what the task has become by now.
     *
     * @throws StoreException if a file cannot be read or written
     */
    void compact(TraceStore.Task asked) {
        merging.lock();
        try {
            Optional<TraceStore.Task> task = store.refreshed(asked);
            if (task.isPresent()) {
                compactNow(task.get());
            }
        } finally {
            merging.unlock();
        }
    }

    private void compactNow(TraceStore.Task task) {
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
                // not if the outcome is unknown: the store has stopped then, and deletes nothing
                if (!wanted) {
                    output.ifPresent(part -> store.discard(part.fileId()));
                }
            }
            count(inputs, output, wanted);
        } finally {
            BatchFile.releaseAll(inputs, false);
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

    /** A line about the last attempt if it failed. */
    synchronized List<String> notes() {
        return failure == null
                ? List.of()
                : List.of("the last compaction failed: " + failure.getMessage());
    }

    /** Stops after the step under way; what was being written goes. */
    @Override
    public void close() {
        stopping = true;
        Thread running;
        synchronized (this) {
            stopped = true;
            queue.clear();
            notifyAll();
            running = thread;
        }
        if (running == null) {
            return;
        }
        boolean interrupted = false;
        while (running.isAlive()) {
            try {
                running.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
