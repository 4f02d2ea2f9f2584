package io.espalier.jmh;

import io.espalier.memory.OutOfNativeMemoryException;
import io.espalier.pager.SpillException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Where {@code espalier bench} starts: runs one benchmark and prints its table. */
public final class BenchMain {

    private static final int OK = 0;
    private static final int WRONG_USAGE = 2;
    private static final int ENVIRONMENT_FAILED = 3;

    private static final int UPDATES_DEFAULT = 1_000_000;
    private static final int UPDATES_MIN = 1_000;
    private static final int UPDATES_MAX = 20_000_000;

    private static final Set<String> LATER =
            Set.of("paging", "trace", "upsert", "coordinator", "session", "peers");

    private static final String USAGE =
            "usage: espalier bench " + ShapesBench.NAME + " [--updates N] [--json FILE]";

    private BenchMain() {}

    /**
     * Runs one benchmark by name. The exit code is 0 when it is done, 2 for wrong usage, 3 when the
     * environment fails; one line on the error stream says why.
     *
     * @param args the name and its options
     */
    public static void main(String[] args) {
        System.exit(run(args, System.out, System.err));
    }

    /** The same with streams of the caller; the exit code. */
    static int run(String[] args, PrintStream out, PrintStream err) {
        Request request;
        try {
            request = Request.parse(args);
        } catch (UsageException e) {
            err.println("espalier bench: " + e.getMessage());
            return WRONG_USAGE;
        }
        if (request.help) {
            out.println(USAGE);
            return OK;
        }
        try {
            run(request, out);
            return OK;
        } catch (IOException | SpillException | OutOfNativeMemoryException e) {
            err.println("espalier bench: " + e);
            return ENVIRONMENT_FAILED;
        }
    }

    private static void run(Request request, PrintStream out) throws IOException {
        Path json = request.json;
        if (json != null) {
            // before some minutes are spent, not after
            Files.writeString(json, "[]\n");
        }
        List<Row> rows = new ArrayList<>();
        out.println(Row.heading());
        ShapesBench.run(
                request.updates,
                row -> {
                    out.println(row.line());
                    out.flush();
                    rows.add(row);
                });
        if (json != null) {
            Files.writeString(
                    json,
                    "[\n" + String.join(",\n", rows.stream().map(Row::json).toList()) + "\n]\n");
        }
    }

    /** Arguments that cannot be run; the message says which and why. */
    private static final class UsageException extends Exception {
        UsageException(String message) {
            super(message);
        }
    }

    private record Request(boolean help, int updates, @Nullable Path json) {

        static Request parse(String[] args) throws UsageException {
            if (args.length == 0) {
                throw new UsageException("no benchmark is named; " + USAGE);
            }
            String name = args[0];
            if (name.equals("--help") || name.equals("-h")) {
                return new Request(true, 0, null);
            }
            if (LATER.contains(name)) {
                throw new UsageException(
                        "'" + name + "' is not there yet; there is: " + ShapesBench.NAME);
            }
            if (!name.equals(ShapesBench.NAME)) {
                throw new UsageException(
                        "no benchmark '" + name + "'; there is: " + ShapesBench.NAME);
            }
            int updates = UPDATES_DEFAULT;
            Path json = null;
            for (int i = 1; i < args.length; i++) {
                String option = args[i];
                switch (option) {
                    case "--updates" -> updates = updates(value(args, ++i));
                    case "--json" -> json = file(value(args, ++i));
                    case "--help", "-h" -> {
                        return new Request(true, 0, null);
                    }
                    default -> throw new UsageException("no option '" + option + "'; " + USAGE);
                }
            }
            return new Request(false, updates, json);
        }

        private static String value(String[] args, int i) throws UsageException {
            if (i == args.length) {
                throw new UsageException(args[i - 1] + " lacks its value; " + USAGE);
            }
            return args[i];
        }

        private static int updates(String text) throws UsageException {
            try {
                int updates = Integer.parseInt(text);
                if (updates >= UPDATES_MIN && updates <= UPDATES_MAX) {
                    return updates;
                }
            } catch (NumberFormatException e) {
                // said below
            }
            throw new UsageException(
                    "--updates '" + text + "', expected " + UPDATES_MIN + " to " + UPDATES_MAX);
        }

        private static Path file(String text) throws UsageException {
            try {
                return Path.of(text);
            } catch (InvalidPathException e) {
                throw new UsageException("--json '" + text + "' is no path: " + e.getReason());
            }
        }
    }
}
