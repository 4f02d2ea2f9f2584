package io.espalier.columnar;

import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * A column of longs that rows are staged in, by way of a window: room for the next rows, which
 * become part of the column when the window is closed. While all values are equal none is written.
 *
 * <p>The owner closes it. Not thread-safe.
 */
final class StagedLongs implements AutoCloseable {

    private final ColumnBuilder column;
    private final MemorySegment segment;

    private boolean alike = true;
    private long value;

    /** Where row 0 of the window is, or would be, once values differ. */
    private long at;

    /** How many rows of the window are in the column already. */
    private int appended;

    private int room;

    StagedLongs(NativeMemory memory) {
        this.column = new ColumnBuilder(memory, ColumnType.LONG, false);
        this.segment = memory.segment();
    }

    ColumnBuilder column() {
        return column;
    }

    /**
     * Opens a window for {@code rows} rows.
     *
     * @param first the value of the first of them
     */
    void open(int rows, long first) {
        room = rows;
        appended = 0;
        alike = column.encoding() != TrieLayout.FIXED;
        if (alike) {
            value = column.count() == 0 ? first : column.lastLong();
        } else {
            at = column.reserveFixed(Long.BYTES, rows);
        }
    }

    /** Sets the value of a row of the window; rows come one after the other. */
    void set(int row, long next) {
        if (alike) {
            if (next == value) {
                return;
            }
            spread(row);
        }
        Words.setLong(segment, at, row, next);
    }

    private void spread(int row) {
        if (row > appended) {
            column.appendRepeated(value, row - appended);
            appended = row;
        }
        at = column.reserveFixed(Long.BYTES, room - row) - (long) row * Long.BYTES;
        alike = false;
    }

    /** Takes the first rows of the window into the column. */
    void close(int rows) {
        int left = rows - appended;
        if (left > 0) {
            if (alike) {
                column.appendRepeated(value, left);
            } else {
                column.advanceFixed(Long.BYTES, left);
            }
        }
        room = 0;
    }

    /** The bytes of the column with the first rows of the window. */
    long sealedBytes(int rows) {
        if (alike) {
            return column.count() + rows == 0 ? 0 : Long.BYTES;
        }
        return (column.count() + rows - appended) * Long.BYTES;
    }

    void clear(long bytesMax) {
        column.clear(bytesMax);
        alike = true;
        room = 0;
    }

    @Override
    public void close() {
        column.close();
    }
}
