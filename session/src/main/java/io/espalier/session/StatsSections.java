package io.espalier.session;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.SpillStats;
import io.espalier.spine.FlatSpine;
import io.espalier.spine.SpineText;
import io.espalier.spine.trace.CompactionStats;
import io.espalier.spine.trace.TraceStore;
import java.nio.file.Path;
import java.util.ArrayList;
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
                        writers(spill.writers()),
                        prefetch(spill.prefetch()),
                        latency("pageOutLatency", spill.pagedOut().latency()),
                        latency("pageInLatency", spill.pagedIn().latency()),
                        latency("fetchLatency", spill.pagedIn().fetchLatency()),
                        latency("writeQueueLatency", spill.writers().queueLatency()),
                        latency("backPressureLatency", spill.writers().backPressureLatency()),
                        files(spill),
                        compaction(traces.compactionStats())));
    }

    /** The batches of a spine. */
    static List<StoreStats.BatchStats> batches(FlatSpine spine) {
        List<String> lines = SpineText.batches(spine);
        List<StoreStats.BatchStats> all = new ArrayList<>();
        int next = 0;
        for (FlatSpine.FlatBatch batch : spine.batches()) {
            int first = next;
            long updates = 0;
            while (next < spine.parts().size() && batch.id().covers(spine.parts().get(next).id())) {
                updates += spine.parts().get(next).batch().updateCount();
                next++;
            }
            long workLeft = -1;
            for (FlatSpine.FlatMerge merge : spine.merges()) {
                workLeft = merge.id().covers(batch.id()) ? merge.remainingWork() : workLeft;
            }
            all.add(
                    new StoreStats.BatchStats(
                            lines.get(all.size()),
                            batch.level(),
                            next - first,
                            updates,
                            workLeft,
                            batch.claimedAtMillis().orElse(-1)));
        }
        return all;
    }

    private static StoreStats.Section spill(SpillStats spill) {
        return StoreStats.Section.named("spill")
                .with("images", spill.images().count())
                .with("imagesPaged", spill.images().pagedCount())
                .with("residentBytes", spill.images().residentBytes())
                .with("copyBytes", spill.images().copyBytes())
                .with("pagedRawBytes", spill.images().pagedRawBytes())
                .with("pagedStoredBytes", spill.images().pagedStoredBytes())
                .with("pins", spill.policy().pins())
                .with("pinsOpen", spill.images().pinsOpen())
                .with("pageOuts", spill.pagedOut().count())
                .with("pagedOutRawBytes", spill.pagedOut().rawBytes())
                .with("pagedOutStoredBytes", spill.pagedOut().storedBytes())
                .with("pageOutFailures", spill.pagedOut().failures())
                .with("pageIns", spill.pagedIn().count())
                .with("pagedInRawBytes", spill.pagedIn().rawBytes())
                .with("pagedInStoredBytes", spill.pagedIn().storedBytes())
                .with("damagedPages", spill.pagedIn().damaged())
                .with("evictions", spill.policy().evictions())
                .with("evictionsFree", spill.policy().evictionsFree())
                .with("secondChances", spill.policy().secondChances())
                .with("writesElided", spill.policy().writesElided())
                .with("writesElidedBytes", spill.policy().writesElidedBytes())
                .with("segments", spill.segments().count())
                .with("segmentsBytes", spill.segments().sizeBytes())
                .with("segmentsUsedBytes", spill.segments().usedBytes())
                .with("freeExtents", spill.segments().freeExtents())
                .with("freeBytes", spill.segments().freeBytes())
                .with("freeBackedBytes", spill.segments().freeBackedBytes())
                .with("punchedBytes", spill.segments().punchedBytes());
    }

    private static StoreStats.Section writers(SpillStats.Writers writers) {
        return StoreStats.Section.named("spillWriters")
                .with("queued", writers.queued())
                .with("queuedBytes", writers.queuedBytes())
                .with("writes", writers.writes())
                .with("cancelled", writers.cancelled())
                .with("cancelledBytes", writers.cancelledBytes())
                .with("withdrawn", writers.withdrawn())
                .with("backPressures", writers.backPressures());
    }

    private static StoreStats.Section prefetch(SpillStats.Prefetch prefetch) {
        return StoreStats.Section.named("prefetch")
                .with("count", prefetch.count())
                .with("refused", prefetch.refused())
                .with("hits", prefetch.hits())
                .with("wasted", prefetch.wasted())
                .with("heldBytes", prefetch.heldBytes());
    }

    private static StoreStats.Section latency(String name, SpillStats.Latency latency) {
        return StoreStats.Section.named(name)
                .with("count", latency.count())
                .with("p50Nanos", latency.p50Nanos())
                .with("p99Nanos", latency.p99Nanos())
                .with("p999Nanos", latency.p999Nanos())
                .with("maxNanos", latency.maxNanos());
    }

    private static StoreStats.Section files(SpillStats spill) {
        return StoreStats.Section.named("mappedFiles")
                .with("pageBytes", spill.mapped().pageBytes())
                .with("pageDrops", spill.mapped().pageDrops())
                .with("count", spill.mapped().fileCount())
                .with("sizeBytes", spill.mapped().fileBytes())
                .with("touchedBytes", spill.mapped().fileTouchedBytes())
                .with("droppedBytes", spill.mapped().fileDroppedBytes());
    }

    private static StoreStats.Section compaction(CompactionStats stats) {
        return StoreStats.Section.named("compaction")
                .with("waiting", stats.waiting())
                .with("claims", stats.claims())
                .with("pieces", stats.pieces())
                .with("applied", stats.applied())
                .with("refused", stats.refused())
                .with("dropped", stats.dropped())
                .with("retries", stats.retries())
                .with("failures", stats.failures())
                .with("interruptions", stats.interruptions())
                .with("exertions", stats.exertions())
                .with("memoryViolations", stats.memoryViolations())
                .with("updatesRead", stats.updatesRead())
                .with("updatesWritten", stats.updatesWritten())
                .with("readBytes", stats.bytesRead())
                .with("writtenBytes", stats.bytesWritten())
                .with("externalHandedOut", stats.external().handedOut())
                .with("externalApplied", stats.external().applied())
                .with("externalRefused", stats.external().refused())
                .with("externalRepeated", stats.external().repeated())
                .with("externalExpired", stats.external().expired());
    }
}
