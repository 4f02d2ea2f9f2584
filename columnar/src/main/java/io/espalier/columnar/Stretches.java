package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Merges stretches in which two runs have the same keys and vals, thousands of them at once. Where
 * their times are the same too, counts are added; where those of one run come after those of the
 * other, they are put one behind the other. Equal values are found by comparing columns in bulk and
 * are copied once; sums go straight to where they stay.
 *
 * <p>Not thread-safe.
 */
final class Stretches {

    /** So many keys at once. */
    private static final int KEYS_MAX = 2048;

    /** A stretch that ends after fewer keys is left to what follows choices. */
    private static final long KEYS_MIN = 8;

    /** So many keys are looked at while nobody knows whether there is a stretch. */
    private static final long REACH_MIN = 4;

    private final ChainBuilder out;
    private final long keysMin;
    private final NativeBuffer scratch;
    private final Column sums = new Column();
    private long reach = REACH_MIN;

    Stretches(ChainBuilder out, boolean eager) {
        this.out = out;
        this.keysMin = eager ? 1 : KEYS_MIN;
        this.scratch = out.scratch();
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
        if (!a.isSingle() || !b.isSingle() || continues(first, a)) {
            return 0;
        }
        long room = out.makeRoom();
        long limit = Math.min(KEYS_MAX, Math.min(a.keyCount() - i, b.keyCount() - j));
        boolean even = !a.keys().isVariable() && !a.vals().isVariable();
        if (even) {
            // up to and with the one that fills the chunk
            long rowBytes = a.flatBytes(i, i + 1, i, i + 1, i, i + 1);
            limit = Math.min(limit, (room + rowBytes - 1) / rowBytes);
        }
        long count = Column.equalRun(a.keys(), i, b.keys(), j, limit);
        count = Column.equalRun(a.vals(), i, b.vals(), j, count);
        count = Column.equalRun(a.times(), i, b.times(), j, count);
        while (!even && count > 1 && a.flatBytes(i, i + count, i, i + count, i, i + count) > room) {
            count /= 2;
            limit = count;
        }
        if (count < Math.min(limit, keysMin)) {
            return 0;
        }
        count = addCounts(a, i, b, j, (int) count, Math.min(limit, keysMin));
        if (count > 0) {
            first.moveTo(i + count);
            second.moveTo(j + count);
        }
        return 2 * count;
    }

    /**
     * Appends so many single updates with the sums of the counts of both, unless some sums are zero
     * or too large: then what comes before these, if that is {@code countMin} at least.
     */
    private long addCounts(TrieView a, long i, TrieView b, long j, int count, long countMin) {
        Column ofA = a.diffs();
        Column ofB = b.diffs();
        TrieBuilder target = out.builder();
        if (ofA.isConstant() && ofB.isConstant()) {
            long sum = ofA.longAt(0) + ofB.longAt(0);
            if (LongLanes.badness(ofA.longAt(0), ofB.longAt(0)) < 0) {
                return 0;
            }
            scratch.clear();
            scratch.appendLong(sum);
            bindSums(TrieLayout.CONSTANT, scratch.offset(), count);
            target.appendSingles(a, i, count);
            target.appendUpdates(a.times(), i, sums, count);
            return count;
        }
        // while a column may still turn out to be a constant, it has to be asked
        boolean direct = target.diffs().encoding() == TrieLayout.FIXED;
        long bytes = (long) count * Long.BYTES;
        long at;
        if (direct) {
            at = target.diffs().reserveFixed(Long.BYTES, count);
        } else {
            scratch.clear();
            at = scratch.reserve(bytes);
        }
        int good = add(ofA, i, ofB, j, at, count);
        if (good < countMin) {
            return 0;
        }
        target.appendSingles(a, i, good);
        if (direct) {
            target.appendUpdatesOf(a.times(), i, good);
        } else {
            bindSums(TrieLayout.FIXED, at, good);
            target.appendUpdates(a.times(), i, sums, good);
        }
        return good;
    }

    private int add(Column ofA, long i, Column ofB, long j, long at, int count) {
        if (ofA.isConstant()) {
            return LongLanes.add(
                    ofB.segment(), ofB.offsetOf(j), ofA.longAt(0), scratch.segment(), at, count);
        }
        if (ofB.isConstant()) {
            return LongLanes.add(
                    ofA.segment(), ofA.offsetOf(i), ofB.longAt(0), scratch.segment(), at, count);
        }
        return LongLanes.add(
                ofA.segment(),
                ofA.offsetOf(i),
                ofB.segment(),
                ofB.offsetOf(j),
                scratch.segment(),
                at,
                count);
    }

    private void bindSums(int encoding, long at, long count) {
        sums.bind(ColumnType.Kind.LONG, encoding, Long.BYTES, scratch.segment(), at, at, count);
    }

    /**
     * Puts the updates of keys with one val each, which both runs have, behind each other: as long
     * as for each of them those of the first run come before those of the second.
     *
     * @return how many updates of both runs that were; 0 if the heads do not suit
     */
    long splice(RunCursor first, RunCursor second) {
        TrieView a = first.open();
        TrieView b = second.open();
        long i = first.key();
        long j = second.key();
        if (a.keyBounds().stride() != 1
                || b.keyBounds().stride() != 1
                || first.update() != a.updatesFrom(i)
                || second.update() != b.updatesFrom(j)
                || continues(first, a)) {
            return 0;
        }
        // the last key of a chunk may go on in the next
        long limit = Math.min(reach, Math.min(a.keyCount() - i, b.keyCount() - j) - 1);
        long equal = Column.equalRun(a.keys(), i, b.keys(), j, limit);
        equal = Column.equalRun(a.vals(), i, b.vals(), j, equal);
        long room = out.makeRoom();
        long count =
                areTimesOnly(a, b)
                        ? spliceTimes(a, i, b, j, equal, room)
                        : spliceVals(a, i, b, j, equal, room);
        // what the room of the chunk cut short goes on in the next
        boolean goesOn = equal == limit && (count == equal || isBefore(a, i + count, b, j + count));
        reach = goesOn ? Math.min(2 * reach, KEYS_MAX) : REACH_MIN;
        if (count == 0) {
            return 0;
        }
        long updates =
                a.updatesFrom(i + count)
                        - first.update()
                        + b.updatesFrom(j + count)
                        - second.update();
        first.moveToKey(i + count);
        second.moveToKey(j + count);
        return updates;
    }

    /** Whether times are all that is to be copied, and all that keys and vals differ in size. */
    private static boolean areTimesOnly(TrieView a, TrieView b) {
        return a.type().diff() == DiffType.COUNT
                && a.type().time() == TimeType.EPOCH
                && a.diffs().isConstant()
                && b.diffs().isConstant()
                && a.diffs().longAt(0) == b.diffs().longAt(0)
                && a.times().encoding() == TrieLayout.FIXED
                && b.times().encoding() == TrieLayout.FIXED
                && !a.keys().isVariable()
                && !a.vals().isVariable();
    }

    /**
     * Appends vals with their times, in one loop over the bounds: what it does for a val beside
     * copying is what D costs beside copying.
     *
     * @return how many; those whose times are in order and that fit into the room
     */
    private long spliceTimes(TrieView a, long i, TrieView b, long j, long limit, long room) {
        if (limit == 0) {
            return 0;
        }
        TrieBuilder target = out.builder();
        ColumnBuilder times = target.times();
        long rowBytes = a.flatBytes(i, i + 1, i, i + 1, 0, 0);
        long updateBytes = a.type().updateBytes();
        Bounds ofA = a.valBounds();
        Bounds ofB = b.valBounds();
        long startA = ofA.start(i);
        long startB = ofB.start(j);
        long most =
                Math.min(
                        ofA.start(i + limit) - startA + ofB.start(j + limit) - startB,
                        room / updateBytes);
        MemorySegment sourceA = a.segment();
        MemorySegment sourceB = b.segment();
        MemorySegment segment = scratch.segment();
        long fromA = a.times().offsetOf(startA);
        long fromB = b.times().offsetOf(startB);
        long at = times.reserveFixed(Long.BYTES, most);
        if (at == -1) {
            return 0;
        }
        long before = times.count();
        long low = Long.MAX_VALUE;
        long high = Long.MIN_VALUE;
        long to = at;
        long left = room;
        long done = 0;
        while (done < limit) {
            long endA = ofA.end(i + done);
            long endB = ofB.end(j + done);
            long bytesA = (endA - startA) << 3;
            long bytesB = (endB - startB) << 3;
            left -= rowBytes + (endA - startA + endB - startB) * updateBytes;
            if (left < 0
                    || Long.compareUnsigned(
                                    sourceA.get(Layouts.LONG, fromA + bytesA - Long.BYTES),
                                    sourceB.get(Layouts.LONG, fromB))
                            >= 0) {
                break;
            }
            if (done == 0) {
                target.startKeys();
            } else {
                target.closeVal(before + ((to - at) >> 3));
            }
            MemorySegment.copy(sourceA, fromA, segment, to, bytesA);
            MemorySegment.copy(sourceB, fromB, segment, to + bytesA, bytesB);
            low = Math.min(low, segment.get(Layouts.LONG, to) ^ Words.FLIP);
            fromA += bytesA;
            fromB += bytesB;
            to += bytesA + bytesB;
            high = Math.max(high, segment.get(Layouts.LONG, to - Long.BYTES) ^ Words.FLIP);
            startA = endA;
            startB = endB;
            done++;
        }
        if (done > 0) {
            long updates = (to - at) >> 3;
            times.advanceFixed(Long.BYTES, updates);
            target.timeBounds().add(low ^ Words.FLIP, high ^ Words.FLIP);
            target.diffs().appendRange(a.diffs(), 0, updates);
            target.appendKeysOfOne(a, i, done);
        }
        return done;
    }

    /** The same where more than times is to be copied. */
    private long spliceVals(TrieView a, long i, TrieView b, long j, long limit, long room) {
        long count = inOrder(a, i, b, j, limit, room);
        if (count > 0) {
            TrieBuilder target = out.builder();
            target.startKeys();
            target.appendKeysOfOne(a, i, count);
            for (long k = 0; k < count; k++) {
                if (k > 0) {
                    target.closeVal();
                }
                target.appendToVal(a, i + k);
                target.appendToVal(b, j + k);
            }
        }
        return count;
    }

    /** How many vals fit into the room with all times, those of {@code a} before the others. */
    private static long inOrder(TrieView a, long i, TrieView b, long j, long limit, long room) {
        long left = room;
        for (long k = 0; k < limit; k++) {
            long x = i + k;
            long y = j + k;
            left -=
                    a.flatBytes(x, x + 1, x, x + 1, a.updatesFrom(x), a.updatesTo(x))
                            + b.flatBytes(0, 0, 0, 0, b.updatesFrom(y), b.updatesTo(y));
            if (left < 0 || !isBefore(a, x, b, y)) {
                return k;
            }
        }
        return limit;
    }

    /** Whether all times of a val are before all of another one. */
    private static boolean isBefore(TrieView a, long x, TrieView b, long y) {
        long last = a.updatesTo(x) - 1;
        long first = b.updatesFrom(y);
        return TimeType.compare(
                        a.timeAt(last),
                        a.secondTimeAt(last),
                        b.timeAt(first),
                        b.secondTimeAt(first))
                < 0;
    }

    /** Whether the head belongs to the key that is open: it starts no group of its own then. */
    private boolean continues(RunCursor head, TrieView view) {
        TrieBuilder target = out.builder();
        return !target.isEmpty() && target.compareLastKey(view.keys(), head.key()) == 0;
    }
}
