package io.espalier.pager;

/**
 * What a {@link Pager} holds and has done, at one moment. Counters count from the opening of the
 * pager and never fall; gauges are what is so now. The parts are read one after the other while the
 * pager works, so that sums over them may be off by what happened in between; on a pager at rest
 * all of it is exact. The names of the components are stable: metrics are made of them.
 *
 * @param budget the shared budget
 * @param images gauges of the images
 * @param pagedOut counters of what was written
 * @param pagedIn counters of what was read back
 * @param policy counters of what was decided
 * @param writers the threads that write behind those who adopt
 * @param prefetch what was read ahead
 * @param segments gauges of the spill files
 * @param mapped gauges and counters of what is mapped and can be dropped at will
 */
public record SpillStats(
        Budget budget,
        Images images,
        PagedOut pagedOut,
        PagedIn pagedIn,
        Policy policy,
        Writers writers,
        Prefetch prefetch,
        Segments segments,
        Mapped mapped) {

    /**
     * The budget that the pager charges, which others may charge as well.
     *
     * @param totalBytes what may be resident
     * @param usedBytes what is charged, by this pager and others
     * @param debtBytes how far {@code usedBytes} exceeds {@code totalBytes}; 0 if it does not
     */
    public record Budget(long totalBytes, long usedBytes, long debtBytes) {}

    /**
     * What the images hold.
     *
     * @param count images that are not closed
     * @param pagedCount those of them whose bytes are in a spill file
     * @param residentBytes allocated bytes that images hold, as charged to the budget; decoded
     *     copies of pages included
     * @param copyBytes the part of {@code residentBytes} that is copies of pages, which can go
     *     without being written
     * @param pagedRawBytes the size of the images whose bytes are in a spill file
     * @param pagedStoredBytes what they take there after their codec
     * @param pinsOpen pins that are not closed
     */
    public record Images(
            long count,
            long pagedCount,
            long residentBytes,
            long copyBytes,
            long pagedRawBytes,
            long pagedStoredBytes,
            long pinsOpen) {}

    /**
     * What was written.
     *
     * @param count pages written
     * @param rawBytes their size before the codec
     * @param storedBytes their size after it
     * @param failures page-outs that failed; the images stayed resident
     * @param latency from the start of the codec to the end of the write
     */
    public record PagedOut(
            long count, long rawBytes, long storedBytes, long failures, Latency latency) {}

    /**
     * What was read back.
     *
     * @param count pages read back and verified: pinned while their bytes were not in memory
     * @param rawBytes the size of their images
     * @param storedBytes the bytes that were read for it
     * @param damaged pages that could not be read or had another checksum
     * @param latency from the start of the read to the end of the codec
     * @param fetchLatency how long pins waited whose bytes were not there at once: for the read, or
     *     for another thread that was at it
     */
    public record PagedIn(
            long count,
            long rawBytes,
            long storedBytes,
            long damaged,
            Latency latency,
            Latency fetchLatency) {}

    /**
     * What was decided.
     *
     * @param pins pins that were taken
     * @param evictions resident images that had to go because of the budget
     * @param evictionsFree those of them that were copies of pages, and cost no write
     * @param secondChances images that were spared because they had been pinned since the last look
     * @param writesElided images that died before they were ever written
     * @param writesElidedBytes their size
     */
    public record Policy(
            long pins,
            long evictions,
            long evictionsFree,
            long secondChances,
            long writesElided,
            long writesElidedBytes) {}

    /**
     * The threads that write behind those who adopt.
     *
     * @param queued images that wait to be written now
     * @param queuedBytes what they are charged
     * @param writes counter of images written by those threads; those of callers are not counted
     * @param cancelled counter of images that died while they waited; also part of the writes
     *     elided
     * @param cancelledBytes their size
     * @param withdrawn counter of images that left the queue unwritten because they were pinned or
     *     touched meanwhile, or because the debt was gone
     * @param backPressures counter of adoptions that were held back by a debt beyond the slack
     * @param backPressureLatency how long they were
     * @param queueLatency how long images waited that were not cancelled
     */
    public record Writers(
            long queued,
            long queuedBytes,
            long writes,
            long cancelled,
            long cancelledBytes,
            long withdrawn,
            long backPressures,
            Latency backPressureLatency,
            Latency queueLatency) {}

    /**
     * What was read ahead.
     *
     * @param count counter of images brought in ahead
     * @param refused counter of wishes that met the limit, or threads too busy
     * @param hits counter of images that were pinned after they had been brought in ahead
     * @param wasted counter of images that went again before anybody pinned them
     * @param heldBytes what is held that was brought in ahead and not pinned yet
     */
    public record Prefetch(long count, long refused, long hits, long wasted, long heldBytes) {}

    /**
     * The spill files.
     *
     * @param count spill files
     * @param sizeBytes their size, most of which may have no blocks
     * @param usedBytes what pages occupy, in whole pages of 4096 bytes
     * @param freeExtents how many free ranges there are
     * @param freeBytes their size
     * @param freeBackedBytes the part of {@code freeBytes} that still has blocks in the file system
     * @param punchedBytes counter of the bytes whose blocks were given back
     */
    public record Segments(
            long count,
            long sizeBytes,
            long usedBytes,
            long freeExtents,
            long freeBytes,
            long freeBackedBytes,
            long punchedBytes) {}

    /**
     * What is mapped, and can be dropped without being written.
     *
     * @param pageBytes bytes of pages that are read in place, as charged to the budget: pinned,
     *     brought in ahead, or kept for the next pin
     * @param pageDrops counter of pages dropped from there
     * @param fileCount mapped files
     * @param fileBytes their size
     * @param fileTouchedBytes the part of {@code fileBytes} that was touched and not dropped since
     * @param fileDroppedBytes counter of the bytes dropped from there
     */
    public record Mapped(
            long pageBytes,
            long pageDrops,
            long fileCount,
            long fileBytes,
            long fileTouchedBytes,
            long fileDroppedBytes) {}

    /**
     * A summary of latencies, exact to one percent; all zero if nothing was measured.
     *
     * @param count how many were measured
     * @param p50Nanos half of them took at most this long
     * @param p99Nanos 99 of 100 took at most this long
     * @param p999Nanos 999 of 1000 took at most this long
     * @param maxNanos the longest
     */
    public record Latency(
            long count, long p50Nanos, long p99Nanos, long p999Nanos, long maxNanos) {}
}
