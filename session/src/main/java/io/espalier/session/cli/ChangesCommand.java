package io.espalier.session.cli;

import io.espalier.session.ChangeCursor;
import io.espalier.session.Store;
import io.espalier.session.Table;
import io.espalier.session.text.TsvWriter;
import java.io.IOException;

/** {@code espalier changes}: what every epoch did. */
final class ChangesCommand extends Command {

    private static final String SINCE = "--since";

    @Override
    Syntax syntax() {
        return new Syntax()
                .store()
                .table()
                .value(
                        SINCE,
                        "EPOCH",
                        "shows the epochs after this one; 0, the default, shows everything")
                .notes(
                        "",
                        "Prints epoch<TAB>diff<TAB>key<TAB>value, in epoch order, then in key order."
                                + " The diff is 1 for a row that",
                        "is there from this epoch on, -1 for one that is no longer; -1 comes before"
                                + " 1. Fields are escaped as by scan.",
                        "",
                        "Examples:",
                        "  espalier changes --store s",
                        "  espalier changes --store s --since 41");
    }

    @Override
    int run(Arguments arguments, Shell shell) throws IOException {
        long since = arguments.number(SINCE, 0, 0);
        try (Store store = openToRead(arguments, shell)) {
            Table table = arguments.existingTable(store);
            TsvWriter writer = new TsvWriter(shell.out());
            try (ChangeCursor changes = table.changes(since)) {
                while (changes.next()) {
                    writer.number(changes.epoch());
                    writer.tab();
                    writer.number(changes.diff());
                    writer.tab();
                    writer.escaped(changes.segment(), changes.keyOffset(), changes.keySize());
                    writer.tab();
                    writer.escaped(changes.segment(), changes.valueOffset(), changes.valueSize());
                    writer.newLine();
                }
            } finally {
                writer.flush();
            }
            return ExitCode.DONE;
        }
    }
}
