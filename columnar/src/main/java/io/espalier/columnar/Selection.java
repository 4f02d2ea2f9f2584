package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Lists which updates of a view become the keys, vals and updates of another, with the bounds
 * between them: those of one side of a time.
 *
 * <p>Single-threaded. The owner closes it.
 */
final class Selection implements AutoCloseable {

    private static final int KEY_ROWS = 0;
    private static final int VAL_ROWS = 1;
    private static final int UPDATE_ROWS = 2;
    private static final int KEY_BOUNDS = 3;
    private static final int VAL_BOUNDS = 4;
    private static final int SCRATCHES = 5;

    private final MemorySegment segment;
    private final NativeBuffer[] scratch = new NativeBuffer[SCRATCHES];
    private final long[] at = new long[SCRATCHES];

    private long keyCount;
    private long valCount;
    private long updateCount;

    Selection(NativeMemory memory) {
        this.segment = memory.segment();
        for (int i = 0; i < SCRATCHES; i++) {
            scratch[i] = new NativeBuffer(memory);
        }
    }

    /**
     * Selects the updates of a view whose times are open by a frontier, or the others.
     *
     * @param open which of the two
     */
    void select(TrieView view, Antichain frontier, boolean open) {
        long count = view.updateCount();
        room(UPDATE_ROWS, count * Integer.BYTES);
        start(count);
        int level;
        for (long key = 0; key < view.keyCount(); key++) {
            level = UpdateSorter.NEW_KEY;
            for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
                level = Math.min(level, UpdateSorter.NEW_VAL);
                for (long i = view.updatesFrom(val); i < view.updatesTo(val); i++) {
                    if (frontier.lessEqual(view.timeAt(i), view.secondTimeAt(i)) == open) {
                        append(level, key, val, i);
                        level = UpdateSorter.NEW_TIME;
                    }
                }
            }
        }
        end();
    }

    private void start(long count) {
        room(KEY_ROWS, count * Integer.BYTES);
        room(VAL_ROWS, count * Integer.BYTES);
        room(KEY_BOUNDS, (count + 1L) * Integer.BYTES);
        room(VAL_BOUNDS, (count + 1L) * Integer.BYTES);
        keyCount = 0;
        valCount = 0;
        updateCount = 0;
    }

    private void end() {
        Words.setInt(segment, at[KEY_BOUNDS], keyCount, (int) valCount);
        Words.setInt(segment, at[VAL_BOUNDS], valCount, (int) updateCount);
    }

    private void append(int level, long key, long val, long update) {
        if (level == UpdateSorter.NEW_KEY) {
            Words.setInt(segment, at[KEY_ROWS], keyCount, (int) key);
            Words.setInt(segment, at[KEY_BOUNDS], keyCount, (int) valCount);
            keyCount++;
        }
        if (level <= UpdateSorter.NEW_VAL) {
            Words.setInt(segment, at[VAL_ROWS], valCount, (int) val);
            Words.setInt(segment, at[VAL_BOUNDS], valCount, (int) updateCount);
            valCount++;
        }
        Words.setInt(segment, at[UPDATE_ROWS], updateCount, (int) update);
        updateCount++;
    }

    /** Whether nothing was left. */
    boolean isEmpty() {
        return updateCount == 0;
    }

    /**
     * Binds {@code view} to the selected rows of the columns, through the scratch of {@code
     * gather}.
     */
    void bind(
            TrieView view,
            TrieType type,
            Gather gather,
            Column keys,
            Column vals,
            Column times,
            Column diffs,
            Column payloads) {
        view.bindOpen(type, segment, keyCount, valCount, updateCount);
        gather.gather(TrieLayout.KEYS, keys, at[KEY_ROWS], keyCount, view.keys());
        gather.gather(TrieLayout.VALS, vals, at[VAL_ROWS], valCount, view.vals());
        gather.gather(TrieLayout.TIMES, times, at[UPDATE_ROWS], updateCount, view.times());
        gather.gather(TrieLayout.DIFFS, diffs, at[UPDATE_ROWS], updateCount, view.diffs());
        if (type.diff() == DiffType.UPSERT) {
            gather.gather(
                    TrieLayout.PAYLOADS, payloads, at[UPDATE_ROWS], updateCount, view.payloads());
        }
        if (keyCount == updateCount) {
            view.keyBounds().bind(1, segment, 0, keyCount);
            view.valBounds().bind(1, segment, 0, valCount);
        } else {
            Gather.bindBounds(segment, at[KEY_BOUNDS], keyCount, view.keyBounds());
            Gather.bindBounds(segment, at[VAL_BOUNDS], valCount, view.valBounds());
        }
    }

    private long room(int slot, long bytes) {
        scratch[slot].clear();
        at[slot] = scratch[slot].reserve(bytes);
        return at[slot];
    }

    /** Gives scratch of more than {@code bytesMax} a list back. */
    void clear(long bytesMax) {
        for (NativeBuffer buffer : scratch) {
            buffer.clear(bytesMax);
        }
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        long bytes = 0;
        for (NativeBuffer buffer : scratch) {
            bytes += buffer.backedBytes();
        }
        return bytes;
    }

    @Override
    public void close() {
        for (NativeBuffer buffer : scratch) {
            buffer.close();
        }
    }
}
