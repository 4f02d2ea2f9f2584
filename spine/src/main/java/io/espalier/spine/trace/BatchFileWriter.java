package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Column;
import io.espalier.columnar.ImageSink;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.PartRef;
import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Writes a batch file: takes sealed chunks as they come, appends each, and keeps the fence index
 * until the end. What is written before {@link #finish} is nobody's business; closed without it,
 * the file goes.
 *
 * <p>Not thread-safe.
 */
final class BatchFileWriter implements ImageSink, AutoCloseable {

    /** An index is one image: its chunks are cut nowhere. */
    private static final long INDEX_BYTES_MAX = 1L << 29;

    /** What is handed to the disk at once. */
    private static final long WRITE_BYTES_MAX = 1L << 28;

    private final MemorySegment segment;
    private final BatchTarget file;
    private final ChainBuilder index;
    private final FilterWriter filters;
    private @Nullable Lease indexImage;
    private final Lease entry;
    private long chunkCount;
    private long updateCount;
    private long timeMin = -1;
    private long timeMax;
    private long diffSum;

    /** Whether the file may end within what was appended last: then nothing may follow. */
    private boolean torn;

    private boolean closed;

    private BatchFileWriter(NativeMemory memory, BatchTarget file, Lease entry, long sectionKeys) {
        this.segment = memory.segment();
        this.file = file;
        this.entry = entry;
        this.index =
                new ChainBuilder(
                        new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                        INDEX_BYTES_MAX,
                        this::takeIndex);
        this.filters = new FilterWriter(memory, sectionKeys);
    }

    /**
     * Begins a batch file.
     *
     * @param file belongs to the writer from here on, also if this throws
     * @throws StoreException if the disk refuses
     */
    static BatchFileWriter create(NativeMemory memory, BatchTarget file) {
        return create(memory, file, FilterWriter.KEYS_MAX);
    }

    /** The same with sections of the filter of another size. */
    static BatchFileWriter create(NativeMemory memory, BatchTarget file, long sectionKeys) {
        Lease entry = null;
        BatchFileWriter writer = null;
        boolean done = false;
        try {
            entry = memory.allocate(BatchFileFormat.FOOTER_BYTES);
            writer = new BatchFileWriter(memory, file, entry, sectionKeys);
            writer.writeHeader();
            done = true;
            return writer;
        } finally {
            if (!done && writer != null) {
                writer.close();
            } else if (!done) {
                if (entry != null) {
                    entry.close();
                }
                file.close();
            }
        }
    }

    private void writeHeader() {
        long at = entry.offset();
        segment.set(Layouts.LONG, at, BatchFileFormat.MAGIC);
        segment.set(Layouts.INT, at + BatchFileFormat.HEADER_VERSION_AT, BatchFileFormat.VERSION);
        segment.set(Layouts.LONG, at + BatchFileFormat.HEADER_ID_AT, file.id());
        int covered = BatchFileFormat.HEADER_BYTES - BatchFileFormat.HEADER_VERSION_AT;
        segment.set(
                Layouts.INT,
                at + BatchFileFormat.HEADER_CHECKSUM_AT,
                Checksums.crc32c(segment, at + BatchFileFormat.HEADER_VERSION_AT, covered));
        append(at, BatchFileFormat.HEADER_BYTES);
    }

    @Override
    public void accept(Lease image, TrieView view) {
        try (image) {
            checkWhole();
            TrieView.stamp(segment, image.offset());
            long at = entry.offset();
            segment.set(
                    Layouts.LONG,
                    at + BatchFileFormat.ENTRY_OFFSET_AT,
                    Long.reverseBytes(file.sizeBytes()));
            segment.set(Layouts.LONG, at + BatchFileFormat.ENTRY_SIZE_AT, view.sizeBytes());
            segment.set(Layouts.LONG, at + BatchFileFormat.ENTRY_UPDATES_AT, view.updateCount());
            segment.set(Layouts.LONG, at + BatchFileFormat.ENTRY_TIME_MIN_AT, view.timeMin());
            segment.set(Layouts.LONG, at + BatchFileFormat.ENTRY_TIME_MAX_AT, view.timeMax());
            append(image.offset(), view.sizeBytes());
            Column keys = view.keys();
            long last = view.keyCount() - 1;
            index.append(
                    keys.segment(),
                    keys.offsetOf(last),
                    keys.sizeOf(last),
                    segment,
                    at,
                    BatchFileFormat.ENTRY_BYTES,
                    0,
                    1);
            chunkCount++;
            updateCount += view.updateCount();
            timeMin = least(timeMin, view.timeMin());
            timeMax = Long.compareUnsigned(timeMax, view.timeMax()) < 0 ? view.timeMax() : timeMax;
            diffSum += view.diffSum();
            filters.add(view);
            if (filters.isFull()) {
                writeFilter();
            }
        }
    }

    private void writeFilter() {
        try (Lease section = filters.section(file.sizeBytes(), chunkCount)) {
            append(section.offset(), section.sizeBytes());
        }
    }

    private static long least(long a, long b) {
        return Long.compareUnsigned(a, b) <= 0 ? a : b;
    }

    private void takeIndex(Lease image, TrieView view) {
        if (indexImage != null) {
            image.close();
            throw new IllegalStateException(
                    "the fence index of a batch file of "
                            + chunkCount
                            + " chunks exceeds "
                            + INDEX_BYTES_MAX
                            + " bytes; make larger chunks");
        }
        TrieView.stamp(segment, image.offset());
        indexImage = image;
    }

    /** How many bytes were written so far. */
    long sizeBytes() {
        return file.sizeBytes();
    }

    /** Whether nothing was written: such a file is not worth keeping. */
    boolean isEmpty() {
        return chunkCount == 0;
    }

    /**
     * Writes index and footer and makes all of it durable.
     *
     * @return what a batch says of the file
     * @throws StoreException if the disk refuses; the writer can only be closed then
     */
    PartRef finish() {
        checkWhole();
        index.finish();
        Lease image = indexImage;
        if (image == null) {
            throw new IllegalStateException("a batch file holds at least one chunk");
        }
        if (!filters.isEmpty()) {
            writeFilter();
        }
        long indexAt = file.sizeBytes();
        append(image.offset(), image.sizeBytes());
        long directoryAt = file.sizeBytes();
        long directoryBytes;
        try (Lease directory = filters.directory()) {
            directoryBytes = directory.sizeBytes();
            append(directory.offset(), directoryBytes);
        }
        long sizeBytes = file.sizeBytes() + BatchFileFormat.FOOTER_BYTES;
        long at = entry.offset();
        segment.asSlice(at, BatchFileFormat.FOOTER_BYTES).fill((byte) 0);
        segment.set(Layouts.LONG, at, BatchFileFormat.FOOTER_MAGIC);
        segment.set(Layouts.INT, at + BatchFileFormat.FOOTER_VERSION_AT, BatchFileFormat.VERSION);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_ID_AT, file.id());
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_SIZE_AT, sizeBytes);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_CHUNKS_AT, chunkCount);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_UPDATES_AT, updateCount);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_INDEX_AT, indexAt);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_INDEX_SIZE_AT, image.sizeBytes());
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_TIME_MIN_AT, timeMin);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_TIME_MAX_AT, timeMax);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_DIFF_SUM_AT, diffSum);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_DIRECTORY_AT, directoryAt);
        segment.set(Layouts.LONG, at + BatchFileFormat.FOOTER_DIRECTORY_SIZE_AT, directoryBytes);
        int covered = BatchFileFormat.FOOTER_BYTES - BatchFileFormat.FOOTER_VERSION_AT;
        segment.set(
                Layouts.INT,
                at + BatchFileFormat.FOOTER_CHECKSUM_AT,
                Checksums.crc32c(segment, at + BatchFileFormat.FOOTER_VERSION_AT, covered));
        append(at, BatchFileFormat.FOOTER_BYTES);
        file.finish();
        return new PartRef(
                "b" + file.id(), file.id(), updateCount, sizeBytes, OptionalLong.of(diffSum));
    }

    private void checkWhole() {
        if (torn) {
            throw new IllegalStateException(
                    "batch file " + file.id() + " failed before; close it and begin another");
        }
    }

    private void append(long offset, long bytes) {
        torn = true;
        for (long done = 0; done < bytes; ) {
            long part = Math.min(WRITE_BYTES_MAX, bytes - done);
            file.append(segment.asSlice(offset + done, part).asByteBuffer());
            done += part;
        }
        torn = false;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            index.close();
            filters.close();
            if (indexImage != null) {
                indexImage.close();
            }
            entry.close();
        } finally {
            file.close();
        }
    }
}
