package io.espalier.spine.trace;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Follows one or more traces of a store: gives each committed epoch in which one of them changed,
 * once, in order, with the differences of all of them at that epoch, from some epoch on and then as
 * they are committed.
 *
 * <pre>{@code
 * try (TraceListener listener = trace.listen(from)) {
 *     while (listener.next(Duration.ofSeconds(1))) {
 *         TraceChanges changes = listener.changes(0);
 *         while (changes.next()) {
 *             // changes.keyOffset(), changes.diff() at listener.epoch()
 *         }
 *     }
 * }
 * }</pre>
 *
 * <p>Nothing is queued: what it gives is read from the traces' files when it is asked for, so a
 * slow listener costs history that is not folded, and no memory. It holds the since of its traces
 * just before what it has yet to see. While it is amid epochs that it has found it holds the files
 * that they are in; while it waits it holds none.
 *
 * <p>One thread at a time uses it; any thread may close it, also while it waits. The owner closes
 * it, also after the store was closed.
 */
public final class TraceListener implements AutoCloseable {

    private final TraceStore store;
    private final List<Trace> traces;

    // guarded by this
    private final List<ReadHold> holds = new ArrayList<>();
    private List<TraceSnapshot> snapshots = List.of();
    private List<Feed> feeds = List.of();
    private @Nullable RuntimeException failure;

    /** The first epoch that was not given, nor skipped because nothing happened in it. */
    private long next;

    /** The first epoch that is not in the snapshots. */
    private long upper;

    private long epoch;
    private boolean atEpoch;

    private volatile boolean closed;

    /** The changes of one trace, and whether they are at an epoch. */
    private static final class Feed {
        final TraceChanges changes;
        boolean live;

        Feed(TraceChanges changes) {
            this.changes = changes;
        }

        void advance() {
            live = changes.nextEpoch();
        }
    }

    private TraceListener(TraceStore store, List<Trace> traces, long from) {
        this.store = store;
        this.traces = List.copyOf(traces);
        this.next = from;
        this.upper = from;
    }

    /**
     * A listener of traces of one store.
     *
     * @throws OutOfHistoryException if the epochs from {@code from} on cannot be told apart in one
     *     of them, or {@code from} is beyond the epoch that is committed next
     */
    static TraceListener open(TraceStore store, List<Trace> traces, long from) {
        TraceListener listener = new TraceListener(store, traces, from);
        boolean done = false;
        try {
            for (Trace trace : traces) {
                // what happened at an epoch is known if the one before it can be read
                listener.holds.add(trace.hold(from == 0 ? 0 : from - 1));
            }
            done = true;
            return listener;
        } finally {
            if (!done) {
                listener.close();
            }
        }
    }

    /**
     * Goes to the next epoch, waiting for it if need be.
     *
     * @param timeout how long to wait at most; zero to look only
     * @return false if there was none in that time: ask again
     * @throws InterruptedException if the thread is interrupted while it waits; nothing is lost
     * @throws IllegalStateException if the listener or the store is closed, or is closed meanwhile
     * @throws StoreException if it cannot be read; then each time, since what follows would not be
     *     all that follows
     */
    public boolean next(Duration timeout) throws InterruptedException {
        long nanos = saturated(timeout);
        long start = System.nanoTime();
        while (true) {
            if (poll()) {
                return true;
            }
            long seen = upper;
            long left = nanos - (System.nanoTime() - start);
            if (!store.progress()
                    .await(left, () -> closed || store.isClosed() || store.upper() != seen)) {
                return false;
            }
        }
    }

    private static long saturated(Duration timeout) {
        try {
            return timeout.toNanos();
        } catch (ArithmeticException e) {
            return timeout.isNegative() ? 0 : Long.MAX_VALUE;
        }
    }

    /** The same without waiting. */
    public synchronized boolean poll() {
        checkOpen();
        if (failure != null) {
            throw failure;
        }
        try {
            atEpoch = advance();
            return atEpoch;
        } catch (RuntimeException e) {
            failure = e;
            throw e;
        }
    }

    private boolean advance() {
        if (atEpoch) {
            atEpoch = false;
            next = epoch + 1;
            for (Feed feed : feeds) {
                if (feed.live && feed.changes.epoch() == epoch) {
                    feed.advance();
                }
            }
        } else if (feeds.isEmpty() && !lookAgain()) {
            return false;
        }
        while (true) {
            boolean found = false;
            for (Feed feed : feeds) {
                if (feed.live
                        && (!found || Long.compareUnsigned(feed.changes.epoch(), epoch) < 0)) {
                    epoch = feed.changes.epoch();
                    found = true;
                }
            }
            if (found) {
                return true;
            }
            next = upper;
            letGo();
            if (!lookAgain()) {
                return false;
            }
        }
    }

    /** Takes snapshots of what was committed since; false if nothing was. */
    private boolean lookAgain() {
        if (store.upper() == upper) {
            return false;
        }
        snapshots = store.snapshot(traces);
        upper = snapshots.getFirst().upper();
        List<Feed> opened = new ArrayList<>();
        feeds = opened;
        for (int i = 0; i < traces.size(); i++) {
            Feed feed = new Feed(snapshots.get(i).changes(next));
            opened.add(feed);
            // the snapshot keeps what it has seen
            holds.get(i).advance(upper - 1);
        }
        opened.forEach(Feed::advance);
        return true;
    }

    private void letGo() {
        List<Feed> finished = feeds;
        List<TraceSnapshot> seen = snapshots;
        feeds = List.of();
        snapshots = List.of();
        try {
            Each.of(finished, feed -> feed.changes.close());
        } finally {
            Each.of(seen, TraceSnapshot::close);
        }
    }

    /** The epoch that it is at. */
    public synchronized long epoch() {
        checkAtEpoch();
        return epoch;
    }

    /**
     * How far it is: every epoch before this one was given, the one that it is at left out, or
     * nothing happened in it.
     */
    public synchronized long upper() {
        return atEpoch ? epoch : next;
    }

    /** The traces that it follows. */
    public List<Trace> traces() {
        return traces;
    }

    /**
     * Whether a trace changed at the epoch.
     *
     * @param index of {@link #traces()}
     */
    public synchronized boolean hasChanges(int index) {
        checkAtEpoch();
        Feed feed = feeds.get(index);
        return feed.live && feed.changes.epoch() == epoch;
    }

    /**
     * The differences of a trace at the epoch, to be gone over once; valid until the listener moves
     * on. It stays the listener's: do not close it, nor move it to another epoch.
     *
     * @param index of {@link #traces()}
     * @throws IllegalStateException if it did not {@linkplain #hasChanges change}
     */
    public synchronized TraceChanges changes(int index) {
        if (!hasChanges(index)) {
            throw new IllegalStateException(
                    "trace "
                            + traces.get(index).name()
                            + " did not change in epoch "
                            + epoch
                            + "; ask hasChanges() first");
        }
        return feeds.get(index).changes;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the listener is closed");
        }
        store.checkOpen();
    }

    private void checkAtEpoch() {
        checkOpen();
        if (!atEpoch) {
            throw new IllegalStateException("the listener is not at an epoch; call next() first");
        }
    }

    /** Ends it; whoever waits in it is told so. Closing twice is harmless. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            atEpoch = false;
            holds.forEach(ReadHold::close);
            letGo();
        }
        store.progress().changed();
    }
}
