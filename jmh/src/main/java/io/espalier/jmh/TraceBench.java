package io.espalier.jmh;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** {@code bench trace}: durable traces beside other durable stores, on the same batches. */
final class TraceBench implements Bench {

    static final String NAME = "trace";

    private static final int UPDATES_DEFAULT = 5_000_000;
    private static final int UPDATES_MIN = 10_000;
    private static final int UPDATES_MAX = 100_000_000;
    private static final int BATCH_DEFAULT = 10_000;
    private static final int PARTS_DEFAULT = 10_000;

    /** LMDB rewrites a page for nearly each of random keys: more would take hours. */
    private static final int LMDB_UPDATES_MAX = 10_000_000;

    private static final String OPEN = "open";
    private static final Set<String> SHAPES =
            new LinkedHashSet<>(
                    List.of(TraceData.Kind.INSERT.label(), TraceData.Kind.OVERWRITE.label(), OPEN));
    private static final Set<String> STORES =
            new LinkedHashSet<>(List.of("espalier", "rocksdb", "lmdb"));

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String synopsis() {
        return "[--only WORD[,WORD]] [--updates N] [--batch N] [--rate N] [--parts N] [--json FILE]";
    }

    @Override
    public String help() {
        return """
        Commits small batches, each durable, into Espalier, RocksDB and LMDB, as fast as they are
        taken (ingest); then opens them, probes one key in a hundred and scans, with the files out of
        the page cache and in it; then commits the same batches into a new store at a fixed rate
        (paced): each is timed from when it was to arrive, also when those before it were late.
        Before all that a store takes a fifth of the updates, 2 million at most, for the compiler.
        written is what the process wrote to disk for each byte of rows, space what the files take
        for each byte of the compacted store. ratio is theirs by ours.
        --only     shapes, stores, or both; all of those of which none is named
                   insert     new keys in no order
                   overwrite  a fifth as many keys, set again and again
                   open       a store of many parts of 10 MiB, nearly all of it sparse
                   espalier, rocksdb, lmdb
        --updates  how many updates are committed, %d to %d; %d unless told
                   (LMDB is left out above %d)
        --batch    how many updates a commit has; %d unless told
        --rate     how many updates arrive each second when they are paced; half of what Espalier,
                   or else the first store, takes at full speed unless told. A store that is too slow
                   for it gets half of its own full speed, and the row says so.
        --parts    how many parts are opened; %d unless told
        --json     also writes the rows into FILE
        """
                .formatted(
                        UPDATES_MIN,
                        UPDATES_MAX,
                        UPDATES_DEFAULT,
                        LMDB_UPDATES_MAX,
                        BATCH_DEFAULT,
                        PARTS_DEFAULT);
    }

    @Override
    public void run(Arguments arguments, PrintStream out) throws UsageException, IOException {
        int updates = UPDATES_DEFAULT;
        int batch = BATCH_DEFAULT;
        int rate = 0;
        int parts = PARTS_DEFAULT;
        Set<String> shapes = SHAPES;
        Set<String> stores = STORES;
        Path json = null;
        while (arguments.hasNext()) {
            String option = arguments.next();
            switch (option) {
                case "--updates" -> updates = arguments.number(UPDATES_MIN, UPDATES_MAX);
                case "--batch" -> batch = arguments.number(1, 1_000_000);
                case "--rate" -> rate = arguments.number(1, Integer.MAX_VALUE);
                case "--parts" -> parts = arguments.number(1, 100_000);
                case "--only" -> {
                    Set<String> words = words(arguments.value());
                    shapes = only(SHAPES, words);
                    stores = only(STORES, words);
                }
                case "--json" -> json = arguments.file();
                default -> throw arguments.unknown(option);
            }
        }
        if (TraceBench.class.getResource("/org/rocksdb/RocksDB.class") == null) {
            throw new UsageException(
                    "the peers' libraries are not on the class path; start it by ./espalier, or add"
                            + " jmh/target/peers/*");
        }
        Report report = new Report(out, json);
        report.start(
                "durable stores, "
                        + updates
                        + " updates in commits of "
                        + batch
                        + ", no compression",
                TraceRow.heading());
        for (TraceData.Kind kind : TraceData.Kind.values()) {
            if (shapes.contains(kind.label())) {
                new TraceIngest(kind, updates, batch, rate, report).run(openers(stores, updates));
            }
        }
        if (shapes.contains(OPEN)) {
            new TraceOpening(parts, report).run();
        }
        report.finish();
    }

    private static List<TraceIngest.Opener> openers(Set<String> stores, int updates) {
        List<TraceIngest.Opener> openers = new ArrayList<>();
        for (String store : stores) {
            switch (store) {
                case "espalier" -> openers.add(() -> new EspalierTracePeer(true));
                case "rocksdb" -> openers.add(RocksTracePeer::new);
                default -> {
                    if (updates <= LMDB_UPDATES_MAX) {
                        openers.add(LmdbTracePeer::new);
                    }
                }
            }
        }
        return openers;
    }

    private static Set<String> words(String names) throws UsageException {
        Set<String> words = new LinkedHashSet<>(List.of(names.split(",", -1)));
        for (String word : words) {
            if (!SHAPES.contains(word) && !STORES.contains(word)) {
                throw new UsageException(
                        "--only '%s': no shape or store '%s'; there is: %s, %s"
                                .formatted(
                                        names,
                                        word,
                                        String.join(", ", SHAPES),
                                        String.join(", ", STORES)));
            }
        }
        return words;
    }

    /** Those that are named; all if none is. */
    private static Set<String> only(Set<String> all, Set<String> words) {
        Set<String> named = new LinkedHashSet<>(all);
        named.retainAll(words);
        return named.isEmpty() ? all : named;
    }
}
