package io.espalier.pager;

/**
 * Where the bytes of an image are in the spill files.
 *
 * @param storedBytes how many bytes of the extent are used; with a codec, the encoded size
 * @param checksum the {@link io.espalier.memory.FastSum} of the stored bytes
 */
record StoredPage(Extent extent, Codec codec, long storedBytes, long checksum) {

    /** Whether the bytes can be read where they are mapped. */
    boolean isInPlace() {
        return codec == Codec.NONE && extent.segment().isMapped();
    }

    /** Where the stored bytes are mapped, as an offset in the memory's segment. */
    long mappedOffset() {
        return extent.segment().mappedOffset(extent.position());
    }

    @Override
    public String toString() {
        return extent.segment()
                + ": page at offset "
                + extent.position()
                + " ("
                + storedBytes
                + " bytes stored, codec "
                + codec
                + ")";
    }
}
