package io.espalier.session.text;

/**
 * Steps over JSON (RFC 8259) within one line of UTF-8, strictly and without building anything: it
 * knows where things start and end, and what breaks the grammar.
 */
final class JsonScanner {

    /** How deep arrays and objects may nest. */
    static final int DEPTH_MAX = 256;

    private static final int HEX_DIGITS = 4;

    /** The text breaks the grammar. Without a stack trace, as {@link BadLineException}. */
    static final class Malformed extends Exception {

        private static final long serialVersionUID = 1L;

        private final int offset;

        Malformed(int offset, String reason) {
            super(reason, null, false, false);
            this.offset = offset;
        }

        int offset() {
            return offset;
        }

        String reason() {
            String reason = getMessage();
            return reason == null ? "" : reason;
        }
    }

    private byte[] array = new byte[0];
    private int at;
    private int end;

    void reset(byte[] array, int from, int end) {
        this.array = array;
        this.at = from;
        this.end = end;
    }

    /** Where the scanner stands. */
    int at() {
        return at;
    }

    void skipSpace() {
        while (at < end && isSpace(array[at])) {
            at++;
        }
    }

    private static boolean isSpace(byte b) {
        return b == ' ' || b == '\t' || b == '\r' || b == '\n';
    }

    /** Enters an object; whether a member follows, whose name is next. */
    boolean enterObject() throws Malformed {
        if (at == end || array[at] != '{') {
            throw expected("an object {...}");
        }
        at++;
        skipSpace();
        if (at < end && array[at] == '}') {
            at++;
            return false;
        }
        return true;
    }

    /** After the value of a member: whether another one follows, whose name is next. */
    boolean nextMember() throws Malformed {
        skipSpace();
        if (at < end && array[at] == '}') {
            at++;
            return false;
        }
        if (at == end || array[at] != ',') {
            throw expected("',' or '}'");
        }
        at++;
        skipSpace();
        return true;
    }

    /** The colon between name and value. */
    void colon() throws Malformed {
        skipSpace();
        if (at == end || array[at] != ':') {
            throw expected("':'");
        }
        at++;
        skipSpace();
    }

    /** Any value. */
    void value() throws Malformed {
        value(1);
    }

    private void value(int depth) throws Malformed {
        if (at == end) {
            throw expected("a value");
        }
        switch (array[at]) {
            case '"' -> string();
            case '{' -> object(depth);
            case '[' -> array(depth);
            case 't' -> literal("true");
            case 'f' -> literal("false");
            case 'n' -> literal("null");
            default -> number();
        }
    }

    private void object(int depth) throws Malformed {
        checkDepth(depth);
        boolean more = enterObject();
        while (more) {
            string();
            colon();
            value(depth + 1);
            more = nextMember();
        }
    }

    private void array(int depth) throws Malformed {
        checkDepth(depth);
        at++;
        skipSpace();
        if (at < end && array[at] == ']') {
            at++;
            return;
        }
        while (true) {
            value(depth + 1);
            skipSpace();
            if (at < end && array[at] == ']') {
                at++;
                return;
            }
            if (at == end || array[at] != ',') {
                throw expected("',' or ']'");
            }
            at++;
            skipSpace();
        }
    }

    private void checkDepth(int depth) throws Malformed {
        if (depth >= DEPTH_MAX) {
            throw new Malformed(at, "nested deeper than " + DEPTH_MAX + " levels");
        }
    }

    private void literal(String word) throws Malformed {
        for (int i = 0; i < word.length(); i++) {
            if (at + i >= end || array[at + i] != word.charAt(i)) {
                throw expected("a value");
            }
        }
        at += word.length();
    }

    private void number() throws Malformed {
        int from = at;
        if (at < end && array[at] == '-') {
            at++;
        }
        if (at < end && array[at] == '0') {
            at++;
        } else {
            digits(from);
        }
        if (at < end && array[at] == '.') {
            at++;
            digits(from);
        }
        if (at < end && (array[at] == 'e' || array[at] == 'E')) {
            at++;
            if (at < end && (array[at] == '+' || array[at] == '-')) {
                at++;
            }
            digits(from);
        }
    }

    private void digits(int numberFrom) throws Malformed {
        int from = at;
        while (at < end && array[at] >= '0' && array[at] <= '9') {
            at++;
        }
        if (at == from) {
            throw expected(at == numberFrom ? "a value" : "a digit");
        }
    }

    /** A string, with its quotes. */
    void string() throws Malformed {
        if (at == end || array[at] != '"') {
            throw expected("a string in double quotes");
        }
        int from = at;
        at++;
        while (true) {
            at = ByteSearch.indexOfJsonSpecial(array, at, end);
            if (at == end) {
                throw new Malformed(from, "the string is never closed");
            }
            byte b = array[at];
            if (b == '"') {
                at++;
                return;
            }
            if (b != '\\') {
                throw new Malformed(
                        at, "a control character within a string; write it as an escape");
            }
            escape();
        }
    }

    private void escape() throws Malformed {
        int from = at;
        at++;
        if (at == end) {
            throw new Malformed(from, "a backslash at the end");
        }
        switch (array[at]) {
            case '"', '\\', '/', 'b', 'f', 'n', 'r', 't' -> at++;
            case 'u' -> {
                at++;
                if (at + HEX_DIGITS > end || hexValue(array, at) < 0) {
                    throw new Malformed(from, "\\u needs four hexadecimal digits");
                }
                at += HEX_DIGITS;
            }
            default ->
                    throw new Malformed(
                            from, "bad escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
        }
    }

    private Malformed expected(String what) {
        if (at >= end) {
            return new Malformed(at, "the line ends where " + what + " was expected");
        }
        byte b = array[at];
        String found = b > ' ' && b < 0x7F ? "'" + (char) b + "'" : "byte " + RowReader.hex(b);
        return new Malformed(at, "found " + found + " where " + what + " was expected");
    }

    /** Appends the text of a string that {@link #string()} accepted: {@code [from, to)}. */
    static void decodeString(byte[] array, int from, int to, ByteSink sink) throws Malformed {
        int i = from + 1;
        int last = to - 1;
        while (true) {
            int escape = ByteSearch.indexOf(array, i, last, '\\');
            sink.append(array, i, escape);
            if (escape == last) {
                return;
            }
            i = escape + 2;
            switch (array[escape + 1]) {
                case 'b' -> sink.append('\b');
                case 'f' -> sink.append('\f');
                case 'n' -> sink.append('\n');
                case 'r' -> sink.append('\r');
                case 't' -> sink.append('\t');
                case 'u' -> i = decodeUnicode(array, escape, last, sink);
                default -> sink.append(array[escape + 1]);
            }
        }
    }

    private static int decodeUnicode(byte[] array, int escape, int last, ByteSink sink)
            throws Malformed {
        int unit = hexValue(array, escape + 2);
        int next = escape + 2 + HEX_DIGITS;
        if (!Character.isSurrogate((char) unit)) {
            sink.appendCodePoint(unit);
            return next;
        }
        boolean pair =
                Character.isHighSurrogate((char) unit)
                        && next + 2 + HEX_DIGITS <= last
                        && array[next] == '\\'
                        && array[next + 1] == 'u';
        int low = pair ? hexValue(array, next + 2) : 0;
        if (!pair || !Character.isLowSurrogate((char) low)) {
            throw new Malformed(escape, "half a surrogate pair, which UTF-8 cannot hold");
        }
        sink.appendCodePoint(Character.toCodePoint((char) unit, (char) low));
        return next + 2 + HEX_DIGITS;
    }

    /** The number that four hexadecimal digits write, or -1 if they are none. */
    private static int hexValue(byte[] array, int at) {
        int value = 0;
        for (int i = 0; i < HEX_DIGITS; i++) {
            byte b = array[at + i];
            // not Character.digit alone: it takes a negative byte for a character of another script
            int digit = b < 0 ? -1 : Character.digit((char) b, 16);
            if (digit < 0) {
                return -1;
            }
            value = (value << 4) | digit;
        }
        return value;
    }
}
