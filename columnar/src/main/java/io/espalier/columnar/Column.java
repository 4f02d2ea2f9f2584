package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.StringJoiner;

/**
 * A flyweight over the values of one column, wherever its bytes are. It owns nothing: it is as
 * valid as whatever it was bound to (a pinned view, a builder that has not been appended to since).
 *
 * <p>Value {@code i} is the run of {@link #sizeOf} bytes at {@link #offsetOf}: for constant and
 * fixed encodings these are arithmetic, for variable ones two reads. Not thread-safe while it is
 * being bound.
 */
public final class Column {

    private static final int DESCRIBED_BYTES_MAX = 32;

    private ColumnType.Kind kind = ColumnType.Kind.UNIT;
    private int encoding;
    private long width;
    private long stride;
    private MemorySegment segment = MemorySegment.NULL;
    private long data;
    private long offsets;
    private long count;
    private boolean ascending;

    Column() {}

    void bind(
            ColumnType.Kind kind,
            int encoding,
            long width,
            MemorySegment segment,
            long offsets,
            long data,
            long count) {
        this.kind = kind;
        this.encoding = encoding;
        this.width = width;
        this.stride = encoding == TrieLayout.FIXED ? width : 0;
        this.segment = segment;
        this.offsets = offsets;
        this.data = data;
        this.count = count;
        this.ascending = false;
    }

    /**
     * Binds to a field of rows: {@code data} is that of the first row, {@code stride} the size of a
     * row, and {@code heap} what the field of a variable value points into, with its offset and its
     * size, 32 bits each.
     *
     * @param width the size of every value, or -1 if variable
     */
    void bindField(
            ColumnType.Kind kind,
            long width,
            MemorySegment segment,
            long heap,
            long data,
            long stride,
            long count) {
        int field = width == -1 ? TrieLayout.FIELD_VARIABLE : TrieLayout.FIELD;
        bind(kind, field, Math.max(width, 0), segment, heap, data, count);
        this.stride = stride;
    }

    void bind(Column other) {
        bind(
                other.kind,
                other.encoding,
                other.width,
                other.segment,
                other.offsets,
                other.data,
                other.count);
        this.stride = other.stride;
    }

    /** How many values there are. */
    public long count() {
        return count;
    }

    /** The kind of the values. */
    public ColumnType.Kind kind() {
        return kind;
    }

    /** The segment that {@link #offsetOf} indexes. */
    public MemorySegment segment() {
        return segment;
    }

    int encoding() {
        return encoding;
    }

    boolean isVariable() {
        return encoding == TrieLayout.VARIABLE;
    }

    boolean isConstant() {
        return encoding == TrieLayout.CONSTANT || encoding == TrieLayout.ABSENT;
    }

    /** The size of every value, or 0 if the encoding is variable. */
    long width() {
        return width;
    }

    long data() {
        return data;
    }

    long offsets() {
        return offsets;
    }

    /** Where value {@code index} starts. */
    public long offsetOf(long index) {
        if (encoding == TrieLayout.VARIABLE) {
            return data + Words.getUnsignedInt(segment, offsets, index);
        }
        if (encoding == TrieLayout.FIELD_VARIABLE) {
            return offsets + Words.getUnsignedInt(segment, data + index * stride, 0);
        }
        return data + index * stride;
    }

    /** How many bytes value {@code index} has. */
    public long sizeOf(long index) {
        if (encoding == TrieLayout.VARIABLE) {
            return Words.getUnsignedInt(segment, offsets, index + 1)
                    - Words.getUnsignedInt(segment, offsets, index);
        }
        if (encoding == TrieLayout.FIELD_VARIABLE) {
            return Words.getUnsignedInt(segment, data + index * stride, 1);
        }
        return width;
    }

    /** The first eight bytes of value {@code index} as a little-endian number: a long itself. */
    public long longAt(long index) {
        return segment.get(Layouts.LONG, data + index * stride);
    }

    /** The bytes that values {@code [from, to)} of a variable column hold, without offsets. */
    long bytesOf(long from, long to) {
        assert encoding == TrieLayout.VARIABLE;
        return Words.getUnsignedInt(segment, offsets, to)
                - Words.getUnsignedInt(segment, offsets, from);
    }

    /**
     * The bytes that values {@code [from, to)} take when every value is written out, with an offset
     * each if their kind has no fixed size: a measure that does not depend on the encoding, and
     * that adds up over ranges.
     */
    long flatBytes(long from, long to) {
        return switch (kind) {
            case UNIT -> 0;
            case LONG, TUPLE -> (to - from) * width;
            case BYTES ->
                    (encoding == TrieLayout.VARIABLE
                                    ? Words.getUnsignedInt(segment, offsets, to)
                                            - Words.getUnsignedInt(segment, offsets, from)
                                    : (to - from) * width)
                            + (to - from) * TrieLayout.OFFSET_BYTES;
        };
    }

    /**
     * Whether every value is greater than the one before, as keys and probes are. Known for the
     * keys of a chunk; else found out by comparing all, once for each binding.
     */
    boolean isAscending() {
        ascending = ascending || firstDescent() == count;
        return ascending;
    }

    /** The first value that is not greater than the one before, or {@link #count()}. */
    long firstDescent() {
        if (kind == ColumnType.Kind.LONG && encoding == TrieLayout.FIXED) {
            return Words.firstDescent(segment, data, count);
        }
        long i = 1;
        while (i < count && compare(this, i - 1, this, i) < 0) {
            i++;
        }
        return Math.min(i, count);
    }

    /** A value as text, for messages: the start of it if it is long. */
    String describe(long index) {
        long size = sizeOf(index);
        long at = offsetOf(index);
        return switch (kind) {
            case UNIT -> "()";
            case LONG -> Long.toString(longAt(index));
            case TUPLE -> {
                StringJoiner words = new StringJoiner(", ", "(", ")");
                for (long i = 0; i < size; i += Long.BYTES) {
                    words.add(Long.toString(segment.get(Layouts.LONG, at + i)));
                }
                yield words.toString();
            }
            case BYTES -> {
                byte[] bytes = new byte[(int) Math.min(size, DESCRIBED_BYTES_MAX)];
                MemorySegment.copy(segment, Layouts.BYTE, at, bytes, 0, bytes.length);
                String text = new String(bytes, StandardCharsets.US_ASCII);
                boolean plain = text.chars().allMatch(c -> c >= ' ' && c <= '~');
                yield (plain ? "'" + text + "'" : "0x" + HexFormat.of().formatHex(bytes))
                        + (size > bytes.length ? "... of " + size + " bytes" : "");
            }
        };
    }

    /** Says that the values ascend, which sealed keys do. */
    void setAscending() {
        ascending = true;
    }

    /** Compares value {@code i} of {@code a} with value {@code j} of {@code b}, of one kind. */
    public static int compare(Column a, long i, Column b, long j) {
        return switch (a.kind) {
            case LONG -> Long.compare(a.longAt(i), b.longAt(j));
            case BYTES ->
                    Bytes.compare(
                            a.segment,
                            a.offsetOf(i),
                            a.sizeOf(i),
                            b.segment,
                            b.offsetOf(j),
                            b.sizeOf(j));
            case TUPLE -> compareTuples(a, i, b, j);
            case UNIT -> 0;
        };
    }

    private static int compareTuples(Column a, long i, Column b, long j) {
        long x = a.offsetOf(i);
        long y = b.offsetOf(j);
        for (long at = 0; at < a.width; at += Long.BYTES) {
            int order =
                    Long.compare(
                            a.segment.get(Layouts.LONG, x + at),
                            b.segment.get(Layouts.LONG, y + at));
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    /**
     * The first index in {@code [from, to)} whose value is not less than value {@code j} of {@code
     * probes}, or {@code to}; gallops from {@code from}, so that near answers are cheap.
     */
    public long gallop(long from, long to, Column probes, long j) {
        if (kind == ColumnType.Kind.LONG && encoding == TrieLayout.FIXED) {
            return Words.gallop(segment, data, from, to, probes.longAt(j));
        }
        if (from >= to || compare(this, from, probes, j) >= 0) {
            return from;
        }
        long low = from; // less than the probe
        long step = 1;
        while (low + step < to && compare(this, low + step, probes, j) < 0) {
            low += step;
            step <<= 1;
        }
        long high = Math.min(low + step, to);
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (compare(this, middle, probes, j) < 0) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    /**
     * How many values, at most {@code countMax}, are equal pairwise from {@code a[i]} and {@code
     * b[j]} on. Columns of one width are compared in bulk.
     */
    static long equalRun(Column a, long i, Column b, long j, long countMax) {
        if (a.encoding == TrieLayout.FIXED && b.encoding == TrieLayout.FIXED) {
            if (a.width != b.width) {
                return 0;
            }
            // most runs are short or cover everything: look at one value before the bulk compare
            if (countMax == 0
                    || !Bytes.equal(a.segment, a.offsetOf(i), b.segment, b.offsetOf(j), a.width)) {
                return 0;
            }
            if (a.width == 0) {
                return 1;
            }
            long size = countMax * a.width;
            long at = Bytes.commonPrefix(a.segment, a.offsetOf(i), b.segment, b.offsetOf(j), size);
            return at / a.width;
        }
        if (a.isConstant() && b.isConstant()) {
            return countMax > 0 && compare(a, i, b, j) == 0 ? countMax : 0;
        }
        if (a.encoding == TrieLayout.VARIABLE && b.encoding == TrieLayout.VARIABLE) {
            return equalVariableRun(a, i, b, j, countMax);
        }
        long run = 0;
        while (run < countMax && compare(a, i + run, b, j + run) == 0) {
            run++;
        }
        return run;
    }

    /** Values are equal as long as their sizes are and then the bytes of all of them. */
    private static long equalVariableRun(Column a, long i, Column b, long j, long countMax) {
        if (countMax == 0 || compare(a, i, b, j) != 0) {
            return 0;
        }
        long startA = Words.getUnsignedInt(a.segment, a.offsets, i);
        long startB = Words.getUnsignedInt(b.segment, b.offsets, j);
        long delta = startB - startA;
        long run = 1;
        while (run < countMax
                && Words.getUnsignedInt(b.segment, b.offsets, j + run + 1)
                        == Words.getUnsignedInt(a.segment, a.offsets, i + run + 1) + delta) {
            run++;
        }
        long bytes = Words.getUnsignedInt(a.segment, a.offsets, i + run) - startA;
        long equal =
                Bytes.commonPrefix(a.segment, a.data + startA, b.segment, b.data + startB, bytes);
        if (equal == bytes) {
            return run;
        }
        // the value that the first different byte belongs to: ends ascend
        return Words.firstAbove(a.segment, a.offsets, i + 1, i + run + 1, startA + equal) - i - 1;
    }
}
