package io.espalier.pager;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Spill files that fail on demand, or now and then from a seed. Thread-safe. */
final class FaultyDisk {

    /** How many bytes may still be written; the rest is a full disk. */
    volatile long roomBytes = Long.MAX_VALUE;

    /** Writes nothing, without an error. */
    volatile boolean shortWrites;

    volatile boolean unreadable;

    /** Answers reads with bytes that nobody wrote. */
    volatile boolean garbage;

    /** How many writes go well before one fails; negative for ever. */
    private long writesUntilFailure = -1;

    private @Nullable SplittableRandom random;
    private int failPercent;
    private long failures;

    /** The n-th write from now, counted from 0, meets a full disk, and none after it. */
    synchronized void failWrite(long n) {
        writesUntilFailure = n;
    }

    /** Writes fail with this chance, and as many are done in pieces. */
    synchronized void failAtRandom(long seed, int percent) {
        random = new SplittableRandom(seed);
        failPercent = percent;
    }

    /** How often a write has failed. */
    synchronized long failures() {
        return failures;
    }

    SpillFile open(Path file) throws IOException {
        SpillFile real = ChannelSpillFile.open(file);
        return new SpillFile() {
            @Override
            public int write(ByteBuffer source, long position) throws IOException {
                int count = admit(source.remaining());
                int limit = source.limit();
                source.limit(source.position() + count);
                try {
                    return count == 0 ? 0 : real.write(source, position);
                } finally {
                    source.limit(limit);
                }
            }

            @Override
            public int read(ByteBuffer target, long position) throws IOException {
                if (unreadable) {
                    throw new IOException("Input/output error");
                }
                if (garbage) {
                    int count = target.remaining();
                    while (target.hasRemaining()) {
                        target.put((byte) 0x5A);
                    }
                    return count;
                }
                return real.read(target, position);
            }

            @Override
            public void close() throws IOException {
                real.close();
            }
        };
    }

    /** How many of the bytes the disk takes. */
    private synchronized int admit(int bytes) throws IOException {
        if (shortWrites) {
            failures++;
            return 0;
        }
        boolean fails = writesUntilFailure == 0;
        if (writesUntilFailure >= 0) {
            writesUntilFailure--;
        }
        int count = bytes;
        SplittableRandom chance = random;
        if (chance != null) {
            fails |= chance.nextInt(100) < failPercent;
            if (chance.nextInt(100) < failPercent) {
                count = 1 + chance.nextInt(bytes);
            }
        }
        count = (int) Math.min(count, roomBytes);
        if (fails || count <= 0) {
            failures++;
            throw new IOException("No space left on device");
        }
        roomBytes -= count;
        return count;
    }
}
