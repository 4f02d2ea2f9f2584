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
    private static final int PAGED_UPDATES_MAX = 1 << 30;

    private static final Set<String> LATER =
            Set.of("trace", "upsert", "coordinator", "session", "peers");

    private static final String USAGE =
            "usage: espalier bench "
                    + ShapesBench.NAME
                    + "|"
                    + PagingBench.NAME
                    + " [--updates N] [--json FILE]; paging has --only WORD[,WORD] too";

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
        List<String> rows = new ArrayList<>();
        if (request.name.equals(PagingBench.NAME)) {
            out.println(PagingRow.heading());
            PagingBench.run(
                    request.updates,
                    request.only,
                    row -> {
                        out.println(row.line());
                        out.flush();
                        rows.add(row.json());
                    });
        } else {
            out.println(Row.heading());
            ShapesBench.run(
                    request.updates,
                    row -> {
                        out.println(row.line());
                        out.flush();
                        rows.add(row.json());
                    });
        }
        if (json != null) {
            Files.writeString(json, "[\n" + String.join(",\n", rows) + "\n]\n");
        }
    }

    /** Arguments that cannot be run; the message says which and why. */
    private static final class UsageException extends Exception {
        UsageException(String message) {
            super(message);
        }
    }

    private record Request(
            boolean help, String name, int updates, List<String> only, @Nullable Path json) {

        static final Request HELP = new Request(true, "", 0, List.of(), null);

        static Request parse(String[] args) throws UsageException {
            if (args.length == 0) {
                throw new UsageException("no benchmark is named; " + USAGE);
            }
            String name = args[0];
            if (name.equals("--help") || name.equals("-h")) {
                return HELP;
            }
            if (LATER.contains(name)) {
                throw new UsageException("'" + name + "' is not there yet; " + USAGE);
            }
            boolean paging = name.equals(PagingBench.NAME);
            if (!paging && !name.equals(ShapesBench.NAME)) {
                throw new UsageException(
                        "no benchmark '"
                                + name
                                + "'; there are: "
                                + ShapesBench.NAME
                                + ", "
                                + PagingBench.NAME);
            }
            int updates = paging ? 0 : UPDATES_DEFAULT;
            List<String> only = List.of();
            Path json = null;
            for (int i = 1; i < args.length; i++) {
                String option = args[i];
                switch (option) {
                    case "--updates" ->
                            updates =
                                    updates(
                                            value(args, ++i),
                                            paging ? PAGED_UPDATES_MAX : UPDATES_MAX);
                    case "--only" -> {
                        only = List.of(value(args, ++i).split(","));
                        if (!paging || !PagingBench.runsAny(only)) {
                            throw new UsageException(
                                    "--only " + args[i] + " leaves nothing to run; " + USAGE);
                        }
                    }
                    case "--json" -> json = file(value(args, ++i));
                    case "--help", "-h" -> {
                        return HELP;
                    }
                    default -> throw new UsageException("no option '" + option + "'; " + USAGE);
                }
            }
            return new Request(false, name, updates, only, json);
        }

        private static String value(String[] args, int i) throws UsageException {
            if (i == args.length) {
                throw new UsageException(args[i - 1] + " lacks its value; " + USAGE);
            }
            return args[i];
        }

        private static int updates(String text, int max) throws UsageException {
            try {
                int updates = Integer.parseInt(text);
                if (updates >= UPDATES_MIN && updates <= max) {
                    return updates;
                }
            } catch (NumberFormatException e) {
                // said below
            }
            throw new UsageException(
                    "--updates '" + text + "', expected " + UPDATES_MIN + " to " + max);
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
