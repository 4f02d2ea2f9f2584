package io.espalier.jmh;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * What {@code bench trace} feeds every store with: batches of upserts, the same for each, made one
 * after the other so that nothing large is held. A key is {@code key-} and 12 digits, a val 8
 * bytes.
 *
 * <p>Not thread-safe.
 */
final class TraceData {

    static final int KEY_BYTES = 16;
    static final int VAL_BYTES = 8;

    /** What a row is for a store that keeps rows. */
    static final int ROW_BYTES = KEY_BYTES + VAL_BYTES;

    private static final int DIGITS = 12;
    private static final byte[] KEY_START = "key-".getBytes(StandardCharsets.US_ASCII);

    /** A prime, larger than there are keys: its multiples visit each key once, far apart. */
    private static final long STRIDE = 2_654_435_761L;

    private static final long MIX = 0x9E3779B97F4A7C15L;
    private static final long HALF = 0xD6E8FEB86659FD93L;

    /** Which keys. */
    enum Kind {
        /** Each key once, in no order. */
        INSERT("insert"),
        /** A fifth as many keys as there are updates, drawn at random: most have a val before. */
        OVERWRITE("overwrite");

        private final String label;

        Kind(String label) {
            this.label = label;
        }

        String label() {
            return label;
        }
    }

    private final Kind kind;
    private final long updates;
    private final int batchUpdates;
    private final long keyCount;

    /** How often a key was set. */
    private final int[] versions;

    private final ByteBuffer keys;
    private final ByteBuffer vals;
    private final ByteBuffer oldVals;
    private final boolean[] replaces;
    private final MemorySegment keySegment;
    private final MemorySegment valSegment;
    private final MemorySegment oldValSegment;
    private int rows;
    private int batchUpdatesMade;
    private long updatesMade;
    private long rowsMade;
    private long liveRows;

    /**
     * @param updates how many in all batches: an insertion is one, a replacement two
     * @param batchUpdates how many in each but the last
     */
    TraceData(Kind kind, long updates, int batchUpdates) {
        this.kind = kind;
        this.updates = updates;
        this.batchUpdates = batchUpdates;
        this.keyCount = kind == Kind.INSERT ? updates : Math.max(1, updates / 5);
        this.versions = new int[kind == Kind.INSERT ? 0 : Math.toIntExact(keyCount)];
        int room = batchUpdates + 1;
        this.keys = ByteBuffer.allocateDirect(room * KEY_BYTES);
        this.vals = ByteBuffer.allocateDirect(room * VAL_BYTES).order(ByteOrder.nativeOrder());
        this.oldVals = ByteBuffer.allocateDirect(room * VAL_BYTES).order(ByteOrder.nativeOrder());
        this.keySegment = MemorySegment.ofBuffer(keys);
        this.valSegment = MemorySegment.ofBuffer(vals);
        this.oldValSegment = MemorySegment.ofBuffer(oldVals);
        this.replaces = new boolean[room];
    }

    Kind kind() {
        return kind;
    }

    /** How many batches there are: at most so many, one more than the last. */
    long batches() {
        return (updates + batchUpdates - 1) / batchUpdates;
    }

    /** Makes the next batch; false if there is none. */
    boolean next() {
        rows = 0;
        batchUpdatesMade = 0;
        while (batchUpdatesMade < batchUpdates && updatesMade < updates) {
            long key =
                    kind == Kind.INSERT
                            ? rowsMade * STRIDE % keyCount
                            : Long.remainderUnsigned(mix(rowsMade), keyCount);
            int version = kind == Kind.INSERT ? 0 : versions[(int) key]++;
            writeKey(keys, rows * KEY_BYTES, key);
            vals.putLong(rows * VAL_BYTES, valWord(key, version));
            replaces[rows] = version > 0;
            if (version > 0) {
                oldVals.putLong(rows * VAL_BYTES, valWord(key, version - 1));
            } else {
                liveRows++;
            }
            int made = version > 0 ? 2 : 1;
            batchUpdatesMade += made;
            updatesMade += made;
            rowsMade++;
            rows++;
        }
        return rows > 0;
    }

    /** How many keys this batch sets. */
    int rows() {
        return rows;
    }

    /** How many updates all batches so far had. */
    long updatesMade() {
        return updatesMade;
    }

    /** How many keys all batches so far set, those set again counted again. */
    long rowsMade() {
        return rowsMade;
    }

    /** How many keys have a val by now. */
    long liveRows() {
        return liveRows;
    }

    /** How many keys there are to draw from: number 0 to this. */
    long keyCount() {
        return keyCount;
    }

    /** Whether row {@code i} of this batch has a val before: {@link #oldVals}. */
    boolean replaces(int i) {
        return replaces[i];
    }

    MemorySegment keys() {
        return keySegment;
    }

    MemorySegment vals() {
        return valSegment;
    }

    MemorySegment oldVals() {
        return oldValSegment;
    }

    /** The keys for bindings that take buffers; position and limit are the reader's. */
    ByteBuffer keyBuffer() {
        return keys.duplicate();
    }

    ByteBuffer valBuffer() {
        return vals.duplicate();
    }

    /** Writes key number {@code key}. */
    static void writeKey(ByteBuffer target, int at, long key) {
        target.put(at, KEY_START);
        long left = key;
        for (int i = DIGITS - 1; i >= 0; i--) {
            target.put(at + KEY_START.length + i, (byte) ('0' + left % 10));
            left /= 10;
        }
    }

    /** What key number {@code key} has now, if it has a val. */
    private long valueNow(long key) {
        return valWord(key, kind == Kind.INSERT ? 0 : versions[(int) key] - 1);
    }

    private boolean isSet(long key) {
        return kind == Kind.INSERT || versions[(int) key] > 0;
    }

    /**
     * What a read of every {@code step}-th key finds when all batches are in: the vals of those
     * that have one, added up.
     */
    long digest(int step) {
        long digest = 0;
        for (long key = 0; key < keyCount; key += step) {
            if (isSet(key)) {
                digest += valueNow(key);
            }
        }
        return digest;
    }

    /** The probes of {@link #digest}, ascending, 16 bytes each. */
    MemorySegment probes(int step) {
        long count = (keyCount + step - 1) / step;
        ByteBuffer buffer = ByteBuffer.allocateDirect(Math.toIntExact(count * KEY_BYTES));
        for (int i = 0; i < count; i++) {
            writeKey(buffer, i * KEY_BYTES, (long) i * step);
        }
        return MemorySegment.ofBuffer(buffer);
    }

    /** The first word of row {@code i} of some vals. */
    static long word(MemorySegment vals, long offset) {
        return vals.get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
    }

    private static long valWord(long key, int version) {
        return mix(key + ((long) version << Integer.SIZE));
    }

    private static long mix(long number) {
        long mixed = number * MIX;
        mixed ^= mixed >>> 32;
        mixed *= HALF;
        return mixed ^ mixed >>> 29;
    }
}
