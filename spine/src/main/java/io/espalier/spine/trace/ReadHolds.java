package io.espalier.spine.trace;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Who needs which epochs of a trace. A commit asks how far it may let the since go, and from then
 * on nobody gets a hold on what it lets go of, whether the commit is durable yet or not.
 *
 * <p>In memory only: whoever has a store open for writing is alone with it, so all its readers live
 * in the same process and their holds end with it. Thread-safe; a lock of its own, so that taking a
 * hold never waits for a commit.
 */
final class ReadHolds {

    /** A hold that does not expire. */
    static final long FOR_EVER = -1;

    private final String trace;
    private final LongSupplier nanoClock;
    private final List<ReadHold> holds = new ArrayList<>();

    /** What may be held: nothing before this. */
    private long floor;

    ReadHolds(String trace, long floor, LongSupplier nanoClock) {
        this.trace = trace;
        this.floor = floor;
        this.nanoClock = nanoClock;
    }

    /**
     * Takes a hold on an epoch and all after it.
     *
     * @param upper the first epoch that is not committed
     * @param expiryNanos after how long it ends by itself, unless it is renewed; or {@link
     *     #FOR_EVER}
     * @throws OutOfHistoryException if the epoch is before the since, or not committed
     */
    synchronized ReadHold take(long epoch, long upper, long expiryNanos) {
        if (Long.compareUnsigned(epoch, floor) < 0 || Long.compareUnsigned(epoch, upper) >= 0) {
            throw new OutOfHistoryException(trace, epoch, floor, upper);
        }
        ReadHold hold = new ReadHold(this, epoch, expiryNanos, nanoClock.getAsLong());
        holds.add(hold);
        return hold;
    }

    /**
     * How far the since may go: to {@code since}, or to the least epoch that is held. What is
     * before that is promised to nobody from now on, until {@link #settle} says what became of it.
     */
    synchronized long limit(long since) {
        long now = nanoClock.getAsLong();
        holds.removeIf(hold -> hold.expire(now));
        long least = since;
        for (ReadHold hold : holds) {
            least = Long.compareUnsigned(hold.held(), least) < 0 ? hold.held() : least;
        }
        floor = Long.compareUnsigned(floor, least) < 0 ? least : floor;
        return least;
    }

    /** Says what the since of the trace is after all. */
    synchronized void settle(long since) {
        floor = since;
    }

    /** What is held now. */
    synchronized Trace.Held held() {
        long now = nanoClock.getAsLong();
        holds.removeIf(hold -> hold.expire(now));
        long least = -1;
        for (ReadHold hold : holds) {
            // as unsigned numbers, no epoch is above this
            least = Long.compareUnsigned(hold.held(), least) < 0 ? hold.held() : least;
        }
        return new Trace.Held(holds.size(), least);
    }

    /** How many holds there are; those that have expired may still be counted. */
    synchronized int count() {
        return holds.size();
    }

    // ---- for the holds ------------------------------------------------------------------------

    synchronized boolean renew(ReadHold hold) {
        long now = nanoClock.getAsLong();
        if (hold.expire(now)) {
            holds.remove(hold);
            return false;
        }
        hold.restart(now);
        return true;
    }

    synchronized boolean advance(ReadHold hold, long epoch) {
        if (!renew(hold)) {
            return false;
        }
        hold.move(epoch);
        return true;
    }

    synchronized void remove(ReadHold hold) {
        holds.remove(hold);
    }
}
