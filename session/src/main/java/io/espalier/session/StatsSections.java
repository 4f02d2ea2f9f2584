package io.espalier.session;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.SpillStats;
import io.espalier.spine.trace.CompactionStats;
import io.espalier.spine.trace.TraceStore;
import java.nio.file.Path;
import java.util.List;

/** Gathers what the floors below say of themselves into the statistics of a store. */
final class StatsSections {

    private StatsSections() {}

    static StoreStats of(
            Path directory,
            long epoch,
            List<StoreStats.TableStats> tables,
            NativeMemory memory,
            Pager pager,
            TraceStore traces) {
        NativeMemory.Stats bytes = memory.stats();
        SpillStats spill = pager.stats();
        StoreStats.MemoryStats memoryStats =
                new StoreStats.MemoryStats(
                        spill.budget().totalBytes(),
                        bytes.leasedBytes(),
                        spill.mapped().fileTouchedBytes() + spill.mapped().pageBytes(),
                        spill.budget().debtBytes(),
                        spill.images().pagedStoredBytes());
        return new StoreStats(
                directory,
                TraceStore.FORMAT_VERSION,
                epoch,
                tables,
                memoryStats,
                List.of(
                        spill(spill),
                        latency("pageOutLatency", spill.pagedOut().latency()),
                        latency("pageInLatency", spill.pagedIn().latency()),
                        files(spill),
                        compaction(traces.compactionStats())));
    }

    private static StoreStats.Section spill(SpillStats spill) {
        return StoreStats.Section.named("spill")
                .with("images", spill.images().count())
                .with("imagesPaged", spill.images().pagedCount())
                .with("pins", spill.policy().pins())
                .with("pageOuts", spill.pagedOut().count())
                .with("pagedOutRawBytes", spill.pagedOut().rawBytes())
                .with("pagedOutStoredBytes", spill.pagedOut().storedBytes())
                .with("pageOutFailures", spill.pagedOut().failures())
                .with("pageIns", spill.pagedIn().count())
                .with("pagedInRawBytes", spill.pagedIn().rawBytes())
                .with("damagedPages", spill.pagedIn().damaged())
                .with("evictions", spill.policy().evictions())
                .with("secondChances", spill.policy().secondChances())
                .with("writesElided", spill.policy().writesElided())
                .with("writesElidedBytes", spill.policy().writesElidedBytes())
                .with("segments", spill.segments().count())
                .with("segmentsUsedBytes", spill.segments().usedBytes())
                .with("freeExtents", spill.segments().freeExtents())
                .with("punchedBytes", spill.segments().punchedBytes());
    }

    private static StoreStats.Section latency(String name, SpillStats.Latency latency) {
        return StoreStats.Section.named(name)
                .with("count", latency.count())
                .with("p50Nanos", latency.p50Nanos())
                .with("p99Nanos", latency.p99Nanos())
                .with("maxNanos", latency.maxNanos());
    }

    private static StoreStats.Section files(SpillStats spill) {
        return StoreStats.Section.named("mappedFiles")
                .with("count", spill.mapped().fileCount())
                .with("sizeBytes", spill.mapped().fileBytes())
                .with("touchedBytes", spill.mapped().fileTouchedBytes())
                .with("droppedBytes", spill.mapped().fileDroppedBytes());
    }

    private static StoreStats.Section compaction(CompactionStats stats) {
        return StoreStats.Section.named("compaction")
                .with("waiting", stats.waiting())
                .with("applied", stats.applied())
                .with("refused", stats.refused())
                .with("updatesRead", stats.updatesRead())
                .with("updatesWritten", stats.updatesWritten())
                .with("writtenBytes", stats.bytesWritten())
                .with("failures", stats.failures());
    }
}
