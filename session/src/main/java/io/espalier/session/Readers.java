package io.espalier.session;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Who reads a store: the calls under way, and the cursors and listeners that are open. Closing the
 * store waits for the calls, ends what is open, and lets nobody in any more.
 */
final class Readers {

    private final String store;

    /** Held for reading by calls, for writing by the end. */
    private final StampedLock gate = new StampedLock();

    /** What is open, and how it is closed. */
    private final Map<Object, Runnable> open = new ConcurrentHashMap<>();

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
        return open(opening, RowCursor::close);
    }

    /** The same of anything that is open for a while. */
    <R> R open(Supplier<R> opening, Consumer<R> closing) {
        return call(() -> {
            R opened = opening.get();
            open.put(opened, () -> closing.accept(opened));
            return opened;
        });
    }

    /** It is closed. */
    void left(Object opened) {
        open.remove(opened);
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
        List.copyOf(open.values()).forEach(Runnable::run);
        return true;
    }
}
