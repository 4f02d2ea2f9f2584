package io.espalier.session;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.Batch;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.MergeBatcher;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.spine.trace.TraceSnapshot;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The changes of a snapshot in epoch order. First what the history has folded into its first epoch:
 * the rows as of then. Then part by part, since parts follow each other in time: a part is sorted
 * by key, so its updates are sorted again by (epoch, key, sign), in a batcher that pages what does
 * not fit into the budget.
 *
 * <p>Owns the snapshot. Its reader uses it on one thread at a time; the store may close it on
 * another.
 */
final class HistoryCursor implements ChangeCursor {

    private static final byte RETRACTION = 0;
    private static final byte INSERTION = 1;

    private final Readers readers;
    private final Pager pager;
    private final NativeMemory memory;
    private final TraceSnapshot snapshot;
    private final long since;

    /** The rows as of {@link #since}, until they are through. */
    private @Nullable AsOfCursor folded;

    private int nextPart;

    // the part under way, sorted by time: key = epoch, key; val = sign, value
    private @Nullable Batch part;
    private @Nullable ChunkPin pin;
    private final TrieView view = new TrieView();
    private long chunk = -1;
    private long key;
    private long val;

    private boolean ended;
    private @Nullable RuntimeException failure;
    private volatile boolean atRow;
    private volatile boolean closed;

    /** Owns the snapshot, unless it throws. */
    HistoryCursor(Readers readers, Pager pager, TraceSnapshot snapshot, long sinceEpoch) {
        this.readers = readers;
        this.pager = pager;
        this.memory = pager.memory();
        this.snapshot = snapshot;
        this.since = Math.max(sinceEpoch, snapshot.since());
        if (sinceEpoch < snapshot.since()) {
            folded = new AsOfCursor(memory, snapshot.runs(), snapshot.since());
        }
    }

    @Override
    public synchronized boolean next() {
        checkOpen();
        if (failure != null) {
            throw failure;
        }
        if (ended) {
            return false;
        }
        atRow = false;
        try {
            ended = !advance();
        } catch (RuntimeException | InternalError e) {
            failure = Failures.of(e);
            throw failure;
        }
        atRow = !ended;
        return atRow;
    }

    private boolean advance() {
        AsOfCursor rows = folded;
        if (rows != null) {
            if (rows.next()) {
                return true;
            }
            rows.close();
            folded = null;
        }
        if (part != null && val + 1 < view.valsTo(key)) {
            val++;
            return true;
        }
        while (true) {
            if (part != null && key + 1 < view.keyCount()) {
                key++;
                val = view.valsFrom(key);
                return true;
            }
            if (!nextChunk()) {
                return false;
            }
            key = -1;
        }
    }

    /** Opens the next chunk of the part, or of the next part that has any. */
    private boolean nextChunk() {
        while (true) {
            unpin();
            Batch current = part;
            if (current != null) {
                current.passed(chunk);
                if (++chunk < current.chunkCount()) {
                    pin = current.open(chunk, view);
                    return true;
                }
                current.close();
                part = null;
            }
            if (nextPart == snapshot.parts().size()) {
                return false;
            }
            TraceSnapshot.Part next = snapshot.parts().get(nextPart++);
            if (next.upper() - 1 > since) {
                Batch sorted = byEpoch(next);
                part = sorted;
                chunk = 0;
                if (sorted.chunkCount() > 0) {
                    pin = sorted.open(0, view);
                    return true;
                }
                sorted.close();
                part = null;
            }
        }
    }

    private Batch byEpoch(TraceSnapshot.Part next) {
        TrieView source = new TrieView();
        try (MergeBatcher batcher = new MergeBatcher(pager, TrieType.BYTES_TO_BYTES);
                NativeBuffer epochAndKey = new NativeBuffer(memory);
                NativeBuffer signAndValue = new NativeBuffer(memory)) {
            for (long i = 0; i < next.run().chunkCount(); i++) {
                try (ChunkPin open = next.run().open(i, source)) {
                    if (source.timeMax() > since) {
                        add(source, batcher, epochAndKey, signAndValue);
                    }
                }
            }
            return batcher.seal(1);
        }
    }

    private void add(
            TrieView source,
            MergeBatcher batcher,
            NativeBuffer epochAndKey,
            NativeBuffer signAndValue) {
        Column keys = source.keys();
        Column vals = source.vals();
        for (long k = 0; k < source.keyCount(); k++) {
            for (long v = source.valsFrom(k); v < source.valsTo(k); v++) {
                for (long u = source.updatesFrom(v); u < source.updatesTo(v); u++) {
                    long epoch = source.timeAt(u);
                    if (epoch <= since) {
                        continue;
                    }
                    long diff = source.diffAt(u);
                    epochAndKey.clear();
                    epochAndKey.appendLong(Long.reverseBytes(epoch));
                    epochAndKey.append(keys.segment(), keys.offsetOf(k), keys.sizeOf(k));
                    signAndValue.clear();
                    signAndValue.appendByte(diff < 0 ? RETRACTION : INSERTION);
                    signAndValue.append(vals.segment(), vals.offsetOf(v), vals.sizeOf(v));
                    batcher.add(
                            epochAndKey.segment(),
                            epochAndKey.offset(),
                            epochAndKey.sizeBytes(),
                            signAndValue.segment(),
                            signAndValue.offset(),
                            signAndValue.sizeBytes(),
                            0,
                            diff);
                }
            }
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(ScanCursor.CLOSED);
        }
    }

    private void checkRow() {
        checkOpen();
        if (!atRow) {
            throw new IllegalStateException(ScanCursor.NO_ROW);
        }
    }

    @Override
    public MemorySegment segment() {
        return memory.segment();
    }

    @Override
    public long keyOffset() {
        checkRow();
        AsOfCursor rows = folded;
        return rows != null
                ? rows.keys().offsetOf(rows.key())
                : view.keys().offsetOf(key) + Long.BYTES;
    }

    @Override
    public long keySize() {
        checkRow();
        AsOfCursor rows = folded;
        return rows != null ? rows.keys().sizeOf(rows.key()) : view.keys().sizeOf(key) - Long.BYTES;
    }

    @Override
    public long valueOffset() {
        checkRow();
        AsOfCursor rows = folded;
        return rows != null ? rows.vals().offsetOf(rows.val()) : view.vals().offsetOf(val) + 1;
    }

    @Override
    public long valueSize() {
        checkRow();
        AsOfCursor rows = folded;
        return rows != null ? rows.vals().sizeOf(rows.val()) : view.vals().sizeOf(val) - 1;
    }

    @Override
    public long epoch() {
        checkRow();
        return folded != null
                ? since
                : Long.reverseBytes(memory.segment().get(Layouts.LONG, view.keys().offsetOf(key)));
    }

    @Override
    public long diff() {
        checkRow();
        AsOfCursor rows = folded;
        return rows != null ? rows.sum() : view.diffAt(view.updatesFrom(val));
    }

    private void unpin() {
        if (pin != null) {
            pin.close();
            pin = null;
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        readers.left(this);
        unpin();
        if (part != null) {
            part.close();
        }
        if (folded != null) {
            folded.close();
        }
        snapshot.close();
    }
}
