package io.espalier.session.text;

/**
 * A line of the input is refused. The reader stands after it and can go on. Carries no stack trace:
 * it is a fact about the input, and there may be millions.
 */
public final class BadLineException extends Exception {

    private static final long serialVersionUID = 1L;

    private final long line;
    private final long column;

    BadLineException(long line, long column, String reason) {
        super(reason, null, false, false);
        this.line = line;
        this.column = column;
    }

    /** The number of the line, the first being 1. */
    public long line() {
        return line;
    }

    /** Where in the line, in bytes, the first being 1. */
    public long column() {
        return column;
    }

    /** What is wrong, and what would be right: one line without tabs. */
    public String reason() {
        String reason = getMessage();
        return reason == null ? "" : reason;
    }
}
