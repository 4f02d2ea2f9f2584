package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.disk.SimulatedDisk;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * Those who read a simulated store while it changes: snapshots that stay open, holds on epochs, and
 * listeners, each with what it has to see.
 */
final class HistoryReaders {

    private static final int SNAPSHOTS_MAX = 3;
    private static final int HOLDS_MAX = 3;
    private static final int LISTENERS_MAX = 2;
    private static final long EXPIRY_NANOS_MAX = 400_000_000;

    private record Reader(TraceSnapshot snapshot, int trace) {}

    private static final class Hold {
        final ReadHold hold;
        final int trace;
        final long expiryNanos;
        long renewedNanos;

        Hold(ReadHold hold, int trace, long expiryNanos, long renewedNanos) {
            this.hold = hold;
            this.trace = trace;
            this.expiryNanos = expiryNanos;
            this.renewedNanos = renewedNanos;
        }

        boolean isOver(long nowNanos) {
            return expiryNanos > 0 && nowNanos - renewedNanos >= expiryNanos;
        }
    }

    /** A listener, what it follows, and the first epoch that it has not told of. */
    private static final class Follower {
        final TraceListener listener;
        final List<Integer> traces;
        long next;

        Follower(TraceListener listener, List<Integer> traces, long next) {
            this.listener = listener;
            this.traces = traces;
            this.next = next;
        }
    }

    private final TraceHistory history;
    private final Random random;
    private final Tally tally;
    private final List<Reader> readers = new ArrayList<>();
    private final List<Hold> holds = new ArrayList<>();
    private final List<Follower> followers = new ArrayList<>();

    HistoryReaders(TraceHistory history, Random random, Tally tally) {
        this.history = history;
        this.random = random;
        this.tally = tally;
    }

    /** One thing that one of them does. */
    void act() {
        switch (random.nextInt(3)) {
            case 0 -> read();
            case 1 -> hold();
            default -> follow();
        }
    }

    // ---- snapshots ----------------------------------------------------------------------------

    /** Opens a reader, or lets one finish that has been open for a while. */
    void read() {
        if (readers.size() >= SNAPSHOTS_MAX || (!readers.isEmpty() && random.nextBoolean())) {
            Reader reader = readers.remove(random.nextInt(readers.size()));
            try (TraceSnapshot snapshot = reader.snapshot()) {
                history.check(snapshot, reader.trace(), true);
            }
            tally.add("snapshot read late", 1);
            return;
        }
        int trace = random.nextInt(history.traceCount());
        history.find(trace).ifPresent(found -> readers.add(new Reader(found.snapshot(), trace)));
    }

    // ---- holds --------------------------------------------------------------------------------

    private void hold() {
        long now = history.clock.nanos();
        if (holds.size() >= HOLDS_MAX || (!holds.isEmpty() && random.nextBoolean())) {
            use(holds.get(random.nextInt(holds.size())), now);
            return;
        }
        int index = random.nextInt(history.traceCount());
        history.find(index)
                .ifPresent(trace -> {
                    long since = trace.since();
                    long epoch = since + random.nextLong(history.upper() - since);
                    long expiry = random.nextBoolean() ? 0 : 1 + random.nextLong(EXPIRY_NANOS_MAX);
                    ReadHold taken =
                            expiry == 0
                                    ? trace.hold(epoch)
                                    : trace.hold(epoch, Duration.ofNanos(expiry));
                    holds.add(new Hold(taken, index, expiry, now));
                });
    }

    private void use(Hold hold, long now) {
        boolean over = hold.isOver(now);
        if (!over) {
            long epoch = hold.hold.epoch();
            try (TraceSnapshot snapshot = history.find(hold.trace).orElseThrow().snapshot(epoch)) {
                history.checkAsOf(snapshot, hold.trace, epoch);
            }
            tally.add("held epoch read", 1);
        }
        switch (random.nextInt(3)) {
            case 0 -> {
                hold.hold.close();
                holds.remove(hold);
            }
            case 1 -> used(hold, now, over, hold.hold.renew());
            default -> {
                long ahead = history.upper() - hold.hold.epoch();
                long to = hold.hold.epoch() + random.nextLong(Math.max(1, ahead));
                used(hold, now, over, hold.hold.advance(to));
            }
        }
    }

    private void used(Hold hold, long now, boolean over, boolean stands) {
        assertEquals(!over, stands, "a hold that has expired, or that has not");
        if (over) {
            tally.add("hold expired", 1);
            holds.remove(hold);
        } else {
            hold.renewedNanos = now;
        }
    }

    /** No since goes beyond what somebody holds. */
    void checkHolds() {
        long now = history.clock.nanos();
        for (Hold hold : holds) {
            if (!hold.isOver(now)) {
                long since = history.find(hold.trace).orElseThrow().since();
                assertTrue(
                        Long.compareUnsigned(since, hold.hold.epoch()) <= 0,
                        () -> "since " + since + ", but " + hold.hold.epoch() + " is held");
            }
        }
    }

    // ---- listeners ----------------------------------------------------------------------------

    private void follow() {
        if (followers.size() >= LISTENERS_MAX || (!followers.isEmpty() && random.nextBoolean())) {
            Follower follower = followers.get(random.nextInt(followers.size()));
            if (random.nextInt(8) == 0) {
                followers.remove(follower);
                follower.listener.close();
            } else {
                advance(follower);
            }
            return;
        }
        List<Integer> indices = new ArrayList<>();
        List<Trace> traces = new ArrayList<>();
        long least = 0;
        for (int i = 0; i < history.traceCount(); i++) {
            Trace trace = history.find(i).orElse(null);
            if (trace != null && random.nextInt(3) > 0) {
                indices.add(i);
                traces.add(trace);
                least = Math.max(least, trace.since());
            }
        }
        if (!traces.isEmpty()) {
            long from = least + 1 + random.nextLong(history.upper() - least);
            TraceListener listener = history.store().listen(traces, from);
            followers.add(new Follower(listener, indices, from));
        }
    }

    /** Lets a listener see some epochs, or all that there are. */
    private void advance(Follower follower) {
        int most = random.nextBoolean() ? Integer.MAX_VALUE : random.nextInt(3);
        TraceListener listener = follower.listener;
        for (int i = 0; i < most; i++) {
            if (!listener.poll()) {
                assertEquals(history.upper(), listener.upper());
                assertNothingIn(follower, history.upper());
                break;
            }
            long epoch = listener.epoch();
            assertNothingIn(follower, epoch);
            for (int j = 0; j < follower.traces.size(); j++) {
                check(follower, j, epoch);
            }
            follower.next = epoch + 1;
            tally.add("epoch listened to", 1);
        }
    }

    /** What a listener has passed over was nothing. */
    private void assertNothingIn(Follower follower, long upper) {
        for (; follower.next < upper; follower.next++) {
            for (int trace : follower.traces) {
                assertEquals(
                        history.state(follower.next - 1, trace),
                        history.state(follower.next, trace),
                        "an epoch that a listener was not told of");
            }
        }
    }

    private void check(Follower follower, int index, long epoch) {
        int trace = follower.traces.get(index);
        Map<String, String> before = history.state(epoch - 1, trace);
        Map<String, String> after = history.state(epoch, trace);
        assertEquals(
                !before.equals(after), follower.listener.hasChanges(index), "changed at " + epoch);
        if (!follower.listener.hasChanges(index)) {
            return;
        }
        Map<String, String> seen = new TreeMap<>(before);
        TraceChanges changes = follower.listener.changes(index);
        while (changes.next()) {
            String key = Rows.string(changes.segment(), changes.keyOffset(), changes.keySize());
            String val = Rows.string(changes.segment(), changes.valOffset(), changes.valSize());
            if (changes.diff() < 0) {
                assertEquals(-1, changes.diff());
                assertEquals(val, seen.remove(key), "retracted");
            } else {
                assertEquals(1, changes.diff());
                assertFalse(seen.containsKey(key), "inserted twice");
                seen.put(key, val);
            }
        }
        assertEquals(after, seen, () -> "epoch " + epoch + " of trace " + trace);
    }

    // ---- the end ------------------------------------------------------------------------------

    void close() {
        for (Reader reader : readers) {
            try {
                reader.snapshot().close();
            } catch (SimulatedDisk.Crash e) {
                // what it would have deleted stays
            }
        }
        readers.clear();
        holds.forEach(hold -> hold.hold.close());
        holds.clear();
        for (Follower follower : followers) {
            try {
                follower.listener.close();
            } catch (SimulatedDisk.Crash e) {
                // the same
            }
        }
        followers.clear();
    }
}
