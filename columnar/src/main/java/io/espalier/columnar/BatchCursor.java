package io.espalier.columnar;

/**
 * Walks a chain in place: key by key, within a key val by val, within a val update by update, as if
 * the chain were one chunk, wherever it is cut. Seeks go forward and gallop; chunks that no
 * position lies in are never opened.
 *
 * <p>What {@link #keys()} and {@link #vals()} give is borrowed until the cursor moves. The cursor
 * pins the chunk that it is in, and a second one while it looks across a seam; {@link #close} lets
 * go. Not thread-safe.
 */
public interface BatchCursor extends AutoCloseable {

    /** Takes one update of a val. */
    @FunctionalInterface
    interface EachUpdate {
        /**
         * Takes one update.
         *
         * @param time unsigned; the first number of a pair
         * @param second the second number of a pair, unsigned; else 0
         * @param diff the count, or the order key of an upsert
         * @param payloads has the payload of an upsert, at {@code payload}; valid during the call
         */
        void accept(long time, long second, long diff, Column payloads, long payload);
    }

    /** Whether there is a key here, or the chain ended. */
    boolean hasKey();

    /** Whether there is a val here, or the key's vals ended. */
    boolean hasVal();

    /** The column that holds the key, at {@link #key()}. */
    Column keys();

    /** The index of the key in {@link #keys()}. */
    long key();

    /** The column that holds the val, at {@link #val()}. */
    Column vals();

    /** The index of the val in {@link #vals()}. */
    long val();

    /** Goes to the first key. */
    void rewind();

    /** Goes to the first val of the key. */
    void rewindVals();

    /** Goes to the next key. */
    void stepKey();

    /** Goes to the first key, from here on, that is not less than a value of {@code probes}. */
    void seekKey(Column probes, long probe);

    /** Goes to the next val of the key. */
    void stepVal();

    /**
     * Goes to the first val of the key, from here on, that is not less than a value of {@code
     * probes}.
     */
    void seekVal(Column probes, long probe);

    /** Gives each update of the val to {@code updates}, by ascending time. */
    void mapTimes(EachUpdate updates);

    @Override
    void close();
}
