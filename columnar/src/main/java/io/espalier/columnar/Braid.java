package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Merges the updates of any number of runs whose keys are longs that interleave closely, thousands
 * at once: keys with one val and one update each. A block of each run, up to a common key, is
 * merged with that of its neighbour, these with theirs, and so on, all in the nearest cache; so the
 * data go through memory once, however many runs there are. Equal keys are folded if they may be.
 *
 * <p>Not thread-safe.
 */
final class Braid {

    /** So many keys of all runs at once, about. */
    private static final long KEYS_MAX = 4096;

    /** With fewer, pieces are cheaper. */
    private static final long KEYS_MIN = 32;

    /** A block of which all but one part in so many is of one run is left to pieces. */
    private static final long SKEW_MAX = 8;

    private static final int VALS = 0;
    private static final int TIMES = 1;
    private static final int DIFFS = 2;
    private static final int FOLLOWERS = 3;

    private final ChainBuilder out;
    private final long since;
    private final long keysMin;
    private final NativeBuffer scratch;
    private final MemorySegment segment;
    private final Column[] followed = {new Column(), new Column(), new Column()};

    // the block: from how many runs, up to which key, and how many of each
    private int active;
    private long horizon;
    private final long[] counts;

    // for each range that is left to be merged, its keys with one above all behind them
    private final long[] keysAt;
    private final long[] keyCount;

    // where each column that follows is, range by range, and how far apart its values
    private final long[][] columnsAt = new long[FOLLOWERS][];
    private final long[][] steps = new long[FOLLOWERS][];
    private final boolean[] follows = new boolean[FOLLOWERS];
    private boolean anyFollows;
    private long free;

    Braid(ChainBuilder out, int runs, long since, boolean eager) {
        this.out = out;
        this.since = since;
        this.keysMin = eager ? 2 : KEYS_MIN;
        this.scratch = out.scratch();
        this.segment = scratch.segment();
        this.counts = new long[runs];
        this.keysAt = new long[runs];
        this.keyCount = new long[runs];
        for (int i = 0; i < FOLLOWERS; i++) {
            columnsAt[i] = new long[runs];
            steps[i] = new long[runs];
        }
    }

    /** How many of the first heads the last block was of. */
    int active() {
        return active;
    }

    /**
     * Merges what it can and moves the cursors behind it.
     *
     * @param order cursors by ascending heads
     * @param live how many there are
     * @return how many updates that were; 0 if the heads do not suit, or {@link Weaver#NOT_NOW},
     *     and nothing was done
     */
    long weave(RunCursor[] order, int live) {
        // first: if times are raised, the last update must stay where the next can be added to it
        TrieView first = order[0].open();
        if (!suits(first)) {
            return 0;
        }
        long room = out.makeRoom();
        TrieBuilder target = out.builder();
        if (!target.isEmpty() && target.compareLastKey(order[0].keys(), order[0].key()) >= 0) {
            return 0;
        }
        long rowBytes = first.flatBytes(0, 1, 0, 1, 0, 1);
        long most = Math.min(KEYS_MAX, room / rowBytes);
        if (most < keysMin) {
            return Weaver.NOT_NOW;
        }
        long count = 0;
        for (long window = most; window >= 2; window /= 2) {
            if (!find(order, live, window)) {
                return 0;
            }
            count = 0;
            for (int i = 0; i < active; i++) {
                count += counts[i];
            }
            boolean narrow = horizon + 1 - first.keys().longAt(order[0].key()) > 0;
            if (count <= most && narrow && horizon != Long.MAX_VALUE) {
                break;
            }
            count = 0;
        }
        if (count < keysMin || !isMixed(count)) {
            return 0;
        }
        long kept = merge(order, target, count);
        if (kept < 0) {
            return 0;
        }
        for (int i = 0; i < active; i++) {
            order[i].moveTo(order[i].update() + counts[i]);
        }
        return count;
    }

    /** Whether keys of a view are longs of single updates whose times stay as they are. */
    private boolean suits(TrieView view) {
        boolean keepsTimes = since == 0 || Long.compareUnsigned(view.timeMin(), since) > 0;
        return keepsTimes
                && view.type().diff() == DiffType.COUNT
                && view.keys().kind() == ColumnType.Kind.LONG
                && view.keys().encoding() == TrieLayout.FIXED
                && view.keys().segment().equals(segment)
                && view.keyBounds().stride() == 1
                && view.valBounds().stride() == 1
                && (view.vals().isConstant() || view.vals().kind() == ColumnType.Kind.LONG);
    }

    /**
     * Finds the block: of each run whose head is not above it, at most {@code window} keys up to
     * the horizon. Bodies of runs that are farther away are not opened.
     */
    private boolean find(RunCursor[] order, int live, long window) {
        horizon = Long.MAX_VALUE;
        active = 0;
        while (active < live) {
            RunCursor cursor = order[active];
            if (cursor.keys().longAt(cursor.key()) > horizon) {
                break;
            }
            TrieView view = cursor.open();
            if (!suits(view)) {
                return false;
            }
            long last = Math.min(cursor.update() + window, view.keyCount()) - 1;
            horizon = Math.min(horizon, view.keys().longAt(last));
            active++;
        }
        if (horizon == Long.MAX_VALUE) {
            return true;
        }
        for (int i = 0; i < active; i++) {
            RunCursor cursor = order[i];
            TrieView view = cursor.open();
            long from = cursor.update();
            long to = Math.min(from + window, view.keyCount());
            counts[i] = Words.gallop(segment, view.keys().data(), from, to, horizon + 1) - from;
        }
        return true;
    }

    private boolean isMixed(long count) {
        long largest = 0;
        for (int i = 0; i < active; i++) {
            largest = Math.max(largest, counts[i]);
        }
        return (count - largest) * SKEW_MAX >= count;
    }

    /**
     * Appends the block; how many updates are left of it, or -1 if it cannot be, and nothing was.
     */
    private long merge(RunCursor[] order, TrieBuilder target, long count) {
        TrieView first = order[0].open();
        anyFollows = false;
        for (int column = 0; column < FOLLOWERS; column++) {
            follows[column] = !areAlike(order, column);
            anyFollows |= follows[column];
            if (follows[column] && column(first, column).width() != Long.BYTES) {
                return -1;
            }
        }
        long to = target.keys().reserveFixed(Long.BYTES, count);
        if (to == -1) {
            return -1;
        }
        // keys and columns of all levels, with a key behind each range, and notes
        long levels = 2L + Integer.SIZE - Integer.numberOfLeadingZeros(active);
        long bytes = (count + active + 1) * Long.BYTES;
        scratch.clear();
        long notes = scratch.reserve(levels * (1 + FOLLOWERS) * bytes + bytes);
        free = notes + TrieLayout.align(count);
        int ranges = leaves(order);
        while (ranges > 1) {
            int next = 0;
            for (int i = 0; i < ranges; i += 2) {
                if (i + 1 < ranges) {
                    mergeTwo(i, i + 1, next, ranges == 2 ? to : -1, notes);
                } else {
                    move(i, next);
                }
                next++;
            }
            ranges = next;
        }
        return append(first, target, to, count);
    }

    private static Column column(TrieView view, int column) {
        return switch (column) {
            case VALS -> view.vals();
            case TIMES -> view.times();
            default -> view.diffs();
        };
    }

    /** Whether a column has one value in all runs. */
    private boolean areAlike(RunCursor[] order, int column) {
        Column first = column(order[0].open(), column);
        for (int i = 0; i < active; i++) {
            Column other = column(order[i].open(), column);
            if (!other.isConstant() || Column.compare(first, 0, other, 0) != 0) {
                return false;
            }
        }
        return true;
    }

    /** The keys of each run, with one above all behind them, and its columns where they are. */
    private int leaves(RunCursor[] order) {
        int ranges = 0;
        for (int i = 0; i < active; i++) {
            if (counts[i] == 0) {
                continue;
            }
            TrieView view = order[i].open();
            long from = order[i].update();
            keysAt[ranges] = free;
            keyCount[ranges] = counts[i];
            MemorySegment.copy(segment, view.keys().offsetOf(from), segment, free, counts[i] << 3);
            close(counts[i]);
            for (int column = 0; column < FOLLOWERS; column++) {
                Column source = column(view, column);
                columnsAt[column][ranges] = follows[column] ? source.offsetOf(from) : 0;
                steps[column][ranges] = source.isConstant() ? 0 : Long.BYTES;
            }
            ranges++;
        }
        return ranges;
    }

    /** Ends a range of keys that was written to the free room, and takes it. */
    private void close(long count) {
        segment.set(Layouts.LONG, free + (count << 3), horizon + 1);
        free += (count + 1) << 3;
    }

    private void move(int from, int to) {
        keysAt[to] = keysAt[from];
        keyCount[to] = keyCount[from];
        for (int column = 0; column < FOLLOWERS; column++) {
            columnsAt[column][to] = columnsAt[column][from];
            steps[column][to] = steps[column][from];
        }
    }

    /** Merges two ranges into one, at {@code to} or, if that is -1, in free room. */
    private void mergeTwo(int a, int b, int result, long to, long notes) {
        long countA = keyCount[a];
        long countB = keyCount[b];
        long count = countA + countB;
        long target = to == -1 ? free : to;
        long noted = anyFollows ? notes : -1;
        long lanes = count / LongLanes.LANES;
        long at = lanes * LongLanes.LANES;
        long fromA = 0;
        if (lanes > 0) {
            fromA =
                    LongLanes.merge(
                            segment, keysAt[a], countA, keysAt[b], countB, target, noted, lanes);
        }
        LongLanes.finish(
                segment,
                keysAt[a] + (fromA << 3),
                countA - fromA,
                keysAt[b] + ((at - fromA) << 3),
                countB - (at - fromA),
                target + (at << 3),
                noted == -1 ? -1 : noted + at);
        if (to == -1) {
            close(count);
        }
        for (int column = 0; column < FOLLOWERS; column++) {
            if (follows[column]) {
                Interleaving.chooseLongs(
                        segment,
                        columnsAt[column][a],
                        steps[column][a],
                        segment,
                        columnsAt[column][b],
                        steps[column][b],
                        segment,
                        free,
                        notes,
                        count);
                columnsAt[column][result] = free;
                steps[column][result] = Long.BYTES;
                free += count << 3;
            }
        }
        keysAt[result] = target;
        keyCount[result] = count;
    }

    private long append(TrieView first, TrieBuilder target, long to, long count) {
        long kept = count;
        for (int column = 0; column < FOLLOWERS; column++) {
            follow(first, column, count);
        }
        if (LongLanes.hasEqual(segment, to, count)) {
            if (follows[VALS] || follows[TIMES]) {
                return -1;
            }
            long sums = follows[DIFFS] ? columnsAt[DIFFS][0] : free;
            if (!follows[DIFFS]) {
                Words.fill(segment, sums, count, first.diffs().longAt(0));
            }
            kept = LongLanes.fold(segment, to, sums, count);
            if (kept <= 0) {
                return kept;
            }
            bind(followed[DIFFS], sums, kept);
        }
        target.openSingleKeys(kept);
        target.keys().advanceFixed(Long.BYTES, kept);
        target.vals().appendRange(followed[VALS], 0, kept);
        target.appendUpdates(followed[TIMES], 0, followed[DIFFS], kept);
        return kept;
    }

    private void follow(TrieView first, int column, long count) {
        if (follows[column]) {
            bind(followed[column], columnsAt[column][0], count);
        } else {
            followed[column].bind(column(first, column));
        }
    }

    private void bind(Column column, long at, long count) {
        column.bind(ColumnType.Kind.LONG, TrieLayout.FIXED, Long.BYTES, segment, at, at, count);
    }
}
