package io.espalier.session.cli;

import java.io.IOException;

/** Standard output did not take what was written to it. */
final class OutputException extends IOException {

    private static final long serialVersionUID = 1L;

    OutputException(IOException cause) {
        super(cause.getMessage(), cause);
    }
}
