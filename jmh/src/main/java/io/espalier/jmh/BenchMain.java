package io.espalier.jmh;

import io.espalier.memory.OutOfNativeMemoryException;
import io.espalier.pager.SpillException;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Where {@code espalier bench} starts: runs one benchmark and prints its table. */
public final class BenchMain {

    private static final int OK = 0;
    private static final int WRONG_USAGE = 2;
    private static final int ENVIRONMENT_FAILED = 3;

    private static final List<Bench> BENCHES =
            List.of(new ShapesBench(), new PagingBench(), new TraceBench(), new PeersBench());

    private static final Set<String> LATER = Set.of("upsert", "coordinator", "session");

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
        try {
            run(Arrays.asList(args), out);
            return OK;
        } catch (UsageException e) {
            err.println("espalier bench: " + e.getMessage());
            return WRONG_USAGE;
        } catch (IOException | SpillException | OutOfNativeMemoryException e) {
            err.println("espalier bench: " + e);
            return ENVIRONMENT_FAILED;
        }
    }

    private static void run(List<String> args, PrintStream out) throws UsageException, IOException {
        if (args.isEmpty()) {
            throw new UsageException(
                    "no benchmark is named; there is: " + names() + "; --help says more");
        }
        String name = args.getFirst();
        if (isHelp(name)) {
            for (Bench bench : BENCHES) {
                out.println("usage: " + usage(bench));
                out.print(bench.help().indent(2));
            }
            return;
        }
        Bench bench = bench(name);
        List<String> options = args.subList(1, args.size());
        if (options.stream().anyMatch(BenchMain::isHelp)) {
            out.println("usage: " + usage(bench));
            out.print(bench.help().indent(2));
            return;
        }
        bench.run(new Arguments("usage: " + usage(bench), options), out);
    }

    private static boolean isHelp(String word) {
        return word.equals("--help") || word.equals("-h");
    }

    private static Bench bench(String name) throws UsageException {
        for (Bench bench : BENCHES) {
            if (bench.name().equals(name)) {
                return bench;
            }
        }
        throw new UsageException(
                LATER.contains(name)
                        ? "'" + name + "' is not there yet; there is: " + names()
                        : "no benchmark '" + name + "'; there is: " + names());
    }

    private static String usage(Bench bench) {
        return "espalier bench " + bench.name() + " " + bench.synopsis();
    }

    private static String names() {
        return BENCHES.stream().map(Bench::name).collect(Collectors.joining(", "));
    }
}
