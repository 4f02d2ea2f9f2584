package io.espalier.spine;

import java.util.OptionalLong;

/**
 * A reference to stored updates. The spine never looks behind it.
 *
 * @param name what identifies the part: 1 to {@value #MAX_NAME_LENGTH} printable ASCII characters
 *     without space, chosen by the writer and never used again for other bytes
 * @param fileId the file that holds the part; parts may share one
 * @param updateCount how many updates it holds, at least 1 (what holds nothing is not stored)
 * @param sizeBytes its size in storage
 * @param diffSum the sum of its updates' diffs when it was written, modulo 2<sup>64</sup>; empty if
 *     the writer did not add them up, as for the upsert semigroup
 */
public record PartRef(
        String name, long fileId, long updateCount, long sizeBytes, OptionalLong diffSum) {
    /** The longest name, in characters. */
    public static final int MAX_NAME_LENGTH = 255;

    /**
     * @throws IllegalArgumentException if the name is not as described, or an amount is below its
     *     least value
     */
    public PartRef {
        if (name.isEmpty() || name.length() > MAX_NAME_LENGTH || !isPrintable(name)) {
            throw new IllegalArgumentException(
                    "a part's name has "
                            + name.length()
                            + " characters, expected 1 to "
                            + MAX_NAME_LENGTH
                            + ", all printable ASCII without space");
        }
        if (updateCount < 1) {
            throw new IllegalArgumentException(
                    "part " + name + " holds " + updateCount + " updates, expected at least 1");
        }
        if (sizeBytes < 0) {
            throw new IllegalArgumentException(
                    "part " + name + " has size " + sizeBytes + " bytes");
        }
        if (fileId < 0) {
            throw new IllegalArgumentException(
                    "part " + name + " is in file " + fileId + ", expected an id from 0");
        }
    }

    private static boolean isPrintable(String name) {
        for (int i = 0; i < name.length(); i++) {
            if (name.charAt(i) <= ' ' || name.charAt(i) >= 0x7f) {
                return false;
            }
        }
        return true;
    }
}
