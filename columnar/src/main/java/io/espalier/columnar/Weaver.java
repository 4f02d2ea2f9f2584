package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Merges the updates of two runs that interleave closely, thousands at once: new keys with one val
 * and one update each, or new vals of one key with one update each. The column that decides is
 * merged by a kernel that notes its choices; all others follow the notes. Of longs, equal ones are
 * folded on the way; of others, that is left to the caller.
 *
 * <p>Not thread-safe.
 */
final class Weaver {

    /** So many values of each side at once: notes and values stay in the nearest cache. */
    private static final long VALUES_MAX = 1024;

    /** So many longs of both sides at once, if other columns follow: these stay in cache. */
    private static final long FOLLOWED_LONGS_MAX = 4096;

    /** And if none does: every block makes the machine guess anew where memory is read. */
    private static final long LONGS_MAX = 1 << 15;

    /** From so many longs on, four lanes are worth cutting a merge for. */
    private static final long LANES_LONGS_MIN = 32;

    /** Below, and where one side has so many times more than the other, pieces are cheaper. */
    private static final long VALUES_MIN = 8;

    private static final long SKEW_MAX = 8;

    /** The heads suit, but not here: next to the end of a chunk, say. */
    static final long NOT_NOW = -1;

    private final ChainBuilder out;
    private final boolean eager;
    private final long valuesMin;
    private final long lanesMin;
    private final NativeBuffer choices;
    private final Column folded = new Column();
    private final Stretches stretches;

    // what was found to be merged: ranges of the deciding columns
    private long countA;
    private long countB;

    // of these, how many values are left behind them on both sides, so that lanes may run
    private long lanesCount;

    Weaver(ChainBuilder out, boolean eager) {
        this.out = out;
        this.eager = eager;
        this.valuesMin = eager ? 1 : VALUES_MIN;
        this.lanesMin = eager ? LongLanes.LANES : LANES_LONGS_MIN;
        this.choices = out.scratch();
        this.stretches = new Stretches(out, eager);
    }

    /** What merges stretches that both runs have. */
    Stretches stretches() {
        return stretches;
    }

    boolean isEager() {
        return eager;
    }

    /**
     * Merges what it can and moves both cursors behind it.
     *
     * @return how many updates that were; 0 if the heads do not suit, or {@link #NOT_NOW}, and
     *     nothing was done
     */
    long weave(RunCursor first, RunCursor second) {
        TrieView a = first.open();
        TrieView b = second.open();
        if (a.valBounds().stride() != 1 || b.valBounds().stride() != 1) {
            return 0;
        }
        boolean sameKey = Column.compare(a.keys(), first.key(), b.keys(), second.key()) == 0;
        if (!sameKey && (!a.isSingle() || !b.isSingle())) {
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
        boolean oneSegment =
                columnA.segment().equals(choices.segment())
                        && columnB.segment().equals(choices.segment());
        if (columnA.kind() == ColumnType.Kind.LONG && oneSegment) {
            return weaveLongs(first, a, second, b, sameKey);
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
        Interleaving.appendChosen(target.vals(), a.vals(), i, countA, b.vals(), j, countB, notes);
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
                Interleaving.wide(
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

    // ---- longs --------------------------------------------------------------------------------

    /** The same as {@link #weave} where the deciding values are longs; equal ones are folded. */
    private long weaveLongs(
            RunCursor first, TrieView a, RunCursor second, TrieView b, boolean sameKey) {
        Column columnA = sameKey ? a.vals() : a.keys();
        Column columnB = sameKey ? b.vals() : b.keys();
        long i = first.update();
        long j = second.update();
        long endA = sameKey ? a.valsTo(first.key()) : a.keyCount();
        long endB = sameKey ? b.valsTo(second.key()) : b.keyCount();
        long room = out.makeRoom();
        TrieBuilder target = out.builder();
        boolean keyIsOpen =
                sameKey && !target.isEmpty() && target.compareLastKey(a.keys(), first.key()) == 0;
        if (sameKey && !keyIsOpen) {
            room -= a.flatBytes(first.key(), first.key() + 1, 0, 0, 0, 0);
        }
        boolean noted = follow(a, b, sameKey);
        long longsMax = noted ? FOLLOWED_LONGS_MAX : LONGS_MAX;
        long most = longsMax;
        long rowBytes = rowBytes(a, b, sameKey);
        if (rowBytes > 0) {
            // up to and with the one that fills the chunk
            most = Math.clamp((room + rowBytes - 1) / rowBytes, 1, longsMax);
        }
        do {
            plan(columnA, i, endA, columnB, j, endB, most, sameKey);
            if (most == longsMax && !suits()) {
                return 0;
            }
            most /= 2;
        } while (countA > 0
                && countB > 0
                && (!isNarrow(columnA, i, endA, columnB, j, endB)
                        || (rowBytes == 0 && flatBytes(a, i, b, j) > room)));
        long count = countA + countB;
        if (countA == 0 || countB == 0) {
            return NOT_NOW;
        }
        if (!sameKey && !target.isEmpty() && target.compareLastKey(a.keys(), i) >= 0) {
            return 0;
        }
        if (!mergeLongs(first, a, second, b, sameKey, keyIsOpen, noted)) {
            return 0;
        }
        first.moveTo(i + countA);
        second.moveTo(j + countB);
        return count;
    }

    /** Whether there are columns that have to follow the choices. */
    private static boolean follow(TrieView a, TrieView b, boolean sameKey) {
        return a.type().diff() != DiffType.COUNT
                || !(sameKey || areAlike(a.vals(), b.vals()))
                || !areAlike(a.times(), b.times())
                || !areAlike(a.diffs(), b.diffs());
    }

    private boolean suits() {
        return Math.min(countA, countB) >= valuesMin
                && countA <= SKEW_MAX * countB
                && countB <= SKEW_MAX * countA;
    }

    private long flatBytes(TrieView a, long i, TrieView b, long j) {
        return a.flatBytes(i, i + countA, i, i + countA, i, i + countA)
                + b.flatBytes(j, j + countB, j, j + countB, j, j + countB);
    }

    /** The flat size of every update that is woven; 0 if they differ. */
    private static long rowBytes(TrieView a, TrieView b, boolean sameKey) {
        long keys = sameKey ? 0 : 1;
        boolean even =
                a.type().diff() == DiffType.COUNT
                        && !a.vals().isVariable()
                        && !b.vals().isVariable();
        return even
                ? Math.max(a.flatBytes(0, keys, 0, 1, 0, 1), b.flatBytes(0, keys, 0, 1, 0, 1))
                : 0;
    }

    /** Whether the differences of all values that lanes look at are numbers of 64 bits. */
    private boolean isNarrow(Column a, long i, long endA, Column b, long j, long endB) {
        if (lanesCount < lanesMin) {
            return true;
        }
        long least = Math.min(a.longAt(i), b.longAt(j));
        // behind what they take they look at one more
        long greatest =
                Math.max(
                        a.longAt(Math.min(i + countA, endA - 1)),
                        b.longAt(Math.min(j + countB, endB - 1)));
        return greatest - least >= 0;
    }

    /**
     * Finds out how many values of both sides to merge, {@code most} in all, such that neither side
     * is left with a value that belongs among them. Equal values stay together.
     *
     * @param vals whether the ranges are the vals of one key: when one has been used up and does
     *     not go on in the next chunk, what is left of the other follows
     */
    private void plan(
            Column a, long i, long endA, Column b, long j, long endB, long most, boolean vals) {
        long ofA = endA - i;
        long ofB = endB - j;
        // lanes need a value behind what they take
        long reach = most;
        if (ofA <= most || ofB <= most) {
            boolean endsFirst = a.longAt(endA - 1) <= b.longAt(endB - 1);
            reach =
                    endsFirst
                            ? ofA - 1 + b.gallop(j, endB - 1, a, endA - 1) - j
                            : ofB - 1 + a.gallop(i, endA - 1, b, endB - 1) - i;
        }
        lanesCount = Math.min(most, reach);
        long fromA =
                LongLanes.cut(
                        choices.segment(),
                        a.offsetOf(i),
                        ofA - 1,
                        b.offsetOf(j),
                        ofB - 1,
                        lanesCount);
        long fromB = lanesCount - fromA;
        while (fromA + fromB < most && fromA < ofA && fromB < ofB) {
            if (a.longAt(i + fromA) < b.longAt(j + fromB)) {
                fromA++;
            } else {
                fromB++;
            }
        }
        if (vals && fromA == ofA && endA < a.count()) {
            fromB += Math.min(most - fromA - fromB, ofB - fromB);
        } else if (vals && fromB == ofB && endB < b.count()) {
            fromA += Math.min(most - fromA - fromB, ofA - fromA);
        }
        if (fromB > 0 && fromA < ofA && a.longAt(i + fromA) == b.longAt(j + fromB - 1)) {
            fromB--;
            lanesCount = Math.min(lanesCount, fromA + fromB);
        }
        countA = fromA;
        countB = fromB;
    }

    /** Appends the updates of the plan; false if equal values cannot be folded, and nothing was. */
    private boolean mergeLongs(
            RunCursor first,
            TrieView a,
            RunCursor second,
            TrieView b,
            boolean sameKey,
            boolean keyIsOpen,
            boolean noted) {
        TrieBuilder target = out.builder();
        MemorySegment segment = choices.segment();
        long i = first.update();
        long j = second.update();
        long count = countA + countB;
        boolean counts = a.type().diff() == DiffType.COUNT;
        boolean sameVals = sameKey || areAlike(a.vals(), b.vals());
        boolean sameTimes = areAlike(a.times(), b.times());
        ColumnBuilder deciding = sameKey ? target.vals() : target.keys();
        long to = deciding.reserveFixed(Long.BYTES, count);
        if (to == -1) {
            return false;
        }
        choices.clear();
        long notes = choices.reserve(TrieLayout.align(count) + count * Long.BYTES);
        boolean equal =
                interleave(
                        sameKey ? a.vals() : a.keys(),
                        i,
                        sameKey ? b.vals() : b.keys(),
                        j,
                        to,
                        noted ? notes : -1);
        if (!equal) {
            open(target, a, first.key(), sameKey, keyIsOpen, count);
            deciding.advanceFixed(Long.BYTES, count);
            if (!sameKey) {
                Interleaving.appendChosen(
                        target.vals(), a.vals(), i, countA, b.vals(), j, countB, notes);
            }
            target.appendChosenUpdates(a, i, countA, b, j, countB, notes);
            return true;
        }
        if (!sameVals || !sameTimes || !counts) {
            return false;
        }
        long sums = notes + TrieLayout.align(count);
        Interleaving.chooseLongs(a.diffs(), i, b.diffs(), j, segment, sums, notes, count);
        long kept = LongLanes.fold(segment, to, sums, count);
        if (kept <= 0) {
            return kept == 0;
        }
        open(target, a, first.key(), sameKey, keyIsOpen, kept);
        if (kept == 1) {
            // which may equal what is there
            deciding.append(Words.getLong(segment, to, 0));
        } else {
            deciding.advanceFixed(Long.BYTES, kept);
        }
        if (!sameKey) {
            target.vals().appendRange(a.vals(), 0, kept);
        }
        folded.bind(ColumnType.Kind.LONG, TrieLayout.FIXED, Long.BYTES, segment, sums, sums, kept);
        target.appendUpdates(a.times(), 0, folded, kept);
        return true;
    }

    /** Whether all values of both columns are one. */
    private static boolean areAlike(Column a, Column b) {
        return a.isConstant() && b.isConstant() && Column.compare(a, 0, b, 0) == 0;
    }

    private static void open(
            TrieBuilder target,
            TrieView view,
            long key,
            boolean sameKey,
            boolean keyIsOpen,
            long groups) {
        if (!sameKey) {
            target.openSingleKeys(groups);
            return;
        }
        if (!keyIsOpen) {
            target.openKey(view.keys(), key);
        }
        target.openSingleVals(groups);
    }

    /** Merges the values of the plan; whether some are equal. */
    private boolean interleave(Column a, long i, Column b, long j, long to, long notes) {
        MemorySegment segment = choices.segment();
        long steps = lanesCount < lanesMin ? 0 : lanesCount / LongLanes.LANES;
        long at = steps * LongLanes.LANES;
        long fromA = 0;
        if (steps > 0) {
            fromA =
                    LongLanes.merge(
                            segment,
                            a.offsetOf(i),
                            countA,
                            b.offsetOf(j),
                            countB,
                            to,
                            notes,
                            steps);
        }
        LongLanes.finish(
                segment,
                a.offsetOf(i + fromA),
                countA - fromA,
                b.offsetOf(j + at - fromA),
                countB - (at - fromA),
                to + at * Long.BYTES,
                notes == -1 ? -1 : notes + at);
        return LongLanes.hasEqual(segment, to, countA + countB);
    }
}
