package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieView;
import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.PartRef;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who holds what, for how long, and what is left of what failed. */
class TraceLifeTest {

    private static final TraceStoreOptions BY_HAND =
            TraceStoreOptions.defaults()
                    .withCompaction(false)
                    .withRunsMax(Integer.MAX_VALUE)
                    .withChunkBytes(400);

    /** As stores are by default, but for their chunks. */
    private static final TraceStoreOptions RUNNING =
            BY_HAND.withCompaction(true).withRunsMax(TraceStoreOptions.RUNS_MAX_DEFAULT);

    @RegisterExtension final SimulatedStores stores = SimulatedStores.of(5);

    /** Commits one row to each of some traces: the epoch's number under a key of the epoch. */
    private void commit(TraceStore store, long since, String... names) {
        long epoch = store.upper();
        try (Commit commit = store.begin()) {
            for (String name : names) {
                Rows.append(
                        stores.memory(),
                        commit.writer(store.findOrCreate(name)),
                        "k" + epoch,
                        "v",
                        epoch,
                        1);
            }
            commit.downgradeSince(since);
            commit.commit(epoch);
        }
    }

    private List<String> batchFiles() {
        return stores.files("batches");
    }

    @Test
    void aCommitOfSeveralTablesThatFailsLeavesNoFileAndNoLease() {
        // fails if the files that were finished before another failed stay until the next opening
        for (Fault fault : List.of(Fault.FULL, Fault.DENIED)) {
            int failures = 0;
            for (int step = 0; step < 40; step++) {
                try (TraceStore store = stores.open(BY_HAND)) {
                    commit(store, 0, "a", "b", "c");
                    long upper = store.upper();
                    List<String> files = batchFiles();
                    stores.disk().failAt(stores.disk().steps() + step, fault);
                    try {
                        commit(store, 0, "a", "b", "c");
                    } catch (StoreException.Full | StoreException.NotPermitted e) {
                        failures++;
                        assertEquals(upper, store.upper());
                        assertEquals(files, batchFiles(), fault + " at step " + step);
                        // and the store goes on
                        commit(store, 0, "a", "b", "c");
                    } catch (StoreException.Stopped e) {
                        // it was a sync that failed: nothing can be said
                        continue;
                    } finally {
                        stores.disk().failNoMore();
                    }
                    assertEquals(upper + 1, store.upper());
                }
            }
            assertTrue(failures > 5, failures + " failures");
        }
    }

    @Test
    void aCommitIsOneAttempt() {
        // fails if a file that broke off in the middle of a chunk is written on
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "a");
            try (Commit commit = store.begin()) {
                Rows.append(
                        stores.memory(), commit.writer(store.findOrCreate("a")), "k", "v", 2, 1);
                stores.disk().failAt(stores.disk().steps(), Fault.FULL);
                assertThrows(StoreException.Full.class, () -> commit.commit(2));
                assertThrows(IllegalStateException.class, () -> commit.commit(2));
            }
            try (Commit commit = store.begin()) {
                assertThrows(IllegalStateException.class, () -> commit.commit(7));
            }
            try (Commit commit = store.begin()) {
                commit.downgradeSince(3);
                assertThrows(IllegalArgumentException.class, () -> commit.commit(2));
            }
            assertEquals(2, store.upper());
            commit(store, 0, "a");
        }
    }

    @Test
    void aSnapshotStaysExactAsOfItsOwnSinceWhateverIsForgottenAfterIt() {
        // fails if compaction changes what a reader holds, or deletes it beneath the reader
        try (TraceStore store = stores.open(BY_HAND)) {
            for (int i = 0; i < 6; i++) {
                commit(store, 0, "a");
            }
            Trace trace = store.find("a").orElseThrow();
            try (TraceSnapshot before = trace.snapshot()) {
                assertEquals(0, before.since());
                List<String> files = batchFiles();
                commit(store, 7, "a");
                store.compact();
                assertEquals(7, trace.since());
                assertEquals(7, before.upper());
                for (long asOf = 0; asOf < 7; asOf++) {
                    assertEquals(asOf, Rows.read(stores.memory(), before, asOf).size());
                }
                assertTrue(batchFiles().containsAll(files));
            }
            assertEquals(1, batchFiles().size(), "deleted with the last reader");
            assertEquals(7, Rows.read(stores.memory(), trace, 7).size());
        }
    }

    @Test
    void aReaderThatOutlivesTheStoreIsToldSo() {
        // fails if a read after the close gives bytes, foreign ones at worst
        TraceStore store = stores.open(BY_HAND);
        commit(store, 0, "a");
        commit(store, 0, "a");
        Trace trace = store.find("a").orElseThrow();
        TraceSnapshot snapshot = trace.snapshot();
        Run first = snapshot.runs().getFirst();
        TrieView view = new TrieView();
        ChunkPin pin = first.open(0, view);
        store.close();
        store.close();
        assertEquals(1, view.updateCount(), "pinned");
        assertEquals("k1", Rows.string(view.keys(), 0));
        assertThrows(IllegalStateException.class, () -> first.open(0, new TrieView()));
        assertThrows(IllegalStateException.class, () -> first.seek(view.keys(), 0, 0));
        assertThrows(IllegalStateException.class, () -> snapshot.runs().getLast().chunkCount());
        assertThrows(IllegalStateException.class, trace::snapshot);
        assertThrows(IllegalStateException.class, store::begin);
        assertThrows(IllegalStateException.class, store::compact);
        assertThrows(IllegalStateException.class, stores.pager()::close);
        snapshot.close();
        assertEquals("k1", Rows.string(view.keys(), 0), "pinned still");
        pin.close();
        assertEquals(0, view.updateCount(), "a view does not outlive its pin");
        assertThrows(IllegalStateException.class, pin::close);
        assertThrows(IllegalStateException.class, snapshot::close);
    }

    @Test
    void aRunIsClosedForThoseWhoHoldNothing() {
        // fails if a run that nobody holds maps its file again, or says what is in it
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "a");
            commit(store, 0, "a");
            Run gone;
            try (TraceSnapshot snapshot = store.find("a").orElseThrow().snapshot()) {
                gone = snapshot.runs().getFirst();
                assertEquals(1, gone.chunkCount());
            }
            store.compact();
            assertThrows(IllegalStateException.class, gone::chunkCount);
            assertThrows(IllegalStateException.class, () -> gone.open(0, new TrieView()));
        }
    }

    @Test
    void whatIsLeftOfAClosedStoreDeletesNothingOfTheNextOne() {
        // fails if a commit that was forgotten open takes a file that has its id by now
        TraceStore first = stores.open(BY_HAND);
        commit(first, 0, "a");
        Commit forgotten = first.begin();
        forgotten.writer(first.findOrCreate("a"));
        stores.disk().forgetLocks();
        try (TraceStore second = stores.open(BY_HAND)) {
            for (int i = 0; i < 4; i++) {
                commit(second, 0, "a");
            }
            List<String> files = batchFiles();
            forgotten.close();
            assertEquals(files, batchFiles());
            assertThrows(StoreException.Stopped.class, () -> commit(first, 0, "a"));
            first.close();
            assertTrue(batchFiles().containsAll(files));
            assertEquals(5, Rows.read(stores.memory(), second.find("a").orElseThrow(), 5).size());
        }
        assertTrue(TraceStore.verify(stores.disk(), stores.pager(), damage -> {}).isWhole());
    }

    @Test
    void aFailedSyncShowsNothingAndDeletesNothing() {
        // fails if the state in memory claims what may not be durable, or its files are deleted
        TraceStore store = stores.open(BY_HAND);
        commit(store, 0, "a");
        List<String> files = batchFiles();
        // the file's, the folder's, or the manifest's: the last that fails is within the record
        for (int step = 0; ; step++) {
            stores.disk().failAt(stores.disk().steps() + step, Fault.SYNC_FAILS);
            try {
                commit(store, 0, "a");
            } catch (StoreException.Stopped e) {
                break;
            }
            stores.disk().failNoMore();
        }
        long upper = store.upper();
        assertEquals(
                upper - 1, Rows.read(stores.memory(), store.find("a").orElseThrow(), upper).size());
        assertThrows(StoreException.Stopped.class, () -> commit(store, 0, "a"));
        assertThrows(StoreException.Stopped.class, store::compact);
        assertTrue(batchFiles().containsAll(files));
        store.close();
    }

    @Test
    void whatWasLeftUncompactedIsFoundAgainAfterReopening() throws InterruptedException {
        // fails if requests are lost with the process that was to answer them
        try (TraceStore store = stores.open(BY_HAND)) {
            for (int i = 0; i < 64; i++) {
                commit(store, i, "a", "b");
            }
            assertEquals(64, store.find("a").orElseThrow().runCount());
        }
        try (TraceStore store = stores.open(RUNNING)) {
            while (store.compactionStats().waiting() > 0) {
                Thread.sleep(1);
            }
            assertTrue(store.compactionStats().applied() > 0);
            assertEquals(0, store.compactionStats().refused());
            for (String name : List.of("a", "b")) {
                Trace trace = store.find(name).orElseThrow();
                assertTrue(trace.runCount() < 8, () -> trace.runCount() + " runs");
                assertEquals(64, Rows.read(stores.memory(), trace, 64).size());
            }
            assertTrue(store.notes().isEmpty(), store.notes()::toString);
        }
    }

    @Test
    void aWriterIsNotHeldUpByACompactionThatCannotWork() {
        // fails if a writer waits for ever for a thread that fails again and again, or has died
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "a");
        }
        byte[] bad = stores.disk().bytes(batchFiles().getFirst());
        bad[40] ^= 1;
        stores.disk().setBytes(batchFiles().getFirst(), bad);
        // so few runs that writers wait for it
        try (TraceStore store = stores.open(RUNNING.withRunsMax(24))) {
            for (int i = 0; i < 80; i++) {
                commit(store, 0, "a");
            }
            assertEquals(82, store.upper());
            assertTrue(store.compactionStats().failures() > 0);
        }
    }

    @Test
    void closingInTheMiddleOfCompactionsLeavesNothingOut() {
        // fails if the thread that compacts outlives the store, or loses what it holds
        for (int round = 0; round < 15; round++) {
            try (TraceStore store = stores.open(RUNNING)) {
                for (int i = 0; i < 10 + round; i++) {
                    commit(store, 0, "a", "b");
                }
            }
            assertEquals(0, stores.memory().stats().leases());
        }
        VerifyReport report = TraceStore.verify(stores.disk(), stores.pager(), damage -> {});
        assertTrue(report.isWhole(), report::toString);
    }

    @Test
    void readersCommitsAndCompactionsDoNotDisturbEachOther() throws InterruptedException {
        // fails if a reader sees an epoch in part, or a file goes while it is read
        AtomicBoolean over = new AtomicBoolean();
        List<Throwable> problems = new ArrayList<>();
        try (TraceStore store = stores.open(RUNNING)) {
            commit(store, 0, "a");
            Trace trace = store.find("a").orElseThrow();
            Runnable reader =
                    () -> {
                        try {
                            while (!over.get()) {
                                long upper = store.upper();
                                try (TraceSnapshot snapshot = trace.snapshot()) {
                                    assertTrue(snapshot.upper() >= upper);
                                    long asOf = snapshot.upper() - 1;
                                    Map<String, String> rows =
                                            Rows.read(stores.memory(), snapshot, asOf);
                                    assertEquals(asOf, rows.size());
                                }
                            }
                        } catch (Throwable e) {
                            synchronized (problems) {
                                problems.add(e);
                            }
                        }
                    };
            List<Thread> readers = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                readers.add(Thread.ofPlatform().start(reader));
            }
            for (int i = 0; i < 150; i++) {
                commit(store, Math.max(0, i - 3), "a");
            }
            store.compact();
            over.set(true);
            for (Thread thread : readers) {
                thread.join();
            }
        }
        assertEquals(List.of(), problems);
    }

    @Test
    void aNameThatCannotBeReadBackIsRefusedBeforeItIsWritten() {
        // fails if a store can be brought into a state that cannot be opened
        try (TraceStore store = stores.open(BY_HAND)) {
            for (String name : List.of("", "x".repeat(256), "\u00e9".repeat(128), "\ud800")) {
                assertThrows(IllegalArgumentException.class, () -> store.findOrCreate(name));
            }
            commit(store, 0, "\u00e9".repeat(127));
        }
        try (TraceStore store = stores.open(BY_HAND)) {
            assertEquals(List.of("\u00e9".repeat(127)), store.names());
            assertFalse(store.find("other").isPresent());
        }
    }

    /** Gives a file another version, under a checksum that holds. */
    private void setVersion(String name, int version) {
        byte[] bytes = stores.disk().bytes(name);
        java.nio.ByteBuffer buffer =
                java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        buffer.putInt(8, version);
        java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
        crc.update(bytes, 0, 60);
        buffer.putInt(60, (int) crc.getValue());
        stores.disk().setBytes(name, bytes);
    }

    @Test
    void aStoreOfFormatVersion1IsReadAndGoesOnInVersion2() {
        // fails if a store of an earlier version cannot be opened, loses what its last changes say,
        // or still says that it is of that version when the changes after are of this one
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "a", "b");
            commit(store, 0, "a");
        }
        // version 1 wrote its changes whole; its snapshots were what they are
        TraceState state = new TraceState();
        try (StoreDirectory directory = StoreDirectory.open(stores.disk(), Mode.OPEN, state)) {
            directory.append(List.of(state.snapshot()));
            directory.append(List.of(state.snapshot()));
        }
        String manifest =
                stores.disk().files().stream()
                        .filter(name -> name.startsWith("manifest-"))
                        .findFirst()
                        .get();
        setVersion("STORE", 1);
        setVersion(manifest, 1);
        try (TraceStore store =
                TraceStore.open(stores.disk(), Mode.READ_ONLY, stores.pager(), BY_HAND)) {
            assertEquals(List.of("a", "b"), store.names());
        }
        assertEquals(1, stores.disk().bytes("STORE")[8]);
        try (TraceStore store = stores.open(BY_HAND)) {
            assertEquals(3, store.upper());
            assertEquals(2, stores.disk().bytes("STORE")[8]);
            commit(store, 0, "a");
            assertEquals(
                    Map.of("k1", "v", "k2", "v", "k3", "v"),
                    Rows.read(stores.memory(), store.find("a").orElseThrow(), 3));
        }
        try (TraceStore store = stores.open(BY_HAND)) {
            assertEquals(
                    Map.of("k1", "v"),
                    Rows.read(stores.memory(), store.find("b").orElseThrow(), 3));
        }
        assertTrue(TraceStore.verify(stores.disk(), stores.pager(), damage -> {}).isWhole());
    }

    @Test
    void whatACommitWritesDoesNotGrowWithTheParts() {
        // fails if a record says again what was there before
        try (TraceStore store = stores.open(BY_HAND)) {
            for (int i = 0; i < 300; i++) {
                commit(store, 0, "a");
            }
            String manifest =
                    stores.disk().files().stream()
                            .filter(name -> name.startsWith("manifest-"))
                            .findFirst()
                            .get();
            long before = stores.disk().bytes(manifest).length;
            commit(store, 0, "a");
            long written = stores.disk().bytes(manifest).length - before;
            assertTrue(written < 2500, written + " bytes");
        }
    }

    @Test
    void openingAndCommittingTouchNoBatchFileThatIsThere() throws Exception {
        // fails if opening a store, or committing to it, costs a look at the files of its parts:
        // none of these ten thousand is there
        long partCount = 10_000;
        Spine spine = new Spine();
        for (long id = 1; id <= partCount; id++) {
            PartRef part = new PartRef("b" + id, id, 1000, 10 << 20, OptionalLong.empty());
            Description times =
                    new Description(spine.upper(), Frontier.of(id + 1), Frontier.MINIMUM);
            spine.push(
                    new HollowBatch(
                            times,
                            List.of(
                                    new io.espalier.spine.Run(
                                            new RunId(0, id), 1, false, List.of(part)))));
        }
        TraceCodec.Changed all = new TraceCodec.Changed(1, "a", spine.changeFrom(new Spine()));
        try (StoreDirectory directory =
                StoreDirectory.open(stores.disk(), Mode.CREATE, new TraceState())) {
            directory.append(
                    List.of(
                            TraceCodec.encode(
                                    new TraceCodec.Change(
                                            partCount + 1,
                                            partCount + 1,
                                            List.of(),
                                            List.of(all)))));
        }
        try (TraceStore store = stores.open(BY_HAND)) {
            commit(store, 0, "a");
            assertEquals(partCount + 1, store.find("a").orElseThrow().runCount());
        }
        try (TraceStore store = stores.open(BY_HAND)) {
            assertEquals(partCount + 2, store.upper());
            assertEquals(partCount + 1, store.find("a").orElseThrow().runCount());
            assertEquals(1, batchFiles().size());
        }
    }
}
