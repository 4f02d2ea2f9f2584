package io.espalier.columnar;

import org.jspecify.annotations.Nullable;

/**
 * Walks a run in place: key by key, within a key val by val, within a val update by update, as if
 * the run were one trie, wherever it is cut. Seeks go forward and gallop; chunks that no position
 * lies in are never opened.
 *
 * <p>What {@link #keys()} and {@link #vals()} give is borrowed until the cursor moves. The cursor
 * pins the chunk that it is in, and a second one while it looks across a seam; {@link #close} lets
 * go. Not thread-safe.
 */
public final class Cursor implements BatchCursor {

    /** Takes the time (unsigned) and the diff of one update. */
    @FunctionalInterface
    public interface Times {
        /** Takes one update. */
        void accept(long time, long diff);
    }

    /** Takes one update, as an index into a view that is valid during the call. */
    @FunctionalInterface
    public interface Updates {
        /** Takes one update. */
        void accept(TrieView view, long update);
    }

    /** Reads times and diffs, without an object for each val. */
    private static final class TimesOf implements Updates {
        private Times target = (time, diff) -> {};

        @Override
        public void accept(TrieView view, long update) {
            target.accept(view.timeAt(update), view.diffAt(update));
        }
    }

    private final Run run;
    private final TimesOf timesOf = new TimesOf();
    private TrieView view = new TrieView();
    private TrieView ahead = new TrieView();
    private @Nullable ChunkPin pin;
    private @Nullable ChunkPin aheadPin;
    private boolean closed;

    private long chunk;
    private long key;
    private long val;
    private boolean hasVal;

    /** Where the vals of the key start. */
    private long keyChunk;

    private long keyStart;

    /** A cursor at the first key of a run; the run outlives it. */
    public Cursor(Run run) {
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
        return key;
    }

    @Override
    public Column vals() {
        checkVal();
        return view.vals();
    }

    @Override
    public long val() {
        return val;
    }

    @Override
    public void rewind() {
        checkOpen();
        goTo(0, 0);
    }

    @Override
    public void rewindVals() {
        checkKey();
        goTo(keyChunk, keyStart);
    }

    @Override
    public void stepKey() {
        checkKey();
        if (key + 1 < view.keyCount()) {
            goTo(chunk, key + 1);
            return;
        }
        long next = chunk + 1;
        while (next < run.chunkCount()) {
            boolean same = openAhead(next, false);
            long keyCount = ahead.keyCount();
            swap(next);
            if (!same || keyCount > 1) {
                goTo(next, same ? 1 : 0);
                return;
            }
            next++;
        }
        goTo(next, 0);
    }

    @Override
    public void seekKey(Column probes, long probe) {
        checkOpen();
        if (!hasKey() || Column.compare(view.keys(), key, probes, probe) >= 0) {
            return;
        }
        long target = run.seek(probes, probe, chunk);
        if (target != chunk) {
            goTo(target, 0);
            if (!hasKey()) {
                return;
            }
        }
        long found = view.keys().gallop(key, view.keyCount(), probes, probe);
        goTo(target, found);
    }

    @Override
    public void stepVal() {
        checkVal();
        long valsTo = view.valsTo(key);
        if (val + 1 < valsTo) {
            val++;
            return;
        }
        boolean more = true;
        while (more && continues()) {
            boolean same = openAhead(chunk + 1, true);
            swap(chunk + 1);
            key = 0;
            val = same ? 1 : 0;
            more = val == view.valsTo(0);
            if (!more) {
                return;
            }
            // the chunk holds nothing but more of the val that was left
            val = 0;
        }
        hasVal = false;
    }

    @Override
    public void seekVal(Column probes, long probe) {
        checkKey();
        if (!hasVal) {
            return;
        }
        while (true) {
            long valsTo = view.valsTo(key);
            long found = view.vals().gallop(val, valsTo, probes, probe);
            if (found < valsTo) {
                val = found;
                return;
            }
            if (!continues()) {
                val = valsTo - 1;
                hasVal = false;
                return;
            }
            openAhead(chunk + 1, false);
            swap(chunk + 1);
            key = 0;
            val = 0;
        }
    }

    /** Gives each update of the val to {@code times}, by ascending time. */
    public void mapTimes(Times times) {
        timesOf.target = times;
        mapUpdates(timesOf);
    }

    @Override
    public void mapTimes(EachUpdate updates) {
        mapUpdates((opened, update) ->
                updates.accept(
                        opened.timeAt(update),
                        opened.secondTimeAt(update),
                        opened.diffAt(update),
                        opened.payloads(),
                        update));
    }

    /** Gives each update of the val to {@code updates}, by ascending time. */
    public void mapUpdates(Updates updates) {
        checkVal();
        long to = view.updatesTo(val);
        for (long i = view.updatesFrom(val); i < to; i++) {
            updates.accept(view, i);
        }
        long next = chunk + 1;
        boolean more = to == view.updateCount();
        while (more && next < run.chunkCount() && startsWithKey(next)) {
            ChunkPin look = run.open(next, ahead);
            try {
                if (Column.compare(view.keys(), key, ahead.keys(), 0) != 0
                        || Column.compare(view.vals(), val, ahead.vals(), 0) != 0) {
                    return;
                }
                long end = ahead.updatesTo(0);
                for (long i = 0; i < end; i++) {
                    updates.accept(ahead, i);
                }
                more = end == ahead.updateCount();
            } finally {
                look.close();
            }
            next++;
        }
    }

    /** Whether the key goes on in the next chunk. */
    private boolean continues() {
        if (key + 1 < view.keyCount() || chunk + 1 == run.chunkCount()) {
            return false;
        }
        if (run.fence(chunk + 1) != null) {
            return startsWithKey(chunk + 1);
        }
        ChunkPin look = run.open(chunk + 1, ahead);
        try {
            return Column.compare(view.keys(), key, ahead.keys(), 0) == 0;
        } finally {
            look.close();
        }
    }

    /** Whether a chunk may start with the key: false only if its fence says so. */
    private boolean startsWithKey(long index) {
        Fence fence = run.fence(index);
        return fence == null || Column.compare(view.keys(), key, fence.keys(), 0) == 0;
    }

    /** Opens a chunk beside the current one; whether it starts with the same key, or (key, val). */
    private boolean openAhead(long index, boolean compareVals) {
        aheadPin = run.open(index, ahead);
        return Column.compare(view.keys(), key, ahead.keys(), 0) == 0
                && (!compareVals || Column.compare(view.vals(), val, ahead.vals(), 0) == 0);
    }

    /** Makes the chunk ahead the current one. */
    private void swap(long index) {
        unpin();
        TrieView before = view;
        view = ahead;
        ahead = before;
        pin = aheadPin;
        aheadPin = null;
        chunk = index;
        key = 0;
        val = 0;
    }

    /** Goes to the first val of a key that starts in a chunk. */
    private void goTo(long newChunk, long newKey) {
        if (newChunk != chunk || pin == null) {
            unpin();
            chunk = newChunk;
            hasVal = false;
            key = 0;
            val = 0;
            if (newChunk >= run.chunkCount()) {
                return;
            }
            pin = run.open(newChunk, view);
        }
        key = newKey;
        val = view.valsFrom(newKey);
        hasVal = true;
        keyChunk = newChunk;
        keyStart = newKey;
    }

    private void unpin() {
        if (pin != null) {
            pin.close();
            pin = null;
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the cursor is closed; open another one");
        }
    }

    private void checkKey() {
        checkOpen();
        if (!hasKey()) {
            throw new IllegalStateException(
                    "the cursor is past the last key; ask hasKey() first, or rewind");
        }
    }

    private void checkVal() {
        checkKey();
        if (!hasVal) {
            throw new IllegalStateException(
                    "the cursor is past the last val of its key; ask hasVal() first");
        }
    }

    @Override
    public void close() {
        closed = true;
        unpin();
        if (aheadPin != null) {
            aheadPin.close();
            aheadPin = null;
        }
    }
}
