package io.espalier.pager;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Blocks are decoded to what was encoded; anything else is refused and harms nobody. */
final class CodecTest {

    @ParameterizedTest
    @EnumSource(Codec.class)
    void blocksRoundTripWithinTheBound(Codec codec) {
        // fails if bytes differ, or an encoded block exceeds the bound that callers make room for
        try (NativeMemory memory = NativeMemory.open()) {
            MemorySegment bytes = memory.segment();
            SplittableRandom random = new SplittableRandom(5);
            for (int size : new int[] {1, 15, 4096, 70_000, 1_000_003}) {
                for (boolean noise : new boolean[] {false, true}) {
                    long room = codec.encodedBytesMax(size);
                    try (Lease raw = memory.allocate(size);
                            Lease encoded = memory.allocate(room);
                            Lease back = memory.allocate(size)) {
                        for (long i = 0; i < size; i++) {
                            byte value = (byte) (noise ? random.nextInt() : i >> 10);
                            bytes.set(Layouts.BYTE, raw.offset() + i, value);
                        }
                        long stored =
                                codec.encode(memory, raw.offset(), size, encoded.offset(), room);
                        assertTrue(stored <= room);
                        codec.decode(memory, encoded.offset(), stored, memory, back.offset(), size);
                        assertTrue(Bytes.equal(bytes, raw.offset(), bytes, back.offset(), size));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void anyOtherBlockIsRefusedAndNothingBeyondTheTargetIsWritten(Codec codec) {
        // fails if garbage crashes the process, is taken, or is written past the target's end
        try (NativeMemory memory = NativeMemory.open();
                Lease source = memory.allocate(4096);
                Lease target = memory.allocate(8192)) {
            MemorySegment bytes = memory.segment();
            SplittableRandom random = new SplittableRandom(9);
            for (int round = 0; round < 2_000; round++) {
                bytes.asSlice(target.offset(), 8192).fill((byte) 0x11);
                for (long i = 0; i < 4096; i += 8) {
                    bytes.set(Layouts.LONG, source.offset() + i, random.nextLong());
                }
                long encoded = 1L + random.nextInt(4095);
                int raw = 4096;
                try {
                    codec.decode(memory, source.offset(), encoded, memory, target.offset(), raw);
                } catch (IllegalArgumentException e) {
                    assertTrue(e.getMessage() != null);
                }
                for (long i = raw; i < 8192; i += 8) {
                    assertEquals(0x1111111111111111L, bytes.get(Layouts.LONG, target.offset() + i));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void numbersInFilesNeverChange(Codec codec) {
        // fails if the number of a codec is not the one that files have
        assertSame(codec, Codec.ofId(codec.id()));
        int number =
                switch (codec) {
                    case NONE -> 0;
                    case LZ4 -> 1;
                    case ZSTD -> 2;
                };
        assertEquals(number, codec.id());
        assertThrows(IllegalArgumentException.class, () -> Codec.ofId((byte) 77));
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void tooSmallATargetIsRefused(Codec codec) {
        // fails if a codec is called with less room than its worst case
        try (NativeMemory memory = NativeMemory.open();
                Lease lease = memory.allocate(8192)) {
            long room = codec.encodedBytesMax(4096) - 1;
            assertThrows(
                    IllegalArgumentException.class,
                    () ->
                            codec.encode(
                                    memory,
                                    lease.offset(),
                                    4096,
                                    lease.offset() + 4096,
                                    Math.min(room, 4095)));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> codec.encodedBytesMax(Codec.BLOCK_BYTES_MAX + 1));
            assertTrue(codec.encodedBytesMax(Codec.BLOCK_BYTES_MAX) <= NativeMemory.WINDOW_BYTES);
        }
    }
}
