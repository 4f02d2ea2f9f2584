package io.espalier.pager;

/**
 * Which codec a page is written with. A fresh image dies in its first merge, so that compressing it
 * is wasted; one that has survived merges stays, and is worth it (the rule of depth-aware spilling
 * in the systems that we learn from). Asked at every page-out, from any thread; it must not throw.
 */
@FunctionalInterface
public interface CodecPolicy {

    /**
     * The codec for an image. It is a wish: an image that does not become smaller by at least one
     * page is stored as it is.
     *
     * @param depth how many merges the image's bytes have survived; 0 is fresh
     * @param sizeBytes its size
     */
    Codec codec(int depth, long sizeBytes);

    /** The same codec for every image. */
    static CodecPolicy always(Codec codec) {
        return (depth, sizeBytes) -> codec;
    }

    /** No codec for fresh images, {@code codec} for those that have survived a merge. */
    static CodecPolicy survivors(Codec codec) {
        return (depth, sizeBytes) -> depth == 0 ? Codec.NONE : codec;
    }
}
