package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.testing.NativeMemoryExtension;
import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NativeMemoryExtension.class)
final class WordsTest {

    /** Fails if a word is read or written at another place, or in another byte order. */
    @Test
    void wordsAreLittleEndianAtTheirIndex(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        try (Lease lease = memory.allocate(64)) {
            long offset = lease.offset() + 3; // unaligned on purpose
            Words.setLong(segment, offset, 2, 0x0807060504030201L);
            for (int i = 0; i < 8; i++) {
                assertEquals(i + 1, segment.get(Layouts.BYTE, offset + 16 + i));
            }
            assertEquals(0x0807060504030201L, Words.getLong(segment, offset, 2));
            Words.setInt(segment, offset, 5, 0xFF030201);
            assertEquals(0xFF030201, Words.getInt(segment, offset, 5));
            assertEquals(0xFF030201L, Words.getUnsignedInt(segment, offset, 5));
            assertEquals(0xFF03020104030201L, Words.getLong(segment, offset, 2));
        }
    }

    /** Fails if flipping does not turn unsigned order into signed order, and back. */
    @Test
    void flippingTurnsUnsignedOrderIntoSignedOrder() {
        long[] values = {0, 1, Long.MAX_VALUE, Long.MIN_VALUE, -1};
        for (int i = 1; i < values.length; i++) {
            long before = values[i - 1] ^ Words.FLIP;
            long after = values[i] ^ Words.FLIP;
            assertEquals(-1, Long.compare(before, after));
            assertEquals(values[i], after ^ Words.FLIP);
        }
    }

    /** Fails if the gallop misses the first value that is not less, for any start and any key. */
    @Test
    void gallopFindsWhatATreeFinds(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        Random random = new Random(Seed.value() + 3);
        try (Lease lease = memory.allocate(8 * 300)) {
            long offset = lease.offset();
            for (int count = 0; count < 70; count++) {
                long[] values =
                        random.longs(count, -count / 2 - 1, count / 2 + 1).sorted().toArray();
                MemorySegment.copy(values, 0, segment, Layouts.LONG, offset, count);
                for (int from = 0; from <= count; from++) {
                    TreeMap<Long, Integer> first = new TreeMap<>();
                    for (int i = count - 1; i >= from; i--) {
                        first.put(values[i], i);
                    }
                    for (long key = -count / 2 - 2L; key <= count / 2 + 2L; key++) {
                        var entry = first.ceilingEntry(key);
                        long expected = entry == null ? count : entry.getValue();
                        assertEquals(expected, Words.gallop(segment, offset, from, count, key));
                    }
                }
            }
            Words.setLong(segment, offset, 0, Long.MIN_VALUE);
            Words.setLong(segment, offset, 1, Long.MAX_VALUE);
            assertEquals(0, Words.gallop(segment, offset, 0, 2, Long.MIN_VALUE));
            assertEquals(1, Words.gallop(segment, offset, 0, 2, Long.MAX_VALUE));
        }
    }

    /** Fails if a bound, beyond 31 bits too, leads to another group than counting does. */
    @Test
    void firstAboveFindsWhatCountingFinds(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        Random random = new Random(Seed.value() + 4);
        try (Lease lease = memory.allocate(4 * 64)) {
            long offset = lease.offset();
            for (int count = 0; count < 40; count++) {
                for (long base : new long[] {0, 0x7FFF_FFF0L, 0xFFFF_FF00L}) {
                    long[] values = random.longs(count, base, base + 50).sorted().toArray();
                    for (int i = 0; i < count; i++) {
                        Words.setInt(segment, offset, i, (int) values[i]);
                    }
                    int from = count == 0 ? 0 : random.nextInt(count);
                    for (long bound = base - 1; bound <= base + 51; bound++) {
                        long limit = bound;
                        long expected =
                                from
                                        + Arrays.stream(values)
                                                .skip(from)
                                                .filter(v -> v <= limit)
                                                .count();
                        assertEquals(
                                expected, Words.firstAbove(segment, offset, from, count, bound));
                    }
                }
            }
        }
    }

    /** Fails if a copied word is off, or a word beyond the count is touched. */
    @Test
    void copyAddingRebasesExactlyTheWordsAsked(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        Random random = new Random(Seed.value() + 5);
        try (Lease source = memory.allocate(512);
                Lease target = memory.allocate(512)) {
            for (int count = 0; count <= 100; count++) {
                for (int delta : new int[] {0, 1, -7, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                    int[] words = random.ints(count).toArray();
                    MemorySegment.copy(words, 0, segment, Layouts.INT, source.offset(), count);
                    Words.setInt(segment, target.offset(), count, 77);
                    Words.copyAdding(
                            segment, source.offset(), segment, target.offset(), count, delta);
                    for (int i = 0; i < count; i++) {
                        assertEquals(words[i] + delta, Words.getInt(segment, target.offset(), i));
                    }
                    assertEquals(77, Words.getInt(segment, target.offset(), count));
                }
            }
        }
    }

    /**
     * Fails if one differing word in any place goes unseen, or equal words are called different.
     */
    @Test
    void allEqualSeesEveryWord(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        try (Lease lease = memory.allocate(8 * 200)) {
            long offset = lease.offset();
            for (int count = 0; count <= 150; count++) {
                Words.fill(segment, offset, count, -3);
                Words.setLong(segment, offset, count, 4);
                assertEquals(true, Words.allEqual(segment, offset, count));
                for (int at = 0; at < count; at++) {
                    Words.setLong(segment, offset, at, -4);
                    assertEquals(count == 1, Words.allEqual(segment, offset, count));
                    Words.setLong(segment, offset, at, -3);
                }
                assertEquals(4, Words.getLong(segment, offset, count), "fill went past its end");
            }
        }
    }

    /** Fails if a copy to an aligned start leaves a word out, or writes one too many. */
    @Test
    void wordsAreCopiedToEveryAlignment() {
        try (NativeMemory memory = NativeMemory.open();
                Lease lease = memory.allocate(8192)) {
            MemorySegment segment = memory.segment();
            long source = lease.offset();
            for (int count : new int[] {0, 1, 127, 128, 129, 200, 256}) {
                for (long target = source + 4096; target < source + 4096 + 72; target += 4) {
                    for (int i = 0; i < 300; i++) {
                        Words.setLong(segment, source, i, i + 1L);
                        Words.setLong(segment, target - 8, i, -1);
                    }
                    Words.copy(segment, source + 8, segment, target, count);
                    assertEquals(-1, Words.getLong(segment, target, -1));
                    for (int i = 0; i < count; i++) {
                        assertEquals(i + 2L, Words.getLong(segment, target, i));
                    }
                    assertEquals(-1, Words.getLong(segment, target, count));
                }
            }
        }
    }
}
