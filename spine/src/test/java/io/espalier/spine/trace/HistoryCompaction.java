package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.disk.SimulatedDisk;
import java.util.List;
import java.util.Random;

/**
 * What compacts a simulated store from inside: its own compactor, step by step and as slow or as
 * unlucky as may be, or somebody who asks for all of it.
 */
final class HistoryCompaction {

    private static final int STEPS_MAX = 40;

    private static final int FAILING_COMMITS_MAX = 60;

    /** How many runs may be left that no compaction is asked for. */
    private static final int LEFT_ALONE = 12;

    private final TraceHistory history;
    private final HistoryReaders readers;
    private final HistoryOutsiders outsiders;
    private final Random random;
    private final Tally tally;

    HistoryCompaction(
            TraceHistory history,
            HistoryReaders readers,
            HistoryOutsiders outsiders,
            Random random,
            Tally tally) {
        this.history = history;
        this.readers = readers;
        this.outsiders = outsiders;
        this.random = random;
        this.tally = tally;
    }

    private Compactor compactor() {
        return history.store().compactor();
    }

    /** Lets the store compact by itself from here on, as its thread would. */
    void begin() {
        compactor().startStepwise();
        compactor().setFuel(1 + random.nextInt(STEPS_MAX));
        history.store().compaction().waiting(Long.MAX_VALUE).forEach(compactor()::add);
    }

    /** What happens while somebody waits. */
    void whileWaiting() {
        if (compactor().isRunning()) {
            compactor().turn();
            return;
        }
        history.clock.advanceMillis(random.nextInt(200));
        switch (random.nextInt(3)) {
            case 0 -> outsiders.act();
            case 1 -> outsiders.workAtOnce(history.store().externalCompaction());
            default -> {
                // nobody does anything
            }
        }
    }

    /** Answers one request, or all until every trace is one run, or what is due. */
    void act() {
        TraceStore current = history.store();
        Compactor compactor = compactor();
        List<CompactionTask> tasks = current.compaction().waiting(Long.MAX_VALUE);
        boolean all = (tasks.isEmpty() && random.nextBoolean()) || random.nextInt(4) == 0;
        if (!all && random.nextInt(3) == 0) {
            // so slow that others go on meanwhile
            compactor.beforeEachStep(this::actMeanwhile);
        }
        try {
            if (all) {
                current.compact();
                for (String name : current.names()) {
                    assertTrue(current.find(name).orElseThrow().runCount() <= 1);
                }
            } else if (compactor.isRunning()) {
                turn();
            } else if (!tasks.isEmpty()) {
                compactor.compact(tasks.get(random.nextInt(tasks.size())));
            }
        } finally {
            compactor.beforeEachStep(() -> {});
        }
    }

    /** Some of what a compactor does by itself, and some time that passes. */
    private void turn() {
        Compactor compactor = compactor();
        for (int i = random.nextInt(4); i >= 0; i--) {
            if (!compactor.turn()) {
                history.clock.advanceMillis(
                        random.nextInt(3) == 0 ? TraceHistory.LEASE_MILLIS : random.nextInt(40));
            }
            if (random.nextInt(50) == 0) {
                history.clock.setBackMillis(random.nextInt(5000));
                tally.add("clock set back", 1);
            }
        }
        Throwable failure = compactor.failure();
        if (failure != null && !(failure instanceof StoreException || isCrash(failure))) {
            throw new AssertionError("a compaction failed otherwise than it may", failure);
        }
    }

    private static boolean isCrash(Throwable failure) {
        return failure instanceof SimulatedDisk.Crash;
    }

    private void actMeanwhile() {
        if (random.nextBoolean()) {
            return;
        }
        tally.add("slow compactor", 1);
        try {
            switch (random.nextInt(4)) {
                case 0 -> readers.act();
                case 1 -> outsiders.act();
                default -> {
                    if (mayCommitMeanwhile()) {
                        history.commit();
                    }
                }
            }
        } catch (StoreException.Full | StoreException.NotPermitted | StoreException.Behind e) {
            // others had no luck; the compaction may have
        }
    }

    /** Whoever compacts here cannot be waited for here. */
    private boolean mayCommitMeanwhile() {
        return runCountMax() < history.options.runsMax();
    }

    private int runCountMax() {
        int most = 0;
        for (int i = 0; i < history.traceCount(); i++) {
            most = Math.max(most, history.find(i).map(Trace::runCount).orElse(0));
        }
        return most;
    }

    /** The own compactor finds no room, whatever it begins; and then there is room again. */
    void failForAWhile() {
        if (!compactor().isRunning()) {
            return;
        }
        Compactor failing = compactor();
        boolean refused = false;
        failing.beforeEachStep(() -> {
            throw new StoreException.Full("/simulated", new IllegalStateException("no room"));
        });
        try {
            for (int i = 0; i < FAILING_COMMITS_MAX && !refused; i++) {
                failing.turn();
                // each attempt in vain lets the next one be later
                history.clock.advanceMillis(CompactionQueue.RETRY_MILLIS_MIN);
                refused = isRefused();
                assertTrue(
                        refused || runCountMax() <= history.options.runsMax() + LEFT_ALONE,
                        "runs pile up behind a compactor that fails");
            }
        } finally {
            failing.beforeEachStep(() -> {});
        }
        if (refused) {
            tally.add("commit refused since compaction fails", 1);
            // the refusal has brought the next attempt near
            long retries = history.store().compactionStats().retries();
            history.clock.advanceMillis(CompactionQueue.RETRY_MILLIS_MIN);
            while (failing.turn()) {
                // all that is due
            }
            assertTrue(
                    history.store().compactionStats().retries() > retries,
                    "what failed is not tried again although somebody waits");
            if (failing.failure() == null) {
                history.commit();
            }
        }
    }

    private boolean isRefused() {
        try {
            history.commit();
            return false;
        } catch (StoreException.Behind e) {
            assertInstanceOf(StoreException.class, e.getCause());
            return true;
        }
    }

    void tally(CompactionCounters counters) {
        tally.add("part moved as it is", counters.moved.sum());
        tally.add("range of keys done before the last", counters.ranges.sum());
        tally.add("run cut for another", counters.cut.sum());
    }

    void tally(CompactionStats stats) {
        tally.add("compaction applied", stats.applied());
        tally.add("compaction refused", stats.refused());
        tally.add("compaction failed", stats.failures());
        tally.add("compaction tried again", stats.retries());
        tally.add("compaction of an idle store", stats.exertions());
        tally.add("large compaction paused for a small one", stats.interruptions());
        tally.add("compaction of two runs above the bound", stats.memoryViolations());
        tally.add("lease of others expired", stats.external().expired());
    }
}
