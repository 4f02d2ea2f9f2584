package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Hashes of keys, by which a filter of a run knows them: {@link Bytes#hash} of the bytes of the
 * key. Filters are stored, so this never changes.
 */
public final class KeyHashes {

    private KeyHashes() {}

    /** Hashes the first {@code count} values of a column. */
    public static void hash(Column keys, int count, long[] target) {
        MemorySegment segment = keys.segment();
        for (int i = 0; i < count; i++) {
            target[i] = Bytes.hash(segment, keys.offsetOf(i), keys.sizeOf(i));
        }
    }

    /** Hashes all values of a column to {@code target}, 8 bytes each from an offset on. */
    public static void hash(Column keys, MemorySegment target, long offset) {
        MemorySegment segment = keys.segment();
        long count = keys.count();
        for (long i = 0; i < count; i++) {
            Words.setLong(target, offset, i, Bytes.hash(segment, keys.offsetOf(i), keys.sizeOf(i)));
        }
    }
}
