package io.espalier.pager;

import io.espalier.memory.MemoryBudget;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
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
 * <p>Thread-safe.
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

    private final MemoryBudget budget;
    private final PagerOptions options;
    private final SpillCounters counters;
    private final Executor writers;

    private final ImageQueues queues;

    private final AtomicBoolean passing = new AtomicBoolean();

    /** Why the last write failed; null if it did not. */
    private volatile @Nullable SpillException failure;

    /** Whether the last pass that a writer made found nothing to queue. */
    private volatile boolean dry;

    Residency(MemoryBudget budget, PagerOptions options, SpillCounters counters, Executor writers) {
        this.budget = budget;
        this.options = options;
        this.counters = counters;
        this.writers = writers;
        this.queues = new ImageQueues(options, counters);
    }

    // ---- writers ------------------------------------------------------------------------------

    /** Where images wait. */
    ImageQueues queues() {
        return queues;
    }

    /** Queues an image for the writers, unless they have enough to do. Called by the image. */
    Answer enterLeaving(Image image) {
        if (!queues.enterLeaving(image)) {
            return Answer.FULL;
        }
        callWriter();
        return Answer.GONE;
    }

    private void callWriter() {
        if (!queues.call()) {
            return;
        }
        try {
            writers.execute(this::work);
        } catch (RejectedExecutionException | OutOfMemoryError e) {
            // no thread is to be had: what is queued is written by those who adopt, when it must be
            queues.uncall();
        }
    }

    /** What a writer does when it is called: one image comes or goes. */
    private void work() {
        Image image = queues.takeWanted();
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

    /** Asks the writers to bring an image in; false if they hold as much as they may. */
    boolean want(Image image, long bytes) {
        if (!queues.reserveAhead(bytes)) {
            dropOldestAhead();
            if (!queues.reserveAhead(bytes)) {
                return false;
            }
        }
        queues.enterWanted(image);
        callWriter();
        return true;
    }

    private void dropOldestAhead() {
        Image image = queues.rotate(queues.ahead);
        if (image != null) {
            ImageLeaving.dropAhead(image);
        }
    }

    // ---- debt ---------------------------------------------------------------------------------

    /** How far the budget is in debt, in bytes; negative while it is not. */
    long debtBytes() {
        return -budget.availableBytes();
    }

    /** Whether more has to go than is on its way already, so that the debt is tolerable. */
    private boolean mustLeave(long tolerableBytes) {
        return debtBytes() - queues.leavingBytes() > tolerableBytes;
    }

    private boolean mustQueue() {
        return debtBytes() > queues.leavingBytes() + queues.queuedBytes();
    }

    private boolean writesBehind() {
        return options.writerThreads() > 0 && options.slackBytes() > 0 && failure == null;
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
            passBehind(queues.copies);
            for (int band = ImageQueues.BANDS - 1; band >= 0; band--) {
                if (!passBehind(queues.bands[band])) {
                    return;
                }
            }
        } finally {
            passing.set(false);
        }
    }

    /** False if the writers take no more. */
    private boolean passBehind(ImageQueue queue) {
        for (long visits = queues.visits(queue); visits > 0 && mustQueue(); visits--) {
            Image image = queues.rotateForWriters(queue);
            if (image == null) {
                return queues.visits(queue) == 0;
            }
            switch (ImageLeaving.leaveBehind(image)) {
                case SPARED -> counters.secondChances.increment();
                case FULL -> {
                    return false;
                }
                case GONE, BUSY -> {}
            }
        }
        return true;
    }

    /** The longest waiting image goes, if it still must. */
    private void writeOne() {
        Image image = queues.takeLeaving();
        if (image == null) {
            return;
        }
        boolean gone = false;
        try {
            // its own bytes count as leaving by now
            boolean needed = debtBytes() > queues.leavingBytes() - image.chargeBytes();
            gone = ImageLeaving.evictQueued(image, needed) == Answer.GONE;
        } catch (SpillException e) {
            writeFailed(e);
            withdrawAll();
            return;
        } finally {
            queues.endLeaving(image.chargeBytes());
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
        for (Image image = queues.takeLeaving(); image != null; image = queues.takeLeaving()) {
            try {
                ImageLeaving.evictQueued(image, false);
                counters.writesWithdrawn.increment();
            } finally {
                queues.endLeaving(image.chargeBytes());
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
            if (options.writerThreads() == 0 || !queues.awaitLeft()) {
                SpillException failed = failure;
                // told once: the next one tries anew
                failure = null;
                return new Run(run.progress(), failed);
            }
        }
    }

    /** Passes until the debt is tolerable or nothing goes. */
    private Run run(long tolerableBytes) {
        boolean progress = false;
        try {
            boolean more = true;
            while (more && mustLeave(tolerableBytes)) {
                more = pass(queues.copies, tolerableBytes);
                more |= passLeaving(tolerableBytes);
                for (int band = ImageQueues.BANDS - 1; band >= 0; band--) {
                    more |= pass(queues.bands[band], tolerableBytes);
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
            pass(queues.copies, 0);
        }
    }

    private boolean pass(ImageQueue queue, long tolerableBytes) {
        boolean progress = false;
        for (long visits = queues.visits(queue);
                visits > 0 && mustLeave(tolerableBytes);
                visits--) {
            Image image = queues.rotate(queue);
            if (image == null) {
                break;
            }
            Answer answer = ImageLeaving.evict(image);
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
            Image image = queues.takeLeaving();
            if (image == null) {
                break;
            }
            try {
                progress |= ImageLeaving.evictQueued(image, true) == Answer.GONE;
            } finally {
                queues.endLeaving(image.chargeBytes());
            }
        }
        return progress;
    }

    private boolean passAhead() {
        boolean progress = false;
        for (long visits = queues.visits(queues.ahead); visits > 0 && mustLeave(0); visits--) {
            Image image = queues.rotate(queues.ahead);
            if (image == null) {
                break;
            }
            progress |= ImageLeaving.dropAhead(image);
        }
        return progress;
    }

    /** Drops pages of the window, unpinned, while the budget is in debt. */
    private boolean passWindow() {
        long before = queues.windowBytes();
        for (long visits = queues.visits(queues.window); visits > 0 && mustLeave(0); visits--) {
            Image image = queues.rotate(queues.window);
            if (image == null) {
                break;
            }
            ImageLeaving.dropInPlace(image);
        }
        return queues.windowBytes() < before;
    }

    /** Drops pages that are read in place, unpinned, until the window holds no more than it may. */
    void trimWindow() {
        if (!queues.isWindowFull()) {
            return;
        }
        for (long visits = queues.visits(queues.window);
                visits > 0 && queues.isWindowFull();
                visits--) {
            Image image = queues.rotate(queues.window);
            if (image == null) {
                break;
            }
            ImageLeaving.dropInPlace(image);
        }
    }
}
