package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Writes what a {@link TrieBuilder} holds as an image: header, directory and columns. An image
 * begins with its largest column, and is made where that has grown if there is the room.
 */
final class TrieSealer {

    private final NativeMemory memory;
    private final MemorySegment segment;
    private final TrieType type;
    private final int headerBytes;
    private final ColumnBuilder keys;
    private final BoundsBuilder keyBounds;
    private final ColumnBuilder vals;
    private final BoundsBuilder valBounds;
    private final ColumnBuilder times;
    private final ColumnBuilder diffs;
    private final ColumnBuilder payloads;

    TrieSealer(
            NativeMemory memory,
            TrieType type,
            ColumnBuilder keys,
            BoundsBuilder keyBounds,
            ColumnBuilder vals,
            BoundsBuilder valBounds,
            ColumnBuilder times,
            ColumnBuilder diffs,
            ColumnBuilder payloads) {
        this.memory = memory;
        this.segment = memory.segment();
        this.type = type;
        this.headerBytes = TrieLayout.headerBytes(type);
        this.keys = keys;
        this.keyBounds = keyBounds;
        this.vals = vals;
        this.valBounds = valBounds;
        this.times = times;
        this.diffs = diffs;
        this.payloads = payloads;
    }

    /** The size of the image if it were sealed now. */
    long sizeBytes() {
        return headerBytes
                + keys.sealedBytes()
                + keyBounds.sealedBytes(vals.count())
                + vals.sealedBytes()
                + valBounds.sealedBytes(times.count())
                + times.sealedBytes()
                + diffs.sealedBytes()
                + payloads.sealedBytes();
    }

    /**
     * Closes the open groups and writes the image. The columns are to be cleared then.
     *
     * @param size what {@link #sizeBytes} says
     * @param firsts the bounds of all times, or of their first numbers
     * @param seconds the bounds of their second numbers, if they are pairs
     * @return the image, which the caller owns
     * @throws io.espalier.memory.OutOfNativeMemoryException if there is no room; nothing is done
     *     then
     */
    Lease seal(long size, TimeBounds firsts, TimeBounds seconds) {
        ColumnBuilder lead = lead();
        // the one step that may fail comes first
        Lease lease;
        boolean inPlace = false;
        if (lead != null && lead.fitsImage(size, headerBytes)) {
            lease = lead.becomeImage(size);
            inPlace = true;
        } else {
            lease = memory.allocate(size);
        }
        keyBounds.close(vals.count());
        valBounds.close(times.count());
        writeHeader(lease.offset(), size, firsts, seconds);
        long end = image(lease.offset(), lead, inPlace);
        assert end == size : end + " bytes of " + size;
        if (lead != null && !inPlace) {
            lead.clearForImage(size, headerBytes, TrieBuilder.KEPT_BYTES_MAX);
        }
        return lease;
    }

    /** The column that an image begins with: the largest of those whose values have one width. */
    private @Nullable ColumnBuilder lead() {
        ColumnBuilder lead = larger(keys, vals);
        lead = larger(lead, times);
        lead = larger(lead, diffs);
        lead = larger(lead, payloads);
        return lead.fixedBytes() == 0 ? null : lead;
    }

    private static ColumnBuilder larger(ColumnBuilder first, ColumnBuilder second) {
        return second.fixedBytes() > first.fixedBytes() ? second : first;
    }

    private void writeHeader(long base, long size, TimeBounds firsts, TimeBounds seconds) {
        segment.set(Layouts.LONG, base + TrieLayout.MAGIC_AT, TrieLayout.MAGIC);
        segment.set(Layouts.INT, base + TrieLayout.CHECKSUM_AT, 0);
        segment.set(Layouts.INT, base + TrieLayout.VERSION_AT, TrieLayout.VERSION);
        segment.set(Layouts.LONG, base + TrieLayout.SIZE_AT, size);
        segment.set(Layouts.LONG, base + TrieLayout.TYPE_AT, type.code());
        segment.set(Layouts.LONG, base + TrieLayout.KEYS_AT, keys.count());
        segment.set(Layouts.LONG, base + TrieLayout.VALS_AT, vals.count());
        segment.set(Layouts.LONG, base + TrieLayout.UPDATES_AT, times.count());
        segment.set(Layouts.LONG, base + TrieLayout.TIME_MIN_AT, firsts.min());
        segment.set(Layouts.LONG, base + TrieLayout.TIME_MAX_AT, firsts.max());
        if (type.time() == TimeType.PAIR) {
            segment.set(Layouts.LONG, base + TrieLayout.SECOND_TIME_MIN_AT, seconds.min());
            segment.set(Layouts.LONG, base + TrieLayout.SECOND_TIME_MAX_AT, seconds.max());
        }
    }

    /**
     * Writes directory and columns of the image at {@code base}; returns its size.
     *
     * @param inPlace whether the values of the leading column are where they belong
     */
    private long image(long base, @Nullable ColumnBuilder lead, boolean inPlace) {
        long at = headerBytes;
        if (lead != null) {
            long bytes = lead.count() * lead.width();
            if (inPlace) {
                ColumnBuilder.pad(segment, base + at, bytes);
            } else {
                lead.seal(base + at);
            }
            at += TrieLayout.align(bytes);
        }
        at = column(base, at, TrieLayout.KEYS, keys, lead);
        at = bounds(base, at, TrieLayout.KEY_BOUNDS, keyBounds);
        at = column(base, at, TrieLayout.VALS, vals, lead);
        at = bounds(base, at, TrieLayout.VAL_BOUNDS, valBounds);
        at = column(base, at, TrieLayout.TIMES, times, lead);
        at = column(base, at, TrieLayout.DIFFS, diffs, lead);
        return column(base, at, TrieLayout.PAYLOADS, payloads, lead);
    }

    private long column(
            long base, long at, int index, ColumnBuilder column, @Nullable ColumnBuilder lead) {
        long width = column.encoding() == TrieLayout.VARIABLE ? 0 : column.width();
        if (column == lead) {
            long bytes = column.count() * width;
            entry(base, index, column.encoding(), width, headerBytes, bytes);
            return at;
        }
        long bytes = column.seal(base + at);
        entry(base, index, column.encoding(), width, at, bytes);
        assert TrieLayout.align(bytes) == column.sealedBytes();
        return at + TrieLayout.align(bytes);
    }

    private long bounds(long base, long at, int index, BoundsBuilder column) {
        long bytes = column.seal(base + at);
        if (column.isStrided()) {
            entry(base, index, TrieLayout.CONSTANT, column.stride(), at, 0);
        } else {
            entry(base, index, TrieLayout.VARIABLE, 0, at, bytes);
        }
        return at + TrieLayout.align(bytes);
    }

    private void entry(long base, int index, int encoding, long width, long at, long bytes) {
        long entry = base + TrieLayout.DIRECTORY_AT + (long) index * TrieLayout.ENTRY_BYTES;
        segment.set(Layouts.INT, entry + TrieLayout.ENTRY_ENCODING_AT, encoding);
        segment.set(Layouts.INT, entry + TrieLayout.ENTRY_WIDTH_AT, (int) width);
        segment.set(Layouts.LONG, entry + TrieLayout.ENTRY_OFFSET_AT, at);
        segment.set(Layouts.LONG, entry + TrieLayout.ENTRY_SIZE_AT, bytes);
    }
}
