package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.testing.NativeMemoryExtension;
import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NativeMemoryExtension.class)
final class BytesTest {

    private static final int SIZE_MAX = 100;

    /** Fails if a comparison of any two sizes at any alignment differs from the one of arrays. */
    @Test
    void compareAndEqualAgreeWithArraysAtEverySizeAndAlignment(NativeMemory memory) {
        Random random = new Random(Seed.value() + 1);
        try (Lease lease = memory.allocate(4096)) {
            MemorySegment segment = memory.segment();
            for (int aSize = 0; aSize <= SIZE_MAX; aSize++) {
                for (int bSize = 0; bSize <= SIZE_MAX; bSize++) {
                    long aOffset = lease.offset() + random.nextInt(16);
                    long bOffset = lease.offset() + 2048 + random.nextInt(16);
                    byte[] a = new byte[aSize];
                    random.nextBytes(a);
                    byte[] b = Arrays.copyOf(a, bSize);
                    if (bSize > 0 && random.nextInt(4) > 0) {
                        b[random.nextInt(bSize)] ^= (byte) (1 << random.nextInt(8));
                    }
                    checkPair(segment, aOffset, a, bOffset, b);
                }
            }
        }
    }

    /** Fails if the place of the only difference, near a block's edge say, changes the answer. */
    @Test
    void oneDifferingByteIsFoundWhereverItIs(NativeMemory memory) {
        try (Lease lease = memory.allocate(8192)) {
            MemorySegment segment = memory.segment();
            byte[] a = new byte[1100];
            new Random(Seed.value() + 2).nextBytes(a);
            for (int size :
                    new int[] {1, 7, 8, 9, 63, 64, 65, 255, 256, 257, 263, 519, 1024, 1100}) {
                for (int at = 0; at < size; at++) {
                    byte[] b = Arrays.copyOf(a, size);
                    b[at] += (byte) 0x80;
                    byte[] c = Arrays.copyOf(a, size);
                    checkPair(segment, lease.offset() + 1, c, lease.offset() + 4099, b);
                }
                byte[] same = Arrays.copyOf(a, size);
                checkPair(segment, lease.offset() + 1, same, lease.offset() + 4099, same);
            }
        }
    }

    /** Fails if the blocks that grow with what is equal miss a byte, or pass an end. */
    @Test
    void oneDifferingByteIsFoundInLongRuns(NativeMemory memory) {
        int most = 100_000;
        try (Lease lease = memory.allocate(2L * most + 4096)) {
            MemorySegment segment = memory.segment();
            long aOffset = lease.offset() + 3;
            long bOffset = lease.offset() + most + 1024;
            byte[] a = new byte[most];
            new Random(Seed.value() + 3).nextBytes(a);
            put(segment, aOffset, a, (byte) 0x55);
            put(segment, bOffset, a, (byte) 0xAA);
            for (int size : new int[] {511, 512, 513, 8192, 16_640, 33_024, 65_536, most}) {
                assertEquals(size, Bytes.commonPrefix(segment, aOffset, segment, bOffset, size));
                for (int at = 0; at < size; at += at < 1200 ? 1 : 251) {
                    byte was = segment.get(Layouts.BYTE, bOffset + at);
                    segment.set(Layouts.BYTE, bOffset + at, (byte) (was ^ 1));
                    assertEquals(at, Bytes.commonPrefix(segment, aOffset, segment, bOffset, size));
                    segment.set(Layouts.BYTE, bOffset + at, was);
                }
            }
        }
    }

    static void checkPair(MemorySegment segment, long aOffset, byte[] a, long bOffset, byte[] b) {
        // what follows the runs differs, so that reading past an end would show
        put(segment, aOffset, a, (byte) 0x55);
        put(segment, bOffset, b, (byte) 0xAA);
        int order = Integer.signum(Arrays.compareUnsigned(a, b));
        assertEquals(
                order,
                Integer.signum(
                        Bytes.compare(segment, aOffset, a.length, segment, bOffset, b.length)));
        assertEquals(
                -order,
                Integer.signum(
                        Bytes.compare(segment, bOffset, b.length, segment, aOffset, a.length)));
        int shared = Math.min(a.length, b.length);
        int mismatch = Arrays.mismatch(a, 0, shared, b, 0, shared);
        assertEquals(mismatch < 0, Bytes.equal(segment, aOffset, segment, bOffset, shared));
        assertEquals(
                mismatch < 0 ? shared : mismatch,
                Bytes.commonPrefix(segment, aOffset, segment, bOffset, shared));
        if (mismatch < 0) {
            assertEquals(
                    Bytes.hash(segment, aOffset, shared), Bytes.hash(segment, bOffset, shared));
        }
        assertEquals(prefixOf(a), Bytes.prefix(segment, aOffset, a.length));
        assertEquals(prefixOf(b), Bytes.prefix(segment, bOffset, b.length));
    }

    private static void put(MemorySegment segment, long offset, byte[] bytes, byte after) {
        MemorySegment.copy(bytes, 0, segment, Layouts.BYTE, offset, bytes.length);
        segment.asSlice(offset + bytes.length, 16).fill(after);
    }

    static long prefixOf(byte[] bytes) {
        long prefix = 0;
        for (int i = 0; i < Long.BYTES; i++) {
            prefix = prefix << 8 | (i < bytes.length ? bytes[i] & 0xFF : 0);
        }
        return prefix;
    }

    /** Fails if the hash of fixed bytes changes: it may have been written to files. */
    @Test
    void hashesStayWhatTheyWere(NativeMemory memory) {
        try (Lease lease = memory.allocate(64)) {
            for (int i = 0; i < 64; i++) {
                memory.segment().set(Layouts.BYTE, lease.offset() + i, (byte) i);
            }
            long[] sizes = {0, 5, 8, 63};
            long[] hashes =
                    Arrays.stream(sizes)
                            .map(size -> Bytes.hash(memory.segment(), lease.offset(), size))
                            .toArray();
            assertArrayEquals(GOLDEN_HASHES, hashes, () -> Arrays.toString(hashes));
        }
    }

    private static final long[] GOLDEN_HASHES = {
        7423383481539974608L, -664761359714575297L, 4185253915666100582L, -7982491328694114785L
    };

    /** Fails if counters, zeros of different sizes, or their low bits collide in the hash. */
    @Test
    void hashesSpread(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        try (Lease lease = memory.allocate(1024)) {
            long offset = lease.offset();
            Set<Long> seen = new HashSet<>();
            segment.asSlice(offset, 1024).fill((byte) 0);
            for (int size = 0; size <= 1024; size++) {
                assertTrue(seen.add(Bytes.hash(segment, offset, size)), "size " + size);
            }
            int[] buckets = new int[1024];
            int count = 1 << 18;
            for (long value = 1; value <= count; value++) {
                segment.set(Layouts.LONG, offset, value);
                long hash = Bytes.hash(segment, offset, Long.BYTES);
                assertTrue(seen.add(hash), "value " + value);
                buckets[(int) hash & 1023]++;
            }
            int expected = count / buckets.length;
            assertTrue(Arrays.stream(buckets).max().orElseThrow() < expected * 3 / 2);
            assertTrue(Arrays.stream(buckets).min().orElseThrow() > expected / 2);
        }
    }
}
