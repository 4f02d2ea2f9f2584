package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;

/** A filter lets every key pass that it was made of, and few others. */
class KeyFilterTest {

    private static byte[] number(long i) {
        byte[] bytes = new byte[Long.BYTES];
        for (int b = 0; b < Long.BYTES; b++) {
            bytes[b] = (byte) (i >>> (8 * b));
        }
        return bytes;
    }

    private static byte[] text(long i) {
        return String.format(Locale.ROOT, "key-%012d", i).getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void noKeyIsDeniedAndFewStrangersPass() {
        // fails if a present key is lost, or if keys that differ little meet in the same bits
        for (long count : new long[] {1, 2, 51, 52, 1000, 100_000}) {
            check(count, KeyFilterTest::number);
            check(count, KeyFilterTest::text);
        }
    }

    private static void check(long count, LongFunction<byte[]> keys) {
        try (NativeMemory memory = NativeMemory.open();
                Lease scratch = memory.allocate(64);
                Lease hashes = memory.allocate(count * Long.BYTES);
                Lease blocks =
                        memory.allocate(KeyFilter.blockCount(count) * KeyFilter.BLOCK_BYTES + 64)) {
            MemorySegment segment = memory.segment();
            long blockCount = KeyFilter.blockCount(count);
            assertTrue(blockCount * 512 >= count * KeyFilter.BITS_PER_KEY);
            segment.asSlice(blocks.offset(), blockCount * KeyFilter.BLOCK_BYTES).fill((byte) 0);
            for (long i = 0; i < count; i++) {
                Words.setLong(segment, hashes.offset(), i, hash(scratch, keys.apply(i)));
            }
            KeyFilter.add(segment, blocks.offset(), blockCount, hashes.offset(), count);
            for (long i = 0; i < count; i++) {
                long hash = Words.getLong(segment, hashes.offset(), i);
                assertTrue(KeyFilter.mayHold(segment, blocks.offset(), blockCount, hash));
            }
            int strangers = 100_000;
            long[] strange = new long[strangers];
            int[] all = new int[strangers];
            long pass = 0;
            for (int i = 0; i < strangers; i++) {
                strange[i] = hash(scratch, keys.apply(count + i));
                all[i] = i;
                pass += KeyFilter.mayHold(segment, blocks.offset(), blockCount, strange[i]) ? 1 : 0;
            }
            double share = (double) pass / strangers;
            assertTrue(share < 0.016, () -> share + " of strangers pass " + count + " keys");
            assertTrue(count < 1000 || share > 0.004, () -> share + " is too good to be true");
            int[] kept = new int[strangers];
            int end =
                    KeyFilter.sift(
                            segment,
                            blocks.offset(),
                            blockCount,
                            strange,
                            all,
                            10,
                            strangers,
                            kept,
                            0);
            int[] expected =
                    Arrays.stream(all)
                            .skip(10)
                            .filter(i ->
                                    KeyFilter.mayHold(
                                            segment, blocks.offset(), blockCount, strange[i]))
                            .toArray();
            assertEquals(Arrays.toString(expected), Arrays.toString(Arrays.copyOf(kept, end)));
        }
    }

    private static long hash(Lease scratch, byte[] key) {
        MemorySegment segment = scratch.memory().segment();
        MemorySegment.copy(key, 0, segment, Layouts.BYTE, scratch.offset(), key.length);
        return Bytes.hash(segment, scratch.offset(), key.length);
    }
}
