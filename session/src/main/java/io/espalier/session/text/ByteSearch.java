package io.espalier.session.text;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Searches in byte arrays, eight bytes at a time. Each returns the first index in {@code [from,
 * to)} that fits, or {@code to}.
 *
 * <p>A word is searched by the well-known trick: {@code x - 0x01..} borrows exactly from bytes that
 * are zero or follow one, so the lowest mark is always a true one, also of several patterns
 * together.
 */
final class ByteSearch {

    private static final VarHandle WORD =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long LOW_BITS = 0x0101010101010101L;
    private static final long HIGH_BITS = 0x8080808080808080L;

    private ByteSearch() {}

    static int indexOf(byte[] array, int from, int to, char wanted) {
        long pattern = LOW_BITS * wanted;
        int i = from;
        for (; i <= to - Long.BYTES; i += Long.BYTES) {
            long marks = zeroBytes((long) WORD.get(array, i) ^ pattern);
            if (marks != 0) {
                return i + firstMark(marks);
            }
        }
        for (; i < to; i++) {
            if (array[i] == wanted) {
                return i;
            }
        }
        return to;
    }

    static int indexOfEither(byte[] array, int from, int to, char first, char second) {
        long firstPattern = LOW_BITS * first;
        long secondPattern = LOW_BITS * second;
        int i = from;
        for (; i <= to - Long.BYTES; i += Long.BYTES) {
            long word = (long) WORD.get(array, i);
            long marks = zeroBytes(word ^ firstPattern) | zeroBytes(word ^ secondPattern);
            if (marks != 0) {
                return i + firstMark(marks);
            }
        }
        for (; i < to; i++) {
            if (array[i] == first || array[i] == second) {
                return i;
            }
        }
        return to;
    }

    /** The first of three ASCII characters. */
    static int indexOfAny(byte[] array, int from, int to, char first, char second, char third) {
        long firstPattern = LOW_BITS * first;
        long secondPattern = LOW_BITS * second;
        long thirdPattern = LOW_BITS * third;
        int i = from;
        for (; i <= to - Long.BYTES; i += Long.BYTES) {
            long word = (long) WORD.get(array, i);
            long marks =
                    zeroBytes(word ^ firstPattern)
                            | zeroBytes(word ^ secondPattern)
                            | zeroBytes(word ^ thirdPattern);
            if (marks != 0) {
                return i + firstMark(marks);
            }
        }
        for (; i < to; i++) {
            if (array[i] == first || array[i] == second || array[i] == third) {
                return i;
            }
        }
        return to;
    }

    /** The first byte that is not ASCII. */
    static int indexOfNonAscii(byte[] array, int from, int to) {
        int i = from;
        for (; i <= to - Long.BYTES; i += Long.BYTES) {
            long marks = (long) WORD.get(array, i) & HIGH_BITS;
            if (marks != 0) {
                return i + firstMark(marks);
            }
        }
        for (; i < to; i++) {
            if (array[i] < 0) {
                return i;
            }
        }
        return to;
    }

    /** The first byte that a JSON string cannot hold as it is: a quote, a backslash, a control. */
    static int indexOfJsonSpecial(byte[] array, int from, int to) {
        int i = from;
        for (; i <= to - Long.BYTES; i += Long.BYTES) {
            long word = (long) WORD.get(array, i);
            // below 0x20: the subtraction borrows, unless the high bit was set before
            long controls = (word - LOW_BITS * ' ') & ~word & HIGH_BITS;
            long marks =
                    zeroBytes(word ^ LOW_BITS * '"') | zeroBytes(word ^ LOW_BITS * '\\') | controls;
            if (marks != 0) {
                return i + firstMark(marks);
            }
        }
        for (; i < to; i++) {
            byte b = array[i];
            if (b == '"' || b == '\\' || (b >= 0 && b < ' ')) {
                return i;
            }
        }
        return to;
    }

    private static long zeroBytes(long word) {
        return (word - LOW_BITS) & ~word & HIGH_BITS;
    }

    private static int firstMark(long marks) {
        return Long.numberOfTrailingZeros(marks) >>> 3;
    }
}
