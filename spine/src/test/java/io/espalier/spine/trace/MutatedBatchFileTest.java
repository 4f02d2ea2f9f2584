package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.KeyHashes;
import io.espalier.columnar.Run;
import io.espalier.memory.Layouts;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Batch files with wrong numbers and right checksums. What the check of the whole store accepts is
 * read to its end; what it does not is damage that is named, or read without leaving the file.
 */
class MutatedBatchFileTest {

    private static final StoreDirectory.Options DIRECTORY =
            new StoreDirectory.Options(1 << 20, () -> new UUID(3, 4));
    private static final TraceStoreOptions OPTIONS =
            TraceStoreOptions.defaults().withCompaction(false).withChunkBytes(150);
    private static final String TABLE = "t";
    private static final int KEYS_LOOKED_UP = 3;

    @TempDir Path folder = Path.of("");

    private final SimulatedDisk disk = new SimulatedDisk(7);
    private final NativeMemory memory =
            NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
    private Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
    private int accepted;
    private int refused;

    @AfterEach
    void close() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private TraceStore open(Mode mode) {
        return TraceStore.open(disk, mode, pager, OPTIONS, DIRECTORY);
    }

    /** A store with one batch file of a few chunks; the name of the file. */
    private String fill(int rows) {
        pager.close();
        pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
        Map<String, String> after = new TreeMap<>();
        for (int i = 0; i < rows; i++) {
            after.put("key-" + i % 5 + i, Rows.text("value-", i % 7));
        }
        try (TraceStore store = open(Mode.CREATE);
                Commit commit = store.begin()) {
            long epoch = store.upper();
            Rows.appendChange(
                    memory,
                    commit.writer(store.findOrCreate(TABLE)),
                    new TreeMap<>(),
                    after,
                    epoch);
            commit.commit(epoch);
        }
        List<String> names =
                disk.files().stream().filter(name -> name.startsWith("batches/")).toList();
        assertEquals(1, names.size());
        return names.getFirst();
    }

    /** A part of a file with a checksum of its own, which covers it from {@code covered} on. */
    private record Part(int from, int to, int checksumAt, int covered) {
        void stamp(byte[] file) {
            CRC32C crc = new CRC32C();
            crc.update(file, from + covered, to - from - covered);
            MemorySegment.ofArray(file).set(Layouts.INT, from + checksumAt, (int) crc.getValue());
        }
    }

    /** Header, footer, fence index, first and last chunk, filter, and directory of the filters. */
    private static List<Part> parts(byte[] file) {
        MemorySegment segment = MemorySegment.ofArray(file);
        int footer = file.length - BatchFileFormat.FOOTER_BYTES;
        int index = (int) segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_INDEX_AT);
        int directory =
                (int) segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_DIRECTORY_AT);
        int filter = (int) segment.get(Layouts.LONG, directory + FilterFormat.DIRECTORY_HEAD_BYTES);
        int first = BatchFileFormat.HEADER_BYTES;
        // an image says its size at byte 16
        int second = first + (int) segment.get(Layouts.LONG, first + 16);
        int last = first;
        for (int at = second; at < filter; ) {
            last = at;
            at += (int) segment.get(Layouts.LONG, at + 16);
        }
        assertTrue(last >= second, "more than one chunk");
        return List.of(
                new Part(0, BatchFileFormat.HEADER_BYTES, 8, 12),
                new Part(footer, file.length, 8, 12),
                new Part(index, directory, 8, 12),
                new Part(first, second, 8, 12),
                new Part(last, filter, 8, 12),
                new Part(filter, index, 8, 12),
                new Part(directory, footer, 8, 12));
    }

    private void probe(String name, byte[] file, String what) {
        disk.setBytes(name, file);
        try {
            boolean whole = TraceStore.verify(disk, pager, damage -> {}).isWhole();
            try (TraceStore store = open(Mode.READ_ONLY)) {
                Rows.scan(memory, store.find(TABLE).orElseThrow());
                int found = look(store.find(TABLE).orElseThrow());
                assertTrue(!whole || found == KEYS_LOOKED_UP, "a filter denies a key");
            } catch (StoreException.Damaged e) {
                assertFalse(whole, () -> "verified, and then: " + e);
                assertTrue(e.getMessage().contains(name), e.getMessage());
            } catch (IllegalArgumentException | ArithmeticException e) {
                // of values that are not in order; the verification says so
                assertFalse(whole, () -> "verified, and then: " + e);
            }
            accepted += whole ? 1 : 0;
            refused += whole ? 0 : 1;
            assertEquals(0, memory.stats().leases());
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError(what + ": " + HexFormat.of().formatHex(file), e);
        }
    }

    /** How many of the keys that every file has its filter lets pass. */
    private int look(Trace trace) {
        try (TraceSnapshot snapshot = trace.snapshot();
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            long[] hashes = new long[KEYS_LOOKED_UP];
            int[] all = new int[KEYS_LOOKED_UP];
            for (int i = 0; i < KEYS_LOOKED_UP; i++) {
                byte[] key = ("key-" + i % 5 + i).getBytes(StandardCharsets.US_ASCII);
                probes.append(key, 0, key.length);
                all[i] = i;
            }
            KeyHashes.hash(probes.column(), KEYS_LOOKED_UP, hashes);
            Run run = snapshot.runs().getFirst();
            return run.sift(probes.column(), hashes, all, KEYS_LOOKED_UP, new int[KEYS_LOOKED_UP]);
        }
    }

    private static Set<Long> interesting(byte[] file, long value) {
        Set<Long> all =
                new LinkedHashSet<>(
                        List.of(
                                0L,
                                1L,
                                2L,
                                3L,
                                24L,
                                40L,
                                104L,
                                -1L,
                                -8L,
                                value + 1,
                                value - 1,
                                value + 8,
                                value - 8,
                                2 * value,
                                -value,
                                value ^ 1L << 32));
        all.addAll(
                List.of(
                        (long) file.length,
                        file.length - 104L,
                        1L << 31,
                        1L << 32,
                        Long.MAX_VALUE,
                        Long.MIN_VALUE));
        all.remove(value);
        return all;
    }

    @Test
    void everyWordOfHeaderFooterIndexAndChunksWithEveryInterestingValue() {
        // fails when a place, count or type in a batch file is believed that cannot be
        String name = fill(12);
        byte[] good = disk.bytes(name);
        for (Part part : parts(good)) {
            MemorySegment segment = MemorySegment.ofArray(good);
            for (int at = part.from + part.covered; at + 4 <= part.to; at += 4) {
                boolean wide = (at - part.from) % 8 == 0 && at + 8 <= part.to;
                long value = wide ? segment.get(Layouts.LONG, at) : segment.get(Layouts.INT, at);
                for (long other : interesting(good, value)) {
                    byte[] bad = good.clone();
                    MemorySegment words = MemorySegment.ofArray(bad);
                    if (wide) {
                        words.set(Layouts.LONG, at, other);
                    } else {
                        words.set(Layouts.INT, at, (int) other);
                    }
                    part.stamp(bad);
                    probe(name, bad, "word at " + at + " set to " + other);
                }
            }
        }
        assertTrue(refused > 4000, () -> refused + " refused");
        assertTrue(accepted > 20, () -> accepted + " accepted");
    }

    @Test
    void manyBytesAtOnceInManyParts() {
        // fails when wrong numbers in different parts of a file vouch for each other
        String name = fill(8);
        byte[] good = disk.bytes(name);
        Random random = new Random(Seed.value());
        List<Part> parts = parts(good);
        for (int round = 0; round < 3000; round++) {
            byte[] bad = good.clone();
            MemorySegment words = MemorySegment.ofArray(bad);
            for (int i = 1 + random.nextInt(4); i > 0; i--) {
                Part part = parts.get(random.nextInt(parts.size()));
                int from = part.from + part.covered;
                int at = from + random.nextInt((part.to - from) / 4) * 4;
                Long[] numbers = interesting(good, random.nextInt(200)).toArray(Long[]::new);
                int number = numbers[random.nextInt(numbers.length)].intValue();
                words.set(
                        Layouts.INT,
                        at,
                        random.nextBoolean() ? number : words.get(Layouts.INT, at) + number % 8);
                part.stamp(bad);
            }
            probe(name, bad, "round " + round);
        }
        assertTrue(refused > 1000, () -> refused + " refused");
    }

    @Test
    void chunksOfAnotherPlaceOrSizeAreRefused() {
        // fails when chunks may change places, or a file may end in the middle of one
        String name = fill(12);
        byte[] good = disk.bytes(name);
        Part first = parts(good).get(3);
        Part last = parts(good).get(4);
        byte[] bad = good.clone();
        int size = Math.min(first.to - first.from, last.to - last.from);
        System.arraycopy(good, first.from, bad, last.from, size);
        probe(name, bad, "first chunk at the place of the last");
        for (int length = 0; length < good.length; length += 8) {
            probe(name, Arrays.copyOf(good, length), "cut to " + length);
        }
        assertEquals(0, accepted);
    }
}
