package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Layouts;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who follows traces sees each epoch once, in order, and whole, whatever happens meanwhile. */
class TraceListenerTest {

    private static final Duration LONG = Duration.ofSeconds(60);

    private static final TraceStoreOptions BY_HAND =
            TraceStoreOptions.defaults().withCompaction(false).withChunkBytes(100);

    @RegisterExtension final SimulatedStores stores = SimulatedStores.of(3);

    /** Changes one row of each trace: the key has the epoch as its value from now on. */
    private void commit(TraceStore store, long since, String key, String... names) {
        long epoch = store.upper();
        try (Commit commit = store.begin()) {
            for (String name : names) {
                Trace trace = store.findOrCreate(name);
                Map<String, String> before = Rows.read(stores.memory(), trace, epoch - 1);
                Map<String, String> after = new TreeMap<>(before);
                after.put(key, "v" + epoch);
                Rows.appendChange(stores.memory(), commit.writer(trace), before, after, epoch);
            }
            commit.downgradeSince(since);
            commit.commit(epoch);
        }
    }

    private static String text(MemorySegment segment, long offset, long size) {
        byte[] bytes = new byte[(int) size];
        MemorySegment.copy(segment, Layouts.BYTE, offset, bytes, 0, bytes.length);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** The differences of an epoch: "-key=val" before "+key=val", in key order. */
    private static List<String> drain(TraceChanges changes) {
        List<String> rows = new ArrayList<>();
        while (changes.next()) {
            assertEquals(1, Math.abs(changes.diff()));
            rows.add(
                    (changes.diff() < 0 ? "-" : "+")
                            + text(changes.segment(), changes.keyOffset(), changes.keySize())
                            + "="
                            + text(changes.segment(), changes.valOffset(), changes.valSize()));
        }
        assertThrows(IllegalStateException.class, changes::diff);
        return rows;
    }

    private static List<String> difference(Map<String, String> before, Map<String, String> after) {
        TreeMap<String, String> all = new TreeMap<>(before);
        all.putAll(after);
        List<String> rows = new ArrayList<>();
        for (String key : all.keySet()) {
            String old = before.get(key);
            String current = after.get(key);
            if (old != null && !old.equals(current)) {
                rows.add("-" + key + "=" + old);
            }
            if (current != null && !current.equals(old)) {
                rows.add("+" + key + "=" + current);
            }
        }
        return rows;
    }

    @Test
    void eachEpochIsGivenOnceAcrossCompactions() {
        // fails if a compaction repeats, drops or reorders epochs, or folds what is yet to be seen
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "k", "a");
            Trace trace = store.find("a").orElseThrow();
            try (TraceListener listener = trace.listen(1);
                    TraceListener late = trace.listen(2)) {
                assertTrue(listener.poll());
                assertEquals(1, listener.epoch());
                assertEquals(List.of("+k=v1"), drain(listener.changes(0)));
                assertFalse(listener.poll());
                assertFalse(late.poll());
                for (int i = 2; i <= 6; i++) {
                    commit(store, i, "k", "a");
                }
                store.compact();
                assertEquals(1, trace.runCount());
                assertEquals(1, trace.since(), "held by both");
                for (long epoch = 2; epoch <= 6; epoch++) {
                    assertTrue(listener.poll());
                    assertEquals(epoch, listener.epoch());
                    assertEquals(epoch, listener.upper());
                    assertEquals(
                            List.of("-k=v" + (epoch - 1), "+k=v" + epoch),
                            drain(listener.changes(0)));
                }
                assertFalse(listener.poll());
                assertEquals(7, listener.upper());
                // an epoch that is skipped half read is over
                assertTrue(late.poll());
                assertTrue(late.changes(0).next());
                assertTrue(late.poll());
                assertEquals(3, late.epoch());
            }
            commit(store, 6, "k", "a");
            assertEquals(6, trace.since(), "held by nobody");
            assertThrows(OutOfHistoryException.class, () -> trace.listen(6));
            assertThrows(OutOfHistoryException.class, () -> trace.listen(9));
            assertThrows(OutOfHistoryException.class, () -> trace.snapshot(5));
            assertThrows(OutOfHistoryException.class, () -> trace.snapshot(8));
            try (TraceListener listener = trace.listen(7);
                    TraceSnapshot snapshot = trace.snapshot(6)) {
                assertEquals(Map.of("k", "v6"), Rows.read(stores.memory(), snapshot, 6));
                assertThrows(OutOfHistoryException.class, () -> snapshot.changes(6));
                assertTrue(listener.poll());
                assertEquals(List.of("-k=v6", "+k=v7"), drain(listener.changes(0)));
            }
        }
    }

    @Test
    void aListenerThatWaitsHoldsNoFileAndNoHistoryThatItHasSeen() {
        // fails if an idle listener keeps old files, or the since, for ever
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "k", "a");
            Trace trace = store.find("a").orElseThrow();
            try (TraceListener listener = trace.listen(1)) {
                for (int i = 2; i < 12; i++) {
                    assertTrue(listener.poll());
                    drain(listener.changes(0));
                    assertFalse(listener.poll());
                    commit(store, i, "k", "a");
                    assertEquals(i - 1, trace.since());
                }
                assertTrue(listener.poll());
                assertFalse(listener.poll());
                store.compact();
                assertEquals(
                        1,
                        stores.disk().files().stream()
                                .filter(n -> n.startsWith("batches/"))
                                .count());
            }
        }
    }

    @Test
    void tablesThatAreCommittedTogetherAreSeenTogether() throws Exception {
        // fails if a listener, or a snapshot of both, sees one table without the other
        try (TraceStore store = stores.open(BY_HAND.withCompaction(true))) {
            commit(store, 0, "k", "a", "b");
            List<Trace> both =
                    List.of(store.find("a").orElseThrow(), store.find("b").orElseThrow());
            FutureTask<Long> reader =
                    new FutureTask<>(() -> {
                        long snapshots = 0;
                        long upper = 0;
                        while (upper < 121) {
                            List<TraceSnapshot> taken = store.snapshot(both);
                            try {
                                upper = taken.getFirst().upper();
                                assertEquals(upper, taken.getLast().upper());
                                assertEquals(
                                        Rows.read(stores.memory(), taken.getFirst(), upper - 1),
                                        Rows.read(stores.memory(), taken.getLast(), upper - 1));
                                snapshots++;
                            } finally {
                                taken.forEach(TraceSnapshot::close);
                            }
                        }
                        return snapshots;
                    });
            TraceListener listener = store.listen(both, 1);
            FutureTask<Long> follower =
                    new FutureTask<>(() -> {
                        long epochs = 0;
                        try (listener) {
                            while (listener.upper() < 120 && listener.next(LONG)) {
                                List<String> rows = drain(listener.changes(0));
                                assertEquals(rows, drain(listener.changes(1)));
                                assertEquals(++epochs, listener.epoch());
                            }
                        }
                        return epochs;
                    });
            Thread.ofPlatform().start(reader);
            Thread.ofPlatform().start(follower);
            for (int i = 2; i <= 120; i++) {
                commit(store, Math.max(0, i - 3), "k" + i % 7, "a", "b");
            }
            assertTrue(reader.get() > 0);
            assertEquals(120, follower.get());
        }
    }

    @Test
    void aCommitThatFailsOrCrashesShowsNoneOfItsTables() {
        // fails if there is one step of a commit after which one table has it and another has not
        for (Fault fault : List.of(Fault.CRASH, Fault.FULL, Fault.SYNC_FAILS, Fault.DENIED)) {
            boolean through = false;
            for (int step = 0; !through; step++) {
                stores.newDisk(step);
                TraceStore store = stores.open(BY_HAND);
                commit(store, 0, "k", "a", "b", "c");
                List<Trace> all = store.names().stream().map(n -> store.find(n).get()).toList();
                boolean acknowledged = false;
                try (TraceListener listener = store.listen(all, 2)) {
                    long fails = stores.disk().steps() + step;
                    stores.disk().failAt(fails, fault);
                    try {
                        commit(store, 0, "k", "a", "b", "c");
                        acknowledged = true;
                        // the fault is yet to come: all steps were tried
                        through = stores.disk().steps() <= fails;
                    } catch (SimulatedDisk.Crash | StoreException e) {
                        assertFalse(listener.poll(), "shown, but not acknowledged");
                        for (Trace trace : e instanceof StoreException ? all : List.<Trace>of()) {
                            assertEquals(
                                    Map.of("k", "v1"),
                                    Rows.read(stores.memory(), trace, store.upper()));
                        }
                    }
                    stores.disk().failNoMore();
                }
                try {
                    if (fault == Fault.CRASH && !acknowledged) {
                        stores.disk().goDown();
                    }
                    store.close();
                } catch (SimulatedDisk.Crash e) {
                    // it cannot say good-bye
                }
                if (fault == Fault.CRASH && !acknowledged) {
                    stores.disk().losePower();
                }
                try (TraceStore again = stores.open(BY_HAND)) {
                    long epoch = again.upper() - 1;
                    assertTrue(acknowledged ? epoch == 2 : epoch == 1 || epoch == 2);
                    for (String name : List.of("a", "b", "c")) {
                        assertEquals(
                                Map.of("k", "v" + epoch),
                                Rows.read(stores.memory(), again.find(name).orElseThrow(), epoch),
                                fault + " at step " + step);
                    }
                    List<Trace> those =
                            again.names().stream().map(n -> again.find(n).get()).toList();
                    try (TraceListener listener = again.listen(those, 2)) {
                        assertEquals(epoch == 2, listener.poll());
                        for (int i = 0; epoch == 2 && i < 3; i++) {
                            assertEquals(List.of("-k=v1", "+k=v2"), drain(listener.changes(i)));
                        }
                    }
                }
            }
        }
    }

    @Test
    void closingEndsTheWaiting() throws Exception {
        // fails if a thread waits for ever in a listener, or a store, that is closed
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "k", "a");
            Trace trace = store.find("a").orElseThrow();
            assertWaitEnds(trace, TraceListener::close);
            assertWaitEnds(trace, listener -> store.close());
            assertThrows(IllegalStateException.class, () -> trace.listen(2));
        }
    }

    private static void assertWaitEnds(Trace trace, Consumer<TraceListener> end) throws Exception {
        try (TraceListener listener = trace.listen(2)) {
            assertFalse(listener.next(Duration.ZERO));
            assertFalse(listener.next(Duration.ofNanos(1)));
            FutureTask<Boolean> waiting = new FutureTask<>(() -> listener.next(LONG));
            Thread thread = Thread.ofPlatform().start(waiting);
            while (thread.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
            end.accept(listener);
            Throwable told = assertThrows(ExecutionException.class, waiting::get);
            assertTrue(told.getCause() instanceof IllegalStateException, told::toString);
            assertThrows(IllegalStateException.class, listener::poll);
        }
    }

    @Test
    void aDamagedFileEndsAListenerInsteadOfLeavingAGap() {
        // fails if it goes on behind what it could not read
        try (TraceStore store = stores.open(BY_HAND)) {
            for (int i = 1; i <= 3; i++) {
                commit(store, 0, "k" + i, "a");
            }
        }
        String second =
                stores.disk().files().stream()
                        .filter(n -> n.startsWith("batches/"))
                        .toList()
                        .get(1);
        byte[] bad = stores.disk().bytes(second);
        bad[60] ^= 1;
        stores.disk().setBytes(second, bad);
        try (TraceStore store = stores.open(BY_HAND);
                TraceListener listener = store.find("a").orElseThrow().listen(1)) {
            assertTrue(listener.poll());
            assertEquals(List.of("+k1=v1"), drain(listener.changes(0)));
            assertThrows(StoreException.Damaged.class, listener::poll);
            assertThrows(StoreException.Damaged.class, listener::poll);
            assertEquals(2, listener.upper());
        }
    }

    @Test
    void readersOfAnyEpochAgreeWithTheModel() {
        // fails as the tests above, for what none of them thought of
        histories(0, 60);
    }

    @Test
    @Tag("long")
    void readersOfAnyEpochAgreeWithTheModelForLong() {
        // fails as the test above, for rarer seeds
        histories(1_000, 5_000);
    }

    private void histories(long firstSeed, long count) {
        for (long seed = firstSeed; seed < firstSeed + count; seed++) {
            try {
                history(new Random(seed * 7 + 1));
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }

    /** A listener, and what it is to see next. */
    private record Follower(TraceListener listener, List<Long> hasSeen) {}

    private record Held(ReadHold hold, int trace) {}

    private void history(Random random) {
        stores.newDisk(1);
        // after each epoch, each trace
        List<List<Map<String, String>>> states = new ArrayList<>();
        states.add(List.of(Map.of(), Map.of()));
        List<Follower> followers = new ArrayList<>();
        List<Held> held = new ArrayList<>();
        try (TraceStore store = stores.open(BY_HAND.withChunkBytes(1 << random.nextInt(11)))) {
            List<Trace> traces = List.of(store.findOrCreate("a"), store.findOrCreate("b"));
            for (int step = 0; step < 60; step++) {
                switch (random.nextInt(10)) {
                    case 0, 1, 2, 3 -> change(store, traces, states, random, held);
                    case 4 -> {
                        List<CompactionTask> tasks = store.compaction().waiting(Long.MAX_VALUE);
                        if (tasks.isEmpty() || random.nextBoolean()) {
                            store.compact();
                        } else {
                            store.compactor().compact(tasks.get(random.nextInt(tasks.size())));
                        }
                    }
                    case 5 -> {
                        long from = random.nextLong(store.upper() + 2);
                        try {
                            followers.add(
                                    new Follower(
                                            store.listen(traces, from),
                                            new ArrayList<>(List.of(from))));
                            assertTrue(from <= store.upper());
                        } catch (OutOfHistoryException e) {
                            assertTrue(
                                    from > store.upper()
                                            || from
                                                    <= Math.max(
                                                            traces.get(0).since(),
                                                            traces.get(1).since()));
                        }
                    }
                    case 6 -> {
                        int index = random.nextInt(2);
                        Trace trace = traces.get(index);
                        long epoch = random.nextLong(store.upper() + 1);
                        if (epoch >= trace.since() && epoch < store.upper()) {
                            held.add(new Held(trace.hold(epoch), index));
                        } else {
                            assertThrows(OutOfHistoryException.class, () -> trace.hold(epoch));
                            assertThrows(OutOfHistoryException.class, () -> trace.snapshot(epoch));
                        }
                    }
                    case 7 -> {
                        if (!held.isEmpty()) {
                            held.remove(random.nextInt(held.size())).hold().close();
                        }
                        if (followers.size() > 3) {
                            followers.remove(random.nextInt(followers.size())).listener().close();
                        }
                    }
                    default -> {
                        for (Follower follower : followers) {
                            if (random.nextBoolean()) {
                                follow(follower, states, 1 + random.nextInt(4));
                            }
                        }
                    }
                }
                for (int i = 0; i < 2; i++) {
                    long since = traces.get(i).since();
                    long asOf = since + random.nextLong(store.upper() - since);
                    try (TraceSnapshot snapshot = traces.get(i).snapshot(asOf)) {
                        assertEquals(
                                states.get((int) asOf).get(i),
                                Rows.read(stores.memory(), snapshot, asOf));
                    }
                }
            }
            for (Follower follower : followers) {
                follow(follower, states, Integer.MAX_VALUE);
                assertEquals(store.upper(), follower.listener().upper());
            }
            followers.forEach(follower -> follower.listener().close());
            held.forEach(hold -> hold.hold().close());
        }
    }

    private void change(
            TraceStore store,
            List<Trace> traces,
            List<List<Map<String, String>>> states,
            Random random,
            List<Held> held) {
        long epoch = store.upper();
        List<Map<String, String>> after = new ArrayList<>(states.getLast());
        try (Commit commit = store.begin()) {
            for (int i = 0; i < 2; i++) {
                if (random.nextInt(3) == 0) {
                    continue;
                }
                Map<String, String> changed = new TreeMap<>(after.get(i));
                for (int j = random.nextInt(8); j > 0; j--) {
                    String key = "k" + random.nextInt(12);
                    if (random.nextInt(3) == 0) {
                        changed.remove(key);
                    } else {
                        changed.put(key, Rows.text("v" + random.nextInt(5), random.nextInt(40)));
                    }
                }
                Rows.appendChange(
                        stores.memory(),
                        commit.writer(traces.get(i)),
                        after.get(i),
                        changed,
                        epoch);
                after.set(i, changed);
            }
            commit.downgradeSince(Math.max(0, epoch - random.nextInt(5)));
            commit.commit(epoch);
        }
        states.add(after);
        for (Held hold : held) {
            assertTrue(traces.get(hold.trace()).since() <= hold.hold().epoch());
        }
    }

    private void follow(Follower follower, List<List<Map<String, String>>> states, int most) {
        TraceListener listener = follower.listener();
        long next = follower.hasSeen().getFirst();
        for (int i = 0; i < most && listener.poll(); i++) {
            long epoch = listener.epoch();
            for (; next < epoch; next++) {
                assertEquals(states.get((int) Math.max(0, next - 1)), states.get((int) next));
            }
            for (int trace = 0; trace < 2; trace++) {
                List<String> expected =
                        difference(
                                states.get((int) epoch - 1).get(trace),
                                states.get((int) epoch).get(trace));
                assertEquals(!expected.isEmpty(), listener.hasChanges(trace));
                if (!expected.isEmpty()) {
                    assertEquals(expected, drain(listener.changes(trace)));
                }
            }
            next = epoch + 1;
        }
        follower.hasSeen().set(0, next);
    }
}
