package io.espalier.jmh;

import io.espalier.columnar.ColumnType;
import io.espalier.columnar.DiffType;
import io.espalier.columnar.MergeBatcher;
import io.espalier.columnar.TrieType;
import java.util.Locale;

/** What {@code bench paging} feeds a merge batcher with: rows of four longs, 32 bytes each. */
enum PagingWorkload {
    /**
     * Unique keys in random order, at eight times that come one after the other; vals and diffs are
     * small. Nothing cancels, no column is constant, and a row takes as many bytes in a chunk as
     * here: an external sort.
     */
    RANDOM(1L << 26) {
        @Override
        void feed(MergeBatcher batcher, long updates) {
            for (long i = 0; i < updates; i++) {
                // the finalizer of a well-known generator: a bijection, so that keys are unique
                long key = i * GOLDEN;
                key = (key ^ key >>> 30) * 0xBF58476D1CE4E5B9L;
                key = (key ^ key >>> 27) * 0x94D049BB133111EBL;
                key ^= key >>> 31;
                batcher.add(key, i & 0xFFFFF, i * TIMES / updates, 1 + (i & 0xF));
            }
        }

        @Override
        long remaining(long updates) {
            return updates;
        }
    },

    /**
     * The paging example of differential-dataflow, {@code columnar_spill}: at each of eight times
     * all keys come in random order with a random count, and then all of it once more, negated.
     * Keys look random, counts do not compress, and nothing is left in the end.
     */
    CANCEL(64_000_000) {
        @Override
        void feed(MergeBatcher batcher, long updates) {
            long keys = keys(updates);
            for (int sign = 1; sign >= -1; sign -= 2) {
                for (long time = 0; time < TIMES; time++) {
                    for (long k = 0; k < keys; k++) {
                        long product = k * GOLDEN;
                        long key = product ^ product >>> 32;
                        long count = key >> 1 | 1;
                        batcher.add(key, key & 3, time, sign * count);
                    }
                }
            }
        }

        @Override
        long fed(long updates) {
            return keys(updates) * 2 * TIMES;
        }

        @Override
        long remaining(long updates) {
            return 0;
        }

        private static long keys(long updates) {
            return Math.max(1, updates / (2 * TIMES));
        }
    };

    /** Both are tries of this type. */
    static final TrieType TYPE = new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);

    /** Key, val, time and diff. */
    static final long ROW_BYTES = 4L * Long.BYTES;

    static final long TIMES = 8;

    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private final long updatesDefault;

    PagingWorkload(long updatesDefault) {
        this.updatesDefault = updatesDefault;
    }

    /** How tables call it. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    long updatesDefault() {
        return updatesDefault;
    }

    /** Feeds about {@code updates}. */
    abstract void feed(MergeBatcher batcher, long updates);

    /** How many that are exactly. */
    long fed(long updates) {
        return updates;
    }

    /** How many a seal of everything gives out. */
    abstract long remaining(long updates);
}
