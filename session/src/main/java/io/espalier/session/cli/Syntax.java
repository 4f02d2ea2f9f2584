package io.espalier.session.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which arguments a command takes, and what its help says. Plain data: {@link Arguments} parses by
 * it, and {@link Usage} explains it when something is wrong or help is wanted.
 */
final class Syntax {

    /**
     * An option.
     *
     * @param name with its dashes
     * @param label what its value is called; null if it takes none
     * @param required whether it must be there
     * @param description for the help
     */
    record Option(String name, @Nullable String label, boolean required, String description) {}

    /**
     * The one argument that is no option.
     *
     * @param label what it is called
     * @param required whether it must be there
     * @param description for the help
     */
    record Parameter(String label, boolean required, String description) {}

    private final List<Option> options = new ArrayList<>();
    private @Nullable Parameter parameter;
    private List<String> notes = List.of();

    List<Option> options() {
        return options;
    }

    @Nullable Parameter parameter() {
        return parameter;
    }

    /** What the help says after the options: more about it, and examples. */
    List<String> notes() {
        return notes;
    }

    @Nullable Option option(String name) {
        for (Option option : options) {
            if (option.name.equals(name)) {
                return option;
            }
        }
        return null;
    }

    Syntax store() {
        options.add(new Option(Command.STORE, "DIR", true, "the directory of the store"));
        return this;
    }

    Syntax table() {
        return value(Command.TABLE, "T", "the table; without it, the one named 'default'");
    }

    Syntax budget() {
        return value(
                Command.BUDGET,
                "SIZE",
                "how many bytes may be resident in native memory, such as 64MiB (which is the"
                        + " default)");
    }

    /** An option with a value. */
    Syntax value(String name, String label, String description) {
        options.add(new Option(name, label, false, description));
        return this;
    }

    /** An option without one. */
    Syntax flag(String name, String description) {
        options.add(new Option(name, null, false, description));
        return this;
    }

    Syntax parameter(String label, boolean required, String description) {
        parameter = new Parameter(label, required, description);
        return this;
    }

    Syntax notes(String... lines) {
        notes = List.of(lines);
        return this;
    }
}
