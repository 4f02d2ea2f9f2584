package io.espalier.pager;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.OutOfNativeMemoryException;
import io.espalier.memory.PunchableFile;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One spill file: sparse, of a fixed size, written through a channel, mapped once for reading. Its
 * name is removed as soon as it is open, so that it is gone with the process, however that ends.
 *
 * <p>Reading and writing are thread-safe. The bookkeeping fields belong to {@link SpillSpace} and
 * are guarded by its lock.
 */
final class SpillSegment implements AutoCloseable {

    /** Opens the bytes of a file; tests give a failing one. */
    @FunctionalInterface
    interface Opener {
        SpillFile open(Path file) throws IOException;
    }

    private static final long PART_BYTES = 1L << 30;

    /** For messages: where the file was. */
    private final Path name;

    private final long number;
    private final long sizeBytes;
    private final SpillFile file;
    private final PunchableFile holes;
    private final @Nullable Lease mapping;

    private final ReentrantLock placesLock = new ReentrantLock();

    /** The pages of extents that are read in place. Guarded by {@link #placesLock}. */
    private final BitSet places = new BitSet();

    /**
     * How far from a page that is touched the system may map others along with it: it maps what is
     * in its cache around, or all of a cached block, and none of those is larger.
     */
    private static final long MAPPED_ALONG_BYTES_MAX = 2L << 20;

    /** Free extents by position. Guarded by the lock of {@link SpillSpace}. */
    final TreeMap<Long, Extent> free = new TreeMap<>();

    /** Pages that may have blocks in the file system. Guarded by the lock of {@link SpillSpace}. */
    final BitSet backed = new BitSet();

    /** Whether the file system gives blocks back. Guarded by the lock of {@link SpillSpace}. */
    boolean punchable = true;

    private SpillSegment(
            Path name,
            long number,
            long sizeBytes,
            SpillFile file,
            PunchableFile holes,
            @Nullable Lease mapping) {
        this.name = name;
        this.number = number;
        this.sizeBytes = sizeBytes;
        this.file = file;
        this.holes = holes;
        this.mapping = mapping;
    }

    /**
     * Makes the file. What opens it by name comes first, then the name goes; each step undoes those
     * before it when it fails.
     */
    static SpillSegment create(
            NativeMemory memory, Path directory, long number, long sizeBytes, Opener opener)
            throws IOException {
        Files.createDirectories(directory);
        // createTempFile: exclusive, readable by its owner alone
        Path name =
                Files.createTempFile(
                        directory,
                        "espalier-spill-" + ProcessHandle.current().pid() + "-" + number + "-",
                        ".tmp");
        SpillFile file = null;
        PunchableFile holes = null;
        boolean done = false;
        try {
            try (RandomAccessFile sized = new RandomAccessFile(name.toFile(), "rw")) {
                sized.setLength(sizeBytes);
            }
            file = opener.open(name);
            holes = PunchableFile.open(name);
            // without native calls a mapping is a copy made now: such pages are read when pinned
            Lease mapping = memory.isNative() ? memory.map(name, 0, sizeBytes) : null;
            done = true;
            return new SpillSegment(name, number, sizeBytes, file, holes, mapping);
        } catch (IllegalStateException | OutOfNativeMemoryException e) {
            // no room for the mapping: for the one who pages out, the same as no room on disk
            throw new IOException(e.getMessage(), e);
        } finally {
            removeName(name);
            if (!done) {
                if (holes != null) {
                    holes.close();
                }
                if (file != null) {
                    file.close();
                }
            }
        }
    }

    private static void removeName(Path name) throws IOException {
        try {
            Files.deleteIfExists(name);
        } catch (IOException e) {
            // a system that keeps the names of open files: then it goes when the process ends well
            name.toFile().deleteOnExit();
        }
    }

    Path name() {
        return name;
    }

    long number() {
        return number;
    }

    long sizeBytes() {
        return sizeBytes;
    }

    boolean isMapped() {
        return mapping != null;
    }

    /** Where a position of the file is mapped, as an offset in the memory's segment. */
    long mappedOffset(long position) {
        Lease lease = mapping;
        if (lease == null) {
            throw new IllegalStateException("spill file " + name + " is not mapped");
        }
        return lease.offset() + position;
    }

    /** An extent of this mapped file will be read in place, until {@link #leavePlace}. */
    void enterPlace(Extent extent) {
        placesLock.lock();
        try {
            places.set(firstPage(extent), endPage(extent));
        } finally {
            placesLock.unlock();
        }
    }

    /**
     * Drops the mapped bytes of an extent, and those around it that the system mapped along with
     * them, as far as they are not of another extent that is read in place. Without the latter,
     * extents that are read in another order than they were written would leave most of the file
     * mapped.
     */
    void leavePlace(NativeMemory memory, Extent extent) {
        long from = Math.max(0, extent.position() - MAPPED_ALONG_BYTES_MAX);
        long to = extent.position() + extent.sizeBytes();
        to = Math.min(sizeBytes, to + MAPPED_ALONG_BYTES_MAX);
        placesLock.lock();
        try {
            places.clear(firstPage(extent), endPage(extent));
            long before = places.previousSetBit(firstPage(extent) - 1);
            from = Math.max(from, (before + 1) * Extent.PAGE_BYTES);
            long after = places.nextSetBit(endPage(extent));
            if (after >= 0) {
                to = Math.min(to, after * Extent.PAGE_BYTES);
            }
            // under the lock: whoever enters meanwhile does not read yet
            memory.discard(mappedOffset(from), to - from);
        } finally {
            placesLock.unlock();
        }
    }

    private static int firstPage(Extent extent) {
        return Math.toIntExact(extent.position() / Extent.PAGE_BYTES);
    }

    private static int endPage(Extent extent) {
        return Math.toIntExact((extent.position() + extent.sizeBytes()) / Extent.PAGE_BYTES);
    }

    /** Writes all of the range, or fails. */
    void write(MemorySegment source, long sourceOffset, long bytes, long position)
            throws IOException {
        long done = 0;
        while (done < bytes) {
            long part = Math.min(PART_BYTES, bytes - done);
            ByteBuffer buffer = source.asSlice(sourceOffset + done, part).asByteBuffer();
            int count = file.write(buffer, position + done);
            if (count <= 0) {
                throw new IOException("wrote " + done + " of " + bytes + " bytes, then no more");
            }
            done += count;
        }
    }

    /** Reads all of the range, or fails. */
    void read(long position, MemorySegment target, long targetOffset, long bytes)
            throws IOException {
        long done = 0;
        while (done < bytes) {
            long part = Math.min(PART_BYTES, bytes - done);
            long count = file.read(target, targetOffset + done, part, position + done);
            if (count <= 0) {
                throw new EOFException(
                        "the file ends at " + (position + done) + ", expected " + sizeBytes);
            }
            done += count;
        }
    }

    /** Gives blocks back; false if the file system cannot. */
    boolean punch(long position, long bytes) {
        return holes.punch(position, bytes);
    }

    @Override
    public void close() {
        if (mapping != null) {
            mapping.close();
        }
        holes.close();
        try {
            file.close();
        } catch (IOException e) {
            // nothing in it is needed any more, and its descriptor is gone either way
        }
    }

    @Override
    public String toString() {
        return "spill file " + name;
    }
}
