package io.espalier.spine.trace;

import io.espalier.memory.ThreadPriority;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Answers the requests of spines: merges the runs of a request, as many at a time as fit into the
 * bound of memory, into one file, and asks the store to swap it in. One background thread takes
 * requests in their order. What is merged is looked up when its turn comes, so that no work is done
 * for what has changed since it was asked for.
 *
 * <p>A large compaction pauses for small ones that come in meanwhile, or the runs of fresh commits
 * would pile up behind it until writers had to wait. At most {@value #DEPTH_MAX} are under way, and
 * never two over the same batches.
 *
 * <p>A failure costs nothing but the attempt: the inputs stay, and it is made again after a while.
 *
 * <p>When nothing is left to be done and nobody has committed for a while, it brings runs together
 * that would wait for company in vain, a trace at a time, as far as it {@linkplain Settling pays}.
 */
final class Compactor implements AutoCloseable {

    /** How many updates are merged between two looks at whether to stop or to pause. */
    private static final long FUEL_DEFAULT = 1 << 16;

    private static final long NANOS_PER_MILLI = 1_000_000;

    private static final int DEPTH_MAX = 3;

    /** A quarter of a processor is left where two threads that are as nice as others want it. */
    private static final int NICE_STEPS = 5;

    /** So much smaller must be what a compaction pauses for. */
    private static final int SMALLER = 8;

    private final CompactionSource source;
    private final CompactionCounters counters;
    private final ReentrantLock merging = new ReentrantLock();

    /** What is under way, the innermost first. Changed under merging, read by anybody. */
    private final Deque<CompactionTask> underWay = new ConcurrentLinkedDeque<>();

    // guarded by this
    private final CompactionQueue queue = new CompactionQueue();
    private @Nullable Thread thread;
    private boolean stepwise;
    private boolean stopped;
    private final List<CompactionQueue.Waiting> attempts = new ArrayList<>();
    private @Nullable Throwable failure;
    private boolean settleAgain;
    private long searchMillis = Long.MIN_VALUE;
    private long lastMillis = Long.MIN_VALUE;

    /** Writers that wait for fewer runs. */
    private int waiters;

    /**
     * Until then a large compaction does not pause: it goes on for as long as it has paused, or
     * small ones, of which there are always more, would keep it from ever ending. Guarded by
     * merging.
     */
    private long goOnNanos;

    private volatile boolean stopping;

    /** Whether runs may be left that could be brought together. Set by anybody. */
    private volatile boolean stirred = true;

    /** When the last commit came, or what else has changed. */
    private volatile long quietNanos;

    private long fuel = FUEL_DEFAULT;
    private volatile Runnable meanwhile = () -> {};

    Compactor(CompactionSource source) {
        this.source = source;
        this.counters = source.counters();
        this.goOnNanos = source.clock().nanos();
        this.quietNanos = goOnNanos;
    }

    /** Lets something happen before each step of a compaction, for tests of slow ones. */
    void beforeEachStep(Runnable meanwhile) {
        this.meanwhile = meanwhile;
    }

    /** Lets a step be another number of updates, for tests of many. */
    void setFuel(long updates) {
        fuel = updates;
    }

    /** Lets a thread of its own answer what is added. */
    synchronized void start() {
        searchMillis = source.nowMillis() + searchEveryMillis();
        Thread started =
                Thread.ofPlatform().daemon().name("espalier-compaction").unstarted(this::loop);
        started.start();
        thread = started;
    }

    /** Lets whoever calls {@link #turn} answer what is added, in the place of a thread. */
    synchronized void startStepwise() {
        searchMillis = source.nowMillis() + searchEveryMillis();
        stepwise = true;
    }

    /** Whether requests are answered without being asked for one by one. */
    synchronized boolean isRunning() {
        return (thread != null || stepwise) && !stopped;
    }

    synchronized void add(CompactionTask task) {
        if (!isRunning()) {
            return;
        }
        long now = source.nowMillis();
        long patience = task.isSmall(depth() > 0) ? source.options().compactionPatienceMillis() : 0;
        queue.add(task, now, now + patience);
        notifyAll();
    }

    /** Something was committed, or has changed that may let more be compacted. */
    void stir() {
        quietNanos = source.clock().nanos();
        if (!stirred) {
            synchronized (this) {
                stirred = true;
                notifyAll();
            }
        }
    }

    /** Waits while a trace has too many runs and there is hope that this changes. */
    synchronized void awaitFewerRuns(Trace trace, int runsMax) {
        boolean interrupted = false;
        while (isRunning() && trace.runCount() > runsMax && isHopeful(trace)) {
            queue.hurry(source.nowMillis());
            notifyAll();
            waiters++;
            try {
                source.clock().await(this, 0);
            } catch (InterruptedException e) {
                interrupted = true;
            } finally {
                waiters--;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Under the monitor: whether something is done for a trace, or soon, that has not failed. */
    private boolean isHopeful(Trace trace) {
        return allOf(trace).stream().anyMatch(next -> next.failures() == 0);
    }

    /** Under the monitor: what waits or is under way. */
    private List<CompactionQueue.Waiting> allOf(Trace trace) {
        List<CompactionQueue.Waiting> all = new ArrayList<>(queue.of(trace));
        attempts.stream().filter(next -> next.task().trace() == trace).forEach(all::add);
        return all;
    }

    /**
     * Waits for the next attempt if a trace has too many runs and what is to be compacted of it has
     * failed. The attempt is made soon, for somebody waits.
     *
     * @param millisMax how long to wait for it
     * @return why it failed; none if there is hope again
     */
    synchronized @Nullable Throwable awaitNextAttempt(Trace trace, int runsMax, long millisMax) {
        int failures = failures(trace);
        long startedNanos = source.clock().nanos();
        while (isRunning()
                && trace.runCount() > runsMax
                && !isHopeful(trace)
                && failures(trace) > 0) {
            queue.retrySoon(trace, source.nowMillis());
            notifyAll();
            long left = millisMax - (source.clock().nanos() - startedNanos) / NANOS_PER_MILLI;
            if (failures(trace) > failures || left <= 0) {
                return cause(trace);
            }
            try {
                source.clock().await(this, Math.min(left, CompactionQueue.RETRY_MILLIS_MIN));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return cause(trace);
            }
        }
        return null;
    }

    private int failures(Trace trace) {
        return allOf(trace).stream().mapToInt(CompactionQueue.Waiting::failures).sum();
    }

    private @Nullable Throwable cause(Trace trace) {
        for (CompactionQueue.Waiting next : allOf(trace)) {
            if (next.cause() != null) {
                return next.cause();
            }
        }
        return null;
    }

    // ---- the thread ---------------------------------------------------------------------------

    private void loop() {
        // or whoever commits waits for a slice of the scheduler after each of its syncs; a commit
        // that waits for this thread sleeps, and so leaves it a processor
        boolean ignored = ThreadPriority.lower(NICE_STEPS);
        while (!stopping) {
            if (!turn()) {
                idle();
            }
        }
    }

    /**
     * Answers the next request that is due, or searches for what was dropped or brings runs
     * together if it is time to.
     *
     * @return false if there is nothing to do now
     */
    boolean turn() {
        CompactionQueue.Waiting next;
        boolean searching;
        synchronized (this) {
            if (stopped) {
                return false;
            }
            long now = source.nowMillis();
            next = queue.poll(now, task -> true);
            searching = isTimeToSearch(now);
            if (next != null) {
                attempts.add(next);
            } else if (!searching && untilSettling() > 0) {
                return false;
            }
        }
        if (next != null) {
            attempt(next);
        } else if (searching) {
            search();
        } else {
            settle();
        }
        return true;
    }

    private boolean isTimeToSearch(long now) {
        return now >= searchMillis || now < lastMillis;
    }

    /** Waits until there is something to do. */
    private synchronized void idle() {
        long now = source.nowMillis();
        long until = Math.min(searchMillis, queue.dueMillis().orElse(Long.MAX_VALUE));
        long settling = untilSettling();
        // something may have come in since it was looked
        if (stopped || until <= now || isTimeToSearch(now) || settling <= 0) {
            return;
        }
        try {
            source.clock()
                    .await(this, Math.min(settling, Math.min(until - now, searchEveryMillis())));
        } catch (InterruptedException e) {
            // nobody but close() ends this thread
        }
    }

    private long searchEveryMillis() {
        return Math.max(1, source.options().compactionLeaseMillis() / 4);
    }

    /** Looks for what is worthwhile and not, or no longer, claimed by anybody. */
    private void search() {
        long now = source.nowMillis();
        boolean clockWentBack;
        synchronized (this) {
            clockWentBack = now < lastMillis;
            lastMillis = now;
            searchMillis = now + searchEveryMillis();
            stirred |= settleAgain;
            settleAgain = false;
        }
        try {
            source.expire();
            source.waiting(clockWentBack ? Long.MAX_VALUE : now - source.leaseMillis())
                    .forEach(this::add);
        } catch (IllegalStateException e) {
            // the store was closed meanwhile
        } catch (Throwable e) {
            // the thread must not end by it: nobody would compact any more, and nobody would know
            synchronized (this) {
                failure = e;
                counters.failures.increment();
            }
        }
    }

    // ---- idle stores --------------------------------------------------------------------------

    /** Under the monitor: in how many milliseconds runs are brought together, if nothing comes. */
    private long untilSettling() {
        long idleMillis = source.options().idleCompactionMillis();
        if (!stirred
                || idleMillis == TraceStoreOptions.NEVER
                || !attempts.isEmpty()
                || !queue.isEmpty()) {
            return Long.MAX_VALUE;
        }
        long leftNanos = idleMillis * NANOS_PER_MILLI - (source.clock().nanos() - quietNanos);
        // rounded up, or whoever waits for so long would wake too early and wait for nothing
        return Math.max(0, (leftNanos + NANOS_PER_MILLI - 1) / NANOS_PER_MILLI);
    }

    /** Brings runs of a trace together. If that fails, it is tried again with the next search. */
    private void settle() {
        // before it is looked, so that a commit meanwhile is not overlooked
        stirred = false;
        List<CompactionTask> tasks = List.of();
        Throwable failed = null;
        try {
            tasks = source.settle();
        } catch (Throwable e) {
            failed = e;
        }
        synchronized (this) {
            long now = source.nowMillis();
            // nobody comes who might widen them
            tasks.forEach(task -> queue.add(task, now));
            if (failed != null) {
                failure = failed;
                counters.failures.increment();
                settleAgain = !(failed instanceof StoreException.Stopped);
            }
        }
    }

    private void attempt(CompactionQueue.Waiting waiting) {
        Throwable failed = null;
        boolean unfinished = false;
        try {
            if (waiting.failures() > 0) {
                counters.retries.increment();
            }
            unfinished = compact(waiting.task());
            if (!unfinished && !stopping) {
                // not only with the next commit, which may be long in coming
                source.excess(waiting.task().trace()).forEach(this::add);
            }
        } catch (Throwable e) {
            // whatever it is, writers must not wait for this thread in vain
            failed = e;
        }
        synchronized (this) {
            attempts.remove(waiting);
            failure = failed;
            stirred = true;
            if (failed instanceof StoreException.Stopped) {
                // nothing can be written any more
                counters.failures.increment();
                queue.clear();
            } else if (failed != null) {
                counters.failures.increment();
                queue.addFailed(waiting, failed, source.nowMillis());
            } else if (unfinished && !stopped) {
                queue.add(waiting.task(), source.nowMillis());
            }
            notifyAll();
        }
    }

    // ---- compacting ---------------------------------------------------------------------------

    /**
     * Does one compaction now, of what the task has become by now.
     *
     * @return whether it has to be asked for once more until one run is left
     * @throws StoreException if a file cannot be read or written; what is done stays done
     */
    boolean compact(CompactionTask asked) {
        merging.lock();
        try {
            Optional<CompactionTask> task = source.refreshed(asked);
            return task.isPresent()
                    && isFree(task.get())
                    && !source.isTaken(task.get())
                    && compactAll(task.get());
        } finally {
            merging.unlock();
        }
    }

    /** How many compactions are under way: one, and those that it has paused for. */
    int depth() {
        return underWay.size();
    }

    /** Whether something of a task is being compacted. */
    boolean isUnderWay(CompactionTask task) {
        return !isFree(task);
    }

    private boolean isFree(CompactionTask task) {
        return underWay.stream().noneMatch(task::overlaps);
    }

    private boolean compactAll(CompactionTask task) {
        Map<Long, BatchFile> held = new HashMap<>();
        underWay.push(task);
        try {
            for (BatchFile file : source.hold(task)) {
                held.put(file.part().fileId(), file);
            }
            if (held.size() < task.parts().size()) {
                // it has just been compacted by others; look again
                return true;
            }
            CompactionPlan plan = source.plan(task, held);
            boolean several = plan.pieces().size() > 1;
            for (CompactionPlan.Piece piece : plan.pieces()) {
                counters.pieces.increment();
                // others are told that the work goes on, also by the last one: it will be asked for
                // anew
                OptionalLong claim =
                        several ? OptionalLong.of(source.nowMillis()) : OptionalLong.empty();
                if (!compact(task, piece, take(piece, held), claim)) {
                    return several && !stopping;
                }
            }
            return several;
        } finally {
            underWay.pop();
            BatchFile.releaseAll(held.values(), false);
        }
    }

    private static List<BatchFile> take(CompactionPlan.Piece piece, Map<Long, BatchFile> held) {
        List<BatchFile> inputs = new ArrayList<>();
        for (Run run : piece.runs()) {
            for (PartRef part : run.parts()) {
                BatchFile file = held.remove(part.fileId());
                if (file == null) {
                    throw new IllegalStateException("file " + part.fileId() + " is not held");
                }
                inputs.add(file);
            }
        }
        return inputs;
    }

    /** Whether it was wanted, and not stopped on the way. The inputs are let go. */
    private boolean compact(
            CompactionTask task,
            CompactionPlan.Piece piece,
            List<BatchFile> inputs,
            OptionalLong claim) {
        try (PieceCompaction work =
                new PieceCompaction(source, task, piece, inputs, () -> goesOn(task), fuel)) {
            return work.run(claim);
        }
    }

    /** Before each step of a compaction. */
    private boolean goesOn(CompactionTask task) {
        if (stopping) {
            return false;
        }
        meanwhile.run();
        pause(task);
        return true;
    }

    /** Writers may wait for fewer runs. */
    synchronized void tellWriters() {
        notifyAll();
    }

    /** Answers small requests that have come in, before a large one goes on. */
    private void pause(CompactionTask large) {
        if (underWay.size() >= DEPTH_MAX) {
            return;
        }
        long most = large.updateCount() / SMALLER;
        long started = source.clock().nanos();
        while (!stopping) {
            CompactionQueue.Waiting small;
            synchronized (this) {
                if (stopped || queue.isEmpty() || (waiters == 0 && started - goOnNanos < 0)) {
                    return;
                }
                small =
                        queue.poll(
                                source.nowMillis(),
                                task ->
                                        task.updateCount() <= most
                                                && isFree(task)
                                                && !source.isTaken(task));
                if (small == null) {
                    return;
                }
                attempts.add(small);
            }
            counters.interruptions.increment();
            attempt(small);
            long now = source.clock().nanos();
            goOnNanos = now + (now - started);
        }
    }

    // ---- seeing inside ------------------------------------------------------------------------

    synchronized CompactionStats stats() {
        return counters.stats(queue.size() + attempts.size(), queue.dropped());
    }

    /** How many requests wait that have failed. */
    synchronized int failing() {
        return queue.failed();
    }

    /** Why the last attempt failed, if it did. */
    synchronized @Nullable Throwable failure() {
        return failure;
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
