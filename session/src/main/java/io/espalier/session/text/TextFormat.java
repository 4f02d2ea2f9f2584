package io.espalier.session.text;

import org.jspecify.annotations.Nullable;

/**
 * The formats that rows can have as text. In all of them a key must be UTF-8, and the last line may
 * lack its line feed.
 */
public enum TextFormat {

    /**
     * {@code key<TAB>value} sets, {@code key} alone deletes. A tab, line feed or backslash within
     * key or value is written {@code \t}, {@code \n} and {@code \\}; no other escape exists. A line
     * ends with a line feed alone: a carriage return is part of the value, unless {@link
     * RowReader.Options#crlf()} says otherwise. Values are any bytes, so that every table can be
     * written as tsv and read back exactly.
     */
    TSV("tsv"),

    /**
     * RFC 4180: the first line names the columns, {@link RowReader.Options#key()} says which are
     * the key. The value is a JSON object of the remaining columns, as strings, in the order of the
     * header; or the text of one column, if {@link RowReader.Options#value()} names it. Lines end
     * with a line feed or CR LF; a quoted field may hold either. All of it is UTF-8; a byte order
     * mark at the start is skipped.
     */
    CSV("csv"),

    /**
     * One JSON object per line, {@link RowReader.Options#key()} says which of its members are the
     * key: strings, numbers, true or false, each taken as its text. The value is the whole object
     * as it was written.
     */
    JSONL("jsonl");

    private final String name;

    TextFormat(String name) {
        this.name = name;
    }

    /** The name on the command line. */
    public String formatName() {
        return name;
    }

    /** The format of that name, or null. */
    public static @Nullable TextFormat named(String name) {
        for (TextFormat format : values()) {
            if (format.name.equals(name)) {
                return format;
            }
        }
        return null;
    }

    /** The format that the name of a file suggests: tsv, unless it ends in the name of another. */
    public static TextFormat ofFileName(String fileName) {
        if (fileName.endsWith(".csv")) {
            return CSV;
        }
        if (fileName.endsWith(".jsonl") || fileName.endsWith(".ndjson")) {
            return JSONL;
        }
        return TSV;
    }
}
