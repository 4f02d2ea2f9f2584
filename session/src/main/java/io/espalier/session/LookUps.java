package io.espalier.session;

import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.memory.NativeMemory;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What look-ups of single keys need, kept from one to the next: a few, and none that a large value
 * has made large. Thread-safe.
 */
final class LookUps implements AutoCloseable {

    private static final int KEPT_MAX = 4;
    private static final long KEPT_VALUE_BYTES_MAX = 1 << 16;
    private static final long PROBE_BYTES_MAX = 1 << 12;

    private final NativeMemory memory;

    // guarded by this
    private final Deque<LookUp> kept = new ArrayDeque<>(KEPT_MAX);
    private boolean closed;

    LookUps(NativeMemory memory) {
        this.memory = memory;
    }

    /** A column for the key, and a reader for its value; one thread at a time. */
    record LookUp(ColumnBuilder probe, LatestValues latest) {
        void close() {
            try (latest;
                    probe) {
                // both, whatever closing one of them throws
            }
        }
    }

    /** One that nobody else has, its column empty; it is to be given back. */
    LookUp take() {
        synchronized (this) {
            LookUp known = kept.poll();
            if (known != null) {
                return known;
            }
        }
        ColumnBuilder probe = ColumnBuilder.distinct(memory, ColumnType.BYTES);
        boolean done = false;
        try {
            LookUp made = new LookUp(probe, new LatestValues(memory));
            done = true;
            return made;
        } finally {
            if (!done) {
                probe.close();
            }
        }
    }

    /**
     * Takes one back.
     *
     * @param whole whether its look-up went through: what has failed is not used again
     */
    void giveBack(LookUp lookUp, boolean whole) {
        if (whole && !(lookUp.latest().isPresent(0) && isLarge(lookUp))) {
            lookUp.probe().clear(PROBE_BYTES_MAX);
            synchronized (this) {
                if (!closed && kept.size() < KEPT_MAX) {
                    kept.push(lookUp);
                    return;
                }
            }
        }
        lookUp.close();
    }

    private static boolean isLarge(LookUp lookUp) {
        return lookUp.latest().sizeOf(0) > KEPT_VALUE_BYTES_MAX;
    }

    @Override
    public void close() {
        Deque<LookUp> all;
        synchronized (this) {
            closed = true;
            all = new ArrayDeque<>(kept);
            kept.clear();
        }
        all.forEach(LookUp::close);
    }
}
