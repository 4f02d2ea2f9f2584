package io.espalier.memory;

import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/** CRC32C over native bytes: for what is durable. */
public final class Checksums {

    private static final int PART_BYTES = 4096;

    /** One array for each thread: pages are checked too often to make garbage of it. */
    private static final ThreadLocal<byte[]> PART =
            ThreadLocal.withInitial(() -> new byte[PART_BYTES]);

    private Checksums() {}

    /**
     * The CRC32C of {@code segment[offset, offset + size)}, as an unsigned 32-bit value.
     *
     * <p>The bytes pass through a small array: on a page that a mapped file no longer has, the copy
     * raises an {@link InternalError}, where the checksum itself would end the process.
     */
    public static int crc32c(MemorySegment segment, long offset, long size) {
        CRC32C crc = new CRC32C();
        byte[] part = PART.get();
        for (long done = 0; done < size; done += part.length) {
            int count = (int) Math.min(part.length, size - done);
            MemorySegment.copy(segment, Layouts.BYTE, offset + done, part, 0, count);
            crc.update(part, 0, count);
        }
        return (int) crc.getValue();
    }
}
