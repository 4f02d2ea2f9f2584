package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads several runs of counts as one collection at a time: each (key, val) once, in order, with
 * the sum of its counts over all runs and all times up to that time, where the sum is not zero.
 *
 * <p>It walks from a first key on, forward only, and opens only chunks that it comes to. The row is
 * borrowed: valid until the next call. The owner closes the cursor. Not thread-safe.
 */
public final class AsOfCursor implements AutoCloseable {

    private long asOf;
    private long asOfSecond;

    /** Cursors by ascending head; the first {@code live} are in use, the others kept. */
    private RunCursor[] order = {};

    private int live;

    /** The cursor that the row is borrowed from, and where it goes on; null if copied. */
    private @Nullable RunCursor lender;

    private long lenderGoesTo;

    /** Where the row is: columns of the lender, or the copied ones. */
    private Column keys;

    private Column vals;
    private final Column copiedKeys = new Column();
    private final Column copiedVals = new Column();
    private long key;
    private long val;
    private long sum;

    private final NativeBuffer copiedKey;
    private final NativeBuffer copiedVal;

    /** A cursor at the end of nothing, until it is {@linkplain #start started}. */
    public AsOfCursor(NativeMemory memory) {
        this.copiedKey = new NativeBuffer(memory);
        this.copiedVal = new NativeBuffer(memory);
        this.keys = copiedKeys;
        this.vals = copiedVals;
    }

    /**
     * Starts at the first key.
     *
     * @param asOf updates with later times (unsigned) do not count
     */
    public AsOfCursor(NativeMemory memory, List<? extends Run> runs, long asOf) {
        this(memory, runs, asOf, 0, null, 0);
    }

    /**
     * Starts at the first key that is not less than value {@code probe} of {@code probes}.
     *
     * @param asOf updates with later times (unsigned) do not count
     */
    public AsOfCursor(
            NativeMemory memory,
            List<? extends Run> runs,
            long asOf,
            @Nullable Column probes,
            long probe) {
        this(memory, runs, asOf, 0, probes, probe);
    }

    /**
     * The same for times that may be pairs.
     *
     * @param asOf updates count whose times are at or before this one and {@code asOfSecond}
     * @param asOfSecond the second number where times are pairs; else 0
     * @param probes null to start at the first key
     */
    public AsOfCursor(
            NativeMemory memory,
            List<? extends Run> runs,
            long asOf,
            long asOfSecond,
            @Nullable Column probes,
            long probe) {
        this(memory);
        start(runs, asOf, asOfSecond, probes, probe);
    }

    /**
     * Starts again, at the first key of these runs, wherever it was: for who reads again and again
     * and does not want a cursor for each time.
     *
     * @param asOf updates with later times (unsigned) do not count
     */
    public void start(List<? extends Run> runs, long asOf) {
        start(runs, asOf, 0, null, 0);
    }

    /**
     * The same, at the first key that is not less than value {@code probe} of {@code probes}.
     *
     * @param asOf updates count whose times are at or before this one and {@code asOfSecond}
     * @param asOfSecond the second number where times are pairs; else 0
     * @param probes null to start at the first key
     */
    public void start(
            List<? extends Run> runs,
            long asOf,
            long asOfSecond,
            @Nullable Column probes,
            long probe) {
        letGo();
        this.asOf = asOf;
        this.asOfSecond = asOfSecond;
        int count = runs.size();
        int known = order.length;
        if (known < count) {
            order = Arrays.copyOf(order, count);
            for (int i = known; i < count; i++) {
                order[i] = new RunCursor();
            }
        }
        boolean done = false;
        try {
            for (int i = 0; i < count; i++) {
                RunCursor cursor = order[live];
                if (probes == null) {
                    cursor.start(runs.get(i), false);
                } else {
                    cursor.startAt(runs.get(i), probes, probe);
                }
                if (!cursor.isExhausted()) {
                    insert(cursor);
                } else {
                    cursor.close();
                }
            }
            done = true;
        } finally {
            if (!done) {
                if (live < count) {
                    order[live].close(); // the one that failed
                }
                close();
            }
        }
    }

    /** Goes to the next (key, val) whose sum is not zero; false if there is none. */
    public boolean next() {
        if (lender != null) {
            RunCursor moved = lender;
            lender = null;
            moved.moveTo(lenderGoesTo);
            settle(0);
        }
        while (live > 0) {
            if (fold()) {
                return true;
            }
        }
        return false;
    }

    /** Adds up the least (key, val); whether its sum is not zero. */
    private boolean fold() {
        RunCursor first = order[0];
        TrieView view = first.open();
        long groupEnd = view.updatesTo(first.val());
        boolean single =
                groupEnd < view.updateCount()
                        && (live == 1 || RunCursor.compareKeyVal(first, order[1]) < 0);
        if (single) {
            long total = addUp(view, first.update(), groupEnd);
            if (total == 0) {
                first.moveTo(groupEnd);
                settle(0);
                return false;
            }
            lend(first, groupEnd, total);
            return true;
        }
        return foldSeveral(first, view);
    }

    private void lend(RunCursor cursor, long goesTo, long total) {
        keys = cursor.keys();
        vals = cursor.vals();
        key = cursor.key();
        val = cursor.val();
        sum = total;
        lender = cursor;
        lenderGoesTo = goesTo;
    }

    /** The same where the group goes on in other runs, or in the next chunk: the row is copied. */
    private boolean foldSeveral(RunCursor first, TrieView view) {
        copy(view.keys(), first.key(), copiedKey, copiedKeys);
        copy(view.vals(), first.val(), copiedVal, copiedVals);
        keys = copiedKeys;
        vals = copiedVals;
        key = 0;
        val = 0;
        long total = 0;
        while (live > 0 && isCopied(order[0])) {
            RunCursor cursor = order[0];
            TrieView opened = cursor.open();
            long end = opened.updatesTo(cursor.val());
            total += addUp(opened, cursor.update(), end);
            cursor.moveTo(end);
            settle(0);
        }
        sum = total;
        return total != 0;
    }

    private boolean isCopied(RunCursor cursor) {
        return Column.compare(cursor.keys(), cursor.key(), keys, 0) == 0
                && Column.compare(cursor.vals(), cursor.val(), vals, 0) == 0;
    }

    private static void copy(Column source, long index, NativeBuffer target, Column copied) {
        target.clear();
        long size = source.sizeOf(index);
        MemorySegment segment = target.segment();
        if (size > 0) {
            target.append(source.segment(), source.offsetOf(index), size);
        }
        int encoding =
                source.kind() == ColumnType.Kind.UNIT ? TrieLayout.ABSENT : TrieLayout.CONSTANT;
        copied.bind(source.kind(), encoding, size, segment, 0, target.offset(), 1);
    }

    private long addUp(TrieView view, long from, long to) {
        long total = 0;
        for (long i = from; i < to; i++) {
            if (TimeType.lessEqual(view.timeAt(i), view.secondTimeAt(i), asOf, asOfSecond)) {
                total += view.diffAt(i);
            }
        }
        return total;
    }

    /** The column that holds the key of the row, at {@link #key()}; maybe another for each row. */
    public Column keys() {
        return keys;
    }

    /** The index of the key in {@link #keys()}. */
    public long key() {
        return key;
    }

    /** Whether the key of the row is value {@code probe} of {@code probes}. */
    public boolean keyEquals(Column probes, long probe) {
        return Column.compare(keys, key, probes, probe) == 0;
    }

    /** The column that holds the val of the row, at {@link #val()}; maybe another for each row. */
    public Column vals() {
        return vals;
    }

    /** The index of the val in {@link #vals()}. */
    public long val() {
        return val;
    }

    /** The sum of the counts of the row; not zero. */
    public long sum() {
        return sum;
    }

    private void insert(RunCursor cursor) {
        int to = live++;
        while (to > 0 && RunCursor.compare(cursor, order[to - 1]) < 0) {
            order[to] = order[to - 1];
            to--;
        }
        order[to] = cursor;
    }

    private void settle(int index) {
        RunCursor cursor = order[index];
        if (cursor.isExhausted()) {
            cursor.close();
            live--;
            System.arraycopy(order, index + 1, order, index, live - index);
            order[live] = cursor;
            return;
        }
        int to = index;
        while (to + 1 < live && RunCursor.compare(order[to + 1], cursor) < 0) {
            order[to] = order[to + 1];
            to++;
        }
        order[to] = cursor;
    }

    private void letGo() {
        for (int i = 0; i < live; i++) {
            order[i].close();
        }
        live = 0;
        lender = null;
    }

    /** Lets go of everything; the cursor may be started again. */
    @Override
    public void close() {
        letGo();
        copiedKey.close();
        copiedVal.close();
    }
}
