package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Bulk reads of a run: sorted, distinct probe keys in, an owned chain of chunks out. Nothing that
 * is borrowed from a chunk outlives the visit to it, so bodies may be anywhere: each is pinned
 * once, at most, and released before the next.
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

    private static final int SHORT_KEYS = 4;
    private static final int SHORT_RUNS = 4;
    private static final long GATHER_STEPS = 2048;

    private final TrieView view = new TrieView();
    private long foundKey;
    private long foundProbe;

    /** An extractor, for any number of runs one after another. */
    public Extractor() {}

    /**
     * Copies all updates of the probed keys to {@code out}, which is not finished by this.
     *
     * @param probes ascending, without duplicates, of the key type of the run
     * @throws IllegalArgumentException if probes are of another type or do not ascend; nothing is
     *     copied then. Whether they ascend is found out once for each binding of the column.
     */
    public void extract(Run run, Column probes, ChainBuilder out) {
        check(run, out);
        ColumnType type = run.type().key();
        if (probes.kind() != type.kind()
                || (type.kind() == ColumnType.Kind.TUPLE
                        && probes.count() > 0
                        && probes.width() != type.fixedWidth())) {
            throw new IllegalArgumentException(
                    "probes of "
                            + probes.kind()
                            + ", "
                            + probes.width()
                            + " bytes wide, for keys of "
                            + type
                            + "; make the probes a column of that type");
        }
        if (!probes.isAscending()) {
            long at = probes.firstDescent();
            throw new IllegalArgumentException(
                    "probe "
                            + at
                            + " of "
                            + probes.count()
                            + " is "
                            + probes.describe(at)
                            + " after "
                            + probes.describe(at - 1)
                            + "; probes ascend: sort them, and take each once");
        }
        long probe = 0;
        long chunk = 0;
        while (probe < probes.count()) {
            chunk = run.seek(probes, probe, chunk);
            if (chunk == run.chunkCount()) {
                return;
            }
            Fence fence = run.fence(chunk);
            if (fence != null && Column.compare(fence.keys(), 0, probes, probe) > 0) {
                // probes in the gap before the chunk are misses: what is left may lie above it
                probe = probes.gallop(probe, probes.count(), fence.keys(), 0);
                continue;
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
            @Nullable Chunk shareable, Column probes, long firstProbe, ChainBuilder out) {
        Column keys = view.keys();
        long keyCount = view.keyCount();
        long probeCount = probes.count();
        long probe = firstProbe;
        long key = 0;
        int shortRuns = 0;
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
                shortRuns = equal > SHORT_KEYS ? 0 : shortRuns + 1;
                if (key == keyCount) {
                    // the last key's group may go on in the next chunk
                    return probe - 1;
                }
                continue;
            }
            if (shortRuns >= SHORT_RUNS) {
                long hits = gather(probes, probe, key, out);
                key = foundKey;
                probe = foundProbe;
                shortRuns = hits > GATHER_STEPS / 8 ? SHORT_RUNS : 0;
                if (hits > 0) {
                    continue;
                }
            }
            if (Column.compare(keys, key, probes, probe) < 0) {
                long next = keys.gallop(key, keyCount, probes, probe);
                shortRuns = next - key > SHORT_KEYS ? 0 : shortRuns;
                key = next;
            } else {
                long next = probes.gallop(probe, probeCount, keys, key);
                shortRuns = next - probe > SHORT_KEYS ? 0 : shortRuns;
                probe = next;
            }
        }
        return probe;
    }

    /**
     * Takes hits that lie apart, by comparing keys and probes one after another; where it ends is
     * in {@link #foundKey} and {@link #foundProbe}. The last key of the chunk is left, and so is
     * all of a chunk that does not suit.
     *
     * @return how many hits it took
     */
    private long gather(Column probes, long probe, long key, ChainBuilder out) {
        foundKey = key;
        foundProbe = probe;
        Column keys = view.keys();
        boolean suits =
                view.keyBounds().stride() == 1
                        && view.valBounds().stride() == 1
                        && keys.encoding() == TrieLayout.FIXED
                        && probes.encoding() == TrieLayout.FIXED
                        && keys.width() == probes.width()
                        && keys.width() >= Long.BYTES;
        if (!suits || key == 0) {
            return 0;
        }
        long room = out.makeRoom();
        long steps = GATHER_STEPS;
        long keysTo = Math.min(key + steps, view.keyCount() - 1);
        while (keysTo > key && view.flatBytes(key, keysTo, key, keysTo, key, keysTo) > room) {
            keysTo = key + (keysTo - key) / 2;
        }
        NativeBuffer scratch = out.scratch();
        scratch.clear();
        long ends = scratch.reserve((GATHER_STEPS + 4) * Long.BYTES);
        long indexes = ends + 3 * Long.BYTES;
        MemorySegment segment = scratch.segment();
        Interleaving.intersect(
                keys, key, keysTo, probes, probe, probes.count(), steps, segment, indexes, ends);
        long count = Words.getLong(segment, ends, 2);
        if (count > 0) {
            out.appendGathered(view, indexes, count);
            foundKey = Words.getLong(segment, ends, 0);
            foundProbe = Words.getLong(segment, ends, 1);
        }
        return count;
    }

    /**
     * Copies everything to {@code out}, which is not finished by this: the scan path.
     *
     * @throws IllegalArgumentException if the run is of another type
     */
    public void fetch(Run run, ChainBuilder out) {
        check(run, out);
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

    private static void check(Run run, ChainBuilder out) {
        if (!run.type().equals(out.type())) {
            throw new IllegalArgumentException(
                    "a run of "
                            + run.type()
                            + " for a chain of "
                            + out.type()
                            + "; make the chain of the run's type");
        }
    }
}
