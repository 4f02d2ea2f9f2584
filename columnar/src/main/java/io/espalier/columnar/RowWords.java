package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Packs rows into words of 64 bits whose unsigned order is that of the rows by (key, val, time): of
 * each long, and of each eight bytes, only what varies among the rows, the number of the row behind
 * it. Often that is all of a row; the word then tells all that there is, and longs are read back
 * from it. If not, rows whose words agree are packed again from where the words end.
 *
 * <p>A piece of a word is either the distance from the least value, or the bits that vary,
 * whichever is shorter: both keep the order. The idea is that of normalized keys (as in AlphaSort),
 * with what is constant left out.
 *
 * <p>Owns no native memory. Single-threaded.
 */
final class RowWords {

    static final int KEY = 0;
    static final int VAL = 1;
    static final int TIME = 2;
    static final int FIELDS = 3;

    /** 64 pieces with bits, and the longs of two tuples and the time without. */
    private static final int PIECES_MAX = Long.SIZE + 2 * ColumnType.WORDS_MAX + 1;

    /** Bits that vary are worth collecting if they are fewer by this. */
    private static final int COLLECTED_MIN = 3;

    /** Ranks of bytes are worth their tables from this many values on. */
    private static final int RANKED_COUNT_MIN = 256;

    /** Bytes that vary in no more bits than this may well be packed as they are. */
    private static final int RANKED_BITS_MIN = 24;

    private final ByteRanks ranks = new ByteRanks();
    private final MemorySegment segment;
    private final Column[] fields = new Column[FIELDS];

    // where the rows are
    private long at;
    private long scratch;
    private int count;
    private boolean direct;

    // what the words hold, from the top
    private int pieces;
    private final int[] pieceField = new int[PIECES_MAX];
    private final long[] pieceDepth = new long[PIECES_MAX];
    private final int[] pieceBits = new int[PIECES_MAX];
    private final long[] pieceBase = new long[PIECES_MAX];
    private final long[] pieceMask = new long[PIECES_MAX];
    private final long[] pieceFlip = new long[PIECES_MAX];

    private int rowBits;
    private int bits;
    private int keyEnd;
    private int valEnd;
    private boolean complete;
    private int restField;
    private long restDepth;

    // what the last survey found
    private long least;
    private long greatest;
    private long varying;

    RowWords(MemorySegment segment) {
        this.segment = segment;
    }

    /**
     * Packs rows {@code [0, count)} of columns, in this order.
     *
     * @param numbered whether the words must hold the row numbers in any case
     * @param target where the words go
     * @param scratch as large an area
     */
    void pack(
            Column keys,
            Column vals,
            Column times,
            int count,
            boolean numbered,
            long target,
            long scratch) {
        fields[KEY] = keys;
        fields[VAL] = vals;
        fields[TIME] = times;
        this.at = target;
        this.scratch = scratch;
        this.count = count;
        direct = true;
        int numberBits = Integer.SIZE - Integer.numberOfLeadingZeros(count - 1);
        rowBits = numbered ? numberBits : 0;
        packFrom(KEY, 0);
        if (!complete && rowBits == 0) {
            number(numberBits);
        }
    }

    /**
     * Packs rows again that agree up to a place, in the words that hold their numbers.
     *
     * @param at the words
     * @param depth how many bytes of the field are behind
     */
    void packAgain(long at, long scratch, int count, int field, long depth) {
        this.at = at;
        this.scratch = scratch;
        this.count = count;
        direct = false;
        packFrom(field, depth);
    }

    // ---- what the words hold ------------------------------------------------------------------

    /** How many of the lowest bits are the row number; 0 if it is not in. */
    int rowBits() {
        return rowBits;
    }

    /** How many bits above the row number are used. */
    int bits() {
        return bits;
    }

    /** Whether rows are equal if their words are, apart from the row number. */
    boolean isComplete() {
        return complete;
    }

    /** The field in which rows whose words agree may differ. */
    int restField() {
        return restField;
    }

    /** How many bytes of {@link #restField} agree at least if the words do. */
    long restDepth() {
        return restDepth;
    }

    /** How many of the lowest bits, without the row number, are not of keys. */
    int bitsBelowKeys() {
        return bits - keyEnd;
    }

    /** How many of the lowest bits, without the row number, are of times. */
    int bitsBelowVals() {
        return bits - valEnd;
    }

    /**
     * Reads longs back from words that are complete.
     *
     * @param depth which long of a tuple, in bytes
     * @param stride how far the targets are apart
     */
    void unpack(int field, long depth, long words, long count, long target, long stride) {
        int shift = rowBits + bits;
        int piece = 0;
        while (pieceField[piece] != field || pieceDepth[piece] != depth) {
            shift -= pieceBits[piece++];
        }
        assert piece < pieces;
        int size = pieceBits[piece];
        shift -= size;
        long mask = pieceMask[piece];
        long low = lowBits(size);
        if (mask != low) {
            expand(words, count, shift, mask, pieceBase[piece], pieceFlip[piece], target, stride);
        } else if (stride == Long.BYTES) {
            add(words, (int) count, shift, low, pieceBase[piece], pieceFlip[piece], target);
        } else {
            addStrided(
                    words, count, shift, low, pieceBase[piece], pieceFlip[piece], target, stride);
        }
    }

    private void add(
            long words, int count, int shift, long low, long base, long flip, long target) {
        for (int i = 0; i < count; i++) {
            long value = ((Words.getLong(segment, words, i) >>> shift & low) + base) ^ flip;
            Words.setLong(segment, target, i, value);
        }
    }

    private void addStrided(
            long words,
            long count,
            int shift,
            long low,
            long base,
            long flip,
            long target,
            long stride) {
        for (long i = 0; i < count; i++) {
            long value = ((Words.getLong(segment, words, i) >>> shift & low) + base) ^ flip;
            segment.set(Layouts.LONG, target + i * stride, value);
        }
    }

    private void expand(
            long words,
            long count,
            int shift,
            long mask,
            long base,
            long flip,
            long target,
            long stride) {
        for (long i = 0; i < count; i++) {
            long value = Long.expand(Words.getLong(segment, words, i) >>> shift, mask) + base;
            segment.set(Layouts.LONG, target + i * stride, value ^ flip);
        }
    }

    // ---- packing ------------------------------------------------------------------------------

    private void packFrom(int field, long depth) {
        pieces = 0;
        bits = 0;
        keyEnd = 0;
        valEnd = 0;
        complete = true;
        restField = FIELDS;
        restDepth = 0;
        long from = depth;
        for (int i = field; i < FIELDS && complete; i++) {
            packField(i, from);
            from = 0;
            if (complete && i == KEY) {
                keyEnd = bits;
            }
            if (complete && i <= VAL) {
                valEnd = bits;
            }
        }
        if (!complete) {
            keyEnd = restField == KEY ? bits : keyEnd;
            valEnd = restField <= VAL ? bits : valEnd;
        }
        if (bits == 0) {
            startEmpty();
        }
    }

    private void packField(int field, long from) {
        Column column = fields[field];
        if (column.isConstant()) {
            return;
        }
        if (column.kind() == ColumnType.Kind.BYTES) {
            packBytes(field, column, from);
            return;
        }
        long flip = field == TIME ? 0 : Words.FLIP;
        for (long depth = from; depth < column.width() && complete; depth += Long.BYTES) {
            if (direct && column.width() == Long.BYTES) {
                take(field, depth, column.data(), flip);
            } else {
                loadLongs(column.data() + depth, column.width());
                take(field, depth, scratch, flip);
            }
        }
    }

    private void packBytes(int field, Column column, long from) {
        long depth = from + sharedBytes(column, from);
        if (!column.isVariable()) {
            for (; depth < column.width() && complete; depth += Long.BYTES) {
                loadFixed(column.data() + depth, column.width(), column.width() - depth);
                takeBytes(field, depth);
            }
            return;
        }
        boolean goesOn = true;
        for (; goesOn && complete; depth += Long.BYTES) {
            loadVariable(column, depth);
            takeBytes(field, depth);
            if (complete) {
                // what ends here comes before what has zeros
                loadSizes(column.offsets(), depth);
                take(field, depth, scratch, 0);
                goesOn = greatest > Long.BYTES;
            }
        }
    }

    /** Takes eight bytes of each value in, by their ranks if that is worth the while. */
    private void takeBytes(int field, long depth) {
        if (count >= RANKED_COUNT_MIN) {
            survey(scratch, 0);
            if (Long.bitCount(varying) > RANKED_BITS_MIN && ranks.survey(segment, scratch, count)) {
                ranks.map(segment, scratch, count);
            }
        }
        take(field, depth, scratch, 0);
    }

    /** Takes what varies of the values at an address in, as far as there is room. */
    private void take(int field, long depth, long values, long flip) {
        survey(values, flip);
        int range = Long.SIZE - Long.numberOfLeadingZeros(greatest - least);
        int collected = Long.bitCount(varying);
        boolean collects = collected + COLLECTED_MIN <= range;
        int size = collects ? collected : range;
        long mask = collects ? varying : lowBits(size);
        long base = collects ? least & ~varying : least;
        int room = Long.SIZE - rowBits - bits;
        int taken = Math.min(size, room);
        if (taken > 0) {
            if (bits == 0) {
                start(values, flip, base, mask, size - taken);
            } else {
                append(values, flip, base, mask, size - taken, taken);
            }
        }
        if (size > 0 || fields[field].kind() != ColumnType.Kind.BYTES) {
            pieceField[pieces] = field;
            pieceDepth[pieces] = depth;
            pieceBits[pieces] = taken;
            pieceBase[pieces] = base;
            pieceMask[pieces] = mask;
            pieceFlip[pieces] = flip;
            pieces++;
        }
        bits += taken;
        if (taken < size) {
            complete = false;
            restField = field;
            restDepth = depth;
        }
    }

    private static long lowBits(int bits) {
        return bits == 0 ? 0 : -1L >>> (Long.SIZE - bits);
    }

    /** Replaces the lowest bits by the row number, for words that turned out not to be complete. */
    private void number(int numberBits) {
        assert bits == Long.SIZE;
        long mask = lowBits(numberBits);
        for (int i = 0; i < count; i++) {
            Words.setLong(segment, at, i, (Words.getLong(segment, at, i) & ~mask) | i);
        }
        rowBits = numberBits;
        int room = Long.SIZE - numberBits;
        int used = 0;
        int piece = 0;
        while (used + pieceBits[piece] <= room && piece < pieces - 1) {
            used += pieceBits[piece++];
        }
        restField = pieceField[piece];
        restDepth = pieceDepth[piece];
        bits = room;
        keyEnd = Math.min(keyEnd, room);
        valEnd = Math.min(valEnd, room);
    }

    // ---- kernels ------------------------------------------------------------------------------

    private void survey(long values, long flip) {
        long order = flip ^ Words.FLIP;
        long first = Words.getLong(segment, values, 0) ^ order;
        long min = first;
        long max = first;
        long differing = 0;
        for (int i = 1; i < count; i++) {
            long value = Words.getLong(segment, values, i) ^ order;
            min = Math.min(min, value);
            max = Math.max(max, value);
            differing |= value ^ first;
        }
        least = min ^ Words.FLIP;
        greatest = max ^ Words.FLIP;
        varying = differing;
    }

    private void start(long values, long flip, long base, long mask, int dropped) {
        if ((mask & (mask + 1)) == 0) {
            startDistances(values, flip, base, dropped);
        } else {
            startCollected(values, flip, mask, dropped);
        }
    }

    /** The number of the row at {@code i}, if words hold numbers. */
    private long rowAt(int i, long rowMask) {
        return (direct ? i : Words.getLong(segment, at, i)) & rowMask;
    }

    private void startEmpty() {
        long rowMask = lowBits(rowBits);
        for (int i = 0; i < count; i++) {
            Words.setLong(segment, at, i, rowAt(i, rowMask));
        }
    }

    private void startDistances(long values, long flip, long base, int dropped) {
        long rowMask = lowBits(rowBits);
        int shift = rowBits;
        for (int i = 0; i < count; i++) {
            long bits = ((Words.getLong(segment, values, i) ^ flip) - base) >>> dropped;
            Words.setLong(segment, at, i, bits << shift | rowAt(i, rowMask));
        }
    }

    private void startCollected(long values, long flip, long mask, int dropped) {
        long rowMask = lowBits(rowBits);
        int shift = rowBits;
        for (int i = 0; i < count; i++) {
            long bits = Long.compress(Words.getLong(segment, values, i) ^ flip, mask) >>> dropped;
            Words.setLong(segment, at, i, bits << shift | rowAt(i, rowMask));
        }
    }

    private void append(long values, long flip, long base, long mask, int dropped, int taken) {
        if ((mask & (mask + 1)) == 0) {
            appendDistances(values, flip, base, dropped, taken);
        } else {
            appendCollected(values, flip, mask, dropped, taken);
        }
    }

    private void appendDistances(long values, long flip, long base, int dropped, int taken) {
        long rowMask = lowBits(rowBits);
        int shift = rowBits;
        for (int i = 0; i < count; i++) {
            long bits = ((Words.getLong(segment, values, i) ^ flip) - base) >>> dropped;
            long word = Words.getLong(segment, at, i);
            Words.setLong(
                    segment, at, i, (word & ~rowMask) << taken | bits << shift | (word & rowMask));
        }
    }

    private void appendCollected(long values, long flip, long mask, int dropped, int taken) {
        long rowMask = lowBits(rowBits);
        int shift = rowBits;
        for (int i = 0; i < count; i++) {
            long bits = Long.compress(Words.getLong(segment, values, i) ^ flip, mask) >>> dropped;
            long word = Words.getLong(segment, at, i);
            Words.setLong(
                    segment, at, i, (word & ~rowMask) << taken | bits << shift | (word & rowMask));
        }
    }

    // ---- loading what is not words side by side -----------------------------------------------

    private long row(int i) {
        return direct ? i : Words.getLong(segment, at, i) & lowBits(rowBits);
    }

    private void loadLongs(long data, long width) {
        for (int i = 0; i < count; i++) {
            Words.setLong(segment, scratch, i, segment.get(Layouts.LONG, data + row(i) * width));
        }
    }

    private void loadFixed(long data, long width, long rest) {
        // a value near the end of memory may have no eight bytes to read
        if (rest >= Long.BYTES) {
            for (int i = 0; i < count; i++) {
                long value = Long.reverseBytes(segment.get(Layouts.LONG, data + row(i) * width));
                Words.setLong(segment, scratch, i, value);
            }
        } else {
            for (int i = 0; i < count; i++) {
                long value = Bytes.prefix(segment, data + row(i) * width, rest);
                Words.setLong(segment, scratch, i, value);
            }
        }
    }

    private void loadVariable(Column column, long depth) {
        long data = column.data() + depth;
        long offsets = column.offsets();
        // up to there eight bytes can be read at once, whatever they are
        long last = Words.getUnsignedInt(segment, offsets, column.count()) - depth - Long.BYTES;
        for (int i = 0; i < count; i++) {
            long row = row(i);
            long start = Words.getUnsignedInt(segment, offsets, row);
            long rest = Words.getUnsignedInt(segment, offsets, row + 1) - start - depth;
            long value;
            if (rest <= 0) {
                value = 0;
            } else if (start > last) {
                value = Bytes.prefix(segment, data + start, rest);
            } else {
                long outside = Math.max(Long.BYTES - rest, 0) * Byte.SIZE;
                value = Long.reverseBytes(segment.get(Layouts.LONG, data + start));
                value = value >>> outside << outside;
            }
            Words.setLong(segment, scratch, i, value);
        }
    }

    /** How many bytes are left at a depth: one more than a word if it is more than a word. */
    private void loadSizes(long offsets, long depth) {
        for (int i = 0; i < count; i++) {
            long row = row(i);
            long rest =
                    Words.getUnsignedInt(segment, offsets, row + 1)
                            - Words.getUnsignedInt(segment, offsets, row)
                            - depth;
            long bounded = Math.min(Math.max(rest, 0), Long.BYTES + 1);
            Words.setLong(segment, scratch, i, bounded);
        }
    }

    /** How many bytes from {@code depth} on all values share. */
    private long sharedBytes(Column column, long depth) {
        long firstRow = row(0);
        long first = column.offsetOf(firstRow) + depth;
        long shared = Math.max(0, column.sizeOf(firstRow) - depth);
        shared = sharedWith(column, row(count - 1), depth, first, shared);
        shared = sharedWith(column, row(count >>> 1), depth, first, shared);
        int i = 1;
        while (i < count && shared > 0) {
            i = sharing(column, depth, first, shared, i);
            if (i < count) {
                shared = sharedWith(column, row(i), depth, first, shared);
                i++;
            }
        }
        return shared;
    }

    /** The first from {@code i} on that does not share the bytes, or might not; or the count. */
    private int sharing(Column column, long depth, long first, long shared, int i) {
        if (shared < Long.BYTES || shared > 2 * Long.BYTES) {
            return i;
        }
        long head = segment.get(Layouts.LONG, first);
        long tailAt = shared - Long.BYTES;
        long tail = segment.get(Layouts.LONG, first + tailAt);
        boolean variable = column.isVariable();
        for (; i < count; i++) {
            long row = row(i);
            if (variable && column.sizeOf(row) < depth + shared) {
                return i;
            }
            long at = column.offsetOf(row) + depth;
            if (segment.get(Layouts.LONG, at) != head
                    || segment.get(Layouts.LONG, at + tailAt) != tail) {
                return i;
            }
        }
        return i;
    }

    private long sharedWith(Column column, long row, long depth, long first, long sharedMax) {
        long size = Math.min(sharedMax, column.sizeOf(row) - depth);
        return Bytes.commonPrefix(segment, first, segment, column.offsetOf(row) + depth, size);
    }
}
