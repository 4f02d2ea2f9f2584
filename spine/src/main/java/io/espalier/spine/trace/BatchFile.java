package io.espalier.spine.trace;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.ImageException;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.pager.DamagedPageException;
import io.espalier.pager.MappedFile;
import io.espalier.pager.Pager;
import io.espalier.spine.PartRef;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A durable batch file as a run: mapped when it is first read, its chunks read in place. Each chunk
 * is checked when it is first opened, header, index and footer when the file is.
 *
 * <p>Counted: the trace holds it while its spine lists it, each snapshot while it is open; the last
 * one closes the mapping, and deletes the file if the trace let it go for good. Thread-safe.
 */
final class BatchFile implements Run {

    private final StoreDirectory directory;
    private final Pager pager;
    private final PartRef part;
    private final AtomicInteger holders = new AtomicInteger(1);
    private volatile boolean obsolete;

    private volatile @Nullable Opened opened;

    BatchFile(StoreDirectory directory, Pager pager, PartRef part) {
        this.directory = directory;
        this.pager = pager;
        this.part = part;
    }

    /** The file once it is mapped and its own structure is checked. */
    private static final class Opened {
        final MappedFile file;
        final MemorySegment segment;
        final long offset;
        final TrieView index;
        final AtomicLongArray checked;

        Opened(MappedFile file, MemorySegment segment, TrieView index) {
            this.file = file;
            this.segment = segment;
            this.offset = file.offset();
            this.index = index;
            this.checked = new AtomicLongArray((int) ((index.valCount() + 63) >>> 6));
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
    }

    PartRef part() {
        return part;
    }

    String fileName() {
        return Names.batch(part.fileId());
    }

    // ---- who holds it -------------------------------------------------------------------------

    void retain() {
        int before = holders.getAndUpdate(n -> n == 0 ? 0 : n + 1);
        if (before == 0) {
            throw new IllegalStateException(fileName() + " is closed");
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
                    current.file.close();
                    opened = null;
                }
            }
            if (obsolete) {
                directory.deleteBatchFile(part.fileId());
            }
        }
    }

    // ---- reading ------------------------------------------------------------------------------

    private Opened opened() {
        Opened current = opened;
        return current != null ? current : open();
    }

    private synchronized Opened open() {
        Opened current = opened;
        if (current != null) {
            return current;
        }
        if (holders.get() == 0) {
            throw new IllegalStateException(fileName() + " is closed");
        }
        long bytes = part.sizeBytes();
        Path path = Path.of(directory.disk().describe(fileName()));
        Lease lease = directory.mapBatchFile(pager.memory(), part.fileId(), bytes);
        MappedFile file = pager.map(path, lease);
        boolean done = false;
        try {
            Opened made = new Opened(file, pager.memory().segment(), checkStructure(file));
            opened = made;
            done = true;
            return made;
        } finally {
            if (!done) {
                file.close();
            }
        }
    }

    /** Checks header, footer and fence index; returns the index. */
    private TrieView checkStructure(MappedFile file) {
        MemorySegment segment = pager.memory().segment();
        long base = file.offset();
        long size = part.sizeBytes();
        if (size < BatchFileFormat.HEADER_BYTES + BatchFileFormat.FOOTER_BYTES) {
            throw damaged(0, "the file has " + size + " bytes; that is no batch file");
        }
        load(file, 0, BatchFileFormat.HEADER_BYTES);
        int headerSum =
                Checksums.crc32c(
                        segment,
                        base + BatchFileFormat.HEADER_VERSION_AT,
                        BatchFileFormat.HEADER_BYTES - BatchFileFormat.HEADER_VERSION_AT);
        int headerFound = segment.get(Layouts.INT, base + BatchFileFormat.HEADER_CHECKSUM_AT);
        if (segment.get(Layouts.LONG, base) != BatchFileFormat.MAGIC || headerSum != headerFound) {
            throw damaged(
                    0,
                    "the header has CRC32C "
                            + hex(headerSum)
                            + ", expected "
                            + hex(headerFound)
                            + "; the file is not a batch file, or its header is damaged");
        }
        checkId(segment, base + BatchFileFormat.HEADER_ID_AT, 0);
        long footerAt = size - BatchFileFormat.FOOTER_BYTES;
        long footer = base + footerAt;
        load(file, footerAt, BatchFileFormat.FOOTER_BYTES);
        int found = segment.get(Layouts.INT, footer + BatchFileFormat.FOOTER_CHECKSUM_AT);
        int sum =
                Checksums.crc32c(
                        segment,
                        footer + BatchFileFormat.FOOTER_VERSION_AT,
                        BatchFileFormat.FOOTER_BYTES - BatchFileFormat.FOOTER_VERSION_AT);
        if (segment.get(Layouts.LONG, footer) != BatchFileFormat.FOOTER_MAGIC || sum != found) {
            throw damaged(
                    footerAt, "the footer has CRC32C " + hex(sum) + ", expected " + hex(found));
        }
        checkId(segment, footer + BatchFileFormat.FOOTER_ID_AT, footerAt);
        long indexAt = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_INDEX_AT);
        long indexSize = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_INDEX_SIZE_AT);
        long chunks = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_CHUNKS_AT);
        long updates = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_UPDATES_AT);
        if (segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_SIZE_AT) != size
                || updates != part.updateCount()
                || indexAt < BatchFileFormat.HEADER_BYTES
                || indexSize < 0
                || indexAt + indexSize != footerAt) {
            throw damaged(footerAt, "the footer does not fit the file, or the manifest");
        }
        load(file, indexAt, indexSize);
        TrieView index = new TrieView();
        try {
            TrieView.check(segment, base + indexAt, indexSize);
            index.bind(pager.memory(), base + indexAt);
        } catch (ImageException e) {
            throw damaged(indexAt, "the fence index: " + e.getMessage());
        }
        if (index.valCount() != chunks || !index.type().equals(TrieType.BYTES_TO_BYTES)) {
            throw damaged(
                    indexAt,
                    "the fence index has " + index.valCount() + " chunks, expected " + chunks);
        }
        long next = BatchFileFormat.HEADER_BYTES;
        for (long chunk = 0; chunk < chunks; chunk++) {
            long entry = index.vals().offsetOf(chunk);
            long offset = Long.reverseBytes(segment.get(Layouts.LONG, entry));
            long bytes = segment.get(Layouts.LONG, entry + BatchFileFormat.ENTRY_SIZE_AT);
            if (index.vals().sizeOf(chunk) != BatchFileFormat.ENTRY_BYTES
                    || offset != next
                    || bytes < 1
                    || bytes > indexAt - offset) {
                throw damaged(indexAt, "the fence index places chunk " + chunk + " at " + offset);
            }
            next = offset + bytes;
        }
        if (next != indexAt) {
            throw damaged(indexAt, "the chunks end at " + next + ", expected " + indexAt);
        }
        return index;
    }

    private void checkId(MemorySegment segment, long at, long fileOffset) {
        long id = segment.get(Layouts.LONG, at);
        if (id != part.fileId()) {
            throw damaged(
                    fileOffset, "the file says it is batch " + id + ", expected " + part.fileId());
        }
    }

    private void load(MappedFile file, long from, long size) {
        try {
            file.load(from, size);
        } catch (DamagedPageException e) {
            throw damaged(from, String.valueOf(e.getMessage()));
        }
    }

    private StoreException.Damaged damaged(long offset, String what) {
        return new StoreException.Damaged(
                new Damage(directory.disk().describe(fileName()), offset, what));
    }

    private static String hex(int checksum) {
        return "0x" + Integer.toHexString(checksum);
    }

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
        TrieView index = opened().index;
        if (from >= index.valCount()) {
            return from;
        }
        long key = index.keys().gallop(index.keyOfVal(from), index.keyCount(), probes, probe);
        return key == index.keyCount() ? index.valCount() : Math.max(from, index.valsFrom(key));
    }

    @Override
    public ChunkPin open(long chunk, TrieView view) {
        Opened current = opened();
        long at = current.chunkOffset(chunk);
        long size = current.chunkSize(chunk);
        int word = (int) (chunk >>> 6);
        long bit = 1L << chunk;
        if ((current.checked.get(word) & bit) == 0) {
            check(current, at, size);
            current.checked.getAndUpdate(word, bits -> bits | bit);
        }
        view.bind(pager.memory(), current.offset + at);
        return () -> current.file.touched(at, size);
    }

    private void check(Opened current, long at, long size) {
        load(current.file, at, size);
        try {
            TrieView.check(current.segment, current.offset + at, size);
        } catch (ImageException e) {
            throw damaged(at, e.getMessage() + "; the chunk's " + size + " bytes are lost");
        }
    }

    /**
     * Reads everything and checks everything: each chunk, and that chunks, index and footer agree.
     *
     * @throws StoreException.Damaged at the first problem of the structure
     */
    void verify(Consumer<Damage> problems) {
        Opened current;
        try {
            current = opened();
        } catch (StoreException.Damaged e) {
            problems.accept(e.damage());
            return;
        }
        TrieView view = new TrieView();
        TrieView previous = new TrieView();
        boolean hasPrevious = false;
        long updates = 0;
        for (long chunk = 0; chunk < current.index.valCount(); chunk++) {
            long at = current.chunkOffset(chunk);
            long size = current.chunkSize(chunk);
            try {
                check(current, at, size);
                view.bind(pager.memory(), current.offset + at);
                verifyChunk(current, chunk, view, hasPrevious ? previous : null);
                updates += view.updateCount();
                if (hasPrevious) {
                    current.file.drop(previous.offset() - current.offset, previous.sizeBytes());
                }
                previous.bind(pager.memory(), current.offset + at);
                hasPrevious = true;
            } catch (StoreException.Damaged e) {
                problems.accept(e.damage());
                hasPrevious = false;
                updates = -1L << 62;
            }
        }
        if (updates >= 0 && updates != part.updateCount()) {
            problems.accept(
                    damaged(
                                    part.sizeBytes() - BatchFileFormat.FOOTER_BYTES,
                                    "the chunks hold "
                                            + updates
                                            + " updates, expected "
                                            + part.updateCount())
                            .damage());
        }
        current.file.drop(0, part.sizeBytes());
    }

    private void verifyChunk(Opened current, long chunk, TrieView view, @Nullable TrieView before) {
        long at = current.chunkOffset(chunk);
        if (!view.type().equals(type())) {
            throw damaged(at, "the chunk holds " + view.type() + ", expected " + type());
        }
        String disorder = view.firstDisorder();
        if (disorder != null) {
            throw damaged(at, disorder);
        }
        if (before != null && !before.endsBelow(view)) {
            throw damaged(at, "the chunk does not start above the one before");
        }
        Column fences = current.index.keys();
        long fence = current.index.keyOfVal(chunk);
        if (Column.compare(fences, fence, view.keys(), view.keyCount() - 1) != 0) {
            throw damaged(at, "the chunk's last key is not that of the fence index");
        }
    }
}
