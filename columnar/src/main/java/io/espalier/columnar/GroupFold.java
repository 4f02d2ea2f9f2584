package io.espalier.columnar;

import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * The updates of one (key, val) whose times were moved: brings them into order again and folds
 * those that coincide. Takes time in proportion to their number, however many there are, and native
 * scratch for all of them.
 *
 * <p>Single-threaded. The owner closes it.
 */
final class GroupFold implements AutoCloseable {

    private static final long KEPT_BYTES_MAX = 1L << 20;

    private final boolean counts;
    private final boolean pairs;
    private final ColumnBuilder times;
    private final ColumnBuilder diffs;
    private final ColumnBuilder payloads;
    private final UpdateSorter sorter;
    private final RowFold folded;
    private final Column units = new Column();
    private final Column timeColumn = new Column();
    private final Column diffColumn = new Column();
    private final Column payloadColumn = new Column();

    GroupFold(NativeMemory memory, TrieType type) {
        this.counts = type.diff() == DiffType.COUNT;
        this.pairs = type.time() == TimeType.PAIR;
        this.times = new ColumnBuilder(memory, type.time().column(), false);
        this.diffs = new ColumnBuilder(memory, ColumnType.LONG, false);
        this.payloads = new ColumnBuilder(memory, ColumnType.BYTES, false);
        this.sorter = new UpdateSorter(memory);
        this.folded = new RowFold(memory, sorter);
    }

    /** Adds an update of the group. */
    void add(long time, long second, long diff, Column source, long index) {
        if (pairs) {
            times.appendPair(time, second);
        } else {
            times.append(time);
        }
        diffs.append(diff);
        if (!counts) {
            payloads.append(source, index);
        }
    }

    boolean isEmpty() {
        return times.count() == 0;
    }

    /**
     * Folds the group.
     *
     * @return how many updates are left
     * @throws ArithmeticException if a sum of counts exceeds 64 bits
     */
    long fold() {
        int count = Math.toIntExact(times.count());
        units.bind(ColumnType.Kind.UNIT, TrieLayout.ABSENT, 0, MemorySegment.NULL, 0, 0, count);
        times.bind(timeColumn);
        diffs.bind(diffColumn);
        payloads.bind(payloadColumn);
        folded.fold(units, units, timeColumn, diffColumn, counts, count);
        return folded.updateCount();
    }

    /** The time of an update that is left, or its first number. */
    long timeAt(long update) {
        return timeColumn.longAt(folded.rowAt(update));
    }

    /** The second number of the time of an update that is left. */
    long secondTimeAt(long update) {
        return TimeType.secondOf(timeColumn, folded.rowAt(update));
    }

    /** The diff of an update that is left. */
    long diffAt(long update) {
        return folded.diffAt(update);
    }

    /** The column that has the payload of an update that is left, at {@link #payload}. */
    Column payloads() {
        return payloadColumn;
    }

    long payload(long update) {
        return folded.rowAt(update);
    }

    /** Empties it for the next group. */
    void clear() {
        times.clear(KEPT_BYTES_MAX);
        diffs.clear(KEPT_BYTES_MAX);
        payloads.clear(KEPT_BYTES_MAX);
        sorter.clear(KEPT_BYTES_MAX);
        folded.clear(KEPT_BYTES_MAX);
    }

    @Override
    public void close() {
        times.close();
        diffs.close();
        payloads.close();
        sorter.close();
        folded.close();
    }
}
