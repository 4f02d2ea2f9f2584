package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import io.espalier.spine.trace.StoreDirectory.Mode;
import io.espalier.spine.trace.StoreDirectory.Options;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Histories of a store on a disk that fails, against a model: what was acknowledged is there, what
 * was refused is not, and of what was under way when the machine stopped a first part may be.
 */
class CrashTest {

    private static final int BATCH_BYTES = 700;

    /** How many long histories; a night's worth with {@code -Despalier.histories=1000000}. */
    private static final long HISTORIES = Long.getLong("espalier.histories", 600);

    /** A writer's life: what it has done, and what may have happened. */
    private static final class History {
        private final SimulatedDisk disk;
        private final Random random;
        private final Options options;
        private final List<Long> acknowledged = new ArrayList<>();
        private final List<Long> underWay = new ArrayList<>();
        private Ledger ledger = new Ledger();
        private @Nullable StoreDirectory store;
        private boolean everOpened;
        private long nextNumber;

        History(long seed) {
            disk = new SimulatedDisk(seed);
            random = new Random(seed * 31 + 7);
            options = new Options(300 + random.nextInt(800), () -> new UUID(seed, seed));
        }

        void open() {
            ledger = new Ledger();
            store = StoreDirectory.open(disk, Mode.OPEN_OR_CREATE, ledger, options);
            everOpened = true;
            checkState();
        }

        /**
         * One to three changes, each with a file or without, the older files dropped now and then.
         */
        void commit() {
            StoreDirectory current = store;
            if (current == null) {
                throw new IllegalStateException("not open");
            }
            List<byte[]> changes = new ArrayList<>();
            List<Long> numbers = new ArrayList<>();
            List<Long> dropped = new ArrayList<>();
            int count = 1 + random.nextInt(3);
            for (int i = 0; i < count; i++) {
                long number = nextNumber++;
                long oldFile = -1;
                if (ledger.files.size() > 2 && random.nextBoolean() && dropped.isEmpty()) {
                    oldFile = ledger.files.first();
                    dropped.add(oldFile);
                }
                changes.add(
                        Ledger.change(number, random.nextBoolean() ? file(current) : -1, oldFile));
                numbers.add(number);
            }
            underWay.addAll(numbers);
            try {
                current.append(changes);
                acknowledged.addAll(numbers);
                underWay.clear();
            } catch (StoreException.Full | StoreException.NotPermitted e) {
                underWay.clear();
                throw e;
            }
            assertEquals(acknowledged, ledger.numbers);
            dropped.forEach(current::deleteBatchFile);
        }

        private static long file(StoreDirectory store) {
            try (NewBatchFile file = store.createBatchFile()) {
                byte[] content = new byte[BATCH_BYTES];
                Arrays.fill(content, (byte) file.id());
                file.append(ByteBuffer.wrap(content));
                file.finish();
                return file.id();
            }
        }

        void close() {
            if (store != null) {
                store.close();
                store = null;
            }
        }

        /** After an opening: the state is one that may be. What may have happened is now known. */
        void checkState() {
            List<Long> found = ledger.numbers;
            List<Long> most = new ArrayList<>(acknowledged);
            most.addAll(underWay);
            assertTrue(
                    found.size() >= acknowledged.size()
                            && found.size() <= most.size()
                            && found.equals(most.subList(0, found.size())),
                    () ->
                            "found "
                                    + found
                                    + ", acknowledged "
                                    + acknowledged
                                    + ", under way "
                                    + underWay);
            acknowledged.clear();
            acknowledged.addAll(found);
            underWay.clear();
            if (store == null) {
                return;
            }
            for (long id : ledger.files) {
                checkFile(store, id);
            }
            if (store.notes().stream().noneMatch(note -> note.contains("cannot be deleted"))) {
                assertEquals(1, count("manifest-"), disk.files()::toString);
                assertEquals(ledger.files.size(), count("batches/"), disk.files()::toString);
            }
        }

        private long count(String prefix) {
            return disk.files().stream().filter(name -> name.startsWith(prefix)).count();
        }

        private static void checkFile(StoreDirectory store, long id) {
            try (DiskFile file = store.openBatchFile(id)) {
                ByteBuffer bytes = ByteBuffer.allocate(BATCH_BYTES + 1);
                assertEquals(BATCH_BYTES, file.read(0, bytes), "file " + id);
                for (int i = 0; i < BATCH_BYTES; i++) {
                    assertEquals((byte) id, bytes.get(i), "file " + id + " at " + i);
                }
            } catch (IOException e) {
                fail(e);
            }
        }

        /** The process or the machine goes down, whatever state it was in, and comes up again. */
        void restart() {
            if (random.nextBoolean()) {
                disk.losePower();
            } else {
                disk.killProcess();
            }
            store = null;
        }

        void checkWhole() {
            Ledger seen = new Ledger();
            try {
                VerifyReport report = StoreDirectory.verify(disk, seen);
                assertTrue(report.isWhole(), report::toString);
            } catch (StoreException.Absent e) {
                assertTrue(!everOpened, "the store is gone");
            }
        }
    }

    private static void scenario(History history) {
        history.open();
        for (int i = 0; i < 6; i++) {
            history.commit();
        }
        history.close();
        history.open();
        for (int i = 0; i < 6; i++) {
            history.commit();
        }
        history.close();
    }

    private static long countSteps(long seed) {
        History history = new History(seed);
        scenario(history);
        return history.disk.steps();
    }

    @Test
    void aCrashAtAnyStepLosesNothingThatWasAcknowledged() {
        // fails if there is one moment in opening, committing, rolling over or closing that is not
        // safe
        for (long seed = 0; seed < 12; seed++) {
            long steps = countSteps(seed);
            assertTrue(steps > 50);
            for (long step = 0; step < steps; step++) {
                History history = new History(seed);
                history.disk.failAt(step, Fault.CRASH);
                try {
                    scenario(history);
                    fail("seed " + seed + " did not reach step " + step);
                } catch (SimulatedDisk.Crash e) {
                    history.restart();
                }
                try {
                    history.checkWhole();
                    history.open();
                    history.commit();
                    history.close();
                    history.open();
                    history.close();
                } catch (AssertionError | StoreException e) {
                    throw new AssertionError("seed " + seed + ", crash at step " + step, e);
                }
            }
        }
    }

    @Test
    void aFaultAtAnyStepIsReportedAndLeavesTheStoreWhole() {
        // fails if a full disk, a failed sync or a refusal at one step corrupts, loses or invents
        for (Fault fault : List.of(Fault.FULL, Fault.SYNC_FAILS, Fault.DENIED)) {
            for (long seed = 0; seed < 6; seed++) {
                long steps = countSteps(seed);
                for (long step = 0; step < steps; step++) {
                    History history = new History(seed);
                    history.disk.failAt(step, fault);
                    try {
                        runThrough(history);
                    } catch (AssertionError | StoreException e) {
                        throw new AssertionError(
                                "seed " + seed + ", " + fault + " at step " + step, e);
                    }
                }
            }
        }
    }

    /** The scenario by one who goes on after a failure as far as the store allows it. */
    private static void runThrough(History history) {
        for (int opening = 0; opening < 3; opening++) {
            try {
                history.open();
                for (int i = 0; i < 5; i++) {
                    commitOrGoOn(history);
                }
                history.close();
            } catch (StoreException.Stopped | StoreException.Full | StoreException.NotPermitted e) {
                history.close();
                if (history.random.nextBoolean()) {
                    history.restart();
                }
            }
        }
        history.restart();
        history.checkWhole();
        history.open();
        history.commit();
        history.close();
        history.checkWhole();
    }

    private static void commitOrGoOn(History history) {
        try {
            history.commit();
        } catch (StoreException.Full | StoreException.NotPermitted e) {
            assertEquals(history.acknowledged, history.ledger.numbers);
        }
    }

    @Test
    void longHistoriesOfFaultsEndInWhatWasAcknowledged() {
        // fails if faults in sequence, which each alone are survived, together are not
        for (long seed = 1000; seed < 1000 + HISTORIES; seed++) {
            History history = new History(seed);
            try {
                for (int life = 0; life < 8; life++) {
                    long horizon = 60;
                    for (int i = history.random.nextInt(4); i > 0; i--) {
                        Fault[] kinds = Fault.values();
                        history.disk.failAt(
                                history.disk.steps() + history.random.nextLong(horizon),
                                kinds[history.random.nextInt(kinds.length)]);
                    }
                    try {
                        history.open();
                        int commits = history.random.nextInt(12);
                        for (int i = 0; i < commits; i++) {
                            commitOrGoOn(history);
                        }
                        if (history.random.nextInt(3) == 0) {
                            history.close();
                        }
                    } catch (SimulatedDisk.Crash | StoreException e) {
                        assertTrue(
                                !(e instanceof StoreException.Damaged), () -> "damage from " + e);
                    }
                    history.restart();
                    history.checkWhole();
                }
                history.open();
                history.close();
            } catch (AssertionError | StoreException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }
}
