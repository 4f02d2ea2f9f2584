package io.espalier.pager;

import java.io.Serial;

/**
 * A page could not be written: the disk is full, the spill directory is missing or not writable.
 * Nothing is lost: the image that was to be paged out is still resident. The message names the
 * file, the system's reason and what to do.
 */
public final class SpillException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    SpillException(String message, Throwable cause) {
        super(message, cause);
    }
}
