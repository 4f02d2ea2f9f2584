package io.espalier.spine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The golden scripts: lines that begin with {@code >} are commands, the lines behind them are what
 * they print.
 */
class SpineGoldenTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "g1-compaction",
                "g3-apply",
                "g4-apply-since",
                "g5-size-reduction",
                "g6-empty-batches",
                "g7-empty-after-data",
                "g8-since-upper",
                "g9-exert",
                "g9-exert-merge",
                "g9-exert-tidy",
                "stale-result-by-times",
                "s24-fuel-saturates",
                "refusals"
            })
    void aScriptPrintsWhatItsGoldenFileSays(String name) throws IOException {
        // Fails when any printed byte differs, at the command shown in the text around the
        // difference.
        List<String> expected = read("golden/" + name + ".txt");
        SpineScript script = new SpineScript();
        List<String> actual = new ArrayList<>();
        int commandCount = 0;
        for (String line : expected) {
            if (line.startsWith("#")) {
                actual.add(line);
                assertEquals(List.of(), script.run(line));
            } else if (line.startsWith("> ")) {
                actual.add(line);
                actual.addAll(script.run(line.substring(2)));
                commandCount++;
            }
        }
        assertTrue(commandCount > 0, name + " has no commands");
        assertEquals(String.join("\n", expected), String.join("\n", actual));
    }

    private static List<String> read(String name) throws IOException {
        try (InputStream file =
                Objects.requireNonNull(SpineGoldenTest.class.getResourceAsStream(name), name)) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }
}
