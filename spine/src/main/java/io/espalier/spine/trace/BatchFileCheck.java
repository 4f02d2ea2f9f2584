package io.espalier.spine.trace;

import io.espalier.columnar.Column;
import io.espalier.columnar.ImageException;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Bytes;
import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.pager.DamagedPageException;
import io.espalier.pager.MappedFile;
import io.espalier.spine.PartRef;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What must hold of a batch file: its structure, checked when it is opened; each chunk, when it is
 * first read; and that all of it agrees, when the store is verified.
 *
 * <p>Nothing is read before its checksum holds but what says how much the checksum covers.
 */
final class BatchFileCheck {

    private BatchFileCheck() {}

    /** Refuses what the manifest says of a file if no file can be like that. */
    static void checkSize(BatchFile batch) {
        long size = batch.part().sizeBytes();
        if (size < BatchFileFormat.HEADER_BYTES + BatchFileFormat.FOOTER_BYTES) {
            throw batch.damaged(0, "the file has " + size + " bytes; that is no batch file");
        }
    }

    /**
     * Checks header, footer, fence index and the directory of the filters.
     *
     * @return the file, with its index
     * @throws StoreException.Damaged if they are not as they were written
     */
    static BatchFile.Opened checkStructure(BatchFile batch, MappedFile file) {
        int version = checkHeader(batch, file);
        MemorySegment segment = batch.pager().memory().segment();
        PartRef part = batch.part();
        long size = part.sizeBytes();
        long footerAt = size - BatchFileFormat.FOOTER_BYTES;
        long footer = file.offset() + footerAt;
        checkFooter(batch, file, footerAt, version);
        long indexAt = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_INDEX_AT);
        long indexSize = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_INDEX_SIZE_AT);
        long chunks = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_CHUNKS_AT);
        long updates = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_UPDATES_AT);
        long diffSum = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_DIFF_SUM_AT);
        long directoryAt = segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_DIRECTORY_AT);
        long directorySize =
                segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_DIRECTORY_SIZE_AT);
        if (segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_SIZE_AT) != size
                || updates != part.updateCount()
                || part.diffSum().orElse(diffSum) != diffSum
                || indexAt < BatchFileFormat.HEADER_BYTES
                || indexSize < 0
                || indexAt + indexSize
                        != (version == BatchFileFormat.VERSION_PLAIN ? footerAt : directoryAt)
                || directorySize < 0
                || (version == BatchFileFormat.VERSION_PLAIN
                        ? directoryAt != 0 || directorySize != 0
                        : directoryAt < indexAt || directoryAt + directorySize != footerAt)) {
            throw batch.damaged(footerAt, "the footer does not fit the file, or the manifest");
        }
        load(batch, file, indexAt, indexSize);
        TrieView index = new TrieView();
        try {
            TrieView.check(segment, file.offset() + indexAt, indexSize);
            index.bind(batch.pager().memory(), file.offset() + indexAt);
        } catch (ImageException e) {
            throw batch.damaged(indexAt, "the fence index: " + e.getMessage());
        }
        if (index.valCount() != chunks || !index.type().equals(TrieType.BYTES_TO_BYTES)) {
            throw batch.damaged(
                    indexAt,
                    "the fence index has " + index.valCount() + " chunks, expected " + chunks);
        }
        KeyFilters filters =
                version == BatchFileFormat.VERSION_PLAIN
                        ? null
                        : checkDirectory(batch, file, directoryAt, directorySize);
        checkPlaces(batch, segment, index, filters, indexAt);
        return new BatchFile.Opened(file, segment, index, filters);
    }

    private static KeyFilters checkDirectory(BatchFile batch, MappedFile file, long at, long size) {
        MemorySegment segment = batch.pager().memory().segment();
        long offset = file.offset() + at;
        if (size < FilterFormat.DIRECTORY_HEAD_BYTES) {
            throw batch.damaged(at, "the directory of the filters has " + size + " bytes");
        }
        load(batch, file, at, size);
        int found = segment.get(Layouts.INT, offset + FilterFormat.CHECKSUM_AT);
        int sum =
                Checksums.crc32c(
                        segment,
                        offset + FilterFormat.COVERED_FROM,
                        size - FilterFormat.COVERED_FROM);
        if (sum != found || segment.get(Layouts.LONG, offset) != FilterFormat.DIRECTORY_MAGIC) {
            throw batch.damaged(
                    at,
                    "the directory of the filters has CRC32C "
                            + hex(sum)
                            + ", expected "
                            + hex(found));
        }
        int count = segment.get(Layouts.INT, offset + FilterFormat.DIRECTORY_COUNT_AT);
        long expected = FilterFormat.DIRECTORY_HEAD_BYTES + (long) count * FilterFormat.ENTRY_BYTES;
        if (count < 1 || size != expected) {
            throw batch.damaged(
                    at, "the directory names " + count + " filters in " + size + " bytes");
        }
        return new KeyFilters(segment, file, offset, count);
    }

    private static int checkHeader(BatchFile batch, MappedFile file) {
        MemorySegment segment = batch.pager().memory().segment();
        long base = file.offset();
        load(batch, file, 0, BatchFileFormat.HEADER_BYTES);
        int sum =
                Checksums.crc32c(
                        segment,
                        base + BatchFileFormat.HEADER_VERSION_AT,
                        BatchFileFormat.HEADER_BYTES - BatchFileFormat.HEADER_VERSION_AT);
        int found = segment.get(Layouts.INT, base + BatchFileFormat.HEADER_CHECKSUM_AT);
        if (segment.get(Layouts.LONG, base) != BatchFileFormat.MAGIC || sum != found) {
            throw batch.damaged(
                    0,
                    "the header has CRC32C "
                            + hex(sum)
                            + ", expected "
                            + hex(found)
                            + "; the file is not a batch file, or its header is damaged");
        }
        int version = segment.get(Layouts.INT, base + BatchFileFormat.HEADER_VERSION_AT);
        if (version < BatchFileFormat.VERSION_PLAIN || version > BatchFileFormat.VERSION) {
            throw batch.damaged(
                    0,
                    "the file has format version "
                            + version
                            + ", expected one up to "
                            + BatchFileFormat.VERSION);
        }
        checkId(batch, segment.get(Layouts.LONG, base + BatchFileFormat.HEADER_ID_AT), 0);
        return version;
    }

    private static void checkFooter(
            BatchFile batch, MappedFile file, long footerAt, int headerVersion) {
        MemorySegment segment = batch.pager().memory().segment();
        long footer = file.offset() + footerAt;
        load(batch, file, footerAt, BatchFileFormat.FOOTER_BYTES);
        int found = segment.get(Layouts.INT, footer + BatchFileFormat.FOOTER_CHECKSUM_AT);
        int sum =
                Checksums.crc32c(
                        segment,
                        footer + BatchFileFormat.FOOTER_VERSION_AT,
                        BatchFileFormat.FOOTER_BYTES - BatchFileFormat.FOOTER_VERSION_AT);
        if (segment.get(Layouts.LONG, footer) != BatchFileFormat.FOOTER_MAGIC || sum != found) {
            throw batch.damaged(
                    footerAt, "the footer has CRC32C " + hex(sum) + ", expected " + hex(found));
        }
        int version = segment.get(Layouts.INT, footer + BatchFileFormat.FOOTER_VERSION_AT);
        if (version != headerVersion) {
            throw batch.damaged(
                    footerAt,
                    "the footer has format version "
                            + version
                            + ", expected that of the header, "
                            + headerVersion);
        }
        checkId(batch, segment.get(Layouts.LONG, footer + BatchFileFormat.FOOTER_ID_AT), footerAt);
    }

    private static void checkId(BatchFile batch, long id, long at) {
        if (id != batch.part().fileId()) {
            throw batch.damaged(
                    at, "the file says it is batch " + id + ", expected " + batch.part().fileId());
        }
    }

    /** Checks that the chunks, and the filters between, tile the file from header to index. */
    private static void checkPlaces(
            BatchFile batch,
            MemorySegment segment,
            TrieView index,
            @Nullable KeyFilters filters,
            long indexAt) {
        int section = 0;
        long next = BatchFileFormat.HEADER_BYTES;
        for (long chunk = 0; chunk < index.valCount(); chunk++) {
            if (index.vals().sizeOf(chunk) != BatchFileFormat.ENTRY_BYTES) {
                throw batch.damaged(
                        indexAt,
                        "the entry of chunk "
                                + chunk
                                + " has "
                                + index.vals().sizeOf(chunk)
                                + " bytes, expected "
                                + BatchFileFormat.ENTRY_BYTES);
            }
            long entry = index.vals().offsetOf(chunk);
            long offset =
                    Long.reverseBytes(
                            segment.get(Layouts.LONG, entry + BatchFileFormat.ENTRY_OFFSET_AT));
            long bytes = segment.get(Layouts.LONG, entry + BatchFileFormat.ENTRY_SIZE_AT);
            if (offset != next || bytes < 1 || bytes > indexAt - offset) {
                throw batch.damaged(
                        indexAt,
                        "the fence index places chunk "
                                + chunk
                                + " at "
                                + offset
                                + " with "
                                + bytes
                                + " bytes, expected "
                                + next);
            }
            next = offset + bytes;
            if (filters != null
                    && section < filters.count()
                    && filters.chunkEnd(section) == chunk + 1) {
                next = checkSection(batch, filters, section++, next, indexAt);
            }
        }
        if (filters != null
                && (section < filters.count()
                        || filters.chunkEnd(section - 1) != index.valCount())) {
            throw batch.damaged(
                    indexAt,
                    "the directory names "
                            + filters.count()
                            + " filters, of which "
                            + section
                            + " are in their places");
        }
        if (next != indexAt) {
            throw batch.damaged(indexAt, "the chunks end at " + next + ", expected " + indexAt);
        }
    }

    /** Checks that a filter is where it belongs; where it ends. */
    private static long checkSection(
            BatchFile batch, KeyFilters filters, int section, long expected, long indexAt) {
        long at = filters.at(section);
        long size = filters.sizeBytes(section);
        if (at != expected || size < FilterFormat.sizeBytesMin(at) || size > indexAt - at) {
            throw batch.damaged(
                    indexAt,
                    "the directory places a filter at "
                            + at
                            + " with "
                            + size
                            + " bytes, expected "
                            + expected);
        }
        return at + size;
    }

    /** Checks that a chunk is a whole image, of the type of the file. */
    static void checkChunk(BatchFile batch, BatchFile.Opened opened, long at, long size) {
        load(batch, opened.file, at, size);
        try {
            TrieView.check(opened.segment, opened.offset + at, size);
            TrieType type = new TrieView().bind(batch.pager().memory(), opened.offset + at).type();
            if (!type.equals(batch.type())) {
                throw batch.damaged(at, "the chunk holds " + type + ", expected " + batch.type());
            }
        } catch (ImageException e) {
            throw batch.damaged(at, e.getMessage() + "; the chunk's " + size + " bytes are lost");
        }
    }

    static void load(BatchFile batch, MappedFile file, long from, long size) {
        try {
            file.load(from, size);
        } catch (DamagedPageException e) {
            throw batch.damaged(from, String.valueOf(e.getMessage()));
        }
    }

    static String hex(int checksum) {
        return "0x" + Integer.toHexString(checksum);
    }

    // ---- verifying ----------------------------------------------------------------------------

    /**
     * Reads a whole file and checks everything: each chunk, and that chunks, index, footer and
     * manifest agree. Tells of each damaged chunk, or of the first problem of the structure.
     *
     * @return whether there was none
     */
    static boolean verify(BatchFile batch, Consumer<Damage> problems) {
        boolean[] whole = {true};
        verifyFile(
                batch,
                damage -> {
                    whole[0] = false;
                    problems.accept(damage);
                });
        return whole[0];
    }

    /** Checks that no key of a file is above one of the file that follows in its run. */
    static void verifyOrder(List<BatchFile> run, Consumer<Damage> problems) {
        for (int i = 1; i < run.size(); i++) {
            BatchFile file = run.get(i);
            if (!run.get(i - 1).isBelow(file)) {
                problems.accept(
                        file.damaged(
                                        BatchFileFormat.HEADER_BYTES,
                                        "the file does not start above "
                                                + run.get(i - 1).fileName()
                                                + ", which is before it in its run")
                                .damage());
            }
        }
    }

    private static void verifyFile(BatchFile batch, Consumer<Damage> problems) {
        try {
            long expected = batch.part().sizeBytes();
            long bytes = batch.bytesOnDisk();
            if (bytes != expected) {
                throw batch.damaged(
                        Math.min(bytes, expected),
                        "the file has " + bytes + " bytes, expected " + expected);
            }
            verifyChunks(batch, batch.opened(), problems);
        } catch (StoreException.Damaged e) {
            problems.accept(e.damage());
        }
    }

    private static void verifyChunks(
            BatchFile batch, BatchFile.Opened opened, Consumer<Damage> problems) {
        TrieView view = new TrieView();
        TrieView previous = new TrieView();
        boolean hasPrevious = false;
        boolean whole = true;
        long updates = 0;
        long diffSum = 0;
        for (long chunk = 0; chunk < opened.index.valCount(); chunk++) {
            long at = opened.chunkOffset(chunk);
            try {
                checkChunk(batch, opened, at, opened.chunkSize(chunk));
                view.bind(batch.pager().memory(), opened.offset + at);
                verifyChunk(batch, opened, chunk, view, hasPrevious ? previous : null);
                updates += view.updateCount();
                diffSum += view.diffSum();
                if (hasPrevious) {
                    batch.passed(chunk - 1);
                }
                previous.bind(batch.pager().memory(), opened.offset + at);
                hasPrevious = true;
            } catch (StoreException.Damaged e) {
                problems.accept(e.damage());
                hasPrevious = false;
                whole = false;
            }
        }
        opened.file.drop(0, batch.part().sizeBytes());
        long footerAt = batch.part().sizeBytes() - BatchFileFormat.FOOTER_BYTES;
        if (whole && updates != batch.part().updateCount()) {
            throw batch.damaged(
                    footerAt,
                    "the chunks hold "
                            + updates
                            + " updates, expected "
                            + batch.part().updateCount());
        }
        if (whole && diffSum != batch.part().diffSum().orElse(diffSum)) {
            throw batch.damaged(
                    footerAt,
                    "the diffs of the chunks sum to "
                            + diffSum
                            + ", expected "
                            + batch.part().diffSum().getAsLong());
        }
    }

    private static void verifyChunk(
            BatchFile batch,
            BatchFile.Opened opened,
            long chunk,
            TrieView view,
            @Nullable TrieView before) {
        long at = opened.chunkOffset(chunk);
        String disorder = view.firstDisorder();
        if (disorder != null) {
            throw batch.damaged(at, disorder);
        }
        if (before != null && !before.endsBelow(view)) {
            throw batch.damaged(at, "the chunk does not start above the one before");
        }
        long fence = opened.index.keyOfVal(chunk);
        if (Column.compare(opened.index.keys(), fence, view.keys(), view.keyCount() - 1) != 0) {
            throw batch.damaged(at, "the chunk's last key is not that of the fence index");
        }
        checkFilter(batch, opened, chunk, view);
        if (entry(opened, chunk, BatchFileFormat.ENTRY_UPDATES_AT) != view.updateCount()
                || entry(opened, chunk, BatchFileFormat.ENTRY_TIME_MIN_AT) != view.timeMin()
                || entry(opened, chunk, BatchFileFormat.ENTRY_TIME_MAX_AT) != view.timeMax()) {
            throw batch.damaged(
                    at, "the chunk's updates or times are not those of the fence index");
        }
    }

    /** Checks that no key is there which a filter denies. */
    private static void checkFilter(
            BatchFile batch, BatchFile.Opened opened, long chunk, TrieView view) {
        KeyFilters filters = opened.filters;
        if (filters == null) {
            return;
        }
        int section = filters.sectionOf(chunk);
        filters.check(batch, section);
        Column keys = view.keys();
        for (long key = 0; key < view.keyCount(); key++) {
            long hash = Bytes.hash(keys.segment(), keys.offsetOf(key), keys.sizeOf(key));
            if (!filters.mayHold(section, hash)) {
                throw batch.damaged(
                        filters.at(section), "the filter denies key " + key + " of chunk " + chunk);
            }
        }
    }

    private static long entry(BatchFile.Opened opened, long chunk, int field) {
        return opened.segment.get(Layouts.LONG, opened.entry(chunk, field));
    }
}
