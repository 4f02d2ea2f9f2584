package io.espalier.session.cli;

import io.espalier.session.Store;
import io.espalier.session.StoreStats;
import java.io.IOException;

/** {@code espalier stats}: what is inside. */
final class StatsCommand extends Command {

    private static final String JSON = "--json";

    @Override
    Syntax syntax() {
        return new Syntax()
                .store()
                .flag(JSON, "prints one JSON object with stable names")
                .notes(
                        "",
                        "Shows the store, each table with its parts by level, the native memory,"
                                + " and the counters of spilling.",
                        "",
                        "Examples:",
                        "  espalier stats --store s",
                        "  espalier stats --store s --json | jq '.tables[].updates'");
    }

    @Override
    int run(Arguments arguments, Shell shell) throws IOException {
        try (Store store = openToRead(arguments, shell)) {
            StoreStats stats = store.stats();
            shell.print(
                    arguments.flag(JSON)
                            ? Json.of(StatsReport.json(stats))
                            : StatsReport.text(stats));
            return ExitCode.DONE;
        }
    }
}
