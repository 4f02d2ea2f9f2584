package io.espalier.spine.trace;

import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/** Time as a store knows it, and how it lets time pass. Tests put another in its place. */
interface StoreClock {

    /** Milliseconds since 1970, for what outlives the process. It may be set back. */
    long millis();

    /** Nanoseconds since some moment; never set back. */
    long nanos();

    /** Lets time pass, or less of it. */
    void pause(long nanos);

    /**
     * Waits to be notified.
     *
     * @param monitor held by the caller
     * @param millis how long at most; 0 for ever
     */
    void await(Object monitor, long millis) throws InterruptedException;

    /** That of the machine. */
    static StoreClock system() {
        return of(System::currentTimeMillis);
    }

    /** That of the machine, but for what outlives the process. */
    static StoreClock of(LongSupplier millis) {
        return new StoreClock() {
            @Override
            public long millis() {
                return millis.getAsLong();
            }

            @Override
            public long nanos() {
                return System.nanoTime();
            }

            @Override
            public void pause(long nanos) {
                LockSupport.parkNanos(nanos);
            }

            @Override
            @SuppressWarnings("WaitNotInLoop") // the callers are in one
            public void await(Object monitor, long millis) throws InterruptedException {
                monitor.wait(millis);
            }
        };
    }
}
