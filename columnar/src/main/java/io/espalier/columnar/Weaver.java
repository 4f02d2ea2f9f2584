package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.Words;

/**
 * Merges the updates of two runs that interleave closely, thousands at once: new keys with one val
 * and one update each, or new vals of one key with one update each. The column that decides is
 * merged by a kernel that notes its choices; all others follow the notes.
 *
 * <p>Not thread-safe.
 */
final class Weaver {

    /**
     * So many values of each side at once: their notes and the values stay in the nearest cache.
     */
    private static final long VALUES_MAX = 1024;

    /** Below, and where one side has so many times more than the other, pieces are cheaper. */
    private static final long VALUES_MIN = 8;

    private static final long SKEW_MAX = 8;

    private final ChainBuilder out;
    private final long valuesMin;
    private final NativeBuffer choices;
    private final Column folded = new Column();

    // what was found to be merged: ranges of the deciding columns
    private long countA;
    private long countB;

    Weaver(ChainBuilder out, boolean eager) {
        this.out = out;
        this.valuesMin = eager ? 1 : VALUES_MIN;
        this.choices = out.scratch();
    }

    /**
     * Merges what it can and moves both cursors behind it.
     *
     * @return how many updates that were; 0 if the heads do not suit, and nothing was done
     */
    long weave(RunCursor first, RunCursor second) {
        TrieView a = first.open();
        TrieView b = second.open();
        if (a.valBounds().stride() != 1 || b.valBounds().stride() != 1) {
            return 0;
        }
        boolean sameKey = Column.compare(a.keys(), first.key(), b.keys(), second.key()) == 0;
        if (!sameKey && (!isSingle(a) || !isSingle(b))) {
            return 0;
        }
        Column columnA = sameKey ? a.vals() : a.keys();
        Column columnB = sameKey ? b.vals() : b.keys();
        boolean fixed =
                columnA.encoding() == TrieLayout.FIXED
                        && columnB.encoding() == TrieLayout.FIXED
                        && columnA.width() == columnB.width()
                        && columnA.width() >= Long.BYTES;
        if (!fixed) {
            return 0;
        }
        if (continues(first, a, sameKey, out.builder())) {
            return 0;
        }
        // key, val and update have one index, or val and update have
        long i = first.update();
        long j = second.update();
        long endA = sameKey ? a.valsTo(first.key()) : a.keyCount();
        long endB = sameKey ? b.valsTo(second.key()) : b.keyCount();
        long bytes = Long.MAX_VALUE;
        long room = out.makeRoom();
        long most = VALUES_MAX;
        while (bytes > room) {
            if (!limit(columnA, i, endA, columnB, j, endB, most)) {
                return 0;
            }
            long k = sameKey ? 0 : 1;
            bytes =
                    a.flatBytes(i, i + k * countA, i, i + countA, i, i + countA)
                            + b.flatBytes(j, j + k * countB, j, j + countB, j, j + countB)
                            + (sameKey ? a.flatBytes(first.key(), first.key() + 1, 0, 0, 0, 0) : 0);
            most /= 2;
        }
        boolean done =
                sameKey
                        ? weaveVals(first, a, second, b, out.builder())
                        : weaveKeys(a, i, b, j, out.builder());
        if (!done) {
            return 0;
        }
        first.moveTo(i + countA);
        second.moveTo(j + countB);
        return countA + countB;
    }

    /**
     * Whether the least head belongs to the open key, or val: it starts no group of its own then.
     */
    private static boolean continues(
            RunCursor first, TrieView a, boolean sameKey, TrieBuilder target) {
        if (target.isEmpty()) {
            return false;
        }
        int order = target.compareLastKey(a.keys(), first.key());
        return order == 0 && (!sameKey || target.compareLastVal(a.vals(), first.val()) == 0);
    }

    /**
     * Folds updates that are equal in two runs of single vals and times, as long as they are.
     *
     * @return how many updates of both runs that were; 0 if the heads do not suit
     */
    long fold(RunCursor first, RunCursor second) {
        TrieView a = first.open();
        TrieView b = second.open();
        long i = first.update();
        long j = second.update();
        if (!isSingle(a) || !isSingle(b) || continues(first, a, false, out.builder())) {
            return 0;
        }
        long most = Math.min(VALUES_MAX, Math.min(a.keyCount() - i, b.keyCount() - j));
        most = Column.equalRun(a.keys(), i, b.keys(), j, most);
        most = Column.equalRun(a.vals(), i, b.vals(), j, most);
        most = Column.equalRun(a.times(), i, b.times(), j, most);
        long room = out.makeRoom();
        while (most >= valuesMin && a.flatBytes(i, i + most, i, i + most, i, i + most) > room) {
            most /= 2;
        }
        if (most < valuesMin) {
            return 0;
        }
        choices.clear();
        long sums = choices.reserve(most * Long.BYTES);
        boolean constant = a.diffs().isConstant() && b.diffs().isConstant();
        long count = 0;
        while (count < (constant ? 1 : most)) {
            long x = a.diffAt(i + count);
            long y = b.diffAt(j + count);
            long sum = x + y;
            if (sum == 0 || ((x ^ sum) & (y ^ sum)) < 0) {
                break;
            }
            Words.setLong(choices.segment(), sums, count, sum);
            count++;
        }
        if (constant && count == 1) {
            count = most;
        }
        if (count < valuesMin) {
            return 0;
        }
        folded.bind(
                ColumnType.Kind.LONG,
                constant ? TrieLayout.CONSTANT : TrieLayout.FIXED,
                Long.BYTES,
                choices.segment(),
                sums,
                sums,
                count);
        TrieBuilder target = out.builder();
        target.openSingleKeys(count);
        target.keys().appendRange(a.keys(), i, i + count);
        target.vals().appendRange(a.vals(), i, i + count);
        target.appendUpdates(a.times(), i, folded, count);
        first.moveTo(i + count);
        second.moveTo(j + count);
        return 2 * count;
    }

    private static boolean isSingle(TrieView view) {
        return view.keyBounds().stride() == 1 && view.valBounds().stride() == 1;
    }

    /** Finds ranges of which neither reaches above the other; false if they are too small. */
    private boolean limit(Column a, long i, long endA, Column b, long j, long endB, long most) {
        countA = Math.min(endA - i, most);
        countB = Math.min(endB - j, most);
        int order = Column.compare(a, i + countA - 1, b, j + countB - 1);
        if (order < 0) {
            countB = b.gallop(j, j + countB, a, i + countA - 1) - j;
            // an equal value is the next head there: which of the two groups goes first is open
            countA -= Column.compare(a, i + countA - 1, b, j + countB) == 0 ? 1 : 0;
        } else if (order > 0) {
            countA = a.gallop(i, i + countA, b, j + countB - 1) - i;
            countB -= Column.compare(a, i + countA, b, j + countB - 1) == 0 ? 1 : 0;
        } else {
            countA--;
            countB--;
        }
        return Math.min(countA, countB) >= valuesMin
                && countA <= SKEW_MAX * countB
                && countB <= SKEW_MAX * countA;
    }

    private boolean weaveKeys(TrieView a, long i, TrieView b, long j, TrieBuilder target) {
        if (!target.isEmpty() && target.compareLastKey(a.keys(), i) >= 0) {
            // the first key is open already: its group goes on, and is no single one
            return false;
        }
        long notes = merge(a.keys(), i, b.keys(), j, target.keys());
        if (notes == -1) {
            return false;
        }
        target.openSingleKeys(countA + countB);
        target.keys().advanceFixed(a.keys().width(), countA + countB);
        target.vals().appendChosen(a.vals(), i, countA, b.vals(), j, countB, notes);
        target.appendChosenUpdates(a, i, countA, b, j, countB, notes);
        return true;
    }

    private boolean weaveVals(
            RunCursor first, TrieView a, RunCursor second, TrieView b, TrieBuilder target) {
        long i = first.update();
        long j = second.update();
        boolean keyIsOpen = !target.isEmpty() && target.compareLastKey(a.keys(), first.key()) == 0;
        if (keyIsOpen && target.compareLastVal(a.vals(), i) >= 0) {
            return false;
        }
        long notes = merge(a.vals(), i, b.vals(), j, target.vals());
        if (notes == -1) {
            return false;
        }
        if (!keyIsOpen) {
            target.openKey(a.keys(), first.key());
        }
        target.openSingleVals(countA + countB);
        target.vals().advanceFixed(a.vals().width(), countA + countB);
        target.appendChosenUpdates(a, i, countA, b, j, countB, notes);
        return true;
    }

    /** Merges values into a column, without taking them in; where the notes are, or -1. */
    private long merge(Column a, long i, Column b, long j, ColumnBuilder target) {
        long width = a.width();
        long count = countA + countB;
        long to = target.reserveFixed(width, count);
        if (to == -1) {
            return -1;
        }
        choices.clear();
        long notes = choices.reserve(count);
        boolean distinct =
                a.kind() == ColumnType.Kind.LONG
                        ? Interleaving.longs(
                                a.segment(),
                                a.offsetOf(i),
                                countA,
                                b.segment(),
                                b.offsetOf(j),
                                countB,
                                choices.segment(),
                                to,
                                notes)
                        : Interleaving.wide(
                                a.segment(),
                                a.offsetOf(i),
                                countA,
                                b.segment(),
                                b.offsetOf(j),
                                countB,
                                choices.segment(),
                                to,
                                notes,
                                width,
                                a.kind() == ColumnType.Kind.BYTES);
        return distinct ? notes : -1;
    }
}
