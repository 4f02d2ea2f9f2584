package io.espalier.pager;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A durable, immutable file, mapped whole and read in place. Readers say which ranges they touched;
 * what was touched counts, in blocks of 64 KiB, and beyond the pager's limit the oldest blocks are
 * dropped from memory, those touched again having a second chance. Dropping is always safe: the
 * pages are read again, mostly from the system's page cache.
 *
 * <p>Nobody may shorten the file while it is mapped. One owner closes it once; until then everybody
 * may read, from any thread. In debug mode of the memory its opener is remembered.
 */
public final class MappedFile implements AutoCloseable {

    private static final int BITS = Long.SIZE;

    private final Pager pager;
    private final FileWindow window;
    private final Path file;
    private final Lease lease;
    private final long offset;
    private final long sizeBytes;

    /** Blocks in the window, one bit each; written under the window's lock. */
    private final AtomicLongArray in;

    /** Blocks touched again since they entered; written without a lock. */
    private final AtomicLongArray again;

    private final AtomicBoolean open = new AtomicBoolean(true);

    MappedFile(Pager pager, FileWindow window, Path file, Lease lease, long sizeBytes) {
        this.pager = pager;
        this.window = window;
        this.file = file;
        this.lease = lease;
        this.offset = lease.offset();
        this.sizeBytes = sizeBytes;
        long blocks = (sizeBytes + FileWindow.BLOCK_BYTES - 1) >>> FileWindow.BLOCK_BITS;
        int words = Math.toIntExact((blocks + BITS - 1) / BITS);
        this.in = new AtomicLongArray(words);
        this.again = new AtomicLongArray(words);
        if (lease.isMapped()) {
            // what comes along with a block can be dropped without it then
            pager.memory().avoidHugePages(offset, sizeBytes);
        }
    }

    /**
     * Where the file starts in the segment of the pager's memory. Do not write there.
     *
     * @throws IllegalStateException if this file is closed
     */
    public long offset() {
        checkOpen();
        return offset;
    }

    /** The size of the file in bytes. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** The file. */
    public Path file() {
        return file;
    }

    /**
     * Says that {@code [from, from + size)} was read, so that it is dropped again in time. Best
     * called after the reading: of a range larger than the window the first part is dropped at
     * once. Cheap when the range is known to be in.
     *
     * @throws IndexOutOfBoundsException if the range is not within the file
     * @throws IllegalStateException if this file is closed
     */
    public void touched(long from, long size) {
        Objects.checkFromIndexSize(from, size, sizeBytes);
        checkOpen();
        if (size == 0) {
            return;
        }
        int first = block(from);
        int last = block(from + size - 1);
        boolean allIn = true;
        for (int block = first; block <= last; block++) {
            if (isSet(in, block)) {
                if (!isSet(again, block)) {
                    set(again, block);
                }
            } else {
                allIn = false;
            }
        }
        if (!allIn) {
            window.enter(this, first, last);
        }
    }

    /**
     * Reads the pages of {@code [from, from + size)} into memory now, and counts them as touched.
     * Call it before a checksum or a codec reads the range: a page that cannot be read is an
     * exception here, and the end of the process there.
     *
     * @throws DamagedPageException if a page cannot be read
     * @throws IndexOutOfBoundsException if the range is not within the file
     */
    public void load(long from, long size) {
        Objects.checkFromIndexSize(from, size, sizeBytes);
        checkOpen();
        try {
            pager.memory().populate(offset + from, size);
        } catch (IOException e) {
            throw new DamagedPageException(
                    file
                            + ": "
                            + size
                            + " bytes at offset "
                            + from
                            + " cannot be read: "
                            + e.getMessage()
                            + "; expected a file of "
                            + sizeBytes
                            + " bytes; restore it",
                    e);
        }
        touched(from, size);
    }

    /** Asks for {@code [from, from + size)} to be read ahead. */
    public void prefetch(long from, long size) {
        Objects.checkFromIndexSize(from, size, sizeBytes);
        checkOpen();
        pager.memory().prefetch(offset + from, size);
    }

    /**
     * Drops the whole blocks that {@code [from, from + size)} touches from memory now.
     *
     * @throws IndexOutOfBoundsException if the range is not within the file
     * @throws IllegalStateException if this file is closed
     */
    public void drop(long from, long size) {
        Objects.checkFromIndexSize(from, size, sizeBytes);
        checkOpen();
        if (size > 0) {
            window.drop(this, block(from), block(from + size - 1));
        }
    }

    private static int block(long position) {
        return (int) (position >>> FileWindow.BLOCK_BITS);
    }

    private static boolean isSet(AtomicLongArray bits, int index) {
        return (bits.getOpaque(index / BITS) & 1L << index) != 0;
    }

    private static void set(AtomicLongArray bits, int index) {
        bits.accumulateAndGet(index / BITS, 1L << index, (word, bit) -> word | bit);
    }

    private static void clear(AtomicLongArray bits, int index) {
        bits.accumulateAndGet(index / BITS, 1L << index, (word, bit) -> word & ~bit);
    }

    /** Called under the window's lock; false if the block was in already. */
    boolean markIn(int block) {
        if (isSet(in, block)) {
            return false;
        }
        set(in, block);
        return true;
    }

    boolean isIn(int block) {
        return isSet(in, block);
    }

    int blockCount() {
        return sizeBytes == 0 ? 0 : block(sizeBytes - 1) + 1;
    }

    /** Called under the window's lock. */
    void markOut(int block) {
        clear(in, block);
    }

    /** Called under the window's lock: whether the block was touched again; it was not, then. */
    boolean takeSecondChance(int block) {
        if (!isSet(again, block)) {
            return false;
        }
        clear(again, block);
        return true;
    }

    /** Whether a file is behind the bytes: a copy in memory would be lost if it were dropped. */
    boolean canBeReadAgain() {
        return lease.isMapped();
    }

    long blockOffset(int block) {
        return offset + ((long) block << FileWindow.BLOCK_BITS);
    }

    long blockBytes(int block) {
        long from = (long) block << FileWindow.BLOCK_BITS;
        return Math.min(FileWindow.BLOCK_BYTES, sizeBytes - from);
    }

    void checkOpen() {
        if (!open.get()) {
            throw new IllegalStateException("mapped file " + file + " is closed");
        }
    }

    /**
     * Unmaps the file. Nobody may be reading it.
     *
     * @throws IllegalStateException if this file is closed already
     */
    @Override
    public void close() {
        if (!open.compareAndSet(true, false)) {
            throw new IllegalStateException("mapped file " + file + " is closed a second time");
        }
        window.remove(this, lease::close);
        pager.forget(this);
    }

    @Override
    public String toString() {
        return "mapped file " + file + " of " + sizeBytes + " bytes";
    }

    /** What an empty file is mapped to: something that has an offset. */
    static Lease leaseFor(NativeMemory memory, Path file, long fileBytes) throws IOException {
        return fileBytes == 0 ? memory.allocate(1) : memory.map(file, 0, fileBytes);
    }
}
