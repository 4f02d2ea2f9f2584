package io.espalier.spine.trace;

import java.util.function.BooleanSupplier;

/** Lets readers wait until something has changed about a store. Thread-safe. */
final class Progress {

    private final StoreClock clock;

    Progress(StoreClock clock) {
        this.clock = clock;
    }

    /** Says that something has changed, after it has. */
    synchronized void changed() {
        notifyAll();
    }

    /**
     * Waits until a condition holds.
     *
     * @param nanos how long at most; 0 or less to ask only
     * @param condition asked again after each change; cheap
     * @return whether it holds
     */
    synchronized boolean await(long nanos, BooleanSupplier condition) throws InterruptedException {
        long start = clock.nanos();
        while (!condition.getAsBoolean()) {
            long left = nanos - (clock.nanos() - start);
            if (left <= 0) {
                return false;
            }
            // rounded up: waiting for no milliseconds is waiting for ever
            clock.await(this, Math.min(left, Long.MAX_VALUE - 999_999) / 1_000_000 + 1);
        }
        return true;
    }
}
