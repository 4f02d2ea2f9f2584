package io.espalier.spine;

/**
 * Facts that claim to be a flattened spine are none. The message names the fact, the value found
 * and the value expected.
 */
public final class SpineFormatException extends Exception {
    private static final long serialVersionUID = 1L;

    SpineFormatException(String message) {
        super(message);
    }
}
