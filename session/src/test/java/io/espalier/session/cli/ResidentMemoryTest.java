package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stream ten times as long takes no more memory, as the operating system counts it. */
class ResidentMemoryTest {

    private static final long MIB = 1L << 20;
    private static final long DIFFERENCE_MAX = 64 * MIB;

    @TempDir Path folder;

    @Test
    void tenTimesTheInputTakesNoMoreMemory() throws Exception {
        // fails if anything grows with the data: the heap, an index, mappings, a queue (small)
        compare(4 * MIB, 40 * MIB, "4MiB");
    }

    @Tag("long")
    @Test
    void twoHundredMegabytesTakeNoMoreThanTwenty() throws Exception {
        // fails as above
        compare(20_000_000, 200_000_000, "16MiB");
    }

    private void compare(long smallBytes, long largeBytes, String budget) throws Exception {
        assumeTrue(Files.exists(Path.of("/proc/self/status")), "there is no /proc");
        long small = peak(smallBytes, budget);
        long large = peak(largeBytes, budget);
        String figures =
                ByteSizes.rounded(small)
                        + " for "
                        + ByteSizes.rounded(smallBytes)
                        + ", "
                        + ByteSizes.rounded(large)
                        + " for "
                        + ByteSizes.rounded(largeBytes)
                        + " under "
                        + budget;
        assertTrue(large - small <= DIFFERENCE_MAX, figures);
    }

    private long peak(long inputBytes, String budget) throws Exception {
        Path input = generate(inputBytes);
        Path store = folder.resolve("store" + inputBytes);
        Child child =
                Child.start(
                        folder,
                        "upsert",
                        "--store",
                        store.toString(),
                        "--budget",
                        budget,
                        "--quiet",
                        input.toString());
        Path status = Path.of("/proc", Long.toString(child.process.pid()), "status");
        long peak = 0;
        while (child.process.isAlive()) {
            try {
                OptionalLong now = ProcessFacts.statusBytes(Files.readString(status), "VmHWM:");
                peak = Math.max(peak, now.orElse(0));
            } catch (NoSuchFileException e) {
                break;
            } catch (IOException e) {
                // it has just ended
            }
            Thread.sleep(2);
        }
        child.await().done();
        Files.delete(input);
        assertTrue(peak > 0, "its memory was never seen");
        return peak;
    }

    private Path generate(long sizeBytes) throws IOException {
        Path file = folder.resolve("input" + sizeBytes + ".tsv");
        Random random = new Random(sizeBytes);
        int keys = (int) (sizeBytes / 60);
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
            long written = 0;
            while (written < sizeBytes) {
                String row =
                        String.format("key%013d\t%016x", random.nextInt(keys), random.nextLong())
                                + "x".repeat(random.nextInt(150))
                                + "\n";
                out.write(row.getBytes(StandardCharsets.US_ASCII));
                written += row.length();
            }
        }
        return file;
    }
}
