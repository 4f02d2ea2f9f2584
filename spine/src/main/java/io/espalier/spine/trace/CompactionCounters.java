package io.espalier.spine.trace;

import io.espalier.spine.PartRef;
import java.util.Collection;
import java.util.concurrent.atomic.LongAdder;

/** Counts for {@link CompactionStats}; several threads may. */
final class CompactionCounters {

    final LongAdder claims = new LongAdder();
    final LongAdder pieces = new LongAdder();

    /** Parts that became parts of another run as they are. */
    final LongAdder moved = new LongAdder();

    /** Ranges of keys that were done, and their files let go, before the whole was. */
    final LongAdder ranges = new LongAdder();

    /** Runs that were written anew in files that end where those of a large run do. */
    final LongAdder cut = new LongAdder();

    final LongAdder applied = new LongAdder();
    final LongAdder refused = new LongAdder();
    final LongAdder retries = new LongAdder();
    final LongAdder failures = new LongAdder();
    final LongAdder interruptions = new LongAdder();
    final LongAdder exertions = new LongAdder();
    final LongAdder memoryViolations = new LongAdder();
    final LongAdder updatesRead = new LongAdder();
    final LongAdder updatesWritten = new LongAdder();
    final LongAdder bytesRead = new LongAdder();
    final LongAdder bytesWritten = new LongAdder();

    final LongAdder handedOut = new LongAdder();
    final LongAdder externalApplied = new LongAdder();
    final LongAdder externalRefused = new LongAdder();
    final LongAdder repeated = new LongAdder();
    final LongAdder expired = new LongAdder();

    /** A compaction came to its end. */
    void done(Collection<PartRef> inputs, Collection<PartRef> output, boolean wanted) {
        for (PartRef input : inputs) {
            updatesRead.add(input.updateCount());
            bytesRead.add(input.sizeBytes());
        }
        output.forEach(part -> {
            updatesWritten.add(part.updateCount());
            bytesWritten.add(part.sizeBytes());
        });
        (wanted ? applied : refused).increment();
    }

    CompactionStats stats(long waiting, long dropped) {
        return new CompactionStats(
                waiting,
                claims.sum(),
                pieces.sum(),
                applied.sum(),
                refused.sum(),
                dropped,
                retries.sum(),
                failures.sum(),
                interruptions.sum(),
                exertions.sum(),
                memoryViolations.sum(),
                updatesRead.sum(),
                updatesWritten.sum(),
                bytesRead.sum(),
                bytesWritten.sum(),
                new CompactionStats.External(
                        handedOut.sum(),
                        externalApplied.sum(),
                        externalRefused.sum(),
                        repeated.sum(),
                        expired.sum()));
    }
}
