package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A limit of the system on the size of files, as a quota is one: in a process that has it. */
final class FileLimitTest {

    private static final long LIMIT_BYTES = 8 * MIB;
    private static final long IMAGE_BYTES = 100 * KIB;

    @Test
    void aFileThatMayNotBeThatLargeIsToldAndNothingIsLost(@TempDir Path folder) throws Exception {
        // fails if the limit ends the process, is not told, loses bytes, or no remedy helps
        Path shell = Path.of("/bin/sh");
        assumeTrue(Files.isExecutable(shell));
        Path output = folder.resolve("output");
        Process process =
                new ProcessBuilder(
                                shell.toString(),
                                "-c",
                                // in blocks of 512 bytes, as POSIX has it; some shells count 1024
                                "ulimit -f " + LIMIT_BYTES / 512 + " && exec \"$@\"",
                                "sh",
                                ProcessHandle.current().info().command().orElseThrow(),
                                "-Xmx64m",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Child.class.getName(),
                                folder.resolve("spill").toString())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        int exitCode = process.waitFor();
        String said = Files.readString(output, StandardCharsets.UTF_8);
        assertEquals(0, exitCode, said);
        assertEquals("done", said.strip());
    }

    /** Meets the limit, and goes on with smaller files. */
    static final class Child {

        private Child() {}

        public static void main(String[] args) {
            PagerOptions options =
                    PagerOptions.in(Path.of(args[0])).withWriters(0, 1).withSlackBytes(0);
            try (NativeMemory memory = NativeMemory.open()) {
                // too large by more than what shells differ in; 10 are in the budget, and the one
                // that met the limit
                SpillException refused =
                        fill(memory, options.withSegmentBytes(64 * MIB), 11, Integer.MAX_VALUE);
                Fixture.assertSays(
                        Objects.requireNonNull(refused),
                        "cannot make a spill file of 67108864 bytes");
                fill(memory, options.withSegmentBytes(MIB), 200, 200);
            }
            System.out.println("done");
        }

        /**
         * Adopts images until one is refused, and reads all of them.
         *
         * @param expected how many are taken
         * @return why one was refused; null if {@code most} were not
         */
        private static @Nullable SpillException fill(
                NativeMemory memory, PagerOptions options, int expected, int most) {
            List<Image> images = new ArrayList<>();
            @Nullable SpillException refused = null;
            try (Pager pager = Pager.open(memory, new MemoryBudget(MIB), options)) {
                while (refused == null && images.size() < most) {
                    Lease lease = memory.allocate(IMAGE_BYTES);
                    Fixture.fill(memory.segment(), lease.offset(), IMAGE_BYTES, images.size());
                    try {
                        images.add(pager.adopt(lease, 0));
                    } catch (SpillException e) {
                        refused = e;
                        lease.close();
                    }
                }
                assertEquals(expected, images.size());
                for (int i = 0; i < images.size(); i++) {
                    try (Pin pin = images.get(i).pin()) {
                        byte[] found =
                                memory.segment()
                                        .asSlice(pin.offset(), IMAGE_BYTES)
                                        .toArray(ValueLayout.JAVA_BYTE);
                        assertArrayEquals(Fixture.bytes(IMAGE_BYTES, i), found);
                    }
                }
                images.forEach(Image::close);
            }
            return refused;
        }
    }
}
