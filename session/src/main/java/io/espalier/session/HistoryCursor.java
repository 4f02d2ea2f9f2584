package io.espalier.session;

import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.TraceChanges;
import io.espalier.spine.trace.TraceScan;
import io.espalier.spine.trace.TraceSnapshot;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The changes of a snapshot in epoch order. First what the history has folded into its first epoch:
 * the rows as of then. Then what happened at each epoch.
 *
 * <p>Owns the snapshot. Its reader uses it on one thread at a time; the store may close it on
 * another.
 */
final class HistoryCursor implements ChangeCursor {

    private final Readers readers;
    private final NativeMemory memory;
    private final TraceSnapshot snapshot;
    private final long since;

    /** The rows as of {@link #since}, until they are through. */
    private @Nullable TraceScan folded;

    private final TraceChanges changes;
    private boolean atEpoch;

    private boolean ended;
    private @Nullable RuntimeException failure;
    private volatile boolean atRow;
    private volatile boolean closed;

    /** Owns the snapshot, unless it throws. */
    HistoryCursor(Readers readers, NativeMemory memory, TraceSnapshot snapshot, long sinceEpoch) {
        this.readers = readers;
        this.memory = memory;
        this.snapshot = snapshot;
        this.since = Math.max(sinceEpoch, snapshot.since());
        this.changes = snapshot.changes(since + 1);
        if (sinceEpoch < snapshot.since()) {
            folded = snapshot.scan(null, null, snapshot.since(), /* descending= */ false);
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
        TraceScan rows = folded;
        if (rows != null) {
            if (rows.next()) {
                return true;
            }
            rows.close();
            folded = null;
        }
        while (!atEpoch || !changes.next()) {
            atEpoch = changes.nextEpoch();
            if (!atEpoch) {
                return false;
            }
        }
        return true;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(ScanCursor.CLOSED);
        }
    }

    private void checkRow() {
        checkOpen();
        if (!atRow) {
            throw new IllegalStateException(ScanCursor.NO_ROW);
        }
    }

    @Override
    public MemorySegment segment() {
        return memory.segment();
    }

    @Override
    public long keyOffset() {
        checkRow();
        TraceScan rows = folded;
        return rows != null ? rows.keyOffset() : changes.keyOffset();
    }

    @Override
    public long keySize() {
        checkRow();
        TraceScan rows = folded;
        return rows != null ? rows.keySize() : changes.keySize();
    }

    @Override
    public long valueOffset() {
        checkRow();
        TraceScan rows = folded;
        return rows != null ? rows.valOffset() : changes.valOffset();
    }

    @Override
    public long valueSize() {
        checkRow();
        TraceScan rows = folded;
        return rows != null ? rows.valSize() : changes.valSize();
    }

    @Override
    public long epoch() {
        checkRow();
        return folded != null ? since : changes.epoch();
    }

    @Override
    public long diff() {
        checkRow();
        TraceScan rows = folded;
        return rows != null ? rows.sum() : changes.diff();
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        readers.left(this);
        changes.close();
        if (folded != null) {
            folded.close();
        }
        snapshot.close();
    }
}
