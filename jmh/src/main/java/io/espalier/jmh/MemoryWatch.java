package io.espalier.jmh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Watches how much of a range of addresses is resident, as the system tells, on a thread of its
 * own: the peak of what is ours, allocated and mapped, without the JVM.
 *
 * <p>Sees nothing where there is no {@code /proc/self/smaps}.
 */
final class MemoryWatch implements AutoCloseable {

    private static final Path MAPPINGS = Path.of("/proc/self/smaps");

    /** What starts a mapping: {@code 7f00-7f08 rw-p ...}. */
    private static final Pattern HEADING = Pattern.compile("[0-9a-f]+-[0-9a-f]+ ");

    private static final long EVERY_MILLIS = 25;
    private static final long NANOS_PER_MILLI = 1_000_000;

    /** A look takes as long as there are pages; it must not slow what it looks at. */
    private static final long REST_PER_LOOK = 50;

    private static final int KIB_BITS = 10;

    private final long from;
    private final long to;
    private final Thread thread;
    private volatile boolean ended;
    private volatile long peakBytes;

    MemoryWatch(MemorySegment range) {
        from = range.address();
        to = from + range.byteSize();
        thread = Thread.ofPlatform().daemon().name("memory-watch").unstarted(this::watch);
    }

    /** Starts to watch. */
    void start() {
        thread.start();
    }

    /** The most that was seen so far, in bytes; 0 where the system does not tell. */
    long peakBytes() {
        return peakBytes;
    }

    private void watch() {
        try {
            while (!ended && Files.isReadable(MAPPINGS)) {
                long started = System.nanoTime();
                peakBytes = Math.max(peakBytes, bytes(Files.readAllLines(MAPPINGS)));
                long lookMillis = (System.nanoTime() - started) / NANOS_PER_MILLI;
                Thread.sleep(Math.max(EVERY_MILLIS, REST_PER_LOOK * lookMillis));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private long bytes(List<String> lines) {
        long kib = 0;
        boolean isOurs = false;
        for (String line : lines) {
            if (HEADING.matcher(line).lookingAt()) {
                long start = Long.parseUnsignedLong(line, 0, line.indexOf('-'), 16);
                isOurs = start >= from && start < to;
            } else if (isOurs && line.startsWith("Rss:")) {
                kib += Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return kib << KIB_BITS;
    }

    @Override
    public void close() {
        ended = true;
        thread.interrupt();
    }
}
