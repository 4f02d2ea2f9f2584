package io.espalier.spine;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;

/** Short ways to write batches down in tests. */
final class Facts {
    private static final AtomicLong NEXT = new AtomicLong();

    private Facts() {}

    static Frontier at(long epoch) {
        return Frontier.of(epoch);
    }

    static Description times(long lower, long upper, long since) {
        return new Description(at(lower), at(upper), at(since));
    }

    /** A run of one part, under an id that no other run has. */
    static Run run(long updateCount) {
        return run(updateCount, OptionalLong.empty(), false);
    }

    static Run run(long updateCount, OptionalLong diffSum, boolean truncated) {
        long id = NEXT.incrementAndGet();
        PartRef part = new PartRef("r" + id, id, updateCount, 4096, diffSum);
        return new Run(new RunId(0, id), 1, truncated, List.of(part));
    }

    static Run summed(long updateCount, long diffSum) {
        return run(updateCount, OptionalLong.of(diffSum), false);
    }

    static HollowBatch batch(long lower, long upper, Run... runs) {
        return new HollowBatch(times(lower, upper, 0), List.of(runs));
    }

    /** A batch of one run, or an empty one. */
    static HollowBatch batch(long lower, long upper, long updateCount) {
        return updateCount == 0
                ? HollowBatch.empty(times(lower, upper, 0))
                : batch(lower, upper, run(updateCount));
    }

    /** A spine of batches with these lengths, each covering one time. */
    static Spine spineOf(long... updateCounts) {
        Spine spine = new Spine();
        for (int i = 0; i < updateCounts.length; i++) {
            spine.push(batch(i, i + 1, updateCounts[i]));
        }
        return spine;
    }

    static Spine spineOf(HollowBatch... batches) {
        Spine spine = new Spine();
        Arrays.stream(batches).forEach(spine::push);
        return spine;
    }

    static MergeResult result(Replaced replaced, HollowBatch output) {
        return new MergeResult(replaced, output, OptionalLong.empty());
    }

    static Replaced.Range range(long first, long end, Run... runs) {
        return new Replaced.Range(
                new SpineId(first, end), Arrays.stream(runs).map(Run::id).toList());
    }

    static List<String> show(Spine spine) {
        return SpineText.batches(spine);
    }
}
