package io.espalier.session.cli;

import io.espalier.session.Store;
import java.io.IOException;
import java.util.Objects;

/** {@code espalier get}: the value of a key, as it is. */
final class GetCommand extends Command {

    private static final String NO_NEWLINE = "--no-newline";

    @Override
    Syntax syntax() {
        return new Syntax()
                .store()
                .table()
                .flag(NO_NEWLINE, "prints the bytes of the value and nothing else")
                .parameter(
                        "KEY",
                        true,
                        "the key, escaped as in tsv: \\t, \\n and \\\\ for a tab, a line feed and a"
                                + " backslash. Put -- before a key that starts with '-'")
                .notes(
                        "",
                        "Prints the bytes of the value as they are, without escapes, and a line"
                                + " feed.",
                        "Exit codes: 0 found, 1 absent, 2 wrong usage, 3 the environment failed.",
                        "",
                        "Examples:",
                        "  espalier get --store s README.md",
                        "  espalier get --store s --table files -- -odd-name-");
    }

    @Override
    int run(Arguments arguments, Shell shell) throws IOException {
        byte[] key = Arguments.key("KEY", Objects.requireNonNull(arguments.parameter()));
        try (Store store = openToRead(arguments, shell)) {
            byte[] value = arguments.existingTable(store).get(key);
            if (value == null) {
                shell.say(
                        "no key '"
                                + arguments.parameter()
                                + "' in table "
                                + arguments.tableName()
                                + " at epoch "
                                + store.epoch());
                return ExitCode.NO;
            }
            shell.out().write(value);
            if (!arguments.flag(NO_NEWLINE)) {
                shell.out().write('\n');
            }
            shell.out().flush();
            return ExitCode.DONE;
        }
    }
}
