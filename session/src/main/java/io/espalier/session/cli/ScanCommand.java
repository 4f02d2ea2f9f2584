package io.espalier.session.cli;

import io.espalier.session.RowCursor;
import io.espalier.session.Store;
import io.espalier.session.Table;
import io.espalier.session.text.TsvWriter;
import java.io.IOException;

/** {@code espalier scan}: rows in key order. */
final class ScanCommand extends Command {

    private static final String FROM = "--from";
    private static final String TO = "--to";
    private static final String AS_OF = "--as-of";
    private static final long NOW = -1;

    @Override
    Syntax syntax() {
        return new Syntax()
                .store()
                .table()
                .value(FROM, "KEY", "the first key, escaped as in tsv")
                .value(TO, "KEY", "the first key that is no longer shown")
                .value(AS_OF, "EPOCH", "shows the rows as they were then; the last epoch if absent")
                .notes(
                        "",
                        "Prints key<TAB>value in key order (unsigned bytes). A tab, line feed or"
                                + " backslash within a field",
                        "is written \\t, \\n or \\\\; all other bytes are as they are, so that"
                                + " scan | upsert copies a table exactly.",
                        "",
                        "Examples:",
                        "  espalier scan --store s --from src/ --to src0",
                        "  espalier scan --store s --as-of 7 | espalier upsert --store copy");
    }

    @Override
    int run(Arguments arguments, Shell shell) throws IOException {
        byte[] from = Arguments.optionalKey(FROM, arguments.text(FROM));
        byte[] to = Arguments.optionalKey(TO, arguments.text(TO));
        long asOf = arguments.number(AS_OF, 0, NOW);
        try (Store store = openToRead(arguments, shell)) {
            Table table = arguments.existingTable(store);
            TsvWriter writer = new TsvWriter(shell.out());
            try (RowCursor rows = table.scan(from, to, asOf == NOW ? table.epoch() : asOf)) {
                while (rows.next()) {
                    writer.escaped(rows.segment(), rows.keyOffset(), rows.keySize());
                    writer.tab();
                    writer.escaped(rows.segment(), rows.valueOffset(), rows.valueSize());
                    writer.newLine();
                }
            } finally {
                // what was read before a damaged part is still an answer
                writer.flush();
            }
            return ExitCode.DONE;
        }
    }
}
