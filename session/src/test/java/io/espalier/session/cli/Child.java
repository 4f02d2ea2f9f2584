package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The command line in a JVM of its own, with the flags of the launcher. */
final class Child {

    /** How it ended and what it said. */
    record Result(int exitCode, String out, String err) {

        /** Ended with this code and exactly one line, which holds all of these words. */
        Result said(int code, String... words) {
            assertEquals(code, exitCode, err);
            assertTrue(err.startsWith("espalier: "), err);
            assertEquals(err.length() - 1, err.indexOf('\n'), "one line: " + err);
            assertFalse(err.contains("Exception"), err);
            for (String word : words) {
                assertTrue(err.contains(word), "'" + word + "' in: " + err);
            }
            return this;
        }

        Result done() {
            assertEquals(ExitCode.DONE, exitCode, err);
            return this;
        }
    }

    final Process process;
    private final Path out;
    private final Path err;

    private Child(Process process, Path out, Path err) {
        this.process = process;
        this.out = out;
        this.err = err;
    }

    /** Starts it; what it prints goes to files in {@code scratch}. */
    static Child start(Path scratch, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-Xmx64m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName()));
        command.addAll(List.of(arguments));
        Path out = Files.createTempFile(scratch, "out", ".txt");
        Path err = Files.createTempFile(scratch, "err", ".txt");
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile())
                        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        builder.environment().keySet().removeIf(name -> name.startsWith("JAVA_TOOL"));
        return new Child(builder.start(), out, err);
    }

    static Result run(Path scratch, String... arguments) throws Exception {
        return start(scratch, arguments).await();
    }

    Result await() throws Exception {
        assertTrue(process.waitFor(100, TimeUnit.SECONDS), "it hangs");
        return new Result(
                process.exitValue(), out(), Files.readString(err, StandardCharsets.UTF_8));
    }

    /** What it has printed on standard output so far. */
    String out() throws IOException {
        return Files.readString(out, StandardCharsets.UTF_8);
    }

    /** SIGKILL. */
    void kill() throws InterruptedException {
        process.toHandle().destroyForcibly();
        process.waitFor();
    }
}
