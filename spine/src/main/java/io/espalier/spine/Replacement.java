package io.espalier.spine;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a result makes of one spine batch, computed beside it: the spine swaps the outcome in only
 * when it is {@link ApplyResult#applied()}.
 *
 * @param result what happened
 * @param batch the new spine batch, if applied
 */
record Replacement(ApplyResult result, @Nullable SpineBatch batch) {
    private static final Replacement NO_MATCH = new Replacement(ApplyResult.NO_MATCH, null);
    private static final Replacement INVALID_SINCE =
            new Replacement(ApplyResult.INVALID_SINCE, null);
    private static final Replacement TOO_MANY_UPDATES =
            new Replacement(ApplyResult.TOO_MANY_UPDATES, null);

    /**
     * Replaces the named parts or runs, if they are exactly those that the result was made from.
     */
    static Replacement byIdentity(SpineBatch batch, MergeResult result) {
        return switch (result.replaced()) {
            case Replaced.Range range -> byRange(batch, range, result);
            case Replaced.Runs runs -> byRuns(batch, runs, result);
        };
    }

    /**
     * Replaces whatever has the output's times now, without a question about what the output was
     * made from: the way of the golden scripts, and of data that is thrown away.
     */
    static Replacement byTimes(SpineBatch batch, HollowBatch output) {
        Description description = output.description();
        if (!description.since().lessEqual(batch.description().since())) {
            return INVALID_SINCE;
        }
        List<IdHollowBatch> parts = batch.parts();
        if (description.sameTimes(batch.description())) {
            return splice(batch, 0, parts.size(), output, OptionalLong.empty());
        }
        int from = 0;
        while (from < parts.size()
                && !timesOf(parts.get(from)).lower().equals(description.lower())) {
            from++;
        }
        int to = parts.size();
        while (to > from && !timesOf(parts.get(to - 1)).upper().equals(description.upper())) {
            to--;
        }
        return from < to ? splice(batch, from, to, output, OptionalLong.empty()) : NO_MATCH;
    }

    private static Replacement byRange(SpineBatch batch, Replaced.Range range, MergeResult result) {
        List<IdHollowBatch> parts = batch.parts();
        int from = 0;
        while (from < parts.size() && parts.get(from).id().first() != range.id().first()) {
            from++;
        }
        int to = from;
        while (to < parts.size() && range.id().covers(parts.get(to).id())) {
            to++;
        }
        if (from == to || parts.get(to - 1).id().end() != range.id().end()) {
            return NO_MATCH;
        }
        List<IdHollowBatch> slice = parts.subList(from, to);
        Description output = result.output().description();
        if (!Replaced.runsOf(slice).equals(range.runs())
                || !output.lower().equals(timesOf(slice.getFirst()).lower())
                || !output.upper().equals(timesOf(slice.getLast()).upper())) {
            return NO_MATCH;
        }
        if (!output.since().lessEqual(batch.description().since())
                || !slice.stream()
                        .allMatch(part -> timesOf(part).since().lessEqual(output.since()))) {
            return INVALID_SINCE;
        }
        requireSameSum(
                "parts " + range.id(),
                Amounts.diffSum(slice, part -> part.batch().diffSum()),
                result.output().diffSum());
        return splice(batch, from, to, result.output(), result.newClaimMillis());
    }

    private static Replacement byRuns(
            SpineBatch batch, Replaced.Runs replaced, MergeResult result) {
        int index = 0;
        while (index < batch.parts().size()
                && !batch.parts().get(index).id().equals(replaced.partId())) {
            index++;
        }
        if (index == batch.parts().size() || replaced.runs().isEmpty()) {
            return NO_MATCH;
        }
        HollowBatch part = batch.parts().get(index).batch();
        HollowBatch output = result.output();
        if (!output.description().sameTimes(part.description())) {
            return NO_MATCH;
        }
        Set<RunId> gone = replaced.runs();
        List<Run> taken = part.runs().stream().filter(run -> gone.contains(run.id())).toList();
        if (taken.size() != gone.size()) {
            return NO_MATCH;
        }
        if (!output.description().since().lessEqual(batch.description().since())
                || !part.description().since().lessEqual(output.description().since())) {
            return INVALID_SINCE;
        }
        List<Run> runs = new ArrayList<>(part.runs());
        runs.removeIf(run -> gone.contains(run.id()));
        if (output.runs().stream()
                .anyMatch(run -> runs.stream().anyMatch(kept -> kept.id().equals(run.id())))) {
            return NO_MATCH;
        }
        requireSameSum(
                "runs of part " + replaced.partId(),
                Amounts.diffSum(taken, Run::diffSum),
                output.diffSum());
        // Before the new part is made, which an absurd count would prevent.
        if (output.updateCount() > Amounts.sum(taken, Run::updateCount)) {
            return TOO_MANY_UPDATES;
        }
        runs.addAll(placeOf(taken, part.runs()), output.runs());
        HollowBatch rebuilt = new HollowBatch(output.description(), runs);
        requireSameSum("part " + replaced.partId(), part.diffSum(), rebuilt.diffSum());
        return splice(batch, index, index + 1, rebuilt, result.newClaimMillis());
    }

    /**
     * Where the output of some runs goes among those that are left: where they were, if they lay
     * side by side, so that runs that are in the order of their times stay in it; at the end
     * otherwise.
     */
    private static int placeOf(List<Run> taken, List<Run> all) {
        int first = all.indexOf(taken.getFirst());
        boolean sideBySide = all.subList(first, first + taken.size()).equals(taken);
        return sideBySide ? first : all.size() - taken.size();
    }

    private static Replacement splice(
            SpineBatch batch, int from, int to, HollowBatch output, OptionalLong claim) {
        List<IdHollowBatch> slice = batch.parts().subList(from, to);
        long kept = batch.updateCount() - Amounts.sum(slice, part -> part.batch().updateCount());
        assert kept >= 0 : batch;
        long updateCount = Amounts.add(kept, output.updateCount());
        if (updateCount > batch.updateCount()) {
            return TOO_MANY_UPDATES;
        }
        boolean whole = slice.size() == batch.parts().size();
        List<IdHollowBatch> parts = new ArrayList<>(batch.parts());
        parts.subList(from, to).clear();
        parts.add(
                from,
                new IdHollowBatch(
                        SpineId.hull(slice.getFirst().id(), slice.getLast().id()), output));
        // A whole replacement says how far times were really advanced, which may be less than was
        // asked for.
        Description description = whole ? output.description() : batch.description();
        SpineBatch replaced = new SpineBatch(batch.id(), description, parts, claim, updateCount);
        return new Replacement(whole ? ApplyResult.EXACT : ApplyResult.SUBSET, replaced);
    }

    /**
     * The guard against losing data: diffs that are known before must come out again. A sum that
     * the output does not know counts as none.
     */
    private static void requireSameSum(String what, OptionalLong before, OptionalLong after) {
        if (before.isPresent() && before.getAsLong() != after.orElse(0)) {
            throw new DiffSumMismatchException(
                    "the diffs of "
                            + what
                            + " add up to "
                            + before.getAsLong()
                            + ", those of the result that replaces them to "
                            + (after.isPresent() ? after.getAsLong() : "an unknown sum")
                            + "; the result is not applied");
        }
    }

    private static Description timesOf(IdHollowBatch part) {
        return part.batch().description();
    }
}
