package io.espalier.spine.trace;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.pager.MappedFile;
import io.espalier.pager.Pager;
import io.espalier.spine.Frontier;
import io.espalier.spine.PartRef;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * A durable batch file as a run: mapped when it is first read, its chunks read in place. Each chunk
 * is checked when it is first opened; header, index and footer when the file is.
 *
 * <p>Counted: the trace holds it while its spine lists it, each snapshot while it is open, and each
 * pin until it is closed. The last one closes the mapping, and deletes the file if the trace let it
 * go for good. Whoever reads without a hold is told that the file is closed, whatever happens
 * meanwhile. Thread-safe.
 */
final class BatchFile implements StoredRun {

    /** The blocks in which a mapped file is dropped from memory. */
    private static final long DROP_BYTES = 1 << 16;

    private final BatchFolder folder;
    private final Pager pager;
    private final PartRef part;
    private final String fileName;
    private final AtomicInteger holders = new AtomicInteger(1);
    private volatile boolean obsolete;

    private volatile @Nullable Opened opened;

    BatchFile(BatchFolder folder, Pager pager, PartRef part) {
        this.folder = folder;
        this.pager = pager;
        this.part = part;
        this.fileName = Names.batch(part.fileId());
    }

    /** The file once it is mapped and its own structure is checked. */
    static final class Opened {
        final MappedFile file;
        final MemorySegment segment;
        final long offset;
        final TrieView index;

        /** Null if the file has none. */
        final @Nullable KeyFilters filters;

        private final AtomicLongArray checked;

        Opened(
                MappedFile file,
                MemorySegment segment,
                TrieView index,
                @Nullable KeyFilters filters) {
            this.file = file;
            this.segment = segment;
            this.offset = file.offset();
            this.index = index;
            this.filters = filters;
            this.checked = new AtomicLongArray(Math.toIntExact((index.valCount() + 63) >>> 6));
        }

        long entry(long chunk, int field) {
            return index.vals().offsetOf(chunk) + field;
        }

        long chunkOffset(long chunk) {
            return Long.reverseBytes(
                    segment.get(Layouts.LONG, entry(chunk, BatchFileFormat.ENTRY_OFFSET_AT)));
        }

        long chunkSize(long chunk) {
            return segment.get(Layouts.LONG, entry(chunk, BatchFileFormat.ENTRY_SIZE_AT));
        }

        private boolean isChecked(long chunk) {
            return (checked.get((int) (chunk >>> 6)) & 1L << chunk) != 0;
        }

        private void markChecked(long chunk) {
            checked.getAndUpdate((int) (chunk >>> 6), bits -> bits | 1L << chunk);
        }
    }

    PartRef part() {
        return part;
    }

    Pager pager() {
        return pager;
    }

    String fileName() {
        return fileName;
    }

    // ---- who holds it -------------------------------------------------------------------------

    /** Takes a hold. */
    void retain() {
        if (holders.getAndUpdate(n -> n == 0 ? 0 : n + 1) == 0) {
            throw closed();
        }
    }

    /** Lets a hold go; {@code forGood} says that the trace no longer lists the file. */
    void release(boolean forGood) {
        if (forGood) {
            obsolete = true;
        }
        if (holders.decrementAndGet() == 0) {
            synchronized (this) {
                Opened current = opened;
                if (current != null) {
                    // in this order: whoever still sees it afterwards has read the file's bytes
                    opened = null;
                    VarHandle.fullFence();
                    current.file.close();
                }
            }
            if (obsolete) {
                folder.retire(part.fileId());
            }
        }
    }

    /** Lets a hold on each file go, whatever letting go of one of them throws. */
    static void releaseAll(Collection<BatchFile> files, boolean forGood) {
        RuntimeException exception = null;
        Error error = null;
        for (BatchFile file : files) {
            try {
                file.release(forGood);
            } catch (RuntimeException e) {
                exception = e;
            } catch (Error e) {
                error = e;
            }
        }
        if (error != null) {
            throw error;
        }
        if (exception != null) {
            throw exception;
        }
    }

    private IllegalStateException closed() {
        return new IllegalStateException(
                folder.disk().describe(fileName()) + " is closed; nobody holds it any more");
    }

    // ---- opening ------------------------------------------------------------------------------

    /**
     * The file, mapped.
     *
     * @throws IllegalStateException if nobody holds it, or the store was closed
     */
    Opened opened() {
        folder.checkOpen();
        Opened current = opened;
        return current != null ? current : open();
    }

    private synchronized Opened open() {
        Opened current = opened;
        if (current != null) {
            return current;
        }
        if (holders.get() == 0) {
            throw closed();
        }
        BatchFileCheck.checkSize(this);
        Path path = Path.of(folder.disk().describe(fileName()));
        MappedFile file = map(path);
        boolean done = false;
        try {
            Opened made = BatchFileCheck.checkStructure(this, file);
            opened = made;
            done = true;
            return made;
        } finally {
            if (!done) {
                file.close();
            }
        }
    }

    private MappedFile map(Path path) {
        Lease lease = folder.map(pager.memory(), part.fileId(), part.sizeBytes());
        boolean done = false;
        try {
            MappedFile file = pager.map(path, lease);
            done = true;
            return file;
        } finally {
            if (!done) {
                lease.close();
            }
        }
    }

    StoreException.Damaged damaged(long offset, String what) {
        return new StoreException.Damaged(
                new Damage(folder.disk().describe(fileName()), offset, what));
    }

    /** How many bytes the file has now, which may differ from what the manifest says. */
    long bytesOnDisk() {
        return folder.sizeBytes(part.fileId());
    }

    // ---- reading ------------------------------------------------------------------------------

    @Override
    public TrieType type() {
        return TrieType.BYTES_TO_BYTES;
    }

    @Override
    public long chunkCount() {
        return opened().index.valCount();
    }

    @Override
    public long updateCount() {
        return part.updateCount();
    }

    @Override
    public long sizeBytes() {
        return part.sizeBytes();
    }

    @Override
    public long seek(Column probes, long probe, long from) {
        Opened current = opened();
        TrieView index = current.index;
        if (from >= index.valCount()) {
            return from;
        }
        long found;
        try {
            Column keys = index.keys();
            long key = keys.gallop(index.keyOfVal(from), index.keyCount(), probes, probe);
            found =
                    key == index.keyCount()
                            ? index.valCount()
                            : Math.max(from, index.valsFrom(key));
        } catch (IndexOutOfBoundsException e) {
            throw opened == current ? e : closed();
        }
        // without a hold the bytes may have become another's on the way: the answer is void then
        VarHandle.acquireFence();
        if (opened != current) {
            throw closed();
        }
        return found;
    }

    /** Whether all keys are below a probe. */
    boolean endsBelow(Column probes, long probe) {
        long last = chunkCount() - 1;
        return seek(probes, probe, last) > last;
    }

    /** Whether all its keys are below all of another file; opens a chunk of that one. */
    boolean isBelow(BatchFile other) {
        TrieView first = new TrieView();
        try (ChunkPin pin = other.open(0, first)) {
            return endsBelow(first.keys(), 0);
        }
    }

    /** The last key. */
    byte[] lastKey() {
        Column keys = lastKeys();
        return bytes(keys, keys.count() - 1);
    }

    /** The first key; opens a chunk. */
    byte[] firstKey() {
        TrieView first = new TrieView();
        try (ChunkPin pin = open(0, first)) {
            return bytes(first.keys(), 0);
        }
    }

    private static byte[] bytes(Column column, long index) {
        byte[] bytes = new byte[Math.toIntExact(column.sizeOf(index))];
        MemorySegment.copy(
                column.segment(), Layouts.BYTE, column.offsetOf(index), bytes, 0, bytes.length);
        return bytes;
    }

    /**
     * Whether raising times to {@code since} makes no two updates one: none is raised, or all have
     * the same time, and each (key, val) is there once already. Told without opening a chunk.
     */
    boolean isSettled(Frontier since) {
        Opened current = opened();
        long footer = current.offset + part.sizeBytes() - BatchFileFormat.FOOTER_BYTES;
        long min = current.segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_TIME_MIN_AT);
        long max = current.segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_TIME_MAX_AT);
        return min == max || since.isEmpty() || Long.compareUnsigned(min, since.epoch()) >= 0;
    }

    /** Where the probes end, of some from one on, that are not above all keys. */
    int endOf(Column probes, int[] some, int from, int count) {
        int low = from;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (endsBelow(probes, some[middle])) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** The last key of each chunk, equal ones once: the last is that of the file. */
    @Override
    public Column lastKeys() {
        return opened().index.keys();
    }

    @Override
    public boolean hasFilter() {
        return opened().filters != null;
    }

    @Override
    public int sift(Column probes, long[] hashes, int[] some, int count, int[] kept) {
        return sift(probes, hashes, some, 0, count, kept, 0);
    }

    /**
     * The same for the probes {@code [from, to)} of some, none of them above the last key if others
     * follow.
     *
     * @param end how many are kept so far
     * @return how many are kept then
     */
    int sift(Column probes, long[] hashes, int[] some, int from, int to, int[] kept, int end) {
        Opened current = opened();
        KeyFilters filters = current.filters;
        if (filters == null) {
            System.arraycopy(some, from, kept, end, to - from);
            return end + to - from;
        }
        int left;
        try {
            left = filters.sift(this, current.index, probes, hashes, some, from, to, kept, end);
        } catch (IndexOutOfBoundsException e) {
            throw opened == current ? e : closed();
        }
        // as above
        VarHandle.acquireFence();
        if (opened != current) {
            throw closed();
        }
        return left;
    }

    @Override
    public ChunkPin open(long chunk, TrieView view) {
        retain();
        boolean done = false;
        try {
            Opened current = opened();
            if (chunk < 0 || chunk >= current.index.valCount()) {
                throw new IndexOutOfBoundsException(
                        "chunk " + chunk + " of " + current.index.valCount());
            }
            long at = current.chunkOffset(chunk);
            long size = current.chunkSize(chunk);
            if (!current.isChecked(chunk)) {
                BatchFileCheck.checkChunk(this, current, at, size);
                current.markChecked(chunk);
            }
            view.bind(pager.memory(), current.offset + at);
            ChunkPin pin = new Opening(this, current, at, size, view, view.binding());
            done = true;
            return pin;
        } finally {
            if (!done) {
                release(false);
            }
        }
    }

    /** A hold on the file, and the binding of a view, that end together. */
    private static final class Opening implements ChunkPin {
        private final BatchFile file;
        private final Opened opened;
        private final long at;
        private final long size;
        private final TrieView view;
        private final long binding;
        private boolean open = true;

        Opening(BatchFile file, Opened opened, long at, long size, TrieView view, long binding) {
            this.file = file;
            this.opened = opened;
            this.at = at;
            this.size = size;
            this.view = view;
            this.binding = binding;
        }

        @Override
        public void close() {
            if (!open) {
                throw new IllegalStateException(
                        "a pin of " + file.fileName() + " is closed a second time");
            }
            open = false;
            view.unbind(binding);
            try {
                opened.file.touched(at, size);
            } finally {
                file.release(false);
            }
        }
    }

    /**
     * Drops what lies behind a merge from memory: all but the block in which the next chunk starts.
     */
    @Override
    public void passed(long chunk) {
        Opened current = opened();
        long at = current.chunkOffset(chunk);
        long end = at + current.chunkSize(chunk);
        boolean last = chunk == current.index.valCount() - 1;
        long from = at & -DROP_BYTES;
        long to = last ? end : end & -DROP_BYTES;
        if (from < to) {
            current.file.drop(from, to - from);
        }
    }
}
