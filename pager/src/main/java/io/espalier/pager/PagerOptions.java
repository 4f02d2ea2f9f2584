package io.espalier.pager;

import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * How a {@link Pager} is set up.
 *
 * @param spillDirectory where spill files are made; created when the first one is needed. Put it on
 *     a disk: files in a memory file system spend the memory that paging is to save
 * @param segmentBytes the size of a spill file, a multiple of 4096. It is sparse: blocks are taken
 *     when pages are written. An image that is larger gets a file of its own
 * @param codecPolicy which codec each page is written with
 * @param slackBytes how far the budget may be in debt before those who adopt images must wait for
 *     page-outs, and before a spill that fails is an error for them
 * @param pageWindowBytes how many bytes of unpinned pages may stay mapped, so that pinning them
 *     again costs nothing; beyond it they are dropped when the last pin is closed
 * @param fileWindowBytes how many touched bytes of {@link MappedFile}s may stay mapped, beside what
 *     the budget leaves
 * @param freeBytesMax how many bytes of freed extents keep their blocks for reuse; those beyond it
 *     are given back to the file system
 * @param onSpillFailure told of every page-out that fails, on the thread that tried it, while no
 *     lock is held; must not throw
 */
public record PagerOptions(
        Path spillDirectory,
        long segmentBytes,
        CodecPolicy codecPolicy,
        long slackBytes,
        long pageWindowBytes,
        long fileWindowBytes,
        long freeBytesMax,
        Consumer<SpillException> onSpillFailure) {

    /** 256 MiB. */
    public static final long SEGMENT_BYTES_DEFAULT = 256L << 20;

    /** 8 MiB. */
    public static final long SLACK_BYTES_DEFAULT = 8L << 20;

    /** 4 MiB. */
    public static final long PAGE_WINDOW_BYTES_DEFAULT = 4L << 20;

    /** 8 MiB. */
    public static final long FILE_WINDOW_BYTES_DEFAULT = 8L << 20;

    /** 64 MiB. */
    public static final long FREE_BYTES_MAX_DEFAULT = 64L << 20;

    private static final long SEGMENT_BYTES_MAX = 1L << 34;

    public PagerOptions {
        if (segmentBytes <= 0
                || segmentBytes > SEGMENT_BYTES_MAX
                || segmentBytes % Extent.PAGE_BYTES != 0) {
            throw new IllegalArgumentException(
                    "spill segments of "
                            + segmentBytes
                            + " bytes; give a positive multiple of "
                            + Extent.PAGE_BYTES
                            + " up to "
                            + SEGMENT_BYTES_MAX);
        }
        checkBytes("slack", slackBytes);
        checkBytes("page window", pageWindowBytes);
        checkBytes("file window", fileWindowBytes);
        checkBytes("free extents limit", freeBytesMax);
    }

    private static void checkBytes(String what, long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException(what + " of " + bytes + " bytes; give 0 or more");
        }
    }

    /** The defaults, spilling into {@code spillDirectory}; survivors are written with LZ4. */
    public static PagerOptions in(Path spillDirectory) {
        return new PagerOptions(
                spillDirectory,
                SEGMENT_BYTES_DEFAULT,
                CodecPolicy.survivors(Codec.LZ4),
                SLACK_BYTES_DEFAULT,
                PAGE_WINDOW_BYTES_DEFAULT,
                FILE_WINDOW_BYTES_DEFAULT,
                FREE_BYTES_MAX_DEFAULT,
                failure -> {});
    }

    /** These options with other spill files. */
    public PagerOptions withSegmentBytes(long segmentBytes) {
        return new PagerOptions(
                spillDirectory,
                segmentBytes,
                codecPolicy,
                slackBytes,
                pageWindowBytes,
                fileWindowBytes,
                freeBytesMax,
                onSpillFailure);
    }

    /** These options with another codec policy. */
    public PagerOptions withCodecPolicy(CodecPolicy codecPolicy) {
        return new PagerOptions(
                spillDirectory,
                segmentBytes,
                codecPolicy,
                slackBytes,
                pageWindowBytes,
                fileWindowBytes,
                freeBytesMax,
                onSpillFailure);
    }

    /** These options with another slack. */
    public PagerOptions withSlackBytes(long slackBytes) {
        return new PagerOptions(
                spillDirectory,
                segmentBytes,
                codecPolicy,
                slackBytes,
                pageWindowBytes,
                fileWindowBytes,
                freeBytesMax,
                onSpillFailure);
    }

    /** These options with other windows of mapped bytes: of pages, and of files. */
    public PagerOptions withWindows(long pageWindowBytes, long fileWindowBytes) {
        return new PagerOptions(
                spillDirectory,
                segmentBytes,
                codecPolicy,
                slackBytes,
                pageWindowBytes,
                fileWindowBytes,
                freeBytesMax,
                onSpillFailure);
    }

    /** These options with another limit of freed extents that keep their blocks. */
    public PagerOptions withFreeBytesMax(long freeBytesMax) {
        return new PagerOptions(
                spillDirectory,
                segmentBytes,
                codecPolicy,
                slackBytes,
                pageWindowBytes,
                fileWindowBytes,
                freeBytesMax,
                onSpillFailure);
    }

    /** These options with a listener for page-outs that fail. */
    public PagerOptions withOnSpillFailure(Consumer<SpillException> onSpillFailure) {
        return new PagerOptions(
                spillDirectory,
                segmentBytes,
                codecPolicy,
                slackBytes,
                pageWindowBytes,
                fileWindowBytes,
                freeBytesMax,
                onSpillFailure);
    }
}
