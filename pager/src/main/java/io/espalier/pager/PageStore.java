package io.espalier.pager;

import io.espalier.memory.FastSum;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.OutOfNativeMemoryException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Writes the bytes of images into the spill files and reads them back: codec, checksum, errors. It
 * knows nothing of who is resident. Thread-safe; its methods do I/O.
 */
final class PageStore {

    /**
     * Small enough for the second level cache, large enough that the system call does not count. A
     * multiple of {@link FastSum#BLOCK_BYTES}.
     */
    private static final long READ_BLOCK_BYTES = 1L << 19;

    /**
     * What is left over a block goes with it, up to this: images are a little above round sizes.
     */
    private static final long READ_REST_BYTES = 1L << 17;

    private final NativeMemory memory;
    private final PagerOptions options;
    private final SpillSpace space;
    private final SpillCounters counters;
    private final SpentLeases leases;

    PageStore(NativeMemory memory, PagerOptions options, SpillSpace space, SpillCounters counters) {
        this.memory = memory;
        this.options = options;
        this.space = space;
        this.counters = counters;
        this.leases = new SpentLeases(memory);
    }

    /**
     * Writes {@code sizeBytes} bytes at {@code offset} of the memory, which the caller keeps alive.
     *
     * @throws SpillException if they cannot be written; nothing is kept of them then
     */
    StoredPage write(long offset, long sizeBytes, int depth) {
        long startNanos = System.nanoTime();
        PageOutEvent event = new PageOutEvent();
        event.begin();
        StoredPage page = null;
        try {
            Codec codec = codecFor(sizeBytes, depth);
            page = codec == Codec.NONE ? null : writeEncoded(codec, offset, sizeBytes);
            if (page == null) {
                page = writeBytes(Codec.NONE, offset, sizeBytes, sizeBytes);
            }
            counters.pagedOut(sizeBytes, page, System.nanoTime() - startNanos);
            return page;
        } finally {
            if (event.shouldCommit()) {
                event.commit(sizeBytes, depth, page);
            }
        }
    }

    private Codec codecFor(long sizeBytes, int depth) {
        // what fits one page cannot become a page smaller
        return sizeBytes <= Extent.PAGE_BYTES || sizeBytes > Codec.BLOCK_BYTES_MAX
                ? Codec.NONE
                : options.codecPolicy().codec(depth, sizeBytes);
    }

    /** Writes encoded bytes; null, and nothing done, if that saves no page. */
    private @Nullable StoredPage writeEncoded(Codec codec, long offset, long sizeBytes) {
        long room = codec.encodedBytesMax(sizeBytes);
        Lease scratch;
        try {
            scratch = leases.take(room);
        } catch (OutOfNativeMemoryException e) {
            // no room to encode: write it as it is, which needs none and makes some
            return null;
        }
        try {
            long encodedBytes = codec.encode(memory, offset, sizeBytes, scratch.offset(), room);
            if (Extent.pagesUp(encodedBytes) >= Extent.pagesUp(sizeBytes)) {
                return null;
            }
            return writeBytes(codec, scratch.offset(), encodedBytes, sizeBytes);
        } finally {
            leases.giveBack(scratch);
        }
    }

    private StoredPage writeBytes(Codec codec, long offset, long storedBytes, long rawBytes) {
        long checksum = FastSum.of(memory.segment(), offset, storedBytes);
        Extent extent;
        try {
            extent = space.allocate(storedBytes);
        } catch (IOException e) {
            throw new SpillException(
                    "cannot make a spill file of "
                            + options.segmentBytes()
                            + " bytes in "
                            + options.spillDirectory()
                            + ": "
                            + reason(e)
                            + "; the image of "
                            + rawBytes
                            + " bytes stays in memory; make the directory writable, free space on"
                            + " its disk, or give another spill directory",
                    e);
        }
        try {
            extent.segment().write(memory.segment(), offset, storedBytes, extent.position());
        } catch (IOException e) {
            space.free(extent);
            throw new SpillException(
                    extent.segment()
                            + ": cannot write "
                            + storedBytes
                            + " bytes at offset "
                            + extent.position()
                            + ": "
                            + reason(e)
                            + "; the image of "
                            + rawBytes
                            + " bytes stays in memory; free space on the disk of "
                            + options.spillDirectory()
                            + ", or give another spill directory or a larger budget",
                    e);
        }
        return new StoredPage(extent, codec, storedBytes, checksum);
    }

    private static String reason(IOException e) {
        String message = e.getMessage();
        String kind = e.getClass().getSimpleName();
        return message == null ? kind : kind.equals("IOException") ? message : kind + " " + message;
    }

    /**
     * Brings the mapped bytes of a page in and checks them. They are {@linkplain #forget forgotten}
     * in any case.
     *
     * @throws DamagedPageException if they are not what was written
     */
    void verifyInPlace(StoredPage page) {
        long offset = page.mappedOffset();
        page.extent().segment().enterPlace(page.extent());
        try {
            // at once and first: by loads, a page that cannot be read is an InternalError
            memory.populate(offset, page.storedBytes());
        } catch (IOException e) {
            throw damaged(page, "cannot be read: " + e.getMessage(), e);
        }
        check(page, FastSum.of(memory.segment(), offset, page.storedBytes()));
    }

    /**
     * Reads, checks and decodes a page into a lease, which {@link #unload} ends.
     *
     * @throws DamagedPageException if the bytes are not what was written
     */
    Lease load(StoredPage page, long sizeBytes) {
        Lease raw = leases.take(sizeBytes);
        boolean done = false;
        try {
            read(page, memory, raw.offset(), sizeBytes);
            done = true;
            return raw;
        } finally {
            if (!done) {
                leases.giveBack(raw);
            }
        }
    }

    /** Memory to read a page into, for a moment; {@link #unload} ends it. */
    Lease scratch(long sizeBytes) {
        return leases.take(sizeBytes);
    }

    /** Ends a lease that {@link #load} or {@link #scratch} gave. */
    void unload(Lease raw) {
        leases.giveBack(raw);
    }

    /**
     * Reads, checks and decodes a page into memory of the caller, which holds anything if this
     * throws. The bytes come through the file, not through its mapping: where they are copied in
     * any case, that spares a page fault for every 4 KiB.
     *
     * @throws DamagedPageException if the bytes are not what was written
     */
    void read(StoredPage page, NativeMemory target, long offset, long sizeBytes) {
        if (page.codec() == Codec.NONE) {
            assert page.storedBytes() == sizeBytes;
            readStored(page, target.segment(), offset);
            return;
        }
        Lease stored = leases.take(page.storedBytes());
        try {
            readStored(page, memory.segment(), stored.offset());
            page.codec()
                    .decode(memory, stored.offset(), page.storedBytes(), target, offset, sizeBytes);
        } catch (IllegalArgumentException e) {
            throw damaged(page, "has the right checksum, but " + e.getMessage(), e);
        } finally {
            leases.giveBack(stored);
        }
    }

    /** Reads the stored bytes, each block checked while it is in the cache. */
    private void readStored(StoredPage page, MemorySegment target, long offset) {
        Extent extent = page.extent();
        long sum = FastSum.start(page.storedBytes());
        long done = 0;
        while (done < page.storedBytes()) {
            long left = page.storedBytes() - done;
            long count = left <= READ_BLOCK_BYTES + READ_REST_BYTES ? left : READ_BLOCK_BYTES;
            try {
                extent.segment().read(extent.position() + done, target, offset + done, count);
            } catch (IOException e) {
                throw damaged(page, "cannot be read: " + e.getMessage(), e);
            }
            sum = FastSum.add(sum, target, offset + done, count);
            done += count;
        }
        check(page, sum);
    }

    /** Drops the mapped bytes of a page from memory; the page cache keeps them. */
    void forget(StoredPage page) {
        page.extent().segment().leavePlace(memory, page.extent());
    }

    /** Asks for the stored bytes to be read ahead. */
    void prefetch(StoredPage page) {
        if (page.extent().segment().isMapped()) {
            memory.prefetch(page.mappedOffset(), page.storedBytes());
        }
    }

    /** Gives the place of a page back. */
    void free(StoredPage page) {
        space.free(page.extent());
    }

    private void check(StoredPage page, long found) {
        if (found != page.checksum()) {
            throw damaged(
                    page,
                    String.format("has checksum 0x%016x, expected 0x%016x", found, page.checksum()),
                    null);
        }
    }

    private DamagedPageException damaged(StoredPage page, String what, @Nullable Throwable cause) {
        counters.damaged();
        return new DamagedPageException(
                page
                        + " "
                        + what
                        + "; the page is lost, and with it what was not yet durable elsewhere;"
                        + " check the disk, then reopen the store, which recovers what is durable",
                cause);
    }
}
