package io.espalier.spine.disk;

import io.espalier.memory.PunchableFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Deletes files at once and gives their room back little by little. A file system frees the blocks
 * of a file in one transaction of its journal, and a medium that is told of each freed block (a
 * mount with {@code discard}) holds the journal up meanwhile: behind a file of 250 MB every sync of
 * the machine waited 50 ms.
 *
 * <p>An open file outlives its name. Should the process die first, the system does the rest; so
 * there is nothing to close, and the thread ends when there is nothing to do.
 *
 * <p>Holes would be seen by others: a file that has another name, or that another process
 * {@linkplain Disk#hold holds}, only loses its name.
 */
final class SlowRelease {

    /** So much is freed at once. */
    static final long PIECE_BYTES = 8L << 20;

    private static final long PAUSE_NANOS = 4_000_000;

    /** So many files wait at most; what finds no place is freed at once. */
    private static final int WAITING_MAX = 512;

    private static final long IDLE_MILLIS = 500;

    /** So long one who needs the room waits at most. */
    private static final long FINISH_NANOS = 10_000_000_000L;

    private static final ThreadPoolExecutor EXECUTOR = executor();

    /** Files whose room is not back yet; whoever waits on it is told when there are fewer. */
    private static final AtomicInteger PENDING = new AtomicInteger();

    /** How many need the room now. */
    private static final AtomicInteger IN_NEED = new AtomicInteger();

    private SlowRelease() {}

    private static ThreadPoolExecutor executor() {
        ThreadPoolExecutor executor =
                new ThreadPoolExecutor(
                        1,
                        1,
                        IDLE_MILLIS,
                        TimeUnit.MILLISECONDS,
                        new LinkedBlockingQueue<>(WAITING_MAX),
                        Thread.ofPlatform().daemon().name("espalier-release").factory());
        executor.allowCoreThreadTimeOut(true);
        return executor;
    }

    /** Deletes a file if it is there. */
    static void delete(Path path) throws IOException {
        PunchableFile file;
        long sizeBytes;
        boolean otherNames;
        try {
            sizeBytes = Files.size(path);
            if (sizeBytes <= PIECE_BYTES) {
                Files.deleteIfExists(path);
                return;
            }
            otherNames = hasOtherNames(path);
            file = PunchableFile.open(path);
        } catch (NoSuchFileException e) {
            return;
        } catch (IOException e) {
            // it cannot be opened; that it can be deleted is another matter
            Files.deleteIfExists(path);
            return;
        }
        boolean handedOver = false;
        try {
            Files.deleteIfExists(path);
            if (!otherNames && file.tryOwn()) {
                PENDING.incrementAndGet();
                try {
                    EXECUTOR.execute(() -> release(file, sizeBytes));
                    handedOver = true;
                } catch (RejectedExecutionException e) {
                    // closed here
                    done();
                }
            }
        } finally {
            if (!handedOver) {
                file.close();
            }
        }
    }

    /** Whether the bytes are also under another name: a hard link, somebody's backup. */
    private static boolean hasOtherNames(Path path) throws IOException {
        try {
            return !Files.getAttribute(path, "unix:nlink").equals(1);
        } catch (UnsupportedOperationException | IllegalArgumentException e) {
            // nobody knows
            return true;
        }
    }

    private static void release(PunchableFile file, long sizeBytes) {
        try (file) {
            // the last piece goes with the file
            for (long at = sizeBytes; at > PIECE_BYTES && IN_NEED.get() == 0; at -= PIECE_BYTES) {
                if (!file.punch(at - PIECE_BYTES, PIECE_BYTES)) {
                    return;
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } finally {
            done();
        }
    }

    private static void done() {
        synchronized (PENDING) {
            PENDING.decrementAndGet();
            PENDING.notifyAll();
        }
    }

    /**
     * Frees what is still to be freed without taking its time: for one who finds a disk full.
     *
     * @return whether there was anything
     */
    static boolean finish() {
        if (PENDING.get() == 0) {
            return false;
        }
        IN_NEED.incrementAndGet();
        boolean interrupted = false;
        try {
            long until = System.nanoTime() + FINISH_NANOS;
            synchronized (PENDING) {
                long left = FINISH_NANOS;
                while (PENDING.get() > 0 && left > 0) {
                    try {
                        TimeUnit.NANOSECONDS.timedWait(PENDING, left);
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                    left = until - System.nanoTime();
                }
            }
        } finally {
            IN_NEED.decrementAndGet();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        return true;
    }
}
