package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;

/**
 * How a {@link TraceStore} behaves.
 *
 * @param chunkBytes the target size of the chunks of batch files
 * @param compaction whether a background thread compacts; without it runs pile up until {@link
 *     TraceStore#compact} is called, or others compact, or there are so many that nothing is
 *     committed any more. On Linux that thread stands back behind others (it is nicer by 5), and
 *     its results wait a little for a commit that is under way.
 * @param compactionMemoryBytes what one compaction takes of memory: a run that it reads takes its
 *     largest chunk, the output two chunks. Two runs are read at a time in any case. As many as
 *     three compactions may be under way at once.
 * @param compactionLeaseMillis for how long a request that somebody has claimed is left to them;
 *     then it is taken up again. Other processes have a second for each MiB that they read if that
 *     is longer.
 * @param compactionPatienceMillis so long a request for few and small runs waits for a wider one,
 *     which comes soon while there are commits and does the work of several; 0 to answer each at
 *     once
 * @param idleCompactionMillis so long after the last commit, and when all that was asked for is
 *     done, the runs of each trace are brought together until they are few: as many of the newest
 *     at a time as are, without the largest of them, a fourth of it or more. It ends with the next
 *     commit, but for what is under way. {@link #NEVER} to let them be.
 * @param garbagePercentMax so many updates for a hundred rows may be there only because they are
 *     not folded yet, before everything is compacted at once: what it saves of room it costs in
 *     writing. Where there are more, since commits are faster than compaction, each commit takes a
 *     little longer. Held history does not count.
 * @param runsMax a commit to a trace with more runs waits for compaction, or is refused if that
 *     fails; from five twelfths of it on each commit takes a little longer
 * @param compactorWaitMillis for how long a commit waits for others to compact, while none of them
 *     is at work, or for the next attempt if the store's own compaction fails, before it is refused
 */
public record TraceStoreOptions(
        long chunkBytes,
        boolean compaction,
        long compactionMemoryBytes,
        long compactionLeaseMillis,
        long compactionPatienceMillis,
        long idleCompactionMillis,
        int garbagePercentMax,
        int runsMax,
        long compactorWaitMillis) {

    /** 64 MiB. */
    public static final long COMPACTION_MEMORY_BYTES_DEFAULT = 64L << 20;

    /** One minute. */
    public static final long COMPACTION_LEASE_MILLIS_DEFAULT = 60_000;

    /** One second. */
    public static final long COMPACTION_PATIENCE_MILLIS_DEFAULT = 1000;

    /** Two seconds. */
    public static final long IDLE_COMPACTION_MILLIS_DEFAULT = 2000;

    /** For what is not to happen at all. */
    public static final long NEVER = Long.MAX_VALUE;

    /** An update for each four rows. */
    public static final int GARBAGE_PERCENT_MAX_DEFAULT = 25;

    /** 144 runs. */
    public static final int RUNS_MAX_DEFAULT = 144;

    /** Ten seconds. */
    public static final long COMPACTOR_WAIT_MILLIS_DEFAULT = 10_000;

    // a month
    private static final long WAIT_MILLIS_MAX = 31L * 24 * 3600 * 1000;

    public TraceStoreOptions {
        if (chunkBytes < 1 || chunkBytes > 1L << 28) {
            throw new IllegalArgumentException(
                    "chunks of " + chunkBytes + " bytes; give 1 byte to 256 MiB");
        }
        if (compactionMemoryBytes < 0) {
            throw new IllegalArgumentException(
                    "compactions in " + compactionMemoryBytes + " bytes; give 0 or more");
        }
        if (compactionLeaseMillis < 1) {
            throw new IllegalArgumentException(
                    "a lease of " + compactionLeaseMillis + " ms; give 1 or more");
        }
        if (compactionPatienceMillis < 0
                || compactionPatienceMillis > CompactionQueue.RETRY_MILLIS_MAX) {
            throw new IllegalArgumentException(
                    "a patience of "
                            + compactionPatienceMillis
                            + " ms; give 0 to "
                            + CompactionQueue.RETRY_MILLIS_MAX);
        }
        if (idleCompactionMillis < 0
                || (idleCompactionMillis > WAIT_MILLIS_MAX && idleCompactionMillis != NEVER)) {
            throw new IllegalArgumentException(
                    "compaction "
                            + idleCompactionMillis
                            + " ms after the last commit; give 0 to "
                            + WAIT_MILLIS_MAX
                            + ", or NEVER");
        }
        if (garbagePercentMax < 1) {
            throw new IllegalArgumentException(
                    "garbage of " + garbagePercentMax + " percent; give 1 or more");
        }
        if (runsMax < 1) {
            throw new IllegalArgumentException("at most " + runsMax + " runs; give 1 or more");
        }
        if (compactorWaitMillis < 0 || compactorWaitMillis > WAIT_MILLIS_MAX) {
            throw new IllegalArgumentException(
                    "waiting "
                            + compactorWaitMillis
                            + " ms for a compactor; give 0 to "
                            + WAIT_MILLIS_MAX);
        }
    }

    /** Chunks of 2 MiB, compacted in the background. */
    public static TraceStoreOptions defaults() {
        return new TraceStoreOptions(
                ChainBuilder.TARGET_BYTES_DEFAULT,
                true,
                COMPACTION_MEMORY_BYTES_DEFAULT,
                COMPACTION_LEASE_MILLIS_DEFAULT,
                COMPACTION_PATIENCE_MILLIS_DEFAULT,
                IDLE_COMPACTION_MILLIS_DEFAULT,
                GARBAGE_PERCENT_MAX_DEFAULT,
                RUNS_MAX_DEFAULT,
                COMPACTOR_WAIT_MILLIS_DEFAULT);
    }

    /** These options with chunks of another size. */
    public TraceStoreOptions withChunkBytes(long chunkBytes) {
        Draft draft = new Draft(this);
        draft.chunkBytes = chunkBytes;
        return draft.options();
    }

    /** These options with or without compaction in the background. */
    public TraceStoreOptions withCompaction(boolean compaction) {
        Draft draft = new Draft(this);
        draft.compaction = compaction;
        return draft.options();
    }

    /** These options with another bound on the memory of a compaction. */
    public TraceStoreOptions withCompactionMemoryBytes(long compactionMemoryBytes) {
        Draft draft = new Draft(this);
        draft.compactionMemoryBytes = compactionMemoryBytes;
        return draft.options();
    }

    /** These options with another lease. */
    public TraceStoreOptions withCompactionLeaseMillis(long compactionLeaseMillis) {
        Draft draft = new Draft(this);
        draft.compactionLeaseMillis = compactionLeaseMillis;
        return draft.options();
    }

    /** These options with another patience. */
    public TraceStoreOptions withCompactionPatienceMillis(long compactionPatienceMillis) {
        Draft draft = new Draft(this);
        draft.compactionPatienceMillis = compactionPatienceMillis;
        return draft.options();
    }

    /** These options with compaction of idle stores earlier, later, or {@link #NEVER}. */
    public TraceStoreOptions withIdleCompactionMillis(long idleCompactionMillis) {
        Draft draft = new Draft(this);
        draft.idleCompactionMillis = idleCompactionMillis;
        return draft.options();
    }

    /** These options with another bound on what may be folded and is not. */
    public TraceStoreOptions withGarbagePercentMax(int garbagePercentMax) {
        Draft draft = new Draft(this);
        draft.garbagePercentMax = garbagePercentMax;
        return draft.options();
    }

    /** These options with another limit of runs; {@link Integer#MAX_VALUE} for none. */
    public TraceStoreOptions withRunsMax(int runsMax) {
        Draft draft = new Draft(this);
        draft.runsMax = runsMax;
        return draft.options();
    }

    /** These options with more or less patience for others who compact. */
    public TraceStoreOptions withCompactorWaitMillis(long compactorWaitMillis) {
        Draft draft = new Draft(this);
        draft.compactorWaitMillis = compactorWaitMillis;
        return draft.options();
    }

    /** A copy of which some are changed. */
    private static final class Draft {
        private long chunkBytes;
        private boolean compaction;
        private long compactionMemoryBytes;
        private long compactionLeaseMillis;
        private long compactionPatienceMillis;
        private long idleCompactionMillis;
        private int garbagePercentMax;
        private int runsMax;
        private long compactorWaitMillis;

        Draft(TraceStoreOptions options) {
            chunkBytes = options.chunkBytes;
            compaction = options.compaction;
            compactionMemoryBytes = options.compactionMemoryBytes;
            compactionLeaseMillis = options.compactionLeaseMillis;
            compactionPatienceMillis = options.compactionPatienceMillis;
            idleCompactionMillis = options.idleCompactionMillis;
            garbagePercentMax = options.garbagePercentMax;
            runsMax = options.runsMax;
            compactorWaitMillis = options.compactorWaitMillis;
        }

        TraceStoreOptions options() {
            return new TraceStoreOptions(
                    chunkBytes,
                    compaction,
                    compactionMemoryBytes,
                    compactionLeaseMillis,
                    compactionPatienceMillis,
                    idleCompactionMillis,
                    garbagePercentMax,
                    runsMax,
                    compactorWaitMillis);
        }
    }
}
