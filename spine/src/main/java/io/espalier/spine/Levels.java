package io.espalier.spine;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The levels of a spine, the newest and smallest at index 0, and how batches climb them.
 *
 * <p>A batch at level <i>j</i> has at most 2<sup>j</sup> updates, so a merge there takes at most
 * 2<sup>j+1</sup> fuel. Each introduction at level <i>k</i> gives every merge 8 x 2<sup>k</sup>,
 * and adds at most 2 x 2<sup>k</sup> of <em>weight</em> (batches times 2<sup>level</sup>) below any
 * merge that it does not finish. A merge begins over at most 2<sup>j-1</sup> of weight, and it
 * takes 2<sup>j</sup> to fill the level beneath it, so it is done before its outcome's successor
 * arrives. {@link SpineCheck} holds every spine to that account, also one read from a file, hence
 * no sequence of calls can meet a level that is still merging.
 *
 * <p>From differential dataflow's fuelled spine.
 */
final class Levels {
    static final int MAX_LEVELS = 256;

    /** Fuel given to every merge for each update that a new batch might have at its level. */
    private static final long FUEL_PER_UPDATE = 8;

    private final List<Level> levels = new ArrayList<>();
    private final List<Level> view = Collections.unmodifiableList(levels);
    private final List<MergeRequest> requests = new ArrayList<>();

    /**
     * The level at which a batch of so many updates belongs: the logarithm of the next power of
     * two.
     */
    static int levelFor(long updateCount) {
        return updateCount <= 1 ? 0 : Long.SIZE - Long.numberOfLeadingZeros(updateCount - 1);
    }

    /** Equal levels, which change apart from these. The batches are shared. */
    Levels copy() {
        assert requests.isEmpty();
        Levels copy = new Levels();
        for (Level level : levels) {
            copy.levels.add(level.copy());
        }
        return copy;
    }

    /** Newest first; the index is the level. */
    List<Level> all() {
        return view;
    }

    /** The requests since the last call, without the redundant ones. */
    List<MergeRequest> takeRequests() {
        List<MergeRequest> taken = MergeRequest.withoutRedundant(requests);
        requests.clear();
        return taken;
    }

    /**
     * Puts an empty batch beside another one, if such is the newest, and lets the two become one at
     * once: a source that only reports progress leaves one batch behind and not thousands.
     */
    boolean fuseEmpty(SpineBatch batch, Frontier since) {
        assert batch.isEmpty();
        for (Level level : levels) {
            if (level.isSingle() && level.batches().getFirst().isEmpty()) {
                level.insert(batch, since);
                SpineBatch fused = level.complete(requests::add);
                level.insert(present(fused), since);
                return true;
            }
            if (!level.isVacant()) {
                return false;
            }
        }
        return false;
    }

    /**
     * Adds the newest batch at level {@code index}, after making room: everything below is swept up
     * into that level first.
     */
    void introduce(SpineBatch batch, int index, Frontier since) {
        applyFuel(Amounts.shiftLeft(FUEL_PER_UPDATE, index), since);
        rollUp(index, since);
        insertAt(batch, index, since);
        tidy(since);
    }

    /**
     * Gives each merge {@code fuel}. What finishes moves up, and the merge that this begins is
     * fuelled in the same pass.
     */
    void applyFuel(long fuel, Frontier since) {
        int levelCount = levels.size();
        for (int index = 0; index < levelCount; index++) {
            Level level = levels.get(index);
            level.work(fuel);
            if (level.isMerged()) {
                promote(present(level.complete(requests::add)), index, since);
            }
        }
    }

    /**
     * Draws the largest batch down to the level that suits its size, after compaction made it
     * smaller. Stops above another batch, unless the two may merge without the levels below filling
     * up meanwhile.
     */
    void tidy(Frontier since) {
        int top = levels.size() - 1;
        if (top < 0 || !levels.get(top).isSingle()) {
            return;
        }
        int wanted = levelFor(levels.get(top).batches().getFirst().updateCount());
        while (wanted < top) {
            Level below = levels.get(top - 1);
            if (below.isVacant()) {
                levels.remove(top - 1);
                top--;
                continue;
            }
            if (below.isSingle() && weightBelow(top - 1).compareTo(tidyLimit(levels.size())) <= 0) {
                SpineBatch newer = present(below.complete(requests::add));
                levels.remove(top - 1);
                insertAt(newer, top - 1, since);
            }
            return;
        }
    }

    /**
     * The updates at a level if each batch were as large as it admits. Exact, since the account of
     * fuel must be.
     */
    static BigInteger weight(Level level, int index) {
        return BigInteger.valueOf(level.batches().size()).shiftLeft(index);
    }

    private BigInteger weightBelow(int index) {
        BigInteger weight = BigInteger.ZERO;
        for (int i = 0; i < index; i++) {
            weight = weight.add(weight(levels.get(i), i));
        }
        return weight;
    }

    boolean anyMerging() {
        return levels.stream().anyMatch(Level::isMerging);
    }

    /** The level at {@code index}, with vacant ones below it as needed. */
    Level ensure(int index) {
        assert index < MAX_LEVELS : index;
        while (levels.size() <= index) {
            levels.add(new Level());
        }
        return levels.get(index);
    }

    /**
     * Moves what {@code index} held one level up. The highest level keeps it: {@link
     * Spine#MAX_UPDATES} are far from filling that one.
     */
    private void promote(SpineBatch outcome, int index, Frontier since) {
        insertAt(outcome, Math.min(index + 1, MAX_LEVELS - 1), since);
    }

    private void insertAt(SpineBatch batch, int index, Frontier since) {
        ensure(index).insert(batch, since);
    }

    /**
     * Completes all levels below {@code index}, fuelled or not, and leaves what they held at {@code
     * index} or just above.
     */
    private void rollUp(int index, Frontier since) {
        ensure(index);
        SpineBatch carry = null;
        for (int i = 0; i < index; i++) {
            Level level = levels.get(i);
            if (carry != null) {
                level.insert(carry, since);
            }
            carry = level.complete(requests::add);
        }
        if (carry == null) {
            return;
        }
        Level level = levels.get(index);
        level.insert(carry, since);
        if (level.isFull()) {
            promote(present(level.complete(requests::add)), index, since);
        }
    }

    /** An eighth of 2^levelCount, rounded down. */
    private static BigInteger tidyLimit(int levelCount) {
        return BigInteger.ONE.shiftLeft(levelCount).shiftRight(3);
    }

    private static SpineBatch present(@Nullable SpineBatch batch) {
        if (batch == null) {
            throw new IllegalStateException("a level that held batches completed without one");
        }
        return batch;
    }
}
