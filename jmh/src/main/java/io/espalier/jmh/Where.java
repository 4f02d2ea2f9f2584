package io.espalier.jmh;

import io.espalier.pager.Codec;

/** Where the bodies of the chunks that are read stand when a measured run begins. */
public enum Where {
    /** In memory. */
    RESIDENT(Codec.NONE),
    /**
     * In a spill file as they are: warm in the page cache, mapped anew and checked for each visit.
     */
    PAGED(Codec.NONE),
    /** In a spill file, as LZ4: decoded for each visit. */
    LZ4(Codec.LZ4),
    /** In a spill file, as zstd: decoded for each visit. */
    ZSTD(Codec.ZSTD);

    private final Codec codec;

    Where(Codec codec) {
        this.codec = codec;
    }

    Codec codec() {
        return codec;
    }

    /** How tables call it. */
    public String label() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
