package io.espalier.pager;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The threads of a pager that write and read ahead: named daemons, started when there is the first
 * work for them, and gone again after a while without. What they do is told by {@link Residency},
 * one task for one image; so a test may put another executor in their place and decide who is when.
 */
final class SpillWriters implements Executor, AutoCloseable {

    private static final AtomicLong NUMBER = new AtomicLong();

    private static final long IDLE_SECONDS_MAX = 10;

    private final ThreadPoolExecutor threads;

    /** Starts nothing yet. */
    SpillWriters(int count) {
        threads =
                new ThreadPoolExecutor(
                        count,
                        count,
                        IDLE_SECONDS_MAX,
                        TimeUnit.SECONDS,
                        // its length is bounded by the queues of images
                        new LinkedBlockingQueue<>(),
                        task -> {
                            Thread thread =
                                    new Thread(
                                            task,
                                            "espalier-spill-writer-" + NUMBER.incrementAndGet());
                            thread.setDaemon(true);
                            return thread;
                        });
        threads.allowCoreThreadTimeOut(true);
    }

    @Override
    public void execute(Runnable task) {
        threads.execute(task);
    }

    /** Ends the threads and waits for them. There is no image left for them to touch. */
    @Override
    public void close() {
        threads.close();
    }
}
