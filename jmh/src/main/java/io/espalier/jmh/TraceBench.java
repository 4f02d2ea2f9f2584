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

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String synopsis() {
        return "[--only SHAPE[,SHAPE]] [--updates N] [--batch N] [--parts N] [--json FILE]";
    }

    @Override
    public String help() {
        return """
        Commits small batches, each durable, into Espalier, RocksDB and LMDB; then opens them, probes
        one key in a hundred and scans, with the files out of the page cache and in it. written is
        what the process wrote to disk for each byte of rows, space what the files take for each byte
        of the compacted store. ratio is theirs by ours.
        --only     insert: new keys in no order; overwrite: a fifth as many keys, set again and again;
                   open: a store of many parts of 10 MiB, nearly all of it sparse
        --updates  how many updates are committed, %d to %d; %d unless told
                   (LMDB is left out above %d)
        --batch    how many updates a commit has; %d unless told
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
        int parts = PARTS_DEFAULT;
        Set<String> shapes = SHAPES;
        Path json = null;
        while (arguments.hasNext()) {
            String option = arguments.next();
            switch (option) {
                case "--updates" -> updates = arguments.number(UPDATES_MIN, UPDATES_MAX);
                case "--batch" -> batch = arguments.number(1, 1_000_000);
                case "--parts" -> parts = arguments.number(1, 100_000);
                case "--only" -> shapes = only(arguments.value());
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
                new TraceIngest(kind, updates, batch, report).run(stores(updates));
            }
        }
        if (shapes.contains(OPEN)) {
            new TraceOpening(parts, report).run();
        }
        report.finish();
    }

    private static List<TraceIngest.Opener> stores(int updates) {
        List<TraceIngest.Opener> stores = new ArrayList<>();
        stores.add(() -> new EspalierTracePeer(true));
        stores.add(RocksTracePeer::new);
        if (updates <= LMDB_UPDATES_MAX) {
            stores.add(LmdbTracePeer::new);
        }
        return stores;
    }

    private static Set<String> only(String names) throws UsageException {
        Set<String> wanted = new LinkedHashSet<>(List.of(names.split(",", -1)));
        for (String name : wanted) {
            if (!SHAPES.contains(name)) {
                throw new UsageException(
                        "--only '%s': no shape '%s'; there is: %s"
                                .formatted(names, name, String.join(", ", SHAPES)));
            }
        }
        return wanted;
    }
}
