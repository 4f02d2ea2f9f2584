package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The budget bounds the process, not only our counters: measured in a process of its own. */
final class ResidentMemoryTest {

    private static final long BUDGET_BYTES = 32 * MIB;
    private static final long IMAGE_BYTES = MIB + 100 * KIB;
    private static final long DATA_BYTES = 10 * BUDGET_BYTES;

    /**
     * The documented set: slack, what stays warm, two images on their way, one encoded and one
     * expected; and what the JVM takes meanwhile.
     */
    private static final long FIXED_BYTES =
            PagerOptions.SLACK_BYTES_DEFAULT
                    + NativeMemory.Options.WARM_BYTES_DEFAULT
                    + 4 * IMAGE_BYTES
                    + 4 * MIB;

    /** Images are read in steps of this many, so that their neighbours in the file are not next. */
    private static final int READ_STRIDE = 7;

    /** The window, what is read ahead, and what is about to enter or leave them. */
    private static final long MAPPED_BYTES_MAX =
            PagerOptions.PAGE_WINDOW_BYTES_DEFAULT
                    + PagerOptions.PREFETCH_BYTES_DEFAULT
                    + 2 * IMAGE_BYTES;

    @TempDir Path folder;

    @ParameterizedTest
    @EnumSource(Codec.class)
    void tenTimesTheBudgetStaysWithinTheBudget(Codec codec) throws Exception {
        // P13: fails if resident memory, as the system counts it, follows the data
        assumeTrue(Files.exists(Path.of("/proc/self/smaps_rollup")));
        assumeTrue(!"false".equals(System.getProperty("espalier.memory.native")));
        Path output = folder.resolve("output");
        Process process =
                new ProcessBuilder(
                                ProcessHandle.current().info().command().orElseThrow(),
                                "-Xms48m",
                                "-Xmx48m",
                                "-XX:+AlwaysPreTouch",
                                "-XX:+UseSerialGC",
                                "-XX:TieredStopAtLevel=1",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Child.class.getName(),
                                folder.resolve("spill").toString(),
                                codec.name())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        assertEquals(0, process.waitFor(), () -> read(output));
        long growthBytes = Long.parseLong(read(output).strip());
        assertTrue(
                growthBytes <= BUDGET_BYTES + FIXED_BYTES,
                () ->
                        "grew by "
                                + growthBytes
                                + " bytes with a budget of "
                                + BUDGET_BYTES
                                + ", tolerated are "
                                + FIXED_BYTES
                                + " more");
        System.out.println(
                "peak growth of resident memory, "
                        + codec
                        + ": "
                        + growthBytes / KIB
                        + " KiB, budget "
                        + BUDGET_BYTES / KIB
                        + " KiB, data "
                        + DATA_BYTES / KIB
                        + " KiB");
        try (var left = Files.list(folder.resolve("spill"))) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void aKilledProcessLeavesNoFiles() throws Exception {
        // fails if a spill file has a name while it is in use
        Path output = folder.resolve("output");
        Path spill = folder.resolve("spill");
        Process process =
                new ProcessBuilder(
                                ProcessHandle.current().info().command().orElseThrow(),
                                "-Xmx64m",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Child.class.getName(),
                                spill.toString(),
                                "NONE",
                                "wait")
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        while (process.isAlive() && !read(output).contains("ready")) {
            Thread.sleep(20);
        }
        assertTrue(process.isAlive(), () -> read(output));
        process.destroyForcibly().waitFor();
        try (var left = Files.list(spill)) {
            assertEquals(List.of(), left.toList());
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** Adopts the data, then reads all of it twice; prints how far resident memory grew. */
    static final class Child {

        private Child() {}

        public static void main(String[] args) throws Exception {
            Codec codec = Codec.valueOf(args[1]);
            NativeMemory memory = NativeMemory.open();
            MemoryBudget budget = new MemoryBudget(BUDGET_BYTES);
            PagerOptions options =
                    PagerOptions.in(Path.of(args[0])).withCodecPolicy(CodecPolicy.always(codec));
            Pager pager = Pager.open(memory, budget, options);
            // once around, so that classes, codecs and buffers are there before the first look
            for (int i = 0; i < 3; i++) {
                try (Image image = pager.adopt(filled(memory, i), 0)) {
                    image.pageOut();
                    image.pin().close();
                }
            }
            long before = residentBytes();
            long peak = before;
            List<Image> images = new ArrayList<>();
            for (int i = 0; i < DATA_BYTES / IMAGE_BYTES; i++) {
                images.add(pager.adopt(filled(memory, i), i % 4));
                peak = Math.max(peak, residentBytes());
            }
            if (args.length > 2) {
                System.out.println("ready");
                Thread.sleep(60_000);
            }
            long mappedBytes = 0;
            for (int round = 0; round < 2; round++) {
                for (int read = 0; read < images.size(); read++) {
                    for (int next = read + 1; next < Math.min(read + 4, images.size()); next++) {
                        images.get(scattered(next, images.size())).prefetch();
                    }
                    int i = scattered(read, images.size());
                    Lease expected = filled(memory, i);
                    try (expected;
                            Pin pin = images.get(i).pin()) {
                        if (!Bytes.equal(
                                memory.segment(),
                                expected.offset(),
                                memory.segment(),
                                pin.offset(),
                                IMAGE_BYTES)) {
                            throw new AssertionError("image " + i + " differs");
                        }
                        peak = Math.max(peak, residentBytes());
                    }
                    if (read % READ_STRIDE == 0) {
                        mappedBytes = Math.max(mappedBytes, mappedResidentBytes(args[0]));
                    }
                }
            }
            SpillStats stats = pager.stats();
            if (stats.writers().writes() == 0 || stats.prefetch().count() == 0) {
                throw new AssertionError("nothing was done behind or ahead: " + stats);
            }
            if (mappedBytes > MAPPED_BYTES_MAX) {
                throw new AssertionError(
                        mappedBytes + " bytes of spill files were mapped; most nobody read");
            }
            images.forEach(Image::close);
            pager.close();
            memory.close();
            System.out.println(peak - before);
        }

        /** How much of the mapped files of a folder is resident. */
        private static long mappedResidentBytes(String folder) throws IOException {
            long bytes = 0;
            boolean counts = false;
            for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
                if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                    counts = line.contains(folder);
                } else if (counts && line.startsWith("Rss:")) {
                    bytes += Long.parseLong(line.replaceAll("[^0-9]", "")) * KIB;
                }
            }
            return bytes;
        }

        /** Every number below {@code count} once. */
        private static int scattered(int number, int count) {
            int group = (count + READ_STRIDE - 1) / READ_STRIDE;
            int full = count % READ_STRIDE == 0 ? READ_STRIDE : count % READ_STRIDE;
            int inFull = full * group;
            int lane = number < inFull ? number / group : full + (number - inFull) / (group - 1);
            int step = number < inFull ? number % group : (number - inFull) % (group - 1);
            return lane + step * READ_STRIDE;
        }

        private static Lease filled(NativeMemory memory, int seed) {
            Lease lease = memory.allocate(IMAGE_BYTES);
            long value = seed * 0x9E3779B97F4A7C15L;
            for (long i = 0; i < IMAGE_BYTES; i += Long.BYTES) {
                value = value * 6364136223846793005L + 1;
                memory.segment().set(Layouts.LONG, lease.offset() + i, value & 0xFFFFFFFF0000L);
            }
            return lease;
        }

        private static long residentBytes() throws IOException {
            for (String line : Files.readAllLines(Path.of("/proc/self/smaps_rollup"))) {
                if (line.startsWith("Rss:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * KIB;
                }
            }
            throw new IOException("no Rss line");
        }
    }
}
