package io.espalier.pager;

import io.espalier.memory.MemoryBudget;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Decides who stays in memory. Images wait in queues: copies of pages, which can go for nothing;
 * then one queue for each band of depths. While the budget is in debt, a pass takes from the copies
 * first, then from the deepest band up. Within a queue it is first in, first out with a second
 * chance: an image that was pinned since the last look goes to the end once. A pass looks at each
 * image twice at most. Pages that are read in place wait in a queue of their own, the window, and
 * leave by the same rule when it is too large.
 *
 * <p>One thread passes at a time, unless the debt exceeds the slack: then everyone who adds to it
 * helps. Thread-safe; the lock is a leaf, held for a few steps only.
 */
final class Residency {

    /** What became of an image that was asked to go. */
    enum Answer {
        GONE,
        SPARED,
        BUSY
    }

    /** What a run of passes did: whether anything went, and the failure that ended it. */
    record Run(boolean progress, @Nullable SpillException failure) {}

    /** Depths from here on are one band. */
    private static final int BANDS = 4;

    private static final int VISITS_MAX = 2;

    private final MemoryBudget budget;
    private final PagerOptions options;
    private final SpillCounters counters;

    private final ReentrantLock lock = new ReentrantLock();
    private final ImageQueue copies = new ImageQueue();
    private final ImageQueue[] bands = new ImageQueue[BANDS];
    private final ImageQueue window = new ImageQueue();

    private final AtomicBoolean passing = new AtomicBoolean();
    private final AtomicLong leavingBytes = new AtomicLong();
    private final AtomicLong windowBytes = new AtomicLong();

    /** Whether the last write failed. */
    private volatile boolean failing;

    Residency(MemoryBudget budget, PagerOptions options, SpillCounters counters) {
        this.budget = budget;
        this.options = options;
        this.counters = counters;
        for (int i = 0; i < BANDS; i++) {
            bands[i] = new ImageQueue();
        }
    }

    /** Queues an image that holds bytes found nowhere else. */
    void enterBand(Image image) {
        enter(image, bands[Math.min(image.depth(), BANDS - 1)]);
    }

    /** Queues an image that holds a copy of its page. */
    void enterCopies(Image image) {
        enter(image, copies);
    }

    /** Queues an image whose page is read in place. */
    void enterWindow(Image image, long bytes) {
        windowBytes.addAndGet(bytes);
        enter(image, window);
    }

    void leaveWindow(Image image, long bytes) {
        windowBytes.addAndGet(-bytes);
        leave(image);
    }

    private void enter(Image image, ImageQueue queue) {
        lock.lock();
        try {
            if (image.queue != null) {
                image.queue.remove(image);
            }
            queue.add(image);
        } finally {
            lock.unlock();
        }
    }

    /** Takes an image out of its queue, if it is in one. */
    void leave(Image image) {
        lock.lock();
        try {
            if (image.queue != null) {
                image.queue.remove(image);
            }
        } finally {
            lock.unlock();
        }
    }

    long windowBytes() {
        return windowBytes.get();
    }

    boolean isWindowFull() {
        return windowBytes.get() > options.pageWindowBytes();
    }

    /** How far the budget is in debt, in bytes; negative while it is not. */
    long debtBytes() {
        return -budget.availableBytes();
    }

    /** Whether more has to go than is on its way already. */
    private boolean mustLeave() {
        return debtBytes() > leavingBytes.get();
    }

    /** Counts bytes that are being written so that they can go. */
    void startLeaving(long bytes) {
        leavingBytes.addAndGet(bytes);
    }

    void endLeaving(long bytes) {
        leavingBytes.addAndGet(-bytes);
    }

    void writeSucceeded() {
        if (failing) {
            failing = false;
        }
    }

    void writeFailed(SpillException failure) {
        failing = true;
        counters.pageOutFailed();
        options.onSpillFailure().accept(failure);
    }

    /**
     * Called before {@code bytes} are charged.
     *
     * @throws SpillException if paging out fails and the charge would exceed what is tolerated
     */
    void admit(long bytes) {
        if (!failing || debtBytes() + bytes <= options.slackBytes()) {
            return;
        }
        SpillException failure = run().failure();
        if (failure != null && debtBytes() + bytes > options.slackBytes()) {
            throw new SpillException(
                    "an image of "
                            + bytes
                            + " bytes is refused: the memory budget of "
                            + budget.totalBytes()
                            + " bytes is "
                            + Math.max(0, debtBytes())
                            + " bytes in debt, "
                            + options.slackBytes()
                            + " are tolerated, and paging out fails; "
                            + failure.getMessage(),
                    failure);
        }
    }

    /**
     * Called after a charge: pages out until the budget is out of debt, or nothing more can go.
     * Leaves it to others if somebody is at it and the debt is tolerable.
     */
    void settle() {
        while (debtBytes() > 0) {
            if (debtBytes() > options.slackBytes()) {
                run();
                return;
            }
            if (!passing.compareAndSet(false, true)) {
                return;
            }
            Run run;
            try {
                run = run();
            } finally {
                passing.set(false);
            }
            if (run.failure() != null || !run.progress()) {
                return;
            }
        }
    }

    /** Passes until the debt is gone or nothing goes. */
    Run run() {
        boolean progress = false;
        try {
            boolean more = true;
            while (more && mustLeave()) {
                more = pass(copies);
                for (int band = BANDS - 1; band >= 0; band--) {
                    more |= pass(bands[band]);
                }
                progress |= more;
            }
            return new Run(progress, null);
        } catch (SpillException e) {
            writeFailed(e);
            return new Run(progress, e);
        }
    }

    /** Drops copies while the budget is in debt; writes nothing. */
    void dropCopies() {
        if (mustLeave()) {
            pass(copies);
        }
    }

    private boolean pass(ImageQueue queue) {
        boolean progress = false;
        for (long visits = visits(queue); visits > 0 && mustLeave(); visits--) {
            Image image = rotate(queue);
            if (image == null) {
                break;
            }
            Answer answer = image.evict();
            progress |= answer == Answer.GONE;
            if (answer == Answer.SPARED) {
                counters.secondChances.increment();
            }
        }
        return progress;
    }

    /** Drops pages that are read in place, unpinned, until the window holds no more than it may. */
    void trimWindow() {
        if (!isWindowFull()) {
            return;
        }
        for (long visits = visits(window); visits > 0 && isWindowFull(); visits--) {
            Image image = rotate(window);
            if (image == null) {
                break;
            }
            image.dropInPlace();
        }
    }

    private long visits(ImageQueue queue) {
        lock.lock();
        try {
            return (long) VISITS_MAX * queue.count();
        } finally {
            lock.unlock();
        }
    }

    private @Nullable Image rotate(ImageQueue queue) {
        lock.lock();
        try {
            return queue.rotate();
        } finally {
            lock.unlock();
        }
    }
}
