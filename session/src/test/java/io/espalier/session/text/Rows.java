package io.espalier.session.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/** What tests of readers share: rows as strings, and inputs that come in pieces. */
final class Rows {

    private Rows() {}

    /**
     * All rows of an input, one string each, with one character per byte: {@code key=value}, {@code
     * -key} or {@code !raw line}. The input comes in pieces of random sizes, into a small buffer.
     */
    static List<String> read(
            TextFormat format, byte[] input, RowReader.Options options, RandomGenerator random) {
        int bufferBytes = 1 + random.nextInt(40);
        RowReader reader =
                RowReader.of(
                        format,
                        inPieces(input, random),
                        options,
                        bufferBytes,
                        RowReader.LINE_BYTES_MAX);
        return read(reader);
    }

    static List<String> read(RowReader reader) {
        List<String> rows = new ArrayList<>();
        while (true) {
            try {
                if (!reader.next()) {
                    return rows;
                }
                String key = latin1(reader.keyArray(), reader.keyOffset(), reader.keySize());
                String value =
                        latin1(reader.valueArray(), reader.valueOffset(), reader.valueSize());
                rows.add(reader.isDelete() ? "-" + key : key + "=" + value);
            } catch (BadLineException e) {
                rows.add("!" + latin1(reader.rawArray(), reader.rawOffset(), reader.rawSize()));
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }

    static String latin1(byte[] array, int offset, int size) {
        return new String(array, offset, size, StandardCharsets.ISO_8859_1);
    }

    static byte[] latin1(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** The bytes of the text as UTF-8, one character per byte. */
    static String utf8(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    /** A stream that hands out a few bytes at a time. */
    static InputStream inPieces(byte[] input, RandomGenerator random) {
        return new InputStream() {
            private int at;

            @Override
            public int read() {
                return at < input.length ? input[at++] & 0xFF : -1;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) {
                if (at == input.length) {
                    return -1;
                }
                int count = Math.min(Math.min(length, input.length - at), 1 + random.nextInt(20));
                System.arraycopy(input, at, bytes, offset, count);
                at += count;
                return count;
            }
        };
    }

    /** Bytes drawn from an alphabet, which says what is likely by saying it often. */
    static byte[] random(String alphabet, int sizeMax, RandomGenerator random) {
        byte[] bytes = new byte[random.nextInt(sizeMax + 1)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) alphabet.charAt(random.nextInt(alphabet.length()));
        }
        return bytes;
    }

    /** The lines of an input; the last one may lack its line feed. */
    static List<String> lines(byte[] input) {
        String text = latin1(input, 0, input.length);
        List<String> lines = new ArrayList<>(Arrays.asList(text.split("\n", -1)));
        if (lines.getLast().isEmpty()) {
            lines.removeLast();
        }
        return lines;
    }
}
