package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * What stays resident of a chunk whose body may be anywhere: its first and last (key, val, time).
 * Value 0 of each column is the first, value 1 the last.
 *
 * <p>Owned by its chunk, immutable.
 */
public final class Fence implements AutoCloseable {

    /** Two units: of all fences the same. */
    private static final Column UNITS = units();

    private final Lease lease;
    private final Column keys = new Column();
    private final Column vals;
    private final long firstTime;
    private final long lastTime;
    private final long firstSecond;
    private final long lastSecond;

    private Fence(
            NativeMemory memory,
            Column sourceKeys,
            Column sourceVals,
            Column times,
            long lastKey,
            long lastVal,
            long lastUpdate) {
        long bytes = pairBytes(sourceKeys, lastKey) + pairBytes(sourceVals, lastVal);
        this.lease = memory.allocate(Math.max(bytes, Long.BYTES));
        this.vals = sourceVals.kind() == ColumnType.Kind.UNIT ? UNITS : new Column();
        this.firstTime = times.longAt(0);
        this.lastTime = times.longAt(lastUpdate);
        this.firstSecond = TimeType.secondOf(times, 0);
        this.lastSecond = TimeType.secondOf(times, lastUpdate);
        long at = copyPair(memory.segment(), sourceKeys, lastKey, lease.offset(), keys);
        if (vals != UNITS) {
            copyPair(memory.segment(), sourceVals, lastVal, at, vals);
        }
    }

    private static Column units() {
        Column units = new Column();
        units.bind(ColumnType.Kind.UNIT, TrieLayout.ABSENT, 0, MemorySegment.NULL, 0, 0, 2);
        return units;
    }

    static Fence of(NativeMemory memory, TrieView view) {
        return new Fence(
                memory,
                view.keys(),
                view.vals(),
                view.times(),
                view.keyCount() - 1,
                view.valCount() - 1,
                view.updateCount() - 1);
    }

    static Fence of(NativeMemory memory, FlatView view) {
        long last = view.rowCount() - 1;
        return new Fence(memory, view.keys(), view.vals(), view.times(), last, last, last);
    }

    private static long pairBytes(Column column, long last) {
        return 2 * Long.BYTES
                + TrieLayout.align(column.sizeOf(0))
                + TrieLayout.align(column.sizeOf(last));
    }

    /** Copies the first and the last value as a variable column of two. */
    private static long copyPair(
            MemorySegment target, Column source, long last, long at, Column pair) {
        long firstSize = source.sizeOf(0);
        long lastSize = source.sizeOf(last);
        if (source.kind() == ColumnType.Kind.BYTES) {
            long data = at + 2 * Long.BYTES;
            target.set(Layouts.INT, at, 0);
            target.set(Layouts.INT, at + 4, (int) firstSize);
            target.set(Layouts.INT, at + 8, (int) (firstSize + lastSize));
            MemorySegment.copy(source.segment(), source.offsetOf(0), target, data, firstSize);
            MemorySegment.copy(
                    source.segment(), source.offsetOf(last), target, data + firstSize, lastSize);
            pair.bind(source.kind(), TrieLayout.VARIABLE, 0, target, at, data, 2);
            return data + TrieLayout.align(firstSize + lastSize);
        }
        MemorySegment.copy(source.segment(), source.offsetOf(0), target, at, firstSize);
        MemorySegment.copy(
                source.segment(), source.offsetOf(last), target, at + firstSize, lastSize);
        pair.bind(source.kind(), TrieLayout.FIXED, firstSize, target, at, at, 2);
        return at + TrieLayout.align(firstSize + lastSize);
    }

    /** The first and the last key. */
    public Column keys() {
        return keys;
    }

    /** The first and the last val. */
    public Column vals() {
        return vals;
    }

    /** Whether the last update lies below the first of another fence, by (key, val, time). */
    boolean endsBelow(Fence next) {
        int order = Column.compare(keys, 1, next.keys, 0);
        if (order == 0) {
            order = Column.compare(vals, 1, next.vals, 0);
            if (order == 0) {
                order = TimeType.compare(lastTime, lastSecond, next.firstTime, next.firstSecond);
            }
        }
        return order < 0;
    }

    /** Whether the last update lies below the last of another fence. */
    boolean endsBelowEndOf(Fence other) {
        int order = Column.compare(keys, 1, other.keys, 1);
        if (order == 0) {
            order = Column.compare(vals, 1, other.vals, 1);
            if (order == 0) {
                order = Long.compareUnsigned(lastTime, other.lastTime);
            }
        }
        return order < 0;
    }

    /** The time of the first update. */
    public long firstTime() {
        return firstTime;
    }

    /** The time of the last update. */
    public long lastTime() {
        return lastTime;
    }

    /** The second number of the first time, where times are pairs; else 0. */
    public long firstSecondTime() {
        return firstSecond;
    }

    /** The second number of the last time, where times are pairs; else 0. */
    public long lastSecondTime() {
        return lastSecond;
    }

    @Override
    public void close() {
        lease.close();
    }
}
