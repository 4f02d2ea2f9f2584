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
 *     again costs nothing; beyond it they are dropped when the last pin is closed. They are charged
 *     to the budget
 * @param fileWindowBytes how many touched bytes of {@link MappedFile}s may stay mapped, beside what
 *     the budget leaves
 * @param freeBytesMax how many bytes of freed extents keep their blocks for reuse; those beyond it
 *     are given back to the file system
 * @param writerThreads how many threads of the pager's own write and read ahead, so that those who
 *     adopt images need not wait; 0 if all is to be done on the threads of the callers
 * @param writeQueueImages how many images may wait for those threads at most; their bytes stay
 *     within the slack in any case, so that a slack of 0 makes every write the caller's
 * @param prefetchBytes how many bytes of images may be held that were read ahead and not pinned
 *     since, charged to the budget; 0 turns that off
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
        int writerThreads,
        int writeQueueImages,
        long prefetchBytes,
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

    /** 1: as many as there are threads that adopt, in the usual store. */
    public static final int WRITER_THREADS_DEFAULT = 1;

    /** 64. */
    public static final int WRITE_QUEUE_IMAGES_DEFAULT = 64;

    /** 8 MiB. */
    public static final long PREFETCH_BYTES_DEFAULT = 8L << 20;

    private static final int WRITER_THREADS_MAX = 64;
    private static final int WRITE_QUEUE_IMAGES_MAX = 1 << 16;
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
        checkBytes("prefetch limit", prefetchBytes);
        checkCount("writer threads", writerThreads, 0, WRITER_THREADS_MAX);
        checkCount("images in the write queue", writeQueueImages, 1, WRITE_QUEUE_IMAGES_MAX);
    }

    private static void checkBytes(String what, long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException(what + " of " + bytes + " bytes; give 0 or more");
        }
    }

    private static void checkCount(String what, int count, int min, int max) {
        if (count < min || count > max) {
            throw new IllegalArgumentException(count + " " + what + "; give " + min + " to " + max);
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
                WRITER_THREADS_DEFAULT,
                WRITE_QUEUE_IMAGES_DEFAULT,
                PREFETCH_BYTES_DEFAULT,
                failure -> {});
    }

    /** These options with other spill files. */
    public PagerOptions withSegmentBytes(long segmentBytes) {
        return with(draft -> draft.segmentBytes = segmentBytes);
    }

    /** These options with another codec policy. */
    public PagerOptions withCodecPolicy(CodecPolicy codecPolicy) {
        return with(draft -> draft.codecPolicy = codecPolicy);
    }

    /** These options with another slack. */
    public PagerOptions withSlackBytes(long slackBytes) {
        return with(draft -> draft.slackBytes = slackBytes);
    }

    /** These options with other windows of mapped bytes: of pages, and of files. */
    public PagerOptions withWindows(long pageWindowBytes, long fileWindowBytes) {
        return with(draft -> {
            draft.pageWindowBytes = pageWindowBytes;
            draft.fileWindowBytes = fileWindowBytes;
        });
    }

    /** These options with another limit of freed extents that keep their blocks. */
    public PagerOptions withFreeBytesMax(long freeBytesMax) {
        return with(draft -> draft.freeBytesMax = freeBytesMax);
    }

    /** These options with other threads that write: how many, and how many images may wait. */
    public PagerOptions withWriters(int writerThreads, int writeQueueImages) {
        return with(draft -> {
            draft.writerThreads = writerThreads;
            draft.writeQueueImages = writeQueueImages;
        });
    }

    /** These options with another limit of what is read ahead. */
    public PagerOptions withPrefetchBytes(long prefetchBytes) {
        return with(draft -> draft.prefetchBytes = prefetchBytes);
    }

    /** These options with a listener for page-outs that fail. */
    public PagerOptions withOnSpillFailure(Consumer<SpillException> onSpillFailure) {
        return with(draft -> draft.onSpillFailure = onSpillFailure);
    }

    private PagerOptions with(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return draft.options();
    }

    /** A copy of which some are changed. */
    private static final class Draft {
        private final Path spillDirectory;
        private long segmentBytes;
        private CodecPolicy codecPolicy;
        private long slackBytes;
        private long pageWindowBytes;
        private long fileWindowBytes;
        private long freeBytesMax;
        private int writerThreads;
        private int writeQueueImages;
        private long prefetchBytes;
        private Consumer<SpillException> onSpillFailure;

        Draft(PagerOptions from) {
            spillDirectory = from.spillDirectory;
            segmentBytes = from.segmentBytes;
            codecPolicy = from.codecPolicy;
            slackBytes = from.slackBytes;
            pageWindowBytes = from.pageWindowBytes;
            fileWindowBytes = from.fileWindowBytes;
            freeBytesMax = from.freeBytesMax;
            writerThreads = from.writerThreads;
            writeQueueImages = from.writeQueueImages;
            prefetchBytes = from.prefetchBytes;
            onSpillFailure = from.onSpillFailure;
        }

        PagerOptions options() {
            return new PagerOptions(
                    spillDirectory,
                    segmentBytes,
                    codecPolicy,
                    slackBytes,
                    pageWindowBytes,
                    fileWindowBytes,
                    freeBytesMax,
                    writerThreads,
                    writeQueueImages,
                    prefetchBytes,
                    onSpillFailure);
        }
    }
}
