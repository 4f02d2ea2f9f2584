package io.espalier.pager;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;

/**
 * Spill files that fail now and then: a full disk, short writes, unreadable and wrong bytes. For
 * tests of the floors above; thread-safe.
 */
public final class FaultySpill {

    /** What happens to a call. */
    private enum Fault {
        NONE,
        ERROR,
        NOTHING,
        PART,
        GARBAGE
    }

    private final Random random;
    private final boolean rots;
    private int perMille;
    private long faults;
    private long rotten;

    /**
     * A disk.
     *
     * @param rots whether bytes may change on it, for good
     */
    public FaultySpill(long seed, boolean rots) {
        this.random = new Random(seed);
        this.rots = rots;
    }

    /** A pager that spills onto this disk. */
    public Pager open(NativeMemory memory, MemoryBudget budget, PagerOptions options) {
        return Pager.open(memory, budget, options, this::open);
    }

    /** How many calls of a thousand fail from here on. */
    public synchronized void setFailing(int callsPerMille) {
        perMille = callsPerMille;
    }

    /** How many calls failed. */
    public synchronized long faults() {
        return faults;
    }

    /** How many wrong bytes were written or read, without an error. */
    public synchronized long rotten() {
        return rotten;
    }

    private synchronized Fault next(boolean garbage) {
        if (random.nextInt(1000) >= perMille) {
            return Fault.NONE;
        }
        faults++;
        return switch (random.nextInt(garbage ? 4 : 3)) {
            case 0 -> Fault.ERROR;
            case 1 -> Fault.NOTHING;
            case 2 -> Fault.PART;
            default -> {
                rotten++;
                yield Fault.GARBAGE;
            }
        };
    }

    private synchronized int pick(int bound) {
        return random.nextInt(bound);
    }

    private SpillFile open(Path file) throws IOException {
        if (next(false) == Fault.ERROR) {
            throw new IOException("Too many open files");
        }
        SpillFile real = ChannelSpillFile.open(file);
        return new SpillFile() {
            @Override
            public int write(ByteBuffer source, long position) throws IOException {
                return switch (next(rots)) {
                    case NONE -> real.write(source, position);
                    case ERROR -> throw new IOException("No space left on device");
                    case NOTHING -> 0;
                    case PART -> real.write(part(source), position);
                    case GARBAGE -> {
                        ByteBuffer copy = ByteBuffer.allocateDirect(source.remaining());
                        copy.put(source.duplicate()).flip();
                        flip(copy, 0, copy.limit());
                        yield real.write(copy, position);
                    }
                };
            }

            @Override
            public int read(ByteBuffer target, long position) throws IOException {
                int from = target.position();
                return switch (next(rots)) {
                    case NONE -> real.read(target, position);
                    case ERROR -> rots ? fail() : real.read(target, position);
                    case NOTHING, PART -> real.read(part(target), position);
                    case GARBAGE -> {
                        int count = real.read(target, position);
                        if (count > 0) {
                            flip(target, from, count);
                        }
                        yield count;
                    }
                };
            }

            private int fail() throws IOException {
                synchronized (FaultySpill.this) {
                    rotten++;
                }
                throw new IOException("Input/output error");
            }

            @Override
            public void close() throws IOException {
                real.close();
            }
        };
    }

    /** At least one byte of a buffer, if it has any; the buffer's own position does not move. */
    private ByteBuffer part(ByteBuffer buffer) {
        ByteBuffer part = buffer.duplicate();
        part.limit(part.position() + Math.min(part.remaining(), 1 + pick(5000)));
        return part;
    }

    private void flip(ByteBuffer bytes, int from, int count) {
        int at = from + pick(count);
        bytes.put(at, (byte) (bytes.get(at) ^ (1 << pick(8))));
    }
}
