package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The bridge to chronicle-bytes is optional. */
class WithoutChronicleTest {

    /** What comes with chronicle-bytes. */
    private static final List<String> BRIDGE =
            List.of("openhft", "jnr", "net/java/dev/jna", "ow2/asm", "slf4j");

    @TempDir Path folder = Path.of("");

    private static boolean isOfBridge(String entry) {
        String path = entry.replace(File.separatorChar, '/');
        return BRIDGE.stream().anyMatch(part -> path.contains("/" + part + "/"));
    }

    private String run(String classPath, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-Xmx64m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=deny",
                        "-cp",
                        classPath,
                        Main.class.getName()));
        command.addAll(List.of(arguments));
        Path out = Files.createTempFile(folder, "out", ".txt");
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(out.toFile())
                        .start();
        assertTrue(process.waitFor(100, TimeUnit.SECONDS), "it hangs");
        String said = Files.readString(out);
        assertEquals(0, process.exitValue(), said);
        return said;
    }

    @Test
    void theProgramRunsWithoutChronicleAndWithoutUnsafe() throws Exception {
        // fails when something but the bridge needs what the bridge needs
        List<String> all =
                Arrays.asList(System.getProperty("java.class.path").split(File.pathSeparator));
        List<String> without = all.stream().filter(entry -> !isOfBridge(entry)).toList();
        assertTrue(without.size() < all.size(), "the bridge is not on the class path of the tests");
        String classPath = String.join(File.pathSeparator, without);
        Path rows = write("key\tvalue\n");
        String store = folder.resolve("store").toString();
        run(classPath, "upsert", "--store", store, rows.toString());
        assertEquals("value\n", run(classPath, "get", "--store", store, "key"));
        run(classPath, "verify", "--store", store);
    }

    private Path write(String text) throws IOException {
        return Files.writeString(folder.resolve("rows.tsv"), text);
    }
}
