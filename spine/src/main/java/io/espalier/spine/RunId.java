package io.espalier.spine;

import java.util.HexFormat;

/**
 * The identity of a run: 128 bits that its writer never uses twice, as of a random UUID, or a
 * store's number and a counter.
 *
 * @param high the upper 64 bits
 * @param low the lower 64 bits
 */
public record RunId(long high, long low) {
    /** 32 hexadecimal digits. */
    @Override
    public String toString() {
        return HexFormat.of().toHexDigits(high) + HexFormat.of().toHexDigits(low);
    }
}
