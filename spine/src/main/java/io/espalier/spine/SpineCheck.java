package io.espalier.spine;

import java.math.BigInteger;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Everything that holds between two calls of a spine. */
final class SpineCheck {
    private SpineCheck() {}

    /** The first thing that does not hold; null if all do. */
    static @Nullable String violation(Levels levels, long nextId, Frontier since, Frontier upper) {
        return violation(levels, nextId, since, upper, batch -> false);
    }

    /**
     * The same, without a look at the parts of batches that are known to be sound.
     *
     * @param known whether the parts of a batch, its id and its description were checked before
     */
    static @Nullable String violation(
            Levels levels,
            long nextId,
            Frontier since,
            Frontier upper,
            Predicate<SpineBatch> known) {
        List<Level> all = levels.all();
        if (all.size() > Levels.MAX_LEVELS) {
            return "there are " + all.size() + " levels, the limit is " + Levels.MAX_LEVELS;
        }
        if (!all.isEmpty() && all.getLast().isVacant()) {
            return "the top level " + (all.size() - 1) + " is vacant";
        }
        long position = 0;
        Frontier time = Frontier.MINIMUM;
        long updateCount = 0;
        Set<RunId> runs = new HashSet<>();
        for (int index = all.size() - 1; index >= 0; index--) {
            for (SpineBatch batch : all.get(index).batches()) {
                if (batch.id().first() != position) {
                    return named(batch, "follows position " + position);
                }
                if (!batch.description().lower().equals(time)) {
                    return named(batch, "follows time [" + time + "]");
                }
                String violation = inBatch(batch, index, since);
                if (violation == null && !known.test(batch)) {
                    violation = inParts(batch, runs);
                }
                if (violation != null) {
                    return named(batch, violation);
                }
                position = batch.id().end();
                time = batch.description().upper();
                updateCount = Amounts.add(updateCount, batch.updateCount());
            }
        }
        BigInteger weight = BigInteger.ZERO;
        for (int index = 0; index < all.size(); index++) {
            String violation = inLevel(all.get(index), index, weight, since);
            if (violation != null) {
                return "level " + index + " " + violation;
            }
            if (!all.get(index).isVacant()) {
                weight = weight.add(Levels.weight(all.get(index), index));
            }
        }
        if (position != nextId) {
            return "the batches end at position " + position + ", expected " + nextId;
        }
        if (!time.equals(upper)) {
            return "the batches end at time [" + time + "], expected the upper [" + upper + "]";
        }
        if (updateCount > Spine.MAX_UPDATES) {
            return "the batches hold "
                    + updateCount
                    + " updates, the limit is "
                    + Spine.MAX_UPDATES;
        }
        return null;
    }

    private static @Nullable String inBatch(SpineBatch batch, int level, Frontier since) {
        if (!batch.description().since().lessEqual(since)) {
            return "has a since beyond the spine's [" + since + "]";
        }
        if (batch.updateCount() > Amounts.shiftLeft(1, level)) {
            return "has " + batch.updateCount() + " updates, too many for level " + level;
        }
        return null;
    }

    private static @Nullable String inParts(SpineBatch batch, Set<RunId> runs) {
        String violation = Tiling.violation(batch.id(), batch.description(), batch.parts());
        if (violation != null) {
            return violation;
        }
        long updateCount = Amounts.sum(batch.parts(), part -> part.batch().updateCount());
        if (updateCount != batch.updateCount()) {
            return "counts " + batch.updateCount() + " updates, its parts hold " + updateCount;
        }
        for (IdHollowBatch part : batch.parts()) {
            if (!part.batch().description().since().lessEqual(batch.description().since())) {
                return "has part "
                        + part.id()
                        + " with the later since ["
                        + part.batch().description().since()
                        + "]";
            }
            for (Run run : part.batch().runs()) {
                if (!runs.add(run.id())) {
                    return "has part "
                            + part.id()
                            + " with run "
                            + run.id()
                            + ", which occurs twice";
                }
            }
        }
        return null;
    }

    private static @Nullable String inLevel(
            Level level, int index, BigInteger weightBelow, Frontier since) {
        if (level.batches().size() > Level.MAX_BATCHES) {
            return "has " + level.batches().size() + " batches, the limit is " + Level.MAX_BATCHES;
        }
        FuelingMerge merge = level.merge();
        if (level.isFull() != (merge != null)) {
            return level.isFull()
                    ? "has two batches but no merge"
                    : "has a merge but not two batches";
        }
        if (merge == null) {
            return null;
        }
        String name = "merges " + level.hull() + " ";
        for (SpineBatch batch : level.batches()) {
            if (!batch.description().since().lessEqual(merge.since())) {
                return name
                        + "to since ["
                        + merge.since()
                        + "], before that of its input "
                        + batch.id();
            }
        }
        if (!merge.since().lessEqual(since)) {
            return name + "to since [" + merge.since() + "], beyond the spine's [" + since + "]";
        }
        long work = merge.remainingWork();
        long workMax = Math.min(Amounts.shiftLeft(2, index), Spine.MAX_UPDATES);
        if (work < 0 || work > workMax) {
            return name + "with " + work + " work to do, expected 0 to " + workMax;
        }
        // Work of 0 counts as 1: such a merge still stands in the way until fuel is next handed
        // out.
        BigInteger needed = weightBelow.shiftLeft(2).add(BigInteger.valueOf(Math.max(work, 1)));
        if (needed.compareTo(BigInteger.ONE.shiftLeft(index + 2)) > 0) {
            return name
                    + "with "
                    + work
                    + " work to do over "
                    + weightBelow
                    + " of weight below, more than the fuel to come pays for";
        }
        return null;
    }

    private static String named(SpineBatch batch, String violation) {
        return "batch " + batch.id() + " " + batch.description() + ": " + violation;
    }
}
