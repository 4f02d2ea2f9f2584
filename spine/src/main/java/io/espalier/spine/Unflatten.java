package io.espalier.spine;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Puts the facts of a {@link FlatSpine} or a {@link SpineChange} where they belong, and refuses
 * those that belong nowhere. What they say about each other is then for {@link SpineCheck}.
 */
final class Unflatten {
    private Unflatten() {}

    /** Where the hollow batches of a spine batch come from. */
    interface Parts {
        /**
         * The batch with those that its id covers, none if there are none; called once for each
         * batch, oldest first.
         */
        @Nullable SpineBatch batchOf(FlatSpine.FlatBatch fact);
    }

    private static @Nullable SpineBatch batch(FlatSpine.FlatBatch fact, List<IdHollowBatch> parts) {
        return parts.isEmpty()
                ? null
                : batch(fact, parts, Amounts.sum(parts, part -> part.batch().updateCount()));
    }

    private static SpineBatch batch(
            FlatSpine.FlatBatch fact, List<IdHollowBatch> parts, long updateCount) {
        return new SpineBatch(
                fact.id(), fact.description(), parts, fact.claimedAtMillis(), updateCount);
    }

    static void restore(FlatSpine flat, Levels levels) throws SpineFormatException {
        List<IdHollowBatch> parts = flat.parts();
        int[] next = {0};
        restore(
                flat.nextId(),
                flat.batches(),
                flat.merges(),
                fact -> {
                    int first = next[0];
                    while (next[0] < parts.size() && fact.id().covers(parts.get(next[0]).id())) {
                        next[0]++;
                    }
                    return batch(fact, parts.subList(first, next[0]));
                },
                levels);
        if (next[0] < parts.size()) {
            throw new SpineFormatException(
                    "part " + parts.get(next[0]).id() + " belongs to no batch");
        }
    }

    /** Restores what {@code before} has become; its batches are taken over where they are equal. */
    static void restore(SpineChange change, List<SpineBatch> before, Levels levels)
            throws SpineFormatException {
        Patch patch = new Patch(before, change.gone(), change.added());
        restore(change.nextId(), change.batches(), change.merges(), patch, levels);
        patch.requireAllUsed();
    }

    /** The parts of one spine, some of which went or came. */
    private static final class Patch implements Parts {
        private final List<SpineBatch> before;
        private final List<SpineId> gone;
        private final List<IdHollowBatch> added;
        private int nextBefore;
        private int nextGone;
        private int nextAdded;

        Patch(List<SpineBatch> before, List<SpineId> gone, List<IdHollowBatch> added) {
            this.before = before;
            this.gone = gone;
            this.added = added;
        }

        @Override
        public @Nullable SpineBatch batchOf(FlatSpine.FlatBatch fact) {
            SpineId id = fact.id();
            boolean touched =
                    (nextGone < gone.size() && id.covers(gone.get(nextGone)))
                            || (nextAdded < added.size() && id.covers(added.get(nextAdded).id()));
            while (nextBefore < before.size() && before.get(nextBefore).id().end() <= id.first()) {
                nextBefore++;
            }
            if (!touched && nextBefore < before.size()) {
                SpineBatch same = before.get(nextBefore);
                if (same.id().equals(id)) {
                    return batch(fact, same.parts(), same.updateCount());
                }
            }
            List<IdHollowBatch> parts = new ArrayList<>();
            for (int i = nextBefore; i < before.size(); i++) {
                if (before.get(i).id().first() >= id.end()) {
                    break;
                }
                for (IdHollowBatch part : before.get(i).parts()) {
                    if (part.id().end() <= id.first() || part.id().first() >= id.end()) {
                        continue;
                    }
                    addBefore(part.id().first(), id, parts);
                    if (nextGone < gone.size() && gone.get(nextGone).equals(part.id())) {
                        nextGone++;
                    } else {
                        parts.add(part);
                    }
                }
            }
            addBefore(Long.MAX_VALUE, id, parts);
            return batch(fact, parts);
        }

        private void addBefore(long position, SpineId id, List<IdHollowBatch> parts) {
            while (nextAdded < added.size()
                    && added.get(nextAdded).id().first() < position
                    && id.covers(added.get(nextAdded).id())) {
                parts.add(added.get(nextAdded++));
            }
        }

        void requireAllUsed() throws SpineFormatException {
            if (nextGone < gone.size()) {
                throw new SpineFormatException(
                        "part " + gone.get(nextGone) + " is to go, but is not there");
            }
            if (nextAdded < added.size()) {
                throw new SpineFormatException(
                        "part " + added.get(nextAdded).id() + " belongs to no batch");
            }
        }
    }

    private static void restore(
            long nextId,
            List<FlatSpine.FlatBatch> batches,
            List<FlatSpine.FlatMerge> merges,
            Parts parts,
            Levels levels)
            throws SpineFormatException {
        if (nextId < 0) {
            throw new SpineFormatException("the next id is " + nextId + ", expected at least 0");
        }
        restoreBatches(batches, parts, levels);
        restoreMerges(merges, levels);
    }

    private static void restoreBatches(
            List<FlatSpine.FlatBatch> batches, Parts parts, Levels levels)
            throws SpineFormatException {
        int level = Levels.MAX_LEVELS - 1;
        SpineBatch last = null;
        for (FlatSpine.FlatBatch fact : batches) {
            if (fact.level() < 0 || fact.level() > level) {
                throw new SpineFormatException(
                        named(fact) + " is at level " + fact.level() + ", expected 0 to " + level);
            }
            if (last != null && fact.level() == level && levels.ensure(level).isFull()) {
                throw new SpineFormatException(
                        named(fact)
                                + " is at level "
                                + level
                                + ", which has two older batches already");
            }
            level = fact.level();
            if (last != null
                    && (last.id().end() != fact.id().first()
                            || !last.description().upper().equals(fact.description().lower()))) {
                throw new SpineFormatException(
                        named(fact)
                                + " does not follow batch "
                                + last.id()
                                + " "
                                + last.description());
            }
            SpineBatch batch = parts.batchOf(fact);
            if (batch == null) {
                throw new SpineFormatException(named(fact) + " has no parts");
            }
            levels.ensure(level).restore(batch);
            last = batch;
        }
    }

    private static String named(FlatSpine.FlatBatch fact) {
        return "batch " + fact.id() + " " + fact.description();
    }

    private static void restoreMerges(List<FlatSpine.FlatMerge> facts, Levels levels)
            throws SpineFormatException {
        Iterator<FlatSpine.FlatMerge> merges = facts.iterator();
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
