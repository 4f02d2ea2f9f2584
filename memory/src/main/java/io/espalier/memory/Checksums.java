package io.espalier.memory;

import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/** CRC32C over native bytes. */
public final class Checksums {

    private static final long PART_BYTES = 1L << 30;

    private Checksums() {}

    /** The CRC32C of {@code segment[offset, offset + size)}, as an unsigned 32-bit value. */
    public static int crc32c(MemorySegment segment, long offset, long size) {
        CRC32C crc = new CRC32C();
        for (long done = 0; done < size; done += PART_BYTES) {
            long part = Math.min(PART_BYTES, size - done);
            crc.update(segment.asSlice(offset + done, part).asByteBuffer());
        }
        return (int) crc.getValue();
    }
}
