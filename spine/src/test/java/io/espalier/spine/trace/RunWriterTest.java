package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.KeyHashes;
import io.espalier.columnar.LatestValues;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.PartRef;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs of several files: how they are written, and that they read as one. */
class RunWriterTest {

    private static final int ROUNDS = 400;

    @TempDir Path folder = Path.of("");

    private final NativeMemory memory =
            NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));

    @AfterEach
    void close() {
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private StoreDirectory directory(SimulatedDisk disk) {
        return StoreDirectory.open(
                disk,
                StoreDirectory.Mode.OPEN_OR_CREATE,
                new Ledger(),
                new StoreDirectory.Options(1 << 20, () -> new UUID(3, 4)));
    }

    /** Rows in the order of their keys; some keys have many vals, so that they fill chunks. */
    private static NavigableMap<String, NavigableSet<String>> rows(Random random) {
        NavigableMap<String, NavigableSet<String>> rows = new TreeMap<>();
        for (int i = random.nextInt(60); i >= 0; i--) {
            NavigableSet<String> vals =
                    rows.computeIfAbsent("k" + random.nextInt(90), k -> new TreeSet<>());
            for (int j = random.nextInt(10) == 0 ? random.nextInt(80) : 0; j >= 0; j--) {
                vals.add(Rows.text("v" + random.nextInt(500), random.nextInt(20)));
            }
        }
        return rows;
    }

    private RunWriter writer(
            StoreDirectory directory, long chunkBytes, long partBytes, List<String> cuts) {
        return new RunWriter(
                memory,
                directory::createBatchFile,
                chunkBytes,
                partBytes,
                cuts.stream().map(cut -> cut.getBytes(StandardCharsets.UTF_8)).toList());
    }

    private void append(
            RunWriter writer, long chunkBytes, NavigableMap<String, NavigableSet<String>> rows) {
        try (ChainBuilder chain =
                new ChainBuilder(
                        new TrieBuilder(memory, TrieType.BYTES_TO_BYTES), chunkBytes, writer)) {
            rows.forEach(
                    (key, vals) -> vals.forEach(val -> Rows.append(memory, chain, key, val, 1, 1)));
            chain.finish();
        }
    }

    /** What a run holds, in its order. */
    private List<String> read(Run run) {
        List<String> all = new ArrayList<>();
        try (AsOfCursor cursor = new AsOfCursor(memory, List.of(run), -1)) {
            while (cursor.next()) {
                all.add(
                        Rows.string(cursor.keys(), cursor.key())
                                + "="
                                + Rows.string(cursor.vals(), cursor.val()));
            }
        }
        return all;
    }

    private static List<String> keysOf(List<String> rows) {
        return rows.stream().map(row -> row.substring(0, row.indexOf('='))).distinct().toList();
    }

    @Test
    void filesEndBetweenKeysWhereTheyAreLargeAndWhereTheyAreTold() {
        // fails if a key is in two files, a row in none, a cut is missed, or a file has no end
        Random random = new Random(5);
        int several = 0;
        try (StoreDirectory directory = directory(new SimulatedDisk(12));
                Pager pager =
                        Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder))) {
            for (int round = 0; round < ROUNDS; round++) {
                NavigableMap<String, NavigableSet<String>> rows = rows(random);
                List<String> expected = new ArrayList<>();
                rows.forEach((key, vals) -> vals.forEach(val -> expected.add(key + "=" + val)));
                TreeSet<String> cuts = new TreeSet<>();
                for (int i = random.nextInt(5); i > 0; i--) {
                    cuts.add("k" + random.nextInt(95));
                }
                long chunkBytes = 1L << random.nextInt(12);
                long partBytes = random.nextBoolean() ? Long.MAX_VALUE : 1L << random.nextInt(14);
                List<PartRef> parts;
                try (RunWriter writer =
                        writer(directory, chunkBytes, partBytes, List.copyOf(cuts))) {
                    append(writer, chunkBytes, rows);
                    parts = writer.finish();
                }
                List<BatchFile> files =
                        parts.stream()
                                .map(part -> new BatchFile(directory.batches(), pager, part))
                                .toList();
                try {
                    StoredRun run = BatchFileChain.of(files);
                    several += files.size() > 1 ? 1 : 0;
                    assertEquals(expected, read(run));
                    assertEquals(expected.size(), run.updateCount());
                    checkEnds(files, cuts, partBytes, expected);
                    checkReads(run, rows, random);
                } finally {
                    BatchFile.releaseAll(files, true);
                }
            }
        }
        assertTrue(several > ROUNDS / 3);
    }

    private void checkEnds(
            List<BatchFile> files,
            NavigableSet<String> cuts,
            long partBytes,
            List<String> expected) {
        List<Damage> damages = new ArrayList<>();
        files.forEach(file -> assertTrue(BatchFileCheck.verify(file, damages::add)));
        BatchFileCheck.verifyOrder(files, damages::add);
        assertEquals(List.of(), damages);
        List<String> rows = new ArrayList<>();
        String last = null;
        for (int i = 0; i < files.size(); i++) {
            List<String> ofFile = read(files.get(i));
            rows.addAll(ofFile);
            List<String> keys = keysOf(ofFile);
            String first = keys.getFirst();
            assertTrue(last == null || last.compareTo(first) < 0);
            // no cut is within a file
            String cut = cuts.ceiling(first);
            assertTrue(cut == null || keys.getLast().compareTo(cut) <= 0, () -> keys + " " + cuts);
            assertEquals(first, new String(files.get(i).firstKey(), StandardCharsets.UTF_8));
            last = new String(files.get(i).lastKey(), StandardCharsets.UTF_8);
            assertEquals(keys.getLast(), last);
            if (i < files.size() - 1) {
                String next = keysOf(read(files.get(i + 1))).getFirst();
                boolean told = cut != null && cut.compareTo(next) < 0;
                assertTrue(told || files.get(i).sizeBytes() >= partBytes);
            }
        }
        assertEquals(expected, rows);
    }

    /** Looks keys up by seeking, by filters, and by both. */
    private void checkReads(
            StoredRun run, NavigableMap<String, NavigableSet<String>> rows, Random random) {
        Map<String, String> single = new TreeMap<>();
        TreeSet<String> asked = new TreeSet<>();
        for (int i = random.nextInt(30); i >= 0; i--) {
            String key = "k" + random.nextInt(100) + (random.nextInt(4) == 0 ? "x" : "");
            NavigableSet<String> vals = rows.get(key);
            if (vals == null || vals.size() == 1) {
                asked.add(key);
                if (vals != null) {
                    single.put(key, vals.getFirst());
                }
            }
        }
        try (LatestValues latest = new LatestValues(memory);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            List<String> keys = List.copyOf(asked);
            for (String key : keys) {
                byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
                probes.append(bytes, 0, bytes.length);
            }
            latest.read(List.of(run), probes.column(), 1);
            Map<String, String> found = new TreeMap<>();
            long[] hashes = new long[keys.size()];
            KeyHashes.hash(probes.column(), keys.size(), hashes);
            int[] some = new int[keys.size()];
            for (int i = 0; i < keys.size(); i++) {
                some[i] = i;
                if (latest.isPresent(i)) {
                    found.put(
                            keys.get(i),
                            Rows.string(latest.segment(), latest.offsetOf(i), latest.sizeOf(i)));
                }
            }
            assertEquals(single, found);
            int[] kept = new int[keys.size()];
            int count = run.sift(probes.column(), hashes, some, keys.size(), kept);
            TreeSet<String> may = new TreeSet<>();
            for (int i = 0; i < count; i++) {
                assertTrue(i == 0 || kept[i - 1] < kept[i]);
                may.add(keys.get(kept[i]));
            }
            assertTrue(may.containsAll(single.keySet()));
            for (int i = 0; i < keys.size(); i++) {
                long from = random.nextLong(run.chunkCount() + 1);
                long expected = from;
                while (expected < run.chunkCount() && isBelow(run, expected, keys.get(i))) {
                    expected++;
                }
                assertEquals(expected, run.seek(probes.column(), i, from));
            }
        }
    }

    private static boolean isBelow(StoredRun run, long chunk, String key) {
        TrieView view = new TrieView();
        try (ChunkPin pin = run.open(chunk, view)) {
            return Rows.string(view.keys(), view.keyCount() - 1).compareTo(key) < 0;
        }
    }

    @Test
    void whatWasFinishedIsKnownWhenTheNextFileFails() {
        // fails if files are left behind that nobody deletes
        NavigableMap<String, NavigableSet<String>> rows = new TreeMap<>();
        for (int i = 0; i < 200; i++) {
            rows.computeIfAbsent("k" + (1000 + i), k -> new TreeSet<>()).add("v");
        }
        int failed = 0;
        for (int step = 0; step < 40; step++) {
            SimulatedDisk own = new SimulatedDisk(step);
            try (StoreDirectory directory = directory(own)) {
                List<PartRef> written;
                boolean stopped = false;
                try (RunWriter writer = writer(directory, 100, 1500, List.of())) {
                    own.failAt(own.steps() + step, Fault.FULL);
                    try {
                        append(writer, 100, rows);
                        writer.finish();
                    } catch (StoreException.Full e) {
                        failed++;
                    } catch (StoreException.Stopped e) {
                        // nothing is deleted then, whosever it is
                        stopped = true;
                    }
                    written = writer.written();
                }
                own.failNoMore();
                long left = own.files().stream().filter(n -> n.startsWith("batches/")).count();
                assertTrue(stopped || left == written.size(), () -> own.files().toString());
            }
        }
        assertTrue(failed > 10);
    }
}
