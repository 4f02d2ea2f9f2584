package io.espalier.session;

import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.trace.TraceSnapshot;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/**
 * The rows of many keys: a part of them at a time, so that their values take no more memory than is
 * stated.
 *
 * <p>Owns the snapshot. Its reader uses it on one thread at a time; the store may close it on
 * another.
 */
final class BulkCursor implements RowCursor {

    /** So many bytes of values are held at a time, or a single one that is larger. */
    private static final long VALUES_BYTES_MAX = 4 << 20;

    private static final int KEYS_MAX = 1 << 14;

    private static final long PROBE_BYTES_MAX = 1 << 20;

    private final Readers readers;
    private final NativeMemory memory;
    private final TraceSnapshot snapshot;

    /** Ascending, without duplicates. */
    private final byte[][] keys;

    private final ColumnBuilder probe;
    private final LatestValues latest;

    /** The first key that was not looked up. */
    private int next;

    /** How many are looked up at a time: fewer if their values are large. */
    private int atOnce = KEYS_MAX;

    private @Nullable Column found;
    private int foundCount;
    private int row = -1;

    private @Nullable RuntimeException failure;
    private boolean atRow;
    private volatile boolean closed;

    /** Owns the snapshot, unless it throws. */
    BulkCursor(
            Readers readers,
            NativeMemory memory,
            TraceSnapshot snapshot,
            Collection<byte[]> wanted) {
        this.readers = readers;
        this.memory = memory;
        this.snapshot = snapshot;
        this.keys = distinct(wanted);
        this.latest = new LatestValues(memory);
        boolean done = false;
        try {
            this.probe = ColumnBuilder.distinct(memory, ColumnType.BYTES);
            done = true;
        } finally {
            if (!done) {
                latest.close();
            }
        }
    }

    private static byte[][] distinct(Collection<byte[]> wanted) {
        byte[][] sorted = wanted.toArray(byte[][]::new);
        Arrays.sort(sorted, Arrays::compareUnsigned);
        int count = 0;
        for (byte[] key : sorted) {
            if (count == 0 || !Arrays.equals(key, sorted[count - 1])) {
                sorted[count++] = key;
            }
        }
        return Arrays.copyOf(sorted, count);
    }

    @Override
    public synchronized boolean next() {
        checkOpen();
        if (failure != null) {
            throw failure;
        }
        atRow = false;
        try {
            atRow = advance();
        } catch (RuntimeException | InternalError e) {
            failure = Failures.of(e);
            throw failure;
        }
        return atRow;
    }

    private boolean advance() {
        while (true) {
            while (++row < foundCount) {
                if (latest.isPresent(row)) {
                    return true;
                }
            }
            if (next == keys.length) {
                row = foundCount;
                return false;
            }
            lookUp();
        }
    }

    /** Looks up the next keys; fewer and fewer until their values are few enough. */
    private void lookUp() {
        long now = snapshot.upper() - 1;
        while (true) {
            int count = Math.min(atOnce, keys.length - next);
            probe.clear(PROBE_BYTES_MAX);
            for (int i = next; i < next + count; i++) {
                probe.append(keys[i], 0, keys[i].length);
            }
            Column column = probe.column();
            found = column;
            foundCount = 0;
            row = -1;
            if (snapshot.read(
                    latest, column, now, count == 1 ? Long.MAX_VALUE : VALUES_BYTES_MAX)) {
                next += count;
                foundCount = count;
                return;
            }
            atOnce = Math.max(1, count / 2);
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(ScanCursor.CLOSED);
        }
    }

    private Column row() {
        checkOpen();
        Column keyColumn = found;
        if (!atRow || keyColumn == null) {
            throw new IllegalStateException(ScanCursor.NO_ROW);
        }
        return keyColumn;
    }

    @Override
    public MemorySegment segment() {
        return memory.segment();
    }

    @Override
    public synchronized long keyOffset() {
        return row().offsetOf(row);
    }

    @Override
    public synchronized long keySize() {
        return row().sizeOf(row);
    }

    @Override
    public synchronized long valueOffset() {
        row();
        return latest.offsetOf(row);
    }

    @Override
    public synchronized long valueSize() {
        row();
        return latest.sizeOf(row);
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        atRow = false;
        readers.left(this);
        try (snapshot;
                latest;
                probe) {
            // all three, whatever closing one of them throws
        }
    }
}
