package io.espalier.session.text;

import java.util.Arrays;

/** A growable array of bytes that is filled anew for each row. */
final class ByteSink {

    private static final int CAPACITY_MIN = 256;
    private static final byte[] HEX = {
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'
    };

    private byte[] array = new byte[CAPACITY_MIN];
    private int size;

    void clear() {
        size = 0;
    }

    byte[] array() {
        return array;
    }

    int size() {
        return size;
    }

    void append(int b) {
        ensure(1);
        array[size++] = (byte) b;
    }

    void append(byte[] source, int from, int to) {
        ensure(to - from);
        System.arraycopy(source, from, array, size, to - from);
        size += to - from;
    }

    /** Appends with the escapes of tsv. */
    void appendEscaped(byte[] source, int from, int to) {
        int plain = from;
        while (true) {
            int special = ByteSearch.indexOfAny(source, plain, to, '\t', '\n', '\\');
            append(source, plain, special);
            if (special == to) {
                return;
            }
            append('\\');
            append(Escapes.escapeOf(source[special]));
            plain = special + 1;
        }
    }

    /** Appends as a JSON string, with its quotes. The source is UTF-8. */
    void appendJsonString(byte[] source, int from, int to) {
        append('"');
        int plain = from;
        while (true) {
            int special = ByteSearch.indexOfJsonSpecial(source, plain, to);
            append(source, plain, special);
            if (special == to) {
                append('"');
                return;
            }
            appendJsonEscape(source[special]);
            plain = special + 1;
        }
    }

    private void appendJsonEscape(byte b) {
        append('\\');
        switch (b) {
            case '"', '\\' -> append(b);
            case '\n' -> append('n');
            case '\r' -> append('r');
            case '\t' -> append('t');
            default -> {
                append('u');
                append('0');
                append('0');
                append(HEX[(b >>> 4) & 0xF]);
                append(HEX[b & 0xF]);
            }
        }
    }

    /** Appends a code point as UTF-8. */
    void appendCodePoint(int codePoint) {
        if (codePoint < 0x80) {
            append(codePoint);
        } else if (codePoint < 0x800) {
            append(0xC0 | (codePoint >>> 6));
            append(0x80 | (codePoint & 0x3F));
        } else if (codePoint < 0x10000) {
            append(0xE0 | (codePoint >>> 12));
            append(0x80 | ((codePoint >>> 6) & 0x3F));
            append(0x80 | (codePoint & 0x3F));
        } else {
            append(0xF0 | (codePoint >>> 18));
            append(0x80 | ((codePoint >>> 12) & 0x3F));
            append(0x80 | ((codePoint >>> 6) & 0x3F));
            append(0x80 | (codePoint & 0x3F));
        }
    }

    private void ensure(int more) {
        if (array.length - size < more) {
            array = Arrays.copyOf(array, Math.max(Math.addExact(size, more), array.length * 2));
        }
    }
}
