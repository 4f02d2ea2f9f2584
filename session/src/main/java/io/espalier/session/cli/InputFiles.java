package io.espalier.session.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files that a command is told to read, and what it says when it cannot. */
final class InputFiles {

    private InputFiles() {}

    static InputStream open(Path file) {
        if (!Files.exists(file)) {
            throw Arguments.wrong(
                    "input " + file + " does not exist; name a file, or - for standard input");
        }
        if (Files.isDirectory(file)) {
            throw Arguments.wrong("input " + file + " is a directory; name a file");
        }
        try {
            return Files.newInputStream(file);
        } catch (AccessDeniedException e) {
            throw new CommandException(
                    ExitCode.ENVIRONMENT,
                    "input "
                            + file
                            + " cannot be read: permission denied; allow it, or run as"
                            + " another user",
                    e);
        } catch (IOException e) {
            throw unreadable(file.toString(), e);
        }
    }

    static CommandException unreadable(String inputName, IOException e) {
        return new CommandException(
                ExitCode.ENVIRONMENT,
                "input " + inputName + " cannot be read: " + Failures.reason(e),
                e);
    }
}
