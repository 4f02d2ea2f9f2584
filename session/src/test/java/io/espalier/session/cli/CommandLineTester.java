package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Runs commands in this process over {@link FakeStores}. */
final class CommandLineTester {

    final FakeStores stores = new FakeStores();

    /** How a command ended and what it said. */
    record Result(int exitCode, byte[] outBytes, String err) {

        String out() {
            return new String(outBytes, StandardCharsets.UTF_8);
        }

        /** Done, and not a word on standard error. */
        Result quiet() {
            assertEquals("", err);
            assertEquals(ExitCode.DONE, exitCode);
            return this;
        }

        /** Ended with this code and exactly one line, which holds all of these words. */
        Result said(int code, String... words) {
            assertEquals(code, exitCode, err);
            assertTrue(err.startsWith("espalier: "), err);
            assertEquals(err.length() - 1, err.indexOf('\n'), "one line: " + err);
            for (String word : words) {
                assertTrue(err.contains(word), "'" + word + "' in: " + err);
            }
            return this;
        }
    }

    Result run(String... arguments) {
        return run(new byte[0], arguments);
    }

    Result run(byte[] input, String... arguments) {
        return run(new ByteArrayInputStream(input), arguments);
    }

    Result run(InputStream input, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        return run(input, out, out, arguments);
    }

    Result run(
            InputStream input,
            OutputStream out,
            ByteArrayOutputStream written,
            String... arguments) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream messages = new PrintStream(err, false, StandardCharsets.UTF_8);
        int exitCode = Main.run(arguments, Shell.of(input, out, messages, stores));
        assertEquals(0, stores.open, "every store is closed");
        return new Result(exitCode, written.toByteArray(), err.toString(StandardCharsets.UTF_8));
    }

    /** Upserts tsv into store {@code s}, which must go well. */
    void upsert(String tsv, String... more) {
        String[] arguments = new String[more.length + 4];
        arguments[0] = "upsert";
        arguments[1] = "--store";
        arguments[2] = "s";
        arguments[3] = "--quiet";
        System.arraycopy(more, 0, arguments, 4, more.length);
        run(utf8(tsv), arguments).quiet();
    }

    String scan(String... more) {
        String[] arguments = new String[more.length + 3];
        arguments[0] = "scan";
        arguments[1] = "--store";
        arguments[2] = "s";
        System.arraycopy(more, 0, arguments, 3, more.length);
        return run(arguments).quiet().out();
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
