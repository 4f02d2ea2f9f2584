package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/** The bounds of a layer while it grows: a stride while all closed groups have one size. */
final class BoundsBuilder implements AutoCloseable {

    private final MemorySegment segment;
    private final NativeBuffer offsets;
    private long stride;
    private boolean strided = true;
    private long count;

    BoundsBuilder(NativeMemory memory) {
        this.segment = memory.segment();
        this.offsets = new NativeBuffer(memory);
    }

    /** How many groups are closed. */
    long count() {
        return count;
    }

    boolean isStrided() {
        return strided;
    }

    long stride() {
        return stride;
    }

    /** The bytes of the sealed column if the open group ends at {@code end}. */
    long sealedBytes(long end) {
        boolean keeps = strided && (count == 0 || end == stride * (count + 1));
        return keeps ? 0 : TrieLayout.align((count + 2) * Integer.BYTES);
    }

    /** Closes the next group at {@code end} members in all. */
    void close(long end) {
        if (strided) {
            if (count == 0) {
                stride = end;
                count = 1;
                return;
            }
            if (end == stride * (count + 1)) {
                count++;
                return;
            }
            spread();
        }
        offsets.appendInt((int) end);
        count++;
    }

    /** Closes groups {@code [from, to)} of {@code source}, each at its end plus {@code delta}. */
    void closeRange(Bounds source, long from, long to, long delta) {
        long groups = to - from;
        if (groups <= 0) {
            return;
        }
        close(source.end(from) + delta);
        if (groups == 1) {
            return;
        }
        long step = source.stride();
        long rest = groups - 1;
        if (strided) {
            // no group is empty, so that as many members as groups mean one member each
            boolean single = source.end(to - 1) - source.end(from) == rest;
            if (stride == (single ? 1 : step)) {
                count += rest;
                return;
            }
            spread();
        }
        long target = offsets.reserve(rest * Integer.BYTES);
        if (step == 0) {
            Words.copyAdding(
                    source.segment(),
                    source.offsets() + (from + 2) * Integer.BYTES,
                    segment,
                    target,
                    rest,
                    (int) delta);
        } else {
            long end = source.end(from) + delta;
            for (long i = 0; i < rest; i++) {
                end += step;
                Words.setInt(segment, target, i, (int) end);
            }
        }
        offsets.advance(rest * Integer.BYTES);
        count += rest;
    }

    /** Closes {@code groups} groups of one member each, the first of which is the next member. */
    void closeSingles(long groups) {
        if (groups <= 0) {
            return;
        }
        if (strided && (count == 0 || stride == 1)) {
            stride = 1;
            count += groups;
            return;
        }
        if (strided) {
            spread();
        }
        long end = lastEnd();
        long target = offsets.reserve(groups * Integer.BYTES);
        for (long i = 0; i < groups; i++) {
            Words.setInt(segment, target, i, (int) (end + 1 + i));
        }
        offsets.advance(groups * Integer.BYTES);
        count += groups;
    }

    /** Where the last closed group ends. */
    long lastEnd() {
        if (count == 0) {
            return 0;
        }
        return strided ? stride * count : Words.getUnsignedInt(segment, offsets.offset(), count);
    }

    /** Opens the last closed group again. */
    void reopen() {
        assert count > 0;
        count--;
        if (!strided) {
            offsets.truncate((count + 1) * Integer.BYTES);
        }
    }

    private void spread() {
        strided = false;
        offsets.clear();
        long target = offsets.reserve((count + 1) * Integer.BYTES);
        for (long i = 0; i <= count; i++) {
            Words.setInt(segment, target, i, (int) (i * stride));
        }
        offsets.advance((count + 1) * Integer.BYTES);
    }

    /** Writes the column at {@code at}, with zero padding, and returns the bytes without it. */
    long seal(long at) {
        if (strided) {
            return 0;
        }
        long bytes = offsets.sizeBytes();
        MemorySegment.copy(segment, offsets.offset(), segment, at, bytes);
        if (bytes % Long.BYTES != 0) {
            Words.setInt(segment, at, bytes / Integer.BYTES, 0);
        }
        return bytes;
    }

    void clear(long bytesMax) {
        stride = 0;
        strided = true;
        count = 0;
        offsets.clear(bytesMax);
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return offsets.backedBytes();
    }

    @Override
    public void close() {
        offsets.close();
    }
}
