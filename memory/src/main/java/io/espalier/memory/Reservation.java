package io.espalier.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/** Makes the one segment of a {@link NativeMemory}. */
final class Reservation {

    private Reservation() {}

    /**
     * Address space from the system, or null where the native calls are missing or it grants none.
     * A system that forbids over-commitment refuses what is too much: it is asked for half of that
     * then, as long as more than {@code sizeBytesMin} is refused.
     */
    static @Nullable MemorySegment granted(long sizeBytes, long sizeBytesMin, Arena arena) {
        if (!SystemCalls.AVAILABLE) {
            return null;
        }
        long size = SizeClasses.pagesUp(sizeBytes);
        long address = SystemCalls.reserve(size);
        while (address == -1 && size > sizeBytesMin) {
            size = SizeClasses.pagesUp(size >> 1);
            address = SystemCalls.reserve(size);
        }
        return address == -1 ? null : over(address, size, arena);
    }

    /** A segment over reserved address space, given back when the arena closes. */
    @SuppressWarnings("restricted") // the range is ours: SystemCalls.reserve made it
    private static MemorySegment over(long address, long sizeBytes, Arena arena) {
        return MemorySegment.ofAddress(address)
                .reinterpret(sizeBytes, arena, range -> SystemCalls.unmap(range, sizeBytes));
    }

    /**
     * The way without native calls: a sparse file without a name, backed where it is touched. Where
     * a file cannot be that long, it gets shorter, down to {@code sizeBytesMin}.
     */
    static MemorySegment sparseFile(long sizeBytes, long sizeBytesMin, Arena arena) {
        for (long size = sizeBytes; ; size = SizeClasses.pagesUp(size >> 1)) {
            try {
                return sparseFile(size, arena);
            } catch (IOException e) {
                if (size >> 1 < sizeBytesMin) {
                    throw new IllegalStateException(
                            "cannot reserve "
                                    + size
                                    + " bytes in a file in "
                                    + System.getProperty("java.io.tmpdir"),
                            e);
                }
            }
        }
    }

    private static MemorySegment sparseFile(long sizeBytes, Arena arena) throws IOException {
        Path file = Files.createTempFile("espalier-memory", ".tmp");
        try (FileChannel channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.DELETE_ON_CLOSE)) {
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, sizeBytes, arena);
        } catch (IOException | RuntimeException e) {
            Files.deleteIfExists(file); // if it was not even opened
            throw e;
        }
    }
}
