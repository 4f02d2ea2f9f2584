package io.espalier.session;

import io.espalier.columnar.LatestValues;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.Commit;
import io.espalier.spine.trace.Trace;
import io.espalier.spine.trace.TraceSnapshot;
import io.espalier.upsert.UpsertOperator;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
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
    private long epoch;
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
        UpsertOperator writer = writer();
        try {
            writer.set(key, keyOffset, keySize, value, valueOffset, valueSize, epoch, order++);
        } catch (RuntimeException | InternalError e) {
            throw Failures.of(e);
        }
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
        Objects.checkFromIndexSize(keyOffset, keySize, key.byteSize());
        Objects.checkFromIndexSize(valueOffset, valueSize, value.byteSize());
        UpsertOperator writer = writer();
        try {
            writer.set(key, keyOffset, keySize, value, valueOffset, valueSize, epoch, order++);
        } catch (RuntimeException | InternalError e) {
            throw Failures.of(e);
        }
    }

    @Override
    public void delete(byte[] key, int keyOffset, int keySize) {
        Limits.checkKeySize(keySize);
        Objects.checkFromIndexSize(keyOffset, keySize, key.length);
        UpsertOperator writer = writer();
        try {
            writer.delete(key, keyOffset, keySize, epoch, order++);
        } catch (RuntimeException | InternalError e) {
            throw Failures.of(e);
        }
    }

    @Override
    public void delete(MemorySegment key, long keyOffset, long keySize) {
        Limits.checkKeySize(keySize);
        if (!key.isNative()) {
            delete(bytes(key, keyOffset, keySize));
            return;
        }
        Objects.checkFromIndexSize(keyOffset, keySize, key.byteSize());
        UpsertOperator writer = writer();
        try {
            writer.delete(key, keyOffset, keySize, epoch, order++);
        } catch (RuntimeException | InternalError e) {
            throw Failures.of(e);
        }
    }

    private static byte[] bytes(MemorySegment segment, long offset, long size) {
        byte[] bytes = new byte[(int) size];
        MemorySegment.copy(segment, Layouts.BYTE, offset, bytes, 0, bytes.length);
        return bytes;
    }

    /** The operator; commands are staged for the epoch that the next commit makes. */
    private UpsertOperator writer() {
        store.checkWritable();
        UpsertOperator current = operator;
        if (current == null) {
            current = new UpsertOperator(store.pager());
            operator = current;
        }
        epoch = store.nextEpoch();
        return current;
    }

    boolean isOf(NativeStore other) {
        return store == other;
    }

    boolean isDirty() {
        return operator != null && !operator.isEmpty();
    }

    /** Sends the differences of what is staged to a commit; {@link #settle} has to follow. */
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

    /** What was drained is committed, or is staged again, and more can be staged for that epoch. */
    void settle(boolean committed, long epoch) {
        UpsertOperator current = operator;
        if (current == null) {
            return;
        }
        try {
            current.settle(committed);
        } finally {
            if (committed) {
                order = 0;
            } else {
                current.reopenInput(epoch);
            }
        }
    }

    /** Forgets what is staged, and with it whatever is wrong with how it is kept. */
    void rollback() {
        UpsertOperator current = operator;
        if (current != null && current.isSettled()) {
            // its tables and its room serve on, as they do after a commit
            current.clear();
        } else {
            close();
        }
        order = 0;
    }

    void close() {
        UpsertOperator current = operator;
        if (current != null) {
            operator = null;
            current.close();
        }
    }

    // ---- reading ------------------------------------------------------------------------------

    /** What is committed; null as long as nothing is. The caller closes it. */
    private @Nullable TraceSnapshot snapshot() {
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
        return store.readers().call(() -> Failures.translate(() -> find(key)));
    }

    private byte @Nullable [] find(byte[] key) {
        TraceSnapshot snapshot = snapshot();
        if (snapshot == null) {
            return null;
        }
        try (snapshot) {
            LookUps.LookUp lookUp = store.lookUps().take();
            boolean whole = false;
            try {
                lookUp.probe().append(key, 0, key.length);
                LatestValues latest = look(snapshot, lookUp);
                byte[] value =
                        latest.isPresent(0)
                                ? bytes(latest.segment(), latest.offsetOf(0), latest.sizeOf(0))
                                : null;
                whole = true;
                return value;
            } finally {
                store.lookUps().giveBack(lookUp, whole);
            }
        }
    }

    private static LatestValues look(TraceSnapshot snapshot, LookUps.LookUp lookUp) {
        LatestValues latest = lookUp.latest();
        long now = snapshot.upper() - 1;
        snapshot.read(latest, lookUp.probe().column(), now, Long.MAX_VALUE);
        return latest;
    }

    @Override
    public long get(MemorySegment key, long keyOffset, long keySize, NativeBuffer value) {
        Limits.checkKeySize(keySize);
        if (!key.isNative()) {
            byte[] found = get(bytes(key, keyOffset, keySize));
            if (found == null) {
                return -1;
            }
            value.append(found, 0, found.length);
            return found.length;
        }
        Objects.checkFromIndexSize(keyOffset, keySize, key.byteSize());
        return store.readers()
                .call(() -> Failures.translate(() -> find(key, keyOffset, keySize, value)));
    }

    private long find(MemorySegment key, long keyOffset, long keySize, NativeBuffer value) {
        TraceSnapshot snapshot = snapshot();
        if (snapshot == null) {
            return -1;
        }
        try (snapshot) {
            LookUps.LookUp lookUp = store.lookUps().take();
            boolean whole = false;
            try {
                lookUp.probe().append(key, keyOffset, keySize);
                LatestValues latest = look(snapshot, lookUp);
                long size = -1;
                if (latest.isPresent(0)) {
                    size = latest.sizeOf(0);
                    value.append(latest.segment(), latest.offsetOf(0), size);
                }
                whole = true;
                return size;
            } finally {
                store.lookUps().giveBack(lookUp, whole);
            }
        }
    }

    @Override
    public RowCursor getAll(Collection<byte[]> keys) {
        keys.forEach(key -> Limits.checkKeySize(key.length));
        return store.readers().open(() -> openBulk(keys));
    }

    private RowCursor openBulk(Collection<byte[]> keys) {
        TraceSnapshot snapshot = snapshot();
        if (snapshot == null) {
            return new EmptyCursor(store.readers(), memory.segment());
        }
        boolean done = false;
        try {
            RowCursor cursor =
                    Failures.translate(
                            () -> new BulkCursor(store.readers(), memory, snapshot, keys));
            done = true;
            return cursor;
        } finally {
            if (!done) {
                snapshot.close();
            }
        }
    }

    @Override
    public long epoch() {
        return store.epoch();
    }

    @Override
    public long since() {
        return store.readers().call(this::readableSince);
    }

    private long readableSince() {
        try (TraceSnapshot snapshot = snapshot()) {
            return snapshot == null ? 0 : snapshot.since();
        }
    }

    @Override
    public RowCursor scan(byte @Nullable [] from, byte @Nullable [] to, long asOf) {
        return store.readers().open(() -> openScan(from, to, asOf));
    }

    private RowCursor openScan(byte @Nullable [] from, byte @Nullable [] to, long asOf) {
        // the epoch first: a snapshot that is taken later holds it, and maybe more
        long last = store.lastEpoch();
        TraceSnapshot snapshot = snapshot();
        boolean done = false;
        try {
            long since = snapshot == null ? 0 : snapshot.since();
            if (asOf < since || asOf > last) {
                throw new StoreException.OutOfHistory(
                        "table "
                                + name
                                + " cannot be read as of epoch "
                                + asOf
                                + "; give one of "
                                + since
                                + " to "
                                + last);
            }
            RowCursor cursor =
                    snapshot == null
                            ? new EmptyCursor(store.readers(), memory.segment())
                            : Failures.translate(() ->
                                    new ScanCursor(
                                            store.readers(), memory, snapshot, from, to, asOf));
            done = true;
            return cursor;
        } finally {
            if (!done && snapshot != null) {
                snapshot.close();
            }
        }
    }

    @Override
    public ChangeCursor changes(long sinceEpoch) {
        return store.readers().open(() -> openChanges(sinceEpoch));
    }

    private ChangeCursor openChanges(long sinceEpoch) {
        long last = store.lastEpoch();
        TraceSnapshot snapshot = snapshot();
        boolean done = false;
        try {
            long since = snapshot == null ? 0 : snapshot.since();
            if (sinceEpoch < 0 || sinceEpoch > last || (sinceEpoch > 0 && sinceEpoch < since)) {
                throw new StoreException.OutOfHistory(
                        "the changes of table "
                                + name
                                + " since epoch "
                                + sinceEpoch
                                + " are not known; give 0 for everything, or one of "
                                + Math.max(1, since)
                                + " to "
                                + last);
            }
            ChangeCursor cursor =
                    snapshot == null
                            ? new EmptyCursor(store.readers(), memory.segment())
                            : Failures.translate(() ->
                                    new HistoryCursor(
                                            store.readers(), memory, snapshot, sinceEpoch));
            done = true;
            return cursor;
        } finally {
            if (!done && snapshot != null) {
                snapshot.close();
            }
        }
    }
}
