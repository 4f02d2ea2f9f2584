package io.espalier.session.cli;

import io.espalier.session.Limits;
import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.Table;
import io.espalier.session.text.Escapes;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The arguments of a command, converted and checked; what does not fit is wrong usage. */
final class Arguments {

    private final Map<String, String> values = new HashMap<>();
    private @Nullable String parameter;

    /** No arguments yet. */
    Arguments() {}

    /**
     * Takes arguments that are plainly right; null if anything about them is unusual, so that
     * {@link Usage} has to look.
     */
    static @Nullable Arguments parse(Syntax syntax, String[] words) {
        Arguments arguments = new Arguments();
        boolean optionsEnded = false;
        for (int i = 0; i < words.length; i++) {
            String word = words[i];
            if (!optionsEnded && word.equals("--")) {
                optionsEnded = true;
            } else if (optionsEnded || !word.startsWith("-") || word.equals("-")) {
                if (syntax.parameter() == null || arguments.parameter != null) {
                    return null;
                }
                arguments.parameter = word;
            } else {
                int equals = word.indexOf('=');
                Syntax.Option option = syntax.option(equals < 0 ? word : word.substring(0, equals));
                if (option == null || arguments.values.containsKey(option.name())) {
                    return null;
                }
                boolean takesNext = option.label() != null && equals < 0;
                boolean unclear =
                        takesNext
                                ? i + 1 == words.length || words[i + 1].startsWith("-")
                                : option.label() == null && equals >= 0;
                if (unclear) {
                    return null;
                }
                String value = "";
                if (takesNext) {
                    value = words[++i];
                } else if (equals >= 0) {
                    value = word.substring(equals + 1);
                }
                arguments.values.put(option.name(), value);
            }
        }
        return arguments.lacks(syntax) ? null : arguments;
    }

    private boolean lacks(Syntax syntax) {
        for (Syntax.Option option : syntax.options()) {
            if (option.required() && !values.containsKey(option.name())) {
                return true;
            }
        }
        Syntax.Parameter expected = syntax.parameter();
        return expected != null && expected.required() && parameter == null;
    }

    void set(String option, String value) {
        values.put(option, value);
    }

    void setParameter(String value) {
        parameter = value;
    }

    @Nullable String text(String option) {
        return values.get(option);
    }

    boolean flag(String option) {
        return values.containsKey(option);
    }

    @Nullable String parameter() {
        return parameter;
    }

    Path store() {
        return path(Command.STORE, required(Command.STORE));
    }

    static Path path(String what, String text) {
        try {
            if (text.isEmpty()) {
                throw wrong(what + " is empty; name a path");
            }
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw wrong(
                    what
                            + " '"
                            + text
                            + "' is no path in this locale ("
                            + e.getReason()
                            + "); set LC_ALL=C.UTF-8");
        }
    }

    private String required(String option) {
        String text = text(option);
        if (text == null) {
            throw wrong(option + " is missing");
        }
        return text;
    }

    /** The name of the table: that of {@code --table}, or the default. */
    String tableName() {
        String name = text(Command.TABLE);
        if (name == null) {
            return Store.TABLE_DEFAULT;
        }
        if (!Limits.isTableName(name)) {
            throw wrong(
                    "--table '"
                            + name
                            + "' cannot name a table: 1 to "
                            + Limits.TABLE_NAME_CHARS_MAX
                            + " letters, digits, '-', '_' and '.' can");
        }
        return name;
    }

    /** The table to read; naming one that does not exist is wrong usage. */
    Table existingTable(Store store) {
        String name = tableName();
        if (text(Command.TABLE) != null && !store.tableNames().contains(name)) {
            String others = String.join(", ", store.tableNames());
            throw wrong(
                    "the store has no table '"
                            + name
                            + "'; "
                            + (others.isEmpty() ? "it is empty" : "its tables are " + others));
        }
        return store.table(name);
    }

    long budgetBytes() {
        String text = text(Command.BUDGET);
        if (text == null) {
            return StoreOptions.BUDGET_BYTES_DEFAULT;
        }
        long bytes = size(Command.BUDGET, text);
        if (bytes < Limits.BUDGET_BYTES_MIN) {
            throw wrong(
                    "--budget "
                            + text
                            + " is too small; at least "
                            + ByteSizes.exact(Limits.BUDGET_BYTES_MIN)
                            + " are needed");
        }
        return bytes;
    }

    private static long size(String option, String text) {
        try {
            return ByteSizes.parse(text);
        } catch (IllegalArgumentException e) {
            throw new CommandException(
                    ExitCode.WRONG_INPUT, option + " " + Shell.oneLine(e.getMessage()), e);
        }
    }

    /** A whole number that is at least {@code min}. */
    long number(String option, long min, long fallback) {
        String text = text(option);
        if (text == null) {
            return fallback;
        }
        try {
            long number = Long.parseLong(text);
            if (number >= min) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw wrong(option + " '" + text + "' is not a whole number from " + min + " on");
    }

    /** A key, written as in tsv; null if it was not given. */
    static byte @Nullable [] optionalKey(String what, @Nullable String text) {
        return text == null ? null : key(what, text);
    }

    /** A key, written as in tsv. */
    static byte[] key(String what, String text) {
        byte[] key;
        try {
            key = Escapes.unescape(text);
        } catch (IllegalArgumentException e) {
            throw new CommandException(
                    ExitCode.WRONG_INPUT, what + " '" + text + "': " + e.getMessage(), e);
        }
        if (key.length < Limits.KEY_BYTES_MIN || key.length > Limits.KEY_BYTES_MAX) {
            throw wrong(
                    what
                            + " has "
                            + key.length
                            + " bytes; a key has "
                            + Limits.KEY_BYTES_MIN
                            + " to "
                            + Limits.KEY_BYTES_MAX);
        }
        return key;
    }

    static CommandException wrong(String message) {
        return new CommandException(ExitCode.WRONG_INPUT, message);
    }
}
