package io.espalier.session.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a script, whatever the bytes: what is not UTF-8 is replaced, and of a line of
 * gigabytes only the beginning is kept. Not thread-safe.
 */
final class ScriptLines {

    /** How much of a line is kept, blanks at its beginning not counted. */
    static final int LINE_BYTES_MAX = 1 << 13;

    private final InputStream in;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream(256);

    /**
     * @param in buffered; read, but not closed
     */
    ScriptLines(InputStream in) {
        this.in = in;
    }

    /** The next line without its end, and without blanks at its beginning; null if none is left. */
    @Nullable String next() throws IOException {
        line.reset();
        int b = in.read();
        if (b < 0) {
            return null;
        }
        boolean cut = false;
        while (b >= 0 && b != '\n') {
            boolean blank = b == ' ' || b == '\t' || b == '\r';
            if (line.size() == LINE_BYTES_MAX) {
                cut |= !blank;
            } else if (!blank || line.size() > 0) {
                line.write(b);
            }
            b = in.read();
        }
        if (cut) {
            // so that blanks before the cut do not count as the end of a short line
            line.write('~');
        }
        return line.toString(StandardCharsets.UTF_8);
    }

    /** Whether the next line may have to be waited for. */
    boolean mayBlock() throws IOException {
        return in.available() == 0;
    }
}
