package io.espalier.memory;

import java.io.Serial;

/** The reservation of a {@link NativeMemory} is used up, or a single lease is beyond its limit. */
public final class OutOfNativeMemoryException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    OutOfNativeMemoryException(String message) {
        super(message);
    }
}
