package io.espalier.jmh;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The page cache of the system, for runs that are to find their files on the disk alone. */
final class PageCache {

    private static final int DONT_NEED = 4;
    private static final Linker LINKER = Linker.nativeLinker();
    private static final @Nullable MethodHandle OPEN =
            find(
                    "open",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    private static final @Nullable MethodHandle CLOSE =
            find("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final @Nullable MethodHandle ADVISE =
            find(
                    "posix_fadvise",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_INT));

    private PageCache() {}

    @SuppressWarnings("restricted")
    private static @Nullable MethodHandle find(String name, FunctionDescriptor type) {
        return LINKER.defaultLookup()
                .find(name)
                .map(symbol -> LINKER.downcallHandle(symbol, type))
                .orElse(null);
    }

    /**
     * Drops all files of a folder from it; they must not be open, and be synced.
     *
     * @return whether the system knows how
     */
    static boolean drop(Path folder) throws IOException {
        if (OPEN == null || CLOSE == null || ADVISE == null) {
            return false;
        }
        List<Path> files;
        try (Stream<Path> walk = Files.walk(folder)) {
            files = walk.filter(Files::isRegularFile).toList();
        }
        try (Arena arena = Arena.ofConfined()) {
            for (Path file : files) {
                int descriptor = (int) OPEN.invokeExact(arena.allocateFrom(file.toString()), 0);
                if (descriptor < 0) {
                    throw new IOException(file + " cannot be opened");
                }
                int advised = (int) ADVISE.invokeExact(descriptor, 0L, 0L, DONT_NEED);
                int closed = (int) CLOSE.invokeExact(descriptor);
                if (advised != 0 || closed != 0) {
                    throw new IOException(file + " cannot be dropped from the page cache");
                }
            }
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        return true;
    }

    /**
     * What this process has caused to be written to disks so far; -1 if the system does not say.
     */
    static long writtenBytes() throws IOException {
        Path io = Path.of("/proc/self/io");
        if (Files.isReadable(io)) {
            for (String line : Files.readAllLines(io)) {
                if (line.startsWith("write_bytes: ")) {
                    return Long.parseLong(line.substring("write_bytes: ".length()));
                }
            }
        }
        return -1;
    }

    /**
     * The sizes of all files of a folder, added up. What background work deletes meanwhile counts
     * or not.
     */
    static long sizeBytes(Path folder) {
        return sizeBytes(folder.toFile());
    }

    private static long sizeBytes(File file) {
        File[] inside = file.listFiles();
        if (inside == null) {
            return file.length();
        }
        long size = 0;
        for (File each : inside) {
            size += sizeBytes(each);
        }
        return size;
    }
}
