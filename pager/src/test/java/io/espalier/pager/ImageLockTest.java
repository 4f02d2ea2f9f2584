package io.espalier.pager;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** One at a time, nobody forgotten, interrupts kept. */
final class ImageLockTest {

    private static final int THREADS = 4;
    private static final int ROUNDS = 20_000;

    /** Guarded by the lock under test. */
    private long plain;

    /** Guarded by the lock under test. */
    private boolean ready;

    @Test
    void oneThreadAtATimeAndNoneSleepsForEver() throws InterruptedException {
        // fails if an addition is lost, or hangs if a wake-up is
        try (Fixture f = new Fixture(1 << 20);
                Image image = f.adopt(4096, 1)) {
            List<Thread> threads = new ArrayList<>();
            AtomicInteger tries = new AtomicInteger();
            for (int i = 0; i < THREADS; i++) {
                threads.add(
                        Thread.ofPlatform()
                                .start(() -> {
                                    for (int round = 0; round < ROUNDS; round++) {
                                        if (round % 3 == 0 && ImageLock.tryLock(image)) {
                                            tries.incrementAndGet();
                                        } else {
                                            ImageLock.lock(image);
                                        }
                                        plain++;
                                        ImageLock.unlock(image);
                                    }
                                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals((long) THREADS * ROUNDS, plain);
            assertTrue(tries.get() > 0);
            assertTrue(ImageLock.tryLock(image));
            assertFalse(ImageLock.tryLock(image), "not reentrant");
            ImageLock.unlock(image);
        }
    }

    @Test
    void whoAwaitsIsWokenAndInterruptsAreKept() throws InterruptedException {
        // fails if an interrupt ends the wait, or is swallowed, or a wake-up is missed
        try (Fixture f = new Fixture(1 << 20);
                Image image = f.adopt(4096, 2)) {
            for (int round = 0; round < 200; round++) {
                AtomicInteger seen = new AtomicInteger();
                Thread waiter =
                        Thread.ofPlatform()
                                .start(() -> {
                                    ImageLock.lock(image);
                                    while (!ready) {
                                        ImageLock.await(image);
                                    }
                                    ready = false;
                                    ImageLock.unlock(image);
                                    seen.set(Thread.currentThread().isInterrupted() ? 2 : 1);
                                });
                boolean interrupts = round % 2 == 0;
                if (interrupts) {
                    waiter.interrupt();
                }
                if (round % 4 < 2) {
                    TimeUnit.MICROSECONDS.sleep(200);
                }
                ImageLock.lock(image);
                ready = true;
                ImageLock.wakeAll(image);
                ImageLock.unlock(image);
                waiter.join();
                assertEquals(interrupts ? 2 : 1, seen.get());
            }
        }
    }
}
