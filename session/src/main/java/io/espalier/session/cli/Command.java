package io.espalier.session.cli;

import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import java.io.IOException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * One command: which arguments it takes, and what it does. All of its options are strings to
 * picocli; {@link Arguments} converts them, so that messages are ours.
 */
abstract class Command {

    static final String STORE = "--store";
    static final String TABLE = "--table";
    static final String BUDGET = "--budget";

    /** Adds options, parameters and examples; name, summary and {@code --help} are there. */
    abstract void describe(CommandSpec spec);

    /**
     * Does it.
     *
     * @return the exit code
     * @throws CommandException to end with a message
     * @throws io.espalier.session.StoreException whatever the store says
     * @throws OutputException if standard output fails
     * @throws IOException if anything else does
     */
    abstract int run(Arguments arguments, Shell shell) throws IOException;

    /** Opens the store to read one of its tables; the name of the table is checked before. */
    static Store openToRead(Arguments arguments, Shell shell) {
        arguments.tableName();
        return shell.stores().open(arguments.store(), StoreOptions.defaults().withReadOnly(true));
    }

    static void addStore(CommandSpec spec) {
        spec.addOption(
                OptionSpec.builder(STORE)
                        .paramLabel("DIR")
                        .type(String.class)
                        .required(true)
                        .description("the directory of the store")
                        .build());
    }

    static void addTable(CommandSpec spec) {
        spec.addOption(
                option(TABLE, "T", "the table; without it, the one named 'default'").build());
    }

    static void addBudget(CommandSpec spec) {
        spec.addOption(
                option(
                                BUDGET,
                                "SIZE",
                                "how many bytes may be resident in native memory, such as 64MiB"
                                        + " (which is the default)")
                        .build());
    }

    static OptionSpec.Builder option(String name, String label, String... description) {
        return OptionSpec.builder(name)
                .paramLabel(label)
                .type(String.class)
                .description(description);
    }

    static OptionSpec flag(String name, String... description) {
        return OptionSpec.builder(name)
                .type(boolean.class)
                .arity("0")
                .description(description)
                .build();
    }

    static PositionalParamSpec parameter(String label, boolean required, String... description) {
        return PositionalParamSpec.builder()
                .paramLabel(label)
                .type(String.class)
                .index("0")
                .arity(required ? "1" : "0..1")
                .required(required)
                .description(description)
                .build();
    }
}
