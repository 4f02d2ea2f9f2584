package io.espalier.jmh;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** {@code bench peers}: ours beside other stores, on the same data, in the same run. */
final class PeersBench implements Bench {

    static final String NAME = "peers";

    private static final int UPDATES_MIN = 1_000;
    private static final int UPDATES_MAX = 10_000_000;

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String synopsis() {
        return "[--only SHAPE[,SHAPE]] [--updates N] [--json FILE]";
    }

    @Override
    public String help() {
        return """
        Loads sorted entries into Espalier, RocksDB, LMDB, H2's MVStore, a TreeMap and sorted arrays,
        reads them by sorted probes and in order, and merges two halves. ratio is theirs by ours.
        --only     the data: %s
        --updates  how many entries, %d to %d; %d unless told; string-256 has a sixteenth
        --json     also writes the rows into FILE
        """
                .formatted(shapes(), UPDATES_MIN, UPDATES_MAX, Arguments.UPDATES_DEFAULT);
    }

    private static String shapes() {
        return Arrays.stream(PeerShape.values())
                .map(PeerShape::label)
                .collect(Collectors.joining(", "));
    }

    @Override
    public void run(Arguments arguments, PrintStream out) throws UsageException, IOException {
        int updates = Arguments.UPDATES_DEFAULT;
        Set<PeerShape> shapes = new LinkedHashSet<>(List.of(PeerShape.values()));
        Path json = null;
        while (arguments.hasNext()) {
            String option = arguments.next();
            switch (option) {
                case "--updates" -> updates = arguments.number(UPDATES_MIN, UPDATES_MAX);
                case "--only" -> shapes = only(arguments.value());
                case "--json" -> json = arguments.file();
                default -> throw arguments.unknown(option);
            }
        }
        if (PeersBench.class.getResource("/org/rocksdb/RocksDB.class") == null) {
            throw new UsageException(
                    "the peers' libraries are not on the class path; start it by ./espalier, or add"
                            + " jmh/target/peers/*");
        }
        Report report = new Report(out, json);
        report.start(
                "peers at " + updates + " entries, durability off, no compression",
                PeerRow.heading());
        for (PeerShape shape : shapes) {
            run(new PeerData(shape, updates), report);
        }
        report.finish();
    }

    private static Set<PeerShape> only(String names) throws UsageException {
        Set<PeerShape> wanted = new LinkedHashSet<>();
        for (String name : names.split(",", -1)) {
            wanted.add(
                    Arrays.stream(PeerShape.values())
                            .filter(shape -> shape.label().equals(name.toLowerCase(Locale.ROOT)))
                            .findFirst()
                            .orElseThrow(() ->
                                    new UsageException(
                                            "--only '%s': no data '%s'; there is: %s"
                                                    .formatted(names, name, shapes()))));
        }
        return wanted;
    }

    /** All stores, ours first; what was opened is closed if one cannot be. */
    static List<Peer> open(PeerData data) throws IOException {
        List<Peer> peers = new ArrayList<>();
        boolean done = false;
        try {
            peers.add(new EspalierPeer(data, Where.RESIDENT));
            peers.add(new EspalierPeer(data, Where.PAGED));
            peers.add(new RocksPeer(data));
            peers.add(new LmdbPeer(data));
            peers.add(new MvStorePeer(data));
            peers.add(new TreeMapPeer(data));
            peers.add(new ArrayPeer(data));
            done = true;
        } finally {
            if (!done) {
                close(peers);
            }
        }
        return peers;
    }

    /** Closes them all. */
    static void close(List<Peer> peers) throws IOException {
        for (Peer peer : peers.reversed()) {
            peer.close();
        }
    }

    private static void run(PeerData data, Report report) throws IOException {
        List<Peer> peers = open(data);
        try {
            new PeersRun(data, peers, report).run();
        } finally {
            close(peers);
        }
    }
}
