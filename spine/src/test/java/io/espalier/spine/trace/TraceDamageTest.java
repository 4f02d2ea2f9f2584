package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bytes of a closed store that change while nobody looks. */
class TraceDamageTest {

    private static final StoreDirectory.Options DIRECTORY =
            new StoreDirectory.Options(1 << 20, () -> new UUID(3, 4));
    private static final TraceStoreOptions OPTIONS =
            TraceStoreOptions.defaults().withCompaction(false).withChunkBytes(600);

    @TempDir Path folder = Path.of("");

    private final SimulatedDisk disk = new SimulatedDisk(7);
    private final Map<String, Map<String, String>> tables = new TreeMap<>();
    private NativeMemory memory = NativeMemory.open();
    private Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));

    @BeforeEach
    void fill() {
        pager.close();
        memory.close();
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
        try (TraceStore store = open(Mode.CREATE)) {
            for (String name : List.of("first", "second")) {
                tables.put(name, new TreeMap<>());
                commit(store, name, 20);
                commit(store, name, 30);
            }
            store.compact();
            commit(store, "second", 3);
        }
    }

    @AfterEach
    void close() {
        pager.close();
        memory.close();
    }

    private TraceStore open(Mode mode) {
        return TraceStore.open(disk, mode, pager, OPTIONS, DIRECTORY);
    }

    private void commit(TraceStore store, String name, int rows) {
        Map<String, String> before = tables.get(name);
        Map<String, String> after = new TreeMap<>(before);
        for (int i = 0; i < rows; i++) {
            after.put("key-" + i * 7 % rows, Rows.text("value-" + store.upper() + i % 5, i % 40));
        }
        long epoch = store.upper();
        try (Commit commit = store.begin()) {
            Rows.appendChange(
                    memory, commit.writer(store.findOrCreate(name)), before, after, epoch);
            commit.commit(epoch);
        }
        tables.put(name, after);
    }

    private VerifyReport verify() {
        List<Damage> told = new ArrayList<>();
        VerifyReport report = TraceStore.verify(disk, pager, told::add);
        assertEquals(told, report.damages());
        return report;
    }

    private void expectDamage(String name, long sizeBytes, String what) {
        VerifyReport report = verify();
        assertFalse(report.isWhole(), what);
        for (Damage damage : report.damages()) {
            assertEquals(disk.describe(name), damage.path(), what);
            assertTrue(damage.offset() >= 0 && damage.offset() <= sizeBytes, damage + " " + what);
        }
    }

    private void flipEachByte(int... flips) {
        assertTrue(verify().isWhole());
        int checked = 0;
        for (String name : disk.files()) {
            byte[] good = disk.bytes(name);
            for (int at = 0; at < good.length; at++) {
                for (int flip : flips) {
                    byte[] bad = good.clone();
                    bad[at] ^= (byte) flip;
                    disk.setBytes(name, bad);
                    expectDamage(name, good.length, name + " at " + at + " flipped by " + flip);
                    checked++;
                }
            }
            disk.setBytes(name, good);
        }
        assertTrue(checked > 5000 * flips.length, checked + " bytes");
        assertEquals(0, memory.stats().leases());
    }

    @Test
    void everyFlippedByteOfEveryFileOfAClosedStoreIsFoundAndNamed() {
        // fails if one byte of one file, padding included, is not covered by a check
        flipEachByte(0x10);
    }

    @Test
    @Tag("long")
    void everyFlippedByteIsFoundHoweverItIsFlipped() {
        // fails if a check covers some bits of a byte only
        flipEachByte(0x01, 0x80, 0xFF);
    }

    private List<String> batchFiles() {
        return disk.files().stream().filter(name -> name.startsWith("batches/")).toList();
    }

    @Test
    void eachMissingShortOrLongBatchFileIsNamed() {
        // fails if a file that the manifest refers to need not be there as it was
        assertEquals(3, batchFiles().size());
        for (String name : batchFiles()) {
            byte[] good = disk.bytes(name);
            for (int size : new int[] {0, 1, 24, good.length - 1, good.length + 1}) {
                disk.setBytes(name, Arrays.copyOf(good, size));
                expectDamage(name, good.length, name + " of " + size + " bytes");
            }
            disk.lose(name);
            Damage damage = verify().damages().getFirst();
            assertEquals(disk.describe(name), damage.path());
            assertEquals(-1, damage.offset());
            assertTrue(damage.what().contains("missing"), damage.what());
            disk.setBytes(name, good);
        }
        assertTrue(verify().isWhole());
    }

    @Test
    void twoBatchFilesThatChangedPlacesAreFound() {
        // fails if a file that is whole in itself passes for another
        List<String> names = batchFiles();
        byte[] first = disk.bytes(names.get(0));
        disk.setBytes(names.get(0), disk.bytes(names.get(1)));
        disk.setBytes(names.get(1), first);
        assertEquals(2, verify().damages().size());
    }

    @Test
    void damageInOneTableLeavesTheOthersReadable() {
        // fails if one missing or damaged file keeps a store from opening, or gives wrong rows
        for (boolean missing : new boolean[] {true, false}) {
            String victim = batchFiles().getFirst();
            byte[] good = disk.bytes(victim);
            if (missing) {
                disk.lose(victim);
            } else {
                byte[] bad = good.clone();
                bad[good.length / 2] ^= 4;
                disk.setBytes(victim, bad);
            }
            try (TraceStore store = open(Mode.OPEN)) {
                long last = store.upper() - 1;
                int failed = 0;
                for (String name : tables.keySet()) {
                    Trace trace = store.find(name).orElseThrow();
                    try {
                        assertEquals(tables.get(name), Rows.read(memory, trace, last));
                    } catch (StoreException.Damaged e) {
                        failed++;
                        assertEquals(disk.describe(victim), e.path());
                    }
                }
                assertEquals(1, failed);
                // and commits go on
                Map<String, String> before = tables.get("second");
                commit(store, "second", 2);
                tables.put("second", before);
            }
            disk.setBytes(victim, good);
            try (TraceStore store = open(Mode.OPEN)) {
                assertTrue(store.upper() > 1);
                tables.put(
                        "second",
                        Rows.read(memory, store.find("second").orElseThrow(), store.upper() - 1));
            }
        }
        assertEquals(0, memory.stats().leases());
    }

    @Test
    void aDamagedStoreCanBeOpenedForReadingAndNothingIsWritten() {
        // fails if reading, or finding damage, changes a byte
        String victim = batchFiles().getLast();
        byte[] bad = disk.bytes(victim);
        bad[30] ^= 1;
        disk.setBytes(victim, bad);
        Map<String, byte[]> before = new TreeMap<>();
        disk.files().forEach(name -> before.put(name, disk.bytes(name)));
        try (TraceStore store = open(Mode.READ_ONLY)) {
            Trace trace = store.find("second").orElseThrow();
            assertThrows(StoreException.Damaged.class, () -> Rows.read(memory, trace, 5));
            assertThrows(StoreException.NotPermitted.class, store::compact);
        }
        assertFalse(verify().isWhole());
        assertEquals(List.copyOf(before.keySet()), disk.files());
        before.forEach((name, bytes) -> assertTrue(Arrays.equals(bytes, disk.bytes(name)), name));
    }
}
