package io.espalier.pager;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * The lock of an {@link Image}, kept in one of its fields: there are many images, and a lock that
 * is an object, with a queue and a condition, weighs as much as the image itself. It is free (0),
 * held (1), or held while somebody may wait (2); who waits does so in the monitor of the image,
 * which is for nothing else. Not reentrant; deaf to interrupts, which are kept for the caller.
 *
 * <p>The three states are those of the mutex in Drepper's <i>Futexes Are Tricky</i>.
 */
final class ImageLock {

    private static final int FREE = 0;
    private static final int HELD = 1;
    private static final int CONTENDED = 2;

    private static final AtomicIntegerFieldUpdater<Image> STATE =
            AtomicIntegerFieldUpdater.newUpdater(Image.class, "lockState");

    private ImageLock() {}

    static boolean tryLock(Image image) {
        return STATE.compareAndSet(image, FREE, HELD);
    }

    static void lock(Image image) {
        if (tryLock(image)) {
            return;
        }
        boolean interrupted = false;
        synchronized (image) {
            // who takes it here does not know who else waits, and so leaves word
            while (STATE.getAndSet(image, CONTENDED) != FREE) {
                interrupted |= waitIn(image);
            }
        }
        restore(interrupted);
    }

    static void unlock(Image image) {
        int was = STATE.getAndSet(image, FREE);
        assert was != FREE : "the lock of " + image + " was not held";
        if (was == CONTENDED) {
            wakeAll(image);
        }
    }

    /**
     * Lets go of the lock, waits until {@link #wakeAll}, or for no reason, and takes the lock
     * again.
     */
    static void await(Image image) {
        boolean interrupted;
        synchronized (image) {
            // within the monitor: whoever changes what is waited for does so after this
            unlock(image);
            interrupted = waitIn(image);
        }
        lock(image);
        restore(interrupted);
    }

    /** Wakes all who wait for the lock, or for what was changed under it. */
    static void wakeAll(Image image) {
        synchronized (image) {
            image.notifyAll();
        }
    }

    @SuppressWarnings("WaitNotInLoop") // the callers loop, or allow for no reason
    private static boolean waitIn(Image image) {
        try {
            image.wait();
            return false;
        } catch (InterruptedException e) {
            return true;
        }
    }

    private static void restore(boolean interrupted) {
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
