package io.espalier.session.cli;

import io.espalier.session.Problem;
import io.espalier.session.StoreException;
import io.espalier.session.Verification;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** {@code espalier verify}: is the store whole? */
final class VerifyCommand extends Command {

    @Override
    Syntax syntax() {
        return new Syntax()
                .store()
                .notes(
                        "",
                        "Reads everything and checks every checksum and invariant. Prints one line"
                                + " for each problem: file, offset, what.",
                        "Exit codes: 0 whole, 1 damaged, 2 no store there, 3 the environment failed.",
                        "",
                        "Example:",
                        "  espalier verify --store s");
    }

    @Override
    int run(Arguments arguments, Shell shell) throws IOException {
        Path directory = arguments.store();
        Verification result;
        try {
            result = shell.stores().verify(directory, problem -> print(problem, shell));
        } catch (StoreException.Damaged e) {
            throw new CommandException(ExitCode.NO, Shell.oneLine(e.getMessage()), e);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        String extent =
                result.files()
                        + (result.files() == 1 ? " file, " : " files, ")
                        + ByteSizes.rounded(result.bytes());
        if (result.problems() > 0) {
            shell.say(
                    "store "
                            + directory
                            + " is damaged: "
                            + result.problems()
                            + (result.problems() == 1 ? " problem" : " problems")
                            + " in "
                            + extent
                            + "; restore the files named, or scan what is still readable");
            return ExitCode.NO;
        }
        shell.print("whole: " + extent + "\n");
        return ExitCode.DONE;
    }

    private static void print(Problem problem, Shell shell) {
        String line = problem.file() + ": offset " + problem.offset() + ": " + problem.what();
        try {
            shell.print(Shell.oneLine(line) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
