package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;

/**
 * Builds one chunk from sorted, consolidated pieces: each piece starts above the last (key, val,
 * time) that is in. Keys and vals may continue: the last group of each layer stays open until the
 * next piece closes it, so that any cut of a chunk melds back to the chunk.
 *
 * <p>A piece that is not greater is refused and leaves the builder as it was. The owner closes the
 * builder; after {@link #seal} it is empty and ready for the next chunk, with its room kept. Not
 * thread-safe.
 *
 * <p>The idea of melding views by bulk range copies is that of the columnar chunks of Differential
 * Dataflow.
 */
public final class TrieBuilder implements AutoCloseable {

    /** What a builder keeps of each column's room between chunks. */
    static final long KEPT_BYTES_MAX = 4L << 20;

    private final NativeMemory memory;
    private final TrieType type;
    private final boolean pairs;

    private final ColumnBuilder keys;
    private final BoundsBuilder keyBounds;
    private final ColumnBuilder vals;
    private final BoundsBuilder valBounds;
    private final ColumnBuilder times;
    private final ColumnBuilder diffs;
    private final ColumnBuilder payloads;

    private final TrieSealer sealer;
    private final TimeBounds timeBounds = new TimeBounds();

    /** Of the second numbers of pairs, when the chunk is sealed. */
    private final TimeBounds secondBounds = new TimeBounds();

    /** Whether a time was taken out again, so that the bounds are those of more than there is. */
    private boolean timesRemoved;

    private final Column lastKey = new Column();
    private final Column lastVal = new Column();

    /** An empty builder of tries of a type, in a memory. */
    public TrieBuilder(NativeMemory memory, TrieType type) {
        this.memory = memory;
        this.type = type;
        this.keys = column(type.key(), true);
        this.keyBounds = new BoundsBuilder(memory);
        this.vals = column(type.val(), false);
        this.valBounds = new BoundsBuilder(memory);
        this.pairs = type.time() == TimeType.PAIR;
        this.times = column(type.time().column(), false);
        this.diffs = column(ColumnType.LONG, false);
        this.payloads = column(ColumnType.BYTES, false);
        this.sealer =
                new TrieSealer(
                        memory, type, keys, keyBounds, vals, valBounds, times, diffs, payloads);
    }

    /** Any column may turn out to be the largest, in the room of which the image is made. */
    private ColumnBuilder column(ColumnType values, boolean distinct) {
        return new ColumnBuilder(memory, values, distinct, TrieLayout.headerBytes(type));
    }

    /** The type of the tries that are built. */
    public TrieType type() {
        return type;
    }

    /** The memory that chunks are built in. */
    public NativeMemory memory() {
        return memory;
    }

    /** How many updates are in. */
    public long updateCount() {
        return times.count();
    }

    /** Whether nothing was appended since the last seal. */
    public boolean isEmpty() {
        return times.count() == 0;
    }

    /** The size of the image if it were sealed now. */
    public long sealedBytes() {
        if (isEmpty()) {
            return 0;
        }
        return sealer.sizeBytes();
    }

    /** The bytes of everything written out, as {@link TrieView#flatBytes()} of the sealed image. */
    public long flatBytes() {
        return keys.flatBytes()
                + vals.flatBytes()
                + (keys.count() + vals.count()) * TrieLayout.OFFSET_BYTES
                + times.count() * type.updateBytes()
                + payloads.flatBytes();
    }

    // ---- one update at a time -----------------------------------------------------------------

    /** Opens a new key, above the last; a val must follow. */
    void openKey(Column source, long index) {
        assert isEmpty() || compareLastKey(source, index) < 0 : "keys out of order";
        closeGroups();
        keys.append(source, index);
    }

    private void closeGroups() {
        if (!isEmpty()) {
            keyBounds.close(vals.count());
            valBounds.close(times.count());
        }
    }

    /** Opens the first val of a key that was just opened; an update must follow. */
    void openFirstVal(Column source, long index) {
        vals.append(source, index);
    }

    /** Opens another val of the open key, above the last; an update must follow. */
    void openNextVal(Column source, long index) {
        assert compareLastVal(source, index) < 0 : "vals out of order";
        valBounds.close(times.count());
        vals.append(source, index);
    }

    /** Adds an update at an epoch to the open val. */
    void addCount(long time, long diff) {
        addCount(time, 0, diff);
    }

    /** Adds an update to the open val. */
    void addCount(long time, long second, long diff) {
        assert diff != 0 : "a diff of zero";
        addTime(time, second);
        diffs.append(diff);
    }

    /** Adds an upsert at an epoch to the open val. */
    void addUpsert(long time, long order, Column source, long index) {
        addUpsert(time, 0, order, source, index);
    }

    private void addTime(long time, long second) {
        timeBounds.add(time);
        if (pairs) {
            times.appendPair(time, second);
        } else {
            times.append(time);
        }
    }

    /** Adds an upsert to the open val. */
    void addUpsert(long time, long second, long order, Column source, long index) {
        addTime(time, second);
        diffs.append(order);
        payloads.append(source, index);
    }

    /** Compares the open key with a value of a key column. */
    int compareLastKey(Column source, long index) {
        return Column.compare(keys.bind(lastKey), keys.count() - 1, source, index);
    }

    /** Compares the open val with a value of a val column. */
    int compareLastVal(Column source, long index) {
        return Column.compare(vals.bind(lastVal), vals.count() - 1, source, index);
    }

    /** The time of the last update, or its first number. */
    long lastTime() {
        return times.lastLong();
    }

    /** The second number of the time of the last update. */
    long lastSecondTime() {
        return pairs ? times.lastWord(1) : 0;
    }

    /** Compares the time of the last update with another one. */
    int compareLastTime(long time, long second) {
        return TimeType.compare(lastTime(), lastSecondTime(), time, second);
    }

    /**
     * Adds to the count of the last update; if that becomes zero, the update goes.
     *
     * @throws ArithmeticException if the sum is no 64-bit number; nothing changes then
     */
    void foldIntoLast(long diff) {
        long before = diffs.lastLong();
        long sum = before + diff;
        if (((before ^ sum) & (diff ^ sum)) < 0) {
            throw new ArithmeticException(
                    "counts "
                            + before
                            + " and "
                            + diff
                            + " of one update sum to more than 64 bits hold; keep counts smaller");
        }
        if (sum != 0) {
            diffs.replaceLast(sum);
            return;
        }
        timesRemoved = true;
        times.removeLast();
        diffs.removeLast();
        if (valBounds.lastEnd() < times.count()) {
            return;
        }
        vals.removeLast();
        if (vals.count() == 0) {
            clear();
            return;
        }
        valBounds.reopen();
        if (keyBounds.lastEnd() == vals.count()) {
            keys.removeLast();
            keyBounds.reopen();
        }
    }

    /** Replaces the last upsert if the other's order is greater. */
    void keepGreater(long order, Column source, long index) {
        if (Long.compareUnsigned(order, diffs.lastLong()) > 0) {
            diffs.replaceLast(order);
            payloads.removeLast();
            payloads.append(source, index);
        }
    }

    // ---- pieces of views ----------------------------------------------------------------------

    /**
     * Appends a whole view.
     *
     * @throws IllegalArgumentException if it does not start above the last update
     */
    public void meld(TrieView view) {
        appendUpdates(view, 0, view.updateCount());
    }

    /**
     * Appends the keys {@code [from, to)} of a view with all their vals, times and diffs.
     *
     * @throws IllegalArgumentException if they do not start above the last update
     */
    public void meldKeys(TrieView view, long from, long to) {
        if (from < 0 || to < from || to > view.keyCount()) {
            throw new IndexOutOfBoundsException(
                    "keys [" + from + ", " + to + ") of a view of " + view.keyCount());
        }
        if (from < to) {
            appendUpdates(view, view.updatesFromKey(from), view.updatesFromKey(to));
        }
    }

    /**
     * Appends the updates {@code [from, to)} of a view, from and to anywhere, by range copies in
     * each layer.
     *
     * @throws IllegalArgumentException if they do not start above the last update
     */
    void appendUpdates(TrieView view, long from, long to) {
        if (from >= to) {
            return;
        }
        if (!type.equals(view.type())) {
            throw new IllegalArgumentException(
                    "a view of " + view.type() + " for a builder of " + type + "; give one of it");
        }
        long firstVal = view.valOfUpdate(from);
        long lastVal = to == view.updateCount() ? view.valCount() - 1 : view.valOfUpdate(to - 1);
        long firstKey = view.keyOfVal(firstVal);
        long lastKey =
                lastVal == view.valCount() - 1 ? view.keyCount() - 1 : view.keyOfVal(lastVal);
        appendPiece(view, from, to, firstVal, lastVal, firstKey, lastKey);
    }

    /**
     * The same for updates whose first and last val and key are known.
     *
     * @throws IllegalArgumentException if they do not start above the last update, or would make a
     *     chunk that is too large; the builder is as it was then
     */
    void appendPiece(
            TrieView view,
            long from,
            long to,
            long firstVal,
            long lastVal,
            long firstKey,
            long lastKey) {
        if (flatBytes() + view.flatBytes(firstKey, lastKey + 1, firstVal, lastVal + 1, from, to)
                > TrieLayout.COLUMN_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "a piece of "
                            + (to - from)
                            + " updates for a builder of "
                            + flatBytes()
                            + " bytes; a chunk holds at most "
                            + TrieLayout.COLUMN_BYTES_MAX);
        }
        Bounds valGroups = view.valBounds();
        Bounds keyGroups = view.keyBounds();
        boolean sameKey = false;
        boolean sameVal = false;
        long valsBefore = vals.count();
        long updatesBefore = times.count();
        if (updatesBefore > 0) {
            int order = compareLastKey(view.keys(), firstKey);
            if (order == 0) {
                sameKey = true;
                order = compareLastVal(view.vals(), firstVal);
                if (order == 0) {
                    sameVal = true;
                    order =
                            compareLastTime(view.timeAt(from), view.secondTimeAt(from)) < 0
                                    ? -1
                                    : 1;
                }
            }
            if (order > 0) {
                throw new IllegalArgumentException(
                        "a piece that starts with "
                                + view.describe(firstKey, firstVal, from)
                                + " for a builder of "
                                + updatesBefore
                                + " updates, the last of which is ("
                                + keys.bind(this.lastKey).describe(keys.count() - 1)
                                + ", "
                                + vals.bind(this.lastVal).describe(valsBefore - 1)
                                + ", "
                                + Long.toUnsignedString(lastTime())
                                + "); pieces must ascend: sort them, and fold what is equal");
            }
            if (!sameVal) {
                valBounds.close(updatesBefore);
            }
            if (!sameKey) {
                keyBounds.close(valsBefore);
            }
        }
        long valsStart = sameVal ? firstVal + 1 : firstVal;
        valBounds.closeRange(valGroups, firstVal, lastVal, updatesBefore - from);
        keyBounds.closeRange(keyGroups, firstKey, lastKey, valsBefore - valsStart);
        keys.appendRange(view.keys(), sameKey ? firstKey + 1 : firstKey, lastKey + 1);
        vals.appendRange(view.vals(), valsStart, lastVal + 1);
        timeBounds.addPiece(view, from, to, firstVal, lastVal);
        times.appendRange(view.times(), from, to);
        diffs.appendRange(view.diffs(), from, to);
        if (type.diff() == DiffType.UPSERT) {
            payloads.appendRange(view.payloads(), from, to);
        }
    }

    // ---- two views interleaved ----------------------------------------------------------------

    /** The keys, for a merge that writes them in place. */
    ColumnBuilder keys() {
        return keys;
    }

    /** The diffs, likewise. */
    ColumnBuilder diffs() {
        return diffs;
    }

    /** The vals, for a merge that writes them in place. */
    ColumnBuilder vals() {
        return vals;
    }

    /**
     * Closes the open groups and those of {@code groups} new keys but the last, each with one val
     * and one update; the caller then appends all of these.
     */
    void openSingleKeys(long groups) {
        closeGroups();
        keyBounds.closeSingles(groups - 1);
        valBounds.closeSingles(groups - 1);
    }

    /** The same for new vals of the open key, each with one update. */
    void openSingleVals(long groups) {
        if (valBounds.count() < vals.count()) {
            valBounds.close(times.count());
        }
        valBounds.closeSingles(groups - 1);
    }

    /** Appends the times and diffs of {@code countA + countB} updates in the order of a merge. */
    void appendChosenUpdates(
            TrieView a, long i, long countA, TrieView b, long j, long countB, long choices) {
        timeBounds.addAll(a.times(), i, i + countA);
        timeBounds.addAll(b.times(), j, j + countB);
        Interleaving.appendChosen(times, a.times(), i, countA, b.times(), j, countB, choices);
        Interleaving.appendChosen(diffs, a.diffs(), i, countA, b.diffs(), j, countB, choices);
        if (type.diff() == DiffType.UPSERT) {
            Interleaving.appendChosen(
                    payloads, a.payloads(), i, countA, b.payloads(), j, countB, choices);
        }
    }

    /** Appends keys of a view, each with its one val; as many single updates are to follow. */
    void appendSingles(TrieView view, long from, long count) {
        openSingleKeys(count);
        appendKeys(view, from, count);
    }

    /** Closes the open groups, before keys that are to follow. */
    void startKeys() {
        closeGroups();
    }

    /**
     * Appends keys of a view, each with its one val, after {@link #startKeys}. Their updates come
     * val by val, before or after this, with {@link #closeVal} between them.
     */
    void appendKeysOfOne(TrieView view, long from, long count) {
        keyBounds.closeSingles(count - 1);
        appendKeys(view, from, count);
    }

    private void appendKeys(TrieView view, long from, long count) {
        keys.appendRange(view.keys(), from, from + count);
        vals.appendRange(view.vals(), from, from + count);
    }

    /** Appends all updates of a val of a view. */
    void appendToVal(TrieView view, long val) {
        long from = view.updatesFrom(val);
        long to = view.updatesTo(val);
        timeBounds.addPiece(view, from, to, val, val);
        times.appendRange(view.times(), from, to);
        diffs.appendRange(view.diffs(), from, to);
        if (type.diff() == DiffType.UPSERT) {
            payloads.appendRange(view.payloads(), from, to);
        }
    }

    /** The times, for a merge that writes them in place. */
    ColumnBuilder times() {
        return times;
    }

    /** Where to say what the least and greatest of times are that are written in place. */
    TimeBounds timeBounds() {
        return timeBounds;
    }

    /** Says that the open val ends at so many updates in all, of which some may be to come. */
    void closeVal(long end) {
        valBounds.close(end);
    }

    /** Says that the updates of the next val follow. */
    void closeVal() {
        valBounds.close(times.count());
    }

    /** Appends times of a column from {@code i} on, for diffs that were written in place. */
    void appendUpdatesOf(Column fromTimes, long i, long count) {
        timeBounds.addAll(fromTimes, i, i + count);
        times.appendRange(fromTimes, i, i + count);
        diffs.advanceFixed(Long.BYTES, count);
    }

    /** Appends times of a column from {@code i} on, with as many diffs of another. */
    void appendUpdates(Column fromTimes, long i, Column fromDiffs, long count) {
        timeBounds.addAll(fromTimes, i, i + count);
        times.appendRange(fromTimes, i, i + count);
        diffs.appendRange(fromDiffs, 0, count);
    }

    // ---- some keys of a view ------------------------------------------------------------------

    /**
     * Appends single keys of a view, above the last, each with one val and one update: those whose
     * indexes are given, 64 bits each.
     */
    void appendGathered(TrieView view, long indexes, long count) {
        openSingleKeys(count);
        Interleaving.appendGathered(keys, view.keys(), indexes, count);
        Interleaving.appendGathered(vals, view.vals(), indexes, count);
        long before = times.count();
        Interleaving.appendGathered(times, view.times(), indexes, count);
        timeBounds.addAll(times.bind(lastVal), before, times.count());
        Interleaving.appendGathered(diffs, view.diffs(), indexes, count);
        if (type.diff() == DiffType.UPSERT) {
            Interleaving.appendGathered(payloads, view.payloads(), indexes, count);
        }
    }

    // ---- sealing ------------------------------------------------------------------------------

    /**
     * Closes the open groups and writes the image into memory of exactly its size: where its
     * largest column is, if that has the room, so that most bytes are not moved again. The caller
     * owns the lease; the builder is empty then.
     *
     * @throws IllegalStateException if nothing was appended
     * @throws io.espalier.memory.OutOfNativeMemoryException if there is no room for the image; the
     *     builder is as it was then
     */
    public Lease seal() {
        if (isEmpty()) {
            throw new IllegalStateException("a chunk is never empty; append something first");
        }
        if (timesRemoved) {
            timeBounds.clear();
            timeBounds.addAll(times.bind(lastVal), 0, times.count());
        }
        if (pairs) {
            addSeconds();
        }
        Lease lease = sealer.seal(sealedBytes(), timeBounds, secondBounds);
        clear();
        return lease;
    }

    /** Finds the bounds of the second numbers of times. */
    private void addSeconds() {
        secondBounds.clear();
        Column all = times.bind(lastVal);
        long count = all.isConstant() ? 1 : all.count();
        for (long i = 0; i < count; i++) {
            secondBounds.add(TimeType.secondOf(all, i));
        }
    }

    /** Forgets what was appended; keeps the room. */
    public void clear() {
        timeBounds.clear();
        timesRemoved = false;
        keys.clear(KEPT_BYTES_MAX);
        keyBounds.clear(KEPT_BYTES_MAX);
        vals.clear(KEPT_BYTES_MAX);
        valBounds.clear(KEPT_BYTES_MAX);
        times.clear(KEPT_BYTES_MAX);
        diffs.clear(KEPT_BYTES_MAX);
        payloads.clear(KEPT_BYTES_MAX);
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return keys.heldBytes()
                + keyBounds.heldBytes()
                + vals.heldBytes()
                + valBounds.heldBytes()
                + times.heldBytes()
                + diffs.heldBytes()
                + payloads.heldBytes();
    }

    @Override
    public void close() {
        keys.close();
        keyBounds.close();
        vals.close();
        valBounds.close();
        times.close();
        diffs.close();
        payloads.close();
    }
}
