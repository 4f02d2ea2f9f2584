package io.espalier.columnar;

import java.io.Serial;

/** Bytes that should be a chunk image are not one, or a damaged one. */
public final class ImageException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    ImageException(String message) {
        super(message);
    }
}
