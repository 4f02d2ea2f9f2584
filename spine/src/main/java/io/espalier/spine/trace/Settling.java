package io.espalier.spine.trace;

import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.Run;
import io.espalier.spine.Spine;
import io.espalier.spine.SpineId;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Which runs of a trace are brought together once nobody commits to its store any more, so that
 * readers find few of them.
 *
 * <p>The rule: as many of the newest as pay. A compaction pays if the largest of its runs is at
 * most {@value #RATIO_MAX} times as large as the others together, so that no more than 1 + {@value
 * #RATIO_MAX} updates are written for each that has come; or if all of it is {@value
 * #SMALL_UPDATES} updates or fewer, whose files cost more than what is in them. It ends where
 * nothing pays: as a rule one run is left or two, and in a store of 100 GB that was given one MB
 * the 100 GB stay where they are. A merge that was under way in the spine, and that this happens to
 * finish, is done whatever it takes: a few commits more, and it would have been asked for.
 *
 * <p>Differential dataflow has its spines merge on when there is time as well, until a single run
 * is left.
 */
final class Settling {

    /** The most that is written again for each update that is not in the largest run. */
    static final int RATIO_MAX = 4;

    /** What is always brought together. */
    static final long SMALL_UPDATES = 1 << 12;

    private static final int LEVEL_MAX = 61;

    private Settling() {}

    /**
     * Makes batches of a spine meet as far as it pays.
     *
     * @return false if it does not, or something is asked for already; the spine is as it was then
     */
    static boolean sweep(Spine spine) {
        List<Spine.Placed> placed = spine.placed();
        if (placed.isEmpty() || !spine.requestsBefore(Long.MAX_VALUE, 0).isEmpty()) {
            return false;
        }
        Set<SpineId> underWay = new HashSet<>();
        spine.flatten().merges().forEach(merge -> underWay.add(merge.id()));
        // a merge at the highest level moves what it leaves above it
        int top = placed.getFirst().level() + 1;
        for (int level = Math.min(LEVEL_MAX, top); level >= 0; level--) {
            long updates = 1L << level;
            Spine exerted = spine.copy();
            // a merge at this level has twice as much to do at most
            exerted.exert(2 * updates);
            if (pays(exerted, underWay)) {
                spine.exert(2 * updates);
                return true;
            }
            Spine swept = spine.copy();
            swept.sweep(updates);
            if (pays(swept, underWay)) {
                spine.sweep(updates);
                return true;
            }
        }
        return false;
    }

    private static boolean pays(Spine swept, Set<SpineId> underWay) {
        boolean any = false;
        for (MergeRequest request : swept.requestsBefore(Long.MAX_VALUE, 0)) {
            boolean pays = pays(request);
            if (!pays && !underWay.contains(request.id())) {
                return false;
            }
            any |= pays;
        }
        return any;
    }

    private static boolean pays(MergeRequest request) {
        long all = 0;
        long largest = 0;
        for (IdHollowBatch input : request.inputs()) {
            for (Run run : input.batch().runs()) {
                all += run.updateCount();
                largest = Math.max(largest, run.updateCount());
            }
        }
        return all <= SMALL_UPDATES || largest <= RATIO_MAX * (all - largest);
    }
}
