package io.espalier.spine.trace;

import java.util.Collection;

/**
 * Holds writers back that are ahead of compaction, whoever compacts: a {@linkplain CommitPace
 * little} from some runs on, or where too much waits to be folded, and altogether where a trace has
 * more runs than its limit.
 *
 * <p>For the store's own compactor a commit waits after it is durable: the work is under way, and
 * comes to an end. If that fails, the next commit waits for one more attempt, and is refused if it
 * fails as well, with the reason. For others it waits before, since nobody may ever come; it is
 * refused then, and nothing of it has happened.
 *
 * <p>Thread-safe, but for {@link #slow}: one thread at a time commits.
 */
final class Backpressure {

    /** How often somebody is looked after who is at work. */
    private static final long LOOK_NANOS = 50_000_000;

    private static final long NANOS_PER_MILLI = 1_000_000;

    private final TraceStore store;
    private final StoreClock clock;
    private final int runsMax;
    private final int garbagePercentMax;
    private final CommitPace pace = new CommitPace();
    private final long patienceNanos;

    Backpressure(TraceStore store, TraceStoreOptions options, StoreClock clock) {
        this.store = store;
        this.clock = clock;
        this.runsMax = options.runsMax();
        this.garbagePercentMax = options.garbagePercentMax();
        this.patienceNanos = options.compactorWaitMillis() * NANOS_PER_MILLI;
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
     * @throws StoreException.Behind if a trace has more runs than the limit, and nobody does, or
     *     the store's own compactor fails; also if the thread is interrupted while it waits
     */
    void admit(Collection<Trace> written) {
        if (store.compactor().isRunning()) {
            written.forEach(this::refuseIfCompactionFails);
        } else {
            written.forEach(this::admit);
        }
    }

    private void refuseIfCompactionFails(Trace trace) {
        Throwable cause =
                store.compactor().awaitNextAttempt(trace, runsMax, patienceNanos / NANOS_PER_MILLI);
        if (cause != null) {
            throw new StoreException.Behind(
                    store.path(), trace.name(), trace.runCount(), runsMax, cause);
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

    /**
     * After a commit: lets it be a little slower, or wait for the store's own compactor.
     *
     * @param startedNanos when the commit began
     */
    void slow(Collection<Trace> written, long startedNanos) {
        int excessRuns = 0;
        double garbagePercent = 0;
        // others may compact, and may not care for garbage
        boolean folding = store.compactor().isRunning();
        for (Trace trace : written) {
            excessRuns = Math.max(excessRuns, trace.runCount() - runsEasy(runsMax));
            garbagePercent = Math.max(garbagePercent, folding ? trace.garbage().percent() : 0);
        }
        long elapsed = Math.max(0, clock.nanos() - startedNanos);
        long pause = pace.pauseNanos(elapsed, excessRuns, garbagePercent, garbagePercentMax);
        if (pause > 0) {
            clock.pause(pause);
        }
        for (Trace trace : written) {
            store.compactor().awaitFewerRuns(trace, runsMax);
        }
    }
}
