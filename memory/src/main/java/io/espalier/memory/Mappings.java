package io.espalier.memory;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The files that are mapped into slots of a {@link NativeMemory}'s reservation; without native
 * calls, read into them.
 *
 * <p>Thread-safe. No monitor is held during a system call.
 */
final class Mappings {

    private static final long READ_BYTES_MAX = 1L << 30;

    // Each mapped file may cost two mappings, itself and the gap before the next. A process that
    // has none left cannot even start a thread, so a good part stays for everyone else.
    private static final int MAPPED_FILES_MAX = mappedFilesMax();
    private static final AtomicInteger mappedFiles = new AtomicInteger();

    private final NativeMemory memory;
    private final MemorySegment segment;
    private final Slots slots;

    /**
     * Mapped slots that the system refused to clear, each followed by its class. Guarded by the
     * monitor of {@link #slots}.
     */
    private final Slots.OffsetStack stuck = new Slots.OffsetStack();

    Mappings(NativeMemory memory, Slots slots) {
        this.memory = memory;
        this.segment = memory.segment();
        this.slots = slots;
    }

    private static int mappedFilesMax() {
        int all = SystemCalls.mappingsMax();
        return all < 16_384 ? all / 4 : (all - 8_192) / 2;
    }

    /** Maps a range of a file into a slot, see {@link NativeMemory#map}. */
    Lease map(Path file, long position, long sizeBytes, int sizeClass, @Nullable Throwable origin)
            throws IOException {
        if (!memory.isNative()) {
            return read(file, position, sizeBytes, sizeClass, origin);
        }
        if (!file.getFileSystem().equals(FileSystems.getDefault())) {
            throw new IOException(file + " is not a file of the system and cannot be mapped");
        }
        retryStuck();
        if (mappedFiles.incrementAndGet() > MAPPED_FILES_MAX) {
            mappedFiles.decrementAndGet();
            throw new OutOfNativeMemoryException(
                    "cannot map "
                            + file
                            + ": this process has "
                            + MAPPED_FILES_MAX
                            + " files mapped, which is the share of vm.max_map_count that is ours;"
                            + " map fewer and larger ranges, or raise it");
        }
        boolean done = false;
        try {
            Lease lease = mapNative(file, position, sizeBytes, sizeClass, origin);
            done = true;
            return lease;
        } finally {
            if (!done) {
                mappedFiles.decrementAndGet();
            }
        }
    }

    private Lease mapNative(
            Path file, long position, long sizeBytes, int sizeClass, @Nullable Throwable origin)
            throws IOException {
        int descriptor = FileCalls.openForMapping(file);
        try {
            checkLength(file, FileCalls.sizeBytes(descriptor), position, sizeBytes);
            int error = SystemCalls.tryMapFile(descriptor, position);
            if (error != 0) {
                throw new FileSystemException(
                        file.toString(), null, "mmap failed with errno " + error);
            }
            long pages = SizeClasses.pagesUp(sizeBytes);
            long offset = takeForMapping(sizeClass, pages);
            // on failure the slot is lost: its pages may belong to nobody then, or to anybody
            boolean done = false;
            try {
                error = SystemCalls.mapFile(segment.asSlice(offset, pages), descriptor, position);
                done = error == 0;
            } finally {
                if (!done) {
                    forgetMapping(pages);
                }
            }
            if (error != 0) {
                throw new OutOfNativeMemoryException(
                        "cannot map " + file + ": mmap failed with errno " + error);
            }
            return memory.track(
                    new Lease(memory, true).holds(offset, sizeBytes, 0, sizeClass, origin));
        } finally {
            FileCalls.close(descriptor);
        }
    }

    /** Mapping without the system's help: the bytes are read into a slot. */
    private Lease read(
            Path file, long position, long sizeBytes, int sizeClass, @Nullable Throwable origin)
            throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            checkLength(file, channel.size(), position, sizeBytes);
            long pages = SizeClasses.pagesUp(sizeBytes);
            long offset = takeForMapping(sizeClass, pages);
            boolean done = false;
            try {
                for (long at = 0; at < sizeBytes; ) {
                    long part = Math.min(READ_BYTES_MAX, sizeBytes - at);
                    ByteBuffer target = segment.asSlice(offset + at, part).asByteBuffer();
                    int count = channel.read(target, position + at);
                    if (count < 0) {
                        throw new EOFException(file + " ends at " + (position + at));
                    }
                    at += count;
                }
                // beyond the file's end, a mapped page reads as zeros
                segment.asSlice(offset + sizeBytes, pages - sizeBytes).fill((byte) 0);
                done = true;
            } finally {
                if (!done) {
                    synchronized (slots) {
                        slots.freeCold(sizeClass, offset);
                        slots.uncountMapping(pages);
                    }
                }
            }
            return memory.track(
                    new Lease(memory, true).holds(offset, sizeBytes, 0, sizeClass, origin));
        }
    }

    private static void checkLength(Path file, long fileBytes, long position, long sizeBytes)
            throws IOException {
        if (fileBytes - position < sizeBytes) {
            throw new EOFException(
                    file
                            + " has "
                            + fileBytes
                            + " bytes, expected "
                            + sizeBytes
                            + " or more from position "
                            + position
                            + " on");
        }
    }

    /** Counts before the work starts, so that {@link NativeMemory#close} cannot come between. */
    private long takeForMapping(int sizeClass, long pages) {
        synchronized (slots) {
            slots.checkOpen();
            long offset = slots.takeCold(sizeClass);
            slots.countMapping(pages);
            return offset;
        }
    }

    private void forgetMapping(long pages) {
        synchronized (slots) {
            slots.uncountMapping(pages);
        }
    }

    /**
     * Takes the mapping of a lease away. The lease comes off the count last: until then the memory
     * refuses to close, so that no call here meets an address range that is somebody else's.
     */
    void release(Lease lease, long offset) {
        long pages = SizeClasses.pagesUp(lease.sizeBytes());
        boolean isNative = memory.isNative();
        boolean cleared = !isNative;
        try {
            if (isNative) {
                retryStuck();
                cleared = clear(offset, pages);
            }
        } finally {
            synchronized (slots) {
                free(offset, lease.sizeClass(), cleared);
                slots.uncountMapping(pages);
            }
        }
    }

    private void free(long offset, int sizeClass, boolean cleared) {
        if (cleared) {
            slots.freeCold(sizeClass, offset);
        } else {
            stuck.push(offset);
            stuck.push(sizeClass);
        }
    }

    private boolean clear(long offset, long pages) {
        MemorySegment range = segment.asSlice(offset, pages);
        if (SystemCalls.mapNothing(range)) {
            mappedFiles.decrementAndGet();
            return true;
        }
        SystemCalls.discard(range, 0, range.byteSize());
        return false;
    }

    /** Clears a slot that could not be cleared when its lease was closed. */
    private void retryStuck() {
        long offset;
        int sizeClass;
        synchronized (slots) {
            if (stuck.isEmpty() || slots.isClosed()) {
                return;
            }
            sizeClass = (int) stuck.pop();
            offset = stuck.pop();
            slots.countMapping(0);
        }
        boolean cleared = false;
        try {
            cleared = clear(offset, SizeClasses.slotBytes(sizeClass));
        } finally {
            synchronized (slots) {
                free(offset, sizeClass, cleared);
                slots.uncountMapping(0);
            }
        }
    }

    /** The reservation is given back: what could not be cleared went with the rest. */
    void closed() {
        synchronized (slots) {
            mappedFiles.addAndGet(-stuck.size() / 2);
        }
    }
}
