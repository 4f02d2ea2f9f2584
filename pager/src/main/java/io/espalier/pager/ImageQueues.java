package io.espalier.pager;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Where images wait, and how much that is: in bands by depth, as copies of pages, in the window of
 * pages that are read in place, ahead of their pins, or for the writers. {@link Residency} decides
 * who goes from where.
 *
 * <p>Thread-safe; the lock is a leaf, held for a few steps only.
 */
final class ImageQueues {

    /** Depths from here on are one band. */
    static final int BANDS = 4;

    private static final int VISITS_MAX = 2;

    private final PagerOptions options;
    private final SpillCounters counters;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition left = lock.newCondition();
    // all guarded by lock
    final ImageQueue copies = new ImageQueue();
    final ImageQueue[] bands = new ImageQueue[BANDS];
    final ImageQueue window = new ImageQueue();
    final ImageQueue ahead = new ImageQueue();
    private final ImageQueue leaving = new ImageQueue();
    private final ImageQueue wanted = new ImageQueue();

    /** How many writes came to an end, if there are writers. */
    private long writesEnded;

    /** Calls of the writers that they have not followed yet: at least one for each image queued. */
    private int calls;

    /** Charges of images that are being written; they change together, under the lock. */
    private final AtomicLong leavingBytes = new AtomicLong();

    /** Charges of images that wait to be written. */
    private final AtomicLong queuedBytes = new AtomicLong();

    private final AtomicLong windowBytes = new AtomicLong();
    private final AtomicLong aheadBytes = new AtomicLong();

    ImageQueues(PagerOptions options, SpillCounters counters) {
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

    /** Queues an image for the writers; false if they have enough to do. */
    boolean enterLeaving(Image image) {
        lock.lock();
        try {
            if (!takeMore(image.chargeBytes())) {
                return false;
            }
            unlink(image);
            leaving.add(image);
            image.queuedNanos = System.nanoTime();
            queuedBytes.addAndGet(image.chargeBytes());
            return true;
        } finally {
            lock.unlock();
        }
    }

    private boolean takeMore(long bytes) {
        long aheadOfIt = queuedBytes.get() + leavingBytes.get();
        return leaving.count() < options.writeQueueImages()
                && (aheadOfIt == 0 || aheadOfIt + bytes <= options.slackBytes());
    }

    /** Queues an image that a writer is to bring in. */
    void enterWanted(Image image) {
        enter(image, wanted);
    }

    /** Whether one more call of a writer is needed; it counts from here. */
    boolean call() {
        lock.lock();
        try {
            if (calls >= leaving.count() + wanted.count()) {
                return false;
            }
            calls++;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** A call that no writer will follow. */
    void uncall() {
        lock.lock();
        try {
            calls--;
        } finally {
            lock.unlock();
        }
    }

    /** A writer follows a call: the image that it is to bring in; null if there is none. */
    @Nullable Image takeWanted() {
        lock.lock();
        try {
            calls--;
            Image image = wanted.first();
            if (image != null) {
                unlink(image);
            }
            return image;
        } finally {
            lock.unlock();
        }
    }

    /** The longest waiting image of the writers' queue; it counts as being written from here. */
    @Nullable Image takeLeaving() {
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

    /** Charges of images that are being written. */
    long leavingBytes() {
        return leavingBytes.get();
    }

    /** Whether so much more may be held ahead; it counts from here. */
    boolean reserveAhead(long bytes) {
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

    /** Counts bytes that are being written so that they can go. */
    void startLeaving(long bytes) {
        leavingBytes.addAndGet(bytes);
    }

    void endLeaving(long bytes) {
        leavingBytes.addAndGet(-bytes);
        if (options.writerThreads() > 0) {
            lock.lock();
            try {
                writesEnded++;
                left.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Waits for a write to end; false, at once, if nothing is being written. */
    boolean awaitLeft() {
        lock.lock();
        try {
            if (leavingBytes.get() == 0) {
                return false;
            }
            for (long seen = writesEnded; seen == writesEnded; ) {
                left.awaitUninterruptibly();
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Null also if the first image is one that the writers do not take; it stays the first. */
    @Nullable Image rotateForWriters(ImageQueue queue) {
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

    /** How many images of a queue a pass looks at. */
    long visits(ImageQueue queue) {
        lock.lock();
        try {
            return (long) VISITS_MAX * queue.count();
        } finally {
            lock.unlock();
        }
    }

    /** The first image of a queue, which is its last from here on; null if there is none. */
    @Nullable Image rotate(ImageQueue queue) {
        lock.lock();
        try {
            return queue.rotate();
        } finally {
            lock.unlock();
        }
    }
}
