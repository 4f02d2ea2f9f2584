package io.espalier.spine.trace;

import java.util.Collection;

/**
 * Holds writers back that are ahead of compaction, whoever compacts: a little from some runs on,
 * and altogether where a trace has more than its limit.
 *
 * <p>For the store's own compactor a commit waits after it is durable: the work is under way, and
 * comes to an end. For others it waits before, since nobody may ever come; it is refused then, and
 * nothing of it has happened.
 *
 * <p>Thread-safe.
 */
final class Backpressure {

    /** Each run more slows a commit down by so much. */
    static final long PAUSE_NANOS = 200_000;

    static final long PAUSE_NANOS_MAX = 6_000_000;

    /** How often somebody is looked after who is at work. */
    private static final long LOOK_NANOS = 50_000_000;

    private final TraceStore store;
    private final StoreClock clock;
    private final int runsMax;
    private final long patienceNanos;

    Backpressure(TraceStore store, TraceStoreOptions options, StoreClock clock) {
        this.store = store;
        this.clock = clock;
        this.runsMax = options.runsMax();
        this.patienceNanos = options.compactorWaitMillis() * 1_000_000;
    }

    /**
     * From so many runs on a commit goes a little slower: compaction catches up while commits are a
     * little slower all the time, and not for long now and then.
     */
    static int runsEasy(int runsMax) {
        return (int) (runsMax * 5L / 12);
    }

    /**
     * Before a commit: waits for those who compact from outside.
     *
     * @throws StoreException.Behind if a trace has more runs than the limit, and nobody does; also
     *     if the thread is interrupted while it waits
     */
    void admit(Collection<Trace> written) {
        if (!store.compactor().isRunning()) {
            written.forEach(this::admit);
        }
    }

    private void admit(Trace trace) {
        long idleNanos = clock.nanos();
        int runs = trace.runCount();
        while (runs > runsMax && !store.isClosed() && store.compaction().isAsked(trace)) {
            boolean atWork = store.externalCompaction().isAtWork(trace);
            long idle = clock.nanos() - idleNanos;
            if (!atWork && idle >= patienceNanos) {
                throw new StoreException.Behind(store.path(), trace.name(), runs, runsMax, idle);
            }
            int before = runs;
            try {
                store.progress()
                        .await(
                                atWork ? LOOK_NANOS : patienceNanos - idle,
                                () -> store.isClosed() || trace.runCount() < before);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new StoreException.Behind(store.path(), trace.name(), runs, runsMax, idle);
            }
            runs = trace.runCount();
            if (atWork || runs < before) {
                idleNanos = clock.nanos();
            }
        }
    }

    /** After a commit: lets it be a little slower, or wait for the store's own compactor. */
    void slow(Collection<Trace> written) {
        for (Trace trace : written) {
            int excess = trace.runCount() - runsEasy(runsMax);
            if (excess > 0) {
                clock.pause(Math.min(excess * PAUSE_NANOS, PAUSE_NANOS_MAX));
            }
            store.compactor().awaitFewerRuns(trace, runsMax);
        }
    }
}
