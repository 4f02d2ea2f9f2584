package io.espalier.spine;

/**
 * The pretended progress of merging the two batches of a full level.
 *
 * <p>Stores the work that remains and not the work done: compaction can shrink the inputs while the
 * merge is under way, and work done could then exceed the total.
 *
 * @param since the since of the outcome, fixed when the merge begins
 * @param remainingWork in updates, at least 0
 */
record FuelingMerge(Frontier since, long remainingWork) {
    static FuelingMerge begin(SpineBatch older, SpineBatch newer, Frontier spineSince) {
        Frontier since =
                spineSince.join(older.description().since()).join(newer.description().since());
        return new FuelingMerge(since, Amounts.add(older.updateCount(), newer.updateCount()));
    }

    FuelingMerge work(long fuel) {
        assert fuel >= 0 : fuel;
        return new FuelingMerge(since, remainingWork - Math.min(fuel, remainingWork));
    }
}
