package io.espalier.pager;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * Bytes that were written cannot be had back: their checksum differs, or their device fails. The
 * message names file, offset, what was found and expected, and what is lost. The object that was
 * asked stays usable: it can be asked again, and closed.
 */
public final class DamagedPageException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    DamagedPageException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
