package io.espalier.session.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Layouts;
import io.espalier.session.ChangeCursor;
import io.espalier.session.RowCursor;
import io.espalier.session.Store;
import io.espalier.session.StoreException;
import io.espalier.session.StoreOptions;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code kill -9} of a whole upsert, again and again on the same store. */
class KilledUpsertTest {

    private static final int KILLS = Integer.getInteger("espalier.kills", 10);
    private static final int KILLS_LONG = 200;
    private static final int LINES = 120_000;

    @TempDir Path folder;

    /** A stream of puts, overwrites and deletes; a few values are large. */
    private static List<String> stream(long seed) {
        Random random = new Random(seed);
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < LINES; i++) {
            String key = "key" + random.nextInt(4000);
            if (random.nextInt(5) == 0) {
                lines.add(key);
            } else {
                int size = random.nextInt(100) == 0 ? 20_000 : random.nextInt(300);
                lines.add(key + "\t" + i + "." + "v".repeat(size));
            }
        }
        return lines;
    }

    @Test
    void aKilledUpsertLeavesAWholeNumberOfEpochsAndAllThatItReported() throws Exception {
        // fails if a kill at some moment loses a reported epoch, tears one, or damages a file
        kill(KILLS, 7);
    }

    @Tag("long")
    @Test
    void twoHundredKillsLoseNothing() throws Exception {
        // fails as above, more rarely
        kill(KILLS_LONG, 11);
    }

    private void kill(int kills, long seed) throws Exception {
        Random random = new Random(seed);
        int round = 0;
        Path store = folder.resolve("store0");
        List<String> lines = stream(seed);
        TreeMap<String, String> rows = new TreeMap<>();
        int linesDone = 0;
        long epochsDone = 0;
        for (int kill = 0; kill < kills; kill++) {
            if (linesDone > LINES - 20_000) {
                store = folder.resolve("store" + ++round);
                lines = stream(seed + round);
                rows.clear();
                linesDone = 0;
                epochsDone = 0;
            }
            // small epochs that are many, or large ones that do not fit into the budget
            int epochLines = random.nextInt(3) == 0 ? 6000 : 100;
            Path input = folder.resolve("input.tsv");
            Files.write(input, lines.subList(linesDone, LINES), ISO_8859_1);
            Child child =
                    Child.start(
                            folder,
                            "upsert",
                            "--store",
                            store.toString(),
                            "--budget",
                            "1MiB",
                            "--epoch-every",
                            Integer.toString(epochLines),
                            "--report-epochs",
                            "--quiet",
                            input.toString());
            if (kill % 4 == 3) {
                // somewhere while the JVM starts and the store is made or opened
                Thread.sleep(150 + random.nextInt(250));
            } else {
                awaitReport(child);
                Thread.sleep(random.nextInt(600), random.nextInt(1_000_000));
            }
            child.kill();
            long reported = lastReported(child.out());
            if (!isThere(store)) {
                assertEquals(0, reported);
                assertEquals(0, epochsDone);
                continue;
            }
            assertEquals(
                    0, Store.verify(store, p -> assertEquals("whole", p.toString())).problems());
            try (Store opened = Store.open(store, StoreOptions.defaults().withReadOnly(true))) {
                long epoch = opened.epoch();
                assertTrue(epoch >= reported, "reported " + reported + ", found " + epoch);
                assertTrue(epoch >= epochsDone, "had " + epochsDone + ", found " + epoch);
                int linesNow = (int) Math.min(LINES, linesDone + (epoch - epochsDone) * epochLines);
                apply(rows, lines.subList(linesDone, linesNow));
                assertHolds(rows, opened, epoch);
                linesDone = linesNow;
                epochsDone = epoch;
            }
        }
    }

    private static boolean isThere(Path store) {
        try (Store opened = Store.open(store, StoreOptions.defaults())) {
            return opened.epoch() >= 0;
        } catch (StoreException.Absent e) {
            return false;
        }
    }

    private static void awaitReport(Child child) throws Exception {
        while (child.process.isAlive() && child.out().isEmpty()) {
            Thread.sleep(5);
        }
    }

    /** The last line may be cut short. */
    private static long lastReported(String out) {
        int end = out.lastIndexOf('\n');
        if (end < 0) {
            return 0;
        }
        int start = out.lastIndexOf('\n', end - 1) + 1;
        return Long.parseLong(out.substring(start, end).split(" ", -1)[1]);
    }

    private static void apply(Map<String, String> rows, List<String> lines) {
        for (String line : lines) {
            int tab = line.indexOf('\t');
            if (tab < 0) {
                rows.remove(line);
            } else {
                rows.put(line.substring(0, tab), line.substring(tab + 1));
            }
        }
    }

    /** By scan, and by adding up all changes. */
    static void assertHolds(Map<String, String> rows, Store store, long epoch) {
        TreeMap<String, String> found = new TreeMap<>();
        try (RowCursor cursor = store.table().scan(null, null, epoch)) {
            while (cursor.next()) {
                found.put(key(cursor), value(cursor));
            }
        }
        assertEquals(rows, found);
        found.clear();
        long last = 0;
        try (ChangeCursor cursor = store.table().changes(0)) {
            while (cursor.next()) {
                assertTrue(cursor.epoch() >= last);
                last = cursor.epoch();
                if (cursor.diff() > 0) {
                    assertEquals(null, found.put(key(cursor), value(cursor)));
                } else {
                    assertEquals(value(cursor), found.remove(key(cursor)));
                }
            }
        }
        assertEquals(rows, found);
    }

    private static String key(RowCursor cursor) {
        return text(cursor.segment(), cursor.keyOffset(), cursor.keySize());
    }

    private static String value(RowCursor cursor) {
        return text(cursor.segment(), cursor.valueOffset(), cursor.valueSize());
    }

    private static String text(MemorySegment segment, long offset, long size) {
        byte[] bytes = new byte[(int) size];
        MemorySegment.copy(segment, Layouts.BYTE, offset, bytes, 0, bytes.length);
        return new String(bytes, ISO_8859_1);
    }
}
