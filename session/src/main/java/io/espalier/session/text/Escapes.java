package io.espalier.session.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The escapes of tsv, for keys and values: {@code \t}, {@code \n} and {@code \\} for a tab, a line
 * feed and a backslash. There are no others.
 */
public final class Escapes {

    private Escapes() {}

    /**
     * The bytes of a text in which tabs, line feeds and backslashes are escaped: keys on the
     * command line are written as in tsv.
     *
     * @throws IllegalArgumentException if it has a bad escape, or characters that UTF-8 cannot hold
     */
    public static byte[] unescape(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isSurrogate(c)) {
                throw new IllegalArgumentException(
                        "character " + (i + 1) + " cannot be written as UTF-8");
            }
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int i = 0;
        while (true) {
            i = ByteSearch.indexOf(bytes, i, bytes.length, '\\');
            if (i == bytes.length) {
                return Arrays.copyOf(bytes, unescape(bytes, 0, bytes.length));
            }
            if (!isEscape(bytes, i, bytes.length)) {
                throw new IllegalArgumentException(badEscape(bytes, i, bytes.length));
            }
            i += 2;
        }
    }

    /** Whether the backslash at {@code i} starts an escape that exists. */
    static boolean isEscape(byte[] array, int i, int to) {
        if (i + 1 >= to) {
            return false;
        }
        byte b = array[i + 1];
        return b == 't' || b == 'n' || b == '\\';
    }

    /** What to say about the backslash at {@code i}. */
    static String badEscape(byte[] array, int i, int to) {
        String what;
        if (i + 1 >= to) {
            what = "a backslash at the end";
        } else if (array[i + 1] > ' ' && array[i + 1] < 0x7F) {
            what = "bad escape \\" + (char) array[i + 1];
        } else {
            what = "a backslash before byte " + RowReader.hex(array[i + 1]);
        }
        return what + "; the escapes are \\t, \\n and \\\\ (for a backslash)";
    }

    /** Unescapes {@code [from, to)}, which was checked, where it lies; returns the new size. */
    static int unescape(byte[] array, int from, int to) {
        int read = ByteSearch.indexOf(array, from, to, '\\');
        int write = read;
        while (read < to) {
            byte escaped = array[read + 1];
            array[write++] = (byte) (escaped == 't' ? '\t' : escaped == 'n' ? '\n' : '\\');
            int plain = read + 2;
            read = ByteSearch.indexOf(array, plain, to, '\\');
            System.arraycopy(array, plain, array, write, read - plain);
            write += read - plain;
        }
        return write - from;
    }

    /** The escape of a byte, or 0 if it stands for itself. */
    static char escapeOf(byte b) {
        return switch (b) {
            case '\t' -> 't';
            case '\n' -> 'n';
            case '\\' -> '\\';
            default -> 0;
        };
    }
}
