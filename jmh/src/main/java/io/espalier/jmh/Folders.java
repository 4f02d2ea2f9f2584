package io.espalier.jmh;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Temporary folders of the stores that are measured. */
final class Folders {

    private Folders() {}

    /** A new, empty one. */
    static Path make(String store) throws IOException {
        return Files.createTempDirectory("espalier-bench-" + store);
    }

    /** Deletes it with all that is in it. */
    static void delete(Path folder) throws IOException {
        List<Path> all;
        try (Stream<Path> walk = Files.walk(folder)) {
            all = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : all) {
            Files.deleteIfExists(path);
        }
    }
}
