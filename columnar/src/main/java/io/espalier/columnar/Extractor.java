package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Bulk reads of a run: sorted, distinct probe keys in, an owned chain of chunks out. Nothing that
 * is borrowed from a chunk outlives the visit to it, so bodies may be anywhere: a resident one is
 * pinned, a paged one is read from its file into memory that is wanted for nothing else, and gone
 * before the next. So no pin is left, and no body is cached.
 *
 * <p>Equal stretches of probes and keys are found by bulk comparison and taken by one range copy;
 * hits that lie apart are searched many at a time and gathered column by column. A resident chunk
 * that is wanted whole is shared, and a paged one is handed over in the memory that it was read
 * into. A key may straddle chunks: the probe that equals a chunk's last key is offered to the next
 * chunk again. A miss is a key that is absent from the result. Times are copied as they are.
 *
 * <p>The idea is the {@code UnloadChunk} of Differential Dataflow's pull request 782. Not
 * thread-safe; may be used again and again.
 */
public final class Extractor {

    private static final int SHORT_KEYS = 4;
    private static final int SHORT_RUNS = 4;

    /** From so many keys for each probe on, hits are searched and not compared in bulk. */
    private static final long SPARSE = 3;

    private static final long SEARCH_PROBES = 2048;

    private final TrieView view = new TrieView();

    /** An extractor, for any number of runs one after another. */
    public Extractor() {}

    /**
     * Copies all updates of the probed keys to {@code out}, which is not finished by this.
     *
     * @param probes ascending, without duplicates, of the key type of the run
     * @throws IllegalArgumentException if probes are of another type or do not ascend; nothing is
     *     copied then. Whether they ascend is found out once for each binding of the column.
     * @throws io.espalier.pager.DamagedPageException if a page does not hold what was written; what
     *     was copied before stays in {@code out}
     */
    public void extract(Run run, Column probes, ChainBuilder out) {
        check(run, out);
        Families.check(run.type(), probes);
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
            probe = visit(run, chunk, probes, probe, out);
            chunk++;
        }
    }

    /**
     * Copies everything to {@code out}, which is not finished by this: the scan path.
     *
     * @throws IllegalArgumentException if the run is of another type
     * @throws io.espalier.pager.DamagedPageException if a page does not hold what was written; what
     *     was copied before stays in {@code out}
     */
    public void fetch(Run run, ChainBuilder out) {
        check(run, out);
        for (long index = 0; index < run.chunkCount(); index++) {
            Chunk chunk = run.shareable(index);
            if (chunk != null) {
                fetchChunk(chunk, out);
            } else {
                visit(run, index, null, 0, out);
            }
        }
    }

    /**
     * Takes the hits of one chunk.
     *
     * @param probes checked to suit
     * @return the first probe that is not consumed
     */
    long extractChunk(Chunk chunk, Column probes, long firstProbe, ChainBuilder out) {
        return visit(chunk, probes, firstProbe, out);
    }

    /** Takes all of one chunk. */
    void fetchChunk(Chunk chunk, ChainBuilder out) {
        if (!chunk.isResident() || !out.shareChunk(chunk)) {
            visit(chunk, null, 0, out);
        }
    }

    /**
     * Takes what is wanted of one chunk: the hits of the probes from one on, or all without probes.
     *
     * @return the first probe that is not consumed
     */
    private long visit(
            Run run, long index, @Nullable Column probes, long firstProbe, ChainBuilder out) {
        Chunk chunk = run.shareable(index);
        if (chunk != null) {
            return visit(chunk, probes, firstProbe, out);
        }
        ChunkPin pin = run.open(index, view);
        try {
            return take(isWholeWanted(probes, firstProbe), probes, firstProbe, out);
        } finally {
            pin.close();
        }
    }

    private long visit(Chunk chunk, @Nullable Column probes, long firstProbe, ChainBuilder out) {
        if (!chunk.isResident()) {
            Lease body = out.takeBody(chunk.sizeBytes());
            boolean taken = false;
            try {
                if (chunk.readInto(body)) {
                    view.bind(body.memory(), body.offset());
                    boolean whole = isWholeWanted(probes, firstProbe);
                    long next = whole ? afterWhole(probes, firstProbe) : 0;
                    if (whole) {
                        taken = true; // also if that fails
                        taken = out.takeImage(body, view);
                    }
                    return taken ? next : take(whole, probes, firstProbe, out);
                }
            } finally {
                view.unbind();
                if (!taken) {
                    out.keepBody(body);
                }
            }
        }
        chunk.hold(view);
        try {
            boolean whole = isWholeWanted(probes, firstProbe);
            return whole && chunk.isResident() && out.shareChunk(chunk)
                    ? afterWhole(probes, firstProbe)
                    : take(whole, probes, firstProbe, out);
        } finally {
            chunk.letGo(view);
        }
    }

    private boolean isWholeWanted(@Nullable Column probes, long firstProbe) {
        long keyCount = view.keyCount();
        return probes == null
                || (probes.count() - firstProbe >= keyCount
                        && Column.equalRun(view.keys(), 0, probes, firstProbe, keyCount)
                                == keyCount);
    }

    /** The last key's group may go on in the next chunk, so its probe is not consumed. */
    private long afterWhole(@Nullable Column probes, long firstProbe) {
        return probes == null ? 0 : firstProbe + view.keyCount() - 1;
    }

    private long take(boolean whole, @Nullable Column probes, long firstProbe, ChainBuilder out) {
        if (whole || probes == null) {
            long next = afterWhole(probes, firstProbe);
            out.appendUpdates(view, 0, view.updateCount());
            return next;
        }
        return takeHits(probes, firstProbe, out);
    }

    private long takeHits(Column probes, long firstProbe, ChainBuilder out) {
        Column keys = view.keys();
        long last = view.keyCount() - 1;
        // probes from here on are not consumed; the first of them is taken if it equals the last
        // key, whose group may go on in the next chunk
        long next = probes.gallop(firstProbe, probes.count(), keys, last);
        boolean lastHit = next < probes.count() && Column.compare(keys, last, probes, next) == 0;
        long end = lastHit ? next + 1 : next;
        long probe = firstProbe;
        long key = 0;
        int shortRuns = 0;
        while (probe < end) {
            // no probe is above the last key, so there is one here
            long most = Math.min(last + 1 - key, end - probe);
            long equal = Column.equalRun(keys, key, probes, probe, most);
            if (equal > 0) {
                out.appendKeys(view, key, key + equal);
                key += equal;
                probe += equal;
                shortRuns = equal > SHORT_KEYS ? 0 : shortRuns + 1;
            } else if (Column.compare(keys, key, probes, probe) > 0) {
                long above = probes.gallop(probe, end, keys, key);
                shortRuns = above - probe > SHORT_KEYS ? 0 : shortRuns;
                probe = above;
            } else if (shortRuns >= SHORT_RUNS || last - key >= SPARSE * (end - probe)) {
                long to = Math.min(probe + SEARCH_PROBES, end);
                NativeBuffer scratch = out.scratch();
                scratch.clear();
                long hits = scratch.reserve((SEARCH_PROBES + ProbeSearch.SLACK) * Long.BYTES);
                MemorySegment segment = scratch.segment();
                long count = ProbeSearch.find(keys, key, last, probes, probe, to, segment, hits);
                if (count > 0) {
                    long before = key;
                    key = Words.getLong(segment, hits, count - 1) + 1;
                    // hits that are nearly all there is are a matter for bulk comparison
                    shortRuns = key - before <= count + (count >> 3) ? 0 : SHORT_RUNS;
                    append(segment, hits, count, out);
                }
                probe = to;
            } else {
                long above = keys.gallop(key, last, probes, probe);
                shortRuns = above - key > SHORT_KEYS ? 0 : shortRuns;
                key = above;
            }
        }
        return next;
    }

    /** Appends keys of the view by their indexes; the first key of the chunk is not among them. */
    private void append(MemorySegment segment, long hits, long count, ChainBuilder out) {
        boolean single = view.isSingle();
        long done = 0;
        while (done < count) {
            long from = Words.getLong(segment, hits, done);
            long fit =
                    single
                            ? fitting(
                                    segment, hits + done * Long.BYTES, count - done, out.makeRoom())
                            : 0;
            if (fit > 0) {
                out.appendGathered(view, hits + done * Long.BYTES, fit);
                done += fit;
                continue;
            }
            long to = from + 1;
            done++;
            while (!single && done < count && Words.getLong(segment, hits, done) == to) {
                to++;
                done++;
            }
            out.appendKeys(view, from, to);
        }
    }

    /** How many keys, by their indexes, fit into what room there is; 0 if the first does not. */
    private long fitting(MemorySegment segment, long indexes, long count, long roomBytes) {
        if (!view.keys().isVariable()
                && !view.vals().isVariable()
                && !view.payloads().isVariable()) {
            return Math.min(count, roomBytes / view.flatBytes(0, 1, 0, 1, 0, 1));
        }
        long left = roomBytes;
        long fit = 0;
        while (fit < count) {
            long index = Words.getLong(segment, indexes, fit);
            left -= view.flatBytes(index, index + 1, index, index + 1, index, index + 1);
            if (left < 0) {
                break;
            }
            fit++;
        }
        return fit;
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
