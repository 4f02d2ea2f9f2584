package io.espalier.session.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** JSON lines are taken strictly and kept as they are. */
class JsonLinesReaderTest {

    private static final RowReader.Options OPTIONS =
            RowReader.Options.defaults().withKey(List.of("id"));

    private static List<String> read(String text, RowReader.Options options, Random random) {
        return Rows.read(TextFormat.JSONL, text.getBytes(StandardCharsets.UTF_8), options, random);
    }

    @Property(tries = 1000)
    void anObjectIsKeptAndItsKeyFound(@ForAll long seed) {
        // fails if a valid form is refused, the key is misread, or the value is changed
        Random random = new Random(seed);
        String key = randomText(random) + "k";
        String object = object(random, key);
        String line = space(random) + object + space(random);
        assertEquals(List.of(Rows.utf8(key + "=" + object)), read(line + "\n", OPTIONS, random));
    }

    @Property(tries = 300)
    void noPartOfAnObjectIsAnObject(@ForAll long seed) {
        // fails if something cut off is accepted
        Random random = new Random(seed);
        String object = object(random, "k");
        for (int cut = 0; cut < object.length(); cut++) {
            String part = object.substring(0, cut).replace('\ud83c', 'x');
            List<String> rows = read(part + "\n", OPTIONS, random);
            assertEquals(1, rows.size());
            assertTrue(rows.getFirst().startsWith("!"), part);
        }
    }

    @Property(tries = 2000)
    void noBytesBreakTheReader(@ForAll long seed) {
        // fails if anything but a bad line comes out of a broken one
        Random random = new Random(seed);
        byte[] line = (object(random, "k") + "\n{\"id\":1}").getBytes(StandardCharsets.UTF_8);
        for (int i = random.nextInt(3); i >= 0; i--) {
            line[random.nextInt(line.length)] = (byte) random.nextInt(256);
        }
        Rows.read(TextFormat.JSONL, line, OPTIONS, random);
    }

    private static String object(Random random, String key) {
        StringBuilder text = new StringBuilder("{").append(space(random));
        int before = random.nextInt(3);
        for (int i = 0; i < before; i++) {
            text.append(string("x" + i, random)).append(':').append(value(random, 3)).append(',');
        }
        text.append(space(random)).append(string("id", random)).append(space(random)).append(':');
        text.append(space(random)).append(string(key, random)).append(space(random));
        if (random.nextBoolean()) {
            text.append(",\"y\":").append(value(random, 3)).append(space(random));
        }
        return text.append('}').toString();
    }

    private static String value(Random random, int depth) {
        return switch (random.nextInt(depth > 0 ? 8 : 6)) {
            case 0 -> "null";
            case 1 -> "true";
            case 2 -> "false";
            case 3 -> string(randomText(random), random);
            case 4 -> String.valueOf(random.nextInt());
            case 5 -> "-0.5E+10";
            case 6 -> "[" + space(random) + value(random, depth - 1) + ",[ ]]";
            default -> "{\"id\":" + value(random, depth - 1) + ", \"\":{}}";
        };
    }

    private static String randomText(Random random) {
        String alphabet = "ab\"\\/\b\f\n\r\t\u0001\u00e9\u4e2d";
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(6); i > 0; i--) {
            text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            if (random.nextInt(4) == 0) {
                text.append("\ud83c\udf33");
            }
        }
        return text.toString();
    }

    private static String string(String text, Random random) {
        StringBuilder json = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            int named = "\"\\/\b\f\n\r\t".indexOf(c);
            // half a pair as an escape needs its other half as an escape too
            if (c < ' ' || (random.nextInt(8) == 0 && !Character.isSurrogate(c))) {
                json.append(
                        named >= 0 && random.nextBoolean()
                                ? "\\" + "\"\\/bfnrt".charAt(named)
                                : String.format("\\u%04X", (int) c));
            } else if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else {
                json.append(c);
            }
        }
        return json.append('"').toString();
    }

    private static String space(Random random) {
        return random.nextInt(3) == 0 ? " \t\r ".substring(random.nextInt(4)) : "";
    }

    @Test
    void keysAreTheTextOfSimpleValues() {
        // fails if a number or a boolean cannot be a key, or a pair of escapes is not one character
        Random random = new Random(1);
        String lines =
                "{\"id\":-1.50}\n{\"id\":true}\n{\"id\":\"\\ud83c\\udf33\"}\n{\"\\u0069d\":\"x\"}\n";
        List<String> rows = read(lines, OPTIONS, random);
        assertEquals("-1.50={\"id\":-1.50}", rows.get(0));
        assertEquals("true={\"id\":true}", rows.get(1));
        assertTrue(rows.get(2).startsWith(Rows.utf8("\ud83c\udf33=")), rows.get(2));
        assertEquals("x={\"\\u0069d\":\"x\"}", rows.get(3));
    }

    @Test
    void severalMembersMakeOneKeyInTheOrderOfTheOption() {
        // fails if the order of the members decides, or parts can mix up
        RowReader.Options two = RowReader.Options.defaults().withKey(List.of("a", "b"));
        List<String> rows =
                read("{\"b\":\"y\",\"a\":\"x\"}\n{\"a\":\"p\\tq\",\"b\":1}", two, new Random(2));
        assertEquals("x\ty={\"b\":\"y\",\"a\":\"x\"}", rows.get(0));
        assertEquals("p\\tq\t1={\"a\":\"p\\tq\",\"b\":1}", rows.get(1));
    }

    @Test
    void onlyMembersOfTheLineItselfCount() {
        // fails if a nested member is taken for the key or for a deletion
        RowReader.Options options =
                RowReader.Options.defaults().withKey(List.of("id")).withDelete("op", "D");
        assertEquals(
                List.of("1={\"x\":{\"id\":2,\"op\":\"D\"},\"id\":1}", "-2"),
                read(
                        "{\"x\":{\"id\":2,\"op\":\"D\"},\"id\":1}\n{\"op\":\"D\",\"id\":2}\n",
                        options,
                        new Random(3)));
    }
}
