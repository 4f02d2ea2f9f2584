package io.espalier.spine.trace;

import io.espalier.columnar.Column;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.pager.MappedFile;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * The filters of a mapped batch file, read in place: where they are, from its directory, checked
 * when the file is opened; each section checked when it is first asked. Thread-safe.
 */
final class KeyFilters {

    private final MemorySegment segment;
    private final MappedFile file;
    private final long base;
    private final long[] at;
    private final long[] sizeBytes;
    private final long[] chunkEnd;
    private final AtomicIntegerArray checked;

    /**
     * Reads a directory whose checksum holds.
     *
     * @param offset of the directory, in the segment
     */
    KeyFilters(MemorySegment segment, MappedFile file, long offset, int count) {
        this.segment = segment;
        this.file = file;
        this.base = file.offset();
        this.at = new long[count];
        this.sizeBytes = new long[count];
        this.chunkEnd = new long[count];
        this.checked = new AtomicIntegerArray(count);
        for (int i = 0; i < count; i++) {
            long entry =
                    offset
                            + FilterFormat.DIRECTORY_HEAD_BYTES
                            + (long) i * FilterFormat.ENTRY_BYTES;
            at[i] = segment.get(Layouts.LONG, entry);
            sizeBytes[i] = segment.get(Layouts.LONG, entry + FilterFormat.ENTRY_SIZE_AT);
            chunkEnd[i] = segment.get(Layouts.LONG, entry + FilterFormat.ENTRY_CHUNKS_AT);
        }
    }

    int count() {
        return at.length;
    }

    /** Where a section starts in the file. */
    long at(int section) {
        return at[section];
    }

    long sizeBytes(int section) {
        return sizeBytes[section];
    }

    /** How many chunks of the file are before a section. */
    long chunkEnd(int section) {
        return chunkEnd[section];
    }

    /** The section that knows the keys of a chunk. */
    int sectionOf(long chunk) {
        int section = 0;
        while (chunkEnd[section] <= chunk) {
            section++;
        }
        return section;
    }

    private long blocks(int section) {
        return base + at[section] + FilterFormat.headBytes(at[section]);
    }

    private long blockCount(int section) {
        return segment.get(Layouts.LONG, base + at[section] + FilterFormat.BLOCKS_AT);
    }

    /**
     * Leaves of the probes {@code [first, count)} of some, ascending, those that the file may have.
     *
     * @param kept where they go, behind the {@code keptCount} that are there
     * @return how many are there then
     * @see io.espalier.columnar.Run#sift
     */
    int sift(
            BatchFile batch,
            TrieView index,
            Column probes,
            long[] hashes,
            int[] some,
            int first,
            int count,
            int[] kept,
            int keptCount) {
        int from = first;
        int end = keptCount;
        for (int section = 0; section < at.length && from < count; section++) {
            int to =
                    section == at.length - 1
                            ? count
                            : endOf(section, index, probes, some, from, count);
            if (to > from) {
                check(batch, section);
                long blocks = blocks(section);
                long blockCount = blockCount(section);
                end =
                        KeyFilter.sift(
                                segment, blocks, blockCount, hashes, some, from, to, kept, end);
                touch(section, blocks, blockCount, hashes, some, from, to);
            }
            from = to;
        }
        return end;
    }

    /** Where the probes end that are not above the last key of a section. */
    private int endOf(int section, TrieView index, Column probes, int[] some, int from, int count) {
        Column keys = index.keys();
        long last = index.keyOfVal(chunkEnd[section] - 1);
        int low = from;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Column.compare(probes, some[middle], keys, last) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Few probes look at few lines of a filter, many at all of it. */
    private void touch(
            int section,
            long blocks,
            long blockCount,
            long[] hashes,
            int[] some,
            int from,
            int to) {
        if (to - from == 1) {
            long line = KeyFilter.lookedAt(blocks, blockCount, hashes[some[from]]);
            file.touched(line - base, KeyFilter.BLOCK_BYTES);
        } else {
            file.touched(at[section], sizeBytes[section]);
        }
    }

    /**
     * Checks a section if that was not done before.
     *
     * @throws StoreException.Damaged if it is not as it was written
     */
    void check(BatchFile batch, int section) {
        if (checked.get(section) != 0) {
            return;
        }
        long start = base + at[section];
        BatchFileCheck.load(batch, file, at[section], sizeBytes[section]);
        int found = segment.get(Layouts.INT, start + FilterFormat.CHECKSUM_AT);
        int sum =
                Checksums.crc32c(
                        segment,
                        start + FilterFormat.COVERED_FROM,
                        sizeBytes[section] - FilterFormat.COVERED_FROM);
        if (sum != found || segment.get(Layouts.LONG, start) != FilterFormat.MAGIC) {
            throw batch.damaged(
                    at[section],
                    "the filter has CRC32C "
                            + BatchFileCheck.hex(sum)
                            + ", expected "
                            + BatchFileCheck.hex(found)
                            + "; keys cannot be looked up in this file, but it can be scanned,"
                            + " and compacted");
        }
        long blocks = segment.get(Layouts.LONG, start + FilterFormat.BLOCKS_AT);
        long bytes = FilterFormat.headBytes(at[section]) + blocks * KeyFilter.BLOCK_BYTES;
        if (blocks < 1 || blocks > sizeBytes[section] || bytes != sizeBytes[section]) {
            throw batch.damaged(
                    at[section],
                    "the filter has "
                            + blocks
                            + " blocks in "
                            + sizeBytes[section]
                            + " bytes, expected "
                            + bytes);
        }
        checked.set(section, 1);
    }

    /** Whether a section, once checked, lets a key pass. */
    boolean mayHold(int section, long hash) {
        return KeyFilter.mayHold(segment, blocks(section), blockCount(section), hash);
    }
}
