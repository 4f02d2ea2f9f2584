package io.espalier.spine.trace;

/** Time that passes when a test says so, and how much of it was slept away. One thread. */
final class SimulatedClock implements StoreClock {

    private static final long NANOS_PER_MILLI = 1_000_000;

    private static final int WAITS_MAX = 100_000;

    private long nanos;
    private long millisOffset = 1_000_000;
    private long pausedNanos;
    private int pauses;
    private int waits;
    private Runnable meanwhile = () -> {};

    /** Lets something happen each time that somebody waits. */
    void whileWaiting(Runnable meanwhile) {
        this.meanwhile = meanwhile;
    }

    void advanceNanos(long count) {
        nanos += count;
    }

    void advanceMillis(long count) {
        nanos += count * NANOS_PER_MILLI;
    }

    /** The time of day alone is set. */
    void setBackMillis(long count) {
        millisOffset -= count;
    }

    /** How long all pauses together were. */
    long pausedNanos() {
        return pausedNanos;
    }

    int pauses() {
        return pauses;
    }

    int waits() {
        return waits;
    }

    @Override
    public long millis() {
        return millisOffset + nanos / NANOS_PER_MILLI;
    }

    @Override
    public long nanos() {
        return nanos;
    }

    @Override
    public void pause(long count) {
        pauses++;
        pausedNanos += count;
        nanos += count;
    }

    @Override
    public void await(Object monitor, long millis) {
        if (++waits > WAITS_MAX) {
            throw new AssertionError("whoever waits here waits for ever");
        }
        if (millis > 0) {
            advanceMillis(millis);
        }
        meanwhile.run();
    }
}
