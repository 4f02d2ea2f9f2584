package io.espalier.columnar;

import org.jspecify.annotations.Nullable;

/** The cursor of flat chains: a row stands for a key, and for a val, where that starts. */
final class FlatCursor implements BatchCursor {

    private final Batch run;
    private FlatView view = new FlatView();
    private FlatView ahead = new FlatView();
    private @Nullable ChunkPin pin;
    private @Nullable ChunkPin aheadPin;
    private boolean closed;

    private long chunk;

    /** The first row of the val, or some row of the key behind its vals. */
    private long row;

    private boolean hasVal;

    private long keyChunk;
    private long keyRow;

    FlatCursor(Batch run) {
        this.run = run;
        rewind();
    }

    @Override
    public boolean hasKey() {
        return chunk < run.chunkCount();
    }

    @Override
    public boolean hasVal() {
        return hasVal;
    }

    @Override
    public Column keys() {
        checkKey();
        return view.keys();
    }

    @Override
    public long key() {
        return row;
    }

    @Override
    public Column vals() {
        checkVal();
        return view.vals();
    }

    @Override
    public long val() {
        return row;
    }

    @Override
    public void rewind() {
        checkOpen();
        startKey(0, 0);
    }

    @Override
    public void rewindVals() {
        checkKey();
        startKey(keyChunk, keyRow);
    }

    @Override
    public void stepKey() {
        checkKey();
        long end = view.keyEnd(row);
        long next = chunk;
        while (end == view.rowCount() && ++next < run.chunkCount()) {
            boolean same = openAhead(next);
            swap(next);
            if (!same) {
                startKey(next, 0);
                return;
            }
            end = view.keyEnd(0);
        }
        startKey(next, end);
    }

    @Override
    public void seekKey(Column probes, long probe) {
        checkOpen();
        if (!hasKey() || Column.compare(view.keys(), row, probes, probe) >= 0) {
            return;
        }
        long target = run.seek(probes, probe, chunk);
        long from = row;
        if (target != chunk) {
            startKey(target, 0);
            if (!hasKey()) {
                return;
            }
            from = 0;
        }
        startKey(target, view.keys().gallop(from, view.rowCount(), probes, probe));
    }

    @Override
    public void stepVal() {
        checkVal();
        long end = view.valEnd(row);
        long next = chunk;
        while (end == view.rowCount()) {
            next++;
            if (!startsWithKey(next)) {
                hasVal = false;
                return;
            }
            openAhead(next);
            boolean same = Column.compare(view.vals(), row, ahead.vals(), 0) == 0;
            swap(next);
            if (!same) {
                return;
            }
            end = view.valEnd(0);
        }
        if (Column.compare(view.keys(), row, view.keys(), end) == 0) {
            row = end;
        } else {
            hasVal = false;
        }
    }

    @Override
    public void seekVal(Column probes, long probe) {
        checkKey();
        while (hasVal) {
            long end = view.keyEnd(row);
            long found = view.vals().gallop(row, end, probes, probe);
            if (found < end) {
                row = found;
                return;
            }
            if (end < view.rowCount() || !startsWithKey(chunk + 1)) {
                hasVal = false;
                return;
            }
            openAhead(chunk + 1);
            swap(chunk + 1);
        }
    }

    @Override
    public void mapTimes(EachUpdate updates) {
        checkVal();
        long end = view.valEnd(row);
        give(view, row, end, updates);
        boolean more = end == view.rowCount();
        for (long next = chunk + 1; more && startsWithKey(next); next++) {
            openAhead(next);
            try {
                more = Column.compare(view.vals(), row, ahead.vals(), 0) == 0;
                if (more) {
                    end = ahead.valEnd(0);
                    give(ahead, 0, end, updates);
                    more = end == ahead.rowCount();
                }
            } finally {
                closeAhead();
            }
        }
    }

    private static void give(FlatView from, long first, long end, EachUpdate updates) {
        for (long i = first; i < end; i++) {
            updates.accept(
                    from.timeAt(i), from.secondTimeAt(i), from.diffAt(i), from.payloads(), i);
        }
    }

    private boolean startsWithKey(long index) {
        return index < run.chunkCount()
                && Column.compare(view.keys(), row, run.fence(index).keys(), 0) == 0;
    }

    /** Opens a chunk beside the current one; whether it starts with the same key. */
    private boolean openAhead(long index) {
        aheadPin = run.chunk(index).open(ahead);
        return Column.compare(view.keys(), row, ahead.keys(), 0) == 0;
    }

    private void closeAhead() {
        if (aheadPin != null) {
            aheadPin.close();
            aheadPin = null;
        }
    }

    /** Makes the chunk ahead the current one. */
    private void swap(long index) {
        unpin();
        FlatView before = view;
        view = ahead;
        ahead = before;
        pin = aheadPin;
        aheadPin = null;
        chunk = index;
        row = 0;
    }

    /** Goes to the first val of a key that starts at a row. */
    private void startKey(long newChunk, long newRow) {
        if (newChunk != chunk || pin == null) {
            unpin();
            chunk = newChunk;
            row = 0;
            hasVal = false;
            if (newChunk >= run.chunkCount()) {
                return;
            }
            pin = run.chunk(newChunk).open(view);
        }
        row = newRow;
        hasVal = true;
        keyChunk = newChunk;
        keyRow = newRow;
    }

    private void unpin() {
        if (pin != null) {
            pin.close();
            pin = null;
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("cursor is closed");
        }
    }

    private void checkKey() {
        checkOpen();
        if (!hasKey()) {
            throw new IllegalStateException("the cursor is past the last key");
        }
    }

    private void checkVal() {
        checkKey();
        if (!hasVal) {
            throw new IllegalStateException("the cursor is past the last val of its key");
        }
    }

    @Override
    public void close() {
        closed = true;
        unpin();
        closeAhead();
    }
}
