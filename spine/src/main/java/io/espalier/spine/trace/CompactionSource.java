package io.espalier.spine.trace;

import io.espalier.spine.Frontier;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What compaction asks of a store. The store's lock is held for bookkeeping only. */
final class CompactionSource {

    /** The version that new runs carry. */
    static final int WRITER_VERSION = 1;

    /** How many files a large run has, about: so much of it is there twice while it is merged. */
    private static final int PARTS = 16;

    /** A run has no files that are smaller, as long as it has several. */
    private static final long PART_BYTES_MIN = 8L << 20;

    /** Nor larger ones. */
    private static final long PART_BYTES_MAX = 256L << 20;

    /** A part that is by so much smaller than parts are to be is merged with its neighbours. */
    static final int MOVED_SHARE = 8;

    /** So much smaller may be the files of a run that is cut where another one is. */
    private static final int CUT_SHARE = 16;

    /** A claim that is over. */
    private static final long NEVER_MILLIS = 0;

    private static final int ROUNDS_MAX = 1000;

    /** Each doubles what is in one batch at least. */
    private static final int EXERTIONS_MAX = 100;

    private final TraceStore store;
    private final CompactionCounters counters = new CompactionCounters();

    /**
     * Where the files of the largest run of a trace end that is being merged. Under the compactor's
     * lock.
     */
    private final Map<Trace, List<byte[]>> underWay = new HashMap<>();

    private volatile long partBytesMin = PART_BYTES_MIN;

    CompactionSource(TraceStore store) {
        this.store = store;
    }

    CompactionCounters counters() {
        return counters;
    }

    TraceStoreOptions options() {
        return store.options();
    }

    StoreClock clock() {
        return store.clock();
    }

    long nowMillis() {
        return store.nowMillis();
    }

    long leaseMillis() {
        return options().compactionLeaseMillis();
    }

    /** What the runs of one compaction may take. */
    long boundBytes() {
        return CompactionCost.forReading(options().compactionMemoryBytes(), options().chunkBytes());
    }

    /** The run that a file is. */
    static Run runOf(PartRef part) {
        return runOf(List.of(part));
    }

    /** The run that some new files are. */
    static Run runOf(List<PartRef> parts) {
        return runOf(new RunId(0, parts.getFirst().fileId()), parts);
    }

    static Run runOf(RunId id, List<PartRef> parts) {
        return new Run(id, WRITER_VERSION, false, parts);
    }

    /** An id for a run whose files were there before: that of a file that is never made. */
    RunId newRunId() {
        return new RunId(0, store.allotFileId());
    }

    // ---- how runs are cut into files ----------------------------------------------------------

    /** Lets runs have smaller files, for tests. */
    void setPartBytesMin(long bytes) {
        partBytesMin = bytes;
    }

    /** How large the files of a run of some size are to be. */
    long partBytes(long bytes) {
        return Math.clamp(bytes / PARTS, partBytesMin, Math.max(partBytesMin, PART_BYTES_MAX));
    }

    /** The largest of some runs. */
    static Run largest(List<Run> runs) {
        Run largest = runs.getFirst();
        for (Run run : runs) {
            largest = sizeBytes(run) > sizeBytes(largest) ? run : largest;
        }
        return largest;
    }

    static long sizeBytes(Run run) {
        return run.parts().stream().mapToLong(PartRef::sizeBytes).sum();
    }

    /** Where files end, the last one left out: each its last key. */
    static List<byte[]> ends(List<BatchFile> files) {
        return files.subList(0, files.size() - 1).stream().map(BatchFile::lastKey).toList();
    }

    /** Whether the largest run of a trace is one of some. */
    boolean isLargestIn(Trace trace, List<Run> runs) {
        return largest(trace).filter(largest -> runs.contains(largest)).isPresent();
    }

    private Optional<Run> largest(Trace trace) {
        synchronized (store.lock()) {
            List<Run> all =
                    trace.spine().snapshot().stream()
                            .flatMap(batch -> batch.runs().stream())
                            .toList();
            return all.isEmpty() ? Optional.empty() : Optional.of(largest(all));
        }
    }

    /**
     * Remembers where the files of a trace's largest run end, while there is less and less of it.
     */
    void remember(Trace trace, List<byte[]> ends) {
        underWay.put(trace, ends);
    }

    void forget(Trace trace) {
        underWay.remove(trace);
    }

    /**
     * Where to cut what is made of some runs: where the trace's largest run is cut, so that both
     * can be merged a few files at a time; nowhere if the files would be too small for that.
     *
     * @param bytes of the runs
     */
    List<byte[]> cutKeys(Trace trace, List<Run> runs, long bytes) {
        List<byte[]> keys = underWay.get(trace);
        if (keys == null) {
            keys = ends(trace, runs);
        }
        return bytes / (keys.size() + 1) < partBytesMin / CUT_SHARE ? List.of() : keys;
    }

    private List<byte[]> ends(Trace trace, List<Run> runs) {
        Run largest = largest(trace).orElse(null);
        if (largest == null || largest.parts().size() == 1 || runs.contains(largest)) {
            return List.of();
        }
        List<BatchFile> files = hold(trace, largest.parts());
        try {
            return files.isEmpty() ? List.of() : ends(files);
        } catch (StoreException.Damaged e) {
            // that is told when it is merged, or read
            return List.of();
        } finally {
            BatchFile.releaseAll(files, false);
        }
    }

    // ---- what there is to do ------------------------------------------------------------------

    /**
     * All that is worth compacting now.
     *
     * @param thresholdMillis unless it was claimed later than this
     */
    List<CompactionTask> waiting(long thresholdMillis) {
        synchronized (store.lock()) {
            store.checkOpen();
            List<CompactionTask> tasks = new ArrayList<>();
            for (Trace trace : store.traces()) {
                for (MergeRequest request : trace.spine().requestsBefore(thresholdMillis, 0)) {
                    tasks.add(new CompactionTask(trace, request));
                }
            }
            return tasks;
        }
    }

    /** Whether there is anything to compact in a trace, claimed by somebody or not. */
    boolean isAsked(Trace trace) {
        synchronized (store.lock()) {
            return !trace.spine().requestsBefore(Long.MAX_VALUE, 0).isEmpty();
        }
    }

    /**
     * Claims what an append asks for. If that is nothing, it takes up the oldest that was asked for
     * before and has not been done: so what was dropped is done in the end, as long as there are
     * writers.
     *
     * @param requests of the push
     * @param spine the copy that becomes durable with the append
     * @param garbage of this spine
     * @return what is to be compacted
     */
    List<MergeRequest> claim(
            Spine spine, Garbage.Amount garbage, List<MergeRequest> requests, boolean hadUpdates) {
        long now = nowMillis();
        List<MergeRequest> claimed =
                Garbage.isTooMuch(garbage, spine, options().garbagePercentMax())
                        ? gathered(spine, requests)
                        : requests;
        if (claimed.isEmpty() && hadUpdates) {
            List<MergeRequest> old = spine.requestsBefore(now - leaseMillis(), 0);
            claimed = old.isEmpty() ? List.of() : List.of(old.getFirst());
        }
        for (MergeRequest request : claimed) {
            if (spine.claim(request.id(), now)) {
                counters.claims.increment();
            }
        }
        return claimed;
    }

    /**
     * The task as it is by now: what was to be compacted may have been compacted in part, or have
     * become part of something larger.
     *
     * @return none if nothing is left to do
     */
    Optional<CompactionTask> refreshed(CompactionTask task) {
        synchronized (store.lock()) {
            for (MergeRequest request : task.trace().spine().requestsBefore(Long.MAX_VALUE, 0)) {
                if (request.id().covers(task.request().id())) {
                    return Optional.of(new CompactionTask(task.trace(), request));
                }
            }
            return Optional.empty();
        }
    }

    // ---- doing it -----------------------------------------------------------------------------

    /** The files that a task reads, held for the caller. */
    List<BatchFile> hold(CompactionTask task) {
        return hold(task.trace(), task.parts());
    }

    /** The files of parts, held for the caller; none if one of them is there no longer. */
    List<BatchFile> hold(Trace trace, List<PartRef> parts) {
        synchronized (store.lock()) {
            store.checkOpen();
            return trace.hold(parts);
        }
    }

    /** Begins a compaction into new files. */
    CompactionJob job(List<StoredRun> inputs, Frontier since, CompactionJob.Cuts cuts) {
        return new CompactionJob(
                store.memory(), options().chunkBytes(), inputs, since, store::newTarget, cuts);
    }

    /**
     * Swaps a compaction's result in, durably.
     *
     * @return whether it was still wanted
     */
    boolean apply(Trace trace, MergeResult result) {
        store.gap().await();
        if (!result.output().isEmpty()) {
            // not under the lock, where whoever commits would wait for it
            store.syncBatchNames();
        }
        return store.change(trace, spine -> spine.apply(result).applied());
    }

    /** A result was swapped in, or refused. */
    void applied(List<PartRef> read, List<PartRef> written, boolean wanted) {
        counters.done(read, written, wanted);
        store.compactor().tellWriters();
    }

    /** Deletes a file that nobody has named. */
    void discard(long fileId) {
        store.discard(fileId);
    }

    /** How a task is answered; its files are opened for that. */
    CompactionPlan plan(CompactionTask task) {
        Map<Long, BatchFile> held = new HashMap<>();
        try {
            hold(task).forEach(file -> held.put(file.part().fileId(), file));
            return held.size() < task.parts().size()
                    ? new CompactionPlan(List.of(), 0)
                    : plan(task, held);
        } finally {
            BatchFile.releaseAll(held.values(), false);
        }
    }

    CompactionPlan plan(CompactionTask task, Map<Long, BatchFile> held) {
        CompactionPlan plan =
                CompactionPlan.of(
                        task.request(), run -> CompactionCost.ofReading(run, held), boundBytes());
        counters.memoryViolations.add(plan.violations());
        return plan;
    }

    /** Whether others work on it. */
    boolean isTaken(CompactionTask task) {
        return store.externalCompaction().isTaken(task);
    }

    /** Ends what others have not answered in time. */
    void expire() {
        store.externalCompaction().expire();
    }

    /** Whether the store itself works on it. */
    boolean isUnderWay(CompactionTask task) {
        return store.compactor().isUnderWay(task);
    }

    /**
     * What others have let go of is anybody's again.
     *
     * @param unclaimed whether their claim still stands
     */
    void lookAgain(CompactionRequest request, boolean unclaimed) {
        for (CompactionTask task : waiting(Long.MAX_VALUE)) {
            if (request.overlaps(task)) {
                if (unclaimed) {
                    store.change(
                            task.trace(), spine -> spine.claim(task.request().id(), NEVER_MILLIS));
                }
                store.compactor().add(task);
            }
        }
        store.compactor().stir();
    }

    // ---- all of it ----------------------------------------------------------------------------

    /** Brings what a trace holds now to a single run. */
    void compactAll(Trace trace, Compactor compactor) {
        long until = store.upper();
        for (int round = 0; trace.runCountBefore(until) > 1; round++) {
            if (round == ROUNDS_MAX) {
                throw new IllegalStateException(
                        "trace "
                                + trace.name()
                                + " has "
                                + trace.runCount()
                                + " runs after "
                                + round
                                + " rounds of compaction");
            }
            store.externalCompaction().revoke(trace);
            exert(trace).forEach(compactor::compact);
        }
    }

    /** What is to be compacted since too much of a trace is garbage; nothing if it is not. */
    List<CompactionTask> excess(Trace trace) {
        synchronized (store.lock()) {
            if (store.isClosed()
                    || !Garbage.isTooMuch(
                            trace.garbage(), trace.spine(), options().garbagePercentMax())) {
                return List.of();
            }
            return exert(trace);
        }
    }

    /**
     * Brings runs of one trace together, if that {@linkplain Settling pays}, and claims what is
     * then to be compacted.
     *
     * @return nothing if it does not pay for any trace
     */
    List<CompactionTask> settle() {
        List<CompactionTask> tasks = new ArrayList<>();
        synchronized (store.lock()) {
            for (Trace trace : store.traces()) {
                if (trace.runCount() > 1
                        && tasks.isEmpty()
                        && store.change(trace, spine -> settle(trace, spine, tasks))) {
                    counters.exertions.increment();
                }
            }
        }
        return tasks;
    }

    private boolean settle(Trace trace, Spine spine, List<CompactionTask> tasks) {
        if (!Settling.sweep(spine)) {
            return false;
        }
        for (MergeRequest request : spine.requestsBefore(Long.MAX_VALUE, 0)) {
            spine.claim(request.id(), nowMillis());
            counters.claims.increment();
            tasks.add(new CompactionTask(trace, request));
        }
        return true;
    }

    /**
     * Makes neighbours meet until all runs are in one batch, so that each is read and written once.
     *
     * @return what is then worth compacting
     */
    private List<CompactionTask> exert(Trace trace) {
        synchronized (store.lock()) {
            store.checkOpen();
            store.change(trace, CompactionSource::gather);
            return trace.spine().requestsBefore(Long.MAX_VALUE, 0).stream()
                    .map(request -> new CompactionTask(trace, request))
                    .toList();
        }
    }

    /** Makes neighbours meet until one request covers all runs; whether that took anything. */
    private static boolean gather(Spine spine) {
        boolean worked = false;
        for (int i = 0; i < EXERTIONS_MAX && !coversAllRuns(spine); i++) {
            worked |= spine.exert(Math.max(1, 2 * spine.updateCount())).worked();
        }
        return worked;
    }

    /** The request for all runs, unless what was asked for has it in already. */
    private static List<MergeRequest> gathered(Spine spine, List<MergeRequest> requests) {
        gather(spine);
        List<MergeRequest> all = spine.requestsBefore(Long.MAX_VALUE, 0);
        return all.isEmpty() ? requests : all;
    }

    private static boolean coversAllRuns(Spine spine) {
        List<MergeRequest> requests = spine.requestsBefore(Long.MAX_VALUE, 0);
        return requests.size() == 1
                && requests.getFirst().inputs().stream()
                                .mapToInt(input -> input.batch().runs().size())
                                .sum()
                        == spine.snapshot().stream().mapToInt(batch -> batch.runs().size()).sum();
    }
}
