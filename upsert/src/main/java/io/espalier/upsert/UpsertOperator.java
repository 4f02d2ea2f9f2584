package io.espalier.upsert;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.columnar.MergeBatcher;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Turns commands (key, value or none, time, order) into exact differences (key, value, time, +1 or
 * -1) such that every key has at most one value. It keeps no state of its own but the commands that
 * wait: what a key had before is read from the trace that the differences go to, the feedback.
 *
 * <p>Of several commands on a key at one time the one with the greatest order wins; a source gives
 * equal orders to equal commands only. Commands wait in a stash that consolidates as it fills and
 * pages under the budget of its pager.
 *
 * <p>The loop of one writer, with unsigned times:
 *
 * <pre>
 *   set, delete, ...           commands at times not below the input's frontier
 *   advanceInput(i)            no more commands below i
 *   drain(p, runs, out)        while p &lt; i: decides all commands at p, the trace's upper
 *   ... append what came out: the trace's upper is p + 1 then
 *   settle(true)               drain again
 * </pre>
 *
 * <p>A command below the trace's upper is dropped: the trace covers its time, and what it would
 * have retracted cannot be known any more. Commands above wait. Each time is decided once. After
 * {@link #closeInput()} the caller drains on until {@link #isEmpty()}: a trace that nothing is
 * appended to any more leaves them waiting, and that is no failure.
 *
 * <p><b>Failures.</b> A full disk while commands are staged or drained loses nothing: the call can
 * be repeated, a drain after {@code settle(false)}. A damaged page of the trace ends the drain the
 * same way. A damaged page of the stash itself is the end of the operator: what waits cannot be had
 * back, and every call but {@code close()} says so.
 *
 * <p>The idea is the feedback upsert operator of Materialize. Not thread-safe; the owner closes it.
 */
public final class UpsertOperator implements AutoCloseable {

    /** The tag of a payload that says that the key has no value. */
    private static final byte TAG_NONE = 0;

    /** The tag of a payload that is the key's value. */
    private static final byte TAG_VALUE = 1;

    /** How many keys are looked up at once: this bounds what is staged of old values. */
    private static final int WINDOW_KEYS_MAX = 1024;

    /** And about how many bytes of old values are staged at once. */
    private static final long WINDOW_BYTES_MAX = 2L << 20;

    private final NativeMemory memory;
    private final MemorySegment segment;
    private final MergeBatcher stash;
    private final LatestValues old;
    private final ColumnBuilder probes;
    private final TrieView view = new TrieView();
    private long inputUpper;
    private boolean inputClosed;

    /** Times below were drained and appended. */
    private long settledUpper;

    private long drainedTime;

    /** How often the stash was sealed. */
    private long seals;

    /** What was taken out of the stash and may have to go back. */
    private @Nullable Batch drained;

    // of the drain under way
    private long eligible;
    private long inserts;
    private long updates;
    private long deletes;
    private long outputs;

    /**
     * An operator whose input starts at time 0.
     *
     * @param pager keeps what waits and what is looked up; it is closed after the operator
     */
    public UpsertOperator(Pager pager) {
        this.memory = pager.memory();
        this.segment = memory.segment();
        this.stash = new MergeBatcher(pager, TrieType.BYTES_UPSERTS);
        this.probes = ColumnBuilder.distinct(memory, ColumnType.BYTES);
        this.old = new LatestValues(memory);
    }

    /** Stages that {@code key} has {@code value} at {@code time}. */
    public void set(
            byte[] key,
            int keyFrom,
            int keySize,
            byte[] value,
            int valueFrom,
            int valueSize,
            long time,
            long order) {
        checkTime(time);
        stash.upsert(key, keyFrom, keySize, time, order, TAG_VALUE, value, valueFrom, valueSize);
    }

    /** Stages that {@code key} has {@code value} at {@code time}; the bytes are native. */
    public void set(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            MemorySegment valueSegment,
            long valueOffset,
            long valueSize,
            long time,
            long order) {
        checkTime(time);
        stash.upsert(
                keySegment,
                keyOffset,
                keySize,
                time,
                order,
                TAG_VALUE,
                valueSegment,
                valueOffset,
                valueSize);
    }

    /** Stages that {@code key} has no value at {@code time}. */
    public void delete(byte[] key, int keyFrom, int keySize, long time, long order) {
        checkTime(time);
        stash.upsert(key, keyFrom, keySize, time, order, TAG_NONE, key, keyFrom, 0);
    }

    /** Stages that {@code key} has no value at {@code time}; the bytes are native. */
    public void delete(
            MemorySegment keySegment, long keyOffset, long keySize, long time, long order) {
        checkTime(time);
        stash.upsert(
                keySegment, keyOffset, keySize, time, order, TAG_NONE, keySegment, keyOffset, 0);
    }

    private void checkTime(long time) {
        if (inputClosed || Long.compareUnsigned(time, inputUpper) < 0) {
            throw new IllegalArgumentException(
                    "a command at time "
                            + Long.toUnsignedString(time)
                            + ", but the input is "
                            + (inputClosed
                                    ? "closed"
                                    : "past all times below " + Long.toUnsignedString(inputUpper)));
        }
    }

    /**
     * Says that no command below {@code upper} will come.
     *
     * @throws IllegalArgumentException if that takes an earlier promise back
     */
    public void advanceInput(long upper) {
        if (Long.compareUnsigned(upper, inputUpper) < 0) {
            throw new IllegalArgumentException(
                    "input frontier goes back from "
                            + Long.toUnsignedString(inputUpper)
                            + " to "
                            + Long.toUnsignedString(upper));
        }
        inputUpper = upper;
    }

    /**
     * Takes an {@link #advanceInput} back as far as nothing was settled: commands at {@code upper}
     * and later may come after all. For an input that is cut into epochs by its commits: if a
     * commit fails, its epoch goes on.
     *
     * @throws IllegalStateException if a drain is not settled
     * @throws IllegalArgumentException if a time that is not below {@code upper} was settled
     */
    public void reopenInput(long upper) {
        checkSettled();
        if (Long.compareUnsigned(upper, settledUpper) < 0) {
            throw new IllegalArgumentException(
                    "input frontier goes back to "
                            + Long.toUnsignedString(upper)
                            + ", but all times below "
                            + Long.toUnsignedString(settledUpper)
                            + " are settled");
        }
        if (Long.compareUnsigned(upper, inputUpper) < 0) {
            inputUpper = upper;
        }
    }

    private void checkSettled() {
        if (drained != null) {
            throw new IllegalStateException("a drain is not settled yet; settle it first");
        }
    }

    /** Says that no command at all will come; what waits can still be drained. */
    public void closeInput() {
        inputClosed = true;
    }

    /** How many bytes wait, resident or paged. */
    public long stashBytes() {
        return stash.sizeBytes();
    }

    /** How often everything that waits was gone through. */
    long sealCount() {
        return seals;
    }

    /** Whether nothing waits. */
    public boolean isEmpty() {
        return stash.isEmpty();
    }

    /** Whether no drain waits to be settled. */
    public boolean isSettled() {
        return drained == null;
    }

    /** Forgets everything that waits, also what it cannot go on with after a failure. */
    public void clear() {
        stash.clear();
    }

    /**
     * Decides all commands at time {@code persistUpper}, if the input is past it: sends the
     * differences at that time, in order, to {@code out}, which is not finished by this. Then
     * {@link #settle} says whether they were appended, also if this throws: what {@code out} has
     * got is void then.
     *
     * <p>Where nothing can be decided this costs nothing: no bytes are merged before the trace is
     * where the first command waits, or past it.
     *
     * @param persistUpper the upper frontier of the trace: it holds exactly the times below
     * @param trace the runs of the trace, of bytes to bytes with counts, from the oldest to the
     *     newest
     * @throws IllegalStateException if a run holds more than one value for a key, or the last drain
     *     is not settled
     */
    public DrainStats drain(long persistUpper, List<? extends Run> trace, ChainBuilder out) {
        checkSettled();
        boolean finished = inputClosed || Long.compareUnsigned(persistUpper, inputUpper) < 0;
        if (!finished || !stash.frontier().lessEqual(persistUpper)) {
            return DrainStats.NONE;
        }
        eligible = 0;
        inserts = 0;
        updates = 0;
        deletes = 0;
        outputs = 0;
        Batch sealed = stash.seal(persistUpper + 1);
        seals++;
        drained = sealed;
        drainedTime = persistUpper;
        int windowKeys = windowKeys(trace);
        for (long chunk = 0; chunk < sealed.chunkCount(); chunk++) {
            ChunkPin pin = sealed.open(chunk, view);
            try {
                for (long from = 0; from < view.keyCount(); from += windowKeys) {
                    long to = Math.min(view.keyCount(), from + windowKeys);
                    drainWindow(from, to, persistUpper, trace, out);
                }
            } finally {
                pin.close();
            }
        }
        return new DrainStats(
                eligible, inserts, updates, deletes, outputs, sealed.updateCount() - eligible);
    }

    /**
     * Says what became of the last drain. If what came out was appended to the trace, the commands
     * are forgotten; if not, they wait again and the same time can be drained again. Without a
     * drain it does nothing.
     *
     * @throws io.espalier.pager.SpillException if commands that wait again could not be paged out;
     *     they wait all the same
     */
    public void settle(boolean appended) {
        Batch sealed = drained;
        if (sealed == null) {
            return;
        }
        drained = null;
        if (appended) {
            settledUpper = drainedTime + 1;
            sealed.close();
        } else {
            stash.giveBack(sealed);
        }
    }

    /** Few keys at once where the values of the trace are large. */
    private static int windowKeys(List<? extends Run> trace) {
        long bytes = 0;
        long count = 0;
        for (Run run : trace) {
            bytes += run.sizeBytes();
            count += run.updateCount();
        }
        long rowBytes = Math.max(1, bytes / Math.max(1, count));
        return Math.clamp(WINDOW_BYTES_MAX / rowBytes, 1, WINDOW_KEYS_MAX);
    }

    private void drainWindow(
            long fromKey, long toKey, long time, List<? extends Run> trace, ChainBuilder out) {
        probes.clear(WINDOW_BYTES_MAX);
        for (long key = fromKey; key < toKey; key++) {
            if (updateAt(key, time) >= 0) {
                probes.append(view.keys(), key);
            }
        }
        if (probes.count() == 0) {
            return;
        }
        boolean one = toKey - fromKey == 1;
        long bytesMax = one ? Long.MAX_VALUE : 2 * WINDOW_BYTES_MAX;
        if (!old.read(trace, probes.column(), time - 1, bytesMax)) {
            // values that are much larger than most
            long middle = (fromKey + toKey) >>> 1;
            drainWindow(fromKey, middle, time, trace, out);
            drainWindow(middle, toKey, time, trace, out);
            return;
        }
        int probe = 0;
        for (long key = fromKey; key < toKey; key++) {
            long update = updateAt(key, time);
            if (update >= 0) {
                decide(key, update, time, probe++, out);
            }
        }
    }

    /** The update of a key of the stash at a time, or -1; its times ascend and there are few. */
    private long updateAt(long key, long time) {
        long to = view.updatesFromKey(key + 1);
        for (long update = to - 1; update >= view.updatesFromKey(key); update--) {
            if (view.timeAt(update) == time) {
                return update;
            }
        }
        return -1;
    }

    private void decide(long key, long update, long time, int probe, ChainBuilder out) {
        eligible++;
        Column payloads = view.payloads();
        long payload = payloads.offsetOf(update);
        long newSize = payloads.sizeOf(update) - 1;
        boolean hasNew = segment.get(Layouts.BYTE, payload) == TAG_VALUE;
        if (!old.isPresent(probe)) {
            if (hasNew) {
                inserts++;
                emit(key, payload + 1, newSize, time, 1, out);
            }
            return;
        }
        long oldOffset = old.offsetOf(probe);
        long oldSize = old.sizeOf(probe);
        if (!hasNew) {
            deletes++;
            emit(key, oldOffset, oldSize, time, -1, out);
            return;
        }
        updates++;
        int order = Bytes.compare(segment, oldOffset, oldSize, segment, payload + 1, newSize);
        if (order < 0) {
            emit(key, oldOffset, oldSize, time, -1, out);
            emit(key, payload + 1, newSize, time, 1, out);
        } else if (order > 0) {
            emit(key, payload + 1, newSize, time, 1, out);
            emit(key, oldOffset, oldSize, time, -1, out);
        }
    }

    private void emit(
            long key, long valOffset, long valSize, long time, long diff, ChainBuilder out) {
        Column keys = view.keys();
        outputs++;
        out.append(
                segment,
                keys.offsetOf(key),
                keys.sizeOf(key),
                segment,
                valOffset,
                valSize,
                time,
                diff);
    }

    @Override
    public void close() {
        settle(true);
        stash.close();
        probes.close();
        old.close();
    }
}
