package io.espalier.jmh;

import io.espalier.pager.Codec;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * {@code bench paging}: a merge batcher that is fed much more than its memory budget, each run in a
 * JVM of its own with a heap of 64 MiB, beside one whose budget holds everything.
 */
final class PagingBench implements Bench {

    static final String NAME = "paging";

    /** A budget and how tables call it. */
    private record Budget(String label, long bytes) {}

    private record Plan(PagingWorkload workload, Budget budget, Codec codec) {

        /** Whether each of some words is a name of something here. */
        boolean matches(List<String> words) {
            return List.of(workload.label(), budget.label, where()).containsAll(words);
        }

        String where() {
            return budget.equals(UNLIMITED)
                    ? "resident"
                    : codec == Codec.NONE ? "paged" : codec.name().toLowerCase(Locale.ROOT);
        }
    }

    /** What a run printed. */
    private record Figures(Map<String, Long> byName) {

        long get(String name) {
            Long value = byName.get(name);
            if (value == null) {
                throw new IllegalStateException("a run printed no " + name + ", only " + byName);
            }
            return value;
        }
    }

    private static final Budget UNLIMITED = new Budget("unlimited", Long.MAX_VALUE / 2);

    /** The original's budgets are in records; so many of our rows. */
    private static final long ORIGINAL_RECORDS_MORE = 6_400_000;

    private static final long ORIGINAL_RECORDS_LESS = 2_000_000;

    private static final int UPDATES_MIN = 1_000;
    private static final int UPDATES_MAX = 1 << 30;

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String synopsis() {
        return "[--only WORD[,WORD]] [--updates N] [--json FILE]";
    }

    @Override
    public String help() {
        return """
        Feeds a merge batcher far more than its budget holds, and seals once.
        --only     the runs of which all WORDs are true
                   shape   %s
                   budget  unlimited, 2x, 1/2, 1/10, 1/32 of what is fed; for cancel 6.4M, 2.0M
                   where   resident, paged, lz4, zstd
        --updates  how many updates are fed, %d to %d; unless told, %s
        --json     also writes the rows into FILE
        """
                .formatted(
                        workloads(PagingWorkload::label, ", "),
                        UPDATES_MIN,
                        UPDATES_MAX,
                        workloads(
                                workload -> workload.updatesDefault() + " for " + workload.label(),
                                " and "));
    }

    private static String workloads(Function<PagingWorkload, String> text, String between) {
        return Arrays.stream(PagingWorkload.values())
                .map(text)
                .collect(Collectors.joining(between));
    }

    /** Runs what is asked for; the resident run of each workload comes first in any case. */
    @Override
    public void run(Arguments arguments, PrintStream out) throws UsageException, IOException {
        int updates = 0;
        List<String> only = List.of();
        Path json = null;
        while (arguments.hasNext()) {
            String option = arguments.next();
            switch (option) {
                case "--updates" -> updates = arguments.number(UPDATES_MIN, UPDATES_MAX);
                case "--only" -> {
                    String words = arguments.value();
                    only = List.of(words.split(","));
                    if (!runsAny(only)) {
                        throw new UsageException(
                                "--only "
                                        + words
                                        + " leaves nothing to run; --help tells what there is");
                    }
                }
                case "--json" -> json = arguments.file();
                default -> throw arguments.unknown(option);
            }
        }
        Report report = new Report(out, json);
        report.start("a merge batcher under budgets", PagingRow.heading());
        run(updates, only, report::add);
        report.finish();
    }

    /**
     * Runs what is asked for.
     *
     * @param updates how many updates each run is fed; 0 for the default of each workload
     * @param only words that all have to be a run's shape, budget or codec; none for everything
     * @param rows gets each row as soon as it is there
     */
    private static void run(long updates, List<String> only, Consumer<PagingRow> rows)
            throws IOException {
        Path spill = Files.createTempDirectory("espalier-bench");
        try {
            for (PagingWorkload workload : PagingWorkload.values()) {
                long fed = workload.fed(updates == 0 ? workload.updatesDefault() : updates);
                List<Plan> plans =
                        plans(workload, fed).stream().filter(plan -> plan.matches(only)).toList();
                Plan resident = new Plan(workload, UNLIMITED, Codec.NONE);
                if (!plans.isEmpty()) {
                    Figures floor = measure(resident, fed, spill);
                    rows.accept(row(resident, fed, floor, floor));
                    for (Plan plan : plans) {
                        if (!plan.equals(resident)) {
                            rows.accept(row(plan, fed, measure(plan, fed, spill), floor));
                        }
                    }
                }
            }
        } finally {
            // spill files have no names once they are open
            Files.delete(spill);
        }
    }

    /** Whether {@code only} names anything that there is. */
    private static boolean runsAny(List<String> only) {
        for (PagingWorkload workload : PagingWorkload.values()) {
            if (plans(workload, workload.updatesDefault()).stream()
                    .anyMatch(plan -> plan.matches(only))) {
                return true;
            }
        }
        return false;
    }

    private static List<Plan> plans(PagingWorkload workload, long updates) {
        List<Plan> plans = new ArrayList<>();
        plans.add(new Plan(workload, UNLIMITED, Codec.NONE));
        if (workload == PagingWorkload.CANCEL) {
            // the share that the original's budget is of its 64 M records
            long share = PagingWorkload.ROW_BYTES * updates / workload.updatesDefault();
            plans.add(
                    new Plan(
                            workload,
                            new Budget("6.4M", ORIGINAL_RECORDS_MORE * share),
                            Codec.LZ4));
            plans.add(
                    new Plan(
                            workload,
                            new Budget("2.0M", ORIGINAL_RECORDS_LESS * share),
                            Codec.LZ4));
            return plans;
        }
        long bytes = updates * PagingWorkload.ROW_BYTES;
        plans.add(new Plan(workload, new Budget("2x", 2 * bytes), Codec.NONE));
        for (int part : new int[] {2, 10, 32}) {
            for (Codec codec : Codec.values()) {
                plans.add(new Plan(workload, new Budget("1/" + part, bytes / part), codec));
            }
        }
        return plans;
    }

    private static PagingRow row(Plan plan, long updates, Figures found, Figures floor) {
        double fedBytes = (double) updates * PagingWorkload.ROW_BYTES;
        return new PagingRow(
                plan.workload.label(),
                plan.where(),
                plan.budget.label,
                updates,
                found.get("nanos") / 1e6,
                found.get("feed_nanos") / 1e6,
                found.get("cpu_nanos") / 1e6,
                floor.get("nanos") / 1e6,
                found.get("raw_bytes_out") / fedBytes,
                found.get("stored_bytes_out") / fedBytes,
                found.get("raw_bytes_in") / fedBytes,
                plan.budget.bytes,
                found.get("native_bytes_peak"),
                found.get("native_rss_bytes_peak"),
                found.get("rss_bytes_peak"),
                (double) found.get("held_bytes") / updates,
                (double) found.get("heap_bytes") / updates);
    }

    /** Runs a JVM and reads its figures. */
    private static Figures measure(Plan plan, long updates, Path spill) throws IOException {
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx64m",
                                "-XX:+UseSerialGC",
                                // what the compiler took for its work goes back
                                "-XX:TrimNativeHeapInterval=500",
                                "-Xshare:auto",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                classPath(),
                                PagingRun.class.getName(),
                                plan.workload.name(),
                                Long.toString(updates),
                                Long.toString(plan.budget.bytes),
                                plan.codec.name(),
                                spill.toString())
                        .redirectErrorStream(true)
                        .start();
        Map<String, Long> found = new HashMap<>();
        List<String> complaints = new ArrayList<>();
        try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                int equals = line.indexOf('=');
                if (equals > 0 && line.substring(equals + 1).matches("[0-9]+")) {
                    found.put(line.substring(0, equals), Long.valueOf(line.substring(equals + 1)));
                } else {
                    complaints.add(line);
                }
            }
            if (process.waitFor() != 0) {
                throw new IOException(
                        plan
                                + " ended with exit code "
                                + process.exitValue()
                                + ": "
                                + String.join("; ", complaints));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(plan + " was interrupted", e);
        } finally {
            process.destroy();
        }
        return new Figures(found);
    }

    /** This program's jar or folders, absolute. */
    private static String classPath() {
        StringBuilder path = new StringBuilder();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            path.append(path.isEmpty() ? "" : File.pathSeparator)
                    .append(Path.of(entry).toAbsolutePath());
        }
        return path.toString();
    }
}
