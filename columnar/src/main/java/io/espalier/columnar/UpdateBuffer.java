package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Updates in any order, staged in native columns until they are formed into a sorted, consolidated
 * chain. A column whose values are all equal (one time, counts of one) takes no bytes for each row,
 * neither here nor in the sort.
 *
 * <p>Forming sorts by (key, val, time) and folds what is equal: counts add, and what adds up to
 * zero vanishes; of upserts the greatest order stays, of equal orders the one added first.
 *
 * <p>Longs and tuples may also be given as bytes: their little-endian words. Memory segments must
 * be native or mapped ones. Forming takes scratch of 16 to 17 bytes a row, whatever the rows hold,
 * and a few hundred kilobytes; it is kept for the next round, up to a limit.
 *
 * <p>The owner closes it. Not thread-safe.
 */
public final class UpdateBuffer implements AutoCloseable {

    /** The most rows that a buffer holds. */
    public static final int ROWS_MAX = (1 << 29) - 1;

    /** What a buffer keeps of each scratch area between rounds. */
    private static final long KEPT_BYTES_MAX = 16L << 20;

    private static final byte[] NO_BYTES = {};

    private final TrieType type;
    private final MemorySegment segment;
    private final boolean counts;
    private final boolean longKeys;
    private final boolean unitVals;

    private final ColumnBuilder keys;
    private final ColumnBuilder vals;
    private final ColumnBuilder times;
    private final ColumnBuilder diffs;
    private final ColumnBuilder payloads;
    private final NativeBuffer argument;
    private int count;
    private long timeMin = -1;

    // the last rows have one time and diff, which are not in their columns yet
    private int alike;
    private long lastTime;
    private long lastDiff;

    private final UpdateSorter sorter;
    private final UpdateFolder folder;
    private final Column keyColumn = new Column();
    private final Column valColumn = new Column();
    private final Column timeColumn = new Column();
    private final Column diffColumn = new Column();
    private final Column payloadColumn = new Column();

    /** An empty buffer; it takes its first bytes when something is added. */
    public UpdateBuffer(NativeMemory memory, TrieType type) {
        this.type = type;
        this.segment = memory.segment();
        this.counts = type.diff() == DiffType.COUNT;
        this.longKeys = type.key().kind() == ColumnType.Kind.LONG;
        this.unitVals = type.val().kind() == ColumnType.Kind.UNIT;
        this.keys = new ColumnBuilder(memory, type.key(), true);
        this.vals = new ColumnBuilder(memory, type.val(), false);
        this.times = new ColumnBuilder(memory, ColumnType.LONG, false);
        this.diffs = new ColumnBuilder(memory, ColumnType.LONG, false);
        this.payloads = new ColumnBuilder(memory, ColumnType.BYTES, false);
        this.argument = new NativeBuffer(memory);
        this.sorter = new UpdateSorter(memory);
        this.folder = new UpdateFolder(memory, type, sorter);
    }

    /** The type of the updates. */
    public TrieType type() {
        return type;
    }

    /** How many updates are staged. Updates with a count of zero are not. */
    public long count() {
        return count;
    }

    /** The bytes of what is staged. */
    public long sizeBytes() {
        appendAlike();
        return keys.sealedBytes()
                + vals.sealedBytes()
                + times.sealedBytes()
                + diffs.sealedBytes()
                + payloads.sealedBytes();
    }

    /** The least time that is staged, unsigned; -1, the greatest, if nothing is. */
    public long timeMin() {
        return timeMin;
    }

    // ---- adding -------------------------------------------------------------------------------

    /**
     * Adds an update whose key and val are native bytes.
     *
     * @param time unsigned
     * @throws IllegalArgumentException if a size does not fit the type, a segment is on the heap,
     *     the type is one of upserts, or the buffer would exceed 4 GiB or {@link #ROWS_MAX} rows;
     *     nothing is added then
     */
    public void add(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            MemorySegment valSegment,
            long valOffset,
            long valSize,
            long time,
            long diff) {
        checkCounts();
        checkSize("key", type.key(), keySize);
        checkSize("val", type.val(), valSize);
        checkNative(keySegment);
        checkNative(valSegment);
        checkRoom(keySize, valSize, 0);
        if (diff == 0) {
            return;
        }
        keys.append(keySegment, keyOffset, keySize);
        if (!unitVals) {
            vals.append(valSegment, valOffset, valSize);
        }
        close(time, diff);
    }

    /** Adds an update with a unit val whose key is native bytes. */
    public void add(MemorySegment keySegment, long keyOffset, long keySize, long time, long diff) {
        add(keySegment, keyOffset, keySize, segment, 0, 0, time, diff);
    }

    /** Adds an update whose key and val are ranges of bytes of the heap. */
    public void add(
            byte[] key,
            int keyFrom,
            int keySize,
            byte[] val,
            int valFrom,
            int valSize,
            long time,
            long diff) {
        checkCounts();
        checkSize("key", type.key(), keySize);
        checkSize("val", type.val(), valSize);
        Objects.checkFromIndexSize(keyFrom, keySize, key.length);
        Objects.checkFromIndexSize(valFrom, valSize, val.length);
        checkRoom(keySize, valSize, 0);
        if (diff == 0) {
            return;
        }
        keys.append(key, keyFrom, keySize);
        if (!unitVals) {
            vals.append(val, valFrom, valSize);
        }
        close(time, diff);
    }

    /** Adds an update with a unit val whose key is a range of bytes of the heap. */
    public void add(byte[] key, int keyFrom, int keySize, long time, long diff) {
        add(key, keyFrom, keySize, NO_BYTES, 0, 0, time, diff);
    }

    /** Adds an update with a long key and a unit val. */
    public void add(long key, long time, long diff) {
        if (!longKeys || !unitVals || !counts) {
            throw new IllegalArgumentException(
                    "a long key and a count for a trie of " + type + "; add what its type says");
        }
        if (count >= ROWS_MAX) {
            checkRoom(Long.BYTES, 0, 0);
        }
        if (diff == 0) {
            return;
        }
        keys.append(key);
        close(time, diff);
    }

    /** Adds an update with a long key and a long val. */
    public void add(long key, long val, long time, long diff) {
        if (!longKeys || type.val().kind() != ColumnType.Kind.LONG || !counts) {
            throw new IllegalArgumentException(
                    "a long key, a long val and a count for a trie of "
                            + type
                            + "; add what its type says");
        }
        if (count >= ROWS_MAX) {
            checkRoom(Long.BYTES, Long.BYTES, 0);
        }
        if (diff == 0) {
            return;
        }
        keys.append(key);
        vals.append(val);
        close(time, diff);
    }

    /**
     * Adds an update whose key and val are words: as many as the tuple has, one for a long, none
     * for unit.
     */
    public void add(long[] key, long[] val, long time, long diff) {
        checkCounts();
        checkWords("key", type.key(), key.length);
        checkWords("val", type.val(), val.length);
        long keySize = (long) key.length * Long.BYTES;
        long valSize = (long) val.length * Long.BYTES;
        checkRoom(keySize, valSize, 0);
        if (diff == 0) {
            return;
        }
        argument.clear();
        for (long word : key) {
            argument.appendLong(word);
        }
        for (long word : val) {
            argument.appendLong(word);
        }
        keys.append(segment, argument.offset(), keySize);
        if (!unitVals) {
            vals.append(segment, argument.offset() + keySize, valSize);
        }
        close(time, diff);
    }

    /**
     * Adds an upsert: its payload is {@code tag}, then the bytes given. The tries have unit vals.
     *
     * @param order unsigned; the greatest of a (key, time) stays
     * @throws IllegalArgumentException as for {@link #add}, or if the type is not one of upserts
     */
    public void upsert(
            MemorySegment keySegment,
            long keyOffset,
            long keySize,
            long time,
            long order,
            byte tag,
            MemorySegment payload,
            long payloadOffset,
            long payloadSize) {
        checkUpserts();
        checkSize("key", type.key(), keySize);
        checkNative(keySegment);
        checkNative(payload);
        checkRoom(keySize, 0, payloadSize + 1);
        argument.clear();
        argument.appendByte(tag);
        argument.append(payload, payloadOffset, payloadSize);
        keys.append(keySegment, keyOffset, keySize);
        payloads.append(segment, argument.offset(), payloadSize + 1);
        close(time, order);
    }

    /** Adds an upsert whose key and payload are ranges of bytes of the heap. */
    public void upsert(
            byte[] key,
            int keyFrom,
            int keySize,
            long time,
            long order,
            byte tag,
            byte[] payload,
            int payloadFrom,
            int payloadSize) {
        checkUpserts();
        checkSize("key", type.key(), keySize);
        Objects.checkFromIndexSize(keyFrom, keySize, key.length);
        checkRoom(keySize, 0, payloadSize + 1L);
        argument.clear();
        argument.appendByte(tag);
        argument.append(payload, payloadFrom, payloadSize);
        keys.append(key, keyFrom, keySize);
        payloads.append(segment, argument.offset(), payloadSize + 1L);
        close(time, order);
    }

    private void close(long time, long diff) {
        count++;
        if (time == lastTime && diff == lastDiff && alike > 0) {
            alike++;
            return;
        }
        appendAlike();
        alike = 1;
        lastTime = time;
        lastDiff = diff;
        if (Long.compareUnsigned(time, timeMin) < 0) {
            timeMin = time;
        }
    }

    private void appendAlike() {
        if (alike == 1) {
            times.append(lastTime);
            diffs.append(lastDiff);
        } else if (alike > 1) {
            times.appendRepeated(lastTime, alike);
            diffs.appendRepeated(lastDiff, alike);
        }
        alike = 0;
    }

    private void checkCounts() {
        if (!counts) {
            throw new IllegalArgumentException("a count for a trie of " + type + "; upsert");
        }
    }

    private void checkUpserts() {
        if (counts || !unitVals) {
            throw new IllegalArgumentException(
                    "an upsert for a trie of "
                            + type
                            + "; its diffs must be upserts, its vals unit");
        }
    }

    private static void checkSize(String what, ColumnType type, long size) {
        int width = type.fixedWidth();
        if (width != -1 ? size != width : size < 0 || size > TrieLayout.COLUMN_BYTES_MAX / 4) {
            throw new IllegalArgumentException(
                    "a "
                            + what
                            + " of "
                            + size
                            + " bytes for "
                            + type
                            + ", expected "
                            + (width == -1 ? "0 bytes to 1 GiB" : width + " bytes"));
        }
    }

    private static void checkWords(String what, ColumnType type, int words) {
        if (type.fixedWidth() != words * Long.BYTES) {
            throw new IllegalArgumentException(
                    "a "
                            + what
                            + " of "
                            + words
                            + " words for "
                            + type
                            + "; give as many as it has");
        }
    }

    private static void checkNative(MemorySegment segment) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException(
                    "a segment of the heap; give a native or mapped one, or a byte[]");
        }
    }

    private void checkRoom(long keySize, long valSize, long payloadSize) {
        // offsets of values are 32 bits wide
        if (count >= ROWS_MAX
                || keys.dataBytes() + keySize > TrieLayout.COLUMN_BYTES_MAX
                || vals.dataBytes() + valSize > TrieLayout.COLUMN_BYTES_MAX
                || payloads.dataBytes() + payloadSize > TrieLayout.COLUMN_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "the buffer is full with "
                            + count
                            + " rows of "
                            + sizeBytes()
                            + " bytes; form it first");
        }
    }

    // ---- forming ------------------------------------------------------------------------------

    /**
     * Sorts and folds what is staged, appends it to {@code out}, which is not finished by this, and
     * empties the buffer. What {@code out} has must lie below.
     *
     * @throws ArithmeticException if counts of one (key, val, time) add up to more than 64 bits
     *     hold
     * @throws IllegalArgumentException if {@code out} has another type, or ends above the first
     *     update. If this or the sink throws, the buffer keeps all its updates; {@code out} may
     *     have got some of them and is to be dropped.
     */
    public void formInto(ChainBuilder out) {
        if (!out.type().equals(type)) {
            throw new IllegalArgumentException(
                    "a chain of " + out.type() + " for updates of " + type + "; give one of it");
        }
        if (count > 0) {
            appendAlike();
            form(out);
        }
        clear();
    }

    private void form(ChainBuilder out) {
        keys.bind(keyColumn);
        if (unitVals) {
            valColumn.bind(ColumnType.Kind.UNIT, TrieLayout.ABSENT, 0, segment, 0, 0, count);
        } else {
            vals.bind(valColumn);
        }
        times.bind(timeColumn);
        diffs.bind(diffColumn);
        payloads.bind(payloadColumn);
        boolean numbered =
                !counts
                        || !diffColumn.isConstant()
                        || keyColumn.kind() == ColumnType.Kind.BYTES
                        || valColumn.kind() == ColumnType.Kind.BYTES;
        sorter.sort(keyColumn, valColumn, timeColumn, count, numbered);
        folder.fold(keyColumn, valColumn, timeColumn, diffColumn, payloadColumn, count, out);
    }

    /** Drops what is staged. Room is kept, up to a limit. */
    public void clear() {
        keys.clear(KEPT_BYTES_MAX);
        vals.clear(KEPT_BYTES_MAX);
        times.clear(KEPT_BYTES_MAX);
        diffs.clear(KEPT_BYTES_MAX);
        payloads.clear(KEPT_BYTES_MAX);
        argument.clear(KEPT_BYTES_MAX);
        sorter.clear(KEPT_BYTES_MAX);
        folder.clear(KEPT_BYTES_MAX);
        count = 0;
        alike = 0;
        timeMin = -1;
    }

    @Override
    public void close() {
        clear();
        keys.close();
        vals.close();
        times.close();
        diffs.close();
        payloads.close();
        argument.close();
        sorter.close();
        folder.close();
    }
}
