package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.testing.NativeMemoryExtension;
import io.espalier.testing.Seed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NativeMemoryExtension.class)
final class NativeMemoryTest {

    private static final NativeMemory.Options OPTIONS = NativeMemory.Options.defaults();

    /** Fails if threads get overlapping leases, see foreign content, or the counters drift. */
    @Test
    void threadsShareAMemoryWithoutMeeting(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("mapped");
        byte[] bytes = LeaseModel.write(file);
        for (boolean debug : new boolean[] {false, true}) {
            try (NativeMemory memory =
                            NativeMemory.open(OPTIONS.withWarmBytes(1 << 20).withDebug(debug));
                    ExecutorService threads = Executors.newFixedThreadPool(4)) {
                TreeMap<Long, Long> ranges = new TreeMap<>();
                List<Future<LeaseModel>> models = new ArrayList<>();
                for (int t = 0; t < 4; t++) {
                    LeaseModel model =
                            new LeaseModel(memory, file, bytes, ranges, Seed.value() + t);
                    models.add(
                            threads.submit(() -> {
                                for (int i = 0; i < 4000; i++) {
                                    model.step();
                                }
                                return model;
                            }));
                }
                long leased = 0;
                long mapped = 0;
                for (Future<LeaseModel> model : models) {
                    model.get();
                }
                for (Future<LeaseModel> model : models) {
                    leased += model.get().leasedBytes;
                    mapped += model.get().mappedBytes;
                }
                assertEquals(leased, memory.stats().leasedBytes());
                assertEquals(mapped, memory.stats().mappedBytes());
                for (Future<LeaseModel> model : models) {
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
        LeaseModel.write(file);
        for (int round = 0; round < 20; round++) {
            NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(0));
            AtomicBoolean closed = new AtomicBoolean();
            CountDownLatch started = new CountDownLatch(1);
            boolean mapping = round % 2 == 0;
            try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
                Future<?> user =
                        threads.submit(() -> {
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
                                memory.segment().set(Layouts.LONG, lease.offset() + 39_992, 1);
                                lease.close();
                            }
                        });
                started.await();
                while (!closed.get() && !user.isDone()) {
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
    void aLeaseThatWasClosedCanBeRenewedByItsOwner(NativeMemory memory) {
        // fails when a renewed lease is not counted, shows bytes that are not its own, or one that
        // is still held is lost
        Lease lease = memory.allocate(100);
        IllegalStateException held =
                assertThrows(IllegalStateException.class, () -> lease.renew(10));
        assertTrue(String.valueOf(held.getMessage()).contains("still held"), held::getMessage);
        lease.close();
        assertThrows(IllegalArgumentException.class, () -> lease.renew(0));
        assertThrows(OutOfNativeMemoryException.class, () -> lease.renew(Long.MAX_VALUE));
        assertFalse(lease.isOpen());
        try (Lease between = memory.allocate(100)) {
            lease.renew(1 << 20);
            assertEquals(2, memory.stats().leases());
            assertEquals(1 << 20, lease.sizeBytes());
            assertNotEquals(between.offset(), lease.offset());
            assertEquals(SizeClasses.pagesUp(1 << 20), lease.accountedBytes());
            lease.close();
            assertThrows(IllegalStateException.class, lease::close);
            assertThrows(IllegalStateException.class, lease::offset);
        }
        assertEquals(0, memory.stats().leases());
    }

    @Test
    void onlyOneOfManyThreadsClosesALease(NativeMemory memory) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (int round = 0; round < 500; round++) {
                Lease lease = memory.allocate(5000);
                List<Future<Boolean>> closers = new ArrayList<>();
                for (int t = 0; t < 4; t++) {
                    closers.add(
                            threads.submit(() -> {
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
        LeaseModel.write(file);
        NativeMemory memory = NativeMemory.open(OPTIONS.withDebug(false));
        Lease lease = memory.allocate(10_000);
        long offset = lease.offset();
        lease.close();
        memory.close();
        assertThrows(IllegalStateException.class, () -> memory.allocate(1));
        assertThrows(IllegalStateException.class, () -> memory.map(file, 0, 1));
        assertThrows(IllegalStateException.class, () -> memory.segment().get(Layouts.BYTE, offset));
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
            assertThrows(IndexOutOfBoundsException.class, () -> memory.discard(range[0], range[1]));
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
            assertThrows(OutOfNativeMemoryException.class, () -> memory.allocate((1L << 42) + 1));
            if (memory.segment().byteSize() > 1L << 43) {
                Lease largest = memory.allocate(1L << 42);
                memory.segment().set(Layouts.LONG, largest.offset() + (1L << 42) - 8, 1);
                largest.close();
            }
        }
    }
}
