package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What {@code espalier debug} promises to scripts. */
class DebugCommandTest {

    /** The golden scripts of the spine: commands after {@code > }, and what each prints. */
    private static final Path GOLDENS =
            Path.of("..", "spine", "src", "test", "resources", "io", "espalier", "spine", "golden");

    private final CommandLineTester line = new CommandLineTester();

    static List<Path> goldens() throws IOException {
        try (Stream<Path> files = Files.list(GOLDENS)) {
            List<Path> texts = files.filter(f -> f.toString().endsWith(".txt")).sorted().toList();
            assertTrue(texts.size() >= 12, "goldens in " + GOLDENS.toAbsolutePath());
            return texts;
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void aGoldenScriptPrintsTheSameThroughTheCommandLine(Path golden, @TempDir Path folder)
            throws IOException {
        // fails when the command line adds, drops or changes a byte of what the spine says
        StringBuilder script = new StringBuilder();
        StringBuilder expected = new StringBuilder();
        for (String text : Files.readAllLines(golden)) {
            if (text.startsWith("> ")) {
                script.append(text.substring(2)).append('\n');
            } else if (text.startsWith("#")) {
                script.append(text).append('\n');
            } else {
                expected.append(text).append('\n');
            }
        }
        Path file = Files.writeString(folder.resolve("script"), script);
        assertEquals(
                expected.toString(), line.run("debug", "spine", file.toString()).quiet().out());
        byte[] input = CommandLineTester.utf8(script.toString().replace("\n", "\r\n"));
        assertEquals(expected.toString(), line.run(input, "debug", "spine", "-").quiet().out());
    }

    @Test
    void theLastLineNeedsNoLineFeed() {
        // fails when a command at the end of the file is dropped
        assertEquals("<empty>\n", spine("show"));
        assertEquals("", spine(""));
        assertEquals("", spine("\n\r\n  # only comments\n\t\n"));
    }

    @Test
    void aWrongLineIsAnsweredAndTheScriptGoesOn() {
        // fails when an error ends the run, changes its exit code, or leaves a trace in the spine
        String out = spine("push 0 1 1 a\npush 0 1 1 b\nfly\npush 1 1 0\napply 0 1 0 2 c\nshow\n");
        List<String> lines = out.lines().toList();
        assertEquals(5, lines.size(), out);
        for (int i = 0; i < 3; i++) {
            assertTrue(lines.get(i).startsWith("error: "), out);
        }
        assertEquals(List.of("too-many", "[0-1][0][1][0] 1/1 a"), lines.subList(3, 5));
    }

    @Test
    void bytesThatAreNoTextAreAnError() {
        // fails when control characters reach the terminal, or a bad byte stops the script
        byte[] input = new byte[256 + 6];
        for (int i = 0; i < 256; i++) {
            input[i] = (byte) i;
        }
        System.arraycopy(CommandLineTester.utf8("\nshow\n"), 0, input, 256, 6);
        String out = line.run(input, "debug", "spine", "-").quiet().out();
        List<String> lines = out.lines().toList();
        assertEquals(3, lines.size(), out);
        assertTrue(lines.get(0).startsWith("error: unknown command"), out);
        assertTrue(lines.get(1).startsWith("error: unknown command"), out);
        assertEquals("<empty>", lines.get(2));
        assertTrue(out.chars().noneMatch(c -> c != '\n' && Character.isISOControl(c)), out);
    }

    @Test
    void aLineOfAnyLengthIsOneError() {
        // fails when a long line is kept as a whole, is cut into two commands, or passes as another
        String huge = "push 0 1 1 " + "n".repeat(1 << 20);
        assertEquals(
                "error: the line is longer than 1024 characters\n<empty>\n",
                spine(huge + "\nshow\n"));
        assertEquals("<empty>\n", spine(" ".repeat(1 << 20) + "show"));
        assertEquals("<empty>\n", spine("#" + " show".repeat(1 << 18) + "\nshow"));
        assertEquals(
                "error: the line is longer than 1024 characters\n",
                spine("show" + " ".repeat(1 << 20) + "all"));
    }

    @Test
    void whoTypesIsAnsweredAtOnce() throws Exception {
        // fails when the answer waits for more input
        PipedOutputStream keyboard = new PipedOutputStream();
        PipedInputStream input = new PipedInputStream(keyboard);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Thread reader =
                Thread.ofPlatform().start(() -> line.run(input, out, out, "debug", "spine", "-"));
        keyboard.write(CommandLineTester.utf8("show\n"));
        keyboard.flush();
        while (!out.toString(StandardCharsets.UTF_8).equals("<empty>\n")) {
            assertTrue(reader.isAlive());
            Thread.sleep(1);
        }
        keyboard.close();
        reader.join();
    }

    @Test
    void wrongUsageNamesWhatIsWrong(@TempDir Path folder) throws IOException {
        // fails when a wrong word is taken for a script, or the exit code is another
        line.run("debug").said(ExitCode.WRONG_INPUT, "no part", "espalier debug --help");
        line.run("debug", "upsetr", "f").said(ExitCode.WRONG_INPUT, "there is no part 'upsetr'");
        line.run("debug", "spine")
                .said(ExitCode.WRONG_INPUT, "FILE", "espalier debug spine --help");
        line.run("debug", "spine", "a", "b").said(ExitCode.WRONG_INPUT, "'b'");
        line.run("debug", "spine", "--fast", "a").said(ExitCode.WRONG_INPUT, "--fast");
        line.run("debug", "spine", folder.resolve("no").toString())
                .said(ExitCode.WRONG_INPUT, "does not exist", "no");
        line.run("debug", "spine", folder.toString()).said(ExitCode.WRONG_INPUT, "is a directory");
        line.run("debug spine", "-").said(ExitCode.WRONG_INPUT, "there is no command");
    }

    @Test
    void inputThatCannotBeReadIsTheEnvironment() {
        // fails when a broken input looks like the end of the script
        InputStream broken =
                new InputStream() {
                    @Override
                    public int read() throws IOException {
                        throw new IOException("disk on fire");
                    }

                    @Override
                    public int read(byte[] target, int offset, int count) throws IOException {
                        return read();
                    }
                };
        line.run(broken, "debug", "spine", "-")
                .said(ExitCode.ENVIRONMENT, "input <stdin> cannot be read: disk on fire");
    }

    @Test
    void helpListsThePartsAndTheGrammar() {
        // fails when a part or a command of its grammar is not explained
        String help = line.run("debug", "--help").quiet().out();
        assertTrue(help.contains("spine"), help);
        assertEquals(help, line.run("help", "debug").quiet().out());
        assertEquals(help, line.run("debug", "-h").quiet().out());
        String spine = line.run("debug", "spine", "--help").quiet().out();
        for (String word :
                List.of("push", "since", "apply", "exert", "show", "too-many", "error:")) {
            assertTrue(spine.contains(word), word);
        }
        assertTrue(spine.contains("Exit codes: 0 the script was read to its end"), spine);
        assertFalse(spine.contains("%"), "picocli takes % for a format");
    }

    private String spine(String script) {
        return line.run(CommandLineTester.utf8(script), "debug", "spine", "-").quiet().out();
    }
}
