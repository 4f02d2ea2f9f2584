package io.espalier.session;

import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.TraceScan;
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
    private final TraceScan rows;
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
        this.rows = snapshot.scan(from, to, asOf, /* descending= */ false);
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
            ended = !rows.next();
        } catch (RuntimeException | InternalError e) {
            failure = Failures.of(e);
            throw failure;
        }
        atRow = !ended;
        return atRow;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(CLOSED);
        }
    }

    private TraceScan row() {
        checkOpen();
        if (!atRow) {
            throw new IllegalStateException(NO_ROW);
        }
        return rows;
    }

    @Override
    public MemorySegment segment() {
        return memory.segment();
    }

    @Override
    public long keyOffset() {
        return row().keyOffset();
    }

    @Override
    public long keySize() {
        return row().keySize();
    }

    @Override
    public long valueOffset() {
        return row().valOffset();
    }

    @Override
    public long valueSize() {
        return row().valSize();
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            readers.left(this);
            rows.close();
            snapshot.close();
        }
    }
}
