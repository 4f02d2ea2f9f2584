package io.espalier.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Makes the one segment of a {@link NativeMemory}. */
final class Reservation {

    private Reservation() {}

    /** A segment over reserved address space, given back when the arena closes. */
    @SuppressWarnings("restricted") // the range is ours: SystemCalls.reserve made it
    static MemorySegment over(long address, long sizeBytes, Arena arena) {
        return MemorySegment.ofAddress(address)
                .reinterpret(sizeBytes, arena, s -> SystemCalls.unmap(address, sizeBytes));
    }

    /** The way without native calls: a sparse file without a name, backed where it is touched. */
    static MemorySegment sparseFile(long sizeBytes, Arena arena) {
        try {
            Path file = Files.createTempFile("espalier-memory", ".tmp");
            try (FileChannel channel =
                    FileChannel.open(
                            file,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            StandardOpenOption.DELETE_ON_CLOSE)) {
                return channel.map(FileChannel.MapMode.READ_WRITE, 0, sizeBytes, arena);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot reserve " + sizeBytes + " bytes", e);
        }
    }
}
