package io.espalier.session.cli;

import static io.espalier.session.cli.CommandLineTester.utf8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code stats --json} says of a real store is JSON, and true. */
class StatsJsonTest {

    private static String run(String input, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Shell shell =
                Shell.of(
                        new ByteArrayInputStream(utf8(input)),
                        out,
                        new PrintStream(err, false, StandardCharsets.UTF_8),
                        Stores.ENGINE);
        assertEquals(0, Main.run(arguments, shell), () -> err.toString(StandardCharsets.UTF_8));
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void statsOfARealStoreAreJsonThatAgreesWithIt(@TempDir Path folder) {
        // fails if a number is no number, a string is not quoted, or a figure is another's
        String store = folder.resolve("a \"quoted\\ store\" \u00e9").toString();
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 5000; i++) {
            rows.append("key-").append(i).append("\tvalue-").append(i % 7).append('\n');
        }
        run(
                rows.toString(),
                "upsert",
                "--store",
                store,
                "--table",
                "first",
                "--epoch-every",
                "1000");
        run("a\tb\n", "upsert", "--store", store, "--table", "second");
        String text = run("", "stats", "--store", store, "--json");
        Map<?, ?> stats = assertInstanceOf(Map.class, new Parser(text).document());
        assertEquals(store, stats.get("store"));
        List<?> tables = assertInstanceOf(List.class, stats.get("tables"));
        assertEquals(2, tables.size());
        for (Object each : tables) {
            Map<?, ?> table = assertInstanceOf(Map.class, each);
            boolean isFirst = "first".equals(table.get("name"));
            assertTrue(isFirst || "second".equals(table.get("name")), text);
            assertEquals(new BigDecimal(isFirst ? 5000 : 1), table.get("updates"), text);
        }
        Map<?, ?> sections = assertInstanceOf(Map.class, stats.get("sections"));
        Map<?, ?> spill = assertInstanceOf(Map.class, sections.get("spill"));
        assertEquals(BigDecimal.ZERO, spill.get("pinsOpen"));
        assertInstanceOf(Map.class, stats.get("memory"));
    }

    /** JSON as RFC 8259 has it; objects as maps, arrays as lists, numbers as decimals. */
    private static final class Parser {

        private static final Pattern NUMBER =
                Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
        private static final Pattern STRING =
                Pattern.compile(
                        "\"(([^\"\\\\\\x00-\\x1f]|\\\\([\"\\\\/bfnrt]|u[0-9a-fA-F]{4}))*)\"");
        private static final Pattern SPACE = Pattern.compile("[ \\t\\r\\n]*");
        private static final Pattern ESCAPE = Pattern.compile("\\\\(u(....)|.)");

        private final String text;
        private int at;

        Parser(String text) {
            this.text = text;
        }

        Object document() {
            Object value = value();
            assertEquals(text.length(), at, () -> "text follows: " + text.substring(at));
            return value;
        }

        private Object value() {
            skip();
            Object value =
                    switch (text.charAt(at)) {
                        case '{' -> object();
                        case '[' -> array();
                        case '"' -> string();
                        case 't' -> word("true", true);
                        case 'f' -> word("false", false);
                        case 'n' -> word("null", "null");
                        default -> new BigDecimal(match(NUMBER).group());
                    };
            skip();
            return value;
        }

        private Map<String, Object> object() {
            Map<String, Object> members = new LinkedHashMap<>();
            at++;
            skip();
            if (text.charAt(at) == '}') {
                at++;
                return members;
            }
            do {
                skip();
                String name = string();
                skip();
                expect(':');
                assertEquals(null, members.put(name, value()), () -> name + " is there twice");
            } while (goesOn('}'));
            return members;
        }

        private List<Object> array() {
            List<Object> elements = new ArrayList<>();
            at++;
            skip();
            if (text.charAt(at) == ']') {
                at++;
                return elements;
            }
            do {
                elements.add(value());
            } while (goesOn(']'));
            return elements;
        }

        private boolean goesOn(char end) {
            if (text.charAt(at) == end) {
                at++;
                return false;
            }
            expect(',');
            return true;
        }

        private String string() {
            String quoted = match(STRING).group(1);
            return ESCAPE.matcher(quoted)
                    .replaceAll(found ->
                            Matcher.quoteReplacement(
                                    found.group(2) != null
                                            ? Character.toString(
                                                    Integer.parseInt(found.group(2), 16))
                                            : unescaped(found.group(1))));
        }

        private static String unescaped(String escape) {
            return switch (escape) {
                case "b" -> "\b";
                case "f" -> "\f";
                case "n" -> "\n";
                case "r" -> "\r";
                case "t" -> "\t";
                default -> escape;
            };
        }

        private Object word(String word, Object meaning) {
            assertTrue(text.startsWith(word, at), () -> text.substring(at));
            at += word.length();
            return meaning;
        }

        private void expect(char wanted) {
            assertEquals(wanted, text.charAt(at), () -> text.substring(at));
            at++;
        }

        private void skip() {
            match(SPACE);
        }

        private Matcher match(Pattern pattern) {
            Matcher matcher = pattern.matcher(text).region(at, text.length());
            assertTrue(matcher.lookingAt(), () -> "no " + pattern + ": " + text.substring(at));
            at = matcher.end();
            return matcher;
        }
    }
}
