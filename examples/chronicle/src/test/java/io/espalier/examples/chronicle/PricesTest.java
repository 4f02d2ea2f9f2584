package io.espalier.examples.chronicle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example does what its README says, in a JVM without any flag. */
class PricesTest {

    @TempDir Path folder = Path.of("");

    @Test
    void theExamplePrintsWhatItsReadmeSays() throws Exception {
        // fails when the example rots, needs a flag, or the README tells something else
        Path out = folder.resolve("out.txt");
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Djava.io.tmpdir=" + folder,
                                "-cp",
                                System.getProperty("java.class.path"),
                                Prices.class.getName())
                        .redirectOutput(out.toFile())
                        .redirectError(folder.resolve("err.txt").toFile())
                        .start();
        assertTrue(process.waitFor(100, TimeUnit.SECONDS), "it hangs");
        assertEquals(0, process.exitValue(), Files.readString(folder.resolve("err.txt")));
        String readme = Files.readString(Path.of("README.md"));
        String said = Files.readString(out);
        assertEquals(6, said.lines().count(), said);
        assertTrue(readme.contains(said), () -> "README.md should show:\n" + said);
    }
}
