package io.espalier.spine.disk;

import java.io.IOException;

/**
 * Bytes or names could not be made durable. What is on the disk is now unknown and cannot be found
 * out by trying again: a system may report a lost write once and then forget it.
 */
public final class DiskSyncException extends IOException {
    private static final long serialVersionUID = 1;

    public DiskSyncException(String message, Throwable cause) {
        super(message, cause);
    }

    public DiskSyncException(String message) {
        super(message);
    }
}
