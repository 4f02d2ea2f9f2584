package io.espalier.session.cli;

import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.StoreStats;

/** {@code espalier compact}: every table to a single run. */
final class CompactCommand extends Command {

    private static final String QUIET = "--quiet";

    @Override
    Syntax syntax() {
        return new Syntax()
                .store()
                .budget()
                .flag(QUIET, "no summary")
                .notes(
                        "",
                        "Takes as long as reading and writing everything once. Rows and epochs stay"
                                + " as they are.",
                        "",
                        "Example:",
                        "  espalier compact --store s");
    }

    @Override
    int run(Arguments arguments, Shell shell) {
        StoreOptions options = StoreOptions.defaults().withBudgetBytes(arguments.budgetBytes());
        try (Store store = shell.stores().open(arguments.store(), options)) {
            String before = extent(store.stats());
            store.compact();
            if (!arguments.flag(QUIET)) {
                shell.say("compacted " + before + " to " + extent(store.stats()));
            }
            return ExitCode.DONE;
        }
    }

    private static String extent(StoreStats stats) {
        long bytes = 0;
        long parts = 0;
        for (StoreStats.TableStats table : stats.tables()) {
            bytes += table.bytes();
            parts += table.parts().size();
        }
        return ByteSizes.rounded(bytes) + " in " + parts + (parts == 1 ? " part" : " parts");
    }
}
