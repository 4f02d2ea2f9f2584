package io.espalier.columnar;

import io.espalier.memory.Words;

/**
 * The least and the greatest time of a chunk that grows. Times ascend within a val, so most pieces
 * tell their bounds by a few of their times, and those that do not are looked at while they are
 * near: sealing has nothing to look through.
 *
 * <p>Not thread-safe.
 */
final class TimeBounds {

    /** From so many updates for each val on, asking each val is cheaper than looking at all. */
    private static final long ASKED_UPDATES_MIN = 8;

    // as signed numbers of the same order
    private long min;
    private long max;

    TimeBounds() {
        clear();
    }

    /** The least time, unsigned. */
    long min() {
        return min ^ Words.FLIP;
    }

    /** The greatest time, unsigned. */
    long max() {
        return max ^ Words.FLIP;
    }

    void clear() {
        min = Long.MAX_VALUE;
        max = Long.MIN_VALUE;
    }

    void add(long time) {
        add(time, time);
    }

    /** Adds two times, the first of which is not the later one. */
    void add(long low, long high) {
        min = Math.min(min, low ^ Words.FLIP);
        max = Math.max(max, high ^ Words.FLIP);
    }

    /** Adds the times {@code [from, to)} of a view, of which the first and last val are known. */
    void addPiece(TrieView view, long from, long to, long firstVal, long lastVal) {
        Column times = view.times();
        if (times.isConstant()) {
            add(times.longAt(0));
        } else if (firstVal == lastVal) {
            add(times.longAt(from), times.longAt(to - 1));
        } else if (to - from == view.updateCount() && view.sizeBytes() > 0) {
            add(view.timeMin(), view.timeMax());
        } else if ((lastVal - firstVal) * ASKED_UPDATES_MIN < to - from) {
            add(times.longAt(from), times.longAt(view.updatesTo(firstVal) - 1));
            for (long val = firstVal + 1; val < lastVal; val++) {
                add(times.longAt(view.updatesFrom(val)), times.longAt(view.updatesTo(val) - 1));
            }
            add(times.longAt(view.updatesFrom(lastVal)), times.longAt(to - 1));
        } else {
            addAll(times, from, to);
        }
    }

    /** Adds the times {@code [from, to)} of a column, in whatever order. */
    void addAll(Column times, long from, long to) {
        if (times.isConstant()) {
            add(times.longAt(0));
            return;
        }
        long low = min;
        long high = max;
        for (long i = from; i < to; i++) {
            long time = times.longAt(i) ^ Words.FLIP;
            low = Math.min(low, time);
            high = Math.max(high, time);
        }
        min = low;
        max = high;
    }
}
