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
    private final boolean unitVals;
    private final boolean takesLongs;
    private final boolean takesLongPairs;

    private final StagedRows rows;
    private final NativeBuffer argument;
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
        this.unitVals = type.val().kind() == ColumnType.Kind.UNIT;
        boolean longKeys = counts && type.key().kind() == ColumnType.Kind.LONG;
        this.takesLongs = longKeys && unitVals;
        this.takesLongPairs = longKeys && type.val().kind() == ColumnType.Kind.LONG;
        this.rows = new StagedRows(memory, type);
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
        return rows.count();
    }

    /** The bytes of what is staged. */
    public long sizeBytes() {
        return rows.sizeBytes();
    }

    /**
     * The least time that is staged, unsigned; -1, the greatest, if nothing is. Of pairs the least
     * first number.
     */
    public long timeMin() {
        return rows.timeMin();
    }

    /** The least times that are staged. */
    public Antichain frontier() {
        return rows.frontier();
    }

    /**
     * Says what the second number of times is, from here on, where times are pairs: what is added
     * gives the first one. It is 0 until it is set.
     *
     * @throws IllegalArgumentException if times are epochs and it is not 0
     */
    public void setSecondTime(long second) {
        type.time().check(second);
        rows.setSecondTime(second);
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
        rows.add(keySegment, keyOffset, keySize, valSegment, valOffset, valSize, time, diff);
    }

    /** Adds an update with a unit val whose key is native bytes. */
    public void add(MemorySegment keySegment, long keyOffset, long keySize, long time, long diff) {
        checkCounts();
        checkSize("key", type.key(), keySize);
        if (!unitVals) {
            checkSize("val", type.val(), 0);
        }
        checkNative(keySegment);
        checkRoom(keySize, 0, 0);
        if (diff != 0) {
            rows.add(keySegment, keyOffset, keySize, time, diff);
        }
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
        argument.clear();
        argument.append(key, keyFrom, keySize);
        argument.append(val, valFrom, valSize);
        addArgument(keySize, valSize, time, diff);
    }

    private void addArgument(long keySize, long valSize, long time, long diff) {
        long at = argument.offset();
        rows.add(segment, at, keySize, segment, at + keySize, valSize, time, diff);
    }

    /** Adds an update with a unit val whose key is a range of bytes of the heap. */
    public void add(byte[] key, int keyFrom, int keySize, long time, long diff) {
        add(key, keyFrom, keySize, NO_BYTES, 0, 0, time, diff);
    }

    /** Adds an update with a long key and a unit val. */
    public void add(long key, long time, long diff) {
        if (!takesLongs || rows.count() >= ROWS_MAX) {
            refuse(takesLongs, "a long key and a count");
        }
        if (diff != 0) {
            rows.add(key, time, diff);
        }
    }

    /** Adds an update with a long key and a long val. */
    public void add(long key, long val, long time, long diff) {
        if (!takesLongPairs || rows.count() >= ROWS_MAX) {
            refuse(takesLongPairs, "a long key, a long val and a count");
        }
        if (diff != 0) {
            rows.add(key, val, time, diff);
        }
    }

    private void refuse(boolean takes, String what) {
        if (!takes) {
            throw new IllegalArgumentException(
                    what + " for a trie of " + type + "; add what its type says");
        }
        checkRoom(0, 0, 0);
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
        addArgument(keySize, valSize, time, diff);
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
        rows.upsert(
                keySegment,
                keyOffset,
                keySize,
                time,
                order,
                tag,
                payload,
                payloadOffset,
                payloadSize);
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
        argument.append(key, keyFrom, keySize);
        argument.append(payload, payloadFrom, payloadSize);
        long at = argument.offset();
        rows.upsert(segment, at, keySize, time, order, tag, segment, at + keySize, payloadSize);
    }

    /**
     * Adds the updates {@code [from, to)} of a view of the same type, whose sizes a chunk has held
     * already.
     */
    void addUpdates(TrieView view, long from, long to, long floor) {
        assert view.type().equals(type) : view.type() + " for " + type;
        assert to - from <= ROWS_MAX - rows.count() : "no room for " + (to - from) + " rows";
        rows.addUpdates(view, from, to, floor);
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
        if (rows.count() >= ROWS_MAX
                || rows.keyBytes() + keySize > TrieLayout.COLUMN_BYTES_MAX
                || rows.valBytes() + valSize > TrieLayout.COLUMN_BYTES_MAX
                || rows.payloadBytes() + payloadSize > TrieLayout.COLUMN_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "the buffer is full with "
                            + rows.count()
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
        if (rows.count() > 0) {
            form(out);
        }
        clear();
    }

    private void form(ChainBuilder out) {
        rows.bind(keyColumn, valColumn, timeColumn, diffColumn, payloadColumn);
        int count = rows.count();
        boolean numbered =
                !counts
                        || !diffColumn.isConstant()
                        || keyColumn.kind() == ColumnType.Kind.BYTES
                        || valColumn.kind() == ColumnType.Kind.BYTES;
        sorter.sort(keyColumn, valColumn, timeColumn, count, numbered);
        folder.fold(keyColumn, valColumn, timeColumn, diffColumn, payloadColumn, count, out);
    }

    /**
     * The same into a chain of flat chunks.
     *
     * @throws ArithmeticException as above
     * @throws IllegalArgumentException as above
     */
    void formInto(FlatStaging out) {
        if (!out.type().equals(type)) {
            throw new IllegalArgumentException(
                    "a chain of " + out.type() + " for updates of " + type + "; give one of it");
        }
        if (rows.count() > 0) {
            rows.bind(keyColumn, valColumn, timeColumn, diffColumn, payloadColumn);
            try (RowFold fold = new RowFold(out.memory(), sorter)) {
                fold.fold(keyColumn, valColumn, timeColumn, diffColumn, counts, rows.count());
                for (long i = 0; i < fold.updateCount(); i++) {
                    long row = fold.rowAt(i);
                    out.append(
                            keyColumn,
                            row,
                            valColumn,
                            row,
                            timeColumn.longAt(row),
                            TimeType.secondOf(timeColumn, row),
                            fold.diffAt(i),
                            payloadColumn,
                            row);
                }
            }
        }
        clear();
    }

    /** Drops what is staged. Room is kept, up to a limit. */
    public void clear() {
        rows.clear(KEPT_BYTES_MAX);
        argument.clear(KEPT_BYTES_MAX);
        sorter.clear(KEPT_BYTES_MAX);
        folder.clear(KEPT_BYTES_MAX);
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return rows.heldBytes() + argument.backedBytes() + sorter.heldBytes() + folder.heldBytes();
    }

    @Override
    public void close() {
        clear();
        rows.close();
        argument.close();
        sorter.close();
        folder.close();
    }
}
