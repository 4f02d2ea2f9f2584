package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.PartRef;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import io.espalier.spine.trace.ExternalCompaction.Answer;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Compactions that others do: what is handed out, and what becomes of their results. */
class ExternalCompactionTest {

    private static final TraceStoreOptions OPTIONS =
            TraceStoreOptions.defaults().withCompaction(false).withChunkBytes(400);
    private static final int EPOCHS = 3;

    private long nowMillis = 1_000_000;

    @RegisterExtension final SimulatedStores stores = SimulatedStores.of(6, () -> nowMillis);

    /** A store with one request. */
    private TraceStore filled() {
        TraceStore store = stores.open(OPTIONS);
        for (int i = 0; i < EPOCHS; i++) {
            commit(store);
        }
        return store;
    }

    private void commit(TraceStore store) {
        stores.commit(store, "a", 1);
    }

    private void check(TraceStore store) {
        Map<String, String> rows = new TreeMap<>();
        for (long epoch = 1; epoch < store.upper(); epoch++) {
            rows.put(SimulatedStores.key(epoch, 0), "v" + epoch);
        }
        Trace trace = store.find("a").orElseThrow();
        assertEquals(rows, Rows.read(stores.memory(), trace, store.upper() - 1));
    }

    private List<String> left() {
        return stores.files("compactions");
    }

    private static Trace trace(TraceStore store) {
        return store.find("a").orElseThrow();
    }

    @Test
    void aResultIsAppliedOnce() throws ManifestState.MalformedException {
        // fails if a repeated result is applied again, or its file goes because of the repetition
        try (TraceStore store = filled()) {
            ExternalCompaction external = store.externalCompaction();
            CompactionRequest request = external.next().orElseThrow();
            assertEquals(Optional.empty(), external.next());
            byte[] bytes = stores.work(CompactionRequest.ofBytes(request.toBytes())).toBytes();
            CompactionResult result = CompactionResult.ofBytes(bytes);
            assertEquals(Answer.APPLIED, external.answer(result));
            assertEquals(2, trace(store).runCount());
            assertEquals(List.of(), left());
            assertEquals(Answer.REPEATED, external.answer(result));
            // also when another compaction has taken its place since
            commit(store);
            store.compact();
            assertEquals(Answer.REPEATED, external.answer(result));
            check(store);
            CompactionStats stats = store.compactionStats();
            assertEquals(
                    new CompactionStats.External(1, 1, 0, 2, 0), stats.external(), stats::toString);
        }
        try (TraceStore store = stores.open(OPTIONS)) {
            check(store);
        }
        assertTrue(TraceStore.verify(stores.disk(), stores.pager(), damage -> {}).isWhole());
    }

    @Test
    void aResultThatComesTooLateIsRefusedAndItsFileGoes() {
        // fails if what was compacted since is brought back, or garbage stays
        try (TraceStore store = filled()) {
            ExternalCompaction external = store.externalCompaction();
            CompactionRequest request = external.next().orElseThrow();
            CompactionResult result = stores.work(request);
            store.compact();
            assertEquals(Answer.STALE, external.answer(result));
            assertEquals(List.of(), left());
            assertEquals(1, trace(store).runCount());
            // the worker is slower still: its inputs are gone
            CompactionResult failed = stores.work(request);
            assertInstanceOf(CompactionResult.Failed.class, failed.outcome());
            assertEquals(Answer.STALE, external.answer(failed));
            assertEquals(List.of(), left());
            check(store);
        }
    }

    @Test
    void aClaimSurvivesTheOwner() throws InterruptedException {
        // fails if an owner that comes back deletes what a worker has written, or works on the same
        CompactionRequest request;
        CompactionResult result;
        try (TraceStore store = filled()) {
            request = store.externalCompaction().next().orElseThrow();
        }
        stores.disk().killProcess();
        try (TraceStore store =
                stores.open(OPTIONS.withCompaction(true).withCompactionPatienceMillis(0))) {
            result = stores.work(request);
            while (store.compactionStats().waiting() > 0) {
                Thread.sleep(1);
            }
            assertEquals(0, store.compactionStats().applied());
            assertEquals(2, left().size());
        }
        try (TraceStore store = stores.open(OPTIONS)) {
            assertEquals(Optional.empty(), store.externalCompaction().next());
            assertEquals(Answer.APPLIED, store.externalCompaction().answer(result));
            assertEquals(2, trace(store).runCount());
        }
        try (TraceStore store = stores.open(OPTIONS)) {
            assertEquals(Answer.REPEATED, store.externalCompaction().answer(result));
            check(store);
        }
    }

    @Test
    void whatIsNotAnsweredInTimeIsAskedForAgain() {
        // fails if a dead worker stops compaction for ever, or its files stay
        try (TraceStore store = filled()) {
            ExternalCompaction external = store.externalCompaction();
            CompactionRequest request = external.next().orElseThrow();
            CompactionResult late = stores.work(request);
            nowMillis += OPTIONS.compactionLeaseMillis();
            CompactionRequest again = external.next().orElseThrow();
            assertNotEquals(request.fileId(), again.fileId());
            assertEquals(request.inputs(), again.inputs());
            assertEquals(1, left().size(), () -> left().toString());
            assertEquals(Answer.UNKNOWN, external.answer(late));
            assertEquals(Answer.APPLIED, external.answer(stores.work(again)));
            assertEquals(1, store.compactionStats().external().expired());
            check(store);
        }
        // and what a crash leaves, at the next opening
        try (TraceStore store = stores.open(OPTIONS)) {
            commit(store);
            commit(store);
            CompactionRequest request = store.externalCompaction().next().orElseThrow();
            stores.work(request);
            stores.disk().setBytes(Names.compactionAttempt(request.fileId(), "dead"), new byte[9]);
            stores.disk().setBytes("compactions/99.out", new byte[9]);
            stores.disk().setBytes("compactions/mine", new byte[9]);
        }
        try (TraceStore store = stores.open(OPTIONS)) {
            assertEquals(4, left().size(), () -> left().toString());
            assertEquals(Optional.empty(), store.externalCompaction().next());
        }
        nowMillis += OPTIONS.compactionLeaseMillis();
        try (TraceStore store = stores.open(OPTIONS)) {
            assertEquals(List.of("compactions/mine"), left());
            assertTrue(store.externalCompaction().next().isPresent());
        }
    }

    @Test
    void aWorkerThatFailedLeavesTheRequestToOthers() {
        // fails if one full disk of a worker delays the compaction until the lease is over
        try (TraceStore store = filled()) {
            ExternalCompaction external = store.externalCompaction();
            CompactionRequest request = external.next().orElseThrow();
            stores.disk().failAt(stores.disk().steps() + 1, Fault.FULL);
            CompactionResult failed = stores.work(request);
            assertInstanceOf(CompactionResult.Failed.class, failed.outcome());
            assertEquals(1, left().size());
            assertEquals(Answer.FAILED, external.answer(failed));
            assertEquals(List.of(), left());
            CompactionRequest again = external.next().orElseThrow();
            assertEquals(Answer.APPLIED, external.answer(stores.work(again)));
            check(store);
        }
    }

    @Test
    void anOutputThatIsNotWhatItSaysIsRefused() {
        // fails if a faulty worker can lose or invent rows
        try (TraceStore store = filled()) {
            ExternalCompaction external = store.externalCompaction();
            for (int fault = 0; fault < 6; fault++) {
                CompactionRequest request = external.next().orElseThrow();
                CompactionResult result = stores.work(request);
                PartRef part = ((CompactionResult.Done) result.outcome()).output().orElseThrow();
                String name = Names.compactionOutput(request.fileId());
                byte[] bytes = stores.disk().bytes(name);
                Optional<PartRef> output = Optional.of(part);
                switch (fault) {
                    case 0 -> {
                        bytes[bytes.length / 2] ^= 1;
                        stores.disk().setBytes(name, bytes);
                    }
                    case 1 -> stores.disk().lose(name);
                    case 2 -> output = Optional.empty();
                    case 3 -> output = Optional.of(part(part, 0, 1));
                    case 4 -> output = Optional.of(part(part, 1, 0));
                    default -> stores.disk().setBytes(name, Arrays.copyOf(bytes, 100));
                }
                CompactionResult faulty =
                        CompactionResult.of(request, new CompactionResult.Done(output));
                assertEquals(Answer.DAMAGED, external.answer(faulty), "fault " + fault);
                assertEquals(List.of(), left());
                check(store);
            }
            CompactionRequest request = external.next().orElseThrow();
            CompactionResult result = stores.work(request);
            // an answer to something else
            CompactionResult other =
                    new CompactionResult(result.storeId(), result.fileId(), 77, result.outcome());
            assertEquals(Answer.UNKNOWN, external.answer(other));
            assertEquals(Answer.APPLIED, external.answer(result));
            assertEquals(2, trace(store).runCount());
            assertEquals(
                    2,
                    stores.disk().files().stream()
                            .filter(name -> name.startsWith("batches/"))
                            .count());
        }
    }

    private static PartRef part(PartRef part, long moreFileId, long moreUpdates) {
        return new PartRef(
                part.name(),
                part.fileId() + moreFileId,
                part.updateCount() + moreUpdates,
                part.sizeBytes(),
                OptionalLong.of(part.diffSum().orElseThrow()));
    }

    @Test
    void whatWasAppliedStaysSoThoughNobodyKnewIt() {
        // fails if a commit whose outcome was unknown costs the rows that it named
        for (int step = 0; step < 12; step++) {
            for (Fault fault : List.of(Fault.CRASH, Fault.SYNC_FAILS, Fault.FULL, Fault.DENIED)) {
                answerWithFault(step, fault);
            }
        }
    }

    private void answerWithFault(int step, Fault fault) {
        SimulatedDisk other = new SimulatedDisk(100 + step);
        CompactionResult result;
        TraceStore store = TraceStore.open(other, Mode.CREATE, stores.pager(), OPTIONS);
        try {
            for (int i = 0; i < EPOCHS; i++) {
                commit(store);
            }
            CompactionRequest request = store.externalCompaction().next().orElseThrow();
            result = CompactionWorker.answer(other, request, stores.pager(), "a");
            other.failAt(other.steps() + step, fault);
            try {
                store.externalCompaction().answer(result);
            } catch (StoreException.Full | StoreException.NotPermitted e) {
                // the store goes on
                assertEquals(Answer.APPLIED, store.externalCompaction().answer(result));
            } catch (StoreException.Stopped | SimulatedDisk.Crash e) {
                other.goDown();
            }
        } finally {
            other.goDown();
            try {
                store.close();
            } catch (SimulatedDisk.Crash e) {
                // it cannot say good-bye
            }
        }
        if (step % 2 == 0) {
            other.losePower();
        } else {
            other.killProcess();
        }
        try (TraceStore again = TraceStore.open(other, Mode.OPEN, stores.pager(), OPTIONS)) {
            Answer answer = again.externalCompaction().answer(result);
            boolean applied = trace(again).runCount() == 2;
            assertEquals(
                    applied, answer == Answer.REPEATED || answer == Answer.APPLIED, answer::name);
            check(again);
            assertFalse(again.externalCompaction().answer(result) == Answer.APPLIED);
            check(again);
        }
        assertTrue(TraceStore.verify(other, stores.pager(), damage -> {}).isWhole());
    }
}
