package io.espalier.columnar;

import org.jspecify.annotations.Nullable;

/**
 * A position in a run: the update at its head, as (key, val, time). A chunk that is not opened yet
 * answers with its fence, so that comparing heads never opens a body.
 *
 * <p>Holds at most one pin. Not thread-safe.
 */
final class RunCursor implements AutoCloseable {

    /** What a cursor that is not in use is in. */
    private static final Run NO_RUN = new Batch(TrieType.BYTES_TO_BYTES);

    private Run run = NO_RUN;
    private boolean consuming;
    private final TrieView view = new TrieView();
    private long chunk = -1;
    private @Nullable ChunkPin pin;

    /** The same of a batch, which needs no object for it; one of the two at most. */
    private @Nullable Chunk held;

    private @Nullable Fence fence;
    private boolean exhausted;

    // the head: value keyIndex of keys, value valIndex of vals, and a time
    private Column keys = view.keys();
    private Column vals = view.vals();
    private long key;
    private long val;
    private long update;
    private long time;
    private long second;

    // the last of the updates that seekEnd found, and what comes after them
    private long lastKey;
    private long lastVal;
    private long endKey;
    private long endVal;
    private long endUpdate;
    private boolean sharesVal;

    /** A cursor that is nowhere, until it is at the {@link #start} of a run. */
    RunCursor() {}

    /** Goes to the first update of a run, from wherever it was closed. */
    void start(Run run, boolean consuming) {
        assert pin == null && held == null : "a cursor that is in use";
        this.run = run;
        this.consuming = consuming;
        chunk = -1;
        exhausted = false;
        nextChunk();
    }

    /** Goes to the first update whose key is not less than a probe, from wherever it was closed. */
    void startAt(Run run, Column probes, long probe) {
        assert pin == null && held == null : "a cursor that is in use";
        this.run = run;
        consuming = false;
        boolean done = false;
        try {
            moveToChunk(run.seek(probes, probe, 0));
            seekKey(probes, probe);
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    boolean isExhausted() {
        return exhausted;
    }

    Run run() {
        return run;
    }

    long chunk() {
        return chunk;
    }

    long key() {
        return key;
    }

    long val() {
        return val;
    }

    long update() {
        return update;
    }

    /** The time of the head, or its first number. */
    long time() {
        return time;
    }

    /** The second number of the time of the head; 0 of an epoch. */
    long secondTime() {
        return second;
    }

    Column keys() {
        return keys;
    }

    Column vals() {
        return vals;
    }

    /** Whether the head is the first update of its chunk. */
    boolean atChunkStart() {
        return update == 0;
    }

    /** Goes to the first update of the next chunk. */
    void nextChunk() {
        unpin();
        if (consuming && chunk >= 0) {
            run.passed(chunk);
        }
        chunk++;
        key = 0;
        val = 0;
        update = 0;
        if (chunk == run.chunkCount()) {
            exhausted = true;
            return;
        }
        Fence known = run.fence(chunk);
        fence = known;
        if (known != null) {
            keys = known.keys();
            vals = known.vals();
            time = known.firstTime();
            second = known.firstSecondTime();
        } else {
            open();
        }
    }

    /** Goes to the first update whose key is not less than a probe, from the head on. */
    void seekKey(Column probes, long probe) {
        if (exhausted) {
            return;
        }
        long target = run.seek(probes, probe, chunk);
        if (target != chunk) {
            unpin();
            if (consuming) {
                for (long passed = chunk; passed < target; passed++) {
                    run.passed(passed);
                }
            }
            moveToChunk(target);
            if (exhausted) {
                return;
            }
        }
        TrieView opened = open();
        long found = opened.keys().gallop(key, opened.keyCount(), probes, probe);
        if (found != key) {
            moveToKey(found);
        }
    }

    private void moveToChunk(long target) {
        chunk = target;
        key = 0;
        val = 0;
        update = 0;
        exhausted = target == run.chunkCount();
        fence = null;
    }

    /** The view of the chunk, opened if it was not. */
    TrieView open() {
        if (pin == null && held == null) {
            if (run instanceof Batch batch) {
                held = batch.hold(chunk, view);
            } else {
                pin = run.open(chunk, view);
            }
            fence = null;
            keys = view.keys();
            vals = view.vals();
            setTime(update);
        }
        return view;
    }

    private void setTime(long ofUpdate) {
        time = view.timeAt(ofUpdate);
        second = view.secondTimeAt(ofUpdate);
    }

    private void unpin() {
        if (pin != null) {
            pin.close();
            pin = null;
        }
        Chunk chunkHeld = held;
        if (chunkHeld != null) {
            held = null;
            chunkHeld.letGo(view);
        }
    }

    /** Compares the heads. */
    static int compare(RunCursor a, RunCursor b) {
        int order = Column.compare(a.keys, a.key, b.keys, b.key);
        if (order == 0) {
            order = Column.compare(a.vals, a.val, b.vals, b.val);
            if (order == 0) {
                order = TimeType.compare(a.time, a.second, b.time, b.second);
            }
        }
        return order;
    }

    /** Compares the heads without their times. */
    static int compareKeyVal(RunCursor a, RunCursor b) {
        int order = Column.compare(a.keys, a.key, b.keys, b.key);
        return order != 0 ? order : Column.compare(a.vals, a.val, b.vals, b.val);
    }

    /** Whether the whole chunk, of which the head is the first update, lies below another head. */
    boolean chunkIsBelow(RunCursor other) {
        long lastTime;
        long lastSecond;
        long lastKey;
        long lastVal;
        if (fence != null) {
            lastKey = 1;
            lastVal = 1;
            lastTime = fence.lastTime();
            lastSecond = fence.lastSecondTime();
        } else {
            lastKey = view.keyCount() - 1;
            lastVal = view.valCount() - 1;
            lastTime = view.timeAt(view.updateCount() - 1);
            lastSecond = view.secondTimeAt(view.updateCount() - 1);
        }
        int order = Column.compare(keys, lastKey, other.keys, other.key);
        if (order == 0) {
            order = Column.compare(vals, lastVal, other.vals, other.val);
            if (order == 0) {
                order = TimeType.compare(lastTime, lastSecond, other.time, other.second);
            }
        }
        return order < 0;
    }

    /** The keys that have the last one of the chunk: of the fence, if it is not opened. */
    Column lastKeys() {
        return keys;
    }

    /** Which of {@link #lastKeys} is the last one of the chunk. */
    long lastKeyIndex() {
        return fence != null ? 1 : view.keyCount() - 1;
    }

    /** Whether a key may have updates in the chunk after this one. */
    boolean continuesAbove(Column probes, long probe) {
        if (chunk + 1 >= run.chunkCount()
                || Column.compare(keys, lastKeyIndex(), probes, probe) != 0) {
            return false;
        }
        Fence next = run.fence(chunk + 1);
        return next == null || Column.compare(next.keys(), 0, probes, probe) == 0;
    }

    /**
     * Finds where the updates end that lie below the head of {@code other}, as far as that is
     * easily seen: whole keys, or vals of a shared key, or times of a shared val. The head must lie
     * below. {@link #endUpdate}, {@link #lastVal} and {@link #lastKey} say what was found.
     */
    void seekEnd(RunCursor other) {
        TrieView opened = open();
        sharesVal = false;
        endKey = keys.gallop(key, opened.keyCount(), other.keys, other.key);
        if (endKey > key) {
            endVal = opened.valsFrom(endKey);
            endUpdate = opened.updatesFrom(endVal);
            lastKey = endKey - 1;
            lastVal = endVal - 1;
            return;
        }
        lastKey = key;
        endVal = vals.gallop(val, opened.valsTo(key), other.vals, other.val);
        if (endVal > val) {
            endUpdate = opened.updatesFrom(endVal);
            lastVal = endVal - 1;
            endKey = endVal == opened.valsTo(key) ? key + 1 : key;
            return;
        }
        sharesVal = true;
        long updatesTo = opened.updatesTo(val);
        long next = endOfTimes(opened, update, updatesTo, other.time, other.second);
        lastVal = val;
        endUpdate = next;
        endVal = next == updatesTo ? val + 1 : val;
        endKey = endVal == opened.valsTo(key) ? key + 1 : key;
    }

    /** The first of the updates {@code [from, to)} of a val whose time is not less than another. */
    private static long endOfTimes(TrieView view, long from, long to, long time, long second) {
        // what was appended later has later times throughout
        if (isBefore(view, to - 1, time, second)) {
            return to;
        }
        long step = 1;
        long low = from;
        while (low + step < to && isBefore(view, low + step, time, second)) {
            low += step;
            step <<= 1;
        }
        // the head is less, the last is not
        long high = Math.min(low + step, to - 1);
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (isBefore(view, middle, time, second)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    private static boolean isBefore(TrieView view, long update, long time, long second) {
        return TimeType.compare(view.timeAt(update), view.secondTimeAt(update), time, second) < 0;
    }

    /** Whether {@link #seekEnd} found the other head at the same key and val. */
    boolean sharesVal() {
        return sharesVal;
    }

    /** The first update behind those of {@link #seekEnd}. */
    long endUpdate() {
        return endUpdate;
    }

    /** The last val of the updates of {@link #seekEnd}. */
    long lastVal() {
        return lastVal;
    }

    /** The last key of the updates of {@link #seekEnd}. */
    long lastKey() {
        return lastKey;
    }

    /** Puts the head behind the updates of {@link #seekEnd}. */
    void moveToEnd() {
        if (endUpdate == view.updateCount()) {
            nextChunk();
            return;
        }
        update = endUpdate;
        val = endVal;
        key = endKey;
        setTime(update);
    }

    /** Puts the head at an update of the chunk, or behind the last one, which is the next chunk. */
    void moveTo(long target) {
        if (target == view.updateCount()) {
            nextChunk();
            return;
        }
        update = target;
        if (target >= view.updatesTo(val)) {
            val++;
            if (target >= view.updatesTo(val)) {
                val = view.valOfUpdate(target);
            }
            if (val >= view.valsTo(key)) {
                key++;
                if (val >= view.valsTo(key)) {
                    key = view.keyOfVal(val);
                }
            }
        }
        setTime(target);
    }

    /** Puts the head at the first update of a key of the chunk, or at the next chunk. */
    void moveToKey(long target) {
        if (target == view.keyCount()) {
            nextChunk();
            return;
        }
        key = target;
        val = view.valsFrom(target);
        update = view.updatesFrom(val);
        setTime(update);
    }

    /** Lets go of everything; the cursor may be started again. */
    @Override
    public void close() {
        unpin();
        run = NO_RUN;
    }
}
