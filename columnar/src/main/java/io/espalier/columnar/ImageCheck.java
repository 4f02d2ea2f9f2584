package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * The structural check of an image whose checksum holds: counts agree, columns tile the image in
 * their order, offsets ascend, columns of equal values have no more of them than distinct ones can
 * be, and the time bounds are those of the times. After it, no read through a view leaves the
 * image, and a walk takes time in proportion to its size. That values are in order is not checked
 * here.
 */
final class ImageCheck {

    private final MemorySegment segment;
    private final long offset;
    private final long sizeBytes;
    private long next;

    private long first;

    /** The column that stands before all others; -1 for none. */
    private int lead = -1;

    ImageCheck(MemorySegment segment, long offset, long sizeBytes) {
        this.segment = segment;
        this.offset = offset;
        this.sizeBytes = sizeBytes;
    }

    void run() {
        TrieType type = TrieType.ofCode(get(TrieLayout.TYPE_AT));
        first = TrieLayout.headerBytes(type);
        next = first;
        long keys = get(TrieLayout.KEYS_AT);
        long vals = get(TrieLayout.VALS_AT);
        long updates = get(TrieLayout.UPDATES_AT);
        if (keys < 1 || vals < keys || updates < vals || updates > TrieLayout.COLUMN_BYTES_MAX) {
            throw new ImageException(
                    "chunk image: counts of keys, vals and updates are "
                            + keys
                            + ", "
                            + vals
                            + ", "
                            + updates
                            + "; expected 1 <= keys <= vals <= updates <= "
                            + TrieLayout.COLUMN_BYTES_MAX);
        }
        findLead();
        // equal values stand for one: keys are distinct, vals within a key, times within a val
        oneEach(TrieLayout.KEYS, keys, 1);
        oneEach(TrieLayout.VALS, vals, keys);
        oneEach(TrieLayout.TIMES, updates, vals);
        column(TrieLayout.KEYS, type.key().fixedWidth(), keys);
        bounds(TrieLayout.KEY_BOUNDS, keys, vals);
        column(TrieLayout.VALS, type.val().fixedWidth(), vals);
        bounds(TrieLayout.VAL_BOUNDS, vals, updates);
        column(TrieLayout.TIMES, type.time().bytes(), updates);
        column(TrieLayout.DIFFS, Long.BYTES, updates);
        if (type.diff() == DiffType.UPSERT) {
            column(TrieLayout.PAYLOADS, -1, updates);
        } else {
            column(TrieLayout.PAYLOADS, 0, updates);
        }
        if (next != sizeBytes) {
            throw new ImageException(
                    "chunk image: columns end at "
                            + next
                            + " but the image has "
                            + sizeBytes
                            + " bytes");
        }
        if (type.time() == TimeType.EPOCH) {
            timeBounds(updates, 0, 1, TrieLayout.TIME_MIN_AT, TrieLayout.TIME_MAX_AT);
        } else {
            timeBounds(updates, 0, 2, TrieLayout.TIME_MIN_AT, TrieLayout.TIME_MAX_AT);
            timeBounds(updates, 1, 2, TrieLayout.SECOND_TIME_MIN_AT, TrieLayout.SECOND_TIME_MAX_AT);
        }
    }

    /** Checks least and greatest time, by which whole chunks are kept, shipped or left alone. */
    private void timeBounds(long updates, int word, int words, int minAt, int maxAt) {
        long entry = offset + entry(TrieLayout.TIMES);
        long at = offset + segment.get(Layouts.LONG, entry + TrieLayout.ENTRY_OFFSET_AT);
        int encoding = segment.get(Layouts.INT, entry + TrieLayout.ENTRY_ENCODING_AT);
        long count = encoding == TrieLayout.FIXED ? updates : 1;
        long min = Long.MAX_VALUE;
        long max = Long.MIN_VALUE;
        for (long i = word; i < count * words; i += words) {
            long time = Words.getLong(segment, at, i) ^ Words.FLIP;
            min = Math.min(min, time);
            max = Math.max(max, time);
        }
        min ^= Words.FLIP;
        max ^= Words.FLIP;
        if (get(minAt) != min || get(maxAt) != max) {
            throw new ImageException(
                    "chunk image: times go from "
                            + Long.toUnsignedString(min)
                            + " to "
                            + Long.toUnsignedString(max)
                            + ", but the header says "
                            + Long.toUnsignedString(get(minAt))
                            + " to "
                            + Long.toUnsignedString(get(maxAt)));
        }
    }

    private long get(long at) {
        return segment.get(Layouts.LONG, offset + at);
    }

    /** The largest column of values of one width stands first, the first of them if equal. */
    private void findLead() {
        if (segment.get(Layouts.INT, offset + TrieLayout.VERSION_AT) == TrieLayout.VERSION_MIN) {
            return;
        }
        long most = 0;
        for (int column = 0; column < TrieLayout.COLUMNS; column++) {
            int encoding =
                    segment.get(Layouts.INT, offset + entry(column) + TrieLayout.ENTRY_ENCODING_AT);
            long size = get(entry(column) + TrieLayout.ENTRY_SIZE_AT);
            if (encoding == TrieLayout.FIXED && size > most) {
                most = size;
                lead = column;
            }
        }
        if (lead != -1) {
            require(most <= sizeBytes, lead, "leave the image");
            next += TrieLayout.align(most);
        }
    }

    private long entry(int column) {
        return TrieLayout.DIRECTORY_AT + (long) column * TrieLayout.ENTRY_BYTES;
    }

    /** Checks that a column whose values are all equal has one for each group. */
    private void oneEach(int column, long count, long groups) {
        long entry = offset + entry(column);
        int encoding = segment.get(Layouts.INT, entry + TrieLayout.ENTRY_ENCODING_AT);
        boolean content = segment.get(Layouts.INT, entry + TrieLayout.ENTRY_WIDTH_AT) != 0;
        boolean equal =
                encoding != TrieLayout.VARIABLE && !(encoding == TrieLayout.FIXED && content);
        require(count == groups || !equal, column, "are equal in a group");
    }

    /** A column of {@code count} values of {@code width} bytes, or of any size if that is -1. */
    private void column(int column, int width, long count) {
        long entry = entry(column);
        int encoding = segment.get(Layouts.INT, offset + entry + TrieLayout.ENTRY_ENCODING_AT);
        long found =
                segment.get(Layouts.INT, offset + entry + TrieLayout.ENTRY_WIDTH_AT) & 0xFFFFFFFFL;
        long bytes;
        switch (encoding) {
            case TrieLayout.ABSENT -> {
                require(width == 0 && found == 0, column, "is absent");
                bytes = 0;
            }
            case TrieLayout.CONSTANT -> {
                require(
                        width == -1 || (width == found && width != 0),
                        column,
                        "has width " + found);
                bytes = found;
            }
            case TrieLayout.FIXED -> {
                require(
                        width == -1 || (width == found && width != 0),
                        column,
                        "has width " + found);
                require(
                        found == 0 || count <= TrieLayout.COLUMN_BYTES_MAX / found,
                        column,
                        "is too large");
                bytes = count * found;
            }
            case TrieLayout.VARIABLE -> {
                require(width == -1 && found == 0, column, "is variable");
                bytes = offsets(column, count, -1);
                bytes += TrieLayout.align((count + 1) * Integer.BYTES);
            }
            default ->
                    throw new ImageException(
                            "chunk image: "
                                    + TrieLayout.columnName(column)
                                    + " have encoding "
                                    + encoding
                                    + ", expected 0 to 3");
        }
        place(column, bytes);
    }

    private void bounds(int column, long groups, long members) {
        long entry = entry(column);
        int encoding = segment.get(Layouts.INT, offset + entry + TrieLayout.ENTRY_ENCODING_AT);
        long width =
                segment.get(Layouts.INT, offset + entry + TrieLayout.ENTRY_WIDTH_AT) & 0xFFFFFFFFL;
        if (encoding == TrieLayout.CONSTANT) {
            require(width > 0 && members == groups * width, column, "have stride " + width);
            place(column, 0);
            return;
        }
        require(encoding == TrieLayout.VARIABLE && width == 0, column, "have encoding " + encoding);
        offsets(column, groups, members);
        place(column, (groups + 1) * Integer.BYTES);
    }

    /** Checks offsets: from 0, ascending (strictly for bounds), to {@code last} unless -1. */
    private long offsets(int column, long count, long last) {
        long at = get(entry(column) + TrieLayout.ENTRY_OFFSET_AT);
        long bytes = (count + 1) * Integer.BYTES;
        require(at == next && at + bytes <= sizeBytes, column, "offsets leave the image");
        long before = Words.getUnsignedInt(segment, offset + at, 0);
        require(before == 0, column, "offsets start at " + before);
        for (long i = 1; i <= count; i++) {
            long value = Words.getUnsignedInt(segment, offset + at, i);
            require(last == -1 ? value >= before : value > before, column, "offsets descend");
            before = value;
        }
        require(last == -1 || before == last, column, "offsets end at " + before);
        return before;
    }

    private void place(int column, long bytes) {
        long entry = entry(column);
        long at = get(entry + TrieLayout.ENTRY_OFFSET_AT);
        long size = get(entry + TrieLayout.ENTRY_SIZE_AT);
        long place = column == lead ? first : next;
        require(at == place && size == bytes, column, "lie at " + at + " with " + size + " bytes");
        next += column == lead ? 0 : TrieLayout.align(bytes);
        require(next <= sizeBytes && next >= 0, column, "leave the image");
    }

    private static void require(boolean holds, int column, String what) {
        if (!holds) {
            throw new ImageException("chunk image: " + TrieLayout.columnName(column) + " " + what);
        }
    }
}
