package io.espalier.session.text;

/** Is it UTF-8? Strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
final class Utf8 {

    private Utf8() {}

    /** The index of the first byte in {@code [from, to)} that breaks the rules, or {@code to}. */
    static int firstInvalid(byte[] array, int from, int to) {
        int i = from;
        while (true) {
            i = ByteSearch.indexOfNonAscii(array, i, to);
            if (i == to) {
                return to;
            }
            int size = sequenceSize(array, i, to);
            if (size == 0) {
                return i;
            }
            i += size;
        }
    }

    /** How many bytes the sequence at {@code i} has, or 0 if it is malformed. */
    private static int sequenceSize(byte[] array, int i, int to) {
        int lead = array[i] & 0xFF;
        int size;
        int secondMin = 0x80;
        int secondMax = 0xBF;
        if (lead >= 0xC2 && lead <= 0xDF) {
            size = 2;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            size = 3;
            if (lead == 0xE0) {
                secondMin = 0xA0; // else overlong
            } else if (lead == 0xED) {
                secondMax = 0x9F; // else a surrogate
            }
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            size = 4;
            if (lead == 0xF0) {
                secondMin = 0x90; // else overlong
            } else if (lead == 0xF4) {
                secondMax = 0x8F; // else above U+10FFFF
            }
        } else {
            return 0;
        }
        if (i + size > to) {
            return 0;
        }
        int second = array[i + 1] & 0xFF;
        if (second < secondMin || second > secondMax) {
            return 0;
        }
        for (int k = 2; k < size; k++) {
            if ((array[i + k] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return size;
    }
}
