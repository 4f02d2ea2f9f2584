package io.espalier.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** All stores hold the same and find the same, so that their times may be compared. */
class PeersTest {

    /** More than one batch of a multi-get, and not a whole number of them. */
    private static final int UPDATES = 3_100;

    private record Hit(int entry, long valWord) {}

    /**
     * Fails if a peer finds, scans or merges something else than was loaded, in any of its ways.
     */
    @ParameterizedTest
    @EnumSource
    void everyPeerHasTheSame(PeerShape shape) throws IOException {
        PeerData data = new PeerData(shape, UPDATES);
        List<Peer> peers = PeersBench.open(data);
        try {
            for (Peer peer : peers) {
                // twice, since measurements repeat it
                for (int run = 0; run < 2; run++) {
                    peer.reset();
                    peer.load();
                }
                assertTrue(peer.sizeBytes() > 0, peer.name());
                assertEquals(data.digest(), peer.scan(), peer.name());
                for (int step : new int[] {1, 2, 3, 100, UPDATES}) {
                    checkReads(data, peer, step);
                }
                for (int run = 0; run < 2; run++) {
                    peer.readyMerge();
                    peer.merge();
                }
                assertEquals(data.digest(), peer.scanMerged(), peer.name());
            }
        } finally {
            PeersBench.close(peers);
        }
    }

    private static void checkReads(PeerData data, Peer peer, int step) throws IOException {
        List<Hit> expected = new ArrayList<>();
        for (int i = 0; i < data.count(); i += step) {
            expected.add(new Hit(i, PeerData.valWord(i)));
        }
        for (Peer.Way way : peer.ways(step)) {
            String what = peer.name() + " by " + way.how() + ", every " + step;
            assertEquals(expected.size(), way.reader().read(), what);
            List<Hit> found = new ArrayList<>();
            peer.eachHit((entry, valWord) -> found.add(new Hit(entry, valWord)));
            assertEquals(expected, found, what);
        }
    }

    /** Fails if both halves of a merge are not there, or their entries do not interleave. */
    @ParameterizedTest
    @EnumSource
    void halvesAreDrawnAtRandom(PeerShape shape) {
        PeerData data = new PeerData(shape, UPDATES);
        int[] left = data.part(0);
        int[] right = data.part(1);
        assertEquals(data.count(), left.length + right.length);
        int changes = 0;
        for (int i = 1; i < left.length; i++) {
            changes += left[i] == left[i - 1] + 1 ? 0 : 1;
        }
        // a quarter of all entries, were the draws perfect
        assertTrue(Math.abs(changes - data.count() / 4) < data.count() / 20, "changes " + changes);
    }

    /** Fails if a row is missing, or ours is not the first of each operation. */
    @Test
    void peersPrintsEveryRow(@TempDir Path folder) throws IOException {
        Path json = folder.resolve("rows.json");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int exitCode =
                BenchMain.run(
                        new String[] {
                            "peers",
                            "--updates",
                            "1000",
                            "--only",
                            "string-256",
                            "--json",
                            json.toString()
                        },
                        new PrintStream(out, false, StandardCharsets.UTF_8),
                        new PrintStream(err, false, StandardCharsets.UTF_8));
        assertEquals("", err.toString(StandardCharsets.UTF_8));
        assertEquals(0, exitCode);
        List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
        int peers = 7;
        int ops = 6;
        assertEquals(2 + ops * peers, lines.size());
        for (int i = 2; i < lines.size(); i += peers) {
            assertTrue(lines.get(i).contains(" espalier "), lines.get(i));
        }
        List<String> rows = Files.readAllLines(json);
        assertEquals(2 + ops * peers, rows.size());
        for (String row : rows.subList(1, rows.size() - 1)) {
            for (String name :
                    List.of(
                            "ms",
                            "floor_ms",
                            "ratio",
                            "bytes_per_update",
                            "heap_bytes_per_update")) {
                assertTrue(row.matches(".*,\"" + name + "\":[0-9.]+,.*"), row);
            }
        }
    }
}
