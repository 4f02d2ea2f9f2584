package io.espalier.spine.trace;

import io.espalier.spine.Description;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Replaced;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.SpineId;
import io.espalier.spine.trace.KeyRanges.Extent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Does one piece of a plan: makes one run of several. If they are large that goes a range of keys
 * at a time, from the lowest to the highest. After each range the trace lists what is done as one
 * run and of each old run what is left of it, and the files of that range are let go: so of what is
 * merged only the part that is being written is there twice.
 *
 * <p>At every moment the trace is whole. Who goes on after a crash finds parts that overlap with
 * nothing and in which nothing can be folded, and takes them over as they are. The batch in between
 * says that it is advanced to the since of the piece, as it has to where that is done; what is left
 * is not. It has two runs at least, so nobody takes it for one in which nothing is left to fold.
 *
 * <p>If what comes to the large run is in files that overlap with all of its own, these are written
 * anew first, cut where its files end. That is little beside the large run, and otherwise not done.
 *
 * <p>For one thread.
 */
final class PieceCompaction implements AutoCloseable {

    private final CompactionSource source;
    private final Trace trace;
    private final CompactionPlan.Piece piece;
    private final BooleanSupplier goOn;
    private final long fuel;

    /** The files that are read, by id; each is let go as soon as it is read for the last time. */
    private final Map<Long, BatchFile> held = new HashMap<>();

    /** What the trace has in the place of the piece's batches by now. */
    private final List<IdHollowBatch> batches = new ArrayList<>();

    /** What is yet to be merged, oldest first; of a piece of all runs, those of the batches. */
    private final List<Run> runs;

    /**
     * @param inputs the files of the piece's runs; the holds on them belong to this
     * @param goOn asked before each step; if it says no, the work ends, and what is done stays
     * @param fuel how many updates are merged in a step
     */
    PieceCompaction(
            CompactionSource source,
            CompactionTask task,
            CompactionPlan.Piece piece,
            Collection<BatchFile> inputs,
            BooleanSupplier goOn,
            long fuel) {
        this.source = source;
        this.trace = task.trace();
        this.piece = piece;
        this.goOn = goOn;
        this.fuel = fuel;
        this.runs = new ArrayList<>(piece.runs());
        inputs.forEach(file -> held.put(file.part().fileId(), file));
        SpineId id = idOf(piece);
        for (IdHollowBatch batch : task.request().inputs()) {
            if (id.covers(batch.id())) {
                batches.add(batch);
            }
        }
    }

    private static SpineId idOf(CompactionPlan.Piece piece) {
        return switch (piece.replaced()) {
            case Replaced.Range range -> range.id();
            case Replaced.Runs some -> some.partId();
        };
    }

    /**
     * Does it.
     *
     * @param claim that stands when all is done
     * @return whether all was wanted, and it was not stopped on the way
     * @throws StoreException if a file cannot be read or written; what is done stays done
     */
    boolean run(OptionalLong claim) {
        if (piece.kept()) {
            return apply(replaced(), piece.description(), runs, List.of(), List.of(), claim);
        }
        return align() && merge(claim);
    }

    // ---- the first pass: what is in the way ---------------------------------------------------

    private boolean align() {
        List<List<Extent>> extents = extents();
        List<Integer> crossing =
                Alignment.crossing(extents, runs.stream().map(PieceCompaction::sizeBytes).toList());
        if (crossing.isEmpty()) {
            return true;
        }
        Run largest = CompactionSource.largest(runs);
        List<byte[]> keys = CompactionSource.ends(files(largest));
        Set<RunId> ids = crossing.stream().map(i -> runs.get(i).id()).collect(Collectors.toSet());
        // from the newest on, so that the places of the others stay what they are
        for (Segment segment : segments(ids).reversed()) {
            if (!rewrite(segment, keys)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Neighbours in time that become one run: whole batches, or some runs of one.
     *
     * @param from the first batch
     * @param to the batch behind the last
     * @param some the runs if they are not all of the batch
     */
    private record Segment(int from, int to, Optional<List<Run>> some) {}

    private List<Segment> segments(Set<RunId> ids) {
        List<Segment> segments = new ArrayList<>();
        int from = -1;
        int to = -1;
        for (int i = 0; i < batches.size(); i++) {
            List<Run> ofBatch = batches.get(i).batch().runs();
            if (ofBatch.isEmpty()) {
                continue;
            }
            if (isRange() && ofBatch.stream().allMatch(run -> ids.contains(run.id()))) {
                from = from < 0 ? i : from;
                to = i + 1;
                continue;
            }
            if (from >= 0) {
                segments.add(new Segment(from, to, Optional.empty()));
                from = -1;
            }
            int batch = i;
            stretches(ofBatch, ids)
                    .forEach(
                            some -> segments.add(new Segment(batch, batch + 1, Optional.of(some))));
        }
        if (from >= 0) {
            segments.add(new Segment(from, to, Optional.empty()));
        }
        return segments;
    }

    /** The runs that are meant, those that lie side by side together. */
    private static List<List<Run>> stretches(List<Run> ofBatch, Set<RunId> ids) {
        List<List<Run>> stretches = new ArrayList<>();
        List<Run> current = new ArrayList<>();
        for (Run run : ofBatch) {
            if (ids.contains(run.id())) {
                current.add(run);
            } else if (!current.isEmpty()) {
                stretches.add(List.copyOf(current));
                current.clear();
            }
        }
        if (!current.isEmpty()) {
            stretches.add(List.copyOf(current));
        }
        return stretches;
    }

    /** Merges a segment into files that end at some keys. */
    private boolean rewrite(Segment segment, List<byte[]> keys) {
        List<IdHollowBatch> old = List.copyOf(batches.subList(segment.from(), segment.to()));
        List<Run> merged =
                segment.some()
                        .orElseGet(() ->
                                old.stream().flatMap(b -> b.batch().runs().stream()).toList());
        SpineId id = new SpineId(old.getFirst().id().first(), old.getLast().id().end());
        Description description =
                new Description(
                        old.getFirst().batch().description().lower(),
                        old.getLast().batch().description().upper(),
                        piece.description().since());
        List<RunId> ids = merged.stream().map(Run::id).toList();
        Replaced gone =
                segment.some().isPresent()
                        ? new Replaced.Runs(id, Set.copyOf(ids))
                        : new Replaced.Range(id, ids);
        List<StoredRun> inputs = merged.stream().map(run -> BatchFileChain.of(files(run))).toList();
        Optional<List<PartRef>> output =
                write(inputs, new CompactionJob.Cuts(Long.MAX_VALUE, keys));
        if (output.isEmpty()) {
            return false;
        }
        List<PartRef> parts = output.get();
        List<Run> made = parts.isEmpty() ? List.of() : List.of(CompactionSource.runOf(parts));
        OptionalLong claim = OptionalLong.of(source.nowMillis());
        if (!apply(gone, description, made, partsOf(merged), parts, claim)) {
            return false;
        }
        source.counters().cut.add(merged.size());
        replace(runs, merged, made);
        List<Run> inBatch = made;
        if (segment.some().isPresent()) {
            inBatch = new ArrayList<>(old.getFirst().batch().runs());
            replace(inBatch, merged, made);
        }
        batches.subList(segment.from(), segment.to()).clear();
        batches.add(segment.from(), new IdHollowBatch(id, new HollowBatch(description, inBatch)));
        hold(made);
        letGo(partsOf(merged));
        return true;
    }

    /** Puts runs in the place of some that lie side by side. */
    private static void replace(List<Run> all, List<Run> old, List<Run> made) {
        int at = all.indexOf(old.getFirst());
        List<Run> place = all.subList(at, at + old.size());
        assert place.equals(old);
        place.clear();
        all.addAll(at, made);
    }

    private void hold(List<Run> made) {
        for (BatchFile file : source.hold(trace, partsOf(made))) {
            held.put(file.part().fileId(), file);
        }
    }

    // ---- the second pass: from the lowest key to the highest ----------------------------------

    private boolean merge(OptionalLong claim) {
        List<List<Extent>> extents = extents();
        long bytes = runs.stream().mapToLong(PieceCompaction::sizeBytes).sum();
        long partBytes = source.partBytes(bytes);
        CompactionSteps steps =
                CompactionSteps.of(
                        runs.size(),
                        KeyRanges.components(extents.stream().flatMap(List::stream).toList()),
                        new PartFacts(List.copyOf(runs)),
                        partBytes,
                        partBytes / CompactionSource.MOVED_SHARE);
        CompactionJob.Cuts cuts =
                new CompactionJob.Cuts(partBytes, source.cutKeys(trace, runs, bytes));
        boolean largest = source.isLargestIn(trace, runs);
        if (largest) {
            source.remember(trace, CompactionSource.ends(files(CompactionSource.largest(runs))));
        }
        try {
            return merge(steps.steps(), cuts, claim);
        } finally {
            if (largest) {
                source.forget(trace);
            }
        }
    }

    private boolean merge(
            List<CompactionSteps.Step> steps, CompactionJob.Cuts cuts, OptionalLong claim) {
        List<Run> old = List.copyOf(runs);
        int[] ends = new int[old.size()];
        List<PartRef> done = new ArrayList<>();
        // since the trace was last told
        List<PartRef> read = new ArrayList<>();
        List<PartRef> written = new ArrayList<>();
        List<PartRef> passed = new ArrayList<>();
        boolean told = false;
        try {
            for (int i = 0; i < steps.size(); i++) {
                CompactionSteps.Step step = steps.get(i);
                List<List<PartRef>> inputs = new ArrayList<>();
                for (int run = 0; run < ends.length; run++) {
                    int end = step.ends().get(run);
                    List<PartRef> parts = old.get(run).parts().subList(ends[run], end);
                    if (!parts.isEmpty()) {
                        inputs.add(parts);
                        passed.addAll(parts);
                    }
                    ends[run] = end;
                }
                if (step.moved()) {
                    done.addAll(inputs.getFirst());
                    source.counters().moved.increment();
                } else {
                    inputs.forEach(read::addAll);
                    Optional<List<PartRef>> output =
                            write(
                                    inputs.stream()
                                            .map(parts -> BatchFileChain.of(filesOf(parts)))
                                            .toList(),
                                    cuts);
                    if (output.isEmpty()) {
                        return false;
                    }
                    done.addAll(output.get());
                    written.addAll(output.get());
                }
                boolean last = i == steps.size() - 1;
                if (step.moved() && !last) {
                    continue;
                }
                List<Run> now = runsNow(old, ends, done, written);
                if (now.size() < 2 && !last) {
                    // a single run would be taken for one in which nothing is left to fold
                    continue;
                }
                OptionalLong stands = last ? claim : OptionalLong.of(source.nowMillis());
                told = true;
                boolean wanted =
                        apply(
                                replaced(),
                                piece.description(),
                                now,
                                List.copyOf(read),
                                List.copyOf(written),
                                stands);
                written.clear();
                read.clear();
                if (!wanted) {
                    return false;
                }
                told = false;
                if (!last) {
                    source.counters().ranges.increment();
                }
                runs.clear();
                runs.addAll(now);
                letGo(passed);
                passed.clear();
            }
            return true;
        } finally {
            if (!told) {
                written.forEach(part -> source.discard(part.fileId()));
            }
        }
    }

    /** What is done, and what is left of each old run; under ids that stale results do not know. */
    private List<Run> runsNow(
            List<Run> old, int[] ends, List<PartRef> done, List<PartRef> written) {
        List<Run> now = new ArrayList<>();
        if (done.size() == written.size() && !done.isEmpty()) {
            now.add(CompactionSource.runOf(done));
        } else if (!done.isEmpty()) {
            now.add(CompactionSource.runOf(source.newRunId(), done));
        }
        for (int run = 0; run < ends.length; run++) {
            Run before = old.get(run);
            int end = ends[run];
            List<PartRef> left = before.parts().subList(end, before.parts().size());
            if (end == 0) {
                now.add(before);
            } else if (!left.isEmpty()) {
                now.add(
                        new Run(
                                source.newRunId(),
                                before.writerVersion(),
                                before.truncated(),
                                left));
            }
        }
        return now;
    }

    /** What the planner asks of the parts. */
    private final class PartFacts implements CompactionSteps.Parts {
        private final List<Run> of;

        PartFacts(List<Run> of) {
            this.of = of;
        }

        @Override
        public long sizeBytes(Extent part) {
            return of.get(part.run()).parts().get(part.part()).sizeBytes();
        }

        @Override
        public boolean isSettled(Extent part) {
            Run run = of.get(part.run());
            return !run.truncated()
                    && file(run.parts().get(part.part())).isSettled(piece.description().since());
        }
    }

    // ---- what both passes do ------------------------------------------------------------------

    private boolean isRange() {
        return piece.replaced() instanceof Replaced.Range;
    }

    /** What the trace has in the place of the piece by now. */
    private Replaced replaced() {
        List<RunId> ids = runs.stream().map(Run::id).toList();
        return switch (piece.replaced()) {
            case Replaced.Range range -> new Replaced.Range(range.id(), ids);
            case Replaced.Runs some -> new Replaced.Runs(some.partId(), new HashSet<>(ids));
        };
    }

    /**
     * Merges runs into new files.
     *
     * @return its parts, which are the caller's; none if it was stopped, and the files are gone
     */
    private Optional<List<PartRef>> write(List<StoredRun> inputs, CompactionJob.Cuts cuts) {
        try (CompactionJob job = source.job(inputs, piece.description().since(), cuts)) {
            boolean done = false;
            try {
                boolean more = true;
                while (more) {
                    if (!goOn.getAsBoolean()) {
                        return Optional.empty();
                    }
                    more = job.step(fuel);
                }
                List<PartRef> parts = job.finish();
                done = true;
                return Optional.of(parts);
            } finally {
                if (!done) {
                    job.written().forEach(part -> source.discard(part.fileId()));
                }
            }
        }
    }

    /**
     * Tells the trace.
     *
     * @param written new files; if they are not wanted they are gone afterwards
     * @return whether they were
     */
    private boolean apply(
            Replaced gone,
            Description description,
            List<Run> now,
            List<PartRef> read,
            List<PartRef> written,
            OptionalLong claim) {
        boolean wanted = false;
        try {
            HollowBatch output = new HollowBatch(description, now);
            wanted = source.apply(trace, new MergeResult(gone, output, claim));
        } finally {
            // not if the outcome is unknown: the store has stopped then, and deletes nothing
            if (!wanted) {
                written.forEach(part -> source.discard(part.fileId()));
            }
        }
        source.applied(read, written, wanted);
        return wanted;
    }

    private List<List<Extent>> extents() {
        List<List<Extent>> byRun = new ArrayList<>();
        runs.forEach(run -> byRun.add(new ArrayList<>()));
        for (Extent extent : KeyRanges.of(runs.stream().map(this::files).toList())) {
            byRun.get(extent.run()).add(extent);
        }
        return byRun;
    }

    private static long sizeBytes(Run run) {
        return run.parts().stream().mapToLong(PartRef::sizeBytes).sum();
    }

    private static List<PartRef> partsOf(List<Run> some) {
        return some.stream().flatMap(run -> run.parts().stream()).toList();
    }

    private List<BatchFile> files(Run run) {
        return filesOf(run.parts());
    }

    private List<BatchFile> filesOf(List<PartRef> parts) {
        return parts.stream().map(this::file).toList();
    }

    private BatchFile file(PartRef part) {
        BatchFile file = held.get(part.fileId());
        if (file == null) {
            throw new IllegalStateException("file " + part.fileId() + " is not held");
        }
        return file;
    }

    /** Lets files go that are not read again. */
    private void letGo(List<PartRef> parts) {
        List<BatchFile> files = new ArrayList<>();
        for (PartRef part : parts) {
            BatchFile file = held.remove(part.fileId());
            if (file != null) {
                files.add(file);
            }
        }
        BatchFile.releaseAll(files, false);
    }

    @Override
    public void close() {
        List<BatchFile> left = List.copyOf(held.values());
        held.clear();
        BatchFile.releaseAll(left, false);
    }
}
