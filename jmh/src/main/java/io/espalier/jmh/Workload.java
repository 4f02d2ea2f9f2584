package io.espalier.jmh;

/**
 * One question: an operation over inputs that are ready, which can be repeated in a steady state.
 * Each run makes the whole result and lets it go again, and so does each run of the floor.
 *
 * <p>The owner closes it. Not thread-safe.
 */
interface Workload extends AutoCloseable {

    /**
     * Runs the operation.
     *
     * @return how many updates the result has; the same every time
     */
    long run();

    /**
     * Checks that the next run finds its inputs where they are said to be; not timed.
     *
     * @throws IllegalStateException if not
     */
    default void checkInputs() {}

    /** Copies the bytes that the result holds, by {@link Floor#run}. */
    long floor();

    /** How many updates the operation reads, or for probes, finds. */
    long updates();

    /** The bytes of the result for each of its updates; for staging, of what is staged. */
    double bytesPerUpdate();

    @Override
    void close();
}
