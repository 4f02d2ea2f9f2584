package io.espalier.session;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.TraceSnapshot;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a snapshot as of an epoch. Owns the snapshot. Its reader uses it on one thread at a
 * time; the store may close it on another.
 */
final class ScanCursor implements RowCursor {

    static final String CLOSED = "the cursor is closed, or its store";
    static final String NO_ROW = "the cursor is not at a row; call next() first";

    private final Readers readers;
    private final NativeMemory memory;
    private final TraceSnapshot snapshot;
    private final ColumnBuilder bounds;
    private final @Nullable Column end;
    private final AsOfCursor cursor;
    private boolean ended;
    private @Nullable RuntimeException failure;
    private volatile boolean atRow;
    private volatile boolean closed;

    /** Owns the snapshot, unless it throws. */
    ScanCursor(
            Readers readers,
            NativeMemory memory,
            TraceSnapshot snapshot,
            byte @Nullable [] from,
            byte @Nullable [] to,
            long asOf) {
        this.readers = readers;
        this.memory = memory;
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
            }
        }
    }

    @Override
    public synchronized boolean next() {
        checkOpen();
        if (failure != null) {
            throw failure;
        }
        if (ended) {
            return false;
        }
        atRow = false;
        try {
            ended = !advance();
        } catch (RuntimeException | InternalError e) {
            failure = Failures.of(e);
            throw failure;
        }
        atRow = !ended;
        return atRow;
    }

    private boolean advance() {
        if (!cursor.next()) {
            return false;
        }
        Column last = end;
        return last == null
                || Column.compare(cursor.keys(), cursor.key(), last, last.count() - 1) < 0;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(CLOSED);
        }
    }

    private AsOfCursor row() {
        checkOpen();
        if (!atRow) {
            throw new IllegalStateException(NO_ROW);
        }
        return cursor;
    }

    @Override
    public MemorySegment segment() {
        return memory.segment();
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
    public synchronized void close() {
        if (!closed) {
            closed = true;
            readers.left(this);
            cursor.close();
            bounds.close();
            snapshot.close();
        }
    }
}
