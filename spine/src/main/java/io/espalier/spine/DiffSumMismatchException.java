package io.espalier.spine;

/**
 * A compaction result does not add up to what it replaces: applying it would have lost or invented
 * data. The spine is unchanged; the inputs and the output should be kept for whoever looks for the
 * cause.
 */
public final class DiffSumMismatchException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    DiffSumMismatchException(String message) {
        super(message);
    }
}
