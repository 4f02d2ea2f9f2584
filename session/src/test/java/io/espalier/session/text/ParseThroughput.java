package io.espalier.session.text;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * How fast the readers are: a program to run by hand, not a test, since machines differ. Prints the
 * milliseconds for a million rows of each format.
 */
final class ParseThroughput {

    private static final int ROWS = 1_000_000;
    private static final int ROUNDS = 8;

    private ParseThroughput() {}

    public static void main(String[] arguments) throws IOException, BadLineException {
        Random random = new Random(1);
        StringBuilder tsv = new StringBuilder();
        StringBuilder csv = new StringBuilder("id,value\n");
        StringBuilder jsonl = new StringBuilder();
        for (int i = 0; i < ROWS; i++) {
            String key = String.format(Locale.ROOT, "key-%012d", random.nextInt(300_000));
            String value = "0123456789abcdef0123456789abcdef";
            tsv.append(key).append('\t').append(value).append('\n');
            csv.append(key).append(',').append(value).append('\n');
            jsonl.append("{\"id\":\"").append(key).append("\",\"v\":\"").append(value);
            jsonl.append("\"}\n");
        }
        RowReader.Options keyed = RowReader.Options.defaults().withKey(List.of("id"));
        for (int round = 0; round < ROUNDS; round++) {
            measure(TextFormat.TSV, tsv, RowReader.Options.defaults());
            measure(TextFormat.CSV, csv, keyed);
            measure(TextFormat.JSONL, jsonl, keyed);
        }
    }

    private static void measure(TextFormat format, StringBuilder text, RowReader.Options options)
            throws IOException, BadLineException {
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        long startNanos = System.nanoTime();
        RowReader reader = RowReader.of(format, new ByteArrayInputStream(bytes), options);
        long sizes = 0;
        while (reader.next()) {
            sizes += reader.keySize() + reader.valueSize();
        }
        double millis = (System.nanoTime() - startNanos) / 1e6;
        System.out.printf(
                Locale.ROOT,
                "%-5s %6.1f ms, %5.0f MB/s, %d bytes of rows%n",
                format.formatName(),
                millis,
                bytes.length / 1e3 / millis,
                sizes);
    }
}
