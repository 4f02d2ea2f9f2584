package io.espalier.session;

import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.TraceChanges;
import io.espalier.spine.trace.TraceListener;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A listener of traces, of which others are shown what they may see.
 *
 * <p>Its monitor is held while something is read, so that closing it on another thread takes no
 * bytes from under a reader; and not while it waits.
 */
final class NativeListener implements StoreListener {

    private static final String CLOSED = "the listener is closed";

    private final Readers readers;
    private final NativeMemory memory;
    private final TraceListener listener;
    private final List<Table> tables;

    // guarded by this
    private final @Nullable Changes[] lent;

    private volatile boolean closed;

    /** Owns the listener. */
    NativeListener(
            Readers readers, NativeMemory memory, TraceListener listener, List<Table> tables) {
        this.readers = readers;
        this.memory = memory;
        this.listener = listener;
        this.tables = List.copyOf(tables);
        this.lent = new Changes[tables.size()];
    }

    @Override
    public List<Table> tables() {
        return tables;
    }

    @Override
    public boolean next(Duration timeout) throws InterruptedException {
        synchronized (this) {
            checkOpen();
            endLent();
        }
        try {
            return listener.next(timeout);
        } catch (RuntimeException | InternalError e) {
            throw Failures.of(e);
        }
    }

    private void endLent() {
        for (int i = 0; i < lent.length; i++) {
            Changes changes = lent[i];
            if (changes != null) {
                changes.close();
            }
            lent[i] = null;
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(CLOSED);
        }
    }

    @Override
    public synchronized long epoch() {
        checkOpen();
        return listener.epoch();
    }

    @Override
    public synchronized boolean hasChanges(int table) {
        checkOpen();
        return listener.hasChanges(table);
    }

    @Override
    public synchronized ChangeCursor changes(int table) {
        checkOpen();
        Changes changes = lent[table];
        if (changes == null) {
            changes =
                    listener.hasChanges(table)
                            ? new Changes(listener.changes(table), listener.epoch())
                            : new Changes(null, listener.epoch());
            lent[table] = changes;
        }
        return changes;
    }

    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            endLent();
            listener.close();
        }
        readers.left(this);
    }

    /** The changes of one table at one epoch. */
    private final class Changes implements ChangeCursor {
        private final @Nullable TraceChanges changes;
        private final long epoch;
        private boolean atRow;
        private boolean over;

        Changes(@Nullable TraceChanges changes, long epoch) {
            this.changes = changes;
            this.epoch = epoch;
        }

        @Override
        public boolean next() {
            synchronized (NativeListener.this) {
                if (over) {
                    throw new IllegalStateException(
                            "the changes of an epoch are read until the listener moves on or is"
                                    + " closed");
                }
                atRow = false;
                if (changes == null) {
                    return false;
                }
                try {
                    atRow = changes.next();
                } catch (RuntimeException | InternalError e) {
                    throw Failures.of(e);
                }
                return atRow;
            }
        }

        private TraceChanges row() {
            TraceChanges current = changes;
            if (current == null || over || !atRow) {
                throw new IllegalStateException(over ? CLOSED : ScanCursor.NO_ROW);
            }
            return current;
        }

        @Override
        public MemorySegment segment() {
            return memory.segment();
        }

        @Override
        public long keyOffset() {
            synchronized (NativeListener.this) {
                return row().keyOffset();
            }
        }

        @Override
        public long keySize() {
            synchronized (NativeListener.this) {
                return row().keySize();
            }
        }

        @Override
        public long valueOffset() {
            synchronized (NativeListener.this) {
                return row().valOffset();
            }
        }

        @Override
        public long valueSize() {
            synchronized (NativeListener.this) {
                return row().valSize();
            }
        }

        @Override
        public long epoch() {
            synchronized (NativeListener.this) {
                row();
                return epoch;
            }
        }

        @Override
        public long diff() {
            synchronized (NativeListener.this) {
                return row().diff();
            }
        }

        @Override
        public void close() {
            synchronized (NativeListener.this) {
                over = true;
                atRow = false;
            }
        }
    }
}
