package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.testing.Seed;
import io.espalier.testing.NativeMemoryExtension;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NativeMemoryExtension.class)
final class NativeMemoryTest {

    private static final NativeMemory.Options OPTIONS = NativeMemory.Options.defaults();

    /** What a test knows of one lease; the content is {@code seed} counted up from word to word. */
    private record Held(Lease lease, long seed) {}

    /** Leases, their ranges and their content, checked at every step. */
    private static final class Model {
        private final NativeMemory memory;
        private final Path file;
        private final byte[] fileBytes;
        private final Random random;
        // from start to end of every live range; shared by all threads of a test
        private final TreeMap<Long, Long> ranges;
        private final List<Held> held = new ArrayList<>();
        private long leasedBytes;
        private long mappedBytes;

        Model(
                NativeMemory memory,
                Path file,
                byte[] fileBytes,
                TreeMap<Long, Long> ranges,
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
                assertTrue(
                        Arrays.equals(fileBytes, from, from + bytes.length, bytes, 0, bytes.length));
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

    private static byte[] write(Path file) throws Exception {
        byte[] bytes = new byte[50_000];
        new Random(Seed.value() + 7).nextBytes(bytes);
        Files.write(file, bytes);
        return bytes;
    }

    /** Fails if leases overlap, lose content, or a counter is off after any step. */
    @Property(tries = 40)
    void anySequenceOfLeasesKeepsRangesContentAndCounters(@ForAll long seed) throws Exception {
        Path file = Files.createTempFile("mapped", ".bin");
        try (NativeMemory memory =
                NativeMemory.open(
                        OPTIONS.withWarmBytes(seed % 2 == 0 ? 0 : 300_000)
                                .withDebug(seed % 3 == 0))) {
            Model model = new Model(memory, file, write(file), new TreeMap<>(), seed);
            long peak = 0;
            for (int i = 0; i < 400; i++) {
                model.step();
                NativeMemory.Stats stats = memory.stats();
                peak = Math.max(peak, model.leasedBytes);
                assertEquals(model.held.size(), stats.leases());
                assertEquals(model.leasedBytes, stats.leasedBytes());
                assertEquals(peak, stats.leasedBytesPeak());
                assertEquals(model.mappedBytes, stats.mappedBytes());
                assertTrue(stats.warmBytes() >= 0);
            }
            model.held.forEach(model::check);
            model.closeAll();
            assertEquals(0, memory.stats().leases());
            assertEquals(0, memory.stats().leasedBytes());
            assertEquals(0, memory.stats().mappedBytes());
        } finally {
            Files.delete(file);
        }
    }

    /** Fails if threads get overlapping leases, see foreign content, or the counters drift. */
    @Test
    void threadsShareAMemoryWithoutMeeting(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("mapped");
        byte[] bytes = write(file);
        for (boolean debug : new boolean[] {false, true}) {
            try (NativeMemory memory =
                            NativeMemory.open(OPTIONS.withWarmBytes(1 << 20).withDebug(debug));
                    ExecutorService threads = Executors.newFixedThreadPool(4)) {
                TreeMap<Long, Long> ranges = new TreeMap<>();
                List<Future<Model>> models = new ArrayList<>();
                for (int t = 0; t < 4; t++) {
                    Model model = new Model(memory, file, bytes, ranges, Seed.value() + t);
                    models.add(
                            threads.submit(
                                    () -> {
                                        for (int i = 0; i < 4000; i++) {
                                            model.step();
                                        }
                                        return model;
                                    }));
                }
                long leased = 0;
                long mapped = 0;
                for (Future<Model> model : models) {
                    model.get();
                }
                for (Future<Model> model : models) {
                    leased += model.get().leasedBytes;
                    mapped += model.get().mappedBytes;
                }
                assertEquals(leased, memory.stats().leasedBytes());
                assertEquals(mapped, memory.stats().mappedBytes());
                for (Future<Model> model : models) {
                    model.get().closeAll(); // on another thread than the one that leased
                }
                assertEquals(0, memory.stats().leases());
                assertEquals(0, memory.stats().leasedBytes());
                assertEquals(0, memory.stats().mappedBytes());
            }
        }
    }

    /** Fails if a memory closes under leases that are being taken: the writes would hit nothing. */
    @Test
    void closingNeverSlipsBetweenTakingAndUsingALease(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("mapped");
        write(file);
        for (int round = 0; round < 50; round++) {
            NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(0));
            AtomicBoolean closed = new AtomicBoolean();
            CountDownLatch started = new CountDownLatch(1);
            boolean mapping = round % 2 == 0;
            try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
                Future<?> user =
                        threads.submit(
                                () -> {
                                    while (true) {
                                        Lease lease;
                                        try {
                                            lease =
                                                    mapping
                                                            ? memory.map(file, 0, 40_000)
                                                            : memory.allocate(40_000);
                                        } catch (IllegalStateException e) {
                                            assertTrue(closed.get() || !e.getMessage().isEmpty());
                                            return null;
                                        }
                                        started.countDown();
                                        memory.segment()
                                                .set(Layouts.LONG, lease.offset() + 39_992, 1);
                                        lease.close();
                                    }
                                });
                started.await();
                while (!closed.get()) {
                    try {
                        memory.close();
                        closed.set(true);
                    } catch (IllegalStateException expected) {
                        Thread.onSpinWait();
                    }
                }
                user.get();
            }
        }
    }

    /** Fails if a lease can be closed twice, or tells where its bytes were. */
    @Test
    void aClosedLeaseRefusesEverything(NativeMemory memory) {
        Lease lease = memory.allocate(100);
        assertTrue(lease.isOpen());
        assertSame(memory, lease.memory());
        lease.checkOpen();
        lease.close();
        assertFalse(lease.isOpen());
        String twice = assertThrows(IllegalStateException.class, lease::close).getMessage();
        assertEquals("allocated lease of 100 bytes is closed a second time", twice);
        assertThrows(IllegalStateException.class, lease::offset);
        assertThrows(IllegalStateException.class, lease::checkOpen);
        assertEquals(0, memory.stats().leases());
    }

    /** Fails if two threads can both close a lease: its slot would get two owners. */
    @Test
    void onlyOneOfManyThreadsClosesALease(NativeMemory memory) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (int round = 0; round < 500; round++) {
                Lease lease = memory.allocate(5000);
                List<Future<Boolean>> closers = new ArrayList<>();
                for (int t = 0; t < 4; t++) {
                    closers.add(
                            threads.submit(
                                    () -> {
                                        try {
                                            lease.close();
                                            return true;
                                        } catch (IllegalStateException e) {
                                            return false;
                                        }
                                    }));
                }
                int count = 0;
                for (Future<Boolean> closer : closers) {
                    count += closer.get() ? 1 : 0;
                }
                assertEquals(1, count);
                assertEquals(0, memory.stats().leases());
            }
        }
    }

    /** Fails if a leak passes unseen, its origin is not named, or the refusal closes something. */
    @Test
    void aLeakIsRefusedAndItsOriginNamed() {
        NativeMemory memory = NativeMemory.open(OPTIONS.withDebug(true));
        Lease forgotten = forget(memory);
        IllegalStateException e = assertThrows(IllegalStateException.class, memory::close);
        assertTrue(e.getMessage().startsWith("1 leases are still out (4096 bytes allocated"));
        assertEquals(1, e.getSuppressed().length);
        assertTrue(
                Arrays.stream(e.getSuppressed()[0].getStackTrace())
                        .anyMatch(frame -> frame.getMethodName().equals("forget")));
        memory.segment().set(Layouts.LONG, forgotten.offset(), 1);
        forgotten.close();
        memory.close();
        memory.close();
    }

    private static Lease forget(NativeMemory memory) {
        return memory.allocate(3000);
    }

    /** Fails if a closed memory gives out bytes, or lets them be read. */
    @Test
    void aClosedMemoryRefusesEverything(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("mapped");
        write(file);
        NativeMemory memory = NativeMemory.open(OPTIONS.withDebug(false));
        Lease lease = memory.allocate(10_000);
        long offset = lease.offset();
        lease.close();
        memory.close();
        assertThrows(IllegalStateException.class, () -> memory.allocate(1));
        assertThrows(IllegalStateException.class, () -> memory.map(file, 0, 1));
        assertThrows(
                IllegalStateException.class, () -> memory.segment().get(Layouts.BYTE, offset));
        if (memory.isNative()) {
            assertThrows(IllegalStateException.class, () -> memory.discard(offset, 10_000));
            assertThrows(IllegalStateException.class, () -> memory.prefetch(offset, 10_000));
        }
        assertEquals(0, memory.stats().leases());
    }

    /** Fails if a hint can reach memory that is not of the reservation: it would be torn out. */
    @Test
    void hintsOutsideOfTheReservationAreRefused(NativeMemory memory) {
        long end = memory.segment().byteSize();
        for (long[] range :
                new long[][] {
                    {-4096, 8192}, {end - 4096, 8192}, {end, 4096}, {0, -1}, {4096, Long.MAX_VALUE}
                }) {
            assertThrows(
                    IndexOutOfBoundsException.class, () -> memory.discard(range[0], range[1]));
            assertThrows(
                    IndexOutOfBoundsException.class, () -> memory.prefetch(range[0], range[1]));
        }
        memory.discard(end, 0);
        memory.prefetch(0, end);
    }

    /** Fails if in debug mode code gets by with reading what it never wrote, or wrote and freed. */
    @Test
    void debugModePoisonsFreshAndFreedBytes(NativeMemory memory) {
        for (long size : new long[] {1, 100, 2048, 5000, 200_000}) {
            Lease lease = memory.allocate(size);
            long offset = lease.offset();
            checkPoison(memory, offset, size);
            memory.segment().asSlice(offset, size).fill((byte) 1);
            lease.close();
            checkPoison(memory, offset, size);
        }
    }

    private static void checkPoison(NativeMemory memory, long offset, long size) {
        for (long i = 0; i < size; i++) {
            assertEquals((byte) 0xDB, memory.segment().get(Layouts.BYTE, offset + i));
        }
    }

    /** Fails if a size that cannot be is taken, or a used-up reservation says something unclear. */
    @Test
    void sizesBeyondTheReservationAreRefusedAndLeaveItUsable() {
        NativeMemory.Options small = new NativeMemory.Options(1 << 26, 0, true);
        try (NativeMemory memory = NativeMemory.open(small)) {
            assertSame(small, memory.options());
            assertThrows(IllegalArgumentException.class, () -> memory.allocate(0));
            assertThrows(IllegalArgumentException.class, () -> memory.allocate(-1));
            for (long size : new long[] {(1 << 25) + 1, 1L << 42, Long.MAX_VALUE}) {
                assertThrows(OutOfNativeMemoryException.class, () -> memory.allocate(size));
            }
            List<Lease> all = new ArrayList<>();
            String message = fill(memory, 1 << 20, all);
            assertTrue(message.contains("is used up"), message);
            fill(memory, 4096, all);
            fill(memory, 64, all);
            assertTrue(memory.stats().leasedBytes() > (1 << 26) - (1 << 17));
            assertTrue(memory.stats().leasedBytes() < 1 << 26);
            all.forEach(Lease::close);
            assertEquals(0, memory.stats().leasedBytes());
            memory.allocate(1 << 20).close();
        }
        assertThrows(IllegalArgumentException.class, () -> new NativeMemory.Options(1, 0, false));
        assertThrows(
                IllegalArgumentException.class,
                () -> new NativeMemory.Options(Long.MAX_VALUE, 0, false));
        assertThrows(IllegalArgumentException.class, () -> OPTIONS.withWarmBytes(-1));
    }

    private static String fill(NativeMemory memory, long size, List<Lease> all) {
        while (true) {
            try {
                all.add(memory.allocate(size));
            } catch (OutOfNativeMemoryException e) {
                return e.getMessage();
            }
        }
    }

    /** Fails if a very large reservation lets a lease exceed the largest slot. */
    @Test
    void noLeaseExceedsTheLargestSlot() {
        try (NativeMemory memory =
                NativeMemory.open(new NativeMemory.Options(1L << 45, 0, false))) {
            assertThrows(
                    OutOfNativeMemoryException.class, () -> memory.allocate((1L << 42) + 1));
            if (memory.segment().byteSize() > 1L << 43) {
                Lease largest = memory.allocate(1L << 42);
                memory.segment().set(Layouts.LONG, largest.offset() + (1L << 42) - 8, 1);
                largest.close();
            }
        }
    }
}
