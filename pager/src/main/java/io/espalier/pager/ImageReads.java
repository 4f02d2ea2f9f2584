package io.espalier.pager;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;

/** Reads of an image that leave it where it is: into memory of the caller, whole or in ranges. */
final class ImageReads {

    private ImageReads() {}

    /** See {@link Image#readInto}. */
    static boolean readInto(Image image, Lease target) {
        if (target.sizeBytes() < image.sizeBytes() || target.isMapped()) {
            throw new IllegalArgumentException(
                    target
                            + " as the target of an image of "
                            + image.sizeBytes()
                            + " bytes; allocate one of that size");
        }
        long offset = target.offset();
        long startNanos = System.nanoTime();
        StoredPage page = image.holdPage();
        if (page == null) {
            return false;
        }
        read(image, page, target.memory(), offset, startNanos);
        return true;
    }

    /** Reads a page that is held, and lets it go. */
    private static void read(
            Image image, StoredPage page, NativeMemory target, long offset, long startNanos) {
        SpillCounters counters = image.pager.counters();
        counters.pins.increment();
        try {
            PageInEvent event = PageInEvent.begun();
            image.pager.store().read(page, target, offset, image.sizeBytes());
            long nanos = System.nanoTime() - startNanos;
            counters.pagedIn(image.sizeBytes(), page, nanos);
            counters.fetched(nanos);
            if (event != null && event.shouldCommit()) {
                event.commit(image.sizeBytes(), page, false);
            }
        } finally {
            image.letGo();
        }
    }

    /** See {@link Image#readRanges}. */
    static void readRanges(Image image, long[] ranges, NativeBuffer target) {
        long bytes = check(image, ranges);
        if (bytes == 0) {
            return;
        }
        // before anything is read: nothing fails once the target has changed
        target.reserve(bytes);
        long startNanos = System.nanoTime();
        PageStore store = image.pager.store();
        NativeMemory memory = image.pager.memory();
        // before the page is held, so that nothing stands between that and the reading
        Lease whole = image.isPaged() ? store.scratch(image.sizeBytes()) : null;
        try {
            StoredPage page = whole == null ? null : image.holdPage();
            if (whole != null && page != null) {
                read(image, page, memory, whole.offset(), startNanos);
                append(memory.segment(), whole.offset(), ranges, target);
                return;
            }
        } finally {
            if (whole != null) {
                store.unload(whole);
            }
        }
        long offset = image.hold();
        try {
            append(memory.segment(), offset, ranges, target);
        } finally {
            image.letGo();
        }
    }

    /** How many bytes the ranges have together. */
    private static long check(Image image, long[] ranges) {
        if (image.isClosed()) {
            throw new IllegalStateException(image + " is closed");
        }
        if (ranges.length % 2 != 0) {
            throw new IllegalArgumentException(
                    ranges.length + " numbers for ranges; give an offset and a size for each");
        }
        long bytes = 0;
        for (int i = 0; i < ranges.length; i += 2) {
            if (ranges[i] < 0
                    || ranges[i + 1] < 0
                    || ranges[i] > image.sizeBytes() - ranges[i + 1]) {
                throw new IndexOutOfBoundsException(
                        "range "
                                + i / 2
                                + " of "
                                + ranges.length / 2
                                + ", "
                                + ranges[i + 1]
                                + " bytes at "
                                + ranges[i]
                                + ", is not one of an "
                                + image);
            }
            bytes = Math.addExact(bytes, ranges[i + 1]);
        }
        return bytes;
    }

    private static void append(
            MemorySegment source, long offset, long[] ranges, NativeBuffer target) {
        for (int i = 0; i < ranges.length; i += 2) {
            target.append(source, offset + ranges[i], ranges[i + 1]);
        }
    }
}
