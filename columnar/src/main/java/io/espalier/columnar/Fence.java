package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What stays resident of a chunk whose body may be anywhere: its first and last (key, val, time).
 * Value 0 of each column is the first, value 1 the last.
 *
 * <p>All of it stands in one small native slot: four times, a pair of keys, a pair of vals. The
 * columns over them are made when somebody asks: most chunks only ever meet their neighbours.
 *
 * <p>Owned by its chunk, immutable, thread-safe.
 */
public final class Fence implements AutoCloseable {

    /** Two units: of all fences the same. */
    private static final Column UNITS = units();

    private static final int FIRST = 0;
    private static final int LAST = 1;

    /** First time, its second number, last time, its second number. */
    private static final long KEYS_AT = 4 * Long.BYTES;

    private final NativeMemory memory;
    private final TrieType type;

    /** Holds what is too large for a slot. */
    private final @Nullable Lease large;

    private final long offset;
    private volatile @Nullable Column keys;
    private volatile @Nullable Column vals;

    private Fence(
            NativeMemory memory,
            TrieType type,
            Column sourceKeys,
            Column sourceVals,
            Column times,
            long lastKey,
            long lastVal,
            long lastUpdate) {
        this.memory = memory;
        this.type = type;
        long bytes = KEYS_AT + pairBytes(sourceKeys, lastKey) + pairBytes(sourceVals, lastVal);
        if (bytes > NativeMemory.SLOT_BYTES_MAX) {
            large = memory.allocate(bytes);
            offset = large.offset();
        } else {
            large = null;
            offset = memory.takeSlot(bytes);
        }
        MemorySegment target = memory.segment();
        Words.setLong(target, offset, 0, times.longAt(0));
        Words.setLong(target, offset, 1, TimeType.secondOf(times, 0));
        Words.setLong(target, offset, 2, times.longAt(lastUpdate));
        Words.setLong(target, offset, 3, TimeType.secondOf(times, lastUpdate));
        long valsAt = copyPair(target, sourceKeys, lastKey, offset + KEYS_AT);
        long end = copyPair(target, sourceVals, lastVal, valsAt);
        assert end == offset + bytes : bytes;
    }

    private static Column units() {
        Column units = new Column();
        units.bind(ColumnType.Kind.UNIT, TrieLayout.ABSENT, 0, MemorySegment.NULL, 0, 0, 2);
        return units;
    }

    static Fence of(NativeMemory memory, TrieView view) {
        return new Fence(
                memory,
                view.type(),
                view.keys(),
                view.vals(),
                view.times(),
                view.keyCount() - 1,
                view.valCount() - 1,
                view.updateCount() - 1);
    }

    static Fence of(NativeMemory memory, FlatView view) {
        long last = view.rowCount() - 1;
        return new Fence(
                memory, view.type(), view.keys(), view.vals(), view.times(), last, last, last);
    }

    private static long pairBytes(Column column, long last) {
        return switch (column.kind()) {
            case UNIT -> 0;
            case LONG, TUPLE -> 2 * column.width();
            case BYTES -> bytesPairBytes(column.sizeOf(0) + column.sizeOf(last));
        };
    }

    private static long bytesPairBytes(long contentBytes) {
        return 2 * Long.BYTES + TrieLayout.align(contentBytes);
    }

    /** Copies the first and the last value as a column of two; answers where it ends. */
    private static long copyPair(MemorySegment target, Column source, long last, long at) {
        long firstSize = source.sizeOf(0);
        long lastSize = source.sizeOf(last);
        long data = at;
        if (source.kind() == ColumnType.Kind.BYTES) {
            target.set(Layouts.INT, at, 0);
            target.set(Layouts.INT, at + 4, (int) firstSize);
            target.set(Layouts.INT, at + 8, (int) (firstSize + lastSize));
            data = at + 2 * Long.BYTES;
        }
        MemorySegment.copy(source.segment(), source.offsetOf(0), target, data, firstSize);
        MemorySegment.copy(
                source.segment(), source.offsetOf(last), target, data + firstSize, lastSize);
        return data + TrieLayout.align(firstSize + lastSize);
    }

    NativeMemory memory() {
        return memory;
    }

    TrieType type() {
        return type;
    }

    private long keysAt() {
        return offset + KEYS_AT;
    }

    private long valsAt() {
        return keysAt() + pairBytes(type.key(), keysAt());
    }

    /** What a pair that is there takes. */
    private long pairBytes(ColumnType column, long at) {
        return switch (column.kind()) {
            case UNIT -> 0;
            case LONG, TUPLE -> 2L * column.fixedWidth();
            case BYTES -> bytesPairBytes(Words.getUnsignedInt(memory.segment(), at, 2));
        };
    }

    private Column pair(ColumnType column, long at) {
        Column pair = new Column();
        if (column.kind() == ColumnType.Kind.BYTES) {
            pair.bind(
                    column.kind(),
                    TrieLayout.VARIABLE,
                    0,
                    memory.segment(),
                    at,
                    at + 2 * Long.BYTES,
                    2);
        } else {
            pair.bind(
                    column.kind(),
                    TrieLayout.FIXED,
                    column.fixedWidth(),
                    memory.segment(),
                    at,
                    at,
                    2);
        }
        return pair;
    }

    /** The first and the last key. */
    public Column keys() {
        Column known = keys;
        if (known == null) {
            known = pair(type.key(), keysAt());
            keys = known;
        }
        return known;
    }

    /** The first and the last val. */
    public Column vals() {
        if (type.val().kind() == ColumnType.Kind.UNIT) {
            return UNITS;
        }
        Column known = vals;
        if (known == null) {
            known = pair(type.val(), valsAt());
            vals = known;
        }
        return known;
    }

    /** Whether the last update lies below the first of another fence, by (key, val, time). */
    boolean endsBelow(Fence next) {
        return compareEnd(next, FIRST) < 0;
    }

    /** Whether the last update lies below the last of another fence. */
    boolean endsBelowEndOf(Fence other) {
        return compareEnd(other, LAST) < 0;
    }

    /** Compares the last update with the first or the last of another fence. */
    private int compareEnd(Fence other, int which) {
        int order = comparePairs(type.key(), keysAt(), other, other.keysAt(), which);
        if (order == 0 && type.val().kind() != ColumnType.Kind.UNIT) {
            order = comparePairs(type.val(), valsAt(), other, other.valsAt(), which);
        }
        return order != 0
                ? order
                : TimeType.compare(
                        lastTime(), lastSecondTime(), other.time(which), other.second(which));
    }

    private int comparePairs(ColumnType column, long at, Fence other, long otherAt, int which) {
        MemorySegment a = memory.segment();
        MemorySegment b = other.memory.segment();
        if (column.kind() == ColumnType.Kind.BYTES) {
            long start = Words.getUnsignedInt(a, at, LAST);
            long otherStart = Words.getUnsignedInt(b, otherAt, which);
            return Bytes.compare(
                    a,
                    at + 2 * Long.BYTES + start,
                    Words.getUnsignedInt(a, at, LAST + 1L) - start,
                    b,
                    otherAt + 2 * Long.BYTES + otherStart,
                    Words.getUnsignedInt(b, otherAt, which + 1L) - otherStart);
        }
        int words = column.fixedWidth() / Long.BYTES;
        for (int word = 0; word < words; word++) {
            int order =
                    Long.compare(
                            Words.getLong(a, at, words + (long) word),
                            Words.getLong(b, otherAt, (long) which * words + word));
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    private long time(int which) {
        return Words.getLong(memory.segment(), offset, 2L * which);
    }

    private long second(int which) {
        return Words.getLong(memory.segment(), offset, 2L * which + 1);
    }

    /** The time of the first update. */
    public long firstTime() {
        return time(FIRST);
    }

    /** The time of the last update. */
    public long lastTime() {
        return time(LAST);
    }

    /** The second number of the first time, where times are pairs; else 0. */
    public long firstSecondTime() {
        return second(FIRST);
    }

    /** The second number of the last time, where times are pairs; else 0. */
    public long lastSecondTime() {
        return second(LAST);
    }

    @Override
    public void close() {
        Lease lease = large;
        if (lease != null) {
            lease.close();
        } else {
            long valsAt = valsAt();
            memory.giveSlot(offset, valsAt + pairBytes(type.val(), valsAt) - offset);
        }
    }
}
