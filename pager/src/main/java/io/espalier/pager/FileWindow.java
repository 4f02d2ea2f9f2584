package io.espalier.pager;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Which blocks of the mapped files may be in memory because somebody touched them. They may take
 * what the budget leaves, and a window on top of it; beyond that the oldest go, those touched again
 * get a second chance. It is a ring of (file, block) pairs: its length is bounded by the limit.
 *
 * <p>Thread-safe. Pages are dropped under the lock, so that a file cannot be closed, and its
 * addresses given to others, in between.
 */
final class FileWindow {

    /** What the system maps around a fault in any case, so that less would count too little. */
    static final int BLOCK_BITS = 16;

    static final long BLOCK_BYTES = 1L << BLOCK_BITS;

    /**
     * How far from a block that is touched the system may map others along with it: it maps all
     * that it keeps together in its cache, and nothing of that is larger.
     */
    private static final int ALONG_BLOCKS_MAX = (2 << 20) >>> BLOCK_BITS;

    private static final int CAPACITY_MIN = 64;

    private final NativeMemory memory;
    private final MemoryBudget budget;
    private final long bytesMax;

    private final ReentrantLock lock = new ReentrantLock();
    // all guarded by lock, count may be read without; a power of two long
    private @Nullable MappedFile[] files = new @Nullable MappedFile[CAPACITY_MIN];
    private int[] blocks = new int[CAPACITY_MIN];
    private int head;
    private volatile int count;
    private long droppedBytes;

    FileWindow(NativeMemory memory, MemoryBudget budget, long bytesMax) {
        this.memory = memory;
        this.budget = budget;
        this.bytesMax = bytesMax;
    }

    private long blocksMax() {
        return (bytesMax + Math.max(0, budget.availableBytes())) >>> BLOCK_BITS;
    }

    /**
     * Takes the blocks in {@code [first, last]} that are not in yet, then drops what is too much.
     */
    void enter(MappedFile file, int first, int last) {
        lock.lock();
        try {
            file.checkOpen();
            boolean entered = false;
            for (int block = first; block <= last; block++) {
                if (file.markIn(block)) {
                    push(file, block);
                    entered = true;
                }
            }
            if (entered) {
                dropAlong(file, first, last);
            }
            shrink();
        } finally {
            lock.unlock();
        }
    }

    /** Drops what was mapped along with blocks that entered, and is not in itself. */
    private void dropAlong(MappedFile file, int first, int last) {
        int end = Math.min(file.blockCount(), last + 1 + ALONG_BLOCKS_MAX);
        int from = Math.max(0, first - ALONG_BLOCKS_MAX);
        for (int block = from; block < end; block++) {
            if (file.isIn(block)) {
                if (from < block) {
                    discard(file, from, block - 1);
                }
                from = block + 1;
            }
        }
        if (from < end) {
            discard(file, from, end - 1);
        }
    }

    /** Drops what is too much since others took of the budget. Cheap when nothing is. */
    void trim() {
        if (count <= blocksMax()) {
            return;
        }
        lock.lock();
        try {
            shrink();
        } finally {
            lock.unlock();
        }
    }

    private void shrink() {
        long blocksMax = blocksMax();
        long visits = 2L * count;
        // neighbours go with one call
        MappedFile going = null;
        int first = 0;
        int last = -1;
        while (count > blocksMax && visits-- > 0) {
            MappedFile oldest = at(0);
            int block = blocks[head];
            pop();
            if (oldest.takeSecondChance(block)) {
                push(oldest, block);
                continue;
            }
            oldest.markOut(block);
            droppedBytes += oldest.blockBytes(block);
            if (going == oldest && block == last + 1) {
                last = block;
                continue;
            }
            if (going != null) {
                discard(going, first, last);
            }
            going = oldest;
            first = block;
            last = block;
        }
        if (going != null) {
            discard(going, first, last);
        }
    }

    /** Drops the blocks in {@code [first, last]} now, whether they were touched or not. */
    void drop(MappedFile file, int first, int last) {
        lock.lock();
        try {
            file.checkOpen();
            for (int i = count; i > 0; i--) {
                MappedFile other = at(0);
                int block = blocks[head];
                pop();
                if (other == file && block >= first && block <= last) {
                    file.takeSecondChance(block);
                    file.markOut(block);
                    droppedBytes += file.blockBytes(block);
                } else {
                    push(other, block);
                }
            }
            discard(file, first, last);
        } finally {
            lock.unlock();
        }
    }

    private void discard(MappedFile file, int first, int last) {
        if (!file.canBeReadAgain()) {
            return;
        }
        long from = file.blockOffset(first);
        // up to the last page of the file and no further: what follows belongs to others
        long to = file.blockOffset(last) + Extent.pagesUp(file.blockBytes(last));
        memory.discard(from, to - from);
    }

    /** Runs {@code close} while no block of any file is dropped; afterwards none is left of it. */
    void remove(MappedFile file, Runnable close) {
        lock.lock();
        try {
            for (int i = count; i > 0; i--) {
                MappedFile other = at(0);
                int block = blocks[head];
                pop();
                if (other != file) {
                    push(other, block);
                }
            }
            close.run();
        } finally {
            lock.unlock();
        }
    }

    long touchedBytes() {
        lock.lock();
        try {
            long bytes = 0;
            for (int i = 0; i < count; i++) {
                bytes += at(i).blockBytes(blocks[(head + i) & (blocks.length - 1)]);
            }
            return bytes;
        } finally {
            lock.unlock();
        }
    }

    long droppedBytes() {
        lock.lock();
        try {
            return droppedBytes;
        } finally {
            lock.unlock();
        }
    }

    private MappedFile at(int index) {
        MappedFile file = files[(head + index) & (files.length - 1)];
        if (file == null) {
            throw new AssertionError("the ring of mapped blocks is broken");
        }
        return file;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // written under the lock
    private void push(MappedFile file, int block) {
        if (count == files.length) {
            grow();
        }
        int at = (head + count) & (files.length - 1);
        files[at] = file;
        blocks[at] = block;
        count++;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // written under the lock
    private void pop() {
        files[head] = null;
        head = (head + 1) & (files.length - 1);
        count--;
    }

    private void grow() {
        int capacity = files.length * 2;
        @Nullable MappedFile[] moreFiles = new @Nullable MappedFile[capacity];
        int[] moreBlocks = new int[capacity];
        for (int i = 0; i < count; i++) {
            moreFiles[i] = at(i);
            moreBlocks[i] = blocks[(head + i) & (blocks.length - 1)];
        }
        files = moreFiles;
        blocks = moreBlocks;
        head = 0;
    }
}
