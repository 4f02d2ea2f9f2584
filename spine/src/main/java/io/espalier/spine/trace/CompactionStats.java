package io.espalier.spine.trace;

/**
 * What compaction has done since the store was opened.
 *
 * @param waiting requests that wait or are worked on
 * @param claims requests that were claimed, here or for others
 * @param pieces compactions that were begun; a request takes several if its runs do not fit into
 *     the bound of memory at once
 * @param applied results that were swapped in
 * @param refused results that came too late, or were not what they had to be
 * @param dropped requests that found no room in the queue; they are found again after the lease
 * @param retries attempts that were made again after a failure
 * @param failures attempts that failed; they are made again after a while
 * @param interruptions how often a large compaction paused for a small one
 * @param exertions how often runs of a trace were brought together since nobody committed
 * @param memoryViolations compactions of two runs that exceed the bound of memory
 * @param updatesRead updates of all inputs
 * @param updatesWritten updates of all outputs
 * @param bytesRead bytes of all inputs
 * @param bytesWritten bytes of all outputs
 * @param external what was given to others
 */
public record CompactionStats(
        long waiting,
        long claims,
        long pieces,
        long applied,
        long refused,
        long dropped,
        long retries,
        long failures,
        long interruptions,
        long exertions,
        long memoryViolations,
        long updatesRead,
        long updatesWritten,
        long bytesRead,
        long bytesWritten,
        External external) {

    /**
     * What was given to other processes.
     *
     * @param handedOut requests that were handed out
     * @param applied results that were swapped in; also among all that were
     * @param refused results that were not, as stale, unknown, failed or damaged
     * @param repeated results that had been swapped in before
     * @param expired requests whose lease ran out without an answer
     */
    public record External(
            long handedOut, long applied, long refused, long repeated, long expired) {}
}
