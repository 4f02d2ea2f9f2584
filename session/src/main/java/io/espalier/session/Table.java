package io.espalier.session;

import io.espalier.memory.NativeBuffer;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/**
 * Keyed bytes: each key has one value or none. Keys are ordered as unsigned bytes.
 *
 * <p><b>Writing</b> stages: {@link #put} and {@link #delete} copy their bytes and return; the last
 * one on a key wins. What is staged becomes visible, and durable, with {@link Store#commit()}, as
 * one epoch for all tables of the store, or is forgotten with {@link Store#rollback()}. One thread
 * at a time writes to a store.
 *
 * <p><b>Reading</b> sees committed epochs only, never what is staged. Any thread may read, beside
 * the writer too. A table that was never written is empty.
 *
 * <p><b>Limits</b>: a key has {@value Limits#KEY_BYTES_MIN} to {@value Limits#KEY_BYTES_MAX} bytes,
 * a value 0 to {@value Limits#VALUE_BYTES_MAX} bytes ({@link Limits}); what exceeds them is refused
 * with {@link IllegalArgumentException} and stages nothing. Every method throws {@link
 * IllegalStateException} once the store is closed, and {@link StoreException.Damaged} if it meets
 * bytes that fail their check. The writing ones throw {@link StoreException.ReadOnly} on a store
 * opened for reading, and {@link StoreException.DiskFull} if what is staged exceeds the budget and
 * there is no room to page it out; that one write is not staged then, those before are.
 */
public interface Table {

    /** The name of the table within its store. */
    String name();

    /** Stages: {@code key} has {@code value}. The bytes are copied. */
    void put(byte[] key, int keyOffset, int keySize, byte[] value, int valueOffset, int valueSize);

    /** Stages: {@code key} has {@code value}. The bytes are copied. */
    default void put(byte[] key, byte[] value) {
        put(key, 0, key.length, value, 0, value.length);
    }

    /** Stages: {@code key} has {@code value}. The bytes, of native or heap memory, are copied. */
    void put(
            MemorySegment key,
            long keyOffset,
            long keySize,
            MemorySegment value,
            long valueOffset,
            long valueSize);

    /** Stages: {@code key} has no value. Deleting an absent key changes nothing. */
    void delete(byte[] key, int keyOffset, int keySize);

    /** Stages: {@code key} has no value. Deleting an absent key changes nothing. */
    default void delete(byte[] key) {
        delete(key, 0, key.length);
    }

    /** Stages: {@code key} has no value. Deleting an absent key changes nothing. */
    void delete(MemorySegment key, long keyOffset, long keySize);

    /** A copy of the value of {@code key} in the last committed epoch; null if it has none. */
    byte @Nullable [] get(byte[] key);

    /**
     * Appends the value of {@code key} in the last committed epoch to a buffer, without a copy on
     * the heap.
     *
     * @param key native or heap memory that holds the key
     * @param value of any memory; the caller's
     * @return how many bytes were appended; -1, and nothing is, if the key has no value
     */
    long get(MemorySegment key, long keyOffset, long keySize, NativeBuffer value);

    /**
     * The rows of many keys in the last committed epoch, in key order, each once; keys that have no
     * value are left out. Cheaper than getting one by one: each run of the table is gone over once
     * for all of them. The caller closes the cursor.
     *
     * @param keys in any order; not changed before the cursor is closed
     */
    RowCursor getAll(Collection<byte[]> keys);

    /** The last committed epoch: that of the store. */
    long epoch();

    /** The first epoch that can still be read: as of any of {@code [since(), epoch()]}. */
    long since();

    /**
     * The rows with keys in {@code [from, to)} as they were when {@code asOf} was the last epoch,
     * in key order. The caller closes the cursor.
     *
     * @param from the first key, or null for the very first
     * @param to the first key that is no longer wanted, or null for all that follow
     * @param asOf the epoch to see; {@link #epoch()} is now, 0 is the empty beginning
     * @throws StoreException.OutOfHistory if {@code asOf} is not in {@code [since(), epoch()]}
     */
    RowCursor scan(byte @Nullable [] from, byte @Nullable [] to, long asOf);

    /**
     * Every change of the epochs after {@code sinceEpoch}, in the order that {@link ChangeCursor}
     * states. Added up, the changes since 0 are the table; of what is older than {@link #since()}
     * they keep only the sum, shown as changes of epoch {@code since()}. The caller closes the
     * cursor.
     *
     * @param sinceEpoch the last epoch that the caller has seen; 0 for none
     * @throws StoreException.OutOfHistory if {@code 0 < sinceEpoch < since()}, or above {@link
     *     #epoch()}; the message names both and what to do
     */
    ChangeCursor changes(long sinceEpoch);
}
