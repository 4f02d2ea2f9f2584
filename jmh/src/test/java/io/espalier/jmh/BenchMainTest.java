package io.espalier.jmh;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** The benchmarks start, run on everything, and print what they promise. */
class BenchMainTest {

    private static final Pattern JSON_ROW =
            Pattern.compile(
                    "\\{\"bench\":\"shapes\",\"shape\":\"[A-DX1-5long-]+\",\"op\":\"[a-z]+\","
                            + "\"where\":\"(resident|paged|lz4|zstd|flat)\",\"ms\":([0-9.]+|null),"
                            + "\"floor_ms\":([0-9.]+|null),\"ratio\":([0-9.]+|null),"
                            + "\"bytes_per_update\":[0-9.]+,"
                            + "\"heap_bytes_per_update\":([0-9.]+|null)},?");

    private record Outcome(int exitCode, List<String> out, List<String> err) {}

    private static Outcome bench(String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int exitCode =
                BenchMain.run(
                        args,
                        new PrintStream(out, false, StandardCharsets.UTF_8),
                        new PrintStream(err, false, StandardCharsets.UTF_8));
        return new Outcome(
                exitCode,
                out.toString(StandardCharsets.UTF_8).lines().toList(),
                err.toString(StandardCharsets.UTF_8).lines().toList());
    }

    /**
     * Fails if an operation breaks on a shape, finds something else than it should, or is left out.
     */
    @Test
    void shapesPrintsEveryRow(@TempDir Path folder) throws IOException {
        Path json = folder.resolve("rows.json");
        Outcome outcome =
                bench("shapes", "--updates", "2000", "--turns", "2", "--json", json.toString());
        assertEquals(List.of(), outcome.err());
        assertEquals(0, outcome.exitCode());
        // A to D: stage and build, then 6 operations at 4 places, 4 of flat rows, and the sort of
        // A; X1 to X5-long: 3 at 4
        int rows = 4 * (2 + 6 * 4 + 4) + 1 + 6 * 3 * 4;
        assertEquals(2 + rows, outcome.out().size());
        assertTrue(
                outcome.out().getFirst().startsWith("shapes of 2000 updates; "),
                outcome.out().getFirst());
        assertTrue(outcome.out().get(1).startsWith("bench "), outcome.out().get(1));
        List<String> lines = Files.readAllLines(json);
        assertEquals("[", lines.getFirst());
        assertEquals("]", lines.getLast());
        List<String> bodies = lines.subList(1, lines.size() - 1);
        assertEquals(rows, bodies.size());
        // 10 shapes at 4 places and 4 of flat rows have a size and no time
        assertEquals(44, bodies.stream().filter(line -> line.contains("\"ms\":null")).count());
        assertAll(
                bodies.stream()
                        .map(line -> () -> assertTrue(JSON_ROW.matcher(line).matches(), line)));
    }

    /**
     * Fails if a batcher under a small heap loses updates or does not page, or if a run's figures
     * do not arrive.
     */
    @Test
    void pagingPrintsEveryRow(@TempDir Path folder) throws IOException {
        Path json = folder.resolve("rows.json");
        Outcome outcome =
                bench("paging", "--updates", "200000", "--only", "lz4", "--json", json.toString());
        assertEquals(List.of(), outcome.err());
        assertEquals(0, outcome.exitCode());
        // random: resident and three budgets; cancel: resident and two
        assertEquals(2 + 4 + 3, outcome.out().size(), outcome.out().toString());
        List<String> lines = Files.readAllLines(json);
        assertEquals(2 + 7, lines.size());
        for (String line : lines.subList(1, 8)) {
            assertTrue(line.startsWith("{\"bench\":\"paging\",\"shape\":\""), line);
            for (String name :
                    List.of(
                            "ms",
                            "floor_ms",
                            "ratio",
                            "bytes_per_update",
                            "heap_bytes_per_update",
                            "write_amplification",
                            "read_amplification",
                            "native_rss_bytes_peak",
                            "rss_bytes_peak")) {
                assertTrue(line.contains(",\"" + name + "\":"), line);
            }
            assertEquals(
                    line.contains("\"where\":\"resident\""),
                    line.contains("\"write_amplification\":0.000000"),
                    line);
        }
    }

    /**
     * Fails if a durable store loses a commit, before or after compaction or reopening, if one of
     * them finds something else than was committed, or if a row is left out.
     */
    @Test
    void tracePrintsEveryRow(@TempDir Path folder) throws IOException {
        Path json = folder.resolve("rows.json");
        Outcome outcome =
                bench(
                        "trace",
                        "--updates",
                        "20000",
                        "--batch",
                        "1000",
                        "--parts",
                        "12",
                        "--json",
                        json.toString());
        assertEquals(List.of(), outcome.err());
        assertEquals(0, outcome.exitCode());
        // two kinds: fsync, idle and two remarks, then 7 rows of 3 stores; opening has 3
        assertEquals(2 + 2 * (4 + 7 * 3) + 3, outcome.out().size(), outcome.out().toString());
        assertEquals(
                3 * 2,
                outcome.out().stream().filter(line -> line.contains(" paced ")).count(),
                outcome.out().toString());
        List<String> lines = Files.readAllLines(json);
        assertEquals(2 + 2 * (2 + 7 * 3) + 3, lines.size());
        for (String line : lines.subList(1, lines.size() - 1)) {
            assertTrue(line.startsWith("{\"bench\":\"trace\",\"shape\":\""), line);
            for (String name :
                    List.of(
                            "op",
                            "where",
                            "ms",
                            "floor_ms",
                            "ratio",
                            "bytes_per_update",
                            "heap_bytes_per_update",
                            "write_amplification",
                            "space_amplification",
                            "p999_ms")) {
                assertTrue(line.contains(",\"" + name + "\":"), line);
            }
        }
    }

    /** Fails if a row is run that was not asked for, or is left out or out of order. */
    @Test
    void onlyTheRowsThatAreAskedFor() {
        Outcome outcome =
                bench(
                        "shapes",
                        "--only",
                        "x2/bytes,d/merge/Paged,A/build,A/sort",
                        "--updates",
                        "2000");
        assertEquals(List.of(), outcome.err());
        List<String> rows =
                outcome.out().stream()
                        .skip(2)
                        .map(line -> String.join("/", line.split(" +", 5)).split("/[^/]*$")[0])
                        .toList();
        assertEquals(
                List.of(
                        "shapes/A/sort/resident",
                        "shapes/A/build/resident",
                        "shapes/A/build/flat",
                        "shapes/D/merge/paged",
                        "shapes/X2/bytes/resident",
                        "shapes/X2/bytes/paged",
                        "shapes/X2/bytes/lz4",
                        "shapes/X2/bytes/zstd"),
                rows);
    }

    /** Fails if a pattern that fits nothing is passed over, or its message does not help. */
    @Test
    void whatCannotBeMeasuredIsNamedWithWhatCan() {
        record Wrong(String only, String message) {}
        List<Wrong> wrongs =
                List.of(
                        new Wrong("Q/merge", "no shape 'Q'; there is: A, B, C, D, X1"),
                        new Wrong("A,X1/merge", "no op 'merge'; there is: bytes, extract, cursor"),
                        new Wrong("A/build/lz4", "no place 'lz4'; there is: resident"),
                        new Wrong("A/scan/", "no place ''; there is: resident, paged, lz4, zstd"),
                        new Wrong("A,,B", "no shape ''"),
                        new Wrong("A/scan/lz4/x", "more than the parts SHAPE/OP/WHERE"));
        for (Wrong wrong : wrongs) {
            Outcome outcome = bench("shapes", "--only", wrong.only);
            assertEquals(2, outcome.exitCode(), wrong.only);
            assertEquals(List.of(), outcome.out(), wrong.only);
            assertEquals(1, outcome.err().size(), wrong.only);
            assertTrue(outcome.err().getFirst().contains(wrong.message), outcome.err().getFirst());
        }
    }

    /** Fails if help runs something, or an operation is not told. */
    @Test
    void helpTellsWhatThereIs() {
        for (Outcome outcome : List.of(bench("--help"), bench("shapes", "--only", "Q", "-h"))) {
            assertEquals(0, outcome.exitCode());
            assertEquals(List.of(), outcome.err());
            String text = String.join("\n", outcome.out());
            for (String word :
                    List.of("--only", "--updates", "--json", "fetch", "extract", "zstd")) {
                assertTrue(text.contains(word), text);
            }
        }
    }

    /** Fails if a wrong call runs anything, says nothing, or says too much. */
    @Test
    void wrongUsageIsOneLineAndExitCodeTwo() {
        List<String[]> calls =
                List.of(
                        new String[] {},
                        new String[] {"shape"},
                        new String[] {"paging", "--only", "1/3"},
                        new String[] {"shapes", "--only", "1/3"},
                        new String[] {"peers", "--only", "A"},
                        new String[] {"upsert", "--json", "x"},
                        new String[] {"shapes", "--fast"},
                        new String[] {"shapes", "--updates"},
                        new String[] {"shapes", "--turns", "0"},
                        new String[] {"shapes", "--updates", "many"},
                        new String[] {"shapes", "--updates", "0"},
                        new String[] {"shapes", "--updates", "99999999999"},
                        new String[] {"shapes", "extra"});
        for (String[] call : calls) {
            Outcome outcome = bench(call);
            String what = String.join(" ", call);
            assertEquals(2, outcome.exitCode(), what);
            assertEquals(List.of(), outcome.out(), what);
            assertEquals(1, outcome.err().size(), what + ": " + outcome.err());
        }
    }

    /** Fails if minutes are spent before it is seen that the result cannot be written. */
    @Test
    void unwritableJsonIsToldBeforeAnythingRuns(@TempDir Path folder) {
        Outcome outcome = bench("shapes", "--json", folder.resolve("no/such.json").toString());
        assertEquals(3, outcome.exitCode());
        assertEquals(List.of(), outcome.out());
        assertEquals(1, outcome.err().size());
    }

    /** Fails if the table of contents that JMH generates is missing from the jar. */
    @Test
    void jmhKnowsTheBenchmarks() throws Exception {
        var options = new OptionsBuilder().include("io.espalier.jmh.*").build();
        PrintStream before = System.out;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        System.setOut(new PrintStream(out, false, StandardCharsets.UTF_8));
        try {
            new Runner(options).list();
        } finally {
            System.setOut(before);
        }
        long listed =
                out.toString(StandardCharsets.UTF_8)
                        .lines()
                        .filter(line -> line.startsWith("io.espalier.jmh."))
                        .count();
        assertEquals(18, listed, out.toString(StandardCharsets.UTF_8));
    }
}
