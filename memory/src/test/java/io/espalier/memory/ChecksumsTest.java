package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.testing.NativeMemoryExtension;
import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NativeMemoryExtension.class)
final class ChecksumsTest {

    /** Fails if the checksum of native bytes is not the one of the same bytes on the heap. */
    @Test
    void nativeBytesHaveTheChecksumOfTheHeap(NativeMemory memory) {
        byte[] bytes = new byte[20_000];
        new Random(Seed.value() + 6).nextBytes(bytes);
        try (Lease lease = memory.allocate(bytes.length + 64)) {
            for (int size = 0; size <= 300; size++) {
                check(memory, lease.offset() + size % 16, bytes, size);
            }
            for (int size : new int[] {4095, 4096, 4097, 8192, 8193, 20_000}) {
                check(memory, lease.offset() + 5, bytes, size);
            }
        }
    }

    private static void check(NativeMemory memory, long offset, byte[] bytes, int size) {
        CRC32C expected = new CRC32C();
        expected.update(bytes, 0, size);
        MemorySegment.copy(bytes, 0, memory.segment(), Layouts.BYTE, offset, size);
        int value = (int) expected.getValue();
        assertEquals(value, Checksums.crc32c(memory.segment(), offset, size));
    }
}
