package io.espalier.session.cli;

import io.espalier.session.text.BadLineException;
import io.espalier.session.text.RowReader;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where bad lines go: each as {@code where: reason<TAB>line as it was}, so that {@code cut -f2-}
 * gives the lines back. The file is made, or emptied, for the first of them.
 */
final class SkipFile implements AutoCloseable {

    private final Path path;
    private @Nullable OutputStream output;
    private long count;

    SkipFile(Path path) {
        this.path = path;
    }

    long count() {
        return count;
    }

    void add(String inputName, BadLineException bad, RowReader reader) {
        String where = inputName + ":" + bad.line() + ":" + bad.column() + ": " + bad.reason();
        try {
            OutputStream to = output;
            if (to == null) {
                to = new BufferedOutputStream(Files.newOutputStream(path));
                output = to;
            }
            to.write(Shell.oneLine(where).getBytes(StandardCharsets.UTF_8));
            to.write('\t');
            to.write(reader.rawArray(), reader.rawOffset(), reader.rawSize());
            to.write('\n');
        } catch (IOException e) {
            throw failed(e);
        }
        count++;
    }

    /** Hands what was collected over to the file, before the rows around it become durable. */
    void flush() {
        try {
            if (output != null) {
                output.flush();
            }
        } catch (IOException e) {
            throw failed(e);
        }
    }

    @Override
    public void close() {
        try {
            if (output != null) {
                output.close();
            }
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private CommandException failed(IOException e) {
        return new CommandException(
                ExitCode.ENVIRONMENT,
                "--skip-bad " + path + " cannot be written: " + Failures.reason(e),
                e);
    }
}
