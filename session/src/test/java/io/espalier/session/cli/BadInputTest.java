package io.espalier.session.cli;

import static io.espalier.session.cli.CommandLineTester.utf8;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.espalier.session.Limits;
import io.espalier.session.StoreException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every bad input ends with its exit code and one line that names place and remedy. */
class BadInputTest {

    private final CommandLineTester line = new CommandLineTester();

    /** An input and what is said of it. Some inputs are too large to be shown. */
    private record Bad(String format, byte[] input, String... words) {
        @Override
        public String toString() {
            return format + words[0];
        }
    }

    private static Bad bad(String format, String input, String... words) {
        return new Bad(format, utf8(input), words);
    }

    private static Bad bad(String format, byte[] input, String... words) {
        return new Bad(format, input, words);
    }

    private static byte[] latin1(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static Stream<Bad> badLines() {
        String longKey = "k".repeat(Limits.KEY_BYTES_MAX + 1);
        String longValue = "v".repeat(Limits.VALUE_BYTES_MAX + 1);
        String endless = "v".repeat(2 * Limits.VALUE_BYTES_MAX + 1_000_000);
        return Stream.of(
                bad("tsv", "ok\t1\na\\x\t1\n", ":2:2: bad escape \\x", "\\t, \\n and \\\\"),
                bad("tsv", "a\tb\\r\n", ":1:4: bad escape \\r"),
                bad("tsv", "a\tb\\", ":1:4: a backslash at the end"),
                bad("tsv", "a\tb\\\n", ":1:4: a backslash at the end"),
                bad("tsv", "a\\\tb\n", ":1:2: a backslash at the end"),
                bad("tsv", latin1("a\tb\\\u00e9\n"), ":1:4: a backslash before byte 0xe9"),
                bad("tsv", "a\tb\tc\n", ":1:4: a second tab", "\\t"),
                bad("tsv", "a\t1\n\nb\t1\n", ":2:1: the key is empty", "key<TAB>value"),
                bad("tsv", "\tvalue\n", ":1:1: the key is empty"),
                bad("tsv", latin1("caf\u00e9\t1\n"), ":1:4: the key is not UTF-8", "0xe9"),
                bad("tsv", longKey + "\t1\n", ":1:1: the key has 65536 bytes, at most 65535"),
                bad("tsv", longKey + "\n", ":1:1: the key has 65536 bytes"),
                bad("tsv", "a\t" + longValue, ":1:3: the value has 16777217 bytes, at most"),
                bad("tsv", "a\t" + endless + "\nb\n", ":1:", "the line is longer than any row"),
                bad("csv", "", ":1:1: the input is empty", "names the columns"),
                bad("csv", "a,b\n", ":1:1: the header names no column 'id'", "a, b"),
                bad("csv", "id,id\n", ":1:1: the header names column 'id' twice"),
                bad("csv", "id,v\n1\n", ":2:1: the record has 1 field, the header names 2"),
                bad("csv", "id,v\n1,2,3\n", ":2:1: the record has 3 fields", "quote"),
                bad("csv", "id,v\n\n", ":2:1: the record has 1 field"),
                bad("csv", "id,v\n1,a\"b\n", ":2:4: a quote stands within an unquoted field"),
                bad("csv", "id,v\n1,\"a\"b\n", ":2:3: text follows the closing quote"),
                bad("csv", "id,v\n1,\"a\n\n2,b\n", ":2:3: the quote is never closed"),
                bad("csv", "id,v\n1,\"a\n2,\"b\"\n", ":2:3: text follows", "in line 3"),
                bad("csv", "id,v\n,1\n", ":2:1: the key is empty"),
                bad("csv", latin1("id,v\n1,\u00e9\n"), ":2:3: the record is not UTF-8"),
                bad("csv", "id,v\n" + longKey + ",1\n", ":2:1: the key has 65536 bytes"),
                bad("csv", "id,v\n1," + longValue + "\n", ":2:1: the value has"),
                bad("jsonl", "\n", ":1:1: the line ends where an object {...} was expected"),
                bad("jsonl", "[1]\n", ":1:1: found '[' where an object"),
                bad("jsonl", "{\"id\":1\n", ":1:8: the line ends where ',' or '}'"),
                bad("jsonl", "{\"id\":1,}\n", ":1:9: found '}' where a string"),
                bad("jsonl", "{\"id\" 1}\n", ":1:7: found '1' where ':'"),
                bad("jsonl", "{\"id\":01}\n", ":1:8: found '1' where ',' or '}'"),
                bad("jsonl", "{\"id\":-}\n", ":1:8: found '}' where a digit"),
                bad("jsonl", "{\"id\":nil}\n", ":1:7: found 'n' where a value"),
                bad("jsonl", "{\"id\":\"a\tb\"}\n", ":1:9: a control character"),
                bad("jsonl", "{\"id\":\"a\\xb\"}\n", ":1:9: bad escape"),
                bad("jsonl", "{\"id\":\"\\u12g4\"}\n", ":1:8: \\u needs four"),
                bad("jsonl", "{\"id\":\"\\ud800\"}\n", ":1:8: half a surrogate pair"),
                bad("jsonl", "{\"id\":\"abc}\n", ":1:7: the string is never closed"),
                bad("jsonl", "{\"id\":1} {\"id\":2}\n", ":1:10: text follows the object"),
                bad("jsonl", "{\"x\":1}\n", ":1:1: the object has no member 'id'", "--key"),
                bad("jsonl", "{\"id\":1,\"id\":2}\n", ":1:9: member 'id'", "twice"),
                bad("jsonl", "{\"id\":null}\n", ":1:7: member 'id' of the key is null"),
                bad("jsonl", "{\"id\":[1]}\n", ":1:7: member 'id' of the key is an array"),
                bad("jsonl", "{\"id\":{}}\n", ":1:7: member 'id' of the key is an object"),
                bad("jsonl", "{\"id\":\"\"}\n", ":1:1: the key is empty"),
                bad("jsonl", latin1("{\"id\":\"\u00e9\"}\n"), ":1:8: the line is not UTF-8"),
                bad("jsonl", "{\"id\":" + "[".repeat(300) + "\n", "nested deeper than 256"),
                bad("jsonl", "{\"id\":\"" + longKey + "\"}\n", ":1:1: the key has 65536 bytes"));
    }

    @ParameterizedTest
    @MethodSource("badLines")
    void aBadLineStopsTheRunAndIsNamed(Bad bad, @TempDir Path folder) throws IOException {
        // fails if a bad line is taken, or its message lacks file, line, column or reason
        Path file = Files.write(folder.resolve("input"), bad.input);
        List<String> arguments = new ArrayList<>(List.of("upsert", "--store", "s"));
        arguments.addAll(List.of("--format", bad.format, file.toString()));
        if (!bad.format.equals("tsv")) {
            arguments.addAll(List.of("--key", "id"));
        }
        CommandLineTester.Result result = line.run(arguments.toArray(String[]::new));
        result.said(ExitCode.WRONG_INPUT, bad.words);
        result.said(ExitCode.WRONG_INPUT, file + ":", "nothing");
        assertFalse(result.err().contains("\tat "), result.err());
    }

    @Test
    void anAbsentInputIsNamed(@TempDir Path folder) {
        // fails if the store is made before the input is looked at
        Path absent = folder.resolve("absent.tsv");
        line.run("upsert", "--store", "s", absent.toString())
                .said(ExitCode.WRONG_INPUT, absent.toString(), "does not exist");
        assertFalse(line.stores.exists(Path.of("s")));
        line.run("upsert", "--store", "s", folder.toString())
                .said(ExitCode.WRONG_INPUT, folder.toString(), "is a directory");
    }

    @Test
    void anUnreadableInputIsNamed(@TempDir Path folder) throws IOException {
        // fails if a missing permission is called anything else
        Path file = Files.writeString(folder.resolve("secret.tsv"), "a\t1\n");
        Files.setPosixFilePermissions(file, Set.of());
        assumeFalse(Files.isReadable(file), "root reads everything");
        line.run("upsert", "--store", "s", file.toString())
                .said(ExitCode.ENVIRONMENT, file.toString(), "permission denied");
    }

    @Test
    void aSkipFileThatCannotBeWrittenIsNamed(@TempDir Path folder) throws IOException {
        // fails if bad lines are lost silently
        Path nowhere = folder.resolve("no").resolve("bad.txt");
        line.run(utf8("\n"), "upsert", "--store", "s", "--skip-bad", nowhere.toString())
                .said(ExitCode.ENVIRONMENT, nowhere.toString(), "no such file");
        line.run(utf8("\n"), "upsert", "--store", "s", "--skip-bad", folder.toString())
                .said(ExitCode.WRONG_INPUT, folder.toString(), "is a directory");
        Path input = Files.writeString(folder.resolve("in.tsv"), "\n");
        line.run("upsert", "--store", "s", "--skip-bad", input.toString(), input.toString())
                .said(ExitCode.WRONG_INPUT, "is the input itself");
    }

    static Stream<Arguments> storeFailures() {
        return Stream.of(
                Arguments.of(new StoreException.Absent("no store in s"), ExitCode.WRONG_INPUT),
                Arguments.of(new StoreException.Foreign("s holds others"), ExitCode.WRONG_INPUT),
                Arguments.of(new StoreException.NewerVersion("s is newer"), ExitCode.WRONG_INPUT),
                Arguments.of(new StoreException.Locked("s is locked"), ExitCode.ENVIRONMENT),
                Arguments.of(new StoreException.Damaged("s is damaged"), ExitCode.NO),
                Arguments.of(new StoreException.ReadOnly("s is read-only"), ExitCode.ENVIRONMENT),
                Arguments.of(
                        new StoreException.DiskFull("disk of s is full", null),
                        ExitCode.ENVIRONMENT),
                Arguments.of(
                        new StoreException.Failed("s: input/output error", null),
                        ExitCode.ENVIRONMENT));
    }

    @ParameterizedTest
    @MethodSource("storeFailures")
    void aStoreThatCannotBeOpenedEndsEveryCommand(StoreException failure, int exitCode) {
        // fails if a command has an exit code or a message of its own
        line.stores.failOpen = failure;
        String message = String.valueOf(failure.getMessage());
        line.run(utf8("a\t1\n"), "upsert", "--store", "s").said(exitCode, message);
        line.run("get", "--store", "s", "a").said(exitCode, message);
        line.run("scan", "--store", "s").said(exitCode, message);
        line.run("changes", "--store", "s").said(exitCode, message);
        line.run("stats", "--store", "s").said(exitCode, message);
        line.run("verify", "--store", "s").said(exitCode, message);
        line.run("compact", "--store", "s").said(exitCode, message);
    }

    static Stream<Arguments> wrongUsage() {
        return Stream.of(
                usage("no command"),
                usage("there is no command 'gett'", "gett"),
                usage("started by the launcher", "bench"),
                usage("get: Missing required option: '--store", "get", "a"),
                usage("get: Missing required parameter: 'KEY'", "get", "--store", "s"),
                usage("get: Unknown option: '--tab'", "get", "--store", "s", "a", "--tab"),
                usage("get: Unmatched argument", "get", "--store", "s", "a", "b"),
                usage("--store is empty", "get", "--store", "", "a"),
                usage("KEY has 0 bytes", "get", "--store", "s", ""),
                usage("KEY 'a\\x': bad escape \\x", "get", "--store", "s", "a\\x"),
                usage("character 2 cannot be written as UTF-8", "get", "--store", "s", "a\ud800"),
                usage(
                        "--table 'a/b' cannot name a table",
                        "scan",
                        "--store",
                        "s",
                        "--table",
                        "a/b"),
                usage("--as-of '-1' is not a whole", "scan", "--store", "s", "--as-of", "-1"),
                usage("--since 'x' is not a whole", "changes", "--store", "s", "--since", "x"),
                usage(
                        "--budget '64MB' is not a size",
                        "upsert",
                        "--store",
                        "s",
                        "--budget",
                        "64MB"),
                usage("--budget 1KiB is too small", "compact", "--store", "s", "--budget", "1KiB"),
                usage("--epoch-every '0'", "upsert", "--store", "s", "--epoch-every", "0"),
                usage("--format 'xml'", "upsert", "--store", "s", "--format", "xml"),
                usage("--key is missing", "upsert", "--store", "s", "--format", "csv"),
                usage("--key is only for csv", "upsert", "--store", "s", "--key", "a"),
                usage("--value is only for csv", "upsert", "--store", "s", "--value", "a"),
                usage("--delete-if is only", "upsert", "--store", "s", "--delete-if", "a=b"),
                usage("empty name", "upsert", "--store", "s", "--format", "csv", "--key", "a,,b"),
                usage("one twice", "upsert", "--store", "s", "--format", "csv", "--key", "a,a"));
    }

    private static Arguments usage(String message, String... arguments) {
        return Arguments.of(message, arguments);
    }

    @ParameterizedTest
    @MethodSource("wrongUsage")
    void wrongUsageIsSaidInOneLine(String message, String[] arguments) {
        // fails if usage mistakes get another code, a page of help, or make a store
        line.run(arguments).said(ExitCode.WRONG_INPUT, Shell.oneLine(message));
        assertFalse(line.stores.exists(Path.of("s")));
    }

    @Test
    void aMistakeOfOursIsOneLineToo() {
        // fails if an unexpected exception shows its stack trace
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        InputStream broken =
                new InputStream() {
                    @Override
                    public int read() {
                        throw new IllegalStateException("two\nlines");
                    }

                    @Override
                    public int read(byte[] bytes, int offset, int length) {
                        return read();
                    }
                };
        line.run(broken, out, out, "upsert", "--store", "s")
                .said(ExitCode.ENVIRONMENT, "internal error", "two?lines", "ESPALIER_DEBUG");
    }
}
