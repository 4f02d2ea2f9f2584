package io.espalier.spine;

import java.util.Iterator;
import java.util.List;

/**
 * Puts the facts of a {@link FlatSpine} where they belong, and refuses those that belong nowhere.
 * What they say about each other is then for {@link SpineCheck}.
 */
final class Unflatten {
    private Unflatten() {}

    static void restore(FlatSpine flat, Levels levels) throws SpineFormatException {
        if (flat.nextId() < 0) {
            throw new SpineFormatException(
                    "the next id is " + flat.nextId() + ", expected at least 0");
        }
        restoreBatches(flat, levels);
        restoreMerges(flat, levels);
    }

    private static void restoreBatches(FlatSpine flat, Levels levels) throws SpineFormatException {
        List<IdHollowBatch> parts = flat.parts();
        int next = 0;
        int level = Levels.MAX_LEVELS - 1;
        SpineBatch last = null;
        for (FlatSpine.FlatBatch fact : flat.batches()) {
            String name = "batch " + fact.id() + " " + fact.description();
            if (fact.level() < 0 || fact.level() > level) {
                throw new SpineFormatException(
                        name + " is at level " + fact.level() + ", expected 0 to " + level);
            }
            if (last != null && fact.level() == level && levels.ensure(level).isFull()) {
                throw new SpineFormatException(
                        name + " is at level " + level + ", which has two older batches already");
            }
            level = fact.level();
            if (last != null
                    && (last.id().end() != fact.id().first()
                            || !last.description().upper().equals(fact.description().lower()))) {
                throw new SpineFormatException(
                        name + " does not follow batch " + last.id() + " " + last.description());
            }
            int first = next;
            long updateCount = 0;
            while (next < parts.size() && fact.id().covers(parts.get(next).id())) {
                updateCount = Amounts.add(updateCount, parts.get(next).batch().updateCount());
                next++;
            }
            if (first == next) {
                throw new SpineFormatException(name + " has no parts");
            }
            SpineBatch batch =
                    new SpineBatch(
                            fact.id(),
                            fact.description(),
                            parts.subList(first, next),
                            fact.claimedAtMillis(),
                            updateCount);
            levels.ensure(level).restore(batch);
            last = batch;
        }
        if (next < parts.size()) {
            throw new SpineFormatException("part " + parts.get(next).id() + " belongs to no batch");
        }
    }

    private static void restoreMerges(FlatSpine flat, Levels levels) throws SpineFormatException {
        Iterator<FlatSpine.FlatMerge> merges = flat.merges().iterator();
        for (Level level : levels.all().reversed()) {
            if (!level.isFull()) {
                continue;
            }
            if (!merges.hasNext()) {
                throw new SpineFormatException("the merge of " + level.hull() + " is missing");
            }
            FlatSpine.FlatMerge merge = merges.next();
            if (!merge.id().equals(level.hull())) {
                throw new SpineFormatException(
                        "found the merge of " + merge.id() + ", expected that of " + level.hull());
            }
            level.restore(new FuelingMerge(merge.since(), merge.remainingWork()));
        }
        if (merges.hasNext()) {
            throw new SpineFormatException(
                    "the merge of " + merges.next().id() + " belongs to no level");
        }
    }
}
