package io.espalier.pager;

import io.espalier.memory.FileReads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A spill file behind a channel.
 *
 * <p>A {@code FileChannel} closes itself when a thread that uses it is interrupted, and a spill
 * file without a name can never be opened again: one interrupt would lose every page. An {@code
 * AsynchronousFileChannel} does not know interrupts; given an executor that runs a task at once, it
 * does the same system call on the caller's own thread.
 */
final class ChannelSpillFile implements SpillFile {

    private final AsynchronousFileChannel channel;

    /** Reads without the objects that the channel makes; null where only the channel can. */
    private final @Nullable FileReads reads;

    private ChannelSpillFile(AsynchronousFileChannel channel, @Nullable FileReads reads) {
        this.channel = channel;
        this.reads = reads;
    }

    static ChannelSpillFile open(Path file) throws IOException {
        FileReads reads = FileReads.open(file);
        boolean done = false;
        try {
            AsynchronousFileChannel channel =
                    AsynchronousFileChannel.open(
                            file,
                            Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE),
                            new CallerRuns());
            done = true;
            return new ChannelSpillFile(channel, reads);
        } finally {
            if (!done && reads != null) {
                reads.close();
            }
        }
    }

    @Override
    public int write(ByteBuffer source, long position) throws IOException {
        return done(channel.write(source, position));
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
        return done(channel.read(target, position));
    }

    @Override
    public long read(MemorySegment target, long offset, long bytes, long position)
            throws IOException {
        return reads != null
                ? reads.read(position, target, offset, bytes)
                : SpillFile.super.read(target, offset, bytes, position);
    }

    private static int done(Future<Integer> future) throws IOException {
        // resultNow would say less of a failure; get does not wait, so an interrupt is not seen
        try {
            return future.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw new IOException(e.getCause());
        } catch (InterruptedException e) {
            throw new AssertionError("the executor of the channel did not run its task", e);
        }
    }

    @Override
    public void close() throws IOException {
        if (reads != null) {
            reads.close();
        }
        channel.close();
    }

    /** Runs a task before {@code execute} returns. */
    private static final class CallerRuns extends AbstractExecutorService {
        @Override
        public void execute(Runnable task) {
            task.run();
        }

        @Override
        public void shutdown() {}

        @Override
        public List<Runnable> shutdownNow() {
            return List.of();
        }

        @Override
        public boolean isShutdown() {
            return false;
        }

        @Override
        public boolean isTerminated() {
            return false;
        }

        @Override
        public boolean awaitTermination(long timeout, TimeUnit unit) {
            return true;
        }
    }
}
