package io.espalier.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the system says about the pages of a reservation. */
final class ResidentBytes {

    private ResidentBytes() {}

    /** How many bytes of the reservation are backed by memory right now. */
    static long of(NativeMemory memory) throws IOException {
        long from = memory.segment().address();
        long to = from + memory.segment().byteSize();
        long total = 0;
        boolean inside = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                long start = Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16);
                inside = Long.compareUnsigned(start, from) >= 0 && start < to;
            } else if (inside && line.startsWith("Rss:")) {
                total += Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        return total;
    }

    /** How many mappings the reservation is made of. */
    static long mappings(NativeMemory memory) throws IOException {
        long from = memory.segment().address();
        long to = from + memory.segment().byteSize();
        return Files.readAllLines(Path.of("/proc/self/maps")).stream()
                .map(line -> Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16))
                .filter(start -> Long.compareUnsigned(start, from) >= 0 && start < to)
                .count();
    }
}
