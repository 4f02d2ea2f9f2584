package io.espalier.pager;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/** Counts what a pager does. Thread-safe; nothing here takes a lock. */
final class SpillCounters {

    private static final long LATENCY_NANOS_MAX = TimeUnit.MINUTES.toNanos(1);
    private static final long LATENCY_NANOS_MIN = 100;
    private static final int LATENCY_DIGITS = 2;

    final LongAdder images = new LongAdder();
    final LongAdder pagedImages = new LongAdder();
    final LongAdder residentBytes = new LongAdder();
    final LongAdder copyBytes = new LongAdder();
    final LongAdder inPlaceBytes = new LongAdder();
    final LongAdder pagedRawBytes = new LongAdder();
    final LongAdder pagedStoredBytes = new LongAdder();

    final LongAdder pins = new LongAdder();
    final LongAdder pinsClosed = new LongAdder();
    final LongAdder evictions = new LongAdder();
    final LongAdder evictionsFree = new LongAdder();
    final LongAdder secondChances = new LongAdder();
    final LongAdder writesElided = new LongAdder();
    final LongAdder writesElidedBytes = new LongAdder();
    final LongAdder pageDrops = new LongAdder();
    final LongAdder backgroundWrites = new LongAdder();
    final LongAdder writesCancelled = new LongAdder();
    final LongAdder writesCancelledBytes = new LongAdder();
    final LongAdder writesWithdrawn = new LongAdder();
    final LongAdder backPressures = new LongAdder();
    final LongAdder prefetches = new LongAdder();
    final LongAdder prefetchesRefused = new LongAdder();
    final LongAdder prefetchHits = new LongAdder();
    final LongAdder prefetchesWasted = new LongAdder();

    private final LongAdder outCount = new LongAdder();
    private final LongAdder outRawBytes = new LongAdder();
    private final LongAdder outStoredBytes = new LongAdder();
    private final LongAdder outFailures = new LongAdder();
    private final LongAdder inCount = new LongAdder();
    private final LongAdder inRawBytes = new LongAdder();
    private final LongAdder inStoredBytes = new LongAdder();
    private final LongAdder inDamaged = new LongAdder();

    private final Histogram outNanos = latencies();
    private final Histogram inNanos = latencies();
    private final Histogram fetchNanos = latencies();
    private final Histogram queueNanos = latencies();
    private final Histogram backPressureNanos = latencies();

    private static Histogram latencies() {
        return new ConcurrentHistogram(LATENCY_NANOS_MIN, LATENCY_NANOS_MAX, LATENCY_DIGITS);
    }

    private static void record(Histogram histogram, long nanos) {
        histogram.recordValue(Math.clamp(nanos, 0, LATENCY_NANOS_MAX));
    }

    /** A pin had to wait for its bytes. */
    void fetched(long nanos) {
        record(fetchNanos, nanos);
    }

    /** An image left the write queue by its front. */
    void waited(long nanos) {
        record(queueNanos, nanos);
    }

    /** A caller was held back by the debt. */
    void heldBack(long nanos) {
        backPressures.increment();
        record(backPressureNanos, nanos);
    }

    void pagedOut(long rawBytes, StoredPage page, long nanos) {
        outCount.increment();
        outRawBytes.add(rawBytes);
        outStoredBytes.add(page.storedBytes());
        record(outNanos, nanos);
    }

    void pageOutFailed() {
        outFailures.increment();
    }

    void pagedIn(long rawBytes, StoredPage page, long nanos) {
        inCount.increment();
        inRawBytes.add(rawBytes);
        inStoredBytes.add(page.storedBytes());
        record(inNanos, nanos);
    }

    void damaged() {
        inDamaged.increment();
    }

    SpillStats.Images images() {
        // closed first: a pin that closes in between must not make the difference negative
        long closed = pinsClosed.sum();
        return new SpillStats.Images(
                images.sum(),
                pagedImages.sum(),
                residentBytes.sum(),
                copyBytes.sum(),
                pagedRawBytes.sum(),
                pagedStoredBytes.sum(),
                pins.sum() - closed);
    }

    SpillStats.PagedOut pagedOut() {
        return new SpillStats.PagedOut(
                outCount.sum(),
                outRawBytes.sum(),
                outStoredBytes.sum(),
                outFailures.sum(),
                latency(outNanos));
    }

    SpillStats.PagedIn pagedIn() {
        return new SpillStats.PagedIn(
                inCount.sum(),
                inRawBytes.sum(),
                inStoredBytes.sum(),
                inDamaged.sum(),
                latency(inNanos),
                latency(fetchNanos));
    }

    SpillStats.Policy policy() {
        return new SpillStats.Policy(
                pins.sum(),
                evictions.sum(),
                evictionsFree.sum(),
                secondChances.sum(),
                writesElided.sum(),
                writesElidedBytes.sum());
    }

    SpillStats.Writers writers(long queued, long queuedBytes) {
        return new SpillStats.Writers(
                queued,
                queuedBytes,
                backgroundWrites.sum(),
                writesCancelled.sum(),
                writesCancelledBytes.sum(),
                writesWithdrawn.sum(),
                backPressures.sum(),
                latency(backPressureNanos),
                latency(queueNanos));
    }

    SpillStats.Prefetch prefetch(long heldBytes) {
        return new SpillStats.Prefetch(
                prefetches.sum(),
                prefetchesRefused.sum(),
                prefetchHits.sum(),
                prefetchesWasted.sum(),
                heldBytes);
    }

    private static SpillStats.Latency latency(Histogram histogram) {
        Histogram copy = histogram.copy();
        return new SpillStats.Latency(
                copy.getTotalCount(),
                copy.getValueAtPercentile(50),
                copy.getValueAtPercentile(99),
                copy.getValueAtPercentile(99.9),
                copy.getMaxValue());
    }
}
