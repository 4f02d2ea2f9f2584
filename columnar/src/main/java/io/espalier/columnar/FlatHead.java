package io.espalier.columnar;

import org.jspecify.annotations.Nullable;

/**
 * A position in a flat chain that is being consumed: the row at its head. A chunk that is not
 * opened yet answers with its fence. Holds at most one pin. Not thread-safe.
 */
final class FlatHead implements AutoCloseable {

    private final Batch run;
    private final FlatView view = new FlatView();
    private @Nullable Chunk held;
    private long chunk = -1;
    private long row;

    private Column keys = view.keys();
    private Column vals = view.vals();
    private long time;
    private long second;

    FlatHead(Batch run) {
        this.run = run;
        nextChunk();
    }

    boolean isExhausted() {
        return chunk == run.chunkCount();
    }

    Chunk chunk() {
        return run.chunk(chunk);
    }

    long row() {
        return row;
    }

    /** Goes to the first row of the next chunk; the one before is done with. */
    void nextChunk() {
        unpin();
        if (chunk >= 0) {
            run.passed(chunk);
        }
        chunk++;
        row = 0;
        if (!isExhausted()) {
            Fence fence = run.fence(chunk);
            keys = fence.keys();
            vals = fence.vals();
            time = fence.firstTime();
            second = fence.firstSecondTime();
        }
    }

    FlatView open() {
        if (held == null) {
            Chunk opened = chunk();
            opened.hold(view);
            held = opened;
            keys = view.keys();
            vals = view.vals();
        }
        return view;
    }

    private void unpin() {
        Chunk opened = held;
        if (opened != null) {
            held = null;
            opened.letGo(view);
        }
    }

    /** Puts the head at a row of the chunk, or behind the last one, which is the next chunk. */
    void moveTo(long target) {
        if (target == open().rowCount()) {
            nextChunk();
            return;
        }
        row = target;
        time = view.timeAt(target);
        second = view.secondTimeAt(target);
    }

    /** Compares the heads. */
    static int compare(FlatHead a, FlatHead b) {
        int order = Column.compare(a.keys, a.row, b.keys, b.row);
        if (order == 0) {
            order = Column.compare(a.vals, a.row, b.vals, b.row);
        }
        return order != 0 ? order : TimeType.compare(a.time, a.second, b.time, b.second);
    }

    /** Whether the chunk was not begun and lies below another head whole. */
    boolean chunkIsBelow(FlatHead other) {
        if (row > 0) {
            return false;
        }
        Fence fence = run.fence(chunk);
        int order = Column.compare(fence.keys(), 1, other.keys, other.row);
        if (order == 0) {
            order = Column.compare(fence.vals(), 1, other.vals, other.row);
        }
        if (order == 0) {
            order =
                    TimeType.compare(
                            fence.lastTime(), fence.lastSecondTime(), other.time, other.second);
        }
        return order < 0;
    }

    /** The first row of the chunk that does not lie below another head; the head does. */
    long endBelow(FlatHead other) {
        long count = open().rowCount();
        long low = row; // below
        long step = 1;
        while (low + step < count && isBelow(low + step, other)) {
            low += step;
            step <<= 1;
        }
        long high = Math.min(low + step, count);
        while (low + 1 < high) {
            long middle = (low + high) >>> 1;
            if (isBelow(middle, other)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    private boolean isBelow(long index, FlatHead other) {
        int order = Column.compare(keys, index, other.keys, other.row);
        if (order == 0) {
            order = Column.compare(vals, index, other.vals, other.row);
        }
        if (order == 0) {
            order =
                    TimeType.compare(
                            view.timeAt(index), view.secondTimeAt(index), other.time, other.second);
        }
        return order < 0;
    }

    @Override
    public void close() {
        unpin();
    }
}
