package io.espalier.spine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A spine and a naive account of it: each run stands for a set of pushes, and every push must be
 * stood for exactly once, at its place.
 */
final class SpineModel {
    Spine spine = new Spine();

    /** The upper of each push; push i covers the times from the upper before it. */
    private final List<Long> uppers = new ArrayList<>();

    private final List<Integer> nonEmpty = new ArrayList<>();
    private final Map<RunId, Set<Integer>> pushesOfRun = new HashMap<>();
    private final List<MergeRequest> open = new ArrayList<>();
    private final List<MergeResult> applied = new ArrayList<>();
    private long since;

    /** What a log would have made of the changes. */
    private Spine logged = new Spine();

    void run(SpinePropertyTest.Call call) throws SpineFormatException {
        Spine before = spine.copy();
        FlatSpine flatBefore = before.flatten();
        runOnly(call);
        FlatSpine flatAfter = spine.flatten();
        SpineChange change = spine.changeFrom(before);
        assertEquals(flatBefore, before.flatten(), "a copy is not what it was");
        assertEquals(Optional.empty(), before.validate());
        logged = logged.changed(change);
        assertEquals(flatAfter, logged.flatten());
        assertEquals(flatAfter, spine.flatten());
        assertEquals(Optional.empty(), logged.validate());
    }

    private void runOnly(SpinePropertyTest.Call call) throws SpineFormatException {
        switch (call.kind()) {
            case PUSH -> push(call.amount(), call.choice());
            case PUSH_EMPTY -> push(0, call.choice());
            case EXERT -> {
                int runCount =
                        spine.snapshot().stream().mapToInt(batch -> batch.runs().size()).sum();
                Spine.Exertion exertion = spine.exert(call.amount());
                assertEquals(runCount >= 2, exertion.worked());
                open.addAll(exertion.requests());
            }
            case SWEEP -> open.addAll(spine.sweep(call.amount()).requests());
            case SINCE -> {
                since = Math.max(since, upper() + call.choice() % 5 - 2);
                spine.downgradeSince(Frontier.of(since));
            }
            case ANSWER -> answer(call.choice(), call.amount());
            case ANSWER_PARTLY -> answerPartly(call.choice());
            case REPLAY -> replay(call.choice());
            case CLAIM -> claim(call.choice(), call.amount());
            case REOPEN -> {
                FlatSpine flat = spine.flatten();
                spine = Spine.unflatten(flat);
                assertEquals(flat, spine.flatten());
            }
        }
    }

    boolean pushWouldFuse(long updateCount) {
        List<FlatSpine.FlatBatch> batches = spine.flatten().batches();
        return updateCount == 0 && !batches.isEmpty() && spine.snapshot().getLast().isEmpty();
    }

    void check() {
        assertEquals(Optional.empty(), spine.validate());
        assertEquals(Frontier.of(upper()), spine.upper());
        assertEquals(Frontier.of(since), spine.since());
        FlatSpine flat = spine.flatten();
        Map<Integer, Integer> batchesOfLevel = new HashMap<>();
        for (FlatSpine.FlatBatch batch : flat.batches()) {
            assertTrue(batchesOfLevel.merge(batch.level(), 1, Integer::sum) <= 2);
        }
        assertEquals(
                batchesOfLevel.values().stream().filter(count -> count == 2).count(),
                flat.merges().size());
        long id = 0;
        Frontier time = Frontier.MINIMUM;
        List<Integer> covered = new ArrayList<>();
        for (IdHollowBatch part : flat.parts()) {
            assertEquals(id, part.id().first());
            assertEquals(time, part.batch().description().lower());
            id = part.id().end();
            time = part.batch().description().upper();
            long lower = part.batch().description().lower().epoch();
            for (Run run : part.batch().runs()) {
                for (int push : pushesOfRun.getOrDefault(run.id(), Set.of())) {
                    assertTrue(
                            lower < uppers.get(push) && uppers.get(push) <= time.epoch(),
                            "push " + push + " in " + part);
                    covered.add(push);
                }
            }
        }
        assertEquals(flat.nextId(), id);
        covered.sort(null);
        assertEquals(nonEmpty, covered);
        assertEquals(flat.parts().stream().map(IdHollowBatch::batch).toList(), spine.snapshot());
    }

    private long upper() {
        return uppers.isEmpty() ? 0 : uppers.getLast();
    }

    private void push(long updateCount, int choice) {
        long lower = upper();
        uppers.add(lower + 1 + choice % 3);
        Description description = Facts.times(lower, upper(), Math.min(since, choice % 4));
        if (updateCount == 0) {
            open.addAll(spine.push(HollowBatch.empty(description)));
            return;
        }
        int push = uppers.size() - 1;
        nonEmpty.add(push);
        List<Run> runs = new ArrayList<>();
        Run whole = Facts.run(updateCount);
        pushesOfRun.put(whole.id(), Set.of(push));
        runs.add(whole);
        // Some writers leave several runs; the others stand for nothing of their own here.
        for (int i = 0; i < choice % 3; i++) {
            Run more = Facts.run(1 + choice % 5);
            pushesOfRun.put(more.id(), Set.of());
            runs.add(more);
        }
        open.addAll(spine.push(new HollowBatch(description, runs)));
    }

    /**
     * Answers an open request as a compactor would: one run for all, with as many updates or fewer.
     */
    private void answer(int choice, long amount) {
        if (open.isEmpty()) {
            return;
        }
        MergeRequest request = open.get(choice % open.size());
        if (choice % 5 != 0) {
            open.remove(request);
        }
        List<Run> inputs =
                request.inputs().stream().flatMap(input -> input.batch().runs().stream()).toList();
        List<Run> outputs = new ArrayList<>();
        if (!inputs.isEmpty()) {
            long updateCount = Amounts.sum(inputs, Run::updateCount);
            Run output = Facts.run(Math.max(1, updateCount - amount % (updateCount + 2)));
            pushesOfRun.put(output.id(), union(inputs));
            outputs.add(output);
        }
        apply(MergeResult.of(request, new HollowBatch(request.description(), outputs)));
    }

    /** Joins two runs of some part. */
    private void answerPartly(int choice) {
        List<IdHollowBatch> parts =
                spine.flatten().parts().stream()
                        .filter(part -> part.batch().runs().size() > 1)
                        .toList();
        if (parts.isEmpty()) {
            return;
        }
        IdHollowBatch part = parts.get(choice % parts.size());
        List<Run> taken = part.batch().runs().subList(0, 2);
        Run output = Facts.run(Amounts.sum(taken, Run::updateCount));
        pushesOfRun.put(output.id(), union(taken));
        Replaced replaced =
                new Replaced.Runs(part.id(), Set.of(taken.getFirst().id(), taken.getLast().id()));
        int runCount = part.batch().runs().size();
        ApplyResult result =
                apply(
                        Facts.result(
                                replaced,
                                new HollowBatch(part.batch().description(), List.of(output))));
        assertTrue(result.applied());
        assertTrue(
                spine.flatten().parts().stream()
                        .anyMatch(now ->
                                now.id().equals(part.id())
                                        && now.batch().runs().size() == runCount - 1));
    }

    private void replay(int choice) {
        if (!applied.isEmpty()) {
            MergeResult stale = applied.get(choice % applied.size());
            FlatSpine before = spine.flatten();
            assertFalse(spine.apply(stale).applied(), () -> "applied again: " + stale);
            assertEquals(before, spine.flatten());
        }
    }

    private void claim(int choice, long nowMillis) {
        List<MergeRequest> free = spine.requestsBefore(Long.MAX_VALUE, 0);
        if (!free.isEmpty()) {
            SpineId id = free.get(choice % free.size()).id();
            assertTrue(spine.claim(id, nowMillis));
            assertTrue(
                    spine.requestsBefore(nowMillis - 1, 0).stream()
                            .noneMatch(request -> request.id().equals(id)));
        }
    }

    private ApplyResult apply(MergeResult result) {
        FlatSpine before = spine.flatten();
        ApplyResult answer = spine.apply(result);
        if (!answer.applied()) {
            assertEquals(before, spine.flatten());
        } else if (!result.output().isEmpty()) {
            applied.add(result);
        }
        return answer;
    }

    private Set<Integer> union(List<Run> runs) {
        Set<Integer> union = new LinkedHashSet<>();
        runs.forEach(run -> union.addAll(pushesOfRun.getOrDefault(run.id(), Set.of())));
        return union;
    }
}
