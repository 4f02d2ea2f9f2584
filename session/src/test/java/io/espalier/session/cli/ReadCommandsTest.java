package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.session.Problem;
import io.espalier.session.StoreException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What the commands that look at a store promise. */
class ReadCommandsTest {

    private final CommandLineTester line = new CommandLineTester();

    @Test
    void getPrintsTheBytesOfTheValue() {
        // fails if the value is escaped, or keys on the command line are not unescaped
        line.upsert("tab\\tkey\ta\\tb\\nc\\\\\n");
        assertEquals("a\tb\nc\\\n", line.run("get", "--store", "s", "tab\\tkey").quiet().out());
        assertEquals(
                "a\tb\nc\\",
                line.run("get", "--store", "s", "--no-newline", "tab\\tkey").quiet().out());
    }

    @Test
    void getOfAnAbsentKeyExitsOne() {
        // fails if absence is success, or prints anything on standard output
        line.upsert("a\t1\n");
        var result = line.run("get", "--store", "s", "b");
        result.said(ExitCode.NO, "no key 'b' in table default at epoch 1");
        assertEquals("", result.out());
    }

    @Test
    void anEmptyValueIsNotAbsent() {
        // fails if an empty value is taken for none
        line.upsert("a\t\n");
        assertEquals("\n", line.run("get", "--store", "s", "a").quiet().out());
    }

    @Test
    void keysMayLookLikeOptionsAndFiles() {
        // fails if picocli expands or refuses what is only a key
        line.upsert("-x\t1\n@file\t2\n${HOME}\t3\n\"q\"\t4\n--store\t5\n");
        assertEquals("1\n", line.run("get", "--store", "s", "--", "-x").quiet().out());
        assertEquals("2\n", line.run("get", "--store", "s", "@file").quiet().out());
        assertEquals("3\n", line.run("get", "--store", "s", "${HOME}").quiet().out());
        assertEquals("4\n", line.run("get", "--store", "s", "\"q\"").quiet().out());
        assertEquals("5\n", line.run("get", "--store=s", "--", "--store").quiet().out());
    }

    @Test
    void readingNeverAsksToWrite() {
        // fails if a look at a store takes its lock
        line.upsert("a\t1\n");
        line.stores.opened.clear();
        line.run("get", "--store", "s", "a");
        line.run("scan", "--store", "s");
        line.run("changes", "--store", "s");
        line.run("stats", "--store", "s");
        assertEquals(4, line.stores.opened.size());
        line.stores.opened.forEach(options -> assertTrue(options.readOnly()));
    }

    @Test
    void aTableThatIsNotThereIsNamed() {
        // fails if a misspelt table looks like an empty one
        line.upsert("a\t1\n", "--table", "people");
        line.run("get", "--store", "s", "--table", "poeple", "a")
                .said(ExitCode.WRONG_INPUT, "no table 'poeple'", "its tables are people");
        line.run("get", "--store", "s", "a").said(ExitCode.NO, "no key 'a'");
    }

    @Test
    void scanTakesARangeAndAnEpoch() {
        // fails if a bound is on the wrong side, or the past is not shown
        line.upsert("a\t1\nb\t2\nc\t3\n");
        line.upsert("b\nd\t4\n");
        assertEquals("b\t2\n", line.scan("--from", "b", "--to", "c", "--as-of", "1"));
        assertEquals("c\t3\nd\t4\n", line.scan("--from", "b"));
        assertEquals("a\t1\n", line.scan("--to", "b"));
        assertEquals("", line.scan("--as-of", "0"));
        line.run("scan", "--store", "s", "--as-of", "3")
                .said(ExitCode.WRONG_INPUT, "epoch 3 cannot be read");
    }

    @Test
    void changesShowEveryEpoch() {
        // fails if order, signs or fields of changes move
        line.upsert("a\t1\nb\t2\n");
        line.upsert("a\t3\nb\nc\tx\\ty\n");
        assertEquals(
                """
                1\t1\ta\t1
                1\t1\tb\t2
                2\t-1\ta\t1
                2\t1\ta\t3
                2\t-1\tb\t2
                2\t1\tc\tx\\ty
                """,
                line.run("changes", "--store", "s").quiet().out());
        assertEquals("", line.run("changes", "--store", "s", "--since", "2").quiet().out());
        line.stores.since = 2;
        line.run("changes", "--store", "s", "--since", "1")
                .said(ExitCode.WRONG_INPUT, "only 2 to 2");
    }

    @Test
    void bytesThatAreNoTextComeOutAsTheyAre() {
        // fails if output goes through a charset
        byte[] value = {(byte) 0xFF, 0, (byte) 0xC3, '\r'};
        byte[] input = {'k', '\t', value[0], value[1], value[2], value[3], '\n'};
        line.run(input, "upsert", "--store", "s", "--quiet").quiet();
        assertArrayEquals(input, line.run("scan", "--store", "s").quiet().outBytes());
    }

    @Test
    void aReaderThatGoesAwayEndsTheCommandQuietly() {
        // fails if `| head` gives an error message
        line.upsert("a\t1\n");
        var result =
                line.run(
                        new ByteArrayInputStream(new byte[0]),
                        failing("Broken pipe"),
                        new ByteArrayOutputStream(),
                        "scan",
                        "--store",
                        "s");
        result.quiet();
    }

    @Test
    void outputThatCannotBeWrittenIsSaid() {
        // fails if a full disk behind standard output looks like success
        line.upsert("a\t1\n");
        line.run(
                        new ByteArrayInputStream(new byte[0]),
                        failing("No space left on device"),
                        new ByteArrayOutputStream(),
                        "scan",
                        "--store",
                        "s")
                .said(ExitCode.ENVIRONMENT, "standard output cannot be written: No space left");
    }

    static OutputStream failing(String message) {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException(message);
            }
        };
    }

    @Test
    void damageThatIsMetWhileReadingIsSaidAfterWhatWasRead() {
        // fails if readable rows are withheld, or damage is not an exit code
        line.upsert("a\t1\nb\t2\n");
        line.stores.failRead = new StoreException.Damaged("part-1: offset 64: checksum; lost");
        var result = line.run("scan", "--store", "s");
        result.said(ExitCode.NO, "part-1: offset 64");
        assertEquals("a\t1\n", result.out());
        line.run("get", "--store", "s", "a").said(ExitCode.NO, "part-1: offset 64");
    }

    @Test
    void verifyOfAWholeStoreIsDone() {
        // fails if a whole store is not exit 0
        assertEquals("whole: 3 files, 4.0 KiB\n", line.run("verify", "--store", "s").quiet().out());
    }

    @Test
    void verifyNamesEveryProblem() {
        // fails if a problem is not told with file and offset, or damage is not exit 1
        line.stores.problems.add(new Problem(Path.of("s/part-1"), 4096, "checksum differs"));
        line.stores.problems.add(new Problem(Path.of("s/log"), 0, "bad magic"));
        var result = line.run("verify", "--store", "s");
        assertEquals(
                "s/part-1: offset 4096: checksum differs\ns/log: offset 0: bad magic\n",
                result.out());
        result.said(ExitCode.NO, "store s is damaged: 2 problems in 3 files");
    }

    @Test
    void statsShowWhatIsInside() {
        // fails if a number or a unit of the text moves
        line.upsert("a\t1\n");
        assertEquals(
                """
                store           s
                format version  1
                epoch           1

                table default: 1 updates, 5.0 MiB, readable as of epochs 0 to 1, 2 readers hold epochs from 4 on
                  level  epochs  updates  chunks     size  file
                      2    1..1        1       1  5.0 MiB  default.part
                  level  work left               claimed  spine
                      2         12  2023-11-14T22:13:20Z  [0-2][0][1][0] 2/1 b1
                      2         12                        [2-3][1][2][0] 1/0

                memory
                  budget    64MiB
                  resident  1.0 KiB
                  mapped    2.0 KiB
                  debt      0 B
                  spilled   0 B

                spill
                  pagesOut       7
                  writtenBytes   3.0 MiB
                  fetchP99Nanos  1.500 ms
                  ratio          0.500
                  codec          lz4
                """,
                line.run("stats", "--store", "s").quiet().out());
    }

    @Test
    void statsAsJsonHaveStableNames() {
        // fails if a script that reads them would break
        line.upsert("a\t1\n");
        assertEquals(
                """
                {
                  "store": "s",
                  "formatVersion": 1,
                  "epoch": 1,
                  "tables": [
                    {
                      "name": "default",
                      "updates": 1,
                      "bytes": 5242880,
                      "since": 0,
                      "upper": 2,
                      "holds": 2,
                      "heldFrom": 4,
                      "parts": [
                        {
                          "file": "default.part",
                          "level": 2,
                          "bytes": 5242880,
                          "updates": 1,
                          "chunks": 1,
                          "lower": 1,
                          "upper": 2
                        }
                      ],
                      "batches": [
                        {
                          "text": "[0-2][0][1][0] 2/1 b1",
                          "level": 2,
                          "parts": 2,
                          "updates": 1,
                          "workLeft": 12,
                          "claimedAtMillis": 1700000000000
                        },
                        {
                          "text": "[2-3][1][2][0] 1/0",
                          "level": 2,
                          "parts": 1,
                          "updates": 0,
                          "workLeft": 12,
                          "claimedAtMillis": -1
                        }
                      ]
                    }
                  ],
                  "memory": {
                    "budgetBytes": 67108864,
                    "residentBytes": 1024,
                    "mappedBytes": 2048,
                    "debtBytes": 0,
                    "spilledBytes": 0
                  },
                  "sections": {
                    "spill": {
                      "pagesOut": 7,
                      "writtenBytes": 3145728,
                      "fetchP99Nanos": 1500000,
                      "ratio": 0.5,
                      "codec": "lz4"
                    }
                  }
                }
                """,
                line.run("stats", "--store", "s", "--json").quiet().out());
    }

    @Test
    void compactSaysWhatItDid() {
        // fails if nothing is compacted, or the summary goes to standard output
        line.upsert("a\t1\n");
        var result = line.run("compact", "--store", "s");
        result.said(ExitCode.DONE, "compacted 5.0 MiB in 1 part to 5.0 MiB in 1 part");
        assertEquals("", result.out());
        line.run("compact", "--store", "s", "--quiet").quiet();
        assertEquals(2, line.stores.compactions);
    }

    @Test
    void helpAndVersionGoToStandardOutput() {
        // fails if help is an error, or a command lacks its own
        String help = line.run("--help").quiet().out();
        for (Commands command : Commands.values()) {
            assertTrue(help.contains(command.commandName()), help);
            String own = line.run((command.commandName() + " --help").split(" ")).quiet().out();
            assertTrue(own.contains("Usage: espalier " + command.commandName()), own);
            assertTrue(own.contains("Example"), own);
            assertEquals(own, line.run(("help " + command.commandName()).split(" ")).quiet().out());
        }
        assertTrue(help.contains("bench"), help);
        assertTrue(line.run("--version").quiet().out().startsWith("espalier "));
    }
}
