package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The life of a store of traces on a disk that fails, beside a model of it: what each trace holds
 * after each epoch. Time is simulated as well; everything follows from the seed.
 */
final class TraceHistory {

    static final long LEASE_MILLIS = 1000;

    /** About as many steps does it take to open a store and to clean up. */
    private static final int OPENING_STEPS = 20;

    /** How much happens. A small one meets as much as a large one, if there are many of them. */
    enum Size {
        SMALL(2, 8, 4, 2, 16),
        LARGE(3, 25, 12, 5, 14);

        final int traces;
        final int keys;
        final int changesMax;
        final int lives;
        final int actsMax;

        Size(int traces, int keys, int changesMax, int lives, int actsMax) {
            this.traces = traces;
            this.keys = keys;
            this.changesMax = changesMax;
            this.lives = lives;
            this.actsMax = actsMax;
        }
    }

    /** What all traces hold after an epoch. */
    private record State(List<Map<String, String>> traces) {}

    final SimulatedDisk disk;
    final SimulatedClock clock = new SimulatedClock();
    final Random random;
    final Tally tally = new Tally();
    private final Size size;
    private final NativeMemory memory;
    private final Pager pager;
    final TraceStoreOptions options;

    /** Of every second history runs are in many files, as large ones are. */
    private final long partBytesMin;

    private final StoreDirectory.Options directoryOptions;
    private final List<String> allKeys = new ArrayList<>();
    private final HistoryReaders readers;
    private final HistoryOutsiders outsiders;
    private final HistoryCompaction compaction;
    private final HistoryRot rot;

    /** After each epoch that is acknowledged, from 0. */
    private final List<State> states = new ArrayList<>();

    /** After the commit of which nobody knows whether it happened. */
    private @Nullable State underWay;

    private @Nullable TraceStore store;

    /** Stores that were shut out, and whose processes do not know it yet. */
    private final List<TraceStore> shutOut = new ArrayList<>();

    private boolean everOpened;
    private boolean wentDown;
    private boolean lockLost;

    TraceHistory(long seed, Size size, NativeMemory memory, Pager pager) {
        this.disk = new SimulatedDisk(seed);
        disk.setSparesMax(2 * Math.floorMod(seed, 3));
        this.random = new Random(seed * 31 + 11);
        this.size = size;
        this.memory = memory;
        this.pager = pager;
        this.options =
                TraceStoreOptions.defaults()
                        .withCompaction(false)
                        .withChunkBytes(1 << random.nextInt(12))
                        .withCompactionLeaseMillis(LEASE_MILLIS)
                        .withCompactionPatienceMillis(random.nextInt(3) * 20)
                        .withIdleCompactionMillis(
                                random.nextInt(3) == 0
                                        ? TraceStoreOptions.NEVER
                                        : random.nextInt(30))
                        .withCompactionMemoryBytes(
                                random.nextBoolean() ? 0 : random.nextInt(200_000))
                        .withRunsMax(3 + random.nextInt(6))
                        .withCompactorWaitMillis(random.nextInt(2) * 300);
        this.partBytesMin = random.nextBoolean() ? Long.MAX_VALUE >> 4 : 1L << random.nextInt(13);
        this.directoryOptions =
                new StoreDirectory.Options(2000 + random.nextInt(8000), () -> new UUID(seed, seed));
        for (int i = 0; i < size.keys; i++) {
            allKeys.add("k" + i);
        }
        this.readers = new HistoryReaders(this, random, tally);
        this.outsiders = new HistoryOutsiders(this, pager, random, tally);
        this.compaction = new HistoryCompaction(this, readers, outsiders, random, tally);
        this.rot = new HistoryRot(this, pager, random, tally);
        clock.whileWaiting(compaction::whileWaiting);
        List<Map<String, String>> empty = new ArrayList<>();
        for (int i = 0; i < size.traces; i++) {
            empty.add(Map.of());
        }
        states.add(new State(empty));
    }

    // ---- what others see ----------------------------------------------------------------------

    TraceStore store() {
        TraceStore current = store;
        if (current == null) {
            throw new IllegalStateException("not open");
        }
        return current;
    }

    int traceCount() {
        return size.traces;
    }

    /** The first epoch that is not acknowledged. */
    long upper() {
        return states.size();
    }

    /** What a trace is to hold after an epoch. */
    Map<String, String> state(long epoch, int trace) {
        return states.get((int) epoch).traces().get(trace);
    }

    Optional<Trace> find(int trace) {
        return store().find(name(trace));
    }

    private static String name(int trace) {
        return "trace-" + trace;
    }

    // ---- opening and checking -----------------------------------------------------------------

    private TraceStore open(Mode mode) {
        return TraceStore.open(disk, mode, pager, options, directoryOptions, clock);
    }

    TraceStore openReadOnly() {
        return open(Mode.READ_ONLY);
    }

    boolean everOpened() {
        return everOpened;
    }

    /** How many epochs are to be seen in a store, as far as can be said. */
    int visibleIn(TraceStore current) {
        boolean another = underWay != null && current.upper() == states.size() + 1;
        return states.size() + (another ? 1 : 0);
    }

    void open() {
        opened(open(Mode.OPEN_OR_CREATE));
        if (random.nextBoolean()) {
            compaction.begin();
        }
    }

    private void opened(TraceStore current) {
        store = current;
        current.compaction().setPartBytesMin(partBytesMin);
        everOpened = true;
        rot.opened();
        // what may have happened is known now
        State maybe = underWay;
        if (maybe != null && current.upper() == states.size() + 1) {
            states.add(maybe);
            tally.add("commit in doubt had happened", 1);
        } else if (maybe != null) {
            tally.add("commit in doubt had not happened", 1);
        }
        underWay = null;
        checkContents();
    }

    /** All traces are as they were. */
    void checkContents() {
        checkContents(store(), states.size(), false);
    }

    /** All traces hold what they held after that many epochs, the first one included. */
    void checkContents(TraceStore current, int epochs, boolean thorough) {
        assertEquals(epochs, current.upper());
        for (int i = 0; i < size.traces; i++) {
            Trace trace = current.find(name(i)).orElse(null);
            if (trace == null) {
                for (int epoch = 0; epoch < epochs; epoch++) {
                    assertEquals(Map.of(), expected(epoch).traces().get(i), name(i) + " is gone");
                }
                continue;
            }
            try (TraceSnapshot snapshot = trace.snapshot()) {
                assertEquals(epochs, snapshot.upper());
                check(snapshot, i, thorough);
            }
        }
    }

    /** As of the last epoch and one more, or as of every epoch that can be read. */
    void check(TraceSnapshot snapshot, int trace, boolean thorough) {
        long last = snapshot.upper() - 1;
        long since = snapshot.since();
        if (!thorough) {
            checkAsOf(snapshot, trace, last);
            if (since < last) {
                checkAsOf(snapshot, trace, since + random.nextLong(last - since));
            }
            return;
        }
        for (long epoch = since; epoch <= last; epoch++) {
            checkAsOf(snapshot, trace, epoch);
        }
    }

    void checkAsOf(TraceSnapshot snapshot, int trace, long epoch) {
        Map<String, String> expected = expected(epoch).traces().get(trace);
        Map<String, String> found =
                switch (random.nextInt(4)) {
                    case 0 -> Rows.lookUp(memory, snapshot, allKeys, epoch);
                    case 1 -> Rows.scan(snapshot, epoch, false);
                    case 2 -> Rows.scan(snapshot, epoch, true);
                    default -> Rows.read(memory, snapshot, epoch);
                };
        assertEquals(expected, found, () -> name(trace) + " as of " + epoch);
    }

    private State expected(long epoch) {
        State maybe = underWay;
        return epoch == states.size() && maybe != null ? maybe : states.get((int) epoch);
    }

    // ---- writing ------------------------------------------------------------------------------

    /** Commits an epoch: some traces together, some changes. */
    void commit() {
        commit(store());
    }

    private void commit(TraceStore current) {
        long epoch = states.size();
        List<Map<String, String>> after = new ArrayList<>(states.getLast().traces());
        try (Commit commit = current.begin()) {
            int written = 0;
            for (int i = 0; i < size.traces; i++) {
                if (random.nextInt(3) == 0) {
                    continue;
                }
                written++;
                Map<String, String> before = after.get(i);
                Map<String, String> changed = changed(before);
                after.set(i, changed);
                Trace trace = current.findOrCreate(name(i));
                Rows.appendChange(memory, commit.writer(trace), before, changed, epoch);
            }
            commit.downgradeSince(Math.max(0, epoch - 1 - random.nextInt(6)));
            long pauses = clock.pauses();
            long waits = clock.waits();
            State next = new State(after);
            if (underWay != null) {
                // the machine is down, or the store has stopped, and only a compactor knows it yet
                commit.commit(epoch);
                fail("a commit went well after one in doubt");
            }
            try {
                // it may wait for others, and they may fail, before anything of it has happened
                underWay = next;
                commit.commit(epoch);
                states.add(next);
                underWay = null;
            } catch (StoreException.Full
                    | StoreException.NotPermitted
                    | StoreException.Damaged
                    | StoreException.Behind e) {
                underWay = null;
                if (e instanceof StoreException.Behind && e.getCause() == null) {
                    tally.add("commit refused since nobody compacts", 1);
                }
                throw e;
            }
            tally.add("commit", 1);
            tally.add("commit of several traces", written > 1 ? 1 : 0);
            tally.add("commit slowed down", clock.pauses() > pauses ? 1 : 0);
            tally.add("commit waited for compaction", clock.waits() > waits ? 1 : 0);
        }
    }

    private Map<String, String> changed(Map<String, String> before) {
        Map<String, String> changed = new TreeMap<>(before);
        int changes =
                switch (random.nextInt(8)) {
                    case 0, 1 -> 0;
                    // one in a while is large
                    case 2 -> size.keys;
                    default -> random.nextInt(size.changesMax);
                };
        for (int j = 0; j < changes; j++) {
            String key = "k" + random.nextInt(size.keys);
            if (random.nextInt(3) == 0) {
                changed.remove(key);
            } else {
                String prefix = "v" + random.nextInt(4);
                changed.put(key, Rows.text(prefix, random.nextInt(60) - 20));
            }
        }
        return changed;
    }

    // ---- others who open ----------------------------------------------------------------------

    /** Somebody opens the store who must not, or who may since the lock was lost. */
    private void openASecondTime() {
        TraceStore first = store();
        if (random.nextBoolean() && !lockLost) {
            try {
                open(Mode.OPEN_OR_CREATE);
                fail("a store was opened twice");
            } catch (StoreException.Locked e) {
                tally.add("second opener locked out", 1);
            }
            return;
        }
        readers.close();
        disk.forgetLocks();
        lockLost = true;
        TraceStore second = open(Mode.OPEN);
        lockLost = false;
        shutOut.add(first);
        opened(second);
        tally.add("second opener took over", 1);
        try {
            commit(first);
            fail("a store that was shut out has acknowledged a commit");
        } catch (StoreException.Stopped | StoreException.Full | StoreException.NotPermitted e) {
            underWay = null;
        }
        checkContents();
    }

    // ---- a life -------------------------------------------------------------------------------

    /** One thing that somebody does. */
    void act() {
        switch (random.nextInt(20)) {
            case 0, 1 -> compaction.act();
            case 2 -> {
                if (random.nextInt(4) == 0) {
                    compaction.failForAWhile();
                } else {
                    compaction.act();
                }
            }
            case 3, 4, 5, 6 -> {
                // they change nothing, and only several of them meet something
                readers.act();
                readers.act();
            }
            case 7, 8, 9 -> {
                external();
                external();
            }
            case 10 -> {
                if (random.nextInt(4) == 0) {
                    openASecondTime();
                } else {
                    external();
                }
            }
            default -> commit();
        }
        readers.checkHolds();
    }

    private void external() {
        clock.advanceMillis(random.nextInt(6) == 0 ? LEASE_MILLIS : random.nextInt(50));
        outsiders.act();
    }

    /** The same by one who goes on after a failure as far as the store allows it. */
    void actOrGoOn() {
        try {
            act();
        } catch (StoreException.Full | StoreException.NotPermitted | StoreException.Behind e) {
            checkContents();
        } catch (StoreException.Stopped e) {
            // what was not acknowledged is not shown, whatever became of it on the disk
            checkContents();
            throw e;
        }
    }

    /** From opening to the end of a process, in order or not; then power may be lost. */
    void live(Fault first) {
        Fault kind = first;
        if (wentDown && random.nextInt(3) == 0) {
            // once more, before the opening comes to its end
            disk.failAt(disk.steps() + random.nextInt(OPENING_STEPS), Fault.CRASH);
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            disk.failAt(disk.steps() + random.nextLong(20L + 8L * size.actsMax), kind);
            Fault[] kinds = Fault.values();
            kind = kinds[random.nextInt(kinds.length)];
        }
        try {
            open();
            for (int i = random.nextInt(size.actsMax); i > 0; i--) {
                actOrGoOn();
            }
            if (random.nextInt(3) == 0) {
                close();
            }
            wentDown = false;
        } catch (SimulatedDisk.Crash
                | StoreException.Stopped
                | StoreException.Full
                | StoreException.NotPermitted e) {
            // goes down, then
            wentDown = true;
        }
        restart();
    }

    void close() {
        TraceStore current = store;
        store = null;
        boolean readersFirst = random.nextBoolean();
        try {
            if (readersFirst) {
                readers.close();
            }
            for (TraceStore other : shutOut) {
                closeShutOut(other);
            }
            shutOut.clear();
            if (current != null) {
                compaction.tally(current.compactionStats());
                compaction.tally(current.compaction().counters());
                current.close();
            }
        } finally {
            readers.close();
        }
        assertNothingOut();
    }

    private static void closeShutOut(TraceStore other) {
        try {
            other.close();
        } catch (StoreException.Stopped | SimulatedDisk.Crash e) {
            // now it knows
        }
    }

    /** A bit changes, see there. */
    void rot() {
        rot.act();
    }

    /** Something is compacted. */
    void compact() {
        compaction.act();
    }

    /** The process or the machine goes down, whatever state it was in, and comes up again. */
    void restart() {
        restart(random.nextBoolean());
    }

    void restart(boolean losesPower) {
        disk.goDown();
        lockLost = false;
        // a process that dies takes its memory with it
        try {
            close();
        } catch (SimulatedDisk.Crash e) {
            // it cannot say good-bye
        }
        assertNothingOut();
        if (losesPower) {
            rot.powerLost();
            disk.losePower();
        } else {
            disk.killProcess();
        }
    }

    void assertNothingOut() {
        assertEquals(0, memory.stats().leases(), "leases are out");
    }

    void checkWhole() {
        try {
            VerifyReport report = TraceStore.verify(disk, pager, damage -> {});
            assertTrue(report.isWhole(), report::toString);
        } catch (StoreException.Absent e) {
            assertTrue(!everOpened, "the store is gone");
        }
        assertNothingOut();
    }

    /** The end: everything is there once, and nothing else is. */
    void finish() {
        disk.failNoMore();
        // whoever was asked is not waited for any more
        clock.advanceMillis(LEASE_MILLIS);
        opened(open(Mode.OPEN_OR_CREATE));
        checkContents(store(), states.size(), true);
        store().compact();
        checkContents(store(), states.size(), true);
        long parts = 0;
        for (String name : store().names()) {
            try (TraceSnapshot snapshot = store().find(name).orElseThrow().snapshot()) {
                parts += snapshot.parts().size();
                assertTrue(snapshot.runs().size() <= 1);
            }
        }
        long files =
                disk.files().stream()
                        .filter(name -> name.startsWith("batches/") && !disk.isSpare(name))
                        .count();
        assertEquals(parts, files, () -> disk.files().toString());
        assertTrue(
                disk.files().stream().noneMatch(name -> name.startsWith("compactions/")),
                () -> disk.files().toString());
        close();
        checkWhole();
        disk.happened().forEach(tally::add);
    }
}
