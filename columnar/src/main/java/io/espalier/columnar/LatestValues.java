package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * Looks up what many keys have, in a collection in which every key has at most one value at any
 * time: retractions and insertions of an upserted table. The runs follow each other in time. So the
 * newest run in which a key's counts do not cancel decides alone: a val that gains is the value,
 * and if one only loses there is none; older runs are not looked at any more.
 *
 * <p>Sorted probes go over each run once, by galloping; values are copied out, and nothing stays
 * pinned. Not thread-safe; may be used again and again. The owner closes it.
 */
public final class LatestValues implements AutoCloseable {

    private static final long ABSENT = -1;
    private static final long UNDECIDED = -2;

    /**
     * A filter is asked when there are so many updates for each probe: where probes lie dense,
     * galloping from one to the next is as cheap as asking.
     */
    private static final long SPARSE = 16;

    private static final long KEPT_BYTES_MAX = 4L << 20;

    private final NativeBuffer values;

    /** Goes on where a key straddles chunks. */
    private final AsOfCursor across;

    private final TrieView view = new TrieView();

    /** For each probe where its value starts, or {@link #ABSENT}, or {@link #UNDECIDED}. */
    private long[] starts = {};

    private long[] sizes = {};

    /** The probes that no run has decided yet, ascending. */
    private int[] open = {};

    /** Those of them that a run's filter lets pass. */
    private int[] sifted = {};

    private long[] hashes = {};
    private boolean hashed;

    private long bytesMax;

    /** Values are copied into memory of this one. */
    public LatestValues(NativeMemory memory) {
        this.across = new AsOfCursor(memory);
        this.values = new NativeBuffer(memory);
    }

    /**
     * Looks up all probes. What was read before is gone.
     *
     * @param runs of bytes to bytes with counts, from the oldest to the newest; their times do not
     *     overlap
     * @param probes ascending, without duplicates
     * @param asOf updates with later times (unsigned) do not count
     * @throws IllegalStateException if a run gives a key two values
     */
    public void read(List<? extends Run> runs, Column probes, long asOf) {
        read(runs, probes, asOf, Long.MAX_VALUE);
    }

    /**
     * The same, unless the values take more than {@code bytesMax}: it stops with the value that
     * exceeds that.
     *
     * @return whether all was read; if not, nothing is: ask for fewer
     */
    public boolean read(List<? extends Run> runs, Column probes, long asOf, long bytesMax) {
        this.bytesMax = bytesMax;
        int count = Math.toIntExact(probes.count());
        if (starts.length < count) {
            starts = new long[count];
            sizes = new long[count];
            open = new int[count];
        }
        values.clear(KEPT_BYTES_MAX);
        Arrays.fill(starts, 0, count, UNDECIDED);
        hashed = false;
        for (int i = 0; i < count; i++) {
            open[i] = i;
        }
        int left = count;
        for (int i = runs.size() - 1; i >= 0 && left > 0 && fits(); i--) {
            left = read(runs.get(i), probes, left, asOf);
        }
        return fits();
    }

    private boolean fits() {
        return values.sizeBytes() <= bytesMax;
    }

    /**
     * Decides what one run can; returns how many probes are left, at the front of {@link #open}.
     */
    private int read(Run run, Column probes, int count, long asOf) {
        int[] some = open;
        int someCount = count;
        if (run.updateCount() / SPARSE >= count && run.hasFilter()) {
            hash(probes);
            someCount = run.sift(probes, hashes, open, count, sifted);
            some = sifted;
        }
        if (someCount == 0) {
            return count;
        }
        return read(run, probes, some, someCount, asOf) ? dropDecided(count) : count;
    }

    /** Hashes the probes when the first filter asks for it. */
    private void hash(Column probes) {
        if (!hashed) {
            hashed = true;
            int count = (int) probes.count();
            if (hashes.length < count) {
                hashes = new long[starts.length];
                sifted = new int[starts.length];
            }
            KeyHashes.hash(probes, count, hashes);
        }
    }

    /** Leaves of the open probes those that are not decided. */
    private int dropDecided(int count) {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            int probe = open[i];
            open[kept] = probe;
            kept += starts[probe] == UNDECIDED ? 1 : 0;
        }
        return kept;
    }

    /** Looks up some probes in one run; whether it decides any. */
    private boolean read(Run run, Column probes, int[] some, int count, long asOf) {
        boolean any = false;
        int next = 0;
        long chunk = 0;
        while (next < count && fits()) {
            chunk = run.seek(probes, some[next], chunk);
            if (chunk == run.chunkCount()) {
                break;
            }
            try (ChunkPin pin = run.open(chunk, view)) {
                Column keys = view.keys();
                long keyCount = view.keyCount();
                long key = 0;
                while (next < count && fits()) {
                    int probe = some[next];
                    key = keys.gallop(key, keyCount, probes, probe);
                    if (key == keyCount) {
                        break;
                    }
                    next++;
                    boolean decided =
                            Column.compare(keys, key, probes, probe) == 0
                                    && ((key < keyCount - 1 || chunk == run.chunkCount() - 1)
                                            ? decide(key, probe, asOf)
                                            : decideAcross(run, probes, probe, asOf));
                    if (decided) {
                        any = true;
                        starts[probe] = Math.max(starts[probe], ABSENT);
                    }
                }
            }
            chunk++;
        }
        return any;
    }

    /** Looks at a key whose group ends in the chunk; whether that decides. */
    private boolean decide(long key, int probe, long asOf) {
        boolean loses = false;
        long value = ABSENT;
        long to = view.valsTo(key);
        for (long val = view.valsFrom(key); val < to; val++) {
            long net = net(val, asOf);
            loses |= net < 0;
            if (net > 0) {
                value = gain(value, val, net);
            }
        }
        if (value != ABSENT) {
            take(probe, view.vals(), value);
        }
        return value != ABSENT || loses;
    }

    private static long gain(long before, long val, long net) {
        if (before != ABSENT || net != 1) {
            throw new IllegalStateException(
                    "a key has more than one value, or one " + net + " times, in one run");
        }
        return val;
    }

    private long net(long val, long asOf) {
        long net = 0;
        long to = view.updatesTo(val);
        for (long update = view.updatesFrom(val); update < to; update++) {
            if (Long.compareUnsigned(view.timeAt(update), asOf) <= 0) {
                net += view.diffAt(update);
            }
        }
        return net;
    }

    /** The same for the last key of a chunk, whose group may go on in the next. */
    private boolean decideAcross(Run run, Column probes, int probe, long asOf) {
        boolean loses = false;
        try (AsOfCursor cursor = across) {
            cursor.start(List.of(run), asOf, 0, probes, probe);
            while (cursor.next() && cursor.keyEquals(probes, probe)) {
                loses |= cursor.sum() < 0;
                if (cursor.sum() > 0) {
                    gain(Math.max(starts[probe], ABSENT), 0, cursor.sum());
                    take(probe, cursor.vals(), cursor.val());
                }
            }
        }
        return loses || starts[probe] >= 0;
    }

    private void take(int probe, Column vals, long val) {
        long size = vals.sizeOf(val);
        starts[probe] = values.sizeBytes();
        sizes[probe] = size;
        values.append(vals.segment(), vals.offsetOf(val), size);
    }

    /** Whether a probe has a value. */
    public boolean isPresent(int probe) {
        return starts[probe] >= 0;
    }

    /** The segment that holds the values. */
    public MemorySegment segment() {
        return values.segment();
    }

    /** Where the value of a probe that has one starts; valid until the next reading. */
    public long offsetOf(int probe) {
        return values.offset() + starts[probe];
    }

    /** How many bytes the value of a probe that has one has. */
    public long sizeOf(int probe) {
        return sizes[probe];
    }

    @Override
    public void close() {
        values.close();
    }
}
