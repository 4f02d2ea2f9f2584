package io.espalier.pager;

import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Keeps sealed bytes within a memory budget: what does not fit is written to spill files and read
 * back when it is pinned. One for each store, or one for several.
 *
 * <p>Under the budget nothing is written. When an adopted image brings it into debt, images have to
 * go: copies of pages first, then the deepest and coldest. While the debt is within the slack of
 * the options, the pager's own threads write them, encoding included, and those who adopt go on;
 * beyond it everyone who adopts helps, so that memory stays bounded by the budget, the slack, and
 * what is pinned. An image that dies while it waits is not written. Without such threads, one of
 * those who adopt writes.
 *
 * <p>A page-out that fails (a full disk) loses nothing: the image stays resident, the listener of
 * the options is told, the statistics count it, and the next adoption tries again. Adopting goes on
 * in debt until the slack is used up; then it throws, and the caller keeps its bytes.
 *
 * <p>Thread-safe. No lock is held during I/O but that of the image that is read.
 */
public final class Pager implements AutoCloseable {

    private final NativeMemory memory;
    private final MemoryBudget budget;
    private final SpillCounters counters;
    private final SpillSpace space;
    private final PageStore store;
    private final Residency residency;
    private final FileWindow fileWindow;
    private final boolean hasWriters;
    private final boolean readsAhead;

    /** Null if there are none, or they are a test's. */
    private final @Nullable SpillWriters writers;

    private final AtomicLong open = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Set<PagerRegistration> registrations = ConcurrentHashMap.newKeySet();
    private final LongAdder files = new LongAdder();
    private final LongAdder fileBytes = new LongAdder();

    /** Who made what is open, in debug mode. */
    private final @Nullable Map<Object, Throwable> origins;

    private Pager(
            NativeMemory memory,
            MemoryBudget budget,
            PagerOptions options,
            SpillSegment.Opener opener,
            @Nullable Executor executor) {
        this.memory = memory;
        this.budget = budget;
        this.counters = new SpillCounters();
        this.space = new SpillSpace(memory, options, opener);
        this.store = new PageStore(memory, options, space, counters);
        this.hasWriters = options.writerThreads() > 0;
        this.readsAhead = options.prefetchBytes() > 0;
        this.writers =
                hasWriters && executor == null ? new SpillWriters(options.writerThreads()) : null;
        this.residency = new Residency(budget, options, counters, executor(executor, writers));
        this.fileWindow = new FileWindow(memory, budget, options.fileWindowBytes());
        this.origins = memory.options().debug() ? new ConcurrentHashMap<>() : null;
    }

    private static Executor executor(@Nullable Executor executor, @Nullable SpillWriters writers) {
        if (executor != null) {
            return executor;
        }
        return writers != null
                ? writers
                : task -> {
                    throw new RejectedExecutionException("there are no writers");
                };
    }

    /**
     * Makes a pager. It writes no file before something has to go.
     *
     * @param memory where images live and files are mapped; it is closed after the pager
     * @param budget what resident images are charged to; others may charge it as well
     */
    public static Pager open(NativeMemory memory, MemoryBudget budget, PagerOptions options) {
        return open(memory, budget, options, ChannelSpillFile::open);
    }

    /** With spill files of another kind, for tests of faults. */
    static Pager open(
            NativeMemory memory,
            MemoryBudget budget,
            PagerOptions options,
            SpillSegment.Opener opener) {
        return new Pager(memory, budget, options, opener, null);
    }

    /** With writers that a test makes run. */
    static Pager open(
            NativeMemory memory,
            MemoryBudget budget,
            PagerOptions options,
            SpillSegment.Opener opener,
            Executor writers) {
        return new Pager(memory, budget, options, opener, writers);
    }

    /**
     * Takes over a lease whose bytes are sealed: they never change again. They are charged to the
     * budget, in whole pages as the memory accounts them; if it is in debt then, images are paged
     * out before this returns, maybe this one. That the budget is still in debt afterwards, because
     * everything is pinned or nothing can be written, is no error while the debt is within the
     * slack.
     *
     * @param lease allocated bytes, all of which are the image's; it belongs to the image
     *     afterwards, and still to the caller if this throws
     * @param depth how many merges the bytes have survived; the deepest go first
     * @throws SpillException if paging out fails and the debt would exceed the slack
     * @throws IllegalStateException if this pager is closed
     */
    public Image adopt(Lease lease, int depth) {
        if (lease.memory() != memory || lease.isMapped()) {
            throw new IllegalArgumentException(
                    lease + " was not allocated from this pager's memory; give one that was");
        }
        if (depth < 0) {
            throw new IllegalArgumentException("depth is " + depth + "; give 0 or more");
        }
        lease.checkOpen();
        long bytes = lease.accountedBytes();
        enter();
        Image image;
        boolean done = false;
        try {
            residency.admit(bytes);
            budget.take(bytes);
            image = new Image(this, lease, depth);
            done = true;
        } finally {
            if (!done) {
                open.decrementAndGet();
            }
        }
        remember(image);
        residency.settle();
        fileWindow.trim();
        return image;
    }

    /**
     * Maps a durable file whole, for reading in place. The file may be empty.
     *
     * @throws IOException if it cannot be opened or mapped
     * @throws IllegalStateException if this pager is closed
     */
    public MappedFile map(Path file) throws IOException {
        enter();
        boolean done = false;
        try {
            long sizeBytes = Files.size(file);
            MappedFile mapped =
                    mapped(file, MappedFile.leaseFor(memory, file, sizeBytes), sizeBytes);
            done = true;
            return mapped;
        } finally {
            if (!done) {
                open.decrementAndGet();
            }
        }
    }

    /**
     * The same for a file that its owner has mapped whole.
     *
     * @param file how to call it in messages
     * @param lease its bytes, in this pager's memory; it belongs to the mapped file afterwards
     * @throws IllegalStateException if this pager is closed
     */
    public MappedFile map(Path file, Lease lease) {
        enter();
        return mapped(file, lease, lease.sizeBytes());
    }

    private MappedFile mapped(Path file, Lease lease, long sizeBytes) {
        MappedFile mapped = new MappedFile(this, fileWindow, file, lease, sizeBytes);
        files.increment();
        fileBytes.add(sizeBytes);
        remember(mapped);
        return mapped;
    }

    /**
     * Pages out until the budget is out of debt or nothing more can go. Call it after the budget
     * was made smaller; adopting does it unasked.
     *
     * @return whether the budget is out of debt
     * @throws SpillException if a page cannot be written; what was not written stays resident
     */
    public boolean relieve() {
        SpillException failure = residency.relieve().failure();
        if (failure != null) {
            throw failure;
        }
        return residency.debtBytes() <= 0;
    }

    /** What this pager holds and has done. */
    public SpillStats stats() {
        long usedBytes = budget.usedBytes();
        long totalBytes = budget.totalBytes();
        SpillSpace.Usage usage = space.usage();
        return new SpillStats(
                new SpillStats.Budget(totalBytes, usedBytes, Math.max(0, usedBytes - totalBytes)),
                counters.images(),
                counters.pagedOut(),
                counters.pagedIn(),
                counters.policy(),
                counters.writers(
                        residency.queues().queuedImages(), residency.queues().queuedBytes()),
                counters.prefetch(residency.queues().aheadBytes()),
                new SpillStats.Segments(
                        usage.segments(),
                        usage.segmentBytes(),
                        usage.usedBytes(),
                        usage.freeExtents(),
                        usage.freeBytes(),
                        usage.freeBackedBytes(),
                        usage.punchedBytes()),
                new SpillStats.Mapped(
                        counters.inPlaceBytes.sum(),
                        counters.pageDrops.sum(),
                        files.sum(),
                        fileBytes.sum(),
                        fileWindow.touchedBytes(),
                        fileWindow.droppedBytes()));
    }

    /**
     * Shows the statistics as a {@link PagerMXBean} named {@code io.espalier:type=Pager,name=...}
     * on the platform's server of managed beans, until the answer or this pager is closed.
     *
     * @param name what to call it there; quoted if it has signs that such names do not allow
     * @throws IllegalStateException if a pager has that name already, or this one is closed
     */
    public PagerRegistration register(String name) {
        if (closed.get()) {
            throw new IllegalStateException("pager is closed");
        }
        PagerRegistration registration = PagerRegistration.of(this, name, registrations::remove);
        registrations.add(registration);
        return registration;
    }

    /** The memory that images and mapped files are in. */
    public NativeMemory memory() {
        return memory;
    }

    /** The budget that resident images are charged to. */
    public MemoryBudget budget() {
        return budget;
    }

    /** Whether there are threads that write and read ahead. */
    boolean hasWriters() {
        return hasWriters;
    }

    /** Whether it makes sense to ask for anything ahead. */
    boolean readsAhead() {
        return readsAhead;
    }

    PageStore store() {
        return store;
    }

    Residency residency() {
        return residency;
    }

    ImageQueues queues() {
        return residency.queues();
    }

    SpillCounters counters() {
        return counters;
    }

    private void enter() {
        open.incrementAndGet();
        if (closed.get()) {
            open.decrementAndGet();
            throw new IllegalStateException("pager is closed");
        }
    }

    private void remember(Object owner) {
        if (origins != null) {
            origins.put(owner, new Throwable(owner + " made here"));
        }
    }

    void forget(Image image) {
        left(image);
    }

    void forget(MappedFile file) {
        files.decrement();
        fileBytes.add(-file.sizeBytes());
        left(file);
    }

    private void left(Object owner) {
        if (origins != null) {
            origins.remove(owner);
        }
        open.decrementAndGet();
    }

    /**
     * Closes the spill files. Closing twice is harmless.
     *
     * @throws IllegalStateException if images or mapped files are open; nothing is closed then. In
     *     debug mode of the memory the suppressed exceptions say who made them
     */
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        long left = open.get();
        if (left != 0) {
            closed.set(false);
            IllegalStateException e =
                    new IllegalStateException(
                            "pager is closed while "
                                    + left
                                    + " images and mapped files are open; close them first"
                                    + (origins == null
                                            ? "; -Despalier.memory.debug=true says who made them"
                                            : ""));
            if (origins != null) {
                origins.values().stream().limit(ORIGINS_MAX).forEach(e::addSuppressed);
            }
            throw e;
        }
        registrations.forEach(PagerRegistration::close);
        if (writers != null) {
            writers.close();
        }
        space.close();
    }

    private static final int ORIGINS_MAX = 5;
}
