package io.espalier.memory;

import java.lang.foreign.MemorySegment;

/**
 * Native bytes that another library owns, and gives by their address. Nothing is known of them:
 * neither how many there are nor how long they stay. Whoever reads or writes here has asked the
 * owner for both, and holds the bytes meanwhile. A wrong address ends the process.
 */
public final class UnownedMemory {

    @SuppressWarnings("restricted") // made for addresses whose owner was asked; see above
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private UnownedMemory() {}

    /** Everything: the offset of a byte in this segment is its address. */
    public static MemorySegment segment() {
        return ALL;
    }
}
