package io.espalier.session;

import java.lang.foreign.MemorySegment;

/**
 * Goes over the rows of a table in key order (unsigned lexicographic), each key once. It stands
 * before the first row; {@link #next()} moves on.
 *
 * <p>The bytes are borrowed from the store, without a copy: they are valid until the next call of
 * {@code next()} or {@code close()}. Offsets count within {@link #segment()}, which may change from
 * row to row. A cursor sees one epoch, whatever is committed meanwhile, and holds its bytes until
 * it is closed. One thread at a time.
 *
 * <p>Asked for a row where there is none, or after it or its store was closed, it throws {@link
 * IllegalStateException}.
 */
public interface RowCursor extends AutoCloseable {

    /**
     * Moves to the next row; false after the last one, and then for ever.
     *
     * @throws StoreException.Damaged if the next row cannot be read; then each time, since what
     *     follows it would not be all that follows
     */
    boolean next();

    /** The native memory that holds key and value of the row. */
    MemorySegment segment();

    /** Where the key starts in {@link #segment()}. */
    long keyOffset();

    /** The size of the key in bytes. */
    long keySize();

    /** Where the value starts in {@link #segment()}. */
    long valueOffset();

    /** The size of the value in bytes. */
    long valueSize();

    /** Gives the borrowed bytes back. */
    @Override
    void close();
}
