package io.espalier.columnar;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Merges any number of runs into one sorted, consolidated chain. Runs of updates that lie below
 * every other head are copied by ranges, chunks that lie below whole are shared unopened where the
 * sink agrees; only equal (key, val, time) are folded one by one. Counts that cancel vanish.
 *
 * <p>With a {@code since}, times below it are raised to it on the way, and what then coincides is
 * folded: readers at or after {@code since} see no difference.
 *
 * <p>Bounded work per {@link #step}. The owner closes it, also before the end. Not thread-safe.
 */
public final class Merge implements AutoCloseable {

    private static final int SHORT_PIECES = 4;
    private static final int SHORT_UPDATES = 4;
    private static final int PAUSE_PIECES = 64;
    private static final int PAUSES_MAX = 10;

    /** From so many updates on, raising times is worth the staging. */
    private static final int RAISED_MIN = 64;

    private final ChainBuilder out;
    private final long since;
    private final boolean counts;

    /** Cursors by ascending head; the first {@code live} are not exhausted. */
    private final RunCursor[] order;

    private int live;

    /** How many short pieces came one after another; below 0, weaving pauses. */
    private int shortPieces;

    /** How many pairs of equal updates came one after another; below 0, as above. */
    private int equalPieces;

    /** How many attempts to merge by many came to nothing, one after another. */
    private int failures;

    private final Weaver weaver;
    private final Stretches stretches;
    private final boolean eager;
    private @Nullable Braid braid;
    private final int patience;
    private final int pause;
    private long mergedUpdates;
    private boolean finished;
    private boolean failed;

    /**
     * Starts a merge at the first updates of all runs.
     *
     * @param consuming whether the runs are told of chunks that are done with
     * @param since times below are raised to this; 0 keeps all. Upserts and pairs of times take 0
     *     only.
     */
    public Merge(List<? extends Run> runs, boolean consuming, long since, ChainBuilder out) {
        this(runs, consuming, since, out, false);
    }

    /**
     * The same, for tests.
     *
     * @param eager whether many updates at once are tried at every head, however few they are
     */
    Merge(
            List<? extends Run> runs,
            boolean consuming,
            long since,
            ChainBuilder out,
            boolean eager) {
        this.out = out;
        this.eager = eager;
        this.patience = eager ? 0 : SHORT_PIECES;
        this.pause = eager ? 0 : PAUSE_PIECES;
        this.since = since;
        this.counts = out.type().diff() == DiffType.COUNT;
        if (!counts && since != 0) {
            throw new IllegalArgumentException(
                    "upsert tries cannot be advanced to "
                            + Long.toUnsignedString(since)
                            + "; give 0: of upserts the greatest order stays, whatever its time");
        }
        if (since != 0 && out.type().time() != TimeType.EPOCH) {
            throw new IllegalArgumentException(
                    "pairs of times cannot be advanced to "
                            + Long.toUnsignedString(since)
                            + " by a merge; give 0, and a frontier to their chunk family");
        }
        this.weaver = out.weaver(eager);
        this.stretches = weaver.stretches();
        this.order = new RunCursor[runs.size()];
        boolean done = false;
        try {
            for (int i = 0; i < runs.size(); i++) {
                Run run = runs.get(i);
                if (!run.type().equals(out.type())) {
                    throw new IllegalArgumentException(
                            "a run of "
                                    + run.type()
                                    + " for a chain of "
                                    + out.type()
                                    + "; merge runs of one type");
                }
                RunCursor cursor = out.takeCursor();
                cursor.start(run, consuming);
                if (cursor.isExhausted()) {
                    out.giveBack(cursor);
                } else {
                    insert(cursor, live++);
                }
            }
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    /** Merges everything and finishes the chain. */
    public void run() {
        while (step(Long.MAX_VALUE)) {}
    }

    /**
     * Merges about {@code fuel} updates more.
     *
     * @return whether work is left; when not, the chain is finished
     * @throws ArithmeticException if a sum of counts is no 64-bit number; the merge cannot go on
     * @throws IllegalStateException after an exception, or after {@link #close}
     */
    public boolean step(long fuel) {
        if (failed) {
            throw new IllegalStateException("the merge failed or was closed; start it anew");
        }
        if (finished) {
            return false;
        }
        failed = true;
        long left = fuel;
        while (live > 0 && left > 0) {
            left -= live == 1 ? copyChunk(order[0]) : advance();
        }
        mergedUpdates += fuel - left;
        if (live == 0) {
            out.finish();
            finished = true;
        }
        failed = false;
        return !finished;
    }

    /** How many updates of the runs were merged so far. */
    public long mergedUpdates() {
        return mergedUpdates;
    }

    /** Moves the least head on; how many updates that were. */
    private long advance() {
        RunCursor first = order[0];
        RunCursor second = order[1];
        if (first.atChunkStart() && first.chunkIsBelow(second)) {
            return copyChunk(first);
        }
        if (RunCursor.compare(first, second) == 0) {
            return equalPieces < patience ? fold() : foldMany(first, second);
        }
        equalPieces = 0;
        long woven = shortPieces < patience ? 0 : weave(first, second);
        if (woven > 0) {
            return woven;
        }
        long from = first.update();
        TrieView view = first.open();
        first.seekEnd(second);
        if (live == 2 && first.sharesVal()) {
            long spliced = splice(first, second);
            if (spliced > 0) {
                return spliced;
            }
        }
        long to = first.endUpdate();
        if (keepsTimes(view.timeMin())) {
            out.appendPiece(
                    view, from, to, first.val(), first.lastVal(), first.key(), first.lastKey());
        } else {
            append(view, from, to);
        }
        shortPieces = to - from > SHORT_UPDATES ? 0 : shortPieces + 1;
        first.moveToEnd();
        settle();
        return to - from;
    }

    /** Puts the updates of many vals that both runs have one behind the other. */
    private long splice(RunCursor first, RunCursor second) {
        if (!keepsTimes(first.open().timeMin()) || !keepsTimes(second.open().timeMin())) {
            return 0;
        }
        long updates = stretches.splice(first, second);
        if (updates > 0) {
            shortPieces = 0;
            settleBoth();
        }
        return updates;
    }

    /** Merges and folds many updates of many runs at once. */
    private long blendMany() {
        if (!counts && out.type().val().kind() != ColumnType.Kind.UNIT) {
            // upserts with vals cannot be staged
            return 0;
        }
        boolean raises = raises();
        if (live == 2 && !eager && !raises && isOfSingles(order[0]) && isOfSingles(order[1])) {
            // what weaving is for
            return 0;
        }
        if (raises && isAmidLastKey()) {
            return 0;
        }
        Blend many = out.blend();
        int moved = many.blend(order, live, raises ? since : 0, eager);
        failures = moved > 0 ? 0 : failures;
        for (int i = moved - 1; i >= 0; i--) {
            settle(i);
        }
        return moved == 0 ? 0 : many.updates();
    }

    /** Whether one of the runs has times at its head that are raised. */
    private boolean raises() {
        for (int i = 0; i < live && since != 0; i++) {
            // opens what may not be needed, which a trace that advances its times can bear
            if (!keepsTimes(order[i].open().timeMin())) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether the first head is of the key that the chain ends with, so that a time that is raised
     * may be that of the last update.
     */
    private boolean isAmidLastKey() {
        TrieBuilder last = out.builder();
        return !last.isEmpty() && last.compareLastKey(order[0].keys(), order[0].key()) == 0;
    }

    private static boolean isOfSingles(RunCursor cursor) {
        TrieView view = cursor.open();
        return view.keyCount() == view.updateCount();
    }

    /** Folds many updates of two runs at once, where they are of the simple kind. */
    private long foldMany(RunCursor first, RunCursor second) {
        if (live == 2
                && counts
                && keepsTimes(first.open().timeMin())
                && keepsTimes(second.open().timeMin())) {
            long updates = stretches.fold(first, second);
            if (updates == 0) {
                updates = weaver.weave(first, second);
            }
            if (updates > 0) {
                failures = 0;
                settleBoth();
                return updates;
            }
        }
        long updates = live > 2 && counts ? braid() : 0;
        if (updates == 0) {
            updates = blendMany();
        }
        if (updates > 0) {
            return updates;
        }
        equalPieces = rest();
        return fold();
    }

    /**
     * How many pieces to go on by pieces, as a count that begins below 0: what does not suit now
     * will not a few updates on, and what did not again and again will hardly ever.
     */
    private int rest() {
        if (since != 0 && isAmidLastKey()) {
            // the next key may suit
            return patience;
        }
        int pieces = pause << failures;
        failures = Math.min(failures + 1, PAUSES_MAX);
        return -pieces;
    }

    /** Merges many updates of several runs at once, where they are of the simple kind. */
    private long braid() {
        Braid many = braid;
        if (many == null) {
            many = new Braid(out, order.length, since, eager);
            braid = many;
        }
        long updates = many.weave(order, live);
        if (updates > 0) {
            failures = 0;
            for (int i = many.active() - 1; i >= 0; i--) {
                settle(i);
            }
        }
        return updates;
    }

    /** Merges many updates at once, where they are of the simple kind. */
    private long weave(RunCursor first, RunCursor second) {
        if (live > 2) {
            long updates = counts ? braid() : 0;
            if (updates == 0) {
                updates = blendMany();
            }
            if (updates == 0) {
                shortPieces = rest();
            }
            return updates;
        }
        TrieView a = first.open();
        TrieView b = second.open();
        long updates = 0;
        if (keepsTimes(a.timeMin()) && keepsTimes(b.timeMin())) {
            updates = weaver.weave(first, second);
            if (updates > 0) {
                failures = 0;
                settleBoth();
                return updates;
            }
        }
        if (updates != Weaver.NOT_NOW) {
            updates = blendMany();
            if (updates > 0) {
                return updates;
            }
            shortPieces = rest();
        }
        return 0;
    }

    /** Puts the first two cursors, whose heads moved, to their places. */
    private void settleBoth() {
        settle(1);
        settle(0);
    }

    /** Takes what is left of a chunk, whole and unopened where possible. */
    private long copyChunk(RunCursor cursor) {
        if (cursor.atChunkStart()) {
            Chunk chunk = cursor.run().shareable(cursor.chunk());
            if (chunk != null && keepsTimes(chunk.timeMin())) {
                long updates = chunk.updateCount();
                if (out.shareChunk(chunk)) {
                    cursor.nextChunk();
                    settle();
                    return updates;
                }
            }
        }
        TrieView view = cursor.open();
        long from = cursor.update();
        long to = view.updateCount();
        append(view, from, to);
        cursor.nextChunk();
        settle();
        return to - from;
    }

    /**
     * Whether times from {@code timeMin} on stay as they are. One that equals {@code since} may
     * coincide with one that is raised to it.
     */
    private boolean keepsTimes(long timeMin) {
        return since == 0 || Long.compareUnsigned(timeMin, since) > 0;
    }

    private void append(TrieView view, long from, long to) {
        if (keepsTimes(view.timeMin())) {
            out.appendUpdates(view, from, to);
            return;
        }
        boolean many =
                to - from >= (eager ? 2 : RAISED_MIN) && view.valCount() == view.updateCount();
        // the first may be of the last (key, val), if times of it were raised before
        appendOneByOne(view, from, many ? from + 1 : to);
        if (many) {
            out.blend().raise(view, from + 1, to, since);
        }
    }

    private void appendOneByOne(TrieView view, long from, long to) {
        long val = view.valOfUpdate(from);
        long key = view.keyOfVal(val);
        for (long i = from; i < to; i++) {
            if (i == view.updatesTo(val)) {
                val++;
                if (val == view.valsTo(key)) {
                    key++;
                }
            }
            appendCount(view, key, val, view.timeAt(i), view.secondTimeAt(i), view.diffAt(i));
        }
    }

    /** Folds the updates of all heads that are equal to the first. */
    private long fold() {
        equalPieces++;
        int equal = 2;
        while (equal < live && RunCursor.compare(order[0], order[equal]) == 0) {
            equal++;
        }
        RunCursor winner = order[0];
        TrieView view = winner.open();
        if (counts) {
            long sum = sumOf(equal);
            if (sum != 0) {
                appendCount(
                        view, winner.key(), winner.val(), winner.time(), winner.secondTime(), sum);
            }
        } else {
            for (int i = 1; i < equal; i++) {
                RunCursor other = order[i];
                long greatest = winner.open().diffAt(winner.update());
                if (Long.compareUnsigned(other.open().diffAt(other.update()), greatest) > 0) {
                    winner = other;
                }
            }
            out.appendUpdates(winner.open(), winner.update(), winner.update() + 1);
        }
        for (int i = equal - 1; i >= 0; i--) {
            RunCursor cursor = order[i];
            cursor.moveTo(cursor.update() + 1);
            settle(i);
        }
        return equal;
    }

    /** The sum of the counts of the first heads, whatever sums there are on the way. */
    private long sumOf(int heads) {
        long low = 0;
        long high = 0;
        for (int i = 0; i < heads; i++) {
            long diff = order[i].open().diffAt(order[i].update());
            long before = low;
            low += diff;
            high += (diff >> 63) + (Long.compareUnsigned(low, before) < 0 ? 1 : 0);
        }
        if (high != low >> 63) {
            throw new ArithmeticException(
                    "the counts of an update with time "
                            + out.type().time().show(order[0].time(), order[0].secondTime())
                            + " in "
                            + heads
                            + " runs sum to more than 64 bits hold; keep counts smaller");
        }
        return low;
    }

    private void appendCount(TrieView view, long key, long val, long time, long second, long diff) {
        long raised = Long.compareUnsigned(time, since) < 0 ? since : time;
        TrieBuilder last = out.builder();
        boolean sameKey = !last.isEmpty() && last.compareLastKey(view.keys(), key) == 0;
        boolean sameVal = sameKey && last.compareLastVal(view.vals(), val) == 0;
        if (sameVal && last.lastTime() == raised && last.lastSecondTime() == second) {
            last.foldIntoLast(diff);
            return;
        }
        TrieBuilder builder = out.roomForOne();
        if (!sameKey || builder.isEmpty()) {
            builder.openKey(view.keys(), key);
            builder.openFirstVal(view.vals(), val);
        } else if (!sameVal) {
            builder.openNextVal(view.vals(), val);
        }
        builder.addCount(raised, second, diff);
    }

    /** Puts the first cursor, whose head moved, to its place. */
    private void settle() {
        settle(0);
    }

    /** Puts cursor {@code index}, whose head moved up, to its place among those behind it. */
    private void settle(int index) {
        RunCursor cursor = order[index];
        int to = index;
        if (cursor.isExhausted()) {
            out.giveBack(cursor);
            live--;
            System.arraycopy(order, index + 1, order, index, live - index);
            return;
        }
        while (to + 1 < live && RunCursor.compare(order[to + 1], cursor) < 0) {
            order[to] = order[to + 1];
            to++;
        }
        order[to] = cursor;
    }

    private void insert(RunCursor cursor, int count) {
        int to = count;
        while (to > 0 && RunCursor.compare(cursor, order[to - 1]) < 0) {
            order[to] = order[to - 1];
            to--;
        }
        order[to] = cursor;
    }

    @Override
    public void close() {
        failed = true;
        for (int i = 0; i < live; i++) {
            out.giveBack(order[i]);
        }
        live = 0;
    }
}
