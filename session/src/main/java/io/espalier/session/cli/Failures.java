package io.espalier.session.cli;

import io.espalier.session.StoreException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** From what went wrong to an exit code and one line. */
final class Failures {

    private Failures() {}

    static int exitCode(StoreException e) {
        return switch (e) {
            case StoreException.Damaged _ -> ExitCode.NO;
            case StoreException.Absent _,
                    StoreException.Foreign _,
                    StoreException.NewerVersion _,
                    StoreException.OutOfHistory _ ->
                    ExitCode.WRONG_INPUT;
            case StoreException.Locked _,
                    StoreException.ReadOnly _,
                    StoreException.DiskFull _,
                    StoreException.Failed _ ->
                    ExitCode.ENVIRONMENT;
        };
    }

    /** The operating system's words, without the path that our message names already. */
    static String reason(IOException e) {
        if (e instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (e instanceof NoSuchFileException) {
            return "no such file or directory";
        }
        String reason = e instanceof FileSystemException system ? system.getReason() : null;
        if (reason == null) {
            reason = e.getMessage();
        }
        return reason == null ? e.getClass().getSimpleName() : reason;
    }

    /** Whether the reader of our standard output has gone, which is no failure. */
    static boolean isBrokenPipe(OutputException e, Shell shell) {
        String message = e.getMessage();
        boolean named =
                message != null
                        && (message.contains("Broken pipe")
                                || message.contains("Connection reset"));
        // the words may be those of another language
        return named || shell.outIsPipe();
    }
}
