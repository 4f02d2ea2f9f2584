package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ImageProbe.Outcome;
import io.espalier.columnar.ImageProbe.Verdict;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.testing.Seed;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What {@link MutatedImageTest} does with tries, with flat images. */
class MutatedFlatImageTest {

    private final NativeMemory memory = NativeMemory.open();
    private final Pager pager = TestPagers.open(memory);
    private final ImageProbe probe = new ImageProbe();
    private final Map<Verdict, Integer> verdicts = new EnumMap<>(Verdict.class);

    @AfterEach
    void nothingIsLeft() {
        probe.close();
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private byte[] image(TrieType type, Random random, int updates) {
        while (true) {
            SortedMap<Row, Diff> rows = Tries.random(type, random, 5, 1 + random.nextInt(updates));
            if (!rows.isEmpty()) {
                try (Batch batch = Chains.form(pager, ChunkKind.FLAT, type, rows, 1 << 30)) {
                    return Images.bytes(batch.chunk(0));
                }
            }
        }
    }

    private static void stamp(byte[] image) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocateFrom(ValueLayout.JAVA_BYTE, image);
            int from = FlatLayout.VERSION_AT;
            int sum = Checksums.crc32c(copy, from, image.length - from);
            MemorySegment.ofArray(image).set(Layouts.INT, FlatLayout.CHECKSUM_AT, sum);
        }
    }

    private Verdict probe(byte[] bytes, String what) {
        try {
            Outcome outcome = probe.probeFlat(bytes);
            verdicts.merge(outcome.verdict(), 1, Integer::sum);
            return outcome.verdict();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError(what + ": " + HexFormat.of().formatHex(bytes), e);
        }
    }

    private static Set<Long> interesting(MemorySegment image, long value) {
        long size = image.byteSize();
        Set<Long> all =
                new LinkedHashSet<>(
                        List.of(
                                0L,
                                1L,
                                2L,
                                3L,
                                7L,
                                8L,
                                16L,
                                88L,
                                -1L,
                                -8L,
                                size,
                                size - 88,
                                value + 1,
                                value - 1,
                                value + 8,
                                value - 8,
                                2 * value,
                                -value,
                                value ^ 1L << 32,
                                value ^ 1L << 63,
                                1L << 31,
                                1L << 61));
        all.addAll(List.of((1L << 31) - 1, (1L << 32) - 1, Long.MAX_VALUE, Long.MIN_VALUE));
        for (int at = FlatLayout.TYPE_AT; at < FlatLayout.HEADER_BYTES; at += 8) {
            all.add(image.get(Layouts.LONG, at));
        }
        all.remove(value);
        return all;
    }

    @Test
    void everyImageIsValid() {
        // fails when the probe, and not what it probes, is wrong
        Random random = new Random(Seed.value());
        for (TrieType type : Tries.TYPES) {
            for (int i = 0; i < 20; i++) {
                assertEquals(Verdict.VALID, probe(image(type, random, 20), type.toString()));
            }
        }
    }

    @Test
    void everyWordOfTheHeaderWithEveryInterestingValue() {
        // fails when a count, size or bound is believed that cannot be
        Random random = new Random(Seed.value());
        for (TrieType type : Tries.TYPES) {
            byte[] image = image(type, random, 12);
            MemorySegment good = MemorySegment.ofArray(image);
            for (int at = FlatLayout.VERSION_AT; at < FlatLayout.HEADER_BYTES; at += 4) {
                boolean wide = at % 8 == 0;
                long value = wide ? good.get(Layouts.LONG, at) : good.get(Layouts.INT, at);
                for (long other : interesting(good, value)) {
                    byte[] bad = image.clone();
                    MemorySegment segment = MemorySegment.ofArray(bad);
                    if (wide) {
                        segment.set(Layouts.LONG, at, other);
                    } else {
                        segment.set(Layouts.INT, at, (int) other);
                    }
                    stamp(bad);
                    probe(bad, "word at " + at + " set to " + other);
                }
            }
        }
        assertTrue(verdicts.getOrDefault(Verdict.REFUSED, 0) > 1000, verdicts::toString);
    }

    @Test
    void manyWordsAtOnceAnywhere() {
        // fails when two wrong numbers vouch for each other
        manyWords(2500);
        assertTrue(verdicts.getOrDefault(Verdict.REFUSED, 0) > 1000, verdicts::toString);
        assertTrue(verdicts.getOrDefault(Verdict.VALID, 0) > 100, verdicts::toString);
    }

    @Test
    @Tag("long")
    void manyWordsAtOnceAnywhereForLong() {
        // fails as the one before
        manyWords(400_000);
    }

    private void manyWords(int rounds) {
        Random random = new Random(Seed.value() + 1);
        for (int round = 0; round < rounds; round++) {
            byte[] image = image(Tries.TYPES.get(random.nextInt(Tries.TYPES.size())), random, 12);
            MemorySegment segment = MemorySegment.ofArray(image);
            Long[] numbers = interesting(segment, random.nextInt(10)).toArray(Long[]::new);
            for (int i = 1 + random.nextInt(3); i > 0; i--) {
                long at = 4 * random.nextLong(6, image.length / 4);
                int number = numbers[random.nextInt(numbers.length)].intValue();
                boolean near = random.nextBoolean();
                segment.set(
                        Layouts.INT,
                        at,
                        near ? segment.get(Layouts.INT, at) + random.nextInt(-2, 3) : number);
            }
            segment.set(Layouts.LONG, FlatLayout.SIZE_AT, image.length);
            stamp(image);
            probe(image, "round " + round);
        }
    }

    @Test
    void everyTruncationAndExtensionIsRefused() {
        // fails when an image may end early, or have something behind it
        Random random = new Random(Seed.value() + 2);
        for (TrieType type : Tries.TYPES) {
            byte[] image = image(type, random, 12);
            for (int size = 0; size < image.length + 40; size++) {
                if (size == image.length) {
                    continue;
                }
                byte[] bytes = Arrays.copyOf(image, size);
                assertEquals(Verdict.REFUSED, probe(bytes, "size " + size));
                if (size >= FlatLayout.HEADER_BYTES) {
                    MemorySegment.ofArray(bytes).set(Layouts.LONG, FlatLayout.SIZE_AT, size);
                    stamp(bytes);
                    assertEquals(Verdict.REFUSED, probe(bytes, "said size " + size));
                }
            }
        }
    }

    @Test
    void anImageOfAnotherTypeOrLayoutIsRefusedOrReadAsThat() {
        // fails when the type is believed though the rows are not of it
        Random random = new Random(Seed.value() + 3);
        for (TrieType type : Tries.TYPES) {
            byte[] image = image(type, random, 12);
            for (TrieType other : Tries.TYPES) {
                byte[] bytes = image.clone();
                MemorySegment.ofArray(bytes).set(Layouts.LONG, FlatLayout.TYPE_AT, other.code());
                stamp(bytes);
                probe(bytes, "read as " + other);
            }
            assertEquals(Verdict.REFUSED, probe.probe(image).verdict());
        }
    }
}
