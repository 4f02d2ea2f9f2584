package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Layouts;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.PartRef;
import io.espalier.spine.disk.SimulatedDisk;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Looking keys up in batch files, with filters, without, and with damaged ones. */
class FilteredFileTest {

    @TempDir Path folder = Path.of("");

    private final SimulatedDisk disk = new SimulatedDisk(9);
    private final NativeMemory memory =
            NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));

    @AfterEach
    void close() {
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private StoreDirectory directory() {
        return StoreDirectory.open(
                disk,
                StoreDirectory.Mode.OPEN_OR_CREATE,
                new Ledger(),
                new StoreDirectory.Options(1 << 20, () -> new UUID(3, 4)));
    }

    /** Writes changes at epoch 1; a section of the filter for each so many keys. */
    private PartRef write(
            StoreDirectory directory,
            Map<String, String> before,
            Map<String, String> after,
            long chunkBytes,
            long sectionKeys) {
        try (BatchFileWriter file =
                        BatchFileWriter.create(memory, directory.createBatchFile(), sectionKeys);
                ChainBuilder chain =
                        new ChainBuilder(
                                new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                                chunkBytes,
                                file)) {
            Rows.appendChange(memory, chain, before, after, 1);
            chain.finish();
            return file.finish();
        }
    }

    private Map<String, String> look(List<? extends Run> runs, Iterable<String> keys) {
        Map<String, String> found = new TreeMap<>();
        try (LatestValues latest = new LatestValues(memory);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            List<String> all = new ArrayList<>();
            for (String key : keys) {
                byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
                probes.append(bytes, 0, bytes.length);
                all.add(key);
            }
            latest.read(runs, probes.column(), 1);
            for (int i = 0; i < all.size(); i++) {
                if (latest.isPresent(i)) {
                    byte[] value = new byte[(int) latest.sizeOf(i)];
                    MemorySegment.copy(
                            latest.segment(),
                            Layouts.BYTE,
                            latest.offsetOf(i),
                            value,
                            0,
                            value.length);
                    found.put(all.get(i), new String(value, StandardCharsets.UTF_8));
                }
            }
        }
        return found;
    }

    private static List<Damage> verify(BatchFile file) {
        List<Damage> damages = new ArrayList<>();
        BatchFileCheck.verify(file, damages::add);
        return damages;
    }

    @Test
    void whatIsLookedUpIsFoundWhateverTheSectionsAndChunks() {
        // fails if a key at a seam of chunks or sections is denied, or a stale value is found
        try (Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
                StoreDirectory directory = directory()) {
            int severalSections = 0;
            for (int seed = 0; seed < 150; seed++) {
                Random random = new Random(seed);
                Map<String, String> before = new TreeMap<>();
                Map<String, String> after = new TreeMap<>();
                int size = 1 + random.nextInt(400);
                for (int i = 0; i < size; i++) {
                    String key = "k" + random.nextInt(1000);
                    before.put(key, "old" + i);
                    if (random.nextBoolean()) {
                        after.put(key, "new" + i);
                    }
                    if (random.nextInt(4) == 0) {
                        after.put("m" + random.nextInt(1000), "new");
                    }
                }
                PartRef part =
                        write(
                                directory,
                                before,
                                after,
                                1 << random.nextInt(12),
                                1 + random.nextInt(100));
                PartRef base = write(directory, Map.of(), before, 1 << random.nextInt(12), 50);
                BatchFile old = new BatchFile(directory.batches(), pager, base);
                BatchFile file = new BatchFile(directory.batches(), pager, part);
                try {
                    assertTrue(file.hasFilter());
                    assertEquals(List.of(), verify(file));
                    KeyFilters filters = file.opened().filters;
                    severalSections += filters != null && filters.count() > 2 ? 1 : 0;
                    for (int round = 0; round < 20; round++) {
                        TreeSet<String> probes = new TreeSet<>();
                        for (int i = random.nextInt(size / 12 + 2); i >= 0; i--) {
                            probes.add((random.nextBoolean() ? "k" : "m") + random.nextInt(1000));
                        }
                        Map<String, String> expected = new TreeMap<>(after);
                        expected.keySet().retainAll(probes);
                        assertEquals(expected, look(List.of(old, file), probes), "seed " + seed);
                    }
                } finally {
                    file.release(false);
                    old.release(false);
                }
            }
            assertTrue(severalSections > 50, severalSections + " files with several sections");
        }
    }

    @Test
    void aFileWithoutFiltersIsReadAsEver() throws IOException {
        // fails if a file of the first version cannot be read any more
        byte[] first = Golden.bytes("batch-file-1");
        try (Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
                StoreDirectory directory = directory()) {
            directory.createBatchFile().close();
            NewBatchFile created = directory.createBatchFile();
            assertEquals(1, created.id());
            created.append(ByteBuffer.wrap(first));
            created.finish();
            PartRef part = new PartRef("b1", 1, 3, first.length, OptionalLong.of(4));
            BatchFile file = new BatchFile(directory.batches(), pager, part);
            try {
                assertFalse(file.hasFilter());
                assertEquals(List.of(), verify(file));
                assertEquals(Map.of("pear", "yellow"), look(List.of(file), List.of("fig", "pear")));
            } finally {
                file.release(false);
            }
        }
    }

    @Test
    void aDamagedFilterIsNamedAndTheFileCanStillBeScanned() {
        // fails if a broken filter denies keys, or takes the data with it
        try (Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
                StoreDirectory directory = directory()) {
            Map<String, String> rows = new TreeMap<>();
            for (int i = 0; i < 100; i++) {
                rows.put("k" + i, "v" + i);
            }
            PartRef part = write(directory, Map.of(), rows, 200, 1000);
            String name = Names.batch(part.fileId());
            byte[] good = disk.bytes(name);
            BatchFile whole = new BatchFile(directory.batches(), pager, part);
            KeyFilters filters = whole.opened().filters;
            if (filters == null) {
                throw new AssertionError("no filter");
            }
            int at = (int) filters.at(0);
            int end = at + (int) filters.sizeBytes(0);
            whole.release(false);
            for (int i = at; i < end; i++) {
                byte[] bad = good.clone();
                bad[i] ^= 4;
                disk.setBytes(name, bad);
                BatchFile file = new BatchFile(directory.batches(), pager, part);
                try {
                    StoreException.Damaged told =
                            assertThrows(
                                    StoreException.Damaged.class,
                                    () -> look(List.of(file), List.of("k7")));
                    assertEquals(at, told.damage().offset());
                    assertFalse(verify(file).isEmpty());
                    long updates = 0;
                    for (long chunk = 0; chunk < file.chunkCount(); chunk++) {
                        TrieView view = new TrieView();
                        try (ChunkPin pin = file.open(chunk, view)) {
                            updates += view.updateCount();
                        }
                    }
                    assertEquals(100, updates);
                } finally {
                    file.release(false);
                }
            }
        }
    }
}
