package io.espalier.spine.disk;

import java.io.IOException;

/**
 * Bytes or names could not be made durable. What is on the disk is now unknown and cannot be found
 * out by trying again: a system may report a lost write once and then forget it.
 */
public final class DiskSyncException extends IOException {
    private static final long serialVersionUID = 1;

    /** What happened, in one line, and why. */
    public DiskSyncException(String message, Throwable cause) {
        super(message, cause);
    }

    /** What happened, in one line. */
    public DiskSyncException(String message) {
        super(message);
    }
}
