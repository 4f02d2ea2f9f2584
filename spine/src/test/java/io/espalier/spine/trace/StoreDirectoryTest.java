package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import io.espalier.spine.trace.StoreDirectory.Mode;
import io.espalier.spine.trace.StoreDirectory.Options;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class StoreDirectoryTest {

    private static final Options SMALL = new Options(500, () -> new UUID(1, 2));

    private final SimulatedDisk disk = new SimulatedDisk(42);
    private Ledger ledger = new Ledger();

    private StoreDirectory open(Mode mode) {
        ledger = new Ledger();
        return StoreDirectory.open(disk, mode, ledger, SMALL);
    }

    private void createWith(long... numbers) {
        try (StoreDirectory store = open(Mode.CREATE)) {
            for (long number : numbers) {
                store.append(List.of(Ledger.add(number)));
            }
        }
    }

    private Map<String, String> content() {
        Map<String, String> content = new HashMap<>();
        for (String name : disk.files()) {
            content.put(name, new String(disk.bytes(name), StandardCharsets.ISO_8859_1));
        }
        return content;
    }

    @Test
    void whatWasAppendedIsThereAfterReopening() {
        // fails if replaying loses, repeats or reorders changes, over several openings
        createWith(1, 2);
        try (StoreDirectory store = open(Mode.OPEN)) {
            assertEquals(List.of(1L, 2L), ledger.numbers);
            store.append(List.of(Ledger.add(3), Ledger.add(4)));
            assertEquals(List.of(1L, 2L, 3L, 4L), ledger.numbers);
        }
        try (StoreDirectory store = open(Mode.OPEN_OR_CREATE)) {
            assertEquals(List.of(1L, 2L, 3L, 4L), ledger.numbers);
            assertEquals(List.of(), store.notes());
        }
    }

    @Test
    void eachOpeningForWritingTakesALaterTermAndAReadingOneDoesNot() {
        // fails if two writers could carry the same term, or a reader fenced a writer
        createWith();
        long last = 0;
        for (int i = 0; i < 3; i++) {
            try (StoreDirectory store = open(Mode.OPEN)) {
                assertTrue(store.term() > last);
                last = store.term();
            }
            try (StoreDirectory store = open(Mode.READ_ONLY)) {
                assertEquals(last, store.term());
                assertTrue(store.isReadOnly());
            }
        }
    }

    @Test
    void theManifestStaysInProportionToTheStateAndOneFileIsLeft() {
        // fails if nothing rolls over, if a roll-over loses a change, or leaves its predecessor
        try (StoreDirectory store = open(Mode.CREATE)) {
            for (int i = 0; i < 200; i++) {
                store.append(List.of(Ledger.add(i)));
                long state = ledger.snapshot().length;
                assertTrue(store.manifestBytes() <= Math.max(500, 4 * (state + 96)) + 100);
            }
            assertEquals(1, disk.files().stream().filter(n -> n.startsWith("manifest")).count());
        }
        try (StoreDirectory store = open(Mode.READ_ONLY)) {
            assertEquals(LongStream.range(0, 200).boxed().toList(), ledger.numbers);
            assertEquals(List.of(), store.notes());
        }
    }

    @Test
    void aManifestInTheWayThatCannotBeDeletedIsPassedOver() {
        // fails if what a crash left and nobody may delete keeps the store from opening, or is
        // taken for something else than a lack of permission
        createWith(1, 2);
        String stray =
                disk.files().stream()
                        .filter(name -> name.startsWith("manifest"))
                        .map(name -> name.replace("1.log", "2.log"))
                        .findFirst()
                        .orElseThrow();
        long opened = 0;
        for (long step = 0; step < 20; step++) {
            disk.setBytes(stray, new byte[] {1, 2, 3});
            disk.failAt(disk.steps() + step, Fault.DENIED);
            try (StoreDirectory store = open(Mode.OPEN)) {
                assertEquals(2, ledger.numbers.size());
                opened++;
                assertTrue(disk.files().stream().filter(n -> n.startsWith("manifest")).count() < 3);
            } catch (StoreException.NotPermitted | StoreException.Stopped e) {
                // told what it is; a sync is refused in one way only
            }
            disk.failNoMore();
            try (StoreDirectory store = open(Mode.OPEN)) {
                assertEquals(List.of(1L, 2L), ledger.numbers);
            }
            String manifest =
                    disk.files().stream()
                            .filter(name -> name.startsWith("manifest"))
                            .findFirst()
                            .orElseThrow();
            stray = ManifestFormat.fileName(ManifestFormat.fileNumber(manifest) + 1);
        }
        assertTrue(opened > 0);
    }

    @Test
    void aNewStoreWhoseFirstManifestCannotBeDeletedSaysSo() {
        // fails if it begins with another one, which without STORE would look like a damaged store
        String first = ManifestFormat.fileName(1);
        for (int denials = 1; denials <= 2; denials++) {
            SimulatedDisk fresh = new SimulatedDisk(denials);
            fresh.setBytes(first, new byte[] {1, 2, 3});
            long step = 0;
            boolean refused = false;
            while (!refused) {
                SimulatedDisk at = new SimulatedDisk(denials);
                at.setBytes(first, new byte[] {1, 2, 3});
                for (int i = 0; i < denials; i++) {
                    at.failAt(step + i, Fault.DENIED);
                }
                try (StoreDirectory store =
                        StoreDirectory.open(at, Mode.OPEN_OR_CREATE, new Ledger(), SMALL)) {
                    assertTrue(at.files().contains(first), () -> at.files().toString());
                } catch (StoreException.NotPermitted e) {
                    refused = true;
                }
                step++;
                assertTrue(step < 30);
            }
        }
    }

    @Test
    void anAbsentAForeignAndAnExistingStoreAreNamedAsSuch() {
        // fails if a wrong folder is taken for a store, or turned into one, or a store made anew
        StoreException absent = assertThrows(StoreException.Absent.class, () -> open(Mode.OPEN));
        assertTrue(absent.getMessage().contains("/simulated: there is no store here"));
        assertThrows(StoreException.Absent.class, () -> open(Mode.READ_ONLY));
        assertThrows(StoreException.Absent.class, () -> StoreDirectory.verify(disk, new Ledger()));

        disk.setBytes("holiday.jpg", new byte[] {1});
        assertEquals(List.of("holiday.jpg"), disk.files());
        createFolderOf(disk);
        StoreException foreign =
                assertThrows(StoreException.NotAStore.class, () -> open(Mode.OPEN_OR_CREATE));
        assertTrue(foreign.getMessage().contains("holiday.jpg"), foreign.getMessage());
        assertEquals(List.of("holiday.jpg"), disk.files());

        disk.lose("holiday.jpg");
        createWith(1);
        assertThrows(StoreException.NotAStore.class, () -> open(Mode.CREATE));
        disk.setBytes("STORE", "shopping list".getBytes(StandardCharsets.UTF_8));
        assertThrows(StoreException.NotAStore.class, () -> open(Mode.OPEN));
    }

    private static void createFolderOf(SimulatedDisk disk) {
        try {
            disk.createFolder("");
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aStoreOfALaterVersionIsRefusedByItsVersion() {
        // fails if a later version reads as damage, or is opened and destroyed
        createWith(1);
        byte[] bytes = disk.bytes("STORE");
        bytes[8] = 9;
        java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
        crc.update(bytes, 0, 60);
        ByteBuffer.wrap(bytes)
                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                .putInt(60, (int) crc.getValue());
        disk.setBytes("STORE", bytes);
        StoreException.NewerFormat e =
                assertThrows(StoreException.NewerFormat.class, () -> open(Mode.OPEN));
        assertEquals(9, e.version());
    }

    @Test
    void aSecondOpenerIsKeptOutAndToldWhoHasTheStore() {
        // fails if two writers, or a writer and a reader, can have one store
        createWith(1);
        try (StoreDirectory first = open(Mode.OPEN)) {
            Ledger other = new Ledger();
            StoreException.Locked e =
                    assertThrows(
                            StoreException.Locked.class,
                            () -> StoreDirectory.open(disk, Mode.OPEN, other, SMALL));
            assertTrue(e.getMessage().contains("in use by " + e.holder()));
            assertThrows(
                    StoreException.Locked.class,
                    () -> StoreDirectory.open(disk, Mode.READ_ONLY, other, SMALL));
            first.append(List.of(Ledger.add(2)));
        }
        try (StoreDirectory one = open(Mode.READ_ONLY);
                StoreDirectory two = open(Mode.READ_ONLY)) {
            assertEquals(one.storeId(), two.storeId());
            assertThrows(StoreException.Locked.class, () -> open(Mode.OPEN));
        }
    }

    @Test
    void readingChangesNoByteAndNeedsNoPermissionToWrite() {
        // fails if a reader writes, even to repair
        createWith(1, 2);
        Map<String, String> before = content();
        disk.setReadOnly(true);
        try (StoreDirectory store = open(Mode.READ_ONLY)) {
            assertEquals(List.of(1L, 2L), ledger.numbers);
            assertThrows(
                    StoreException.NotPermitted.class, () -> store.append(List.of(Ledger.add(3))));
        }
        assertTrue(StoreDirectory.verify(disk, new Ledger()).isWhole());
        StoreException e = assertThrows(StoreException.NotPermitted.class, () -> open(Mode.OPEN));
        assertTrue(e.getMessage().contains("reading only"), e.getMessage());
        assertEquals(before, content());
    }

    @Test
    void aWriterThatLostItsLockAcknowledgesNothing() {
        // fails if a commit is acknowledged to the old writer that the new one cannot see
        StoreDirectory old = open(Mode.CREATE);
        old.append(List.of(Ledger.add(1)));
        disk.forgetLocks();
        StoreDirectory young = open(Mode.OPEN);
        assertEquals(List.of(1L), ledger.numbers);
        StoreException e =
                assertThrows(
                        StoreException.Stopped.class, () -> old.append(List.of(Ledger.add(2))));
        assertTrue(e.getMessage().contains("taken over"), e.getMessage());
        assertThrows(StoreException.Stopped.class, () -> old.append(List.of(Ledger.add(2))));
        old.close();
        young.append(List.of(Ledger.add(3)));
        young.close();
        open(Mode.READ_ONLY).close();
        assertEquals(List.of(1L, 3L), ledger.numbers);
    }

    @Test
    void whatTheOldWriterStillAcknowledgedTheNewOneSees() {
        // fails if a commit between the reading and the fencing of a store is lost
        StoreDirectory old = open(Mode.CREATE);
        old.append(List.of(Ledger.add(1)));
        disk.forgetLocks();
        disk.beforeNextStep(() -> old.append(List.of(Ledger.add(2))));
        StoreDirectory young = open(Mode.OPEN);
        assertEquals(List.of(1L, 2L), ledger.numbers);
        assertThrows(StoreException.Stopped.class, () -> old.append(List.of(Ledger.add(3))));
        young.close();
        open(Mode.OPEN).close();
        assertEquals(List.of(1L, 2L), ledger.numbers);
    }

    @Test
    void aWriterThatLostItsLockDoesNotReplaceTheStoreFile() {
        // fails if rolling over or closing lets an old manifest count again
        for (boolean rolls : new boolean[] {false, true}) {
            StoreDirectory old = open(Mode.OPEN_OR_CREATE);
            while (rolls && old.manifestBytes() < 500) {
                old.append(List.of(Ledger.add(7)));
            }
            disk.forgetLocks();
            StoreDirectory young = open(Mode.OPEN);
            byte[] bytes = disk.bytes("STORE");
            assertThrows(
                    StoreException.Stopped.class,
                    () -> {
                        if (rolls) {
                            old.append(List.of(Ledger.add(8)));
                        }
                        old.close();
                    });
            assertArrayEquals(bytes, disk.bytes("STORE"));
            young.close();
        }
    }

    @Test
    void aFullDiskLeavesTheCommitInvisibleAndTheStoreAlive() {
        // fails if part of a refused commit stays, in memory or on disk
        StoreDirectory store = open(Mode.CREATE);
        store.append(List.of(Ledger.add(1)));
        disk.failAt(disk.steps(), Fault.FULL);
        StoreException e =
                assertThrows(
                        StoreException.Full.class,
                        () -> store.append(List.of(Ledger.add(2), Ledger.add(3))));
        assertTrue(e.getMessage().contains("disk is full"), e.getMessage());
        assertEquals(List.of(1L), ledger.numbers);
        store.append(List.of(Ledger.add(4)));
        disk.killProcess();
        try (StoreDirectory again = open(Mode.OPEN)) {
            assertEquals(List.of(1L, 4L), ledger.numbers);
            assertEquals(List.of(), again.notes());
        }
    }

    @Test
    void aFailedSyncEndsTheStore() {
        // fails if the store goes on after a sync failed, as if a second one could repair it
        StoreDirectory store = open(Mode.CREATE);
        store.append(List.of(Ledger.add(1)));
        disk.failAt(disk.steps() + 1, Fault.SYNC_FAILS);
        assertThrows(StoreException.Stopped.class, () -> store.append(List.of(Ledger.add(2))));
        assertThrows(StoreException.Stopped.class, () -> store.append(List.of(Ledger.add(3))));
        assertThrows(StoreException.Stopped.class, store::createBatchFile);
        store.close();
        disk.losePower();
        open(Mode.OPEN).close();
        assertTrue(ledger.numbers.equals(List.of(1L)) || ledger.numbers.equals(List.of(1L, 2L)));
    }

    @Test
    void whoWaitedForASyncOfNamesThatFailedFailsAsWell() throws InterruptedException {
        // fails if a commit syncs the folder once more, which then finds nothing to do, and counts
        createWith(1);
        try (StoreDirectory store = open(Mode.OPEN)) {
            NewBatchFile file = store.createBatchFile();
            file.append(ByteBuffer.wrap(new byte[20]));
            file.finish();
            AtomicReference<Throwable> outcome = new AtomicReference<>();
            Thread commit =
                    new Thread(() -> {
                        try {
                            store.append(List.of(Ledger.add(2)));
                            outcome.set(new AssertionError("it was committed"));
                        } catch (StoreException e) {
                            outcome.set(e);
                        }
                    });
            disk.beforeNextStep(() -> {
                // within the sync: the commit has found the store in order, and waits
                commit.start();
                while (commit.getState() != Thread.State.BLOCKED) {
                    assertTrue(commit.isAlive(), () -> String.valueOf(outcome.get()));
                    Thread.onSpinWait();
                }
            });
            long step = disk.steps();
            disk.failAt(step, Fault.SYNC_FAILS);
            assertThrows(StoreException.Stopped.class, store::syncBatchNames);
            commit.join();
            assertInstanceOf(StoreException.Stopped.class, outcome.get());
            assertEquals(step + 1, disk.steps());
            assertEquals(List.of(1L), ledger.numbers);
        }
        disk.losePower();
        try (StoreDirectory store = open(Mode.OPEN)) {
            assertEquals(List.of(1L), ledger.numbers);
        }
    }

    @Test
    void whatIsNotReferencedIsSweptAndWhatIsForeignStays() {
        // fails if leftovers of a crash pile up, or files of others are deleted
        StoreDirectory store = open(Mode.CREATE);
        NewBatchFile kept = store.createBatchFile();
        kept.append(ByteBuffer.wrap(new byte[100]));
        kept.finish();
        store.append(List.of(Ledger.change(1, kept.id(), -1)));
        NewBatchFile lost = store.createBatchFile();
        lost.append(ByteBuffer.wrap(new byte[100]));
        disk.setBytes("STORE.tmp", new byte[3]);
        disk.setBytes("manifest-00000077.log", new byte[3]);
        disk.setBytes("notes.txt", new byte[3]);
        disk.killProcess();

        assertEquals(4, StoreDirectory.verify(disk, new Ledger()).notes().size());
        try (StoreDirectory again = open(Mode.OPEN)) {
            assertEquals(1, again.notes().size());
            assertTrue(again.createBatchFile().id() > kept.id());
        }
        assertTrue(disk.files().contains("notes.txt"));
        assertTrue(disk.files().contains("batches/0000000000.batch"));
        assertFalse(disk.files().contains("STORE.tmp"));
        assertFalse(disk.files().contains("manifest-00000077.log"));
    }

    @Test
    void noBatchFileIsDeletedBeforeTheStateThatIsWithoutItIsDurable() {
        // fails if an opening that is cut short has deleted what a lost or a revived record names
        StoreDirectory store = open(Mode.CREATE);
        for (int i = 0; i < 3; i++) {
            try (NewBatchFile file = store.createBatchFile()) {
                file.finish();
                store.append(List.of(Ledger.change(i, file.id(), file.id() - 1)));
            }
        }
        disk.killProcess();
        disk.setBytes(Names.batch(99), new byte[10]);
        List<String> batches = List.of(0L, 1L, 2L, 99L).stream().map(Names::batch).toList();
        boolean counts = false;
        for (int i = 0; !counts; i++) {
            disk.failAt(disk.steps() + i, Fault.FULL);
            try {
                open(Mode.OPEN);
                counts = true;
            } catch (StoreException.Full | StoreException.Stopped e) {
                assertTrue(disk.files().containsAll(batches), "failed at step " + i);
            }
            disk.failNoMore();
        }
        assertEquals(1, disk.files().stream().filter(n -> n.startsWith("batches/")).count());
    }

    @Test
    void anUnfinishedBatchFileIsGoneAndAnIdIsNeverUsedAgain() {
        // fails if an abandoned file stays, or a later file can be taken for an earlier one
        try (StoreDirectory store = open(Mode.CREATE)) {
            NewBatchFile abandoned = store.createBatchFile();
            abandoned.close();
            assertThrows(
                    IllegalStateException.class,
                    () -> abandoned.append(ByteBuffer.wrap(new byte[1])));
            NewBatchFile next = store.createBatchFile();
            next.finish();
            assertTrue(next.id() > abandoned.id());
            store.append(List.of(Ledger.change(1, next.id(), -1)));
            store.append(List.of(Ledger.change(2, -1, next.id())));
            store.deleteBatchFile(next.id());
            assertThrows(StoreException.Damaged.class, () -> store.openBatchFile(next.id()));
        }
        try (StoreDirectory store = open(Mode.OPEN);
                NewBatchFile later = store.createBatchFile()) {
            assertEquals(2, later.id());
            assertEquals(
                    "/simulated/batches/0000000002.batch",
                    store.disk().describe("batches/0000000002.batch"));
        }
        assertEquals(List.of("LOCK", "STORE"), disk.files().subList(0, 2));
        assertEquals(3, disk.files().size());
    }
}
