package io.espalier.session;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Supplier;

/**
 * Who reads a store: the calls under way, and the cursors that are open. Closing the store waits
 * for the calls, ends the cursors, and lets nobody in any more.
 */
final class Readers {

    private final String store;

    /** Held for reading by calls, for writing by the end. */
    private final StampedLock gate = new StampedLock();

    private final Set<RowCursor> cursors = ConcurrentHashMap.newKeySet();

    private volatile boolean closed;

    /** The name of the store is for messages. */
    Readers(String store) {
        this.store = store;
    }

    void checkOpen() {
        if (closed) {
            throw new IllegalStateException(store + ": the store is closed; open it again");
        }
    }

    /** Does a call that reads. It must not wait for another one, nor call this again. */
    <T> T call(Supplier<T> work) {
        long stamp = gate.readLock();
        try {
            checkOpen();
            return work.get();
        } finally {
            gate.unlockRead(stamp);
        }
    }

    /** Opens a cursor that is closed with the store, unless it was {@link #left} before. */
    <C extends RowCursor> C open(Supplier<C> opening) {
        return call(() -> {
            C cursor = opening.get();
            cursors.add(cursor);
            return cursor;
        });
    }

    /** A cursor is closed. */
    void left(RowCursor cursor) {
        cursors.remove(cursor);
    }

    /** Ends everything; false if that was done before. */
    boolean end() {
        long stamp = gate.writeLock();
        try {
            if (closed) {
                return false;
            }
            closed = true;
        } finally {
            gate.unlockWrite(stamp);
        }
        cursors.forEach(RowCursor::close);
        return true;
    }
}
