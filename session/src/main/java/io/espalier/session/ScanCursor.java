package io.espalier.session;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.TraceSnapshot;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The rows of a snapshot as of an epoch. Owns the snapshot. */
final class ScanCursor implements RowCursor {

    private final TraceSnapshot snapshot;
    private final ColumnBuilder bounds;
    private final @Nullable Column end;
    private final AsOfCursor cursor;
    private boolean atRow;
    private boolean ended;
    private boolean closed;

    /** Owns the snapshot, also if it throws. */
    ScanCursor(
            NativeMemory memory,
            TraceSnapshot snapshot,
            byte @Nullable [] from,
            byte @Nullable [] to,
            long asOf) {
        this.snapshot = snapshot;
        this.bounds = ColumnBuilder.distinct(memory, ColumnType.BYTES);
        boolean done = false;
        try {
            if (from != null) {
                bounds.append(from, 0, from.length);
            }
            if (to != null) {
                bounds.append(to, 0, to.length);
            }
            Column column = bounds.column();
            this.end = to == null ? null : column;
            this.cursor =
                    new AsOfCursor(memory, snapshot.runs(), asOf, from == null ? null : column, 0);
            done = true;
        } finally {
            if (!done) {
                bounds.close();
                snapshot.close();
            }
        }
    }

    @Override
    public boolean next() {
        checkOpen();
        if (!ended) {
            atRow = Failures.translate(cursor::next);
            Column last = end;
            if (atRow && last != null) {
                long bound = last.count() - 1;
                atRow = Column.compare(cursor.keys(), cursor.key(), last, bound) < 0;
            }
            ended = !atRow;
        }
        return !ended;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the cursor is closed");
        }
    }

    private AsOfCursor row() {
        checkOpen();
        if (!atRow) {
            throw new IllegalStateException("the cursor is not at a row; call next() first");
        }
        return cursor;
    }

    @Override
    public MemorySegment segment() {
        return cursor.keys().segment();
    }

    @Override
    public long keyOffset() {
        return row().keys().offsetOf(cursor.key());
    }

    @Override
    public long keySize() {
        return row().keys().sizeOf(cursor.key());
    }

    @Override
    public long valueOffset() {
        return row().vals().offsetOf(cursor.val());
    }

    @Override
    public long valueSize() {
        return row().vals().sizeOf(cursor.val());
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            cursor.close();
            bounds.close();
            snapshot.close();
        }
    }
}
