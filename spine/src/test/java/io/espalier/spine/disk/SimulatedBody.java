package io.espalier.spine.disk;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

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

    /** What programs see. */
    byte[] seen = {};

    /** What has reached the medium. */
    byte[] kept = {};

    /** What is on its way there. */
    final List<Pending> pending = new ArrayList<>();

    /** Lets chance decide what of the pending writes reaches the medium. */
    void settle(Random random) {
        byte[] result = kept;
        switch (random.nextInt(4)) {
            case 0 -> {
                // nothing does
            }
            case 1 -> result = synced();
            case 2 -> {
                // a first part does: some whole writes and a piece of the next
                int whole = random.nextInt(pending.size() + 1);
                for (Pending change : pending.subList(0, whole)) {
                    result = with(result, change);
                }
                if (whole < pending.size() && pending.get(whole) instanceof Write torn) {
                    int count = random.nextInt(torn.bytes.length + 1);
                    result = put(result, torn.offset, torn.bytes, 0, count);
                }
            }
            default -> {
                for (Pending change : pending) {
                    result =
                            change instanceof Write write
                                    ? scattered(random, result, write)
                                    : with(result, change);
                }
            }
        }
        kept = result;
        seen = result.clone();
        pending.clear();
    }

    /**
     * Each sector by itself arrives, does not, or leaves only its place: zeros, or what was there.
     */
    private static byte[] scattered(Random random, byte[] target, Write write) {
        byte[] result = target;
        int end = write.offset + write.bytes.length;
        for (int at = write.offset; at < end; ) {
            int next = Math.min(end, (at / SECTOR_BYTES + 1) * SECTOR_BYTES);
            switch (random.nextInt(5)) {
                case 0 -> {
                    // lost
                }
                case 1 -> result = put(result, at, new byte[next - at], 0, next - at);
                case 2 -> {
                    byte[] garbage = new byte[next - at];
                    random.nextBytes(garbage);
                    result = put(result, at, garbage, 0, garbage.length);
                }
                default -> result = put(result, at, write.bytes, at - write.offset, next - at);
            }
            at = next;
        }
        return result;
    }

    /** What a sync that succeeds leaves on the medium. */
    byte[] synced() {
        byte[] result = kept;
        for (Pending change : pending) {
            result = with(result, change);
        }
        return result;
    }

    private static byte[] with(byte[] target, Pending change) {
        return switch (change) {
            case Write write -> put(target, write.offset, write.bytes, 0, write.bytes.length);
            case Cut cut -> Arrays.copyOf(target, cut.sizeBytes);
        };
    }

    static byte[] put(byte[] target, int offset, byte[] source, int from, int count) {
        byte[] result = target;
        if (result.length < offset + count) {
            result = Arrays.copyOf(result, offset + count);
        } else {
            result = result.clone();
        }
        System.arraycopy(source, from, result, offset, count);
        return result;
    }
}
