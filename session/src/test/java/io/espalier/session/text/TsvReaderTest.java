package io.espalier.session.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Tsv is read as it is documented, however its bytes arrive. */
class TsvReaderTest {

    private static final String ALPHABET = "aabbcdefghijk\t\t\t\n\n\\ttnn\\\\\r\u00c3\u00a9\u00ff";

    @Property(tries = 3000)
    void rowsAreThoseOfAPlainReader(@ForAll long seed, @ForAll boolean crlf) {
        // fails if a search, an escape or the cut of a buffer goes wrong
        Random random = new Random(seed);
        byte[] input = Rows.random(ALPHABET, 120, random);
        RowReader.Options options = RowReader.Options.defaults().withCrlf(crlf);
        assertEquals(expected(input, crlf), Rows.read(TextFormat.TSV, input, options, random));
    }

    private static List<String> expected(byte[] input, boolean crlf) {
        List<String> rows = new ArrayList<>();
        for (String line : Rows.lines(input)) {
            String body = crlf && line.endsWith("\r") ? line.substring(0, line.length() - 1) : line;
            String[] fields = body.split("\t", -1);
            String row;
            try {
                String key = unescape(fields[0]);
                StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(Rows.latin1(key)));
                row = fields.length == 1 ? "-" + key : key + "=" + unescape(fields[1]);
                if (key.isEmpty() || fields.length > 2) {
                    row = "!" + line;
                }
            } catch (IllegalArgumentException | CharacterCodingException e) {
                row = "!" + line;
            }
            rows.add(row);
        }
        return rows;
    }

    private static String unescape(String field) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            char c = field.charAt(i);
            if (c != '\\') {
                text.append(c);
                continue;
            }
            int which = i + 1 < field.length() ? "tn\\".indexOf(field.charAt(++i)) : -1;
            if (which < 0) {
                throw new IllegalArgumentException();
            }
            text.append("\t\n\\".charAt(which));
        }
        return text.toString();
    }

    @Test
    void theLongestRowIsReadAndOneByteMoreIsNot() throws IOException, BadLineException {
        // fails if the buffer ends before the limits do, also with every byte escaped
        byte[] longest =
                Rows.latin1("\\t".repeat(65_535) + "\t" + "\\\\".repeat(16 << 20) + "\nnext\n");
        RowReader reader =
                RowReader.of(
                        TextFormat.TSV,
                        new ByteArrayInputStream(longest),
                        RowReader.Options.defaults());
        assertTrue(reader.next());
        assertEquals(65_535, reader.keySize());
        assertEquals(16 << 20, reader.valueSize());
        assertTrue(reader.next());
        assertEquals("next", Rows.latin1(reader.keyArray(), reader.keyOffset(), 4));
        assertFalse(reader.next());
    }

    @Property(tries = 500)
    void aLineThatIsTooLongIsSkippedWhole(@ForAll long seed) {
        // fails if the rest of an overlong line is taken for lines of its own
        Random random = new Random(seed);
        byte[] input = Rows.random("aaaaaaaaaaaaaaaaaaa\n", 400, random);
        RowReader reader =
                RowReader.of(
                        TextFormat.TSV,
                        Rows.inPieces(input, random),
                        RowReader.Options.defaults(),
                        1 + random.nextInt(20),
                        16);
        List<String> expected = new ArrayList<>();
        for (String line : Rows.lines(input)) {
            boolean bad = line.isEmpty() || line.length() > 16;
            expected.add(bad ? "!" + line.substring(0, Math.min(16, line.length())) : "-" + line);
        }
        assertEquals(expected, Rows.read(reader));
    }

    @Test
    void placesCountLinesAndBytesFromOne() throws IOException {
        // fails if the message points elsewhere
        byte[] input = Rows.latin1("ok\t1\n\nab\tc\\x\nok\n");
        RowReader reader =
                RowReader.of(
                        TextFormat.TSV,
                        new ByteArrayInputStream(input),
                        RowReader.Options.defaults());
        List<String> places = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            try {
                assertTrue(reader.next());
                places.add("ok " + reader.line() + " " + reader.consumedBytes());
            } catch (BadLineException e) {
                places.add("bad " + e.line() + ":" + e.column());
            }
        }
        assertEquals(List.of("ok 1 5", "bad 2:1", "bad 3:5", "ok 4 16"), places);
    }

    @Test
    void escapesOnTheCommandLineAreThoseOfTsv() {
        // fails if a key cannot be typed as scan prints it
        assertEquals("a\tb\nc\\d", text(Escapes.unescape("a\\tb\\nc\\\\d")));
        assertEquals("caf\u00e9 \ud83c\udf33", text(Escapes.unescape("caf\u00e9 \ud83c\udf33")));
        for (String bad : new String[] {"\\", "a\\", "\\x", "\\\\\\", "\ud83c", "\udf33x"}) {
            assertThrows(IllegalArgumentException.class, () -> Escapes.unescape(bad), bad);
        }
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Test
    void nothingIsReadAheadOfWhatWasAsked() throws IOException, BadLineException {
        // fails if a pipe must be full before its first row is seen
        byte[] first = Rows.latin1("a\t1\n");
        RowReader reader =
                RowReader.of(
                        TextFormat.TSV,
                        new ByteArrayInputStream(first) {
                            @Override
                            public synchronized int read(byte[] bytes, int offset, int length) {
                                int count = super.read(bytes, offset, length);
                                if (count < 0) {
                                    throw new AssertionError("read again before it was needed");
                                }
                                return count;
                            }
                        },
                        RowReader.Options.defaults());
        assertTrue(reader.next());
        assertEquals("a", Rows.latin1(reader.keyArray(), reader.keyOffset(), reader.keySize()));
        assertEquals(4, reader.consumedBytes());
    }
}
