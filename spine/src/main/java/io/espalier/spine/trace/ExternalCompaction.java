package io.espalier.spine.trace;

import io.espalier.memory.Layouts;
import io.espalier.spine.Description;
import io.espalier.spine.DiffSumMismatchException;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Replaced;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import io.espalier.spine.SpineId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Compactions that others do, on other threads or in other processes. {@link #next} claims one and
 * hands it out; {@link CompactionWorker} does it; {@link #answer} swaps the result in.
 *
 * <p>Who works on what survives a restart of the owner: the claim is in the spine, the request
 * beside the output. While the lease lasts nobody else works on the same batches, unless the store
 * is asked to compact everything at once, and what was written so far is kept. After it the request
 * is open again, and what is left of it is deleted; a result that comes all the same is looked at,
 * and refused.
 *
 * <p>A result may be given any number of times. What it replaces is named run by run, so it is
 * applied at most once; and its file has an id that nothing else ever has, and lies apart from the
 * batch files until then, so that refusing a result never deletes what was applied.
 *
 * <p>Thread-safe.
 */
public final class ExternalCompaction {

    /** What became of a result. */
    public enum Answer {
        /** It was swapped in. */
        APPLIED,
        /** It had been swapped in before. */
        REPEATED,
        /** What it was to replace is not there any more; its file was deleted. */
        STALE,
        /** Nobody is waiting for it: its lease is over, or it is no answer to what was asked. */
        UNKNOWN,
        /** Its file is not what it says, or not what the inputs were; it was deleted. */
        DAMAGED,
        /** The worker says that it failed; the request is open again. */
        FAILED
    }

    private static final int ANSWERS_MAX = 4096;

    private static final long MILLIS_PER_MIB = 1000;

    private final TraceStore store;
    private final CompactionSource source;
    private final StoreDirectory directory;
    private final CompactionFolder folder;

    /** What is handed out, by file id. Changed under this object's monitor, read by anybody. */
    private final Map<Long, CompactionRequest> live = new ConcurrentHashMap<>();

    /** The last answers, by file id. Guarded by this. */
    private final Map<Long, Answer> answers = new LinkedHashMap<>();

    ExternalCompaction(
            TraceStore store,
            CompactionSource source,
            StoreDirectory directory,
            CompactionFolder folder) {
        this.store = store;
        this.source = source;
        this.directory = directory;
        this.folder = folder;
    }

    /** Takes up what an earlier opening handed out, and deletes what is left of other work. */
    synchronized void restore() {
        long now = source.nowMillis();
        for (CompactionRequest request : folder.requests()) {
            if (request.isLeased(now)
                    && !store.refersTo(request.fileId())
                    && traceOf(request).filter(trace -> hasInputs(trace, request)).isPresent()) {
                live.put(request.fileId(), request);
            }
        }
        folder.deleteAllBut(live.keySet());
    }

    // ---- handing out --------------------------------------------------------------------------

    /**
     * Claims the oldest request that nobody works on. If its runs do not fit into the bound of
     * memory at once, this is a piece of it, and the next one follows after its answer.
     *
     * @return none if there is nothing to do
     * @throws StoreException if the claim could not be made durable; nothing is handed out then
     */
    public synchronized Optional<CompactionRequest> next() {
        store.checkOpen();
        expire();
        long now = source.nowMillis();
        for (CompactionTask task : source.waiting(now - source.leaseMillis())) {
            if (isTaken(task) || source.isUnderWay(task)) {
                continue;
            }
            try {
                Optional<CompactionRequest> request = handOut(task, now);
                if (request.isPresent()) {
                    return request;
                }
            } catch (StoreException.Damaged e) {
                // others are not to wait for it
                source.counters().failures.increment();
            }
        }
        return Optional.empty();
    }

    private Optional<CompactionRequest> handOut(CompactionTask task, long now) {
        for (CompactionPlan.Piece piece : source.plan(task).pieces()) {
            if (piece.kept()) {
                // nothing to be read or written
                HollowBatch same = new HollowBatch(piece.description(), piece.runs());
                source.apply(
                        task.trace(),
                        new MergeResult(piece.replaced(), same, OptionalLong.empty()));
                continue;
            }
            CompactionRequest request =
                    new CompactionRequest(
                            directory.storeId(),
                            task.trace().id(),
                            directory.allotFileId(),
                            now,
                            leaseMillis(piece),
                            source.options().chunkBytes(),
                            piece.description(),
                            piece.replaced(),
                            piece.runs().stream().flatMap(run -> run.parts().stream()).toList());
            // durable together: the claim, and that the id is used
            SpineId id = task.request().id();
            if (!store.change(task.trace(), spine -> spine.claim(id, now))) {
                return Optional.empty();
            }
            folder.write(request);
            live.put(request.fileId(), request);
            source.counters().claims.increment();
            source.counters().handedOut.increment();
            return Optional.of(request);
        }
        return Optional.empty();
    }

    /** The option's, or a second for each MiB to read if that is longer. */
    private long leaseMillis(CompactionPlan.Piece piece) {
        long bytes = 0;
        for (Run run : piece.runs()) {
            bytes += run.parts().stream().mapToLong(PartRef::sizeBytes).sum();
        }
        return Math.max(source.leaseMillis(), (bytes >>> 20) * MILLIS_PER_MIB);
    }

    /** Whether somebody else works on batches of a task. */
    boolean isTaken(CompactionTask task) {
        long now = source.nowMillis();
        for (CompactionRequest request : live.values()) {
            if (request.isLeased(now) && request.overlaps(task)) {
                return true;
            }
        }
        return false;
    }

    /** Whether somebody else works on a trace, and is expected to answer. */
    boolean isAtWork(Trace trace) {
        long now = source.nowMillis();
        for (CompactionRequest request : live.values()) {
            if (request.traceId() == trace.id() && request.isLeased(now)) {
                return true;
            }
        }
        return false;
    }

    /** Ends what is past its lease. */
    synchronized void expire() {
        long now = source.nowMillis();
        for (CompactionRequest request : List.copyOf(live.values())) {
            if (!request.isLeased(now)) {
                source.counters().expired.increment();
                end(request, Answer.UNKNOWN);
            }
        }
    }

    /** Waits for nobody any more who works on a trace. */
    synchronized void revoke(Trace trace) {
        for (CompactionRequest request : List.copyOf(live.values())) {
            if (request.traceId() == trace.id()) {
                end(request, Answer.STALE);
            }
        }
    }

    private void end(CompactionRequest request, Answer answer) {
        live.remove(request.fileId());
        answers.put(request.fileId(), answer);
        if (answers.size() > ANSWERS_MAX) {
            answers.remove(answers.keySet().iterator().next());
        }
        folder.delete(request.fileId());
    }

    // ---- taking back --------------------------------------------------------------------------

    /**
     * Swaps a result in, if it is still wanted. Whatever the answer, the file of the result is the
     * store's business from here on.
     *
     * @throws StoreException.Stopped if nobody knows whether it was made durable; given again after
     *     the store was opened anew, it is applied once in any case
     * @throws StoreException if it could not be made durable; it may be given again
     */
    public synchronized Answer answer(CompactionResult result) {
        store.checkOpen();
        long fileId = result.fileId();
        CompactionRequest request = live.get(fileId);
        boolean ours = result.storeId().equals(directory.storeId());
        if (ours && (answers.get(fileId) == Answer.APPLIED || store.refersTo(fileId))) {
            source.counters().repeated.increment();
            if (request != null) {
                end(request, Answer.APPLIED);
            } else {
                folder.delete(fileId);
            }
            return Answer.REPEATED;
        }
        if (!ours
                || request == null
                || CompactionFacts.checksum(request) != result.requestChecksum()) {
            source.counters().externalRefused.increment();
            if (ours && request == null) {
                folder.delete(fileId);
                return answers.getOrDefault(fileId, Answer.UNKNOWN);
            }
            return Answer.UNKNOWN;
        }
        Answer answer =
                switch (result.outcome()) {
                    case CompactionResult.Failed failed -> Answer.FAILED;
                    case CompactionResult.Done done -> take(request, done.output());
                };
        (answer == Answer.APPLIED
                        ? source.counters().externalApplied
                        : source.counters().externalRefused)
                .increment();
        end(request, answer);
        source.lookAgain(request, answer == Answer.FAILED || answer == Answer.DAMAGED);
        return answer;
    }

    private Answer take(CompactionRequest request, Optional<PartRef> output) {
        Optional<Trace> trace = traceOf(request);
        if (trace.isEmpty() || !hasInputs(trace.get(), request)) {
            return Answer.STALE;
        }
        if (output.isPresent() && !isWhole(request, output.get())) {
            store.discard(request.fileId());
            return Answer.DAMAGED;
        }
        HollowBatch batch =
                new HollowBatch(
                        request.description(),
                        output.stream().map(CompactionSource::runOf).toList());
        boolean applied;
        try {
            applied =
                    source.apply(
                            trace.get(),
                            new MergeResult(request.replaced(), batch, OptionalLong.empty()));
        } catch (DiffSumMismatchException e) {
            store.discard(request.fileId());
            return Answer.DAMAGED;
        }
        source.counters().done(request.inputs(), output.stream().toList(), applied);
        if (!applied) {
            store.discard(request.fileId());
            return Answer.STALE;
        }
        return Answer.APPLIED;
    }

    /** Takes the output over, and reads all of it: it was written by somebody else. */
    private boolean isWhole(CompactionRequest request, PartRef output) {
        if (output.fileId() != request.fileId()
                || !output.name().equals("b" + request.fileId())
                || !directory.adopt(Names.compactionOutput(request.fileId()), request.fileId())) {
            return false;
        }
        List<Damage> damages = new ArrayList<>();
        BatchFile file = store.file(output);
        try {
            BatchFileCheck.verify(file, damages::add);
            return damages.isEmpty() && hasTimesOf(request.description(), file);
        } finally {
            file.release(false);
        }
    }

    private static boolean hasTimesOf(Description description, BatchFile file) {
        BatchFile.Opened opened = file.opened();
        long footer = opened.offset + file.sizeBytes() - BatchFileFormat.FOOTER_BYTES;
        long min = opened.segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_TIME_MIN_AT);
        long max = opened.segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_TIME_MAX_AT);
        Frontier least = Frontier.of(min);
        Frontier greatest = Frontier.of(max);
        return description.lower().lessEqual(least)
                && (!description.upper().lessEqual(greatest)
                        || greatest.lessEqual(description.since()));
    }

    // ---- what is there ------------------------------------------------------------------------

    private Optional<Trace> traceOf(CompactionRequest request) {
        synchronized (store.lock()) {
            return store.traces().stream()
                    .filter(trace -> trace.id() == request.traceId())
                    .findFirst();
        }
    }

    private boolean hasInputs(Trace trace, CompactionRequest request) {
        Set<RunId> wanted =
                new HashSet<>(
                        switch (request.replaced()) {
                            case Replaced.Range range -> range.runs();
                            case Replaced.Runs runs -> runs.runs();
                        });
        synchronized (store.lock()) {
            Spine spine = trace.spine();
            for (HollowBatch batch : spine.snapshot()) {
                batch.runs().forEach(run -> wanted.remove(run.id()));
            }
        }
        return wanted.isEmpty();
    }
}
