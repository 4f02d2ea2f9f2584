package io.espalier.columnar;

import org.jspecify.annotations.Nullable;

/**
 * Bulk reads of a run: sorted, distinct probe keys in, an owned chain of chunks out. Nothing that is
 * borrowed from a chunk outlives the visit to it, so bodies may be anywhere: each is pinned once, at
 * most, and released before the next.
 *
 * <p>Equal stretches of probes and keys are found by bulk comparison and taken by one range copy; a
 * resident chunk that is wanted whole is shared. A key may straddle chunks: the probe that equals a
 * chunk's last key is offered to the next chunk again. A miss is a key that is absent from the
 * result. Times are copied as they are.
 *
 * <p>The idea is the {@code UnloadChunk} of Differential Dataflow's pull request 782. Not
 * thread-safe; may be used again and again.
 */
public final class Extractor {

    private final TrieView view = new TrieView();

    public Extractor() {}

    /**
     * Copies all updates of the probed keys to {@code out}, which is not finished by this.
     *
     * @param probes ascending, without duplicates, of the key type of the run
     * @throws IllegalArgumentException if probes are not ascending, as far as that is noticed: an
     *     assertion checks all of them
     */
    public void extract(Run run, Column probes, ChainBuilder out) {
        if (probes.kind() != run.type().key().kind()) {
            throw new IllegalArgumentException(
                    "probes of " + probes.kind() + ", expected " + run.type().key().kind());
        }
        assert ascending(probes) : "probes are not ascending";
        long probe = 0;
        long chunk = 0;
        while (probe < probes.count()) {
            chunk = run.seek(probes, probe, chunk);
            if (chunk == run.chunkCount()) {
                return;
            }
            Chunk shareable = run.shareable(chunk);
            ChunkPin pin = run.open(chunk, view);
            try {
                probe = extract(shareable, probes, probe, out);
            } finally {
                pin.close();
            }
            chunk++;
        }
    }

    /** Takes the hits of one chunk; returns the first probe that is not consumed. */
    private long extract(
            @Nullable Chunk shareable,
            Column probes,
            long firstProbe,
            ChainBuilder out) {
        Column keys = view.keys();
        long keyCount = view.keyCount();
        long probeCount = probes.count();
        long probe = firstProbe;
        long key = 0;
        while (probe < probeCount && key < keyCount) {
            long most = Math.min(keyCount - key, probeCount - probe);
            long equal = Column.equalRun(keys, key, probes, probe, most);
            if (equal > 0) {
                boolean shared =
                        equal == keyCount
                                && shareable != null
                                && shareable.isResident()
                                && out.shareChunk(shareable);
                if (!shared) {
                    out.appendKeys(view, key, key + equal);
                }
                key += equal;
                probe += equal;
                if (key == keyCount) {
                    // the last key's group may go on in the next chunk
                    return probe - 1;
                }
                continue;
            }
            if (Column.compare(keys, key, probes, probe) < 0) {
                key = keys.gallop(key, keyCount, probes, probe);
            } else {
                probe = probes.gallop(probe, probeCount, keys, key);
            }
        }
        return probe;
    }

    /** Copies everything to {@code out}, which is not finished by this: the scan path. */
    public void fetch(Run run, ChainBuilder out) {
        for (long chunk = 0; chunk < run.chunkCount(); chunk++) {
            Chunk shareable = run.shareable(chunk);
            if (shareable != null && shareable.isResident() && out.shareChunk(shareable)) {
                continue;
            }
            ChunkPin pin = run.open(chunk, view);
            try {
                out.appendUpdates(view, 0, view.updateCount());
            } finally {
                pin.close();
            }
        }
    }

    private static boolean ascending(Column probes) {
        for (long i = 1; i < probes.count(); i++) {
            if (Column.compare(probes, i - 1, probes, i) >= 0) {
                return false;
            }
        }
        return true;
    }
}
