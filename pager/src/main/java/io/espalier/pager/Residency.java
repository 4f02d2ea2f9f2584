package io.espalier.pager;

import io.espalier.memory.MemoryBudget;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Decides who stays in memory. Images wait in queues: copies of pages, which can go for nothing;
 * then one queue for each band of depths. While the budget is in debt, a pass takes from the copies
 * first, then from the deepest band up. Within a queue it is first in, first out with a second
 * chance: an image that was pinned since the last look goes to the end once. A pass looks at each
 * image twice at most. Pages that are read in place wait in a queue of their own, the window, and
 * leave by the same rule when it is too large; what was read ahead waits in yet another, until
 * somebody pins it.
 *
 * <p>With writers, a pass within the slack does not write: it queues images for them. Beyond the
 * slack the one who adds to the debt takes images from that queue and writes as well, until the
 * debt is tolerable: so the slack bounds what the writers may be behind. Without writers, one
 * thread passes at a time and writes, unless the debt exceeds the slack: then everyone who adds to
 * it helps.
 *
 * <p>Thread-safe; the lock is a leaf, held for a few steps only.
 */
final class Residency {

    /** What became of an image that was asked to go. */
    enum Answer {
        GONE,
        SPARED,
        BUSY,
        /** The queue of the writers is full. */
        FULL
    }

    /** What a run of passes did: whether anything went, and the failure that ended it. */
    record Run(boolean progress, @Nullable SpillException failure) {}

    /** Depths from here on are one band. */
    private static final int BANDS = 4;

    private static final int VISITS_MAX = 2;

    private final MemoryBudget budget;
    private final PagerOptions options;
    private final SpillCounters counters;
    private final Executor writers;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition left = lock.newCondition();
    // all guarded by lock
    private final ImageQueue copies = new ImageQueue();
    private final ImageQueue[] bands = new ImageQueue[BANDS];
    private final ImageQueue window = new ImageQueue();
    private final ImageQueue ahead = new ImageQueue();
    private final ImageQueue leaving = new ImageQueue();
    private final ImageQueue wanted = new ImageQueue();

    /** Calls of the writers that they have not followed yet: at least one for each image queued. */
    private int calls;

    private final AtomicBoolean passing = new AtomicBoolean();

    /** Charges of images that are being written; they change together, under the lock. */
    private final AtomicLong leavingBytes = new AtomicLong();

    /** Charges of images that wait to be written. */
    private final AtomicLong queuedBytes = new AtomicLong();

    private final AtomicLong windowBytes = new AtomicLong();
    private final AtomicLong aheadBytes = new AtomicLong();

    /** Why the last write failed; null if it did not. */
    private volatile @Nullable SpillException failure;

    /** Whether the last pass that a writer made found nothing to queue. */
    private volatile boolean dry;

    Residency(MemoryBudget budget, PagerOptions options, SpillCounters counters, Executor writers) {
        this.budget = budget;
        this.options = options;
        this.counters = counters;
        this.writers = writers;
        for (int i = 0; i < BANDS; i++) {
            bands[i] = new ImageQueue();
        }
    }

    // ---- queues -------------------------------------------------------------------------------

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

    /** Queues an image that was brought in for a pin that is to come. */
    void enterAhead(Image image) {
        enter(image, ahead);
    }

    private void enter(Image image, ImageQueue queue) {
        lock.lock();
        try {
            unlink(image);
            queue.add(image);
        } finally {
            lock.unlock();
        }
    }

    /** Takes an image out of its queue, if it is in one; whether that was the writers'. */
    boolean leave(Image image) {
        lock.lock();
        try {
            return unlink(image);
        } finally {
            lock.unlock();
        }
    }

    private boolean unlink(Image image) {
        ImageQueue queue = image.queue;
        if (queue == null) {
            return false;
        }
        queue.remove(image);
        if (queue != leaving) {
            return false;
        }
        queuedBytes.addAndGet(-image.chargeBytes());
        return true;
    }

    /** Queues an image for the writers, unless they have enough to do. Called by the image. */
    Answer enterLeaving(Image image) {
        lock.lock();
        try {
            if (!takeMore(image.chargeBytes())) {
                return Answer.FULL;
            }
            unlink(image);
            leaving.add(image);
            image.queuedNanos = System.nanoTime();
            queuedBytes.addAndGet(image.chargeBytes());
        } finally {
            lock.unlock();
        }
        callWriter();
        return Answer.GONE;
    }

    private boolean takeMore(long bytes) {
        long aheadOfIt = queuedBytes.get() + leavingBytes.get();
        return leaving.count() < options.writeQueueImages()
                && (aheadOfIt == 0 || aheadOfIt + bytes <= options.slackBytes());
    }

    private void callWriter() {
        lock.lock();
        try {
            if (calls >= leaving.count() + wanted.count()) {
                return;
            }
            calls++;
        } finally {
            lock.unlock();
        }
        try {
            writers.execute(this::work);
        } catch (RejectedExecutionException | OutOfMemoryError e) {
            // no thread is to be had: what is queued is written by those who adopt, when it must be
            lock.lock();
            try {
                calls--;
            } finally {
                lock.unlock();
            }
        }
    }

    /** What a writer does when it is called: one image comes or goes. */
    private void work() {
        Image image;
        lock.lock();
        try {
            calls--;
            image = wanted.first();
            if (image != null) {
                unlink(image);
            }
        } finally {
            lock.unlock();
        }
        try {
            if (image != null) {
                image.bringAhead();
                settleBehind();
            } else {
                writeOne();
            }
        } catch (RuntimeException | Error e) {
            writeFailed(
                    new SpillException(
                            "a thread that pages out met "
                                    + e
                                    + "; what it was at stays in memory; this is an error of the"
                                    + " program or of its options",
                            e));
        }
    }

    /** The longest waiting image of the writers' queue; it counts as being written from here. */
    private @Nullable Image takeLeaving() {
        lock.lock();
        try {
            Image image = leaving.first();
            if (image == null) {
                return null;
            }
            unlink(image);
            leavingBytes.addAndGet(image.chargeBytes());
            counters.waited(System.nanoTime() - image.queuedNanos);
            return image;
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

    long queuedImages() {
        lock.lock();
        try {
            return leaving.count();
        } finally {
            lock.unlock();
        }
    }

    long queuedBytes() {
        return queuedBytes.get();
    }

    long aheadBytes() {
        return aheadBytes.get();
    }

    /** Asks the writers to bring an image in; false if they hold as much as they may. */
    boolean want(Image image, long bytes) {
        if (!reserveAhead(bytes)) {
            dropOldestAhead();
            if (!reserveAhead(bytes)) {
                return false;
            }
        }
        enter(image, wanted);
        callWriter();
        return true;
    }

    private boolean reserveAhead(long bytes) {
        while (true) {
            long held = aheadBytes.get();
            if (held + bytes > options.prefetchBytes()) {
                return false;
            }
            if (aheadBytes.compareAndSet(held, held + bytes)) {
                return true;
            }
        }
    }

    /** An image that was wanted, or brought in ahead, is not any more. */
    void releaseAhead(long bytes) {
        aheadBytes.addAndGet(-bytes);
    }

    private void dropOldestAhead() {
        Image image = rotate(ahead);
        if (image != null) {
            image.dropAhead();
        }
    }

    // ---- debt ---------------------------------------------------------------------------------

    /** How far the budget is in debt, in bytes; negative while it is not. */
    long debtBytes() {
        return -budget.availableBytes();
    }

    /** Whether more has to go than is on its way already, so that the debt is tolerable. */
    private boolean mustLeave(long tolerableBytes) {
        return debtBytes() - leavingBytes.get() > tolerableBytes;
    }

    private boolean mustQueue() {
        return debtBytes() > leavingBytes.get() + queuedBytes.get();
    }

    private boolean writesBehind() {
        return options.writerThreads() > 0 && options.slackBytes() > 0 && failure == null;
    }

    /** Counts bytes that are being written so that they can go. */
    void startLeaving(long bytes) {
        leavingBytes.addAndGet(bytes);
    }

    void endLeaving(long bytes) {
        leavingBytes.addAndGet(-bytes);
        if (options.writerThreads() > 0) {
            lock.lock();
            try {
                left.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    void writeSucceeded() {
        if (failure != null) {
            failure = null;
        }
    }

    void writeFailed(SpillException failure) {
        this.failure = failure;
        counters.pageOutFailed();
        options.onSpillFailure().accept(failure);
    }

    /**
     * Called before {@code bytes} are charged.
     *
     * @throws SpillException if paging out fails and the charge would exceed what is tolerated
     */
    void admit(long bytes) {
        if (failure == null || debtBytes() + bytes <= options.slackBytes()) {
            return;
        }
        SpillException failed = run(0).failure();
        if (failed != null && debtBytes() + bytes > options.slackBytes()) {
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
                            + failed.getMessage(),
                    failed);
        }
    }

    /**
     * Called after a charge: sees to it that what is too much goes. Leaves it to the writers, or to
     * another thread that is at it, while the debt is tolerable.
     */
    void settle() {
        if (debtBytes() <= 0) {
            return;
        }
        long slackBytes = options.slackBytes();
        if (writesBehind()) {
            queueWrites();
            if (debtBytes() > slackBytes) {
                long startNanos = System.nanoTime();
                run(slackBytes);
                counters.heldBack(System.nanoTime() - startNanos);
            }
            return;
        }
        while (debtBytes() > 0) {
            if (debtBytes() > slackBytes) {
                long startNanos = System.nanoTime();
                run(0);
                counters.heldBack(System.nanoTime() - startNanos);
                return;
            }
            if (!passing.compareAndSet(false, true)) {
                return;
            }
            Run run;
            try {
                run = run(0);
            } finally {
                passing.set(false);
            }
            if (run.failure() != null || !run.progress()) {
                return;
            }
        }
    }

    /** Makes room for what was brought in, if there are writers to do so; waits for nothing. */
    void settleBehind() {
        if (mustQueue() && writesBehind()) {
            queueWrites();
        }
    }

    /** Drops copies and gives the writers as much as must go; writes nothing. */
    private void queueWrites() {
        if (!mustQueue() || !passing.compareAndSet(false, true)) {
            return;
        }
        try {
            passBehind(copies);
            for (int band = BANDS - 1; band >= 0; band--) {
                if (!passBehind(bands[band])) {
                    return;
                }
            }
        } finally {
            passing.set(false);
        }
    }

    /** False if the writers take no more. */
    private boolean passBehind(ImageQueue queue) {
        for (long visits = visits(queue); visits > 0 && mustQueue(); visits--) {
            Image image = rotateForWriters(queue);
            if (image == null) {
                return visits(queue) == 0;
            }
            switch (image.leaveBehind()) {
                case SPARED -> counters.secondChances.increment();
                case FULL -> {
                    return false;
                }
                case GONE, BUSY -> {}
            }
        }
        return true;
    }

    /** Null also if the first image is one that the writers do not take; it stays the first. */
    private @Nullable Image rotateForWriters(ImageQueue queue) {
        lock.lock();
        try {
            Image image = queue.first();
            return image == null || (queue != copies && !takeMore(image.chargeBytes()))
                    ? null
                    : queue.rotate();
        } finally {
            lock.unlock();
        }
    }

    /** The longest waiting image goes, if it still must. */
    private void writeOne() {
        Image image = takeLeaving();
        if (image == null) {
            return;
        }
        boolean gone = false;
        try {
            // its own bytes count as leaving by now
            boolean needed = debtBytes() > leavingBytes.get() - image.chargeBytes();
            gone = image.evictQueued(needed) == Answer.GONE;
        } catch (SpillException e) {
            writeFailed(e);
            withdrawAll();
            return;
        } finally {
            endLeaving(image.chargeBytes());
        }
        if (gone) {
            counters.backgroundWrites.increment();
            dry = false;
        } else {
            counters.writesWithdrawn.increment();
        }
        // what did not go is made up for by others; once, or images that are touched all the time
        // would keep a writer busy with asking them
        if (!dry && mustQueue() && writesBehind()) {
            dry = !gone;
            queueWrites();
        }
    }

    /** After a failure, nobody tries the others before somebody has to. */
    private void withdrawAll() {
        for (Image image = takeLeaving(); image != null; image = takeLeaving()) {
            try {
                image.evictQueued(false);
                counters.writesWithdrawn.increment();
            } finally {
                endLeaving(image.chargeBytes());
            }
        }
    }

    /**
     * Writes until the debt is gone or nothing goes any more, the writers' images included, and
     * waits for what they are at.
     */
    Run relieve() {
        while (true) {
            Run run = run(0);
            if (run.failure() != null || debtBytes() <= 0) {
                return run;
            }
            lock.lock();
            try {
                if (leavingBytes.get() == 0 || options.writerThreads() == 0) {
                    SpillException failed = failure;
                    // told once: the next one tries anew
                    failure = null;
                    return new Run(run.progress(), failed);
                }
                left.awaitUninterruptibly();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Passes until the debt is tolerable or nothing goes. */
    private Run run(long tolerableBytes) {
        boolean progress = false;
        try {
            boolean more = true;
            while (more && mustLeave(tolerableBytes)) {
                more = pass(copies, tolerableBytes);
                more |= passLeaving(tolerableBytes);
                for (int band = BANDS - 1; band >= 0; band--) {
                    more |= pass(bands[band], tolerableBytes);
                }
                if (!more && mustLeave(tolerableBytes)) {
                    more = passAhead() || passWindow();
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
        if (mustLeave(0)) {
            pass(copies, 0);
        }
    }

    private boolean pass(ImageQueue queue, long tolerableBytes) {
        boolean progress = false;
        for (long visits = visits(queue); visits > 0 && mustLeave(tolerableBytes); visits--) {
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

    /** Takes from the writers what they have not begun. */
    private boolean passLeaving(long tolerableBytes) {
        boolean progress = false;
        while (mustLeave(tolerableBytes)) {
            Image image = takeLeaving();
            if (image == null) {
                break;
            }
            try {
                progress |= image.evictQueued(true) == Answer.GONE;
            } finally {
                endLeaving(image.chargeBytes());
            }
        }
        return progress;
    }

    private boolean passAhead() {
        boolean progress = false;
        for (long visits = visits(ahead); visits > 0 && mustLeave(0); visits--) {
            Image image = rotate(ahead);
            if (image == null) {
                break;
            }
            progress |= image.dropAhead();
        }
        return progress;
    }

    /** Drops pages of the window, unpinned, while the budget is in debt. */
    private boolean passWindow() {
        long before = windowBytes();
        for (long visits = visits(window); visits > 0 && mustLeave(0); visits--) {
            Image image = rotate(window);
            if (image == null) {
                break;
            }
            image.dropInPlace();
        }
        return windowBytes() < before;
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
