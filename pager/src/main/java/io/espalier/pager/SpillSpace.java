package io.espalier.pager;

import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Which ranges of the spill files are in use. A page gets the smallest free extent that holds it,
 * the front of it; a new file follows where none does. Freed extents join their neighbours. They
 * keep their blocks, and their place in the page cache, for the next page, up to a limit; beyond it
 * the blocks go back to the file system. One wholly free file is kept as a spare.
 *
 * <p>Thread-safe. The lock is never held while a file is made, written, punched or closed.
 */
final class SpillSpace implements AutoCloseable {

    /** What the spill files hold, in files and bytes. */
    record Usage(
            long segments,
            long segmentBytes,
            long usedBytes,
            long freeExtents,
            long freeBytes,
            long freeBackedBytes,
            long punchedBytes) {}

    /** The order of free extents: the smallest first, among equals the one nearest the start. */
    private record SizeKey(long sizeBytes, long segment, long position)
            implements Comparable<SizeKey> {

        private static final Comparator<SizeKey> ORDER =
                Comparator.comparingLong(SizeKey::sizeBytes)
                        .thenComparingLong(SizeKey::segment)
                        .thenComparingLong(SizeKey::position);

        static SizeKey of(Extent extent) {
            return new SizeKey(extent.sizeBytes(), extent.segment().number(), extent.position());
        }

        @Override
        public int compareTo(SizeKey other) {
            return ORDER.compare(this, other);
        }
    }

    private final NativeMemory memory;
    private final PagerOptions options;
    private final SpillSegment.Opener opener;

    /** Held while a file is made, so that one shortage makes one file. */
    private final ReentrantLock growing = new ReentrantLock();

    private final ReentrantLock lock = new ReentrantLock();
    // all guarded by lock
    private final List<SpillSegment> segments = new ArrayList<>();
    private final TreeMap<SizeKey, Extent> bySize = new TreeMap<>();
    private @Nullable SpillSegment spare;
    private long nextNumber;
    private long segmentBytes;
    private long usedBytes;
    private long freeBytes;
    private long freeBackedBytes;
    private long punchedBytes;

    SpillSpace(NativeMemory memory, PagerOptions options, SpillSegment.Opener opener) {
        this.memory = memory;
        this.options = options;
        this.opener = opener;
    }

    /**
     * Takes an extent for {@code bytes} bytes, which is positive.
     *
     * @throws IOException if a new file is needed and cannot be made
     */
    Extent allocate(long bytes) throws IOException {
        long size = Extent.pagesUp(bytes);
        Extent extent = take(size);
        if (extent != null) {
            return extent;
        }
        growing.lock();
        try {
            extent = take(size);
            if (extent != null) {
                return extent;
            }
            SpillSegment segment =
                    SpillSegment.create(
                            memory,
                            options.spillDirectory(),
                            nextNumber(),
                            Math.max(options.segmentBytes(), size),
                            opener);
            lock.lock();
            try {
                segments.add(segment);
                segmentBytes += segment.sizeBytes();
                insert(new Extent(segment, 0, segment.sizeBytes()));
                extent = take(size);
            } finally {
                lock.unlock();
            }
            if (extent == null) {
                throw new AssertionError("a new " + segment + " does not hold " + size + " bytes");
            }
            return extent;
        } finally {
            growing.unlock();
        }
    }

    private long nextNumber() {
        lock.lock();
        try {
            return nextNumber++;
        } finally {
            lock.unlock();
        }
    }

    private @Nullable Extent take(long size) {
        lock.lock();
        try {
            Map.Entry<SizeKey, Extent> fit = bySize.ceilingEntry(new SizeKey(size, -1, -1));
            if (fit == null) {
                return null;
            }
            Extent hole = fit.getValue();
            remove(hole);
            SpillSegment segment = hole.segment();
            if (segment == spare) {
                spare = null;
            }
            Extent extent = new Extent(segment, hole.position(), size);
            if (hole.sizeBytes() > size) {
                insert(new Extent(segment, hole.position() + size, hole.sizeBytes() - size));
            }
            freeBackedBytes -= backedBytes(extent);
            segment.backed.set(page(hole.position()), page(hole.position() + size));
            usedBytes += size;
            return extent;
        } finally {
            lock.unlock();
        }
    }

    /** Gives an extent back. Its owner no longer reads it. */
    void free(Extent extent) {
        SpillSegment segment = extent.segment();
        Extent punch = null;
        SpillSegment dead;
        lock.lock();
        try {
            usedBytes -= extent.sizeBytes();
            freeBackedBytes += extent.sizeBytes();
            Extent hole = insert(extent);
            dead = retireIfDead(hole);
            if (dead == null && freeBackedBytes > options.freeBytesMax() && segment.punchable) {
                // nobody else knows it while its blocks go
                remove(hole);
                if (segment == spare) {
                    spare = null;
                }
                punch = hole;
            }
        } finally {
            lock.unlock();
        }
        if (punch != null) {
            dead = punch(punch);
        }
        if (dead != null) {
            dead.close();
        }
    }

    /** Gives the blocks of a hole back that is in no list, then lists it again. */
    private @Nullable SpillSegment punch(Extent hole) {
        SpillSegment segment = hole.segment();
        int from = page(hole.position());
        int to = page(hole.position() + hole.sizeBytes());
        BitSet backed;
        lock.lock();
        try {
            backed = segment.backed.get(from, to);
        } finally {
            lock.unlock();
        }
        boolean punched = true;
        for (int run = backed.nextSetBit(0); run >= 0 && punched; ) {
            int end = backed.nextClearBit(run);
            punched =
                    segment.punch(
                            (from + run) * Extent.PAGE_BYTES, (end - run) * Extent.PAGE_BYTES);
            run = backed.nextSetBit(end);
        }
        lock.lock();
        try {
            if (punched) {
                long bytes = backed.cardinality() * Extent.PAGE_BYTES;
                segment.backed.clear(from, to);
                freeBackedBytes -= bytes;
                punchedBytes += bytes;
            } else {
                segment.punchable = false;
            }
            return retireIfDead(insert(hole));
        } finally {
            lock.unlock();
        }
    }

    /** Takes a wholly free segment out if there is a spare; the caller closes it. */
    private @Nullable SpillSegment retireIfDead(Extent hole) {
        SpillSegment segment = hole.segment();
        if (hole.sizeBytes() != segment.sizeBytes()) {
            return null;
        }
        boolean usual = segment.sizeBytes() == options.segmentBytes();
        if (usual && (spare == null || spare == segment)) {
            spare = segment;
            return null;
        }
        remove(hole);
        freeBackedBytes -= backedBytes(hole);
        segments.remove(segment);
        segmentBytes -= segment.sizeBytes();
        return segment;
    }

    /** Lists a free extent, joined with its free neighbours; the answer is the joined one. */
    private Extent insert(Extent extent) {
        SpillSegment segment = extent.segment();
        long from = extent.position();
        long to = from + extent.sizeBytes();
        Map.Entry<Long, Extent> before = segment.free.lowerEntry(from);
        if (before != null && before.getKey() + before.getValue().sizeBytes() == from) {
            from = before.getKey();
            remove(before.getValue());
        }
        Extent after = segment.free.get(to);
        if (after != null) {
            to += after.sizeBytes();
            remove(after);
        }
        Extent joined = new Extent(segment, from, to - from);
        segment.free.put(from, joined);
        bySize.put(SizeKey.of(joined), joined);
        freeBytes += joined.sizeBytes();
        return joined;
    }

    private void remove(Extent hole) {
        hole.segment().free.remove(hole.position());
        bySize.remove(SizeKey.of(hole));
        freeBytes -= hole.sizeBytes();
    }

    private static long backedBytes(Extent extent) {
        BitSet backed = extent.segment().backed;
        int end = page(extent.position() + extent.sizeBytes());
        long pages = 0;
        for (int run = backed.nextSetBit(page(extent.position())); run >= 0 && run < end; ) {
            int runEnd = Math.min(end, backed.nextClearBit(run));
            pages += runEnd - run;
            run = backed.nextSetBit(runEnd);
        }
        return pages * Extent.PAGE_BYTES;
    }

    private static int page(long position) {
        return Math.toIntExact(position / Extent.PAGE_BYTES);
    }

    Usage usage() {
        lock.lock();
        try {
            return new Usage(
                    segments.size(),
                    segmentBytes,
                    usedBytes,
                    bySize.size(),
                    freeBytes,
                    freeBackedBytes,
                    punchedBytes);
        } finally {
            lock.unlock();
        }
    }

    /** Closes all files; no extent is in use any more. */
    @Override
    public void close() {
        List<SpillSegment> all;
        lock.lock();
        try {
            if (usedBytes != 0) {
                throw new IllegalStateException(
                        usedBytes + " bytes of spill files are in use; close their images first");
            }
            all = new ArrayList<>(segments);
            segments.clear();
            bySize.clear();
            spare = null;
            segmentBytes = 0;
            freeBytes = 0;
            freeBackedBytes = 0;
        } finally {
            lock.unlock();
        }
        all.forEach(SpillSegment::close);
    }
}
