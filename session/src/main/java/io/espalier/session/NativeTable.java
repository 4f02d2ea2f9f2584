package io.espalier.session;

import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.Commit;
import io.espalier.spine.trace.Trace;
import io.espalier.spine.trace.TraceSnapshot;
import io.espalier.upsert.UpsertOperator;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A table: a trace, and in front of it the operator that turns what is staged into differences. */
final class NativeTable implements Table {

    private final NativeStore store;
    private final String name;
    private final NativeMemory memory;

    private volatile @Nullable Trace trace;

    // of the writer's thread
    private @Nullable UpsertOperator operator;
    private long order;

    NativeTable(NativeStore store, String name, Optional<Trace> trace) {
        this.store = store;
        this.name = name;
        this.memory = store.memory();
        this.trace = trace.orElse(null);
    }

    @Override
    public String name() {
        return name;
    }

    // ---- writing ------------------------------------------------------------------------------

    @Override
    public void put(
            byte[] key, int keyOffset, int keySize, byte[] value, int valueOffset, int valueSize) {
        Limits.checkKeySize(keySize);
        Limits.checkValueSize(valueSize);
        Objects.checkFromIndexSize(keyOffset, keySize, key.length);
        Objects.checkFromIndexSize(valueOffset, valueSize, value.length);
        writer().set(
                        key,
                        keyOffset,
                        keySize,
                        value,
                        valueOffset,
                        valueSize,
                        stagingTime(),
                        order++);
    }

    @Override
    public void put(
            MemorySegment key,
            long keyOffset,
            long keySize,
            MemorySegment value,
            long valueOffset,
            long valueSize) {
        Limits.checkKeySize(keySize);
        Limits.checkValueSize(valueSize);
        if (!key.isNative() || !value.isNative()) {
            // the kernels see native bytes only
            put(bytes(key, keyOffset, keySize), bytes(value, valueOffset, valueSize));
            return;
        }
        writer().set(
                        key,
                        keyOffset,
                        keySize,
                        value,
                        valueOffset,
                        valueSize,
                        stagingTime(),
                        order++);
    }

    @Override
    public void delete(byte[] key, int keyOffset, int keySize) {
        Limits.checkKeySize(keySize);
        Objects.checkFromIndexSize(keyOffset, keySize, key.length);
        writer().delete(key, keyOffset, keySize, stagingTime(), order++);
    }

    @Override
    public void delete(MemorySegment key, long keyOffset, long keySize) {
        Limits.checkKeySize(keySize);
        if (!key.isNative()) {
            delete(bytes(key, keyOffset, keySize));
            return;
        }
        writer().delete(key, keyOffset, keySize, stagingTime(), order++);
    }

    private static byte[] bytes(MemorySegment segment, long offset, long size) {
        byte[] bytes = new byte[(int) size];
        MemorySegment.copy(segment, Layouts.BYTE, offset, bytes, 0, bytes.length);
        return bytes;
    }

    private UpsertOperator writer() {
        store.checkWritable();
        UpsertOperator current = operator;
        if (current == null) {
            current = new UpsertOperator(store.pager());
            operator = current;
        }
        return current;
    }

    /**
     * Commands are staged at one time, whatever epoch they get: the operator decides all of a
     * commit together.
     */
    private long stagingTime() {
        return store.nextEpoch();
    }

    boolean isDirty() {
        return operator != null && !operator.isEmpty();
    }

    /** Sends the differences of what is staged to a commit. */
    void drain(Commit commit, long epoch) {
        UpsertOperator current = operator;
        if (current == null) {
            return;
        }
        Trace target = store.traceToWrite(name);
        try (TraceSnapshot snapshot = target.snapshot()) {
            current.advanceInput(epoch + 1);
            current.drain(epoch, snapshot.runs(), commit.writer(target));
        }
        trace = target;
    }

    /** What was drained is committed, or is staged again. */
    void settle(boolean committed) {
        if (operator != null) {
            operator.settle(committed);
        }
        if (committed) {
            order = 0;
        }
    }

    void rollback() {
        if (operator != null) {
            operator.clear();
        }
    }

    void close() {
        if (operator != null) {
            operator.close();
            operator = null;
        }
    }

    // ---- reading ------------------------------------------------------------------------------

    private @Nullable TraceSnapshot snapshot() {
        store.checkOpen();
        Trace current = trace;
        if (current == null) {
            current = store.trace(name).orElse(null);
            trace = current;
        }
        return current == null ? null : current.snapshot();
    }

    @Override
    public byte @Nullable [] get(byte[] key) {
        Limits.checkKeySize(key.length);
        TraceSnapshot snapshot = snapshot();
        if (snapshot == null) {
            return null;
        }
        return Failures.translate(() -> {
            try (snapshot;
                    LatestValues latest = new LatestValues(memory);
                    ColumnBuilder probe = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
                probe.append(key, 0, key.length);
                latest.read(snapshot.runs(), probe.column(), snapshot.upper() - 1);
                return latest.isPresent(0)
                        ? bytes(latest.segment(), latest.offsetOf(0), latest.sizeOf(0))
                        : null;
            }
        });
    }

    @Override
    public long epoch() {
        return store.epoch();
    }

    @Override
    public long since() {
        TraceSnapshot snapshot = snapshot();
        if (snapshot == null) {
            return 0;
        }
        try (snapshot) {
            return snapshot.since();
        }
    }

    @Override
    public RowCursor scan(byte @Nullable [] from, byte @Nullable [] to, long asOf) {
        TraceSnapshot snapshot = snapshot();
        long epoch = store.epoch();
        if (asOf < 0 || asOf > epoch || (snapshot != null && asOf < snapshot.since())) {
            long since = snapshot == null ? 0 : snapshot.since();
            if (snapshot != null) {
                snapshot.close();
            }
            throw new StoreException.OutOfHistory(
                    "table "
                            + name
                            + " cannot be read as of epoch "
                            + asOf
                            + "; give one of "
                            + since
                            + " to "
                            + epoch);
        }
        if (snapshot == null) {
            return new EmptyCursor(memory.segment());
        }
        return Failures.translate(() -> new ScanCursor(memory, snapshot, from, to, asOf));
    }

    @Override
    public ChangeCursor changes(long sinceEpoch) {
        TraceSnapshot snapshot = snapshot();
        long epoch = store.epoch();
        long since = snapshot == null ? 0 : snapshot.since();
        if (sinceEpoch < 0 || sinceEpoch > epoch || (sinceEpoch > 0 && sinceEpoch < since)) {
            if (snapshot != null) {
                snapshot.close();
            }
            throw new StoreException.OutOfHistory(
                    "the changes of table "
                            + name
                            + " since epoch "
                            + sinceEpoch
                            + " are not known; give 0 for everything, or one of "
                            + Math.max(1, since)
                            + " to "
                            + epoch);
        }
        if (snapshot == null) {
            return new EmptyCursor(memory.segment());
        }
        return Failures.translate(() -> new HistoryCursor(store.pager(), snapshot, sinceEpoch));
    }
}
