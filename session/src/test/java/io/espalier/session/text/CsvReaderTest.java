package io.espalier.session.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Csv is read as RFC 4180 says, and a bad record costs no good one. */
class CsvReaderTest {

    private static final String ALPHABET = "aabc,,,,\n\n\r\"\"\"\"\u00c3\u00a9";
    private static final String FIELD = "\"(?:[^\"]|\"\")*\"|[^\",\n]*";
    private static final Pattern RECORD =
            Pattern.compile("(?:(?:" + FIELD + "),)*+(?:" + FIELD + ")\r?");
    private static final Pattern OPEN = Pattern.compile("(?:(?:" + FIELD + "),)*\"(?:[^\"]|\"\")*");
    private static final Pattern NEXT_FIELD = Pattern.compile("(" + FIELD + ")(,|\r?$)");

    @Property(tries = 4000)
    void rowsAreThoseOfAPlainReader(@ForAll long seed) {
        // fails if quotes, line ends or the cut of a buffer go wrong
        Random random = new Random(seed);
        byte[] body = Rows.random(ALPHABET, 60, random);
        byte[] input = Rows.latin1("k,v\n" + Rows.latin1(body, 0, body.length));
        RowReader.Options options =
                RowReader.Options.defaults().withKey(List.of("k")).withValue("v");
        assertEquals(expected(Rows.lines(body)), Rows.read(TextFormat.CSV, input, options, random));
    }

    private static List<String> expected(List<String> lines) {
        List<String> rows = new ArrayList<>();
        int at = 0;
        while (at < lines.size()) {
            StringBuilder record = new StringBuilder(lines.get(at));
            int next = at + 1;
            while (!RECORD.matcher(record).matches()
                    && OPEN.matcher(record).matches()
                    && next < lines.size()) {
                record.append('\n').append(lines.get(next++));
            }
            if (!RECORD.matcher(record).matches()) {
                rows.add("!" + lines.get(at));
                at++;
                continue;
            }
            rows.add(row(record.toString()));
            at = next;
        }
        return rows;
    }

    private static String row(String record) {
        List<String> fields = new ArrayList<>();
        Matcher matcher = NEXT_FIELD.matcher(record);
        int at = 0;
        boolean more = true;
        while (more) {
            matcher.find(at);
            String field = matcher.group(1);
            boolean last = !matcher.group(2).equals(",");
            if (field.startsWith("\"")) {
                field = field.substring(1, field.length() - 1).replace("\"\"", "\"");
            } else if (last && field.endsWith("\r")) {
                field = field.substring(0, field.length() - 1);
            }
            fields.add(field);
            at = matcher.end();
            more = !last;
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(Rows.latin1(record)));
        } catch (CharacterCodingException e) {
            return "!" + record;
        }
        boolean bad = fields.size() != 2 || fields.get(0).isEmpty();
        return bad ? "!" + record : fields.get(0) + "=" + fields.get(1);
    }

    private static List<String> read(String csv, RowReader.Options options) {
        return Rows.read(
                TextFormat.CSV,
                csv.getBytes(StandardCharsets.UTF_8),
                options,
                new Random(csv.hashCode()));
    }

    @Test
    void theValueIsAnObjectOfTheOtherColumns() {
        // fails if a name or a text is not escaped as JSON wants it
        RowReader.Options options = RowReader.Options.defaults().withKey(List.of("id"));
        String csv = "\"a \"\"b\"\"\",id,\"c\nd\"\n\"x\\\t\r\n\u0001\",7,\u00e9\n";
        assertEquals(
                List.of(
                        Rows.utf8(
                                "7={\"a \\\"b\\\"\":\"x\\\\\\t\\r\\n\\u0001\",\"c\\nd\":\"\u00e9\"}")),
                read(csv, options));
        assertEquals(List.of("1={}"), read("id\n1\n", options));
    }

    @Test
    void aByteOrderMarkIsNoPartOfTheFirstName() {
        // fails if files of spreadsheets have no key column
        RowReader.Options options = RowReader.Options.defaults().withKey(List.of("id"));
        assertEquals(List.of("1={}"), read("\ufeffid\r\n1\r\n", options));
        assertEquals(List.of("1={}"), read("\ufeff\"id\"\r\n1\r\n", options));
    }

    @Test
    void aStrayQuoteCostsItsOwnLineOnly() {
        // fails if the rows after a quote that is never closed are lost
        RowReader.Options options =
                RowReader.Options.defaults().withKey(List.of("k")).withValue("v");
        assertEquals(
                List.of("a=1", "!b,\"2", "c=3", "d=4"),
                read("k,v\na,1\nb,\"2\nc,3\nd,4\n", options));
    }
}
