package io.espalier.session.cli;

import java.util.Locale;

/** Sizes as text: {@code 64MiB} on the command line, {@code 12.3 MiB} for people. */
final class ByteSizes {

    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    private static final int UNIT_BITS = 10;

    private ByteSizes() {}

    /**
     * A whole number of bytes, or of one of the units {@code B KiB MiB GiB TiB PiB}, without a
     * space.
     *
     * @throws IllegalArgumentException saying how to write a size, if this is none
     */
    static long parse(String text) {
        int digits = 0;
        while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
            digits++;
        }
        String unit = text.substring(digits);
        int shift = unit.isEmpty() ? 0 : -1;
        for (int i = 0; i < UNITS.length; i++) {
            if (UNITS[i].equals(unit)) {
                shift = i * UNIT_BITS;
            }
        }
        if (digits == 0 || shift < 0) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a size; write one like 64MiB (B, KiB, MiB, GiB, TiB)");
        }
        try {
            return Math.multiplyExact(Long.parseLong(text.substring(0, digits)), 1L << shift);
        } catch (ArithmeticException | NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' is too large a size", e);
        }
    }

    /** The shortest exact text: {@link #parse} gives the same number back. */
    static String exact(long bytes) {
        int unit = 0;
        long rest = bytes;
        while (rest != 0 && rest % 1024 == 0 && unit + 1 < UNITS.length) {
            rest /= 1024;
            unit++;
        }
        return rest + UNITS[unit];
    }

    /** For reading: three digits or so, {@code 12.3 MiB}. */
    static String rounded(long bytes) {
        int unit = 0;
        double rest = bytes;
        while (Math.abs(rest) >= 1024 && unit + 1 < UNITS.length) {
            rest /= 1024;
            unit++;
        }
        if (unit == 0) {
            return bytes + " B";
        }
        return String.format(Locale.ROOT, rest < 100 ? "%.1f %s" : "%.0f %s", rest, UNITS[unit]);
    }
}
