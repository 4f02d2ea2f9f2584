package io.espalier.columnar;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * The columns that rows are staged in. Rows go into a window of them: room that is made for many
 * rows at once, so that adding one is a few stores. Values of different sizes do not fit into a
 * window; they are appended one by one.
 *
 * <p>The sizes of keys, vals and payloads are the caller's to check. If memory runs out, no row is
 * added. The owner closes it. Not thread-safe.
 */
final class StagedRows implements AutoCloseable {

    private static final int WINDOW_ROWS_MIN = 64;

    /** Up to this much room is made for values, or as much as they have already. */
    private static final long WINDOW_BYTES_MIN = 4096;

    /** Values of more than this are copied by the JVM, which takes longer to begin. */
    private static final long WORDWISE_MAX = 64;

    /** The width of a column that values are appended to one by one. */
    private static final long APPENDED = -1;

    private final MemorySegment segment;
    private final ColumnType keyType;
    private final ColumnType valType;
    private final ColumnBuilder keys;
    private final ColumnBuilder otherVals;
    private final StagedLongs longVals;
    private final StagedLongs times;

    /** The second numbers of times that are pairs. */
    private final StagedLongs seconds;

    private final boolean pairs;
    private final StagedLongs diffs;
    private final ColumnBuilder payloads;
    private final NativeBuffer argument;

    // rows in the columns, rows in the window, rows that fit into that
    private int base;
    private int used;
    private int room;

    private long keyWidth = APPENDED;
    private long keysAt;
    private long timeMin = -1;

    // of pairs only: the second number of what is added next, the least times, and all of them
    private long second;
    private final Antichain.Builder lower;
    private final ColumnBuilder pairTimes;

    StagedRows(NativeMemory memory, TrieType type) {
        this.segment = memory.segment();
        this.keyType = type.key();
        this.valType = type.val();
        this.keys = new ColumnBuilder(memory, keyType, true);
        this.otherVals = new ColumnBuilder(memory, valType, false);
        this.longVals = new StagedLongs(memory);
        this.times = new StagedLongs(memory);
        this.pairs = type.time() == TimeType.PAIR;
        this.seconds = new StagedLongs(memory);
        this.lower = Antichain.builder(type.time());
        this.pairTimes = new ColumnBuilder(memory, ColumnType.tuple(2), false);
        this.diffs = new StagedLongs(memory);
        this.payloads = new ColumnBuilder(memory, ColumnType.BYTES, false);
        this.argument = new NativeBuffer(memory);
    }

    int count() {
        return base + used;
    }

    /** The least time, unsigned; -1 if there are no rows. */
    long timeMin() {
        return timeMin;
    }

    /** The least times. */
    Antichain frontier() {
        if (pairs) {
            return lower.build();
        }
        return count() == 0 ? Antichain.empty(TimeType.EPOCH) : Antichain.of(timeMin);
    }

    /** Says what the second number of times is from here on. */
    void setSecondTime(long second) {
        this.second = second;
    }

    long keyBytes() {
        return keys.dataBytes() + (keyWidth == APPENDED ? 0 : used * keyWidth);
    }

    long valBytes() {
        return otherVals.dataBytes();
    }

    long payloadBytes() {
        return payloads.dataBytes();
    }

    /** The bytes of all rows. */
    long sizeBytes() {
        return keys.sealedBytes()
                + (keyWidth == APPENDED ? 0 : TrieLayout.align(used * keyWidth))
                + otherVals.sealedBytes()
                + (valType.kind() == ColumnType.Kind.LONG ? longVals.sealedBytes(used) : 0)
                + times.sealedBytes(used)
                + (pairs ? seconds.sealedBytes(used) : 0)
                + diffs.sealedBytes(used)
                + payloads.sealedBytes();
    }

    // ---- rows ---------------------------------------------------------------------------------

    /** Adds a row with a long key and a unit val. */
    void add(long key, long time, long diff) {
        int row = used;
        if (row == room) {
            row = open(Long.BYTES, 0, time, diff);
        }
        Words.setLong(segment, keysAt, row, key);
        end(row, time, diff);
    }

    /** Adds a row with a long key and a long val. */
    void add(long key, long val, long time, long diff) {
        int row = used;
        if (row == room) {
            row = open(Long.BYTES, val, time, diff);
        }
        Words.setLong(segment, keysAt, row, key);
        longVals.set(row, val);
        end(row, time, diff);
    }

    private void end(int row, long time, long diff) {
        times.set(row, time);
        diffs.set(row, diff);
        if (pairs) {
            seconds.set(row, second);
            lower.insert(time, second);
        }
        if (Long.compareUnsigned(time, timeMin) < 0) {
            timeMin = time;
        }
        used = row + 1;
    }

    /** Adds a row with a key of native bytes and a unit val. */
    void add(MemorySegment keySegment, long keyOffset, long keySize, long time, long diff) {
        int row = used;
        if (row < room && keySize == keyWidth) {
            copy(keySegment, keyOffset, segment, keysAt + row * keySize, keySize);
            end(row, time, diff);
        } else {
            add(keySegment, keyOffset, keySize, segment, 0, 0, time, diff);
        }
    }

    /** Adds a row. */
    void add(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            MemorySegment valSegment,
            long valOffset,
            long valSize,
            long time,
            long diff) {
        boolean longs = valType.kind() == ColumnType.Kind.LONG;
        long val = longs ? valSegment.get(Layouts.LONG, valOffset) : 0;
        int row = rowFor(keySize, val, time, diff);
        if (longs) {
            longVals.set(row, val);
        }
        times.set(row, time);
        diffs.set(row, diff);
        if (keyWidth == APPENDED) {
            keys.append(keySegment, keyOffset, keySize);
        } else {
            copy(keySegment, keyOffset, segment, keysAt + row * keySize, keySize);
        }
        if (!longs) {
            appendVal(valSegment, valOffset, valSize);
        }
        end(row, time, diff);
    }

    private void appendVal(MemorySegment valSegment, long valOffset, long valSize) {
        if (valType.kind() == ColumnType.Kind.UNIT) {
            return;
        }
        boolean done = false;
        try {
            otherVals.append(valSegment, valOffset, valSize);
            done = true;
        } finally {
            if (!done && keyWidth == APPENDED) {
                keys.removeLast();
            }
        }
    }

    /** Adds an upsert. */
    void upsert(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            long time,
            long order,
            byte tag,
            MemorySegment payload,
            long payloadOffset,
            long payloadSize) {
        argument.clear();
        argument.appendByte(tag);
        argument.append(payload, payloadOffset, payloadSize);
        upsertTagged(
                keySegment,
                keyOffset,
                keySize,
                time,
                order,
                segment,
                argument.offset(),
                payloadSize + 1);
    }

    /** Adds an upsert whose payload has its tag, if any. */
    private void upsertTagged(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            long time,
            long order,
            MemorySegment payload,
            long payloadOffset,
            long payloadSize) {
        int row = rowFor(keySize, 0, time, order);
        times.set(row, time);
        diffs.set(row, order);
        payloads.append(payload, payloadOffset, payloadSize);
        boolean done = false;
        try {
            if (keyWidth == APPENDED) {
                keys.append(keySegment, keyOffset, keySize);
            } else {
                copy(keySegment, keyOffset, segment, keysAt + row * keySize, keySize);
            }
            done = true;
        } finally {
            if (!done) {
                payloads.removeLast();
            }
        }
        end(row, time, order);
    }

    /**
     * Adds the updates {@code [from, to)} of a view; times below {@code floor} are raised to it.
     */
    void addUpdates(TrieView view, long from, long to, long floor) {
        Column keyColumn = view.keys();
        Column valColumn = view.vals();
        boolean upserts = view.type().diff() == DiffType.UPSERT;
        boolean longKeys = keyType.kind() == ColumnType.Kind.LONG && !upserts;
        boolean unitVals = valType.kind() == ColumnType.Kind.UNIT;
        boolean valsAreLongs = valType.kind() == ColumnType.Kind.LONG;
        long val = view.valOfUpdate(from);
        long key = view.keyOfVal(val);
        long valEnd = view.updatesTo(val);
        long keyEnd = view.valsTo(key);
        for (long i = from; i < to; i++) {
            if (i == valEnd) {
                val++;
                valEnd = view.updatesTo(val);
                if (val == keyEnd) {
                    key++;
                    keyEnd = view.valsTo(key);
                }
            }
            long time = view.timeAt(i);
            time = Long.compareUnsigned(time, floor) < 0 ? floor : time;
            long diff = view.diffAt(i);
            if (pairs) {
                second = view.secondTimeAt(i);
            }
            if (longKeys && unitVals) {
                add(keyColumn.longAt(key), time, diff);
            } else if (longKeys && valsAreLongs) {
                add(keyColumn.longAt(key), valColumn.longAt(val), time, diff);
            } else if (upserts) {
                Column payloadColumn = view.payloads();
                upsertTagged(
                        keyColumn.segment(),
                        keyColumn.offsetOf(key),
                        keyColumn.sizeOf(key),
                        time,
                        diff,
                        payloadColumn.segment(),
                        payloadColumn.offsetOf(i),
                        payloadColumn.sizeOf(i));
            } else if (unitVals) {
                add(
                        keyColumn.segment(),
                        keyColumn.offsetOf(key),
                        keyColumn.sizeOf(key),
                        time,
                        diff);
            } else {
                add(
                        keyColumn.segment(),
                        keyColumn.offsetOf(key),
                        keyColumn.sizeOf(key),
                        valColumn.segment(),
                        valColumn.offsetOf(val),
                        valColumn.sizeOf(val),
                        time,
                        diff);
            }
        }
    }

    /** Copies what is mostly short. */
    private static void copy(
            MemorySegment source, long from, MemorySegment target, long to, long size) {
        if (size < Long.BYTES || size > WORDWISE_MAX) {
            MemorySegment.copy(source, from, target, to, size);
            return;
        }
        long last = size - Long.BYTES;
        for (long i = 0; i < last; i += Long.BYTES) {
            target.set(Layouts.LONG, to + i, source.get(Layouts.LONG, from + i));
        }
        target.set(Layouts.LONG, to + last, source.get(Layouts.LONG, from + last));
    }

    // ---- the window ---------------------------------------------------------------------------

    /** The next row of a window for keys of a size. */
    private int rowFor(long keySize, long val, long time, long diff) {
        if (used == room || (keyWidth != APPENDED && keyWidth != keySize)) {
            return open(keySize, val, time, diff);
        }
        return used;
    }

    /**
     * Closes the window and opens the next one, for keys of a size.
     *
     * @return the first row: 0
     */
    private int open(long keySize, long val, long time, long diff) {
        flush();
        long bytesMax = Math.max(WINDOW_BYTES_MIN, keys.dataBytes());
        long rows = Math.max(WINDOW_ROWS_MIN, base);
        rows = Math.min(rows, UpdateBuffer.ROWS_MAX - (long) base);
        if (keySize > 0) {
            rows = Math.min(rows, Math.max(1, bytesMax / keySize));
            rows = Math.min(rows, (TrieLayout.COLUMN_BYTES_MAX - keys.dataBytes()) / keySize);
        }
        assert rows > 0 : "a buffer that is full";
        long found = keys.reserveFixed(keySize, rows);
        if (valType.kind() == ColumnType.Kind.LONG) {
            longVals.open((int) rows, val);
        }
        times.open((int) rows, time);
        if (pairs) {
            seconds.open((int) rows, second);
        }
        diffs.open((int) rows, diff);
        keyWidth = found == -1 ? APPENDED : keySize;
        keysAt = found;
        room = (int) rows;
        return 0;
    }

    /** Takes the rows of the window into the columns. */
    void flush() {
        int rows = used;
        if (rows > 0) {
            if (keyWidth != APPENDED) {
                keys.advanceFixed(keyWidth, rows);
            }
            if (valType.kind() == ColumnType.Kind.LONG) {
                longVals.close(rows);
            }
            times.close(rows);
            if (pairs) {
                seconds.close(rows);
            }
            diffs.close(rows);
        }
        base += rows;
        used = 0;
        room = 0;
        keyWidth = APPENDED;
    }

    // ---- columns ------------------------------------------------------------------------------

    /** Binds columns to all rows; valid until the next change. */
    void bind(
            Column keyColumn,
            Column valColumn,
            Column timeColumn,
            Column diffColumn,
            Column payloadColumn) {
        flush();
        keys.bind(keyColumn);
        switch (valType.kind()) {
            case UNIT ->
                    valColumn.bind(ColumnType.Kind.UNIT, TrieLayout.ABSENT, 0, segment, 0, 0, base);
            case LONG -> longVals.column().bind(valColumn);
            default -> otherVals.bind(valColumn);
        }
        times.column().bind(timeColumn);
        if (pairs) {
            bindPairs(timeColumn);
        }
        diffs.column().bind(diffColumn);
        payloads.bind(payloadColumn);
    }

    /** Binds a column to both numbers of times side by side. */
    private void bindPairs(Column timeColumn) {
        Column secondColumn = seconds.column().column();
        pairTimes.clear(Long.MAX_VALUE);
        for (long i = 0; i < base; i++) {
            pairTimes.appendPair(timeColumn.longAt(i), secondColumn.longAt(i));
        }
        pairTimes.bind(timeColumn);
    }

    /** Drops all rows. Room is kept, up to a limit for each column. */
    void clear(long bytesMax) {
        keys.clear(bytesMax);
        otherVals.clear(bytesMax);
        longVals.clear(bytesMax);
        times.clear(bytesMax);
        seconds.clear(bytesMax);
        lower.clear();
        pairTimes.clear(bytesMax);
        diffs.clear(bytesMax);
        payloads.clear(bytesMax);
        argument.clear(bytesMax);
        base = 0;
        used = 0;
        room = 0;
        keyWidth = APPENDED;
        timeMin = -1;
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return keys.heldBytes()
                + otherVals.heldBytes()
                + longVals.column().heldBytes()
                + times.column().heldBytes()
                + seconds.column().heldBytes()
                + pairTimes.heldBytes()
                + diffs.column().heldBytes()
                + payloads.heldBytes()
                + argument.backedBytes();
    }

    @Override
    public void close() {
        clear(0);
        keys.close();
        otherVals.close();
        longVals.close();
        times.close();
        seconds.close();
        pairTimes.close();
        diffs.close();
        payloads.close();
        argument.close();
    }
}
