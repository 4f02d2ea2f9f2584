package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.pager.Pager;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.trace.ExternalCompaction.Answer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * Those who compact a simulated store from outside: they ask, work, die, and answer, late, twice,
 * or after a restart. What they were asked and what they answer goes through bytes.
 */
final class HistoryOutsiders {

    private final TraceHistory history;
    private final Pager pager;
    private final Random random;
    private final Tally tally;

    private final List<byte[]> requests = new ArrayList<>();
    private final List<byte[]> results = new ArrayList<>();
    private int attempts;

    HistoryOutsiders(TraceHistory history, Pager pager, Random random, Tally tally) {
        this.history = history;
        this.pager = pager;
        this.random = random;
        this.tally = tally;
    }

    /** One thing that one of them does. */
    void act() {
        ExternalCompaction external = history.store().externalCompaction();
        switch (requests.isEmpty() ? 0 : random.nextInt(8)) {
            case 0, 1 -> external.next().ifPresent(request -> requests.add(request.toBytes()));
            case 2 -> workAtOnce(external);
            case 3 -> work(request(requests.get(random.nextInt(requests.size()))));
            case 4 -> answerTooLate(external);
            case 5 -> die(request(requests.get(random.nextInt(requests.size()))));
            default -> {
                if (!results.isEmpty()) {
                    // the last ones, as a rule: the others are stale
                    int back = random.nextInt(random.nextInt(3) == 0 ? results.size() : 1);
                    answer(external, results.get(results.size() - 1 - back));
                }
            }
        }
    }

    /** As it should be; whether there was anything to do. */
    boolean workAtOnce(ExternalCompaction external) {
        Optional<CompactionRequest> request = external.next();
        if (request.isPresent()) {
            requests.add(request.get().toBytes());
            work(request.get());
            answer(external, results.getLast());
        }
        return request.isPresent();
    }

    /** Somebody else has done it meanwhile, since the lease was over. */
    private void answerTooLate(ExternalCompaction external) {
        Optional<CompactionRequest> request = external.next();
        if (request.isEmpty()) {
            return;
        }
        requests.add(request.get().toBytes());
        work(request.get());
        byte[] late = results.getLast();
        history.clock.advanceMillis(TraceHistory.LEASE_MILLIS);
        for (CompactionTask task : history.store().compaction().waiting(Long.MAX_VALUE)) {
            history.store().compactor().compact(task);
        }
        answer(external, late);
    }

    private void work(CompactionRequest request) {
        results.add(
                CompactionWorker.answer(history.disk, request, pager, "a" + attempts++).toBytes());
    }

    /** A worker that ends half way. */
    private void die(CompactionRequest request) {
        String name = Names.compactionAttempt(request.fileId(), "a" + attempts++);
        try (DiskFile file = history.disk.create(name)) {
            file.append(ByteBuffer.wrap(new byte[random.nextInt(3000)]));
            tally.add("worker died half way", 1);
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
        boolean inputsAreThere =
                requests.stream()
                        .map(HistoryOutsiders::request)
                        .filter(request -> request.fileId() == result.fileId())
                        .anyMatch(this::hasInputs);
        boolean rotten = random.nextInt(6) == 0 && rot(result);
        Answer answer = external.answer(result);
        tally.add("result " + answer, 1);
        if (answer == Answer.APPLIED) {
            assertTrue(inputsAreThere, "applied, but what it replaces was not there");
            assertFalse(rotten, "applied, but its file is damaged");
        }
        boolean listed = history.store().refersTo(result.fileId());
        switch (answer) {
            case APPLIED, REPEATED -> {
                // it is there, or another compaction has taken its place
            }
            default -> assertFalse(listed, () -> answer + ", but it is there");
        }
    }

    private boolean hasInputs(CompactionRequest request) {
        return request.inputs().stream().allMatch(part -> history.store().refersTo(part.fileId()));
    }

    /** Lets a bit of a result's file change, if there is one. */
    private boolean rot(CompactionResult result) {
        String name = Names.compactionOutput(result.fileId());
        boolean there = history.disk.files().contains(name);
        if (there && history.disk.bytes(name).length > 0) {
            int offset = random.nextInt(history.disk.bytes(name).length);
            history.disk.rot(name, offset, 1 << random.nextInt(8));
            tally.add("output of others damaged", 1);
            return true;
        }
        return false;
    }

    private static CompactionRequest request(byte[] bytes) {
        try {
            return CompactionRequest.ofBytes(bytes);
        } catch (ManifestState.MalformedException e) {
            throw new AssertionError(e);
        }
    }
}
