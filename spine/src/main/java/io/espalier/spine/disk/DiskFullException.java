package io.espalier.spine.disk;

import java.io.IOException;

/** A write failed because there is no room: the disk is full, or a quota is reached. */
public final class DiskFullException extends IOException {
    private static final long serialVersionUID = 1;

    /** What happened, in one line, and why. */
    public DiskFullException(String message, Throwable cause) {
        super(message, cause);
    }

    /** What happened, in one line. */
    public DiskFullException(String message) {
        super(message);
    }
}
