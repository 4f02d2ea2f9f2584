package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Sorts rows and lists, one by one, those that are left when equal ones are folded: counts add, of
 * upserts the greatest order stays. The plain counterpart of {@link UpdateFolder}, for what does
 * not go into a trie by ranges.
 *
 * <p>Counts are summed in 128 bits, so that whether a sum is too large for a count does not depend
 * on the order of its parts. Single-threaded. The owner closes it; the sorter is not its own.
 */
final class RowFold implements AutoCloseable {

    private final MemorySegment segment;
    private final UpdateSorter sorter;
    private final NativeBuffer rows;
    private final NativeBuffer diffs;
    private long updateCount;

    RowFold(NativeMemory memory, UpdateSorter sorter) {
        this.segment = memory.segment();
        this.sorter = sorter;
        this.rows = new NativeBuffer(memory);
        this.diffs = new NativeBuffer(memory);
    }

    /**
     * Sorts and folds {@code count} rows of columns, one or more.
     *
     * @throws ArithmeticException if a sum of counts exceeds 64 bits
     */
    void fold(Column keys, Column vals, Column times, Column diff, boolean counts, int count) {
        sorter.sort(keys, vals, times, count, true);
        rows.clear();
        diffs.clear();
        updateCount = 0;
        int from = 0;
        while (from < count) {
            int to = from + 1;
            while (to < count && sorter.levelAt(to) == UpdateSorter.EQUAL) {
                to++;
            }
            if (counts) {
                foldCounts(diff, from, to);
            } else {
                foldUpserts(diff, from, to);
            }
            from = to;
        }
    }

    private void foldCounts(Column diff, int from, int to) {
        long low = 0;
        long high = 0;
        for (int i = from; i < to; i++) {
            long next = diff.longAt(sorted(i));
            low += next;
            // the carry out of the low words, as unsigned numbers
            high += (next >> 63) + (Long.compareUnsigned(low, next) < 0 ? 1 : 0);
        }
        if (high != low >> 63) {
            throw new ArithmeticException(
                    "the counts of one (key, val, time) add up to more than 64 bits hold; keep"
                            + " counts smaller");
        }
        if (low != 0) {
            append(sorted(from), low);
        }
    }

    private void foldUpserts(Column orders, int from, int to) {
        long winner = sorted(from);
        for (int i = from + 1; i < to; i++) {
            long row = sorted(i);
            if (Long.compareUnsigned(orders.longAt(row), orders.longAt(winner)) > 0) {
                winner = row;
            }
        }
        append(winner, orders.longAt(winner));
    }

    private long sorted(int place) {
        return Words.getLong(segment, sorter.wordsAt(), place) & sorter.rowMask();
    }

    private void append(long row, long diff) {
        rows.appendLong(row);
        diffs.appendLong(diff);
        updateCount++;
    }

    /** How many updates are left. */
    long updateCount() {
        return updateCount;
    }

    /** A row that has the key, val, time and payload of an update that is left. */
    long rowAt(long update) {
        return Words.getLong(segment, rows.offset(), update);
    }

    /** The diff of an update that is left. */
    long diffAt(long update) {
        return Words.getLong(segment, diffs.offset(), update);
    }

    /** Gives scratch of more than {@code bytesMax} back. */
    void clear(long bytesMax) {
        rows.clear(bytesMax);
        diffs.clear(bytesMax);
    }

    @Override
    public void close() {
        rows.close();
        diffs.close();
    }
}
