package io.espalier.session.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * What a command sees of the process that runs it.
 *
 * @param in standard input
 * @param out standard output; whatever it refuses surfaces as {@link OutputException}
 * @param err standard error, for messages, summaries and progress
 * @param outIsPipe whether standard output has a reader that may go away
 * @param errIsTerminal whether a person watches standard error
 * @param stores where stores come from
 */
record Shell(
        InputStream in,
        OutputStream out,
        PrintStream err,
        boolean outIsPipe,
        boolean errIsTerminal,
        Stores stores) {

    /** A shell over streams of which nothing more is known. */
    static Shell of(InputStream in, OutputStream out, PrintStream err, Stores stores) {
        return of(in, out, err, false, false, stores);
    }

    static Shell of(
            InputStream in,
            OutputStream out,
            PrintStream err,
            boolean outIsPipe,
            boolean errIsTerminal,
            Stores stores) {
        return new Shell(in, new Output(out), err, outIsPipe, errIsTerminal, stores);
    }

    /** The same, but nobody watches. */
    Shell unwatched() {
        return new Shell(in, out, err, outIsPipe, false, stores);
    }

    /** Prints text on standard output. */
    void print(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    /** Prints one line for the person at the terminal. */
    void say(String message) {
        err.println("espalier: " + oneLine(message));
        err.flush();
    }

    /** The same text without anything that would break the line or play with the terminal. */
    static String oneLine(@Nullable String message) {
        if (message == null) {
            return "unknown";
        }
        StringBuilder line = new StringBuilder(message.length());
        for (int i = 0; i < message.length(); i++) {
            char c = message.charAt(i);
            line.append(Character.isISOControl(c) ? '?' : c);
        }
        return line.toString();
    }

    /** Tells the failures of standard output apart from all others. */
    private static final class Output extends OutputStream {

        private final OutputStream target;

        Output(OutputStream target) {
            this.target = target;
        }

        @Override
        public void write(int b) throws IOException {
            try {
                target.write(b);
            } catch (IOException e) {
                throw new OutputException(e);
            }
        }

        @Override
        public void write(byte[] bytes, int offset, int count) throws IOException {
            try {
                target.write(bytes, offset, count);
            } catch (IOException e) {
                throw new OutputException(e);
            }
        }

        @Override
        public void flush() throws IOException {
            try {
                target.flush();
            } catch (IOException e) {
                throw new OutputException(e);
            }
        }
    }
}
