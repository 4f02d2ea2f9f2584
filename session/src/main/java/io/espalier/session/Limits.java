package io.espalier.session;

/**
 * What a store accepts, in one place. A limit is part of the format: raising one makes stores that
 * older versions must refuse.
 */
public final class Limits {

    /** A key has at least one byte: the empty key is refused. */
    public static final int KEY_BYTES_MIN = 1;

    /** A key has at most 65,535 bytes. */
    public static final int KEY_BYTES_MAX = 65_535;

    /** A value has at most 16 MiB; it may be empty, which is not the same as absent. */
    public static final int VALUE_BYTES_MAX = 16 << 20;

    /** The name of a table has at most 64 characters: letters, digits, {@code - _ .} (ASCII). */
    public static final int TABLE_NAME_CHARS_MAX = 64;

    /** The smallest budget that a store can be opened with. */
    public static final long BUDGET_BYTES_MIN = 1 << 20;

    private Limits() {}

    /**
     * Checks the size of a key.
     *
     * @throws IllegalArgumentException naming the size and the limit, if it is out of range
     */
    public static void checkKeySize(long sizeBytes) {
        if (sizeBytes < KEY_BYTES_MIN) {
            throw new IllegalArgumentException("a key must have at least one byte");
        }
        if (sizeBytes > KEY_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "a key has "
                            + sizeBytes
                            + " bytes, at most "
                            + KEY_BYTES_MAX
                            + " are possible");
        }
    }

    /**
     * Checks the size of a value.
     *
     * @throws IllegalArgumentException naming the size and the limit, if it is out of range
     */
    public static void checkValueSize(long sizeBytes) {
        if (sizeBytes < 0 || sizeBytes > VALUE_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "a value has "
                            + sizeBytes
                            + " bytes, at most "
                            + VALUE_BYTES_MAX
                            + " are possible");
        }
    }

    /** Whether a table may have this name. */
    public static boolean isTableName(String name) {
        if (name.isEmpty() || name.length() > TABLE_NAME_CHARS_MAX) {
            return false;
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') {
                return false;
            }
        }
        return true;
    }

    /**
     * Checks the name of a table and returns it.
     *
     * @throws IllegalArgumentException saying which names are possible, if this is none
     */
    public static String checkTableName(String name) {
        if (!isTableName(name)) {
            throw new IllegalArgumentException(
                    "'"
                            + name
                            + "' cannot name a table: 1 to "
                            + TABLE_NAME_CHARS_MAX
                            + " letters, digits, '-', '_' and '.' can");
        }
        return name;
    }
}
