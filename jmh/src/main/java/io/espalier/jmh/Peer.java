package io.espalier.jmh;

import java.io.IOException;
import java.util.List;

/**
 * A store under measurement, used as its users would use it. Each operation is repeated: {@link
 * #load} after {@link #reset}, {@link #merge} after {@link #readyMerge}; the reads in between find
 * what was loaded last.
 *
 * <p>The owner closes it. Not thread-safe.
 */
interface Peer extends AutoCloseable {

    /** Reads what sorted probes hit into staging that is reused. */
    @FunctionalInterface
    interface Reader {
        /** How many keys were hit. */
        long read() throws IOException;
    }

    /**
     * One way to read by sorted probes.
     *
     * @param how the call that is made
     */
    record Way(String how, Reader reader) {}

    /** Gets what a read found. */
    @FunctionalInterface
    interface HitVisitor {
        /**
         * @param entry which entry was hit
         * @param valWord the first word of its val
         */
        void hit(int entry, long valWord);
    }

    /** How tables call it. */
    String name();

    /** How it loads, in some words. */
    String howLoaded();

    /** How it merges, in some words. */
    String howMerged();

    /** Empties it. */
    void reset() throws IOException;

    /** Loads all entries in the order of their keys. */
    void load() throws IOException;

    /** What the entries that were loaded take on disk or in memory, in bytes. */
    long sizeBytes() throws IOException;

    /** The ways to read every {@code step}-th key; the table has the best. */
    List<Way> ways(int step);

    /** What the last read found, in the order of the probes. */
    void eachHit(HitVisitor visitor);

    /** Reads everything in place, in order: {@link PeerData#digest}. */
    long scan();

    /** Makes the two halves ready, in the form in which it would have them. */
    void readyMerge() throws IOException;

    /** Makes one of the two halves. */
    void merge() throws IOException;

    /** As {@link #scan}, of what the last merge made. */
    long scanMerged();

    @Override
    void close() throws IOException;
}
