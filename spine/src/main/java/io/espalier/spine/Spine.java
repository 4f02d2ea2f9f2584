package io.espalier.spine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the batches of one collection in order, and says which of them are worth compacting when.
 *
 * <p>The spine moves no bytes and does no I/O. It sorts {@linkplain HollowBatch hollow batches}
 * into levels by size and accounts for merging neighbours as if it did so, in steps paid for by
 * {@linkplain #push pushes} and {@linkplain #exert exertion}. When a merge is paid up, its two
 * batches become one that lists the parts of both, and a {@link MergeRequest} comes out. Whoever
 * compacts the parts hands in a {@link MergeResult}; {@link #apply} swaps it in without touching
 * the levels. So a push costs the same however slow compaction is, and compaction joins as many
 * parts as have gathered.
 *
 * <p>Mutable, for one thread at a time. All facts that go in or come out are immutable and may be
 * shared. A call that throws has added and replaced nothing. Amounts are counted in updates and
 * saturate.
 *
 * <p>The idea is that of differential dataflow's fuelled spine, used for bookkeeping only, as in
 * Materialize's persist.
 */
public final class Spine {
    /** The most updates that a spine may hold. */
    public static final long MAX_UPDATES = (1L << 61) - 1;

    /** The most batches that may wait for compaction, also empty ones. */
    public static final int MAX_PARTS = 1 << 24;

    private static final int MAX_RUNS_ASSERTED = 500;

    private final Levels levels;

    /**
     * The runs in all parts. One run must not be listed twice, or replacing one listing would leave
     * the other dangling.
     */
    private final RunSet runs;

    private long nextId;
    private Frontier since = Frontier.MINIMUM;
    private Frontier upper = Frontier.MINIMUM;
    private @Nullable List<HollowBatch> snapshot = List.of();

    /** A spine that covers no time yet: since and upper are the minimum. */
    public Spine() {
        this(new Levels(), new RunSet());
    }

    private Spine(Levels levels, RunSet runs) {
        this.levels = levels;
        this.runs = runs;
    }

    /**
     * An equal spine, to be changed and kept or thrown away. That costs the logarithm of what the
     * spine holds, as all batches are shared; and so are other insides: a spine and its copies are
     * for one thread at a time together.
     */
    public Spine copy() {
        return with(levels.copy(), runs.copy());
    }

    /**
     * An equal spine that may be used by another thread, and go on being changed beside this one.
     * That costs what the spine holds.
     */
    public Spine detached() {
        return with(levels.copy(), runs.detached());
    }

    private Spine with(Levels newLevels, RunSet newRuns) {
        Spine copy = new Spine(newLevels, newRuns);
        copy.nextId = nextId;
        copy.since = since;
        copy.upper = upper;
        copy.snapshot = snapshot;
        return copy;
    }

    /** The time from which on reads are to be exact. */
    public Frontier since() {
        return since;
    }

    /** The first time that is not yet covered. */
    public Frontier upper() {
        return upper;
    }

    /** How many updates all batches hold. */
    public long updateCount() {
        long count = 0;
        for (Level level : levels.all()) {
            count = Amounts.add(count, Amounts.sum(level.batches(), SpineBatch::updateCount));
        }
        return count;
    }

    /**
     * All batches that are not yet compacted into others, oldest first, together covering all times
     * before {@link #upper}. The list never changes.
     */
    public List<HollowBatch> snapshot() {
        List<HollowBatch> current = snapshot;
        if (current == null) {
            List<HollowBatch> all = new ArrayList<>();
            for (SpineBatch batch : batches()) {
                for (IdHollowBatch part : batch.parts()) {
                    all.add(part.batch());
                }
            }
            current = List.copyOf(all);
            snapshot = current;
        }
        return current;
    }

    /**
     * Adds the next batch.
     *
     * @param batch begins at {@link #upper}, ends later, and has a since not beyond {@link #since}
     * @return what is worth compacting now, often nothing
     * @throws IllegalStateException if {@link #MAX_PARTS} batches wait for compaction
     * @throws IllegalArgumentException if the batch does not fit, lists a run that is already
     *     there, or would exceed {@link #MAX_UPDATES}
     */
    public List<MergeRequest> push(HollowBatch batch) {
        Description description = batch.description();
        if (!description.lower().equals(upper)) {
            throw new IllegalArgumentException(
                    "batch "
                            + description
                            + " begins at ["
                            + description.lower()
                            + "], expected ["
                            + upper
                            + "]");
        }
        if (description.upper().equals(upper)) {
            throw new IllegalArgumentException("batch " + description + " covers no time");
        }
        if (!description.since().lessEqual(since)) {
            throw new IllegalArgumentException(
                    "batch " + description + " has a since beyond the spine's [" + since + "]");
        }
        if (batch.updateCount() > MAX_UPDATES - updateCount()) {
            throw new IllegalArgumentException(
                    "batch "
                            + description
                            + " has "
                            + batch.updateCount()
                            + " updates, room is left for "
                            + (MAX_UPDATES - updateCount()));
        }
        for (Run run : batch.runs()) {
            if (runs.contains(run.id())) {
                throw new IllegalArgumentException(
                        "batch "
                                + description
                                + " lists run "
                                + run.id()
                                + ", which is in the spine already");
            }
        }
        SpineBatch added = SpineBatch.single(takeId(), batch);
        batch.runs().forEach(run -> runs.add(run.id()));
        upper = description.upper();
        if (!added.isEmpty() || !levels.fuseEmpty(added, since)) {
            levels.introduce(added, Levels.levelFor(added.updateCount()), since);
        }
        return changed();
    }

    /**
     * Works ahead of the pushes: fuels the merges under way, or, if there are none, adds an empty
     * batch that covers no time and makes neighbours meet. Called until it has nothing to do, and
     * with its requests answered, it leaves one run.
     *
     * @param effort how much fuel to give, in updates, at least 0
     * @throws IllegalArgumentException if the effort is negative
     * @throws IllegalStateException if {@link #MAX_PARTS} batches wait for compaction
     */
    public Exertion exert(long effort) {
        if (effort < 0) {
            throw new IllegalArgumentException("effort is " + effort + ", expected at least 0");
        }
        levels.tidy(since);
        boolean worked = runs.size() > 1;
        if (worked && levels.anyMerging()) {
            levels.applyFuel(effort, since);
        } else if (worked) {
            introduceNothing(effort);
        }
        return new Exertion(worked, changed());
    }

    /**
     * Makes the newest batches meet, as the push of a batch of so many updates would, and adds a
     * batch that covers no time in its place. Unlike {@link #exert} it does not wait for merges
     * under way: what is small is brought together beside one that has far to go.
     *
     * @param updateCount of the batch that might have come; at least 0
     * @throws IllegalArgumentException if the count is negative
     * @throws IllegalStateException if {@link #MAX_PARTS} batches wait for compaction
     */
    public Exertion sweep(long updateCount) {
        if (updateCount < 0) {
            throw new IllegalArgumentException(
                    "a sweep of " + updateCount + " updates, expected at least 0");
        }
        levels.tidy(since);
        boolean worked = runs.size() > 1;
        if (worked) {
            introduceNothing(updateCount);
        }
        return new Exertion(worked, changed());
    }

    private void introduceNothing(long updateCount) {
        HollowBatch nothing = HollowBatch.empty(new Description(upper, upper, since));
        levels.introduce(SpineBatch.single(takeId(), nothing), Levels.levelFor(updateCount), since);
    }

    /**
     * What came of {@link #exert} or {@link #sweep}.
     *
     * @param worked false if nothing was left to do
     * @param requests what is worth compacting now
     */
    public record Exertion(boolean worked, List<MergeRequest> requests) {}

    /**
     * Lets merges that begin from now on advance times up to {@code newSince}. It may pass {@link
     * #upper}.
     *
     * @throws IllegalArgumentException if it is before the present since
     */
    public void downgradeSince(Frontier newSince) {
        if (!since.lessEqual(newSince)) {
            throw new IllegalArgumentException(
                    "since [" + newSince + "] is before the present since [" + since + "]");
        }
        since = newSince;
    }

    /**
     * Swaps in a compaction's result, if what it replaces is exactly what is there. Refusals are
     * normal: forced, regular and repeated compactions race.
     *
     * @throws DiffSumMismatchException if the result does not add up to what it replaces
     * @throws IllegalArgumentException if a part would list more than {@link HollowBatch#MAX_RUNS}
     *     runs
     */
    public ApplyResult apply(MergeResult result) {
        SpineId id =
                switch (result.replaced()) {
                    case Replaced.Range range -> range.id();
                    case Replaced.Runs partial -> partial.partId();
                };
        for (Level level : levels.all()) {
            for (int index = 0; index < level.batches().size(); index++) {
                SpineBatch batch = level.batches().get(index);
                if (batch.id().covers(id)) {
                    return swap(level, index, Replacement.byIdentity(batch, result));
                }
            }
        }
        return ApplyResult.NO_MATCH;
    }

    /**
     * Forgets what happened in some times, when a collection is given up: the batch or the parts
     * with the description's times become empty.
     *
     * @return how far that went, as for {@link #apply}
     */
    public ApplyResult applyTombstone(Description description) {
        return applyByTimes(HollowBatch.empty(description));
    }

    /**
     * Replaces whatever has the output's times now, newest first. A batch whose since forbids it
     * does not end the search.
     */
    ApplyResult applyByTimes(HollowBatch output) {
        for (Level level : levels.all()) {
            for (int index = level.batches().size() - 1; index >= 0; index--) {
                Replacement replacement = Replacement.byTimes(level.batches().get(index), output);
                if (replacement.result().matched()) {
                    return swap(level, index, replacement);
                }
            }
        }
        return ApplyResult.NO_MATCH;
    }

    /**
     * Notes that somebody compacts a batch, so that {@link #requestsBefore} does not offer it to
     * others for a while. Applying a result ends the claim.
     *
     * @param id of a {@link MergeRequest}
     * @param nowMillis the caller's clock
     * @return false if there is no such batch any more
     */
    public boolean claim(SpineId id, long nowMillis) {
        for (Level level : levels.all()) {
            for (int index = 0; index < level.batches().size(); index++) {
                SpineBatch batch = level.batches().get(index);
                if (batch.id().equals(id)) {
                    level.replace(index, batch.withClaim(OptionalLong.of(nowMillis)));
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * What is worth compacting and nobody works on, oldest first: this is how compactions that were
     * dropped are found again.
     *
     * @param thresholdMillis claims later than this stand; as a rule now minus a lease
     * @param minWriterVersion runs written by an earlier version make a batch worth rewriting, even
     *     if it is one run; 0 for none
     */
    public List<MergeRequest> requestsBefore(long thresholdMillis, int minWriterVersion) {
        List<MergeRequest> requests = new ArrayList<>();
        for (SpineBatch batch : batches()) {
            boolean free =
                    batch.claimedAtMillis().isEmpty()
                            || batch.claimedAtMillis().getAsLong() <= thresholdMillis;
            if (free
                    && (!batch.isCompact()
                            || batch.parts().stream()
                                    .anyMatch(part ->
                                            part.batch().writtenBefore(minWriterVersion)))) {
                requests.add(batch.request());
            }
        }
        return List.copyOf(requests);
    }

    /** All facts of this spine, from which {@link #unflatten} makes an equal one. */
    public FlatSpine flatten() {
        List<IdHollowBatch> parts = new ArrayList<>();
        batches().forEach(batch -> parts.addAll(batch.parts()));
        return shape(parts);
    }

    private FlatSpine shape(List<IdHollowBatch> parts) {
        List<FlatSpine.FlatBatch> batches = new ArrayList<>();
        List<FlatSpine.FlatMerge> merges = new ArrayList<>();
        for (int index = levels.all().size() - 1; index >= 0; index--) {
            Level level = levels.all().get(index);
            for (SpineBatch batch : level.batches()) {
                batches.add(
                        new FlatSpine.FlatBatch(
                                batch.id(), index, batch.description(), batch.claimedAtMillis()));
            }
            FuelingMerge merge = level.merge();
            if (merge != null) {
                merges.add(
                        new FlatSpine.FlatMerge(
                                level.hull(), merge.since(), merge.remainingWork()));
            }
        }
        return new FlatSpine(since, upper, nextId, parts, batches, merges);
    }

    /** What distinguishes this spine from one that it has come from. */
    public SpineChange changeFrom(Spine before) {
        return SpineChange.between(before.batches(), batches(), shape(List.of()));
    }

    /**
     * What this spine becomes by a change that may come from anywhere. This one stays as it is, and
     * shares with the other what they have in common, as with a {@link #copy}.
     *
     * @throws SpineFormatException if the change does not make a spine of this one
     */
    public Spine changed(SpineChange change) throws SpineFormatException {
        Spine next = new Spine(new Levels(), runs.copy());
        next.nextId = change.nextId();
        next.since = change.since();
        next.upper = change.upper();
        next.snapshot = null;
        if (!since.lessEqual(next.since) || !upper.lessEqual(next.upper) || nextId > next.nextId) {
            throw new SpineFormatException(
                    "it goes back from since ["
                            + since
                            + "], upper ["
                            + upper
                            + "] and next id "
                            + nextId
                            + " to ["
                            + next.since
                            + "], ["
                            + next.upper
                            + "] and "
                            + next.nextId);
        }
        Map<SpineId, SpineBatch> before = new HashMap<>();
        batches().forEach(batch -> before.put(batch.id(), batch));
        for (SpineId id : change.gone()) {
            HollowBatch part = part(id).orElse(null);
            if (part == null) {
                throw new SpineFormatException("part " + id + " is to go, but is not there");
            }
            part.runs().forEach(run -> next.runs.remove(run.id()));
        }
        Unflatten.restore(change, batches(), next.levels);
        for (IdHollowBatch part : change.added()) {
            for (Run run : part.batch().runs()) {
                if (!next.runs.add(run.id())) {
                    throw new SpineFormatException(
                            "part " + part.id() + " with run " + run.id() + ", which occurs twice");
                }
            }
        }
        String violation =
                SpineCheck.violation(
                        next.levels,
                        next.nextId,
                        next.since,
                        next.upper,
                        batch -> {
                            SpineBatch same = before.get(batch.id());
                            return same != null && batch.hasPartsOf(same);
                        });
        if (violation != null) {
            throw new SpineFormatException(violation);
        }
        assert next.sound();
        return next;
    }

    /** The hollow batch that has exactly this id, if there is one. */
    public Optional<HollowBatch> part(SpineId id) {
        for (Level level : levels.all()) {
            for (SpineBatch batch : level.batches()) {
                HollowBatch part = batch.part(id);
                if (part != null) {
                    return Optional.of(part);
                }
            }
        }
        return Optional.empty();
    }

    /**
     * Makes a spine of facts that may come from anywhere.
     *
     * @throws SpineFormatException if they are not those of a spine
     */
    public static Spine unflatten(FlatSpine flat) throws SpineFormatException {
        Spine spine = new Spine();
        spine.nextId = flat.nextId();
        spine.since = flat.since();
        spine.upper = flat.upper();
        spine.snapshot = null;
        Unflatten.restore(flat, spine.levels);
        String violation =
                SpineCheck.violation(spine.levels, spine.nextId, spine.since, spine.upper);
        if (violation != null) {
            throw new SpineFormatException(violation);
        }
        flat.parts().forEach(part -> part.batch().runs().forEach(run -> spine.runs.add(run.id())));
        return spine;
    }

    /**
     * The first invariant that does not hold, of ids, times, sinces, levels and fuel; none unless
     * this code has a fault.
     */
    public Optional<String> validate() {
        String violation = SpineCheck.violation(levels, nextId, since, upper);
        if (violation == null
                && !runs.isExactly(new HashSet<>(Replaced.runsOf(flatten().parts())))) {
            violation = "the set of runs differs from the runs of the parts";
        }
        return Optional.ofNullable(violation);
    }

    /**
     * A spine batch at its level.
     *
     * @param level from 0
     * @param parts oldest first. As long as none of them goes or comes it is the same list.
     */
    public record Placed(int level, List<IdHollowBatch> parts) {}

    /** All spine batches, oldest first. */
    public List<Placed> placed() {
        List<Placed> placed = new ArrayList<>();
        for (int level = levels.all().size() - 1; level >= 0; level--) {
            for (SpineBatch batch : levels.all().get(level).batches()) {
                placed.add(new Placed(level, batch.parts()));
            }
        }
        return placed;
    }

    /** Oldest first. */
    List<SpineBatch> batches() {
        List<SpineBatch> all = new ArrayList<>(Level.MAX_BATCHES * levels.all().size());
        for (int level = levels.all().size() - 1; level >= 0; level--) {
            all.addAll(levels.all().get(level).batches());
        }
        return all;
    }

    private ApplyResult swap(Level level, int index, Replacement replacement) {
        SpineBatch replaced = replacement.batch();
        if (replaced == null) {
            return replacement.result();
        }
        List<RunId> before = Replaced.runsOf(level.batches().get(index).parts());
        List<RunId> after = Replaced.runsOf(replaced.parts());
        before.forEach(runs::remove);
        Set<RunId> added = new HashSet<>(after);
        boolean twice = added.size() < after.size() || after.stream().anyMatch(runs::contains);
        (twice ? before : after).forEach(runs::add);
        if (twice) {
            return ApplyResult.NO_MATCH;
        }
        level.replace(index, replaced);
        changed();
        return replacement.result();
    }

    private SpineId takeId() {
        if (nextId == Long.MAX_VALUE) {
            throw new IllegalStateException("the spine has given out all " + nextId + " ids");
        }
        long parts = 0;
        for (Level level : levels.all()) {
            parts += Amounts.sum(level.batches(), batch -> batch.parts().size());
        }
        if (parts >= MAX_PARTS) {
            throw new IllegalStateException(
                    "the spine lists " + MAX_PARTS + " batches, its limit; compact it first");
        }
        return new SpineId(nextId, ++nextId);
    }

    private List<MergeRequest> changed() {
        snapshot = null;
        assert sound();
        return levels.takeRequests();
    }

    /**
     * For assertions. Leaves large spines alone: looking at every part on every push would make a
     * test of many pushes quadratic.
     */
    private boolean sound() {
        if (runs.size() > MAX_RUNS_ASSERTED) {
            return true;
        }
        validate()
                .ifPresent(violation -> {
                    throw new AssertionError(violation);
                });
        return true;
    }
}
