package io.espalier.pager;

import org.jspecify.annotations.Nullable;

/**
 * A queue of images, linked through the images themselves, so that one of them leaves it without a
 * search. An image is in one queue at most. Guarded by the lock of {@link ImageQueues}.
 */
final class ImageQueue {

    private @Nullable Image head;
    private @Nullable Image tail;
    private int count;

    int count() {
        return count;
    }

    /** The image that is in this queue the longest; null if there is none. */
    @Nullable Image first() {
        return head;
    }

    /** Appends an image that is in no queue. */
    void add(Image image) {
        assert image.queue == null : "image is queued already";
        image.queue = this;
        image.previous = tail;
        image.next = null;
        if (tail == null) {
            head = image;
        } else {
            tail.next = image;
        }
        tail = image;
        count++;
    }

    /** Takes an image out of this queue, which it is in. */
    void remove(Image image) {
        assert image.queue == this : "image is not in this queue";
        Image previous = image.previous;
        Image next = image.next;
        if (previous == null) {
            head = next;
        } else {
            previous.next = next;
        }
        if (next == null) {
            tail = previous;
        } else {
            next.previous = previous;
        }
        image.queue = null;
        image.previous = null;
        image.next = null;
        count--;
    }

    /** Moves the first image to the end and answers it; null if there is none. */
    @Nullable Image rotate() {
        Image first = head;
        if (first != null && first != tail) {
            remove(first);
            add(first);
        }
        return first;
    }
}
