package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Finds the order of rows by (key, val, time), stable, without moving the rows: it sorts pairs of
 * an order-preserving 8-byte prefix and a row number, and refines groups of equal prefixes by the
 * next 8 bytes, or the next field. Bytes that all rows of a group share are skipped first; small
 * groups are sorted by insertion, with whole comparisons.
 *
 * <p>The result is a row number for each place, and how each place differs from the one before:
 * what a trie needs to know. Groups are worked off from a list, so that no input makes the stack
 * deep. Single-threaded; scratch is native and kept between rounds up to a limit. The owner closes
 * it.
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

    private static final int KEY = 0;
    private static final int VAL = 1;
    private static final int TIME = 2;
    private static final int FIELDS = 3;

    /** From here on insertion with whole comparisons loses to another round of prefixes. */
    private static final int INSERTION_MAX = 16;

    private final MemorySegment segment;
    private final RadixSort radix = new RadixSort();
    private final NativeBuffer entries;
    private final NativeBuffer spare;
    private final NativeBuffer levels;

    private Column keys = new Column();
    private Column vals = keys;
    private Column times = keys;

    private long at;
    private long spareAt;
    private int count;
    private long levelsAt;
    private boolean grouped;

    /** Groups to refine: first and last place, field, depth. */
    private long[] work = new long[3 * 64];

    private int workSize;

    UpdateSorter(NativeMemory memory) {
        this.segment = memory.segment();
        this.entries = new NativeBuffer(memory);
        this.spare = new NativeBuffer(memory);
        this.levels = new NativeBuffer(memory);
    }

    /**
     * Sorts rows {@code [0, count)} of the columns; equal rows stay in the order of their numbers.
     */
    void sort(Column keys, Column vals, Column times, int count) {
        this.keys = keys;
        this.vals = vals;
        this.times = times;
        clear(Long.MAX_VALUE);
        long bytes = (long) count * RadixSort.PAIR_BYTES;
        at = entries.reserve(bytes);
        spareAt = spare.reserve(bytes);
        this.count = count;
        levelsAt = levels.reserve(count + Long.BYTES);
        Words.fill(segment, levelsAt, (count + 7) >>> 3, 0);
        grouped = false;
        for (int i = 0; i < count; i++) {
            setRow(i, i);
        }
        workSize = 0;
        if (!isSorted(count)) {
            push(0, count, KEY, 0);
        }
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

    /** Whether the rows are in order as they come; then the levels are set. */
    private boolean isSorted(int count) {
        int i = 1;
        while (i < count) {
            int order = compare(i - 1, i, KEY, 0);
            if (order > 0) {
                // the sort sets them anew
                Words.fill(segment, levelsAt, (i + 7) >>> 3, 0);
                grouped = false;
                return false;
            }
            setLevel(i, order);
            i++;
        }
        return true;
    }

    /** Sets how a place differs from the one before, which is not above it. */
    private void setLevel(int place, int order) {
        int level = order == 0 ? EQUAL : -order - 1;
        grouped |= level != NEW_KEY;
        segment.set(Layouts.BYTE, levelsAt + place, (byte) level);
    }

    /** Where pairs are whose second longs are the row numbers in order. */
    long entriesAt() {
        return at;
    }

    /** Where a byte for each place is: how it differs from the one before. */
    long levelsAt() {
        return levelsAt;
    }

    /** Whether any two rows have one key; if not, every level is {@link #NEW_KEY}. */
    boolean isGrouped() {
        return grouped;
    }

    private void push(int from, int to, int field, long depth) {
        if (workSize == work.length) {
            work = Arrays.copyOf(work, workSize * 2);
        }
        work[workSize] = (long) from << Integer.SIZE | to;
        work[workSize + 1] = field;
        work[workSize + 2] = depth;
        workSize += 3;
    }

    private Column column(int field) {
        return field == KEY ? keys : field == VAL ? vals : times;
    }

    /** Sorts places that agree in all fields before one, and in {@code depth} bytes of that. */
    private void refine(int from, int to, int field, long depth) {
        if (to - from <= INSERTION_MAX) {
            insert(from, to, field, depth);
            return;
        }
        Column column = column(field);
        if (column.isConstant()) {
            agreed(from, to, field);
            return;
        }
        if (column.kind() != ColumnType.Kind.BYTES) {
            loadWords(column, from, to, depth, field == TIME ? 0 : Words.FLIP);
            sortRange(from, to);
            boolean last = depth + Long.BYTES == column.width();
            refineGroups(from, to, last ? field + 1 : field, last ? 0 : depth + Long.BYTES);
            return;
        }
        long start = depth + sharedBytes(column, from, to, depth);
        boolean allGoOn = loadPrefixes(column, from, to, start);
        sortRange(from, to);
        if (allGoOn) {
            refineGroups(from, to, field, start + Long.BYTES);
        } else {
            refineByteGroups(column, from, to, field, start);
        }
    }

    private void sortRange(int from, int to) {
        long offset = (long) from * RadixSort.PAIR_BYTES;
        long found = radix.sortPairs(segment, at + offset, spareAt + offset, to - from);
        if (found == at + offset) {
            return;
        }
        if (to - from == count) {
            spareAt = at;
            at = found;
        } else {
            long bytes = (long) (to - from) * RadixSort.PAIR_BYTES;
            MemorySegment.copy(segment, found, segment, at + offset, bytes);
        }
    }

    /** The places agree in a whole field: on to the next one. */
    private void agreed(int from, int to, int field) {
        mark(from, to, field);
        if (field + 1 < FIELDS) {
            push(from, to, field + 1, 0);
        }
    }

    private void mark(int from, int to, int field) {
        grouped = true;
        byte level = (byte) (field + 1);
        for (int i = from + 1; i < to; i++) {
            segment.set(Layouts.BYTE, levelsAt + i, level);
        }
    }

    /** Refines each run of equal prefixes from {@code depth} of {@code field} on. */
    private void refineGroups(int from, int to, int field, long depth) {
        int first = from;
        long head = prefix(from);
        for (int i = from + 1; i <= to; i++) {
            long next = i < to ? prefix(i) : ~head;
            if (next != head) {
                if (i - first > 1) {
                    if (depth == 0) {
                        mark(first, i, field - 1);
                    }
                    refineGroup(first, i, field, depth);
                }
                first = i;
                head = next;
            }
        }
    }

    private void refineGroup(int from, int to, int field, long depth) {
        if (field == FIELDS) {
            return;
        }
        if (to - from <= INSERTION_MAX) {
            insert(from, to, field, depth);
        } else {
            push(from, to, field, depth);
        }
    }

    private void refineByteGroups(Column column, int from, int to, int field, long depth) {
        int first = from;
        long head = prefix(from);
        for (int i = from + 1; i <= to; i++) {
            long next = i < to ? prefix(i) : ~head;
            if (next != head) {
                if (i - first > 1) {
                    if (i - first <= INSERTION_MAX) {
                        insert(first, i, field, depth);
                    } else {
                        splitBySize(column, first, i, field, depth);
                    }
                }
                first = i;
                head = next;
            }
        }
    }

    /**
     * Places whose padded prefixes at {@code depth} are equal: those that end there come first, by
     * size, and values of one size are equal; those that go on are refined from the next word on.
     */
    private void splitBySize(Column column, int from, int to, int field, long depth) {
        boolean mixed = false;
        if (column.isVariable()) {
            long firstRest = restClass(column, row(from), depth);
            for (int i = from; i < to; i++) {
                long rest = restClass(column, row(i), depth);
                mixed |= rest != firstRest;
                setPrefix(i, rest);
            }
        }
        if (!mixed) {
            nextWord(from, to, field, depth, restClass(column, row(from), depth));
            return;
        }
        sortRange(from, to);
        int first = from;
        long head = prefix(from);
        for (int i = from + 1; i <= to; i++) {
            long next = i < to ? prefix(i) : -1;
            if (next != head) {
                if (i - first > 1) {
                    nextWord(first, i, field, depth, head);
                }
                first = i;
                head = next;
            }
        }
    }

    private void nextWord(int from, int to, int field, long depth, long rest) {
        if (rest <= Long.BYTES) {
            agreed(from, to, field);
        } else {
            refineGroup(from, to, field, depth + Long.BYTES);
        }
    }

    /** How many bytes are left, or one more than a word if it is more than a word. */
    private static long restClass(Column column, int row, long depth) {
        return Math.min(column.sizeOf(row) - depth, Long.BYTES + 1);
    }

    /** How many bytes from {@code depth} on all places share; 0 when less than a word. */
    private long sharedBytes(Column column, int from, int to, long depth) {
        int firstRow = row(from);
        long first = column.offsetOf(firstRow) + depth;
        long shared = column.sizeOf(firstRow) - depth;
        long word = Bytes.prefix(segment, first, shared);
        for (int i = from + 1; i < to && shared >= Long.BYTES; i++) {
            int row = row(i);
            long offset = column.offsetOf(row) + depth;
            long size = Math.min(shared, column.sizeOf(row) - depth);
            if (size < Long.BYTES || Bytes.prefix(segment, offset, size) != word) {
                return 0;
            }
            shared = Bytes.commonPrefix(segment, first, segment, offset, size);
        }
        return shared < Long.BYTES ? 0 : shared;
    }

    // ---- small groups -------------------------------------------------------------------------

    /** Sorts by whole comparisons from {@code depth} of {@code field} on, and sets the levels. */
    private void insert(int from, int to, int field, long depth) {
        for (int i = from + 1; i < to; i++) {
            int row = row(i);
            int j = i;
            while (j > from && compare(row(j - 1), row, field, depth) > 0) {
                setRow(j, row(j - 1));
                j--;
            }
            setRow(j, row);
        }
        for (int i = from + 1; i < to; i++) {
            int order = compare(row(i - 1), row(i), field, depth);
            assert order <= 0;
            setLevel(i, order);
        }
    }

    /** The order of two rows: its size is one more than the first field that differs. */
    private int compare(int a, int b, int field, long depth) {
        int order = compareField(column(field), a, b, depth);
        int at = field;
        while (order == 0 && ++at < FIELDS) {
            order = at == TIME ? compareTimes(a, b) : compareField(vals, a, b, 0);
        }
        return order == 0 ? 0 : order < 0 ? -(at + 1) : at + 1;
    }

    private int compareTimes(int a, int b) {
        return times.isConstant() ? 0 : Long.compareUnsigned(times.longAt(a), times.longAt(b));
    }

    private int compareField(Column column, int a, int b, long depth) {
        if (column == times) {
            return compareTimes(a, b);
        }
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

    // ---- entries ------------------------------------------------------------------------------

    private void loadWords(Column column, int from, int to, long depth, long flip) {
        long data = column.data() + depth;
        long width = column.width();
        long entry = at + (long) from * RadixSort.PAIR_BYTES;
        for (int i = from; i < to; i++, entry += RadixSort.PAIR_BYTES) {
            long row = segment.get(Layouts.LONG, entry + Long.BYTES);
            segment.set(Layouts.LONG, entry, segment.get(Layouts.LONG, data + row * width) ^ flip);
        }
    }

    /** Loads the words at {@code depth}; whether all values have bytes after them. */
    private boolean loadPrefixes(Column column, int from, int to, long depth) {
        long entry = at + (long) from * RadixSort.PAIR_BYTES;
        if (column.isVariable()) {
            return loadVariable(
                    segment, column.data() + depth, column.offsets(), depth, entry, to - from);
        }
        loadFixed(segment, column.data() + depth, column.width(), depth, entry, to - from);
        return column.width() - depth > Long.BYTES;
    }

    private static boolean loadVariable(
            MemorySegment segment, long data, long offsets, long depth, long entry, int count) {
        long restMin = Long.MAX_VALUE;
        for (int i = 0; i < count; i++, entry += RadixSort.PAIR_BYTES) {
            long row = segment.get(Layouts.LONG, entry + Long.BYTES);
            long start = Words.getUnsignedInt(segment, offsets, row);
            long rest = Words.getUnsignedInt(segment, offsets, row + 1) - start - depth;
            restMin = Math.min(restMin, rest);
            segment.set(Layouts.LONG, entry, Bytes.prefix(segment, data + start, rest));
        }
        return restMin > Long.BYTES;
    }

    private static void loadFixed(
            MemorySegment segment, long data, long width, long depth, long entry, int count) {
        for (int i = 0; i < count; i++, entry += RadixSort.PAIR_BYTES) {
            long row = segment.get(Layouts.LONG, entry + Long.BYTES);
            segment.set(
                    Layouts.LONG, entry, Bytes.prefix(segment, data + row * width, width - depth));
        }
    }

    private long prefix(int place) {
        return Words.getLong(segment, at, (long) place << 1);
    }

    private void setPrefix(int place, long prefix) {
        Words.setLong(segment, at, (long) place << 1, prefix);
    }

    private int row(int place) {
        return (int) Words.getLong(segment, at, ((long) place << 1) + 1);
    }

    private void setRow(int place, int row) {
        Words.setLong(segment, at, ((long) place << 1) + 1, row);
    }

    /** Gives scratch of more than {@code bytesMax} back. */
    void clear(long bytesMax) {
        entries.clear(bytesMax);
        spare.clear(bytesMax);
        levels.clear(bytesMax);
    }

    @Override
    public void close() {
        entries.close();
        spare.close();
        levels.close();
    }
}
