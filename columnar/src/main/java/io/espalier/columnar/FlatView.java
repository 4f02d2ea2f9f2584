package io.espalier.columnar;

import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A flat chunk image read in place: one row for each update, in the order of (key, val, time), each
 * with its key and val.
 *
 * <p>A view owns nothing and may be bound again and again; it is valid while the bytes are pinned.
 * Not thread-safe.
 */
public final class FlatView {

    private MemorySegment segment = MemorySegment.NULL;
    private long offset;
    private long sizeBytes;
    private long binding;
    private TrieType type = TrieType.BYTES_TO_BYTES;
    private long typeCode = type.code();
    private long rowCount;
    private long rowsAt;
    private long heapAt;
    private long heapBytes;
    private long stride;
    private int firstVariableAt;

    private final Column keys = new Column();
    private final Column vals = new Column();
    private final Column times = new Column();
    private final Column diffs = new Column();
    private final Column payloads = new Column();

    /** A view of nothing, until it is bound. */
    public FlatView() {}

    /**
     * Reads the header of an image whose bytes are known to be whole.
     *
     * @throws ImageException if there is no image
     */
    public FlatView bind(NativeMemory memory, long offset) {
        return bind(memory.segment(), offset);
    }

    FlatView bind(MemorySegment source, long at) {
        if (source.get(Layouts.LONG, at) != FlatLayout.MAGIC) {
            throw new ImageException(
                    "no flat chunk image at " + at + ": the magic number is missing");
        }
        long rows = source.get(Layouts.LONG, at + FlatLayout.ROWS_AT);
        long code = source.get(Layouts.LONG, at + FlatLayout.TYPE_AT);
        TrieType stored = code == typeCode ? type : TrieType.ofCode(code);
        long firstRow = at + FlatLayout.HEADER_BYTES;
        long firstHeap = firstRow + rows * FlatLayout.stride(stored);
        bindOpen(
                stored,
                source,
                firstRow,
                firstHeap,
                rows,
                source.get(Layouts.LONG, at + FlatLayout.HEAP_AT));
        offset = at;
        sizeBytes = sizeBytesAt(source, at);
        return this;
    }

    /** Makes this a view of rows that are in no image. */
    void bindOpen(
            TrieType newType,
            MemorySegment source,
            long newRowsAt,
            long newHeapAt,
            long rows,
            long newHeapBytes) {
        binding++;
        type = newType;
        typeCode = newType.code();
        segment = source;
        offset = 0;
        sizeBytes = 0;
        rowCount = rows;
        rowsAt = newRowsAt;
        heapAt = newHeapAt;
        heapBytes = newHeapBytes;
        stride = FlatLayout.stride(type);
        firstVariableAt = FlatLayout.firstVariableAt(type);
        field(keys, type.key(), 0);
        field(vals, type.val(), FlatLayout.valAt(type));
        field(times, type.time().column(), FlatLayout.timeAt(type));
        field(diffs, ColumnType.LONG, FlatLayout.diffAt(type));
        boolean upserts = type.diff() == DiffType.UPSERT;
        field(payloads, upserts ? ColumnType.BYTES : ColumnType.UNIT, FlatLayout.payloadAt(type));
    }

    private void field(Column column, ColumnType of, int at) {
        if (of.kind() == ColumnType.Kind.UNIT) {
            column.bind(of.kind(), TrieLayout.ABSENT, 0, segment, 0, 0, rowCount);
        } else {
            column.bindField(
                    of.kind(), of.fixedWidth(), segment, heapAt, rowsAt + at, stride, rowCount);
        }
    }

    /** Counts bindings, so that a pin knows whether the view is still its own. */
    long binding() {
        return binding;
    }

    /** Lets go of bytes that may become another's, unless the view was bound to others since. */
    void unbind(long bound) {
        if (binding == bound) {
            bindOpen(type, MemorySegment.NULL, 0, 0, 0, 0);
        }
    }

    /** The size of the image at an offset, from its header. */
    static long sizeBytesAt(MemorySegment segment, long offset) {
        return segment.get(Layouts.LONG, offset + FlatLayout.SIZE_AT);
    }

    /** Writes the checksum into the header of an image that is about to leave memory. */
    public static void stamp(MemorySegment segment, long offset) {
        segment.set(Layouts.INT, offset + FlatLayout.CHECKSUM_AT, checksum(segment, offset));
    }

    private static int checksum(MemorySegment segment, long offset) {
        long size = sizeBytesAt(segment, offset);
        return Checksums.crc32c(
                segment, offset + FlatLayout.VERSION_AT, size - FlatLayout.VERSION_AT);
    }

    /**
     * Checks that {@code [offset, offset + sizeBytes)} is one whole, stamped image: magic, version,
     * size, checksum, that rows and heap fill it, and that every value lies in the heap behind the
     * one before. After it, no read through a view leaves the image. That rows are in order is not
     * checked here.
     *
     * @throws ImageException that says what is wrong
     */
    public static void check(MemorySegment segment, long offset, long sizeBytes) {
        if (sizeBytes < FlatLayout.HEADER_BYTES) {
            throw damaged("of " + sizeBytes + " bytes", FlatLayout.HEADER_BYTES + " or more");
        }
        if (segment.get(Layouts.LONG, offset) != FlatLayout.MAGIC) {
            throw new ImageException("the magic number of a flat chunk image is missing");
        }
        int version = segment.get(Layouts.INT, offset + FlatLayout.VERSION_AT);
        if (version != FlatLayout.VERSION) {
            throw damaged("has version " + version, FlatLayout.VERSION);
        }
        long size = sizeBytesAt(segment, offset);
        if (size != sizeBytes) {
            throw damaged("has size " + size, sizeBytes);
        }
        int stored = segment.get(Layouts.INT, offset + FlatLayout.CHECKSUM_AT);
        int found = checksum(segment, offset);
        if (stored != found) {
            throw damaged(
                    "has CRC32C 0x" + Integer.toHexString(found),
                    "0x" + Integer.toHexString(stored));
        }
        TrieType type = TrieType.ofCode(segment.get(Layouts.LONG, offset + FlatLayout.TYPE_AT));
        long rows = segment.get(Layouts.LONG, offset + FlatLayout.ROWS_AT);
        long stride = segment.get(Layouts.LONG, offset + FlatLayout.STRIDE_AT);
        long heap = segment.get(Layouts.LONG, offset + FlatLayout.HEAP_AT);
        if (stride != FlatLayout.stride(type)) {
            throw damaged("has rows of " + stride + " bytes", FlatLayout.stride(type));
        }
        long room = sizeBytes - FlatLayout.HEADER_BYTES;
        if (rows < 1 || rows > room / stride || heap < 0 || heap > room - rows * stride) {
            throw damaged(
                    "has " + rows + " rows and " + heap + " bytes of values",
                    "at least one row, and no more than " + room + " bytes hold");
        }
        if (TrieLayout.align(heap) != room - rows * stride) {
            throw damaged("has " + heap + " bytes of values behind its rows", room - rows * stride);
        }
        FlatView view = new FlatView().bind(segment, offset);
        view.checkHeap();
        view.checkTimeBounds();
    }

    private static ImageException damaged(String what, Object expected) {
        return new ImageException("flat chunk image " + what + ", expected " + expected);
    }

    private void checkHeap() {
        long next = 0;
        for (long row = 0; row < rowCount; row++) {
            next = checkValue(keys, row, next);
            next = checkValue(vals, row, next);
            next = checkValue(payloads, row, next);
        }
        if (next != heapBytes) {
            throw damaged("has values of " + next + " bytes", heapBytes);
        }
    }

    private void checkTimeBounds() {
        long min = -1;
        long max = 0;
        long secondMin = -1;
        long secondMax = 0;
        for (long row = 0; row < rowCount; row++) {
            min = TimeType.min(min, timeAt(row));
            max = TimeType.max(max, timeAt(row));
            secondMin = TimeType.min(secondMin, secondTimeAt(row));
            secondMax = TimeType.max(secondMax, secondTimeAt(row));
        }
        checkTimeBound("least time", FlatLayout.TIME_MIN_AT, min);
        checkTimeBound("greatest time", FlatLayout.TIME_MAX_AT, max);
        checkTimeBound("least second number of a time", FlatLayout.SECOND_MIN_AT, secondMin);
        checkTimeBound("greatest second number of a time", FlatLayout.SECOND_MAX_AT, secondMax);
    }

    private void checkTimeBound(String what, int at, long found) {
        if (timeBound(at) != found) {
            throw damaged(
                    "says that its " + what + " is " + Long.toUnsignedString(timeBound(at)),
                    Long.toUnsignedString(found));
        }
    }

    private long checkValue(Column column, long row, long next) {
        if (column.kind() != ColumnType.Kind.BYTES) {
            return next;
        }
        long at = column.offsetOf(row) - heapAt;
        if (at != next) {
            throw damaged("has a value of row " + row + " at " + at, next);
        }
        long end = next + column.sizeOf(row);
        if (end > heapBytes) {
            throw damaged("has a value of row " + row + " that ends at " + end, heapBytes);
        }
        return end;
    }

    /** The type of the updates. */
    public TrieType type() {
        return type;
    }

    /** The size of the image in bytes. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Where the image starts in its segment. */
    public long offset() {
        return offset;
    }

    /** The segment that holds the image. */
    public MemorySegment segment() {
        return segment;
    }

    /** The number of updates. */
    public long rowCount() {
        return rowCount;
    }

    /** The key of each update. */
    public Column keys() {
        return keys;
    }

    /** The val of each update. */
    public Column vals() {
        return vals;
    }

    /** The time of each update. */
    public Column times() {
        return times;
    }

    /** The count of each update, or the order key of an upsert. */
    public Column diffs() {
        return diffs;
    }

    /** The payload of each upsert. */
    public Column payloads() {
        return payloads;
    }

    /** The time of an update, unsigned; the first number of a pair. */
    public long timeAt(long row) {
        return times.longAt(row);
    }

    /** The second number of the time of an update, unsigned, where times are pairs; else 0. */
    public long secondTimeAt(long row) {
        return TimeType.secondOf(times, row);
    }

    /** The count of an update, or the order key of an upsert. */
    public long diffAt(long row) {
        return diffs.longAt(row);
    }

    /** A number of the header: a bound of the times of an image. */
    long timeBound(int at) {
        return segment.get(Layouts.LONG, offset + at);
    }

    long rowsAt() {
        return rowsAt;
    }

    /** Where in the heap the values of a row start; of the row after the last, where they end. */
    long heapStart(long row) {
        if (firstVariableAt == -1) {
            return 0;
        }
        return row == rowCount
                ? heapBytes
                : Words.getUnsignedInt(segment, rowsAt + row * stride + firstVariableAt, 0);
    }

    long heapAt() {
        return heapAt;
    }

    /** The bytes of rows and their values: what flat chunks are graded by. */
    long flatBytes(long from, long to) {
        return (to - from) * stride + heapStart(to) - heapStart(from);
    }

    /** Compares a row with one of another view, by (key, val, time). */
    int compare(long row, FlatView other, long otherRow) {
        int order = compareKeyVal(row, other, otherRow);
        return order != 0
                ? order
                : TimeType.compare(
                        timeAt(row),
                        secondTimeAt(row),
                        other.timeAt(otherRow),
                        other.secondTimeAt(otherRow));
    }

    /** The same without times. */
    int compareKeyVal(long row, FlatView other, long otherRow) {
        int order = Column.compare(keys, row, other.keys, otherRow);
        return order != 0 ? order : Column.compare(vals, row, other.vals, otherRow);
    }

    /** The first row after one that has another key. */
    long keyEnd(long row) {
        return end(row, false);
    }

    /** The first row after one that has another (key, val). */
    long valEnd(long row) {
        return end(row, true);
    }

    private long end(long row, boolean sameVal) {
        long low = row; // equal
        long step = 1;
        while (low + step < rowCount && isSame(row, low + step, sameVal)) {
            low += step;
            step <<= 1;
        }
        long high = Math.min(low + step, rowCount);
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (isSame(row, middle, sameVal)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    private boolean isSame(long row, long other, boolean sameVal) {
        return Column.compare(keys, row, keys, other) == 0
                && (!sameVal || Column.compare(vals, row, vals, other) == 0);
    }

    /** What is not in order: a row that is not above the one before, or counts zero; else null. */
    public @Nullable String firstDisorder() {
        for (long row = 0; row < rowCount; row++) {
            if (row > 0 && compare(row - 1, this, row) >= 0) {
                return "row " + row + " is not above the one before";
            }
            if (type.diff() == DiffType.COUNT && diffAt(row) == 0) {
                return "row " + row + " counts zero";
            }
        }
        return null;
    }
}
