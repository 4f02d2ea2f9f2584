package io.espalier.session.cli;

import io.espalier.memory.Layouts;
import io.espalier.session.RowCursor;
import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.StoreStats;
import io.espalier.session.Table;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * The main job on real input: the class files of the running JDK. What a key must have in the end
 * follows from the key and the JDK alone, so that the check needs nothing that the store told.
 */
final class Demo {

    private static final Path CLASSES =
            FileSystems.getFileSystem(URI.create("jrt:/")).getPath("/modules");
    private static final String SUFFIX = ".class";

    /**
     * Large epochs first, so that more is staged than fits; small ones later, so that it merges.
     */
    private static final long LOAD_EPOCH_BYTES = 48L << 20;

    private static final long CHANGE_EPOCH_BYTES = 3L << 20;

    private static final int REWRITE_ONE_IN = 3;
    private static final int DELETE_ONE_IN = 10;
    private static final byte[] REWRITTEN = "rewritten:".getBytes(StandardCharsets.US_ASCII);
    private static final double NANOS_PER_SECOND = 1e9;

    private final Shell shell;
    private final Path directory;
    private final StoreOptions options;
    private final List<Path> classes = new ArrayList<>();
    private long classBytes;
    private long rows;

    Demo(Shell shell, Path directory, StoreOptions options) {
        this.shell = shell;
        this.directory = directory;
        this.options = options;
    }

    /** Does it all; whether every comparison held. */
    boolean run() throws IOException {
        find();
        StoreStats stats;
        try (Store store = shell.stores().open(directory, options)) {
            say(
                    "%,d class files, %s, into %s under a budget of %s",
                    classes.size(),
                    ByteSizes.rounded(classBytes),
                    directory,
                    ByteSizes.exact(options.budgetBytes()));
            load(store);
            change(store);
            stats = store.stats();
        }
        long start = System.nanoTime();
        boolean whole;
        try (Store store = shell.stores().open(directory, options.withCreate(false))) {
            say("reopened in %.3f s at epoch %d", seconds(start), store.epoch());
            boolean pointsRight = checkPoints(store);
            whole = checkScan(store) && pointsRight;
            shell.print("\n" + report(stats, store.stats()));
        }
        OptionalLong peak = ProcessFacts.peakResidentBytes();
        if (peak.isPresent()) {
            say("peak resident memory of the process: %s", ByteSizes.rounded(peak.getAsLong()));
        }
        say(whole ? "everything read back is exactly what was written" : "THE STORE IS WRONG");
        return whole;
    }

    private void find() throws IOException {
        try (Stream<Path> all = Files.walk(CLASSES)) {
            for (Path path : (Iterable<Path>) all::iterator) {
                if (path.toString().endsWith(SUFFIX)) {
                    classes.add(path);
                    classBytes += Files.size(path);
                }
            }
        }
    }

    // ---- what each key must have ----------------------------------------------------------------

    private static byte[] key(Path path) {
        return CLASSES.relativize(path).toString().getBytes(StandardCharsets.UTF_8);
    }

    private static int lot(byte[] key) {
        return Math.floorMod(Arrays.hashCode(key) * 0x9E3779B1, 1 << 20);
    }

    private static boolean isDeleted(byte[] key) {
        return lot(key) / REWRITE_ONE_IN % DELETE_ONE_IN == 0;
    }

    private static boolean isRewritten(byte[] key) {
        return lot(key) % REWRITE_ONE_IN == 0;
    }

    private static byte[] rewritten(byte[] original) {
        byte[] value = Arrays.copyOf(REWRITTEN, REWRITTEN.length + original.length);
        System.arraycopy(original, 0, value, REWRITTEN.length, original.length);
        return value;
    }

    /** Whether a value is what the key must have in the end. */
    private static boolean isExpected(byte[] key, byte[] value) throws IOException {
        byte[] original =
                Files.readAllBytes(CLASSES.resolve(new String(key, StandardCharsets.UTF_8)));
        return Arrays.equals(value, isRewritten(key) ? rewritten(original) : original);
    }

    // ---- writing --------------------------------------------------------------------------------

    private void load(Store store) throws IOException {
        long start = System.nanoTime();
        long bytes = 0;
        long staged = 0;
        long count = 0;
        Table table = store.table();
        try (Progress progress =
                new Progress(shell, "load", "rows", classBytes, () -> store.stats().memory())) {
            for (Path path : classes) {
                byte[] value = Files.readAllBytes(path);
                table.put(key(path), value);
                bytes += value.length;
                staged += value.length;
                count++;
                if (staged >= LOAD_EPOCH_BYTES) {
                    store.commit();
                    staged = 0;
                }
                progress.show(count, bytes);
            }
            store.commit();
        }
        rows = count;
        say(
                "loaded    %,d rows, %s, in %.1f s (%s/s), %d epochs",
                count,
                ByteSizes.rounded(bytes),
                seconds(start),
                ByteSizes.rounded((long) (bytes / seconds(start))),
                store.epoch());
    }

    private void change(Store store) throws IOException {
        long start = System.nanoTime();
        long first = store.epoch();
        long bytes = 0;
        long staged = 0;
        long puts = 0;
        long deletes = 0;
        Table table = store.table();
        try (Progress progress =
                new Progress(
                        shell,
                        "change",
                        "rows",
                        classBytes / REWRITE_ONE_IN,
                        () -> store.stats().memory())) {
            for (Path path : classes) {
                byte[] key = key(path);
                if (isDeleted(key)) {
                    table.delete(key);
                    deletes++;
                } else if (isRewritten(key)) {
                    byte[] value = rewritten(Files.readAllBytes(path));
                    table.put(key, value);
                    puts++;
                    bytes += value.length;
                    staged += value.length;
                }
                if (staged >= CHANGE_EPOCH_BYTES) {
                    store.commit();
                    staged = 0;
                }
                progress.show(puts + deletes, bytes);
            }
            store.commit();
        }
        rows -= deletes;
        say(
                "changed   %,d rows rewritten, %,d deleted, %s, in %.1f s, %d epochs",
                puts, deletes, ByteSizes.rounded(bytes), seconds(start), store.epoch() - first);
    }

    // ---- reading --------------------------------------------------------------------------------

    private boolean checkPoints(Store store) throws IOException {
        long start = System.nanoTime();
        long wrong = 0;
        long present = 0;
        long bytes = 0;
        Table table = store.table();
        try (Progress progress =
                new Progress(shell, "get", "rows", classBytes, () -> store.stats().memory())) {
            for (Path path : classes) {
                byte[] key = key(path);
                byte[] value = table.get(key);
                boolean right =
                        value == null ? isDeleted(key) : !isDeleted(key) && isExpected(key, value);
                wrong += right ? 0 : 1;
                present += value == null ? 0 : 1;
                bytes += value == null ? 0 : value.length;
                progress.show(present, bytes);
            }
        }
        say(
                "get       %,d keys: %,d present, %s, %,d wrong, in %.1f s",
                classes.size(), present, ByteSizes.rounded(bytes), wrong, seconds(start));
        return wrong == 0 && present == rows;
    }

    private boolean checkScan(Store store) throws IOException {
        long start = System.nanoTime();
        long wrong = 0;
        long count = 0;
        long bytes = 0;
        byte[] before = {};
        Table table = store.table();
        try (Progress progress =
                        new Progress(
                                shell, "scan", "rows", classBytes, () -> store.stats().memory());
                RowCursor cursor = table.scan(null, null, store.epoch())) {
            while (cursor.next()) {
                byte[] key = bytes(cursor.segment(), cursor.keyOffset(), cursor.keySize());
                byte[] value = bytes(cursor.segment(), cursor.valueOffset(), cursor.valueSize());
                boolean right =
                        Arrays.compareUnsigned(before, key) < 0
                                && !isDeleted(key)
                                && isExpected(key, value);
                wrong += right ? 0 : 1;
                before = key;
                count++;
                bytes += value.length;
                progress.show(count, bytes);
            }
        }
        say(
                "scan      %,d rows, %s, %,d wrong, in %.1f s",
                count, ByteSizes.rounded(bytes), wrong, seconds(start));
        return wrong == 0 && count == rows;
    }

    private static byte[] bytes(MemorySegment segment, long offset, long size) {
        byte[] bytes = new byte[Math.toIntExact(size)];
        MemorySegment.copy(segment, Layouts.BYTE, offset, bytes, 0, bytes.length);
        return bytes;
    }

    // ---- telling --------------------------------------------------------------------------------

    private static String report(StoreStats writing, StoreStats reading) {
        StringBuilder text = new StringBuilder("while writing\n");
        for (StoreStats.Section section : writing.sections()) {
            if (section.name().equals("spill") || section.name().equals("compaction")) {
                text.append(StatsReport.section(section));
            }
        }
        text.append('\n');
        for (StoreStats.TableStats table : reading.tables()) {
            text.append(StatsReport.table(table));
        }
        return text.append('\n').toString();
    }

    private void say(String format, Object... arguments) throws IOException {
        shell.print(String.format(Locale.ROOT, format, arguments) + "\n");
    }

    private static double seconds(long startNanos) {
        return Math.max(1, System.nanoTime() - startNanos) / NANOS_PER_SECOND;
    }
}
