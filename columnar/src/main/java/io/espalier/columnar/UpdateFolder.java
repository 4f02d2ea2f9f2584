package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Folds sorted rows and appends what is left to a chain: counts of equal rows add, of equal upserts
 * the greatest order stays. It works in blocks that fit into the cache; a block ends between keys
 * if it can, so that groups of one size stay strides, and never between equal rows.
 *
 * <p>Counts are summed in 128 bits, so that whether a sum is too large for a count does not depend
 * on the order of its parts. Scratch is some 70 bytes for each row of a block. Single-threaded. The
 * owner closes it.
 */
final class UpdateFolder implements AutoCloseable {

    /** Rows of a block, unless more than these are equal. */
    private static final int BLOCK_ROWS = 8192;

    private static final int LEVELS = 0;
    private static final int KEY_WORDS = 1;
    private static final int VAL_WORDS = 2;
    private static final int UPDATE_WORDS = 3;
    private static final int KEY_BOUNDS = 4;
    private static final int VAL_BOUNDS = 5;
    private static final int SUMS = 6;
    private static final int ROWS = 7;

    /** The first of those for longs read back from words, one for each field. */
    private static final int UNPACKED = 8;

    private static final int SCRATCHES = UNPACKED + RowWords.FIELDS;

    private final MemorySegment segment;
    private final TrieType type;
    private final NativeBuffer[] scratch = new NativeBuffer[SCRATCHES];
    private final Gather gather;
    private final TrieView view = new TrieView();

    // what is folded
    private final UpdateSorter sorter;
    private long rowMask;

    // the block
    private long levels;
    private long keyWords;
    private long valWords;
    private long updateWords;
    private long keyBounds;
    private long valBounds;
    private long sums;
    private long keyCount;
    private long valCount;
    private long updateCount;
    private boolean summed;

    // whose row numbers are listed
    private long listed;
    private long listedCount;
    private long rows;

    UpdateFolder(NativeMemory memory, TrieType type, UpdateSorter sorter) {
        this.segment = memory.segment();
        this.type = type;
        this.sorter = sorter;
        this.gather = new Gather(memory);
        for (int i = 0; i < SCRATCHES; i++) {
            scratch[i] = new NativeBuffer(memory);
        }
    }

    /**
     * Appends what is left of {@code count} rows that were sorted.
     *
     * @throws ArithmeticException if a sum of counts exceeds 64 bits
     */
    void fold(
            Column keys,
            Column vals,
            Column times,
            Column diffs,
            Column payloads,
            int count,
            ChainBuilder out) {
        rowMask = sorter.rowMask();
        int from = 0;
        while (from < count) {
            long words = sorter.wordsAt() + (long) from * Long.BYTES;
            int to = Math.min(count, from + BLOCK_ROWS);
            if (sorter.areKeys(from, Math.min(count, to + 1))) {
                selectAll(words, to - from);
            } else {
                to = cut(from, to, count);
                select(from, to, words, diffs);
            }
            if (updateCount > 0) {
                bindColumns(keys, vals, times, diffs, payloads);
                out.appendPiece(view, 0, updateCount, 0, valCount - 1, 0, keyCount - 1);
            }
            from = to;
        }
    }

    // ---- which rows ---------------------------------------------------------------------------

    /** Where a block ends: before a key, or at least before a val or time. */
    private int cut(int from, int to, int count) {
        if (to == count) {
            return to;
        }
        int end = -1;
        byte lowest = UpdateSorter.EQUAL;
        for (int i = to; i > from && lowest > UpdateSorter.NEW_KEY; i--) {
            byte level = sorter.levelAt(i);
            if (level < lowest) {
                lowest = level;
                end = i;
            }
        }
        if (end == -1) {
            end = to + 1;
            while (end < count && sorter.levelAt(end) == UpdateSorter.EQUAL) {
                end++;
            }
        }
        return end;
    }

    /** Takes all rows of a block, each of which is a key. */
    private void selectAll(long words, int count) {
        keyWords = words;
        valWords = words;
        updateWords = words;
        keyCount = count;
        valCount = count;
        updateCount = count;
        summed = false;
    }

    /** Selects the rows of a block that become keys, vals and updates, with the bounds between. */
    private void select(int from, int to, long words, Column diffs) {
        int count = to - from;
        keyWords = room(KEY_WORDS, (count + 1L) * Long.BYTES);
        valWords = room(VAL_WORDS, (count + 1L) * Long.BYTES);
        updateWords = room(UPDATE_WORDS, (count + 1L) * Long.BYTES);
        keyBounds = room(KEY_BOUNDS, (count + 2L) * Integer.BYTES);
        valBounds = room(VAL_BOUNDS, (count + 2L) * Integer.BYTES);
        keyCount = 0;
        valCount = 0;
        updateCount = 0;
        summed = false;
        if (sorter.areUpdates(from, to)) {
            selectGroups(words, count, sorter.keyBits(), sorter.valBits());
            updateWords = words;
            updateCount = count;
        } else if (sorter.areValsUpdates() && type.diff() == DiffType.COUNT && diffs.isConstant()) {
            sums = room(SUMS, (count + 1L) * Long.BYTES);
            summed = true;
            selectVals(words, count, sorter.keyBits(), sorter.valBits(), sums);
            valWords = updateWords;
            multiply(diffs.longAt(0), sums);
        } else {
            levels = room(LEVELS, count);
            sorter.levels(from, to, levels);
            segment.set(Layouts.BYTE, levels, UpdateSorter.NEW_KEY);
            fold(words, count, diffs);
        }
        Words.setInt(segment, keyBounds, keyCount, (int) valCount);
        if (valCount < updateCount) {
            Words.setInt(segment, valBounds, valCount, (int) updateCount);
        }
    }

    /** Selects keys and vals of rows none of which are equal. */
    private void selectGroups(long words, int count, long keyBits, long valBits) {
        int key = 0;
        int val = 0;
        long before = ~Words.getLong(segment, words, 0);
        for (int i = 0; i < count; i++) {
            long word = Words.getLong(segment, words, i);
            long difference = word ^ before;
            Words.setLong(segment, keyWords, key, word);
            Words.setInt(segment, keyBounds, key, val);
            Words.setLong(segment, valWords, val, word);
            Words.setInt(segment, valBounds, val, i);
            key += (difference & keyBits) != 0 ? 1 : 0;
            val += (difference & valBits) != 0 ? 1 : 0;
            before = word;
        }
        keyCount = key;
        valCount = val;
        startWhatIsAlike(words, keyBits, valBits);
    }

    /** The first row starts a key and a val also if no bit says so. */
    private void startWhatIsAlike(long words, long keyBits, long valBits) {
        if (keyBits == 0) {
            Words.setLong(segment, keyWords, 0, Words.getLong(segment, words, 0));
            Words.setInt(segment, keyBounds, 0, 0);
            keyCount = 1;
        }
        if (valBits == 0) {
            Words.setLong(segment, valWords, 0, Words.getLong(segment, words, 0));
            Words.setInt(segment, valBounds, 0, 0);
            valCount = 1;
        }
    }

    /**
     * Selects keys and vals of rows at one time: without a branch, by writing every place. A val is
     * an update here, and keeps its start as 64 bits; otherwise as {@link #selectGroups}, of which
     * a loop for both would store for either what only the other wants.
     */
    private void selectVals(long words, int count, long keyBits, long valBits, long starts) {
        int key = 0;
        int val = 0;
        long before = ~Words.getLong(segment, words, 0);
        for (int i = 0; i < count; i++) {
            long word = Words.getLong(segment, words, i);
            long difference = word ^ before;
            Words.setLong(segment, keyWords, key, word);
            Words.setInt(segment, keyBounds, key, val);
            Words.setLong(segment, updateWords, val, word);
            Words.setLong(segment, starts, val, i);
            key += (difference & keyBits) != 0 ? 1 : 0;
            val += (difference & valBits) != 0 ? 1 : 0;
            before = word;
        }
        keyCount = key;
        valCount = val;
        startWhatIsAlike(words, keyBits, valBits);
        if (valBits == 0) {
            Words.setLong(segment, updateWords, 0, Words.getLong(segment, words, 0));
            Words.setLong(segment, starts, 0, 0);
        }
        updateCount = valCount;
        Words.setLong(segment, starts, updateCount, count);
    }

    private void fold(long words, int count, Column diffs) {
        boolean equal = hasEqual(segment, levels, count);
        if (type.diff() == DiffType.UPSERT) {
            foldUpserts(words, count, diffs);
        } else if (equal && !diffs.isConstant()) {
            sums = room(SUMS, (long) count * Long.BYTES);
            summed = true;
            foldCounts(words, count, diffs);
        } else {
            long starts = room(SUMS, (count + 1L) * Long.BYTES);
            selectDistinct(words, count, starts);
            if (equal) {
                multiply(diffs.longAt(0), starts);
                sums = starts;
                summed = true;
            }
        }
    }

    private static boolean hasEqual(MemorySegment segment, long levels, int count) {
        int highest = 0;
        for (int i = 0; i < count; i++) {
            highest = Math.max(highest, segment.get(Layouts.BYTE, levels + i));
        }
        return highest == UpdateSorter.EQUAL;
    }

    /** Selects without a branch: writes every place, and moves on where it is to stay. */
    private void selectDistinct(long words, int count, long starts) {
        int key = 0;
        int val = 0;
        int update = 0;
        for (int i = 0; i < count; i++) {
            byte level = segment.get(Layouts.BYTE, levels + i);
            long word = Words.getLong(segment, words, i);
            Words.setLong(segment, keyWords, key, word);
            Words.setInt(segment, keyBounds, key, val);
            Words.setLong(segment, valWords, val, word);
            Words.setInt(segment, valBounds, val, update);
            Words.setLong(segment, updateWords, update, word);
            Words.setLong(segment, starts, update, i);
            key += level == UpdateSorter.NEW_KEY ? 1 : 0;
            val += level <= UpdateSorter.NEW_VAL ? 1 : 0;
            update += level <= UpdateSorter.NEW_TIME ? 1 : 0;
        }
        keyCount = key;
        valCount = val;
        updateCount = update;
        Words.setLong(segment, starts, update, count);
    }

    /** From where equal rows start to how many there are, times {@code diff}. */
    private void multiply(long diff, long starts) {
        long from = Words.getLong(segment, starts, 0);
        for (long i = 0; i < updateCount; i++) {
            long to = Words.getLong(segment, starts, i + 1);
            long sum = diff * (to - from);
            if (Math.multiplyHigh(diff, to - from) != sum >> 63) {
                throw overflow();
            }
            Words.setLong(segment, starts, i, sum);
            from = to;
        }
    }

    private void foldCounts(long words, int count, Column diffs) {
        // the level at which the next update that stays starts something new
        int level = UpdateSorter.NEW_KEY;
        int i = 0;
        while (i < count) {
            level = Math.min(level, segment.get(Layouts.BYTE, levels + i));
            long word = Words.getLong(segment, words, i);
            long sum = diffs.longAt(word & rowMask);
            long high = sum >> 63;
            i++;
            while (i < count && segment.get(Layouts.BYTE, levels + i) == UpdateSorter.EQUAL) {
                long next = diffs.longAt(Words.getLong(segment, words, i) & rowMask);
                long low = sum + next;
                // the carry out of the low words, as unsigned numbers
                high += (next >> 63) + (Long.compareUnsigned(low, next) < 0 ? 1 : 0);
                sum = low;
                i++;
            }
            if (high != sum >> 63) {
                throw overflow();
            }
            if (sum != 0) {
                Words.setLong(segment, sums, updateCount, sum);
                append(level, word);
                level = UpdateSorter.EQUAL;
            }
        }
    }

    private void foldUpserts(long words, int count, Column orders) {
        int i = 0;
        while (i < count) {
            int level = segment.get(Layouts.BYTE, levels + i);
            long winner = Words.getLong(segment, words, i);
            i++;
            if (i < count && segment.get(Layouts.BYTE, levels + i) == UpdateSorter.EQUAL) {
                long greatest = orders.longAt(winner & rowMask);
                do {
                    long word = Words.getLong(segment, words, i);
                    long order = orders.longAt(word & rowMask);
                    if (Long.compareUnsigned(order, greatest) > 0) {
                        greatest = order;
                        winner = word;
                    }
                    i++;
                } while (i < count && segment.get(Layouts.BYTE, levels + i) == UpdateSorter.EQUAL);
            }
            append(level, winner);
        }
    }

    private void append(int level, long word) {
        if (level == UpdateSorter.NEW_KEY) {
            Words.setLong(segment, keyWords, keyCount, word);
            Words.setInt(segment, keyBounds, keyCount, (int) valCount);
            keyCount++;
        }
        if (level <= UpdateSorter.NEW_VAL) {
            Words.setLong(segment, valWords, valCount, word);
            Words.setInt(segment, valBounds, valCount, (int) updateCount);
            valCount++;
        }
        Words.setLong(segment, updateWords, updateCount, word);
        updateCount++;
    }

    private static ArithmeticException overflow() {
        return new ArithmeticException(
                "the counts of one (key, val, time) add up to more than 64 bits hold; keep counts"
                        + " smaller");
    }

    // ---- what they are ------------------------------------------------------------------------

    private void bindColumns(
            Column keys, Column vals, Column times, Column diffs, Column payloads) {
        view.bindOpen(type, segment, keyCount, valCount, updateCount);
        listed = 0;
        column(RowWords.KEY, TrieLayout.KEYS, keys, keyWords, keyCount, view.keys());
        column(RowWords.VAL, TrieLayout.VALS, vals, valWords, valCount, view.vals());
        column(RowWords.TIME, TrieLayout.TIMES, times, updateWords, updateCount, view.times());
        if (summed) {
            Gather.bindLongs(segment, sums, updateCount, view.diffs());
        } else {
            gathered(TrieLayout.DIFFS, diffs, updateWords, updateCount, view.diffs());
        }
        if (type.diff() == DiffType.UPSERT) {
            gathered(TrieLayout.PAYLOADS, payloads, updateWords, updateCount, view.payloads());
        }
        if (keyCount == updateCount) {
            view.keyBounds().bind(1, segment, 0, keyCount);
            view.valBounds().bind(1, segment, 0, valCount);
        } else {
            Gather.bindBounds(segment, keyBounds, keyCount, view.keyBounds());
            if (valCount == updateCount) {
                view.valBounds().bind(1, segment, 0, valCount);
            } else {
                Gather.bindBounds(segment, valBounds, valCount, view.valBounds());
            }
        }
    }

    /** Binds {@code target} to the values of words: read back from them, or from where they are. */
    private void column(int field, int slot, Column source, long words, long count, Column target) {
        if (!sorter.isComplete() || source.isConstant() || source.kind() == ColumnType.Kind.BYTES) {
            gathered(slot, source, words, count, target);
            return;
        }
        long width = source.width();
        long at = room(UNPACKED + field, count * width);
        for (long depth = 0; depth < width; depth += Long.BYTES) {
            sorter.words().unpack(field, depth, words, count, at + depth, width);
        }
        target.bind(source.kind(), TrieLayout.FIXED, width, segment, 0, at, count);
    }

    private void gathered(int slot, Column source, long words, long count, Column target) {
        if (!source.isConstant() && (words != listed || count != listedCount)) {
            list(words, count);
        }
        gather.gather(slot, source, rows, count, target);
    }

    /** Lists the row numbers of words. */
    private void list(long words, long count) {
        rows = room(ROWS, count * Integer.BYTES);
        for (int i = 0; i < count; i++) {
            Words.setInt(segment, rows, i, (int) (Words.getLong(segment, words, i) & rowMask));
        }
        listed = words;
        listedCount = count;
    }

    private long room(int slot, long bytes) {
        scratch[slot].clear();
        return scratch[slot].reserve(bytes);
    }

    /** Gives scratch of more than {@code bytesMax} a list back. */
    void clear(long bytesMax) {
        for (NativeBuffer buffer : scratch) {
            buffer.clear(bytesMax);
        }
        gather.clear(bytesMax);
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        long bytes = gather.heldBytes();
        for (NativeBuffer buffer : scratch) {
            bytes += buffer.backedBytes();
        }
        return bytes;
    }

    @Override
    public void close() {
        for (NativeBuffer buffer : scratch) {
            buffer.close();
        }
        gather.close();
    }
}
