package io.espalier.spine.trace;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Bytes;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a snapshot holds as of an epoch, in key order or against it: each (key, val) once, with the
 * sum of its counts over all parts, where that is not zero.
 *
 * <p>The runs are merged by a tournament of their heads (Knuth's tree of losers), in which a key is
 * mostly known by eight of its bytes: those behind what all keys of the range have in common. Runs
 * that began after the epoch are left out; chunks are opened one at a time for each run, and where
 * a bound lies is looked up once in a chunk.
 *
 * <p>What a row lends is valid until the next call. Not thread-safe. The owner closes it, before
 * the snapshot.
 */
public final class TraceScan implements AutoCloseable {

    private final MemorySegment segment;
    private final long asOf;
    private final boolean descending;
    private final ColumnBuilder bounds;
    private final @Nullable Column from;
    private final long fromIndex;
    private final @Nullable Column to;
    private final long toIndex;

    private final Head[] heads;

    /** Inner node i of the tournament has its loser at i; the winner of all is at 0. */
    private final int[] tree;

    /** How many bytes all keys that the heads may come to have in common. */
    private long sharedBytes;

    /**
     * Whether that is known of the chunks that the heads are in alone: how low a part goes is not
     * known without its first chunk, which may never be asked for.
     */
    private final boolean chunkwise;

    /** A head has come to another chunk. */
    private boolean stale;

    private boolean started;

    // the row
    private boolean atRow;
    private Column keys;
    private Column vals;
    private long key;
    private long val;
    private long sum;

    // a row whose chunk is left behind
    private final ColumnBuilder copiedKey;
    private final ColumnBuilder copiedVal;

    /**
     * @param from the first key, or null
     * @param to the first key that is no longer wanted, or null
     */
    TraceScan(
            NativeMemory memory,
            List<StoredRun> runs,
            byte @Nullable [] from,
            byte @Nullable [] to,
            long asOf,
            boolean descending) {
        this.segment = memory.segment();
        this.asOf = asOf;
        this.descending = descending;
        this.chunkwise = descending && from == null && runs.size() > 1;
        this.heads = new Head[runs.size()];
        this.tree = new int[Math.max(1, runs.size())];
        for (int i = 0; i < heads.length; i++) {
            heads[i] = new Head(this, runs.get(i));
        }
        List<ColumnBuilder> made = new ArrayList<>();
        boolean done = false;
        try {
            for (int i = 0; i < 3; i++) {
                made.add(ColumnBuilder.distinct(memory, ColumnType.BYTES));
            }
            this.bounds = made.get(0);
            this.copiedKey = made.get(1);
            this.copiedVal = made.get(2);
            if (from != null) {
                bounds.append(from, 0, from.length);
            }
            if (to != null) {
                bounds.append(to, 0, to.length);
            }
            Column column = bounds.column();
            this.keys = column;
            this.vals = column;
            this.from = from == null ? null : column;
            this.fromIndex = 0;
            this.to = to == null ? null : column;
            this.toIndex = from == null ? 0 : 1;
            done = true;
        } finally {
            if (!done) {
                made.forEach(ColumnBuilder::close);
            }
        }
    }

    /**
     * Goes to the next row.
     *
     * @return false if there is none
     * @throws StoreException if it cannot be read
     */
    public boolean next() {
        atRow = false;
        if (!started) {
            start();
        }
        if (heads.length == 0) {
            return false;
        }
        while (true) {
            Head first = heads[tree[0]];
            if (first.done) {
                return false;
            }
            long rank = first.rank;
            long total = first.net();
            boolean copied = first.atEdge();
            if (copied) {
                copy(first);
            } else {
                keys = first.view.keys();
                vals = first.view.vals();
                key = first.key;
                val = first.val;
            }
            first.step();
            boolean sameRanks = replayOrRank();
            for (Head other = heads[tree[0]];
                    (!sameRanks || other.rank == rank)
                            && !other.done
                            && (other != first || copied)
                            && isRow(other);
                    other = heads[tree[0]]) {
                total += other.net();
                other.step();
                sameRanks &= replayOrRank();
            }
            if (total != 0) {
                sum = total;
                atRow = true;
                return true;
            }
        }
    }

    private boolean isRow(Head head) {
        return Column.compare(head.view.keys(), head.key, keys, key) == 0
                && Column.compare(head.view.vals(), head.val, vals, val) == 0;
    }

    /** Keeps the row of a head whose chunk is about to be left: it may go on in the next. */
    private void copy(Head head) {
        copiedKey.clear(Long.MAX_VALUE);
        copiedVal.clear(Long.MAX_VALUE);
        copiedKey.append(head.view.keys(), head.key);
        copiedVal.append(head.view.vals(), head.val);
        keys = copiedKey.column();
        vals = copiedVal.column();
        key = 0;
        val = 0;
    }

    // ---- the tournament -----------------------------------------------------------------------

    private void start() {
        started = true;
        for (Head head : heads) {
            head.start();
        }
        rankAll();
    }

    private void rankAll() {
        stale = false;
        share();
        for (Head head : heads) {
            head.setRank();
        }
        if (heads.length > 0) {
            tree[0] = play(1);
        }
    }

    /**
     * The head that has won has moved.
     *
     * @return whether the ranks of the others are what they were
     */
    private boolean replayOrRank() {
        if (stale) {
            rankAll();
            return false;
        }
        replay(tree[0]);
        return true;
    }

    /** The winner below a node, whose loser is noted. */
    private int play(int node) {
        if (node >= heads.length) {
            return node - heads.length;
        }
        int left = play(2 * node);
        int right = play(2 * node + 1);
        boolean leftWins = isBefore(left, right);
        tree[node] = leftWins ? right : left;
        return leftWins ? left : right;
    }

    /** The head that has won has moved. */
    private void replay(int moved) {
        int winner = moved;
        for (int node = (moved + heads.length) >>> 1; node > 0; node >>>= 1) {
            int other = tree[node];
            if (isBefore(other, winner)) {
                tree[node] = winner;
                winner = other;
            }
        }
        tree[0] = winner;
    }

    private boolean isBefore(int a, int b) {
        Head x = heads[a];
        Head y = heads[b];
        if (x.rank != y.rank) {
            return x.rank + Long.MIN_VALUE < y.rank + Long.MIN_VALUE;
        }
        if (x.done || y.done) {
            return !x.done;
        }
        int order = Column.compare(x.view.keys(), x.key, y.view.keys(), y.key);
        if (order == 0) {
            order = Column.compare(x.view.vals(), x.val, y.view.vals(), y.val);
        }
        return descending ? order > 0 : order < 0;
    }

    /** Finds out how many bytes the first and the last key have in common, of all parts. */
    private void share() {
        Head least = null;
        for (Head head : heads) {
            if (!head.done
                    && (least == null
                            || Column.compare(
                                            head.view.keys(),
                                            head.key,
                                            least.view.keys(),
                                            least.key)
                                    < 0)) {
                least = head;
            }
        }
        if (least == null) {
            return;
        }
        Column some = least.view.keys();
        long at = some.offsetOf(least.key);
        long shared = some.sizeOf(least.key);
        for (Head head : heads) {
            if (!head.done) {
                shared = head.sharedBytes(at, shared);
            }
        }
        sharedBytes = shared;
    }

    /** A run, and where it is. */
    private static final class Head {
        private final TraceScan scan;
        private final StoredRun run;
        final TrieView view = new TrieView();
        private @Nullable ChunkPin pin;
        private long chunk;

        /** The keys of the chunk that are in the range. */
        private long keysFrom;

        private long keysTo;

        // the head
        long key;
        long val;

        /** The vals of the key. */
        private long valsFrom;

        private long valsTo;

        /** Whether each key has one val, each val one update, and all of them count. */
        private boolean plain;

        boolean done;

        /** Orders heads, unsigned; equal ranks say nothing. */
        long rank;

        Head(TraceScan scan, StoredRun run) {
            this.scan = scan;
            this.run = run;
        }

        void start() {
            Column probe = scan.descending ? scan.to : scan.from;
            long count = run.chunkCount();
            long first = scan.descending ? count - 1 : 0;
            if (probe != null) {
                long index = scan.descending ? scan.toIndex : scan.fromIndex;
                first = run.seek(probe, index, 0);
                first = scan.descending ? Math.min(first, count - 1) : first;
            }
            enter(first);
        }

        /** Opens the first chunk from one on that has keys in the range, and goes to its first. */
        private void enter(long index) {
            long next = index;
            while (true) {
                unpin();
                if (next < 0 || next >= run.chunkCount()) {
                    end();
                    return;
                }
                pin = run.open(next, view);
                chunk = next;
                long count = view.keyCount();
                keysFrom =
                        scan.from == null
                                ? 0
                                : view.keys().gallop(0, count, scan.from, scan.fromIndex);
                keysTo =
                        scan.to == null
                                ? count
                                : view.keys().gallop(keysFrom, count, scan.to, scan.toIndex);
                if (keysFrom < keysTo) {
                    break;
                }
                // keys of the range may still follow if all of the chunk are before it
                if (scan.descending ? keysFrom > 0 : keysTo < count) {
                    unpin();
                    end();
                    return;
                }
                next += scan.descending ? -1 : 1;
            }
            plain = view.isSingle() && Long.compareUnsigned(view.timeMax(), scan.asOf) <= 0;
            key = scan.descending ? keysTo - 1 : keysFrom;
            enterKey();
            if (scan.chunkwise) {
                // what was in common need not be in common with this chunk
                scan.stale = true;
            } else {
                setRank();
            }
        }

        private void enterKey() {
            valsFrom = view.valsFrom(key);
            valsTo = view.valsTo(key);
            val = scan.descending ? valsTo - 1 : valsFrom;
        }

        private void end() {
            done = true;
            rank = -1;
        }

        void setRank() {
            // who is alone needs no order
            if (!done && scan.heads.length > 1) {
                Column keys = view.keys();
                long shared = scan.sharedBytes;
                long prefix =
                        Bytes.prefix(
                                scan.segment,
                                keys.offsetOf(key) + shared,
                                keys.sizeOf(key) - shared);
                rank = scan.descending ? ~prefix : prefix;
            }
        }

        /** Goes to the next (key, val). */
        void step() {
            if (scan.descending) {
                stepBack();
            } else if (++val == valsTo) {
                if (++key == keysTo) {
                    nextChunk(keysTo == view.keyCount(), chunk + 1);
                    return;
                }
                valsFrom = valsTo;
                valsTo = view.valsTo(key);
                setRank();
            }
        }

        private void stepBack() {
            if (val-- == valsFrom) {
                if (key-- == keysFrom) {
                    nextChunk(keysFrom == 0, chunk - 1);
                    return;
                }
                enterKey();
                setRank();
            }
        }

        private void nextChunk(boolean any, long next) {
            if (any) {
                enter(next);
            } else {
                unpin();
                end();
            }
        }

        /** Whether it is the last (key, val) of the chunk that counts: it may go on in the next. */
        boolean atEdge() {
            return scan.descending
                    ? val == valsFrom && key == keysFrom
                    : val == valsTo - 1 && key == keysTo - 1;
        }

        /** The sum of the counts that count. */
        long net() {
            if (plain) {
                return view.diffAt(val);
            }
            long net = 0;
            long end = view.updatesTo(val);
            for (long update = view.updatesFrom(val); update < end; update++) {
                if (Long.compareUnsigned(view.timeAt(update), scan.asOf) <= 0) {
                    net += view.diffAt(update);
                }
            }
            return net;
        }

        /** How many of the bytes at an offset all keys from the head to its end begin with. */
        long sharedBytes(long at, long most) {
            long shared = common(view.keys(), key, at, most);
            Column last = scan.descending ? view.keys() : run.lastKeys();
            long lastIndex = scan.descending ? key : last.count() - 1;
            if (!scan.descending && scan.to != null) {
                Column bound = scan.to;
                if (Column.compare(bound, scan.toIndex, last, lastIndex) < 0) {
                    return common(bound, scan.toIndex, at, shared);
                }
            } else if (scan.descending) {
                // what comes is below: down to the bound, or to the first key of the chunk
                return scan.from == null
                        ? common(last, keysFrom, at, shared)
                        : common(scan.from, scan.fromIndex, at, shared);
            }
            return common(last, lastIndex, at, shared);
        }

        private long common(Column column, long index, long at, long most) {
            long bytes = Math.min(most, column.sizeOf(index));
            return Bytes.commonPrefix(
                    scan.segment, at, column.segment(), column.offsetOf(index), bytes);
        }

        void unpin() {
            ChunkPin open = pin;
            pin = null;
            if (open != null) {
                open.close();
            }
        }
    }

    // ---- the row ------------------------------------------------------------------------------

    private void checkRow() {
        if (!atRow) {
            throw new IllegalStateException("not at a row; call next() first");
        }
    }

    /** The memory that holds key and val. */
    public MemorySegment segment() {
        return segment;
    }

    /** Where the key starts in {@link #segment()}. */
    public long keyOffset() {
        checkRow();
        return keys.offsetOf(key);
    }

    /** The size of the key in bytes. */
    public long keySize() {
        checkRow();
        return keys.sizeOf(key);
    }

    /** Where the val starts in {@link #segment()}. */
    public long valOffset() {
        checkRow();
        return vals.offsetOf(val);
    }

    /** The size of the val in bytes. */
    public long valSize() {
        checkRow();
        return vals.sizeOf(val);
    }

    /** The sum of the counts of the row; not zero. */
    public long sum() {
        checkRow();
        return sum;
    }

    @Override
    public void close() {
        atRow = false;
        started = true;
        for (Head head : heads) {
            head.unpin();
            head.end();
        }
        bounds.close();
        copiedKey.close();
        copiedVal.close();
    }
}
