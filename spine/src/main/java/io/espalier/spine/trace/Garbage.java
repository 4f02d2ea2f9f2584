package io.espalier.spine.trace;

import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.Spine;
import java.util.OptionalLong;

/**
 * How much of a trace is there only because it has not been folded: updates that cancel or add up
 * once their times are one. The levels of a spine go by how much there is, not by how much of it is
 * worth keeping; a table that is overwritten again and again would grow to several times its rows
 * before its largest run is merged.
 *
 * <p>Nothing is read for it. Each part knows how many updates it has and what their diffs add up
 * to; where every row is there once, the sum is the number of rows. Rows that are there more than
 * once make the guess too low, never too high. A universal compaction of other stores has such a
 * bound on the room that it takes, too.
 */
final class Garbage {

    /** Less than this is not worth a compaction of everything: about a chunk or two. */
    static final long UPDATES_MIN = 1 << 16;

    private Garbage() {}

    /**
     * Whether all runs should become one for the sake of the room that they take.
     *
     * @param amount that of the spine
     * @param percentMax so many updates may be garbage for a hundred rows
     */
    static boolean isTooMuch(Amount amount, Spine spine, int percentMax) {
        return isTooMuch(amount, spine, percentMax, UPDATES_MIN);
    }

    static boolean isTooMuch(Spine spine, int percentMax, long updatesMin) {
        return isTooMuch(amount(spine), spine, percentMax, updatesMin);
    }

    static boolean isTooMuch(Amount amount, Spine spine, int percentMax, long updatesMin) {
        return amount.garbage() >= updatesMin
                && amount.garbage() > amount.rows() / 100.0 * percentMax
                && !isAskedFor(spine);
    }

    /**
     * What of a trace can be folded.
     *
     * @param garbage how many updates would be gone
     * @param rows how many would be left
     */
    record Amount(long garbage, long rows) {

        static final Amount NONE = new Amount(0, 0);

        /** How many updates would be gone for a hundred that are left; 0 where it does not pay. */
        double percent() {
            return garbage < UPDATES_MIN ? 0 : 100.0 * garbage / Math.max(1, rows);
        }
    }

    static Amount amount(Spine spine) {
        Frontier since = spine.since();
        long updates = 0;
        long rows = 0;
        boolean oldest = true;
        for (HollowBatch batch : spine.snapshot()) {
            if (!batch.isEmpty() && isFoldable(batch, since)) {
                OptionalLong sum = batch.diffSum();
                boolean folded =
                        oldest
                                && batch.runs().size() == 1
                                && isFoldable(batch, batch.description().since());
                updates += batch.updateCount();
                // what is left in a run that is folded stays, whatever its diffs
                rows += folded ? batch.updateCount() : sum.orElse(batch.updateCount());
            }
            oldest &= batch.isEmpty();
        }
        long garbage = updates - Math.clamp(rows, 0, updates);
        return new Amount(garbage, Math.max(0, rows));
    }

    /** Whether all times of a batch are one as of {@code since}. */
    private static boolean isFoldable(HollowBatch batch, Frontier since) {
        Frontier upper = batch.description().upper();
        return since.isEmpty()
                || (!upper.isEmpty()
                        && upper.epoch() != 0
                        && Frontier.of(upper.epoch() - 1).lessEqual(since));
    }

    /** Whether the oldest updates are about to be compacted in any case. */
    private static boolean isAskedFor(Spine spine) {
        Frontier oldest = null;
        for (HollowBatch batch : spine.snapshot()) {
            if (!batch.isEmpty()) {
                oldest = batch.description().lower();
                break;
            }
        }
        Frontier lower = oldest;
        return lower != null
                && spine.requestsBefore(Long.MAX_VALUE, 0).stream()
                        .flatMap(request -> request.inputs().stream())
                        .anyMatch(input ->
                                !input.batch().isEmpty()
                                        && input.batch().description().lower().equals(lower));
    }
}
