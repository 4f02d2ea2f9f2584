package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.espalier.testing.NativeMemoryExtension;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NativeMemoryExtension.class)
final class NativeBufferTest {

    /** Fails if an unused buffer holds bytes, clearing gives them up, or closing keeps them. */
    @Test
    void bytesAreHeldFromTheFirstAppendToTheClose(NativeMemory memory) {
        NativeBuffer buffer = new NativeBuffer(memory);
        assertEquals(0, memory.stats().leases());
        buffer.append(new byte[0], 0, 0);
        assertEquals(0, memory.stats().leases());
        buffer.append(new byte[5000], 0, 5000);
        buffer.clear();
        assertEquals(0, buffer.sizeBytes());
        assertEquals(1, memory.stats().leases());
        buffer.clear(buffer.capacityBytes());
        assertEquals(1, memory.stats().leases());
        buffer.clear(100);
        assertEquals(0, memory.stats().leases());
        buffer.appendInt(7);
        assertEquals(7, Words.getInt(memory.segment(), buffer.offset(), 0));
        buffer.close();
        buffer.close();
        assertEquals(0, memory.stats().leasedBytes());
    }

    /** Fails if the content can be made to reach past what is held. */
    @Test
    void theContentCannotReachPastWhatIsHeld(NativeMemory memory) {
        try (NativeBuffer buffer = new NativeBuffer(memory)) {
            assertThrows(IllegalArgumentException.class, () -> buffer.advance(1));
            buffer.reserve(10);
            buffer.advance(10);
            assertThrows(
                    IllegalArgumentException.class, () -> buffer.advance(buffer.capacityBytes()));
            assertThrows(IllegalArgumentException.class, () -> buffer.advance(-1));
            assertThrows(IllegalArgumentException.class, () -> buffer.truncate(11));
            assertThrows(IllegalArgumentException.class, () -> buffer.truncate(-1));
            assertEquals(10, buffer.sizeBytes());
        }
    }

    /** Fails if a detached content moves, is lost, or holds more bytes than its owner kept. */
    @Test
    void aDetachedContentStaysWhereItIs(NativeMemory memory) {
        try (NativeBuffer buffer = new NativeBuffer(memory, 240)) {
            assertThrows(IllegalArgumentException.class, () -> buffer.detach(240));
            for (long i = 0; i < 10_000; i++) {
                buffer.appendLong(i);
            }
            long at = buffer.offset();
            assertThrows(IllegalArgumentException.class, () -> buffer.detach(240 + 80_000 - 1));
            long room = 240 + buffer.capacityBytes();
            assertThrows(IllegalArgumentException.class, () -> buffer.detach(room + 1));
            try (Lease lease = buffer.detach(80_300)) {
                assertEquals(at, lease.offset() + 240);
                assertEquals(80_300, lease.sizeBytes());
                assertEquals(9_999, Words.getLong(memory.segment(), at, 9_999));
                assertEquals(20 * 4096, memory.stats().leasedBytes());
                assertEquals(0, buffer.sizeBytes());
                // the next content is expected to be as large, and does not move on the way
                buffer.appendLong(1);
                long next = buffer.offset();
                buffer.reserve(80_300 - 240 - 8);
                assertEquals(next, buffer.offset());
            }
            assertEquals(1, memory.stats().leases());
        }
        assertEquals(0, memory.stats().leasedBytes());
    }

    /** Fails if a growth that is refused damages what the buffer has. */
    @Test
    void aRefusedGrowthLeavesTheContent(NativeMemory memory) {
        try (NativeBuffer buffer = new NativeBuffer(memory)) {
            buffer.appendLong(42);
            assertThrows(
                    OutOfNativeMemoryException.class,
                    () -> buffer.reserve(memory.segment().byteSize()));
            assertThrows(ArithmeticException.class, () -> buffer.reserve(Long.MAX_VALUE));
            assertEquals(42, Words.getLong(memory.segment(), buffer.offset(), 0));
            assertEquals(8, buffer.sizeBytes());
        }
    }
}
