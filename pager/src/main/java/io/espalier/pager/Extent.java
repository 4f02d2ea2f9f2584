package io.espalier.pager;

/**
 * A range of a spill segment: whole pages, owned by one stored page until it is freed.
 *
 * @param position in bytes from the start of the file, a multiple of {@link #PAGE_BYTES}
 * @param sizeBytes a positive multiple of {@link #PAGE_BYTES}
 */
record Extent(SpillSegment segment, long position, long sizeBytes) {

    static final long PAGE_BYTES = 4096;

    static long pagesUp(long bytes) {
        return (bytes + PAGE_BYTES - 1) & -PAGE_BYTES;
    }
}
