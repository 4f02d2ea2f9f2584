package io.espalier.columnar;

import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * A flyweight over the bounds of a layer: group {@code i} has members {@code [start(i), end(i))} of
 * the layer below. Groups of one size store that size alone.
 */
final class Bounds {

    /** The size of every group, or 0 when offsets are stored. */
    private long stride;

    private MemorySegment segment = MemorySegment.NULL;
    private long offsets;
    private long count;

    void bind(long stride, MemorySegment segment, long offsets, long count) {
        this.stride = stride;
        this.segment = segment;
        this.offsets = offsets;
        this.count = count;
    }

    void bind(Bounds other) {
        bind(other.stride, other.segment, other.offsets, other.count);
    }

    long count() {
        return count;
    }

    long stride() {
        return stride;
    }

    MemorySegment segment() {
        return segment;
    }

    long offsets() {
        return offsets;
    }

    long start(long group) {
        return stride != 0 ? group * stride : Words.getUnsignedInt(segment, offsets, group);
    }

    long end(long group) {
        return start(group + 1);
    }

    /** The group that member {@code member} belongs to. */
    long groupOf(long member) {
        if (stride == 1) {
            return member;
        }
        if (stride != 0) {
            return member / stride;
        }
        // offsets[g] <= member < offsets[g + 1]
        return Words.firstAbove(segment, offsets, 0, count + 1, member) - 1;
    }
}
