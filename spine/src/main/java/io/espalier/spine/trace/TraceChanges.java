package io.espalier.spine.trace;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.MergeBatcher;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.pager.Pager;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The differences of a snapshot in the order in which they happened: {@link #nextEpoch} goes from
 * epoch to epoch, those in which nothing happened left out, and {@link #next} over the differences
 * of one, by key, and for a key retractions before insertions, each by val.
 *
 * <p>The parts of a trace follow each other in time. One that holds a single epoch is read in
 * place. One that compaction has made of several is sorted by key, so its differences are sorted
 * again by epoch, in a batcher that pages what does not fit into the budget: once, and a part at a
 * time.
 *
 * <p>What a row lends is valid until the next call. Not thread-safe. The owner closes it, before
 * the snapshot.
 */
public final class TraceChanges implements AutoCloseable {

    private static final byte RETRACTION = 0;
    private static final byte INSERTION = 1;

    private final Pager pager;
    private final List<TraceSnapshot.TimedRun> runs;
    private final TrieView view = new TrieView();
    private final TrieView following = new TrieView();

    /** Nothing before this is given. */
    private final long from;

    private int nextRun;

    /**
     * What is gone over: the run of a single epoch, or a batch sorted by epoch; null at the end.
     */
    private @Nullable Run source;

    /** The source if it is sorted by epoch: key = epoch, key; val = sign, val. */
    private @Nullable Batch sorted;

    private @Nullable ChunkPin pin;
    private long chunk;
    private long key;

    /** The val to look at next, of key {@link #key}. */
    private long val;

    private long epoch;
    private boolean atEpoch;

    /** The update of the row, or -1. */
    private long row = -1;

    // a key of a single epoch: where it starts, and whether its insertions are looked for
    private long groupChunk;
    private long groupKey;
    private boolean inserting;

    TraceChanges(Pager pager, List<TraceSnapshot.TimedRun> runs, long from) {
        this.pager = pager;
        this.runs = runs;
        this.from = from;
    }

    /**
     * Goes to the first difference of the next epoch that has any; what is left of this one is
     * skipped.
     *
     * @return false if there is none
     * @throws StoreException if it cannot be read
     */
    public boolean nextEpoch() {
        if (atEpoch && sorted != null) {
            while (next()) {
                // those of one epoch lie together
            }
        } else if (atEpoch) {
            leave();
        }
        row = -1;
        if (source == null && !enter()) {
            atEpoch = false;
            return false;
        }
        if (sorted != null) {
            epoch = epochAt(key);
        }
        atEpoch = true;
        return true;
    }

    /** The epoch of the differences. */
    public long epoch() {
        if (!atEpoch) {
            throw new IllegalStateException("not at an epoch; call nextEpoch() first");
        }
        return epoch;
    }

    /**
     * Goes to the next difference of the epoch.
     *
     * @return false if there is none
     * @throws StoreException if it cannot be read
     */
    public boolean next() {
        row = -1;
        if (!atEpoch || source == null) {
            return false;
        }
        return sorted != null ? nextSorted() : nextInPlace();
    }

    // ---- from part to part --------------------------------------------------------------------

    /** Goes to the first update of the next part that has any that count. */
    private boolean enter() {
        while (nextRun < runs.size()) {
            TraceSnapshot.TimedRun first = runs.get(nextRun);
            List<Run> ofBatch = new ArrayList<>();
            while (nextRun < runs.size()
                    && runs.get(nextRun).lower() == first.lower()
                    && runs.get(nextRun).upper() == first.upper()) {
                ofBatch.add(runs.get(nextRun++).run());
            }
            if (Long.compareUnsigned(first.upper(), from) <= 0) {
                continue;
            }
            boolean single = ofBatch.size() == 1 && first.upper() - first.lower() == 1;
            if (single) {
                source = ofBatch.getFirst();
                epoch = first.lower();
            } else {
                Batch batch = byEpoch(ofBatch);
                sorted = batch;
                source = batch;
            }
            if (source.chunkCount() > 0) {
                open(0);
                return true;
            }
            leave();
        }
        return false;
    }

    private void open(long index) {
        Run current = source;
        if (current == null) {
            throw new IllegalStateException("nothing to open");
        }
        unpin();
        pin = current.open(index, view);
        chunk = index;
        key = 0;
        startKey();
    }

    private void startKey() {
        val = view.valsFrom(key);
        groupChunk = chunk;
        groupKey = key;
        inserting = false;
    }

    /** Lets go of the part. */
    private void leave() {
        unpin();
        source = null;
        Batch batch = sorted;
        sorted = null;
        if (batch != null) {
            batch.close();
        }
    }

    private void unpin() {
        ChunkPin open = pin;
        pin = null;
        if (open != null) {
            open.close();
        }
    }

    // ---- a part of a single epoch -------------------------------------------------------------

    private boolean nextInPlace() {
        while (true) {
            if (val < view.valsTo(key)) {
                long update = view.updatesFrom(val++);
                if (view.diffAt(update) < 0 != inserting) {
                    row = update;
                    return true;
                }
            } else if (key == view.keyCount() - 1 && goesOn()) {
                long start = groupChunk;
                long startKey = groupKey;
                boolean pass = inserting;
                open(chunk + 1);
                groupChunk = start;
                groupKey = startKey;
                inserting = pass;
            } else if (!inserting) {
                backToInsertions();
            } else if (key < view.keyCount() - 1) {
                key++;
                startKey();
            } else if (source != null && chunk + 1 < source.chunkCount()) {
                open(chunk + 1);
            } else {
                leave();
                return false;
            }
        }
    }

    /** The key once more, for its insertions. */
    private void backToInsertions() {
        long start = groupKey;
        if (groupChunk != chunk) {
            open(groupChunk);
        }
        key = start;
        startKey();
        inserting = true;
    }

    /** Whether the last key of the chunk goes on in the next. */
    private boolean goesOn() {
        Run current = source;
        if (current == null || chunk + 1 == current.chunkCount()) {
            return false;
        }
        try (ChunkPin next = current.open(chunk + 1, following)) {
            return Column.compare(view.keys(), key, following.keys(), 0) == 0;
        }
    }

    // ---- a part of several epochs -------------------------------------------------------------

    private boolean nextSorted() {
        if (val == view.valsTo(key)) {
            if (key + 1 < view.keyCount()) {
                key++;
                startKey();
            } else if (source != null && chunk + 1 < source.chunkCount()) {
                long passed = chunk;
                open(chunk + 1);
                source.passed(passed);
            } else {
                leave();
                return false;
            }
        }
        if (epochAt(key) != epoch) {
            return false;
        }
        row = view.updatesFrom(val++);
        return true;
    }

    private long epochAt(long index) {
        return Long.reverseBytes(view.segment().get(Layouts.LONG, view.keys().offsetOf(index)));
    }

    private Batch byEpoch(List<Run> ofBatch) {
        try (MergeBatcher batcher = new MergeBatcher(pager, TrieType.BYTES_TO_BYTES);
                NativeBuffer epochAndKey = new NativeBuffer(pager.memory());
                NativeBuffer signAndVal = new NativeBuffer(pager.memory())) {
            for (Run run : ofBatch) {
                for (long i = 0; i < run.chunkCount(); i++) {
                    try (ChunkPin open = run.open(i, following)) {
                        if (Long.compareUnsigned(following.timeMax(), from) >= 0) {
                            add(following, batcher, epochAndKey, signAndVal);
                        }
                    }
                    run.passed(i);
                }
            }
            return batcher.seal(1);
        }
    }

    private void add(
            TrieView target, MergeBatcher batcher, NativeBuffer epochAndKey, NativeBuffer signVal) {
        Column keys = target.keys();
        Column vals = target.vals();
        for (long k = 0; k < target.keyCount(); k++) {
            for (long v = target.valsFrom(k); v < target.valsTo(k); v++) {
                for (long u = target.updatesFrom(v); u < target.updatesTo(v); u++) {
                    long time = target.timeAt(u);
                    if (Long.compareUnsigned(time, from) < 0) {
                        continue;
                    }
                    long diff = target.diffAt(u);
                    epochAndKey.clear();
                    epochAndKey.appendLong(Long.reverseBytes(time));
                    epochAndKey.append(keys.segment(), keys.offsetOf(k), keys.sizeOf(k));
                    signVal.clear();
                    signVal.appendByte(diff < 0 ? RETRACTION : INSERTION);
                    signVal.append(vals.segment(), vals.offsetOf(v), vals.sizeOf(v));
                    batcher.add(
                            epochAndKey.segment(),
                            epochAndKey.offset(),
                            epochAndKey.sizeBytes(),
                            signVal.segment(),
                            signVal.offset(),
                            signVal.sizeBytes(),
                            0,
                            diff);
                }
            }
        }
    }

    // ---- the row ------------------------------------------------------------------------------

    private long row() {
        if (row < 0) {
            throw new IllegalStateException("not at a difference; call next() first");
        }
        return row;
    }

    /** The memory that holds key and val. */
    public MemorySegment segment() {
        return pager.memory().segment();
    }

    /** Where the key starts in {@link #segment()}. */
    public long keyOffset() {
        row();
        return view.keys().offsetOf(key) + (sorted == null ? 0 : Long.BYTES);
    }

    /** The size of the key in bytes. */
    public long keySize() {
        row();
        return view.keys().sizeOf(key) - (sorted == null ? 0 : Long.BYTES);
    }

    /** Where the val starts in {@link #segment()}. */
    public long valOffset() {
        row();
        return view.vals().offsetOf(val - 1) + (sorted == null ? 0 : 1);
    }

    /** The size of the val in bytes. */
    public long valSize() {
        row();
        return view.vals().sizeOf(val - 1) - (sorted == null ? 0 : 1);
    }

    /** How much more, or less, there is of the (key, val) since the epoch; not zero. */
    public long diff() {
        return view.diffAt(row());
    }

    @Override
    public void close() {
        row = -1;
        atEpoch = false;
        nextRun = runs.size();
        leave();
    }
}
