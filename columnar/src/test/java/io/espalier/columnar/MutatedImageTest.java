package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ImageProbe.Outcome;
import io.espalier.columnar.ImageProbe.Verdict;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Layouts;
import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Images that are almost right, with checksums that are: what is behind the checksum decides. Each
 * is refused with a reason or accepted, and an accepted one can be walked, sought in, extracted
 * from and merged; no bytes but its own are looked at.
 */
class MutatedImageTest {

    private final ImageProbe probe = new ImageProbe();
    private final Map<Verdict, Integer> verdicts = new EnumMap<>(Verdict.class);

    @AfterEach
    void nothingIsLeft() {
        probe.close();
    }

    /** Some valid images of a type, in encodings that our builder chooses and others. */
    private static List<byte[]> images(TrieType type, Random random, int count, int updates) {
        List<byte[]> images = new ArrayList<>();
        while (images.size() < count) {
            SortedMap<Row, Diff> rows = Tries.random(type, random, 5, 1 + random.nextInt(updates));
            if (!rows.isEmpty()) {
                images.add(new ImageWriter(random).write(type, rows));
            }
        }
        return images;
    }

    private Verdict probe(byte[] bytes, String what) {
        try {
            Outcome outcome = probe.probe(bytes);
            verdicts.merge(outcome.verdict(), 1, Integer::sum);
            return outcome.verdict();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError(what + ": " + java.util.HexFormat.of().formatHex(bytes), e);
        }
    }

    private void assertBothWays(int refusedMin, int validMin) {
        assertTrue(verdicts.getOrDefault(Verdict.REFUSED, 0) >= refusedMin, verdicts::toString);
        assertTrue(verdicts.getOrDefault(Verdict.VALID, 0) >= validMin, verdicts::toString);
    }

    @Test
    void everyEncodingThatTheFormatAllowsIsReadAlike() {
        // fails when some reader relies on the encodings that our builder would have chosen
        Random random = new Random(Seed.value());
        for (TrieType type : Tries.TYPES) {
            for (byte[] image : images(type, random, 300, 20)) {
                assertEquals(Verdict.VALID, probe(image, type.toString()));
            }
        }
    }

    @Test
    void everyWordOfTheHeaderWithEveryInterestingValue() {
        // fails when a count, place, size, width or encoding is believed that cannot be
        everyWordOfTheHeader(1);
        assertBothWays(1000, 10);
    }

    @Test
    @Tag("long")
    void everyWordOfTheHeaderOfManyImages() {
        // fails as the one before
        everyWordOfTheHeader(20);
        assertBothWays(20_000, 200);
    }

    private void everyWordOfTheHeader(int imagesOfEach) {
        Random random = new Random(Seed.value());
        for (TrieType type : Tries.TYPES) {
            for (byte[] image : images(type, random, imagesOfEach, 12)) {
                MemorySegment good = MemorySegment.ofArray(image);
                for (int at = TrieLayout.VERSION_AT; at < TrieLayout.HEADER_BYTES; at += 4) {
                    boolean wide = at % 8 == 0;
                    long value = wide ? good.get(Layouts.LONG, at) : good.get(Layouts.INT, at);
                    for (long other : interesting(good, value)) {
                        byte[] bad = image.clone();
                        MemorySegment segment = MemorySegment.ofArray(bad);
                        segment.set(Layouts.INT, at, (int) other);
                        probeStamped(bad, at, other);
                        if (wide) {
                            segment.set(Layouts.LONG, at, other);
                            probeStamped(bad, at, other);
                        }
                    }
                }
            }
        }
    }

    private void probeStamped(byte[] image, long at, long value) {
        ImageWriter.stamp(image);
        probe(image, "word at " + at + " set to " + value);
    }

    /** Numbers at the edges of what is meant, and those that stand elsewhere in the header. */
    private static Set<Long> interesting(MemorySegment image, long value) {
        long size = image.byteSize();
        Set<Long> all =
                new LinkedHashSet<>(
                        List.of(
                                0L,
                                1L,
                                2L,
                                3L,
                                4L,
                                7L,
                                8L,
                                16L,
                                255L,
                                256L,
                                -1L,
                                -8L,
                                240L,
                                size,
                                size - 8,
                                size + 8,
                                value + 1,
                                value - 1,
                                2 * value,
                                value + 8,
                                value - 8,
                                -value,
                                value / 2,
                                value ^ 1L << 32,
                                value ^ 1L << 63));
        all.addAll(
                List.of(
                        1L << 31,
                        (1L << 31) - 1,
                        1L << 32,
                        (1L << 32) - 1,
                        1L << 61,
                        Long.MAX_VALUE,
                        Long.MIN_VALUE));
        for (int at = TrieLayout.TYPE_AT; at < TrieLayout.HEADER_BYTES; at += 8) {
            all.add(image.get(Layouts.LONG, at));
        }
        all.remove(value);
        return all;
    }

    @Test
    void manyWordsAtOnceAnywhere() {
        // fails when two wrong numbers vouch for each other
        manyWords(5_000);
        assertBothWays(1000, 40);
    }

    @Test
    @Tag("long")
    void manyWordsAtOnceAnywhereForLong() {
        // fails as the one before
        manyWords(2_000_000);
    }

    private void manyWords(int rounds) {
        Random random = new Random(Seed.value() + 1);
        for (int round = 0; round < rounds; round++) {
            TrieType type = Tries.TYPES.get(random.nextInt(Tries.TYPES.size()));
            byte[] image = images(type, random, 1, 12).getFirst();
            MemorySegment segment = MemorySegment.ofArray(image);
            Long[] numbers = interesting(segment, random.nextInt(10)).toArray(Long[]::new);
            for (int i = 1 + random.nextInt(4); i > 0; i--) {
                long at = 4 * random.nextLong(6, image.length / 4);
                switch (random.nextInt(4)) {
                    case 0 -> segment.set(Layouts.BYTE, at, (byte) random.nextInt());
                    case 1 ->
                            segment.set(
                                    Layouts.INT,
                                    at,
                                    segment.get(Layouts.INT, at) + random.nextInt(-2, 3));
                    case 2 ->
                            segment.set(
                                    Layouts.INT,
                                    at,
                                    numbers[random.nextInt(numbers.length)].intValue());
                    default ->
                            segment.set(
                                    Layouts.LONG, at & -8, numbers[random.nextInt(numbers.length)]);
                }
            }
            segment.set(Layouts.LONG, TrieLayout.SIZE_AT, image.length);
            ImageWriter.stamp(image);
            probe(image, "round " + round);
        }
    }

    @Test
    void everyTruncationAndExtensionIsRefused() {
        // fails when an image may end early, or have something behind it
        Random random = new Random(Seed.value() + 2);
        for (TrieType type : Tries.TYPES) {
            byte[] image = images(type, random, 1, 12).getFirst();
            for (int size = 0; size < image.length + 40; size++) {
                if (size == image.length) {
                    continue;
                }
                byte[] bytes = Arrays.copyOf(image, size);
                assertEquals(Verdict.REFUSED, probe(bytes, "size " + size));
                if (size >= TrieLayout.HEADER_BYTES) {
                    // the header says the new size, and the checksum agrees
                    MemorySegment.ofArray(bytes).set(Layouts.LONG, TrieLayout.SIZE_AT, size);
                    ImageWriter.stamp(bytes);
                    assertEquals(Verdict.REFUSED, probe(bytes, "said size " + size));
                }
            }
        }
    }

    @Test
    void anImageOfAnotherTypeIsReadAsThatOrRefused() {
        // fails when the type is believed though the columns are not of it
        Random random = new Random(Seed.value() + 3);
        Set<Long> codes = new TreeSet<>();
        Tries.TYPES.forEach(type -> codes.add(type.code()));
        for (TrieType type : Tries.TYPES) {
            for (int shift = 0; shift < 64; shift += 8) {
                for (long b : new long[] {0, 1, 2, 3, 4, 8, 31, 32, 33, 127, 128, 255}) {
                    codes.add((type.code() & ~(0xFFL << shift)) | (b << shift));
                }
            }
        }
        for (TrieType type : Tries.TYPES) {
            for (byte[] image : images(type, random, 8, 12)) {
                for (long code : codes) {
                    byte[] bytes = image.clone();
                    MemorySegment.ofArray(bytes).set(Layouts.LONG, TrieLayout.TYPE_AT, code);
                    ImageWriter.stamp(bytes);
                    probe(bytes, "type code " + Long.toHexString(code));
                }
            }
        }
        assertBothWays(1000, 64);
    }

    @Test
    void bytesOfAnyKindAreRefused() {
        // fails when something that is no image is taken for one, or breaks the reader
        Random random = new Random(Seed.value() + 4);
        for (int round = 0; round < 20_000; round++) {
            byte[] bytes = new byte[random.nextInt(600)];
            random.nextBytes(bytes);
            if (bytes.length >= TrieLayout.HEADER_BYTES && round % 2 == 0) {
                MemorySegment segment = MemorySegment.ofArray(bytes);
                segment.set(Layouts.LONG, TrieLayout.MAGIC_AT, TrieLayout.MAGIC);
                segment.set(Layouts.INT, TrieLayout.VERSION_AT, TrieLayout.VERSION);
                segment.set(Layouts.LONG, TrieLayout.SIZE_AT, bytes.length);
                ImageWriter.stamp(bytes);
            }
            assertEquals(Verdict.REFUSED, probe(bytes, "garbage"));
        }
    }
}
