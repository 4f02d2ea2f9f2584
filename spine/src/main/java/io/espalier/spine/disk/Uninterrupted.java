package io.espalier.spine.disk;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Runs channel operations where no interrupt reaches them. An interrupt closes the channel that a
 * thread is using and replaces the error that the operation may have had. A thread that nobody else
 * knows is not interrupted.
 */
final class Uninterrupted {

    interface Action {
        void run() throws IOException;
    }

    private Uninterrupted() {}

    static void run(Action action) throws IOException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread thread =
                Thread.ofVirtual()
                        .name("espalier-uninterrupted")
                        .start(() -> {
                            try {
                                action.run();
                            } catch (IOException | RuntimeException | Error e) {
                                failure.set(e);
                            }
                        });
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
    }
}
