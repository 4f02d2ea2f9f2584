package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.espalier.testing.NativeMemoryExtension;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What is taken without a lease is counted like one; what windows show is the memory itself. */
@ExtendWith(NativeMemoryExtension.class)
final class SlotsTest {

    /** Fails if a slot is not counted, or not given to the next who asks. */
    @Test
    void slotsAreCountedAndUsedAgain(NativeMemory memory) {
        NativeMemory.Stats before = memory.stats();
        long small = memory.takeSlot(1);
        long large = memory.takeSlot(NativeMemory.SLOT_BYTES_MAX);
        assertNotEquals(small, large);
        assertEquals(before.leases() + 2, memory.stats().leases());
        assertEquals(
                before.leasedBytes() + 64 + NativeMemory.SLOT_BYTES_MAX,
                memory.stats().leasedBytes());
        memory.giveSlot(small, 1);
        assertEquals(small, memory.takeSlot(64));
        memory.giveSlot(small, 64);
        memory.giveSlot(large, NativeMemory.SLOT_BYTES_MAX);
        assertEquals(before.leases(), memory.stats().leases());
        assertEquals(before.leasedBytes(), memory.stats().leasedBytes());
    }

    /** Fails if what no slot holds, or a closed memory, is answered with a place. */
    @Test
    void slotsOfNoSizeAreRefused(NativeMemory memory) {
        for (long size : new long[] {-1, 0, NativeMemory.SLOT_BYTES_MAX + 1}) {
            assertThrows(IllegalArgumentException.class, () -> memory.takeSlot(size));
        }
        NativeMemory closed = NativeMemory.open();
        long slot = closed.takeSlot(8);
        assertThrows(IllegalStateException.class, closed::close, "a slot is out");
        closed.giveSlot(slot, 8);
        closed.close();
        assertThrows(IllegalStateException.class, () -> closed.takeSlot(8));
    }

    /** Fails if a window shows other bytes, or is made anew each time. */
    @Test
    void windowsShowTheMemory(NativeMemory memory) {
        MemorySegment segment = memory.segment();
        try (Lease lease = memory.allocate(100)) {
            for (int i = 0; i < 100; i++) {
                segment.set(Layouts.BYTE, lease.offset() + i, (byte) i);
            }
            int at = NativeMemory.inWindow(lease.offset());
            for (int i = 0; i < 100; i++) {
                assertEquals((byte) i, memory.window(lease.offset()).get(at + i));
            }
            assertSame(memory.window(lease.offset()), memory.window(lease.offset()));
        }
    }
}
