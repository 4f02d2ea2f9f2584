package io.espalier.jmh;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The page cache of the system, for runs that are to find their files on the disk alone. */
final class PageCache {

    private PageCache() {}

    /**
     * Drops the files of a folder from it; they must not be open, and be synced.
     *
     * @param depth 1 for those that are in the folder itself alone
     * @return whether the system knows how: it takes a {@code dd} that can
     */
    static boolean drop(Path folder, int depth) throws IOException {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(folder, depth)) {
            files = walk.filter(Files::isRegularFile).toList();
        }
        boolean dropped = true;
        for (Path file : files) {
            dropped &= drop(file);
        }
        return dropped;
    }

    private static boolean drop(Path file) {
        try {
            return new ProcessBuilder("dd", "if=" + file, "iflag=nocache", "count=0")
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
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
