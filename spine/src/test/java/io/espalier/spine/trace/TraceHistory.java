package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.io.IOException;
import java.nio.ByteBuffer;
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
 * after each epoch.
 */
final class TraceHistory {

    private static final int TRACES = 3;
    private static final long LEASE_MILLIS = 1000;

    /** What all traces hold after an epoch. */
    private record State(List<Map<String, String>> traces) {}

    /** A reader that is open, and what it is to see. */
    private record Reader(TraceSnapshot snapshot, int trace) {}

    final SimulatedDisk disk;
    final Random random;
    private final NativeMemory memory;
    private final Pager pager;
    private final TraceStoreOptions options;
    private final StoreDirectory.Options directoryOptions;

    /** After each epoch that is acknowledged, from 0. */
    private final List<State> states = new ArrayList<>();

    /** After the commit of which nobody knows whether it happened. */
    private @Nullable State underWay;

    private final List<Reader> readers = new ArrayList<>();
    private @Nullable TraceStore store;
    private boolean everOpened;
    private long nowMillis = 1_000_000;

    /** What was handed out to others and may be answered, and what they answered, as bytes. */
    private final List<byte[]> requests = new ArrayList<>();

    private final List<byte[]> results = new ArrayList<>();
    private int attempts;

    /** What became of the results. */
    final Map<ExternalCompaction.Answer, Integer> answers = new TreeMap<>();

    TraceHistory(long seed, NativeMemory memory, Pager pager) {
        this.disk = new SimulatedDisk(seed);
        this.random = new Random(seed * 31 + 11);
        this.memory = memory;
        this.pager = pager;
        this.options =
                TraceStoreOptions.defaults()
                        .withCompaction(false)
                        .withChunkBytes(1 << random.nextInt(12))
                        .withCompactionLeaseMillis(LEASE_MILLIS)
                        .withCompactionMemoryBytes(
                                random.nextBoolean() ? 0 : random.nextInt(200_000));
        this.directoryOptions =
                new StoreDirectory.Options(2000 + random.nextInt(8000), () -> new UUID(seed, seed));
        List<Map<String, String>> empty = new ArrayList<>();
        for (int i = 0; i < TRACES; i++) {
            empty.add(Map.of());
        }
        states.add(new State(empty));
    }

    private TraceStore store() {
        TraceStore current = store;
        if (current == null) {
            throw new IllegalStateException("not open");
        }
        return current;
    }

    private static String name(int trace) {
        return "trace-" + trace;
    }

    void open() {
        store =
                TraceStore.open(
                        disk,
                        Mode.OPEN_OR_CREATE,
                        pager,
                        options,
                        directoryOptions,
                        () -> nowMillis);
        everOpened = true;
        // what may have happened is known now
        State maybe = underWay;
        if (maybe != null && store.upper() == states.size() + 1) {
            states.add(maybe);
        }
        underWay = null;
        checkContents();
    }

    /** All traces, as of every epoch that they can be read as of, are as they were. */
    void checkContents() {
        TraceStore current = store();
        assertEquals(states.size(), current.upper());
        for (int i = 0; i < TRACES; i++) {
            Trace trace = current.find(name(i)).orElse(null);
            if (trace == null) {
                for (State state : states) {
                    assertEquals(Map.of(), state.traces().get(i), name(i) + " is gone");
                }
                continue;
            }
            try (TraceSnapshot snapshot = trace.snapshot()) {
                assertEquals(states.size(), snapshot.upper());
                check(snapshot, i);
            }
        }
    }

    private void check(TraceSnapshot snapshot, int trace) {
        for (long epoch = snapshot.since(); epoch < snapshot.upper(); epoch++) {
            long asOf = epoch;
            assertEquals(
                    states.get((int) asOf).traces().get(trace),
                    Rows.read(memory, snapshot, asOf),
                    () -> name(trace) + " as of " + asOf);
        }
    }

    /** Commits an epoch: some traces, some changes. */
    void commit() {
        TraceStore current = store();
        long epoch = states.size();
        List<Map<String, String>> after = new ArrayList<>(states.getLast().traces());
        try (Commit commit = current.begin()) {
            for (int i = 0; i < TRACES; i++) {
                if (random.nextInt(3) == 0) {
                    continue;
                }
                Map<String, String> before = after.get(i);
                Map<String, String> changed = new TreeMap<>(before);
                int changes = random.nextInt(4) == 0 ? 0 : random.nextInt(12);
                for (int j = 0; j < changes; j++) {
                    String key = "k" + random.nextInt(25);
                    if (random.nextInt(3) == 0) {
                        changed.remove(key);
                    } else {
                        String prefix = "v" + random.nextInt(4);
                        changed.put(key, Rows.text(prefix, random.nextInt(60) - 20));
                    }
                }
                after.set(i, changed);
                Trace trace = current.findOrCreate(name(i));
                Rows.appendChange(memory, commit.writer(trace), before, changed, epoch);
            }
            commit.downgradeSince(Math.max(0, epoch - 1 - random.nextInt(6)));
            underWay = new State(after);
            try {
                commit.commit(epoch);
                states.add(underWay);
                underWay = null;
            } catch (StoreException.Full | StoreException.NotPermitted e) {
                underWay = null;
                throw e;
            }
        }
    }

    /** Answers one request, or all until every trace is one run. */
    void compact() {
        TraceStore current = store();
        List<CompactionTask> tasks = current.compaction().waiting(Long.MAX_VALUE);
        if (tasks.isEmpty() || random.nextInt(4) == 0) {
            current.compact();
            for (String name : current.names()) {
                assertTrue(current.find(name).orElseThrow().runCount() <= 1);
            }
        } else {
            if (random.nextInt(3) == 0) {
                // so slow that others go on meanwhile
                current.compactor().beforeEachStep(this::actMeanwhile);
            }
            try {
                current.compactor().compact(tasks.get(random.nextInt(tasks.size())));
            } finally {
                current.compactor().beforeEachStep(() -> {});
            }
        }
    }

    private void actMeanwhile() {
        try {
            switch (random.nextInt(4)) {
                case 0 -> read();
                case 1 -> external();
                default -> commit();
            }
        } catch (StoreException.Full | StoreException.NotPermitted e) {
            // others had no luck; the compaction may have
        }
    }

    /**
     * What others do who compact: ask, work, die, answer, late, twice or after a restart; and time
     * passes.
     */
    void external() {
        ExternalCompaction external = store().externalCompaction();
        nowMillis += random.nextInt(6) == 0 ? LEASE_MILLIS : random.nextInt(50);
        switch (random.nextInt(8)) {
            case 0, 1 -> external.next().ifPresent(request -> requests.add(request.toBytes()));
            case 2 -> {
                Optional<CompactionRequest> request = external.next();
                if (request.isPresent()) {
                    work(request.get());
                    answer(external, results.getLast());
                }
            }
            case 3, 4 -> {
                if (!requests.isEmpty()) {
                    work(request(requests.get(random.nextInt(requests.size()))));
                }
            }
            case 5 -> {
                if (!requests.isEmpty()) {
                    die(request(requests.get(random.nextInt(requests.size()))));
                }
            }
            default -> {
                if (!results.isEmpty()) {
                    // the last ones, as a rule: the others are stale
                    int back = random.nextInt(random.nextInt(3) == 0 ? results.size() : 1);
                    answer(external, results.get(results.size() - 1 - back));
                }
            }
        }
    }

    private void work(CompactionRequest request) {
        results.add(CompactionWorker.answer(disk, request, pager, "a" + attempts++).toBytes());
    }

    /** A worker that ends half way. */
    private void die(CompactionRequest request) {
        String name = Names.compactionAttempt(request.fileId(), "a" + attempts++);
        try (DiskFile file = disk.create(name)) {
            file.append(ByteBuffer.wrap(new byte[random.nextInt(3000)]));
        } catch (IOException e) {
            // it dies earlier
        }
    }

    private void answer(ExternalCompaction external, byte[] bytes) {
        CompactionResult result;
        try {
            result = CompactionResult.ofBytes(bytes);
        } catch (ManifestState.MalformedException e) {
            throw new AssertionError(e);
        }
        ExternalCompaction.Answer answer = external.answer(result);
        answers.merge(answer, 1, Integer::sum);
        boolean listed = store().refersTo(result.fileId());
        switch (answer) {
            case APPLIED, REPEATED -> {
                // it is there, or another compaction has taken its place
            }
            default -> assertFalse(listed, () -> answer + ", but it is there");
        }
    }

    private static CompactionRequest request(byte[] bytes) {
        try {
            return CompactionRequest.ofBytes(bytes);
        } catch (ManifestState.MalformedException e) {
            throw new AssertionError(e);
        }
    }

    /** Opens a reader, or lets one finish that has been open for a while. */
    void read() {
        if (readers.size() > 3 || (!readers.isEmpty() && random.nextBoolean())) {
            Reader reader = readers.remove(random.nextInt(readers.size()));
            try (TraceSnapshot snapshot = reader.snapshot()) {
                check(snapshot, reader.trace());
            }
            return;
        }
        int trace = random.nextInt(TRACES);
        store().find(name(trace))
                .ifPresent(found -> readers.add(new Reader(found.snapshot(), trace)));
    }

    /** One thing that a user does. */
    void act() {
        switch (random.nextInt(10)) {
            case 0 -> compact();
            case 1 -> read();
            case 2, 3, 4 -> external();
            default -> commit();
        }
    }

    /** The same by one who goes on after a failure as far as the store allows it. */
    void actOrGoOn() {
        try {
            act();
        } catch (StoreException.Full | StoreException.NotPermitted e) {
            checkContents();
        } catch (StoreException.Stopped e) {
            // what was not acknowledged is not shown, whatever became of it on the disk
            checkContents();
            throw e;
        }
    }

    private void closeReaders() {
        for (Reader reader : readers) {
            try {
                reader.snapshot().close();
            } catch (SimulatedDisk.Crash e) {
                // what it would have deleted stays
            }
        }
        readers.clear();
    }

    void close() {
        TraceStore current = store;
        store = null;
        boolean readersFirst = random.nextBoolean();
        try {
            if (readersFirst) {
                closeReaders();
            }
            if (current != null) {
                current.close();
            }
        } finally {
            closeReaders();
        }
        assertNothingOut();
    }

    /** The process or the machine goes down, whatever state it was in, and comes up again. */
    void restart() {
        disk.goDown();
        // a process that dies takes its memory with it
        try {
            close();
        } catch (SimulatedDisk.Crash e) {
            // it cannot say good-bye
        }
        assertNothingOut();
        if (random.nextBoolean()) {
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
        nowMillis += LEASE_MILLIS;
        open();
        store().compact();
        checkContents();
        long parts = 0;
        for (String name : store().names()) {
            try (TraceSnapshot snapshot = store().find(name).orElseThrow().snapshot()) {
                parts += snapshot.parts().size();
                assertTrue(snapshot.parts().size() <= 1);
            }
        }
        long files = disk.files().stream().filter(name -> name.startsWith("batches/")).count();
        assertEquals(parts, files, () -> disk.files().toString());
        assertTrue(
                disk.files().stream().noneMatch(name -> name.startsWith("compactions/")),
                () -> disk.files().toString());
        close();
        checkWhole();
    }
}
