package io.espalier.session;

import static io.espalier.session.Cursors.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a store says of itself: in its statistics, and to management tools if it was told to. */
class StoreStatsTest {

    /** Scripts read these; a name that is here stays. */
    private static final List<String> SECTIONS =
            List.of(
                    "spill",
                    "spillWriters",
                    "prefetch",
                    "pageOutLatency",
                    "pageInLatency",
                    "fetchLatency",
                    "writeQueueLatency",
                    "backPressureLatency",
                    "mappedFiles",
                    "compaction");

    @TempDir Path folder;

    @Test
    void sectionsTellWhatThePagerDid() {
        // fails if a section or name is lost, or a number is another one's
        try (Store store = open(false)) {
            byte[] value = new byte[100_000];
            Random random = new Random(1);
            for (int i = 0; i < 60; i++) {
                random.nextBytes(value);
                store.table().put(bytes("key" + i), value);
            }
            store.commit();
            StoreStats stats = store.stats();
            assertTrue(
                    stats.sections().stream()
                            .map(StoreStats.Section::name)
                            .toList()
                            .containsAll(SECTIONS));
            long pageOuts = value(stats, "spill", "pageOuts");
            assertTrue(pageOuts > 0, "a budget of 1 MiB and 6 MiB of values");
            assertEquals(pageOuts, value(stats, "pageOutLatency", "count"));
            assertEquals(value(stats, "spill", "pageIns"), value(stats, "pageInLatency", "count"));
            assertTrue(value(stats, "spillWriters", "writes") <= pageOuts);
            assertEquals(
                    value(stats, "spillWriters", "backPressures"),
                    value(stats, "backPressureLatency", "count"));
            assertTrue(
                    value(stats, "spill", "pagedOutStoredBytes")
                            <= value(stats, "spill", "pagedOutRawBytes") + 4096 * pageOuts);
            assertEquals(0, value(stats, "spill", "damagedPages"));
        }
    }

    @Test
    void tablesTellHowTheirBatchesStand() {
        // fails if a batch is missing, its level or its updates are another's, or the work that is
        // left of a merge is lost
        try (Store store = open(false)) {
            for (int i = 0; i < 2; i++) {
                for (int key = 0; key < 100; key++) {
                    store.table().put(bytes("key" + i + "-" + key), bytes("v"));
                }
                store.commit();
            }
            StoreStats.TableStats table = store.stats().tables().getFirst();
            List<StoreStats.BatchStats> batches = table.batches();
            assertEquals(2, batches.size(), batches.toString());
            for (int i = 0; i < 2; i++) {
                StoreStats.BatchStats batch = batches.get(i);
                assertTrue(
                        batch.text()
                                .matches(
                                        "\\[%d-%d\\]\\[\\d\\]\\[%d\\]\\[\\d*\\] 1/100 b\\d+"
                                                .formatted(i, i + 1, i + 2)),
                        batch.text());
                assertEquals(7, batch.level());
                assertEquals(1, batch.parts());
                assertEquals(100, batch.updates());
                assertEquals(200, batch.workLeft());
                assertEquals(-1, batch.claimedAtMillis());
            }
        }
    }

    private static long value(StoreStats stats, String section, String name) {
        Object value =
                stats.sections().stream()
                        .filter(s -> s.name().equals(section))
                        .findFirst()
                        .orElseThrow()
                        .values()
                        .get(name);
        assertNotNull(value, section + "." + name);
        return (Long) value;
    }

    @Test
    void managementToolsSeeItWhileItIsOpenIfAskedTo() throws Exception {
        // fails if a store shows itself unasked, stays after its end, or opens although it cannot
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        ObjectName ours = new ObjectName("io.espalier:type=Pager,*");
        open(false).close();
        try (Store silent = open(false)) {
            assertEquals(0, silent.epoch());
            assertTrue(server.queryNames(ours, null).isEmpty());
        }
        try (Store store = open(true)) {
            ObjectName name = server.queryNames(ours, null).iterator().next();
            assertTrue(name.getKeyProperty("name").contains(folder.getFileName().toString()));
            CompositeData budget = (CompositeData) server.getAttribute(name, "Budget");
            assertEquals(1L << 20, budget.get("totalBytes"));
            assertEquals(0, store.epoch());
        }
        assertFalse(server.queryNames(ours, null).stream().findAny().isPresent());
        // a store that cannot have its name is closed again
        try (Store first = open(true)) {
            assertEquals(0, first.epoch());
            assertThrows(StoreException.class, () -> open(true));
        }
        open(true).close();
    }

    private Store open(boolean managed) {
        return Store.open(
                folder,
                StoreOptions.defaults()
                        .withCreate(true)
                        .withBudgetBytes(1 << 20)
                        .withManaged(managed));
    }
}
