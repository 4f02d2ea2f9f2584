package io.espalier.pager;

/**
 * How an image leaves memory when the budget, or the window of pages that are read in place, asks
 * for it: {@link Residency} and {@link ImageQueues} say who, and an image says whether it can. What
 * is pinned, or was since the last pass, stays.
 */
final class ImageLeaving {

    private ImageLeaving() {}

    /** Asked by a pass to go, now. Never waits for the image. */
    static Residency.Answer evict(Image image) {
        return leave(image, false);
    }

    /** Asked by a pass to go: a copy now, anything else when a writer comes by. Never waits. */
    static Residency.Answer leaveBehind(Image image) {
        return leave(image, true);
    }

    private static Residency.Answer leave(Image image, boolean isBehind) {
        if (!ImageLock.tryLock(image)) {
            return Residency.Answer.BUSY;
        }
        try {
            if (image.closed
                    || image.lease == null
                    || image.pins > 0
                    || image.writing
                    || image.ahead != Image.Ahead.NO) {
                return Residency.Answer.BUSY;
            }
            if (image.touched) {
                image.touched = false;
                return Residency.Answer.SPARED;
            }
            if (image.page != null) {
                image.dropLease();
                evicted(image, true);
                return Residency.Answer.GONE;
            }
            if (isBehind) {
                return image.pager.residency().enterLeaving(image);
            }
            ImageQueues queues = image.pager.queues();
            queues.startLeaving(image.chargeBytes);
            try {
                return writeAndDrop(image);
            } finally {
                queues.endLeaving(image.chargeBytes);
            }
        } finally {
            ImageLock.unlock(image);
        }
    }

    /**
     * Asked to go after it waited for a writer, in no queue now.
     *
     * @param needed whether it still must; if not, or if it was pinned meanwhile, it goes back to
     *     its band
     * @throws SpillException if it cannot be written; it is in its band then
     */
    static Residency.Answer evictQueued(Image image, boolean needed) {
        ImageLock.lock(image);
        try {
            if (image.closed || image.lease == null || image.page != null || image.writing) {
                // it went another way, and is queued as it must be, or will be
                return Residency.Answer.BUSY;
            }
            if (!needed || image.pins > 0 || image.touched) {
                image.touched = false;
                image.pager.queues().enterBand(image);
                return Residency.Answer.SPARED;
            }
            return writeAndDrop(image);
        } finally {
            ImageLock.unlock(image);
        }
    }

    /** If somebody pinned the image meanwhile it stays, as a copy of its page. */
    private static Residency.Answer writeAndDrop(Image image) {
        image.write();
        if (image.pins > 0) {
            return Residency.Answer.BUSY;
        }
        image.dropLease();
        evicted(image, false);
        return Residency.Answer.GONE;
    }

    private static void evicted(Image image, boolean isCopy) {
        SpillCounters counters = image.pager.counters();
        counters.evictions.increment();
        if (isCopy) {
            counters.evictionsFree.increment();
        }
        EvictionEvent.emit(image, isCopy);
    }

    /** Asked to leave the window of pages that are read in place. Never waits for the image. */
    static void dropInPlace(Image image) {
        if (!ImageLock.tryLock(image)) {
            return;
        }
        try {
            if (!image.inPlace || image.pins > 0 || image.ahead != Image.Ahead.NO) {
                return;
            }
            if (image.touched) {
                image.touched = false;
                return;
            }
            image.leavePlace();
        } finally {
            ImageLock.unlock(image);
        }
    }

    /** Asked to go before anybody pinned it. Never waits for the image; whether it went. */
    static boolean dropAhead(Image image) {
        if (!ImageLock.tryLock(image)) {
            return false;
        }
        try {
            if (image.closed || image.ahead != Image.Ahead.HELD) {
                return false;
            }
            image.endAhead(false);
            if (image.inPlace) {
                image.leavePlace();
            } else {
                image.dropLease();
            }
            return true;
        } finally {
            ImageLock.unlock(image);
        }
    }
}
