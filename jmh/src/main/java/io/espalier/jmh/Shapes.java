package io.espalier.jmh;

import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.UpdateBuffer;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The updates of one {@link Shape}, the same ones on every run. What a build reads (A to D) stands
 * in native columns, in the order of the stream, so that making it up is not measured; what only
 * serves to be probed (X1 to X5) is made up while it is staged.
 *
 * <p>Random numbers are one stream of xorshift with shifts 13, 7 and 17 that A, B and C draw from
 * one after the other, so that each shape holds what it holds in the original benchmark.
 *
 * <p>The owner closes it. Not thread-safe.
 */
final class Shapes implements AutoCloseable {

    /** The size of each string key: {@code key-} and twelve digits. */
    static final int KEY_BYTES = 16;

    /** The size of each val of X4. */
    static final int FAT_BYTES = 256;

    private static final long SEED = 0x2545F4914F6CDD1DL;
    private static final int FAT_VALS = 4;
    private static final int FAT_PART = 16;
    private static final int REPEATS = 20;
    private static final byte[] KEY_START = {'k', 'e', 'y', '-'};
    private static final byte[] VAL_START = {'v', 'a', 'l', '-'};
    private static final int DIGITS = 12;

    private final Shape shape;
    private final int updates;
    private final MemorySegment segment;
    private final NativeBuffer keys;
    private final NativeBuffer vals;
    private final NativeBuffer times;
    private final NativeBuffer scratch;
    private final boolean strings;
    private long state = SEED;

    /**
     * @param updates the n of the shape
     */
    Shapes(NativeMemory memory, Shape shape, int updates) {
        this.shape = shape;
        this.updates = updates;
        this.segment = memory.segment();
        this.keys = new NativeBuffer(memory);
        this.vals = new NativeBuffer(memory);
        this.times = new NativeBuffer(memory);
        this.scratch = new NativeBuffer(memory);
        this.strings = shape.type().key().kind() == ColumnType.Kind.BYTES;
        switch (shape) {
            case A -> shuffled();
            case B -> pairs();
            case C -> repeated();
            case D -> appended();
            default -> {}
        }
    }

    /** How many updates there are, before any are folded. */
    long count() {
        return shape == Shape.X4 ? keyCount() * FAT_VALS : updates;
    }

    // ---- making up ----------------------------------------------------------------------------

    private long random() {
        state ^= state << 13;
        state ^= state >>> 7;
        state ^= state << 17;
        return state;
    }

    private int random(long bound) {
        return (int) Long.remainderUnsigned(random(), bound);
    }

    private void skip(long draws) {
        for (long i = 0; i < draws; i++) {
            random();
        }
    }

    private long words(NativeBuffer target) {
        long at = target.reserve((long) updates * Long.BYTES);
        target.advance((long) updates * Long.BYTES);
        return at;
    }

    private void shuffled() {
        long at = words(keys);
        for (int i = 0; i < updates; i++) {
            Words.setLong(segment, at, i, i);
        }
        for (int i = 0; i < updates; i++) {
            int other = random(updates);
            long moved = Words.getLong(segment, at, i);
            Words.setLong(segment, at, i, Words.getLong(segment, at, other));
            Words.setLong(segment, at, other, moved);
        }
    }

    private int root() {
        return Math.max(1, (int) Math.sqrt(updates));
    }

    private void pairs() {
        skip(updates);
        int root = root();
        long[] drawn = new long[updates];
        for (int i = 0; i < updates; i++) {
            long key = random(root);
            drawn[i] = key * root + random(root);
        }
        Arrays.sort(drawn);
        long keyAt = words(keys);
        long valAt = words(vals);
        for (int i = 0; i < updates; i++) {
            Words.setLong(segment, keyAt, i, drawn[i] / root);
            Words.setLong(segment, valAt, i, drawn[i] % root);
        }
    }

    private void repeated() {
        skip(3L * updates);
        long distinct = Math.max(1, updates / REPEATS);
        long[] drawn = new long[updates];
        for (int i = 0; i < updates; i++) {
            drawn[i] = random(distinct);
        }
        Arrays.sort(drawn);
        long at = keys.reserve((long) updates * KEY_BYTES);
        for (int i = 0; i < updates; i++) {
            writeKey(at + (long) i * KEY_BYTES, drawn[i]);
        }
        keys.advance((long) updates * KEY_BYTES);
    }

    private void appended() {
        int root = root();
        long keyAt = words(keys);
        long timeAt = words(times);
        int to = 0;
        for (int key = 0; key < root; key++) {
            for (int i = key; i < updates; i += root) {
                Words.setLong(segment, keyAt, to, key);
                Words.setLong(segment, timeAt, to, i / root);
                to++;
            }
        }
    }

    private void writeKey(long at, long key) {
        MemorySegment.copy(KEY_START, 0, segment, Layouts.BYTE, at, KEY_START.length);
        writeDigits(at + KEY_START.length, DIGITS, key);
    }

    private void writeFat(long at, long key, int val) {
        for (int i = 0; i < FAT_BYTES; i++) {
            segment.set(Layouts.BYTE, at + i, (byte) 'x');
        }
        MemorySegment.copy(VAL_START, 0, segment, Layouts.BYTE, at, VAL_START.length);
        long end = at + VAL_START.length + DIGITS;
        writeDigits(at + VAL_START.length, DIGITS, key);
        segment.set(Layouts.BYTE, end, (byte) '-');
        writeDigits(end + 1, 2, val);
        segment.set(Layouts.BYTE, end + 3, (byte) '-');
    }

    private void writeDigits(long at, int digits, long number) {
        long left = number;
        for (int i = digits - 1; i >= 0; i--) {
            segment.set(Layouts.BYTE, at + i, (byte) ('0' + left % 10));
            left /= 10;
        }
    }

    // ---- staging ------------------------------------------------------------------------------

    /** Stages all updates, in the order of the stream. */
    void stage(UpdateBuffer target) {
        switch (shape) {
            case A, B, C, D -> stageEvery(target, 0, 1);
            case X1, X5 -> stageStrings(target);
            case X4 -> stageFat(target);
            case X2, X3, X5_LONG -> stageLongs(target);
        }
    }

    /**
     * Stages one of the two halves that a merge brings together.
     *
     * @param half 0 or 1
     */
    void stageHalf(UpdateBuffer target, int half) {
        if (shape == Shape.D) {
            stageTimes(target, half == 0);
        } else {
            stageEvery(target, half, 2);
        }
    }

    /** The keys of a shape of longs that is built, in the order of the stream. */
    long[] longKeys() {
        long[] all = new long[updates];
        MemorySegment.copy(segment, Layouts.LONG, keys.offset(), all, 0, updates);
        return all;
    }

    private void stageEvery(UpdateBuffer target, int first, int step) {
        long keyAt = keys.offset();
        long valAt = vals.offset();
        long timeAt = times.offset();
        switch (shape) {
            case A -> {
                for (int i = first; i < updates; i += step) {
                    target.add(Words.getLong(segment, keyAt, i), 0, 1);
                }
            }
            case B -> {
                for (int i = first; i < updates; i += step) {
                    target.add(
                            Words.getLong(segment, keyAt, i),
                            Words.getLong(segment, valAt, i),
                            0,
                            1);
                }
            }
            case C -> {
                for (int i = first; i < updates; i += step) {
                    target.add(segment, keyAt + (long) i * KEY_BYTES, KEY_BYTES, 0, 1);
                }
            }
            case D -> {
                for (int i = first; i < updates; i += step) {
                    target.add(
                            Words.getLong(segment, keyAt, i),
                            0,
                            Words.getLong(segment, timeAt, i),
                            1);
                }
            }
            default -> throw new IllegalStateException(shape + " is not built from a stream");
        }
    }

    private void stageTimes(UpdateBuffer target, boolean early) {
        long limit = updates / 2 / root();
        for (int i = 0; i < updates; i++) {
            long time = Words.getLong(segment, times.offset(), i);
            if (time < limit == early) {
                target.add(Words.getLong(segment, keys.offset(), i), 0, time, 1);
            }
        }
    }

    private void stageStrings(UpdateBuffer target) {
        scratch.clear();
        long at = scratch.reserve(KEY_BYTES);
        for (int i = 0; i < updates; i++) {
            writeKey(at, i);
            target.add(segment, at, KEY_BYTES, 0, 1);
        }
    }

    private void stageLongs(UpdateBuffer target) {
        for (int i = 0; i < updates; i++) {
            target.add(i, 0, 1);
        }
    }

    private void stageFat(UpdateBuffer target) {
        scratch.clear();
        long keyAt = scratch.reserve(Long.BYTES + FAT_BYTES);
        long valAt = keyAt + Long.BYTES;
        for (long key = 0; key < keyCount(); key++) {
            segment.set(Layouts.LONG, keyAt, key);
            for (int val = 0; val < FAT_VALS; val++) {
                writeFat(valAt, key, val);
                target.add(segment, keyAt, Long.BYTES, segment, valAt, FAT_BYTES, 0, 1);
            }
        }
    }

    private long keyCount() {
        return shape == Shape.X4 ? Math.max(1, updates / FAT_PART) : updates;
    }

    /** Appends the probes of a probed shape, which hit one key each. */
    void probe(ColumnBuilder target) {
        scratch.clear();
        long at = scratch.reserve(KEY_BYTES);
        for (long key = 0; key < keyCount(); key += shape.probeStep()) {
            if (strings) {
                writeKey(at, key);
                target.append(segment, at, KEY_BYTES);
            } else {
                target.append(key);
            }
        }
    }

    @Override
    public void close() {
        keys.close();
        vals.close();
        times.close();
        scratch.close();
    }
}
