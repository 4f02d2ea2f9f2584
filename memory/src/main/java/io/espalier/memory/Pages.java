package io.espalier.memory;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the system is asked to do with pages of a {@link NativeMemory}'s reservation: to take them
 * back, to read them ahead, to have them here now. Without native calls, nothing.
 *
 * <p>Thread-safe, and without a lock: who calls it owns the range.
 */
final class Pages {

    private final MemorySegment segment;
    private final boolean isNative;

    @SuppressWarnings("unused") // keeps the loads that touch pages alive
    private volatile byte touched;

    Pages(MemorySegment segment, boolean isNative) {
        this.segment = segment;
        this.isNative = isNative;
    }

    /** See {@link NativeMemory#discard}. */
    void discard(long offset, long sizeBytes) {
        Objects.checkFromIndexSize(offset, sizeBytes, segment.byteSize());
        long from = SizeClasses.pagesUp(offset);
        long to = (offset + sizeBytes) & -SizeClasses.PAGE_BYTES;
        giveBack(from, to - from);
    }

    /** See {@link NativeMemory#prefetch}. */
    void prefetch(long offset, long sizeBytes) {
        Objects.checkFromIndexSize(offset, sizeBytes, segment.byteSize());
        long from = offset & -SizeClasses.PAGE_BYTES;
        if (isNative && sizeBytes > 0) {
            long to = SizeClasses.pagesUp(offset + sizeBytes);
            SystemCalls.willNeed(segment.asSlice(from, to - from));
        }
    }

    /** See {@link NativeMemory#avoidHugePages}. */
    void avoidHugePages(long offset, long sizeBytes) {
        Objects.checkFromIndexSize(offset, sizeBytes, segment.byteSize());
        long from = offset & -SizeClasses.PAGE_BYTES;
        if (isNative && sizeBytes > 0) {
            long to = SizeClasses.pagesUp(offset + sizeBytes);
            SystemCalls.avoidHugePages(segment.asSlice(from, to - from));
        }
    }

    /**
     * Gives whole pages back.
     *
     * @return whether they are not backed any more, as far as the system can do that
     */
    boolean giveBack(long offset, long sizeBytes) {
        return !isNative || sizeBytes <= 0 || SystemCalls.discard(segment, offset, sizeBytes);
    }

    /** See {@link NativeMemory#populate}. */
    void populate(long offset, long sizeBytes) throws IOException {
        if (!isNative || sizeBytes <= 0) {
            return;
        }
        long from = offset & -SizeClasses.PAGE_BYTES;
        long pagesBytes = SizeClasses.pagesUp(offset + sizeBytes) - from;
        switch (SystemCalls.populate(segment, from, pagesBytes)) {
            case DONE -> {}
            case UNREADABLE -> throw unreadable(from, pagesBytes, null);
            case UNSUPPORTED -> touchPages(from, pagesBytes);
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // yields for its safepoint, not for its effect
    private void touchPages(long from, long sizeBytes) throws IOException {
        try {
            byte sum = 0;
            for (long at = from; at < from + sizeBytes; at += SizeClasses.PAGE_BYTES) {
                sum ^= segment.get(Layouts.BYTE, at);
            }
            touched = sum;
            // the error of a page that cannot be read is thrown at the next safepoint: pass one
            Thread.yield();
        } catch (InternalError e) {
            throw unreadable(from, sizeBytes, e);
        }
    }

    private static IOException unreadable(long from, long sizeBytes, @Nullable Throwable cause) {
        return new IOException(
                "a mapped page in ["
                        + from
                        + ", "
                        + (from + sizeBytes)
                        + ") of the reservation cannot be read: the file beneath it was cut short"
                        + " or its device fails",
                cause);
    }
}
