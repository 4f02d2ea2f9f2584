package io.espalier.jmh;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/** The options of one benchmark, read one after the other. */
final class Arguments {

    /** How many updates a benchmark is run on unless told otherwise. */
    static final int UPDATES_DEFAULT = 1_000_000;

    private static final int UPDATES_MIN = 1_000;
    private static final int UPDATES_MAX = 20_000_000;

    private final String usage;
    private final List<String> words;
    private int next;

    /**
     * @param usage ends the message about an option that is not there
     * @param words options and their values
     */
    Arguments(String usage, List<String> words) {
        this.usage = usage;
        this.words = words;
    }

    /** Whether there is another option. */
    boolean hasNext() {
        return next < words.size();
    }

    /** The next option. */
    String next() {
        return words.get(next++);
    }

    /** The value of the option that was read last. */
    String value() throws UsageException {
        if (!hasNext()) {
            throw new UsageException(words.get(next - 1) + " lacks its value; " + usage);
        }
        return words.get(next++);
    }

    /** The value as a whole number in a range. */
    int number(int min, int max) throws UsageException {
        String option = words.get(next - 1);
        String text = value();
        try {
            int number = Integer.parseInt(text);
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new UsageException(option + " '" + text + "', expected " + min + " to " + max);
    }

    /** The value as a number of updates. */
    int updates() throws UsageException {
        return number(UPDATES_MIN, UPDATES_MAX);
    }

    /** The value as a path. */
    Path file() throws UsageException {
        String option = words.get(next - 1);
        String text = value();
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new UsageException(option + " '" + text + "' is no path: " + e.getReason());
        }
    }

    /** What to throw for an option that is not known. */
    UsageException unknown(String option) {
        return new UsageException("no option '" + option + "'; " + usage);
    }
}
