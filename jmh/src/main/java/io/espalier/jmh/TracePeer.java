package io.espalier.jmh;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A durable store under measurement, used as its users would use it: what {@link #commit} was given
 * is on disk when it returns. The owner closes it. Not thread-safe.
 */
interface TracePeer extends AutoCloseable {

    /** How tables call it. */
    String name();

    /** How it commits, in some words. */
    String howCommitted();

    /** How it probes, in some words. */
    String howProbed();

    /** Where its files are. */
    Path folder();

    /** Makes one batch durable. */
    void commit(TraceData batch) throws IOException;

    /** Waits until nothing that was asked for is done in the background any more. */
    void settle() throws IOException;

    /** Waits, where the store does more by itself once nobody writes, until that is done too. */
    default void rest() throws IOException {}

    /**
     * Brings everything into as few bytes as it can.
     *
     * @return false if it has no way to do that
     */
    boolean compact() throws IOException;

    /** Lets all memory and files go. */
    void shut() throws IOException;

    /** Opens it again. */
    void open() throws IOException;

    /**
     * Reads all keys of {@code probes}, ascending, {@link TraceData#KEY_BYTES} each, and copies the
     * vals out.
     *
     * @return the vals that were found, added up
     */
    long probe(MemorySegment probes) throws IOException;

    /** Reads everything in order; the vals added up. */
    long scan() throws IOException;

    /** Closes it and deletes its files. */
    @Override
    void close() throws IOException;
}
