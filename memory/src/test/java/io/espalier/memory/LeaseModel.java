package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.testing.Seed;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;

/** Leases, their ranges and their content, checked at every step. */
final class LeaseModel {

    /** What a test knows of one lease; the content is {@code seed} counted up from word to word. */
    record Held(Lease lease, long seed) {}

    static byte[] write(Path file) throws Exception {
        byte[] bytes = new byte[50_000];
        new Random(Seed.value() + 7).nextBytes(bytes);
        Files.write(file, bytes);
        return bytes;
    }

    private final NativeMemory memory;
    private final Path file;
    private final byte[] fileBytes;
    private final Random random;
    // from start to end of every live range; shared by all threads of a test
    private final NavigableMap<Long, Long> ranges;
    final List<Held> held = new ArrayList<>();
    long leasedBytes;
    long mappedBytes;

    LeaseModel(
            NativeMemory memory,
            Path file,
            byte[] fileBytes,
            NavigableMap<Long, Long> ranges,
            long seed) {
        this.memory = memory;
        this.file = file;
        this.fileBytes = fileBytes;
        this.ranges = ranges;
        this.random = new Random(seed);
    }

    void step() throws Exception {
        int choice = random.nextInt(20);
        if (choice < 9 && held.size() < 60) {
            allocate();
        } else if (choice < 11 && held.size() < 60) {
            map();
        } else if (!held.isEmpty()) {
            close(held.remove(random.nextInt(held.size())));
        }
    }

    private void allocate() {
        long size = Math.max(1, (1L << random.nextInt(18)) + random.nextInt(100) - 50);
        Lease lease = memory.allocate(size);
        assertEquals(size, lease.sizeBytes());
        assertEquals(0, lease.offset() % (size > 2048 ? 4096 : 64));
        assertFalse(lease.isMapped());
        enter(lease);
        long seed = random.nextLong();
        for (long i = 0; i + 8 <= size; i += 8) {
            memory.segment().set(Layouts.LONG, lease.offset() + i, seed + i);
        }
        held.add(new Held(lease, seed));
        leasedBytes += accounted(size);
    }

    private void map() throws Exception {
        int position = 4096 * random.nextInt(4);
        int size = 1 + random.nextInt(fileBytes.length - position);
        Lease lease = memory.map(file, position, size);
        assertEquals(size, lease.sizeBytes());
        assertEquals(0, lease.offset() % 4096);
        assertTrue(lease.isMapped());
        enter(lease);
        held.add(new Held(lease, position));
        mappedBytes += (size + 4095L) / 4096 * 4096;
    }

    private void enter(Lease lease) {
        long start = lease.offset();
        long end = start + lease.sizeBytes();
        synchronized (ranges) {
            Map.Entry<Long, Long> before = ranges.lowerEntry(end);
            assertTrue(
                    before == null || before.getValue() <= start,
                    () -> "lease at " + start + " overlaps " + before);
            ranges.put(start, end);
        }
    }

    private void close(Held one) {
        Lease lease = one.lease();
        check(one);
        synchronized (ranges) {
            ranges.remove(lease.offset());
        }
        if (lease.isMapped()) {
            mappedBytes -= (lease.sizeBytes() + 4095) / 4096 * 4096;
        } else {
            leasedBytes -= accounted(lease.sizeBytes());
        }
        lease.close();
    }

    void check(Held one) {
        Lease lease = one.lease();
        MemorySegment segment = memory.segment();
        if (lease.isMapped()) {
            byte[] bytes = new byte[(int) lease.sizeBytes()];
            MemorySegment.copy(segment, Layouts.BYTE, lease.offset(), bytes, 0, bytes.length);
            int from = (int) one.seed();
            assertTrue(Arrays.equals(fileBytes, from, from + bytes.length, bytes, 0, bytes.length));
            return;
        }
        for (long i = 0; i + 8 <= lease.sizeBytes(); i += 8) {
            assertEquals(one.seed() + i, segment.get(Layouts.LONG, lease.offset() + i));
        }
    }

    static long accounted(long size) {
        if (size > 2048) {
            return (size + 4095) / 4096 * 4096;
        }
        return Math.max(64, size == 1 ? 1 : Long.highestOneBit(size - 1) << 1);
    }

    void closeAll() {
        for (Iterator<Held> i = held.iterator(); i.hasNext(); i.remove()) {
            close(i.next());
        }
    }
}
