package io.espalier.spine.disk;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** A file of a {@link SimulatedDisk}, whatever its names. Guarded by the disk. */
final class SimulatedBody {

    private static final int SECTOR_BYTES = 512;

    /** One change that has not reached the medium. */
    sealed interface Pending {}

    static final class Write implements Pending {
        final int offset;
        final byte[] bytes;

        Write(int offset, byte[] bytes) {
            this.offset = offset;
            this.bytes = bytes;
        }
    }

    record Cut(int sizeBytes) implements Pending {}

    /** Bytes that are appended to in place. */
    static final class Content {
        private byte[] bytes = {};
        private int sizeBytes;

        int sizeBytes() {
            return sizeBytes;
        }

        /** Valid up to {@link #sizeBytes}, and until the next change. */
        byte[] array() {
            return bytes;
        }

        byte[] copy() {
            return Arrays.copyOf(bytes, sizeBytes);
        }

        void set(byte[] source) {
            bytes = source.clone();
            sizeBytes = bytes.length;
        }

        void set(Content source) {
            bytes = source.copy();
            sizeBytes = bytes.length;
        }

        void put(int offset, byte[] source, int from, int count) {
            int end = offset + count;
            if (bytes.length < end) {
                bytes = Arrays.copyOf(bytes, Math.max(end, 2 * bytes.length));
            }
            System.arraycopy(source, from, bytes, offset, count);
            sizeBytes = Math.max(sizeBytes, end);
        }

        void cut(int newSizeBytes) {
            bytes = Arrays.copyOf(bytes, newSizeBytes);
            sizeBytes = newSizeBytes;
        }

        void flip(int offset, int mask) {
            bytes[offset] ^= (byte) mask;
        }
    }

    /** What programs see. */
    final Content seen = new Content();

    /** What has reached the medium. */
    final Content kept = new Content();

    /** What is on its way there. */
    final List<Pending> pending = new ArrayList<>();

    void append(byte[] bytes) {
        write(seen.sizeBytes(), bytes);
    }

    void write(int offset, byte[] bytes) {
        seen.put(offset, bytes, 0, bytes.length);
        pending.add(new Write(offset, bytes));
    }

    void truncate(int sizeBytes) {
        seen.cut(sizeBytes);
        pending.add(new Cut(sizeBytes));
    }

    /** Changes it behind everybody's back, on the medium too. */
    void set(byte[] bytes) {
        seen.set(bytes);
        kept.set(bytes);
        pending.clear();
    }

    /** A sync that succeeds. */
    void sync() {
        for (Pending change : pending) {
            apply(change);
        }
        pending.clear();
    }

    private void apply(Pending change) {
        switch (change) {
            case Write write -> kept.put(write.offset, write.bytes, 0, write.bytes.length);
            case Cut cut -> kept.cut(cut.sizeBytes);
        }
    }

    /** Lets chance decide what of the pending writes reaches the medium. */
    void settle(Random random, Consumer<Happened> happened) {
        switch (random.nextInt(4)) {
            case 0 -> {
                // nothing does
                if (!pending.isEmpty()) {
                    happened.accept(Happened.WRITE_LOST);
                }
            }
            case 1 -> sync();
            case 2 -> {
                // a first part does: some whole writes and a piece of the next
                int whole = random.nextInt(pending.size() + 1);
                pending.subList(0, whole).forEach(this::apply);
                if (whole < pending.size()) {
                    int count = 0;
                    if (pending.get(whole) instanceof Write torn) {
                        count = random.nextInt(torn.bytes.length + 1);
                        kept.put(torn.offset, torn.bytes, 0, count);
                    }
                    happened.accept(count == 0 ? Happened.WRITE_LOST : Happened.WRITE_TORN);
                }
            }
            default -> {
                boolean lost = false;
                for (Pending change : pending) {
                    if (change instanceof Write write) {
                        lost = scatter(random, write, lost, happened);
                    } else {
                        apply(change);
                    }
                }
            }
        }
        pending.clear();
        seen.set(kept);
    }

    /**
     * Each sector by itself arrives, does not, or leaves only its place: zeros, or what was there.
     *
     * @param lostBefore whether something before it was lost
     * @return whether something is by now
     */
    private boolean scatter(
            Random random, Write write, boolean lostBefore, Consumer<Happened> happened) {
        int end = write.offset + write.bytes.length;
        boolean arrived = false;
        boolean lost = false;
        for (int at = write.offset; at < end; ) {
            int next = Math.min(end, (at / SECTOR_BYTES + 1) * SECTOR_BYTES);
            int kind = random.nextInt(5);
            switch (kind) {
                case 0 -> {
                    // lost
                }
                case 1 -> kept.put(at, new byte[next - at], 0, next - at);
                case 2 -> {
                    byte[] garbage = new byte[next - at];
                    random.nextBytes(garbage);
                    kept.put(at, garbage, 0, garbage.length);
                }
                default -> kept.put(at, write.bytes, at - write.offset, next - at);
            }
            if (kind == 1 || kind == 2) {
                happened.accept(Happened.SECTOR_GARBLED);
            }
            if (kind > 2 && (lostBefore || lost)) {
                happened.accept(Happened.WRITES_REORDERED);
            }
            lost |= kind <= 2;
            arrived |= kind > 2;
            at = next;
        }
        if (lost) {
            happened.accept(arrived ? Happened.WRITE_TORN : Happened.WRITE_LOST);
        }
        return lostBefore || lost;
    }
}
