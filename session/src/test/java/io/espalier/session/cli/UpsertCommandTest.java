package io.espalier.session.cli;

import static io.espalier.session.cli.CommandLineTester.utf8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.session.StoreException;
import io.espalier.session.StoreOptions;
import io.espalier.session.cli.CommandLineTester.Result;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code upsert} promises. */
class UpsertCommandTest {

    private final CommandLineTester line = new CommandLineTester();

    @Test
    void linesSetAndDelete() {
        // fails if a line without a tab does anything but delete
        line.upsert("b\t2\na\t1\nc\t\na\n");
        assertEquals("b\t2\nc\t\n", line.scan());
    }

    @Test
    void theLastLineMayLackItsLineFeed() {
        // fails if the end of the input cuts or drops a row
        line.upsert("a\t1\nb\t2");
        assertEquals("a\t1\nb\t2\n", line.scan());
    }

    @Test
    void anEmptyInputAppliesNothingAndMakesTheStore() {
        // fails if no rows are an error, or commit an epoch
        Result result = line.run(new byte[0], "upsert", "--store", "s", "-");
        result.said(ExitCode.DONE, "0 lines", "0 epochs", "durable up to epoch 0");
        assertTrue(line.stores.exists(Path.of("s")));
    }

    @Test
    void anEpochEndsAfterEveryNRowsAndAtTheEnd() {
        // fails if rows are committed earlier, later or not at all
        Result result =
                line.run(
                        utf8("a\t1\nb\t2\nc\t3\nd\t4\ne\t5\n"),
                        "upsert",
                        "--store",
                        "s",
                        "--epoch-every",
                        "2",
                        "--report-epochs",
                        "--quiet");
        assertEquals("durable 1 2\ndurable 2 4\ndurable 3 5\n", result.quiet().out());
        assertEquals("a\t1\nb\t2\nc\t3\nd\t4\n", line.scan("--as-of", "2"));
    }

    @Test
    void tenThousandRowsMakeAnEpochUnlessToldOtherwise() {
        // fails if the stated default changes
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 20_001; i++) {
            rows.append("key").append(i).append("\tvalue\n");
        }
        Result result =
                line.run(utf8(rows.toString()), "upsert", "--store", "s", "--report-epochs", "-");
        assertEquals("durable 1 10000\ndurable 2 20000\ndurable 3 20001\n", result.out());
        result.said(ExitCode.DONE, "20001 lines", "20001 puts", "3 epochs", "up to epoch 3");
    }

    @Test
    void rowsMakeAnEpochWhateverTheirSize() {
        // fails if big values end an epoch before its rows are there
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 20; i++) {
            rows.append("key").append(i).append('\t').append("x".repeat(1 << 20)).append('\n');
        }
        byte[] input = utf8(rows.toString());
        String[] arguments = {
            "upsert", "--store", "s", "--budget", "16MiB", "--report-epochs", "--quiet"
        };
        assertEquals("durable 1 20\n", line.run(input, arguments).quiet().out());
    }

    @Test
    void tablesOfAStoreAreApart() {
        // fails if --table is ignored
        line.upsert("a\t1\n", "--table", "t");
        line.upsert("a\t2\n");
        assertEquals("a\t1\n", line.scan("--table", "t"));
        assertEquals("a\t2\n", line.scan());
    }

    @Test
    void theBudgetReachesTheStore() {
        // fails if --budget is parsed and forgotten
        line.upsert("", "--budget", "17MiB");
        assertEquals(17L << 20, line.stores.opened.getLast().budgetBytes());
    }

    @Test
    void aCarriageReturnIsPartOfTheRowUnlessToldOtherwise() {
        // fails if values that end in CR are not written as they are, or --crlf does nothing
        Result result = line.run(utf8("a\t1\r\nb\r\n"), "upsert", "--store", "s");
        assertTrue(result.err().contains("--crlf"), result.err());
        assertEquals("a\t1\r\n", line.scan());
        line.upsert("a\t2\r\nb\t3\r\n", "--crlf");
        assertEquals("a\t2\nb\t3\n", line.scan());
        line.upsert("a\r\n", "--crlf");
        assertEquals("b\t3\n", line.scan());
    }

    @Property(tries = 200)
    void whatScanPrintsUpsertReadsBackExactly(
            @ForAll @Size(max = 20) byte[][] values, @ForAll String keyText) {
        // fails if an escape is missing on either side, for any bytes of values
        CommandLineTester source = new CommandLineTester();
        StringBuilder key = new StringBuilder();
        keyText.codePoints()
                .map(c -> Character.isSurrogate((char) c) && c < 0x10000 ? '?' : c)
                .forEach(key::appendCodePoint);
        try (var store =
                source.stores.open(Path.of("s"), StoreOptions.defaults().withCreate(true))) {
            for (int i = 0; i < values.length; i++) {
                store.table().put(utf8(i + "\\\t\n" + key), values[i]);
            }
            store.commit();
        }
        byte[] printed = source.run("scan", "--store", "s").quiet().outBytes();
        CommandLineTester target = new CommandLineTester();
        target.run(printed, "upsert", "--store", "s", "--quiet").quiet();
        assertArrayEquals(printed, target.run("scan", "--store", "s").quiet().outBytes());
        for (int i = 0; i < values.length; i++) {
            try (var store = target.stores.open(Path.of("s"), StoreOptions.defaults())) {
                assertArrayEquals(values[i], store.table().get(utf8(i + "\\\t\n" + key)));
            }
        }
    }

    @Test
    void csvRowsBecomeObjects() {
        // fails if the value is not the other columns by name
        String csv = "id,name,note\r\n1,Ann,\"said \"\"hi\"\", left\"\r\n2,Bob,\"two\nlines\"\r\n";
        line.upsert(csv, "--format", "csv", "--key", "id");
        assertEquals(
                "{\"name\":\"Ann\",\"note\":\"said \\\"hi\\\", left\"}\n",
                line.run("get", "--store", "s", "1").quiet().out());
        assertEquals(
                "{\"name\":\"Bob\",\"note\":\"two\\nlines\"}\n",
                line.run("get", "--store", "s", "2").quiet().out());
    }

    @Test
    void csvMayTakeOneColumnAsTheValue() {
        // fails if --value does not give the plain text
        line.upsert("id,size\nx,10\n", "--format", "csv", "--key", "id", "--value", "size");
        assertEquals("x\t10\n", line.scan());
    }

    @Test
    void severalKeyColumnsNeverMixUp() {
        // fails if ("a\tb", "c") and ("a", "b\tc") give the same key
        String csv = "x,y,z\n\"a\tb\",c,1\na,\"b\tc\",2\na,\"\",3\n";
        line.upsert(csv, "--format", "csv", "--key", "x,y", "--value", "z");
        assertEquals(3, line.scan().lines().count());
        assertEquals("1\n", line.run("get", "--store", "s", "a\\\\tb\\tc").quiet().out());
        assertEquals("3\n", line.run("get", "--store", "s", "a\\t").quiet().out());
    }

    @Test
    void rowsThatTellSoDeleteTheirKey() {
        // fails if --delete-if deletes too much or too little
        String csv = "op,id,v\nI,a,1\nI,b,2\nD,a,\n";
        line.upsert(csv, "--format", "csv", "--key", "id", "--value", "v", "--delete-if", "op=D");
        assertEquals("b\t2\n", line.scan());
        line.upsert(
                "{\"id\":\"b\",\"gone\":true}\n{\"id\":\"c\",\"gone\":false}\n",
                "--format",
                "jsonl",
                "--key",
                "id",
                "--delete-if",
                "gone=true");
        assertEquals("c\t{\"id\":\"c\",\"gone\":false}\n", line.scan());
    }

    @Test
    void jsonLinesAreKeptAsTheyWereWritten() {
        // fails if the object is written anew
        line.upsert(" { \"id\" : 7, \"x\": [1, 2.50e3] } \n", "--format", "jsonl", "--key", "id");
        assertEquals("7\t{ \"id\" : 7, \"x\": [1, 2.50e3] }\n", line.scan());
    }

    @Test
    void theNameOfTheFileSuggestsItsFormat(@TempDir Path folder) throws IOException {
        // fails if a .csv is taken for tsv, whose every line would delete
        Path csv = Files.writeString(folder.resolve("x.csv"), "id,v\n1,2\n");
        line.run("upsert", "--store", "s", csv.toString())
                .said(ExitCode.WRONG_INPUT, "--key is missing", "csv");
        line.run("upsert", "--store", "s", "--quiet", "--key", "id", csv.toString()).quiet();
        Path jsonl = Files.writeString(folder.resolve("x.ndjson"), "{\"id\":2}\n");
        line.run("upsert", "--store", "s", "--quiet", "--key", "id", jsonl.toString()).quiet();
        assertEquals("1\t{\"v\":\"2\"}\n2\t{\"id\":2}\n", line.scan());
    }

    @Test
    void aBadLineLeavesItsEpochOutAndSaysHowFarItIs() {
        // fails if anything of the failed epoch is visible, or the message does not say what is
        Result result =
                line.run(
                        utf8("a\t1\nb\t2\nc\t3\nd\\x\t4\n"),
                        "upsert",
                        "--store",
                        "s",
                        "--epoch-every",
                        "2");
        result.said(
                ExitCode.WRONG_INPUT,
                "<stdin>:4:2: bad escape \\x",
                "lines 1 to 2 are durable (epoch 1)",
                "--skip-bad");
        assertEquals("a\t1\nb\t2\n", line.scan());
        assertEquals(1, line.stores.rollbacks);
    }

    @Test
    void badLinesCanBeCollectedInstead(@TempDir Path folder) throws IOException {
        // fails if a good row is lost, or a bad line cannot be had back with its reason
        Path bad = folder.resolve("bad.txt");
        byte[] input = utf8("a\t1\n\nb\tx\ty\nc\\q\nd\t4\n");
        Result result =
                line.run(input, "upsert", "--store", "s", "--skip-bad", bad.toString(), "-");
        result.said(ExitCode.DONE, "5 lines", "2 puts", "3 skipped", "1 epochs");
        assertEquals("a\t1\nd\t4\n", line.scan());
        String collected = Files.readString(bad);
        String[] lines = collected.split("\n", -1);
        assertTrue(lines[0].startsWith("<stdin>:2:1: the key is empty"), collected);
        assertTrue(lines[0].endsWith("\t"), collected);
        assertTrue(lines[1].startsWith("<stdin>:3:4: a second tab"), collected);
        assertTrue(lines[1].endsWith("\tb\tx\ty"), collected);
        assertTrue(lines[2].startsWith("<stdin>:4:2: bad escape \\q"), collected);
        assertTrue(lines[2].endsWith("\tc\\q"), collected);
        assertEquals(4, lines.length);
    }

    @Test
    void withoutBadLinesThereIsNoFileOfThem(@TempDir Path folder) {
        // fails if the file is made before it is needed
        Path bad = folder.resolve("bad.txt");
        line.upsert("a\t1\n", "--skip-bad", bad.toString());
        assertFalse(Files.exists(bad));
    }

    @Test
    void aFullDiskLeavesTheEpochOutAndSaysHowFarItIs() {
        // fails if the failure is a stack trace, or hides what is durable
        line.stores.failCommit =
                new StoreException.DiskFull("store s: no space left on device; free some", null);
        line.stores.commitsBeforeFailure = 1;
        line.run(utf8("a\t1\nb\t2\nc\t3\n"), "upsert", "--store", "s", "--epoch-every", "1")
                .said(
                        ExitCode.ENVIRONMENT,
                        "no space left",
                        "lines 1 to 1 are durable (epoch 1), nothing after them is applied");
        line.stores.failCommit = null;
        assertEquals("a\t1\n", line.scan());
    }

    @Test
    void anInputThatBreaksOffLeavesItsEpochOut() {
        // fails if half an epoch is committed when reading fails
        InputStream broken =
                new InputStream() {
                    private int count;

                    @Override
                    public int read() throws IOException {
                        throw new IOException("device lost");
                    }

                    @Override
                    public int read(byte[] bytes, int offset, int length) throws IOException {
                        byte[] row = utf8("k" + count + "\tv\n");
                        if (count++ == 3) {
                            throw new IOException("device lost");
                        }
                        System.arraycopy(row, 0, bytes, offset, row.length);
                        return row.length;
                    }
                };
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        line.run(broken, out, out, "upsert", "--store", "s", "--epoch-every", "2")
                .said(
                        ExitCode.ENVIRONMENT,
                        "input <stdin> cannot be read: device lost",
                        "lines 1 to 2 are durable");
        assertEquals("k0\tv\nk1\tv\n", line.scan());
    }

    @Test
    void reportsThatNobodyReadsEndTheRunAloud() {
        // fails if input is left out with exit code 0
        ByteArrayInputStream input = new ByteArrayInputStream(utf8("a\t1\nb\t2\n"));
        line.run(
                        input,
                        ReadCommandsTest.failing("Broken pipe"),
                        new ByteArrayOutputStream(),
                        "upsert",
                        "--store",
                        "s",
                        "--report-epochs",
                        "--epoch-every",
                        "1")
                .said(ExitCode.ENVIRONMENT, "standard output", "lines 1 to 1 are durable");
        assertEquals("a\t1\n", line.scan());
    }
}
