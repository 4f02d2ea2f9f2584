package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Builds one flat chunk, row by row or by ranges of rows, each above the last one in. After {@link
 * #seal} it is empty and keeps its room.
 *
 * <p>The owner closes it. Not thread-safe.
 */
final class FlatBuilder implements AutoCloseable {

    private static final long KEPT_BYTES_MAX = 4L << 20;

    private final NativeMemory memory;
    private final MemorySegment segment;
    private final TrieType type;
    private final int stride;
    private final int firstVariableAt;
    private final NativeBuffer rows;
    private final NativeBuffer heap;
    private final FlatView open = new FlatView();
    private long count;

    FlatBuilder(NativeMemory memory, TrieType type) {
        this.memory = memory;
        this.segment = memory.segment();
        this.type = type;
        this.stride = FlatLayout.stride(type);
        this.firstVariableAt = FlatLayout.firstVariableAt(type);
        this.rows = new NativeBuffer(memory);
        this.heap = new NativeBuffer(memory);
    }

    boolean isEmpty() {
        return count == 0;
    }

    /** The bytes of rows and their values. */
    long flatBytes() {
        return rows.sizeBytes() + heap.sizeBytes();
    }

    private FlatView open() {
        open.bindOpen(type, segment, rows.offset(), heap.offset(), count, heap.sizeBytes());
        return open;
    }

    /**
     * Appends a row.
     *
     * @throws IllegalArgumentException if it is not above the last one; nothing is appended then
     */
    void append(
            Column keys,
            long key,
            Column vals,
            long val,
            long time,
            long second,
            long diff,
            Column payloads,
            long payload) {
        assert type.diff() == DiffType.UPSERT || diff != 0 : "a diff of zero";
        if (count > 0) {
            FlatView last = open();
            int order = Column.compare(last.keys(), count - 1, keys, key);
            if (order == 0) {
                order = Column.compare(last.vals(), count - 1, vals, val);
            }
            if (order == 0) {
                order =
                        TimeType.compare(
                                last.timeAt(count - 1), last.secondTimeAt(count - 1), time, second);
            }
            if (order >= 0) {
                throw notAbove(keys, key, vals, val, time, second);
            }
        }
        long row = rows.reserve(stride);
        appendValue(row, keys, key);
        appendValue(row + FlatLayout.valAt(type), vals, val);
        long timeAt = row + FlatLayout.timeAt(type);
        segment.set(Layouts.LONG, timeAt, time);
        if (type.time() == TimeType.PAIR) {
            segment.set(Layouts.LONG, timeAt + Long.BYTES, second);
        }
        segment.set(Layouts.LONG, row + FlatLayout.diffAt(type), diff);
        if (type.diff() == DiffType.UPSERT) {
            appendValue(row + FlatLayout.payloadAt(type), payloads, payload);
        }
        rows.advance(stride);
        count++;
    }

    private void appendValue(long at, Column source, long index) {
        switch (source.kind()) {
            case UNIT -> {}
            case LONG -> segment.set(Layouts.LONG, at, source.longAt(index));
            case TUPLE ->
                    MemorySegment.copy(
                            source.segment(),
                            source.offsetOf(index),
                            segment,
                            at,
                            source.sizeOf(index));
            case BYTES -> {
                long size = source.sizeOf(index);
                Words.setInt(segment, at, 0, (int) heap.sizeBytes());
                Words.setInt(segment, at, 1, (int) size);
                heap.append(source.segment(), source.offsetOf(index), size);
            }
        }
    }

    /**
     * Appends rows {@code [from, to)} of a view, by copying them and their values whole.
     *
     * @throws IllegalArgumentException if they do not start above the last row, or are of another
     *     type; nothing is appended then
     */
    void appendRows(FlatView view, long from, long to) {
        if (!view.type().equals(type)) {
            throw new IllegalArgumentException("a view of " + view.type() + ", expected " + type);
        }
        if (from >= to) {
            return;
        }
        if (count > 0 && open().compare(count - 1, view, from) >= 0) {
            throw notAbove(
                    view.keys(),
                    from,
                    view.vals(),
                    from,
                    view.timeAt(from),
                    view.secondTimeAt(from));
        }
        long values = view.heapStart(to) - view.heapStart(from);
        int delta = (int) (heap.sizeBytes() - view.heapStart(from));
        heap.append(view.segment(), view.heapAt() + view.heapStart(from), values);
        long added = rows.sizeBytes();
        rows.append(view.segment(), view.rowsAt() + from * stride, (to - from) * stride);
        if (firstVariableAt != -1 && delta != 0) {
            long end = rows.offset() + rows.sizeBytes();
            for (long row = rows.offset() + added; row < end; row += stride) {
                shift(row, delta);
            }
        }
        count += to - from;
    }

    private void shift(long row, int delta) {
        if (type.key().kind() == ColumnType.Kind.BYTES) {
            shiftField(row, delta);
        }
        if (type.val().kind() == ColumnType.Kind.BYTES) {
            shiftField(row + FlatLayout.valAt(type), delta);
        }
        if (type.diff() == DiffType.UPSERT) {
            shiftField(row + FlatLayout.payloadAt(type), delta);
        }
    }

    private void shiftField(long at, int delta) {
        Words.setInt(segment, at, 0, Words.getInt(segment, at, 0) + delta);
    }

    private IllegalArgumentException notAbove(
            Column keys, long key, Column vals, long val, long time, long second) {
        FlatView last = open();
        long at = count - 1;
        return new IllegalArgumentException(
                "a row ("
                        + keys.describe(key)
                        + ", "
                        + vals.describe(val)
                        + ", "
                        + type.time().show(time, second)
                        + ") for a builder of "
                        + count
                        + " rows, the last of which is ("
                        + last.keys().describe(at)
                        + ", "
                        + last.vals().describe(at)
                        + ", "
                        + type.time().show(last.timeAt(at), last.secondTimeAt(at))
                        + "); rows must ascend: sort them, and fold what is equal");
    }

    /**
     * Writes the image into memory of exactly its size. The caller owns the lease; the builder is
     * empty then.
     *
     * @throws IllegalStateException if nothing was appended
     */
    Lease seal() {
        if (count == 0) {
            throw new IllegalStateException("a chunk is never empty; append something first");
        }
        long heapBytes = heap.sizeBytes();
        long heapAt = FlatLayout.HEADER_BYTES + rows.sizeBytes();
        long size = heapAt + TrieLayout.align(heapBytes);
        Lease lease = memory.allocate(size);
        long base = lease.offset();
        segment.set(Layouts.LONG, base, FlatLayout.MAGIC);
        segment.set(Layouts.INT, base + FlatLayout.CHECKSUM_AT, 0);
        segment.set(Layouts.INT, base + FlatLayout.VERSION_AT, FlatLayout.VERSION);
        segment.set(Layouts.LONG, base + FlatLayout.SIZE_AT, size);
        segment.set(Layouts.LONG, base + FlatLayout.TYPE_AT, type.code());
        segment.set(Layouts.LONG, base + FlatLayout.ROWS_AT, count);
        segment.set(Layouts.LONG, base + FlatLayout.STRIDE_AT, stride);
        segment.set(Layouts.LONG, base + FlatLayout.HEAP_AT, heapBytes);
        writeTimeBounds(base);
        MemorySegment.copy(
                segment, rows.offset(), segment, base + FlatLayout.HEADER_BYTES, rows.sizeBytes());
        MemorySegment.copy(segment, heap.offset(), segment, base + heapAt, heapBytes);
        for (long at = heapAt + heapBytes; at < size; at++) {
            segment.set(Layouts.BYTE, base + at, (byte) 0);
        }
        clear();
        return lease;
    }

    private void writeTimeBounds(long base) {
        FlatView all = open();
        long min = -1;
        long max = 0;
        long secondMin = -1;
        long secondMax = 0;
        for (long row = 0; row < count; row++) {
            min = TimeType.min(min, all.timeAt(row));
            max = TimeType.max(max, all.timeAt(row));
            secondMin = TimeType.min(secondMin, all.secondTimeAt(row));
            secondMax = TimeType.max(secondMax, all.secondTimeAt(row));
        }
        segment.set(Layouts.LONG, base + FlatLayout.TIME_MIN_AT, min);
        segment.set(Layouts.LONG, base + FlatLayout.TIME_MAX_AT, max);
        segment.set(Layouts.LONG, base + FlatLayout.SECOND_MIN_AT, secondMin);
        segment.set(Layouts.LONG, base + FlatLayout.SECOND_MAX_AT, secondMax);
    }

    void clear() {
        count = 0;
        rows.clear(KEPT_BYTES_MAX);
        heap.clear(KEPT_BYTES_MAX);
    }

    @Override
    public void close() {
        count = 0;
        rows.close();
        heap.close();
    }
}
