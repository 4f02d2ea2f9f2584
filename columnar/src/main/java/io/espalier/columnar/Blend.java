package io.espalier.columnar;

/**
 * Merges the updates of many runs that interleave, thousands at once: it takes all updates up to a
 * key that every run has reached, writes them out as rows, sorts those while they are in the nearer
 * caches, and folds what is equal. So the price of an update hardly grows with the number of runs,
 * and each is written to a chunk once, whatever its groups look like.
 *
 * <p>The owner closes it, and can use it on then: that gives the room back, some 4 MiB. Not
 * thread-safe.
 */
final class Blend implements AutoCloseable {

    /** Rows at once: so few that they and their order stay in the nearer caches. */
    private static final long ROWS_MAX = 1L << 15;

    /** Below, pieces are cheaper; so they are where one run has nearly everything. */
    private static final long ROWS_MIN = 64;

    private static final long SKEW_MAX = 32;

    private static final int ATTEMPTS_MAX = 8;

    private final ChainBuilder out;
    private final UpdateBuffer rows;
    private long[] endUpdates = new long[2];

    // the greatest key that is taken, and whether it is taken itself
    private Column limitKeys = new Column();
    private long limit;
    private boolean inclusive;

    // what lies up to it
    private int runs;
    private long total;
    private long largest;

    Blend(ChainBuilder out) {
        this.out = out;
        this.rows = new UpdateBuffer(out.memory(), out.type());
    }

    /**
     * Merges what it can and moves the cursors behind it.
     *
     * @param order cursors by ascending head, of which the first {@code live} count
     * @param since times below are raised to it; the first head must then be of another key than
     *     the last update of the chain, with which one that is raised might coincide
     * @param eager whether to do so for however few updates
     * @return how many of the first cursors moved; 0 if the heads do not suit, and nothing was done
     */
    int blend(RunCursor[] order, int live, long since, boolean eager) {
        if (endUpdates.length < live) {
            endUpdates = new long[live];
        }
        limitToLastKeys(order, live);
        measure(order, live);
        for (int attempt = 0; total > ROWS_MAX && attempt < ATTEMPTS_MAX; attempt++) {
            if (!lowerLimit(order)) {
                return 0;
            }
            measure(order, live);
        }
        boolean suits =
                eager
                        ? total > 0
                        : total >= ROWS_MIN && (since != 0 || total - largest >= total / SKEW_MAX);
        if (runs < 2 || total > 2 * ROWS_MAX || !suits) {
            return 0;
        }
        // what a blend that failed left
        rows.clear();
        for (int i = 0; i < runs; i++) {
            RunCursor cursor = order[i];
            if (endUpdates[i] > cursor.update()) {
                rows.addUpdates(cursor.open(), cursor.update(), endUpdates[i], since);
            }
        }
        rows.formInto(out);
        for (int i = 0; i < runs; i++) {
            RunCursor cursor = order[i];
            if (endUpdates[i] > cursor.update()) {
                cursor.moveTo(endUpdates[i]);
            }
        }
        return runs;
    }

    /**
     * Appends updates {@code [from, to)} of a view, each of another (key, val), with times raised.
     * The first is of another (key, val) than the last update of the chain.
     */
    void raise(TrieView view, long from, long to, long since) {
        for (long at = from; at < to; at += ROWS_MAX) {
            // what a blend that failed left
            rows.clear();
            rows.addUpdates(view, at, Math.min(to, at + ROWS_MAX), since);
            rows.formInto(out);
        }
    }

    /** How many updates the last blend merged. */
    long updates() {
        return total;
    }

    /** The least of the last keys of the chunks that are at the heads. */
    private void limitToLastKeys(RunCursor[] order, int live) {
        limitKeys = order[0].lastKeys();
        limit = order[0].lastKeyIndex();
        for (int i = 1; i < live; i++) {
            Column keys = order[i].lastKeys();
            long last = order[i].lastKeyIndex();
            if (Column.compare(keys, last, limitKeys, limit) < 0) {
                limitKeys = keys;
                limit = last;
            }
        }
    }

    /** Finds what lies up to the limit; the limit itself only if all of it is within the chunks. */
    private void measure(RunCursor[] order, int live) {
        runs = 0;
        inclusive = true;
        while (runs < live
                && Column.compare(order[runs].keys(), order[runs].key(), limitKeys, limit) <= 0) {
            inclusive &= !order[runs].continuesAbove(limitKeys, limit);
            runs++;
        }
        total = 0;
        largest = 0;
        for (int i = 0; i < runs; i++) {
            TrieView view = order[i].open();
            Column keys = view.keys();
            long end = keys.gallop(order[i].key(), view.keyCount(), limitKeys, limit);
            if (inclusive
                    && end < view.keyCount()
                    && Column.compare(keys, end, limitKeys, limit) == 0) {
                end++;
            }
            endUpdates[i] = Math.max(order[i].update(), view.updatesFromKey(end));
            long count = endUpdates[i] - order[i].update();
            total += count;
            largest = Math.max(largest, count);
        }
    }

    /** Takes a lesser key of the run that has the most; whether there is one. */
    private boolean lowerLimit(RunCursor[] order) {
        int most = 0;
        for (int i = 1; i < runs; i++) {
            if (endUpdates[i] - order[i].update() > endUpdates[most] - order[most].update()) {
                most = i;
            }
        }
        RunCursor cursor = order[most];
        TrieView view = cursor.open();
        long wanted = Math.max(1, largest * (ROWS_MAX - ROWS_MAX / 8) / total);
        long key = view.keyOfVal(view.valOfUpdate(cursor.update() + wanted - 1));
        boolean lower = Column.compare(view.keys(), key, limitKeys, limit) < 0;
        limitKeys = view.keys();
        limit = key;
        return lower;
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return rows.heldBytes();
    }

    @Override
    public void close() {
        rows.close();
    }
}
