package io.espalier.spine.trace;

/**
 * What compaction has done since the store was opened.
 *
 * @param waiting requests that wait
 * @param applied results that were swapped in
 * @param refused results that came too late
 * @param updatesRead updates of all inputs
 * @param updatesWritten updates of all outputs
 * @param bytesWritten bytes of all outputs
 * @param failures attempts that failed; they are made again after the next opening
 */
public record CompactionStats(
        long waiting,
        long applied,
        long refused,
        long updatesRead,
        long updatesWritten,
        long bytesWritten,
        long failures) {}
