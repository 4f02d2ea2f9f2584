package io.espalier.session.text;

import io.espalier.session.Limits;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Walks over text as rows. {@link #next()} moves on; key and value are then spans of byte arrays
 * that last until the next call. Nothing is allocated for a row. Not thread-safe; the input is not
 * closed.
 */
public abstract sealed class RowReader permits TsvReader, CsvReader, JsonLinesReader {

    /** Where a buffer starts; it grows with the lines. */
    static final int BUFFER_BYTES = 256 << 10;

    /** The longest line that can hold a row within the limits, every byte of it escaped. */
    static final int LINE_BYTES_MAX = 2 * (Limits.KEY_BYTES_MAX + Limits.VALUE_BYTES_MAX) + 1024;

    /**
     * What a format needs to know.
     *
     * @param key which columns or members are the key; empty for tsv. Several are joined by a tab,
     *     each with tabs, line feeds and backslashes escaped as in tsv, so that different parts
     *     never give the same key
     * @param value csv: the column whose text is the value; null makes a JSON object
     * @param deleteName csv, jsonl: the column or member that tells a deletion, or null
     * @param deleteText the text that it has in rows that delete
     * @param crlf tsv: whether lines end with CR LF
     */
    public record Options(
            List<String> key,
            @Nullable String value,
            @Nullable String deleteName,
            String deleteText,
            boolean crlf) {

        public Options {
            key = List.copyOf(key);
        }

        /** Nothing is set: fine for tsv, the others need a key. */
        public static Options defaults() {
            return new Options(List.of(), null, null, "", false);
        }

        /** The same with these key columns or members. */
        public Options withKey(List<String> key) {
            return new Options(key, value, deleteName, deleteText, crlf);
        }

        /** The same with this value column. */
        public Options withValue(String value) {
            return new Options(key, value, deleteName, deleteText, crlf);
        }

        /** The same; rows whose column or member {@code name} has this text delete. */
        public Options withDelete(String name, String text) {
            return new Options(key, value, name, text, crlf);
        }

        /** The same; tsv lines end with CR LF, or with a line feed alone. */
        public Options withCrlf(boolean crlf) {
            return new Options(key, value, deleteName, deleteText, crlf);
        }
    }

    final LineReader lines;

    byte[] keyArray = new byte[0];
    int keyOffset;
    int keySize;
    byte[] valueArray = new byte[0];
    int valueOffset;
    int valueSize;
    boolean delete;

    RowReader(LineReader lines) {
        this.lines = lines;
    }

    /** A reader of that format over {@code input}. */
    public static RowReader of(TextFormat format, InputStream input, Options options) {
        return of(format, input, options, BUFFER_BYTES, LINE_BYTES_MAX);
    }

    static RowReader of(
            TextFormat format,
            InputStream input,
            Options options,
            int bufferBytes,
            int lineBytesMax) {
        LineReader lines = new LineReader(input, bufferBytes, lineBytesMax);
        return switch (format) {
            case TSV -> new TsvReader(lines, options);
            case CSV -> new CsvReader(lines, options);
            case JSONL -> new JsonLinesReader(lines, options);
        };
    }

    /**
     * Reads what comes before the first row: the header of csv. {@link #next()} does it if nobody
     * did; a bad header, other than a bad line, leaves nothing to go on with.
     */
    public void open() throws IOException, BadLineException {}

    /**
     * Moves to the next row; false at the end of the input.
     *
     * @throws BadLineException if the line is refused; the next call goes on after it
     * @throws IOException if the input cannot be read
     */
    public abstract boolean next() throws IOException, BadLineException;

    /** Whether the row deletes its key; then it has no value. */
    public final boolean isDelete() {
        return delete;
    }

    /** The array that holds the key, at {@link #keyOffset()}. */
    public final byte[] keyArray() {
        return keyArray;
    }

    /** Where the key of the row starts in its array. */
    public final int keyOffset() {
        return keyOffset;
    }

    /** The size of the key of the row in bytes. */
    public final int keySize() {
        return keySize;
    }

    /** The array that holds the value, at {@link #valueOffset()}. */
    public final byte[] valueArray() {
        return valueArray;
    }

    /** Where the value of the row starts in its array. */
    public final int valueOffset() {
        return valueOffset;
    }

    /** The size of the value of the row in bytes. */
    public final int valueSize() {
        return valueSize;
    }

    /**
     * The array that holds the line as it was read, at {@link #rawOffset()}: of a bad line only.
     */
    public final byte[] rawArray() {
        return lines.array();
    }

    /** Where the raw bytes of the row start in their array. */
    public final int rawOffset() {
        return lines.start();
    }

    /** The size of the raw bytes of the row. */
    public final int rawSize() {
        return lines.end() - lines.start();
    }

    /** The number of the last line that was read, from 1; 0 before the first. */
    public final long line() {
        return lines.number() == 0 ? 0 : lines.lastNumber();
    }

    /** How many bytes of the input the rows so far had. */
    public final long consumedBytes() {
        return lines.consumedBytes();
    }

    final BadLineException bad(long offset, String reason) {
        return new BadLineException(lines.number(), offset - lines.start() + 1, reason);
    }

    final BadLineException overlong() {
        return bad(
                lines.end(),
                "the line is longer than any row can be; a value has at most "
                        + Limits.VALUE_BYTES_MAX
                        + " bytes, a key "
                        + Limits.KEY_BYTES_MAX);
    }

    final void checkKey(long size) throws BadLineException {
        if (size < Limits.KEY_BYTES_MIN) {
            throw bad(lines.start(), emptyKey());
        }
        if (size > Limits.KEY_BYTES_MAX) {
            throw bad(
                    lines.start(),
                    "the key has "
                            + size
                            + " bytes, at most "
                            + Limits.KEY_BYTES_MAX
                            + " are possible; shorten it");
        }
    }

    final void checkValue(int offset, long size) throws BadLineException {
        if (size > Limits.VALUE_BYTES_MAX) {
            throw bad(
                    offset,
                    "the value has "
                            + size
                            + " bytes, at most "
                            + Limits.VALUE_BYTES_MAX
                            + " are possible; split it over several keys");
        }
    }

    String emptyKey() {
        return "the key is empty; a key has at least one byte";
    }

    static String hex(byte b) {
        return String.format("0x%02x", b & 0xFF);
    }
}
