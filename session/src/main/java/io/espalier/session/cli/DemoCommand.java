package io.espalier.session.cli;

import io.espalier.session.Limits;
import io.espalier.session.StoreOptions;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/** {@code espalier demo}: real data several times larger than the budget, in and out again. */
final class DemoCommand extends Command {

    private static final long BUDGET_BYTES = 32L << 20;

    @Override
    Syntax syntax() {
        return new Syntax()
                .value(
                        STORE,
                        "DIR",
                        "a new directory for the store, which is kept; without it a temporary one,"
                                + " which is deleted")
                .value(
                        BUDGET,
                        "SIZE",
                        "how many bytes may be resident in native memory; without it "
                                + ByteSizes.exact(BUDGET_BYTES))
                .notes(
                        "",
                        "Loads every class file of the running JDK into a table, rewrites a third"
                                + " of them and deletes a tenth,",
                        "closes the store and opens it again, compares every key with the JDK by"
                                + " point reads and by a scan, and",
                        "prints what it took: spill statistics, the levels of the spine, the peak"
                                + " of the process's memory.",
                        "",
                        "Example:",
                        "  espalier demo --store demo-store");
    }

    @Override
    int run(Arguments arguments, Shell shell) throws IOException {
        long budgetBytes = arguments.text(BUDGET) == null ? BUDGET_BYTES : arguments.budgetBytes();
        String named = arguments.text(STORE);
        Path directory = named == null ? temporary() : Arguments.path(STORE, named);
        if (named != null && Files.exists(directory) && !isEmpty(directory)) {
            throw Arguments.wrong(
                    "--store " + named + " is not empty; the demo wants a directory of its own");
        }
        StoreOptions options =
                StoreOptions.defaults()
                        .withCreate(true)
                        .withBudgetBytes(Math.max(budgetBytes, Limits.BUDGET_BYTES_MIN));
        try {
            boolean whole = new Demo(shell, directory, options).run();
            return whole ? ExitCode.DONE : ExitCode.NO;
        } finally {
            if (named == null) {
                deleteAll(directory);
            }
        }
    }

    private static Path temporary() throws IOException {
        return Files.createTempDirectory("espalier-demo");
    }

    private static boolean isEmpty(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return false;
        }
        try (var entries = Files.list(directory)) {
            return entries.findAny().isEmpty();
        }
    }

    private static void deleteAll(Path directory) throws IOException {
        Files.walkFileTree(
                directory,
                new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                            throws IOException {
                        Files.delete(file);
                        return FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult postVisitDirectory(Path each, @Nullable IOException e)
                            throws IOException {
                        Files.delete(each);
                        return FileVisitResult.CONTINUE;
                    }
                });
    }
}
