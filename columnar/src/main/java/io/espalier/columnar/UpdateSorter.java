package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Finds the order of rows by (key, val, time), stable, without moving the rows: it packs them into
 * {@link RowWords} and sorts those. Where words agree that are not all of a row, small groups are
 * sorted by insertion, with whole comparisons, and large ones are packed again from there on.
 * Groups are worked off from a list, so that no input makes the stack deep.
 *
 * <p>The result is a word for each place, and how each place differs from the one before: what a
 * trie needs to know. Scratch is 16 bytes a row, one more if words are not all of a row; it is kept
 * between rounds up to a limit. Single-threaded. The owner closes it.
 *
 * <p>The ideas are those of multikey quicksort (Bentley and Sedgewick) and of prefixes in sorting
 * (AlphaSort).
 */
final class UpdateSorter implements AutoCloseable {

    /** A place starts a key. */
    static final byte NEW_KEY = 0;

    /** A place starts a val of the key before it. */
    static final byte NEW_VAL = 1;

    /** A place has the key and val of the one before it, and a later time. */
    static final byte NEW_TIME = 2;

    /** A place is equal to the one before it. */
    static final byte EQUAL = 3;

    /** From here on insertion with whole comparisons loses to packing again. */
    private static final int INSERTION_MAX = 16;

    private static final int SAMPLE = 64;

    private final MemorySegment segment;
    private final RadixSort radix = new RadixSort();
    private final RowWords words;
    private final NativeBuffer entries;
    private final NativeBuffer spare;
    private final NativeBuffer levels;

    private Column keys = new Column();
    private Column vals = keys;
    private Column times = keys;

    /** Whether all of a row are three longs at most, some of them the same in all rows. */
    private boolean areLongs;

    // the rows of a group of these, in order: what each of them is, and its word
    private final long[] groupKeys = new long[INSERTION_MAX];
    private final long[] groupVals = new long[INSERTION_MAX];
    private final long[] groupTimes = new long[INSERTION_MAX];
    private final long[] groupWords = new long[INSERTION_MAX];

    private long at;
    private long spareAt;
    private int count;
    private long levelsAt;
    private boolean complete;
    private int rowBits;
    private int bitsBelowKeys;
    private int bitsBelowVals;

    /** Groups to refine: first and last place, field, depth. */
    private long[] work = new long[3 * 64];

    private int workSize;

    UpdateSorter(NativeMemory memory) {
        this.segment = memory.segment();
        this.words = new RowWords(segment);
        this.entries = new NativeBuffer(memory);
        this.spare = new NativeBuffer(memory);
        this.levels = new NativeBuffer(memory);
    }

    /**
     * Sorts rows {@code [0, count)} of the columns; equal rows stay in the order of their numbers.
     *
     * @param count 1 or more
     * @param numbered whether the numbers of rows are needed, even if their words are all of them
     */
    void sort(Column keys, Column vals, Column times, int count, boolean numbered) {
        this.keys = keys;
        this.vals = vals;
        this.times = times;
        clear(Long.MAX_VALUE);
        long bytes = (long) count * Long.BYTES;
        at = entries.reserve(bytes);
        spareAt = spare.reserve(bytes);
        this.count = count;
        words.pack(keys, vals, times, count, numbered, at, spareAt);
        complete = words.isComplete();
        rowBits = words.rowBits();
        bitsBelowKeys = words.bitsBelowKeys();
        bitsBelowVals = words.bitsBelowVals();
        areLongs = isLong(keys) && (isLong(vals) || vals.isConstant()) && isLong(times);
        long found = radix.sort(segment, at, spareAt, count, rowBits, rowBits + words.bits());
        if (found != at) {
            spareAt = at;
            at = found;
        }
        if (!complete) {
            refineAll();
        }
    }

    private static boolean isLong(Column column) {
        return column.kind() == ColumnType.Kind.LONG;
    }

    private void refineAll() {
        levelsAt = levels.reserve(count + Long.BYTES);
        segment.set(Layouts.BYTE, levelsAt, NEW_KEY);
        workSize = 0;
        refineGroups(0, count);
        while (workSize > 0) {
            workSize -= 3;
            long range = work[workSize];
            refine(
                    (int) (range >>> Integer.SIZE),
                    (int) range,
                    (int) work[workSize + 1],
                    work[workSize + 2]);
        }
    }

    // ---- the result ---------------------------------------------------------------------------

    /** Where the words are, in order. */
    long wordsAt() {
        return at;
    }

    /** Whether the words are all of the rows, so that longs can be read back from them. */
    boolean isComplete() {
        return complete;
    }

    /** What the words of complete rows hold. */
    RowWords words() {
        return words;
    }

    /** The bits of a word that are the row number. */
    long rowMask() {
        return (1L << rowBits) - 1;
    }

    /** How a place that is not the first differs from the one before. */
    byte levelAt(int place) {
        if (!complete) {
            return segment.get(Layouts.BYTE, levelsAt + place);
        }
        long difference =
                Words.getLong(segment, at, place) ^ Words.getLong(segment, at, place - 1L);
        return levelOf(difference, rowBits, bitsBelowKeys, bitsBelowVals);
    }

    /** The bits of complete words that are of keys. */
    long keyBits() {
        int low = rowBits + bitsBelowKeys;
        return low == Long.SIZE ? 0 : -1L << low;
    }

    /** The bits of complete words that are of keys and vals. */
    long valBits() {
        int low = rowBits + bitsBelowVals;
        return low == Long.SIZE ? 0 : -1L << low;
    }

    /** Whether it is known that each val has one time. */
    boolean areValsUpdates() {
        return complete && bitsBelowVals == 0;
    }

    /** Whether each of the places {@code (from, to)} starts a key. */
    boolean areKeys(int from, int to) {
        if (complete) {
            return (bitsBelowKeys == 0 && radix.foundDistinct())
                    || differ(from, to, rowBits + bitsBelowKeys);
        }
        int highest = NEW_KEY;
        for (int i = from + 1; i < to; i++) {
            highest |= segment.get(Layouts.BYTE, levelsAt + i);
        }
        return highest == NEW_KEY;
    }

    /**
     * Whether it is known that none of the places {@code (from, to)} is equal to the one before.
     */
    boolean areUpdates(int from, int to) {
        return complete && differ(from, to, rowBits);
    }

    private boolean differ(int from, int to, int shift) {
        // what is equal often is so soon
        int start = Math.min(to, from + SAMPLE);
        return differ(segment, at, from + 1, start, shift) && differ(segment, at, start, to, shift);
    }

    private static boolean differ(MemorySegment segment, long words, int from, int to, int shift) {
        if (shift == Long.SIZE) {
            return from >= to;
        }
        // two addresses and one index: the compiler makes vectors of it
        long behind = words - Long.BYTES;
        long all = -1;
        for (int i = from; i < to; i++) {
            long difference =
                    (Words.getLong(segment, words, i) ^ Words.getLong(segment, behind, i))
                            >>> shift;
            // negative unless it is zero
            all &= difference | -difference;
        }
        return all < 0;
    }

    /**
     * Writes how places {@code [from, to)} differ from the ones before; the first of all is new.
     */
    void levels(int from, int to, long target) {
        if (!complete) {
            MemorySegment.copy(segment, levelsAt + from, segment, target, (long) to - from);
            return;
        }
        int start = from;
        if (from == 0) {
            segment.set(Layouts.BYTE, target, NEW_KEY);
            start = 1;
        }
        writeLevels(segment, at, start, to, target - from, rowBits, bitsBelowKeys, bitsBelowVals);
    }

    private static void writeLevels(
            MemorySegment segment,
            long words,
            int from,
            int to,
            long target,
            int rowBits,
            int bitsBelowKeys,
            int bitsBelowVals) {
        for (int i = from; i < to; i++) {
            long difference =
                    Words.getLong(segment, words, i) ^ Words.getLong(segment, words, i - 1L);
            byte level = levelOf(difference, rowBits, bitsBelowKeys, bitsBelowVals);
            segment.set(Layouts.BYTE, target + i, level);
        }
    }

    /** What the topmost bit in which words differ says. */
    private static byte levelOf(
            long difference, int rowBits, int bitsBelowKeys, int bitsBelowVals) {
        int top = Long.SIZE - Long.numberOfLeadingZeros(difference) - rowBits;
        return (byte)
                ((top <= bitsBelowKeys ? 1 : 0)
                        + (top <= bitsBelowVals ? 1 : 0)
                        + (top <= 0 ? 1 : 0));
    }

    // ---- groups -------------------------------------------------------------------------------

    private void push(int from, int to, int field, long depth) {
        if (workSize == work.length) {
            work = Arrays.copyOf(work, workSize * 2);
        }
        work[workSize] = (long) from << Integer.SIZE | to;
        work[workSize + 1] = field;
        work[workSize + 2] = depth;
        workSize += 3;
    }

    /** Sorts places that agree in all fields before one, and in {@code depth} bytes of that. */
    private void refine(int from, int to, int field, long depth) {
        long start = at + (long) from * Long.BYTES;
        long other = spareAt + (long) from * Long.BYTES;
        int size = to - from;
        words.packAgain(start, other, size, field, depth);
        long found = radix.sort(segment, start, other, size, rowBits, rowBits + words.bits());
        if (found != start) {
            MemorySegment.copy(segment, found, segment, start, (long) size * Long.BYTES);
        }
        refineGroups(from, to);
    }

    /** Sets the levels of places that were sorted; what agrees in words that go on is refined. */
    private void refineGroups(int from, int to) {
        int field = words.restField();
        long depth = words.restDepth();
        boolean whole = words.isComplete();
        int belowKeys = words.bitsBelowKeys();
        int belowVals = words.bitsBelowVals();
        int first = from;
        long before = Words.getLong(segment, at, from);
        for (int i = from + 1; i < to; i++) {
            long word = Words.getLong(segment, at, i);
            byte level = levelOf(word ^ before, rowBits, belowKeys, belowVals);
            segment.set(Layouts.BYTE, levelsAt + i, level);
            if (level != EQUAL) {
                if (i - first > 1 && !whole) {
                    refineGroup(first, i, field, depth);
                }
                first = i;
            }
            before = word;
        }
        if (to - first > 1 && !whole) {
            refineGroup(first, to, field, depth);
        }
    }

    private void refineGroup(int from, int to, int field, long depth) {
        if (to - from > INSERTION_MAX) {
            push(from, to, field, depth);
        } else if (areLongs) {
            insertLongs(from, to);
        } else {
            insert(from, to, field, depth);
        }
    }

    /**
     * Sorts rows of longs and sets the levels: each is read once and finds its place among those
     * before it, which are at hand. What runs have at different times is many such groups.
     */
    private void insertLongs(int from, int to) {
        int size = to - from;
        long valsAt = vals.isConstant() ? -1 : vals.data();
        long timesAt = times.isConstant() ? -1 : times.data();
        for (int i = 0; i < size; i++) {
            long word = Words.getLong(segment, at, (long) from + i);
            long row = word & rowMask();
            long key = keys.longAt(row);
            long val = valsAt == -1 ? 0 : Words.getLong(segment, valsAt, row);
            long time = timesAt == -1 ? 0 : Words.getLong(segment, timesAt, row) ^ Words.FLIP;
            int place = i;
            while (place > 0 && isAbove(place - 1, key, val, time)) {
                groupKeys[place] = groupKeys[place - 1];
                groupVals[place] = groupVals[place - 1];
                groupTimes[place] = groupTimes[place - 1];
                groupWords[place] = groupWords[place - 1];
                place--;
            }
            groupKeys[place] = key;
            groupVals[place] = val;
            groupTimes[place] = time;
            groupWords[place] = word;
        }
        Words.setLong(segment, at, from, groupWords[0]);
        for (int i = 1; i < size; i++) {
            Words.setLong(segment, at, (long) from + i, groupWords[i]);
            byte level =
                    groupKeys[i] != groupKeys[i - 1]
                            ? NEW_KEY
                            : groupVals[i] != groupVals[i - 1]
                                    ? NEW_VAL
                                    : groupTimes[i] != groupTimes[i - 1] ? NEW_TIME : EQUAL;
            segment.set(Layouts.BYTE, levelsAt + from + i, level);
        }
    }

    /** Whether a row of the group is above another one. */
    private boolean isAbove(int place, long key, long val, long time) {
        if (groupKeys[place] != key) {
            return groupKeys[place] > key;
        }
        if (groupVals[place] != val) {
            return groupVals[place] > val;
        }
        return groupTimes[place] > time;
    }

    /** Sorts by whole comparisons from {@code depth} of {@code field} on, and sets the levels. */
    private void insert(int from, int to, int field, long depth) {
        boolean moved = false;
        for (int i = from + 1; i < to; i++) {
            int order = compare(row(i - 1), row(i), field, depth);
            if (order <= 0) {
                setLevel(i, order);
            } else {
                moved = true;
                insertOne(from, i, field, depth);
            }
        }
        if (moved) {
            for (int i = from + 1; i < to; i++) {
                int order = compare(row(i - 1), row(i), field, depth);
                assert order <= 0;
                setLevel(i, order);
            }
        }
    }

    /** Moves a place that belongs before its neighbour to where it belongs. */
    private void insertOne(int from, int place, int field, long depth) {
        long word = Words.getLong(segment, at, place);
        int row = row(place);
        int i = place;
        do {
            Words.setLong(segment, at, i, Words.getLong(segment, at, i - 1L));
            i--;
        } while (i > from && compare(row(i - 1), row, field, depth) > 0);
        Words.setLong(segment, at, i, word);
    }

    /** Sets how a place differs from the one before, which is not above it. */
    private void setLevel(int place, int order) {
        segment.set(Layouts.BYTE, levelsAt + place, order == 0 ? EQUAL : (byte) (-order - 1));
    }

    /** The order of two rows: its size is one more than the first field that differs. */
    private int compare(int a, int b, int field, long depth) {
        int order = compareField(field, a, b, depth);
        int at = field;
        while (order == 0 && ++at < RowWords.FIELDS) {
            order = compareField(at, a, b, 0);
        }
        return order == 0 ? 0 : order < 0 ? -(at + 1) : at + 1;
    }

    private int compareField(int field, int a, int b, long depth) {
        if (field == RowWords.TIME) {
            return TimeType.compare(
                    times.longAt(a),
                    TimeType.secondOf(times, a),
                    times.longAt(b),
                    TimeType.secondOf(times, b));
        }
        Column column = field == RowWords.KEY ? keys : vals;
        if (column.isConstant()) {
            return 0;
        }
        if (column.kind() != ColumnType.Kind.BYTES) {
            return Column.compare(column, a, column, b);
        }
        return Bytes.compare(
                segment,
                column.offsetOf(a) + depth,
                column.sizeOf(a) - depth,
                segment,
                column.offsetOf(b) + depth,
                column.sizeOf(b) - depth);
    }

    private int row(int place) {
        return (int) (Words.getLong(segment, at, place) & rowMask());
    }

    /** Gives scratch of more than {@code bytesMax} back. */
    void clear(long bytesMax) {
        entries.clear(bytesMax);
        spare.clear(bytesMax);
        levels.clear(bytesMax);
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return entries.backedBytes() + spare.backedBytes() + levels.backedBytes();
    }

    @Override
    public void close() {
        entries.close();
        spare.close();
        levels.close();
    }
}
