package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.testing.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is really resident, as the system counts it. */
final class PagesTest {

    private static final NativeMemory.Options OPTIONS =
            NativeMemory.Options.defaults().withDebug(false);

    @BeforeEach
    void systemGivesPagesBack() {
        assumeTrue(SystemCalls.AVAILABLE);
    }

    private static Lease touched(NativeMemory memory, long size) {
        Lease lease = memory.allocate(size);
        memory.segment().asSlice(lease.offset(), size).fill((byte) 1);
        return lease;
    }

    /** A lease that took more than it needed, and wrote more or less than it keeps. */
    private static Lease shrunk(NativeMemory memory, Random random) {
        long size = 2L + random.nextInt(1 << random.nextInt(3, 19));
        Lease lease = memory.allocate(size);
        long written = random.nextLong(1, size + 1);
        memory.segment().asSlice(lease.offset(), written).fill((byte) 1);
        long kept = random.nextLong(1, size + 1);
        lease.shrink(kept, written);
        memory.segment().asSlice(lease.offset(), kept).fill((byte) 1);
        return lease;
    }

    /** Fails if leasing backs pages before they are touched. */
    @Test
    void untouchedBytesCostNothing() throws Exception {
        try (NativeMemory memory = NativeMemory.open(OPTIONS);
                Lease lease = memory.allocate(100L << 30)) {
            memory.segment().set(Layouts.BYTE, lease.offset() + (50L << 30), (byte) 1);
            assertEquals(4096, ResidentBytes.of(memory));
        }
    }

    /** Fails if freed pages stay resident beyond the warm limit, or are not given back exactly. */
    @Test
    void freedPagesGoBackBeyondTheWarmLimit() throws Exception {
        long warm = 1 << 20;
        try (NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(warm))) {
            List<Lease> leases = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                leases.add(touched(memory, 256 << 10));
            }
            assertEquals(100L * (256 << 10), ResidentBytes.of(memory));
            leases.forEach(Lease::close);
            assertEquals(warm, memory.stats().warmBytes());
            assertEquals(warm, ResidentBytes.of(memory));
            try (Lease reused = memory.allocate(256 << 10)) {
                assertEquals(warm - reused.sizeBytes(), memory.stats().warmBytes());
                assertEquals(warm, ResidentBytes.of(memory), "warm pages are to be used again");
            }
        }
    }

    /** Fails if many small leases, once closed, keep their pages for ever. */
    @Test
    void pagesOfSmallLeasesGoBackToo() throws Exception {
        long warm = 1 << 20;
        try (NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(warm))) {
            List<Lease> leases = new ArrayList<>();
            for (int i = 0; i < 100_000; i++) {
                leases.add(touched(memory, 200));
            }
            assertEquals(100_000L * 256, memory.stats().leasedBytes());
            leases.forEach(Lease::close);
            assertTrue(memory.stats().warmBytes() <= warm + (64 << 10));
            assertTrue(ResidentBytes.of(memory) <= warm + (64 << 10));
            // given back or not, the slots serve again
            Lease again = touched(memory, 200);
            assertTrue(ResidentBytes.of(memory) <= warm + (128 << 10));
            again.close();
        }
    }

    /** Fails if what is resident ever exceeds what the counters say. */
    @Test
    void residentBytesNeverExceedLeasedAndWarmOnes() throws Exception {
        Random random = new Random(Seed.value() + 8);
        for (long warm : new long[] {0, 2 << 20}) {
            try (NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(warm))) {
                List<Lease> leases = new ArrayList<>();
                for (int i = 0; i < 3000; i++) {
                    if (leases.size() > 40 || (!leases.isEmpty() && random.nextInt(5) < 2)) {
                        leases.remove(random.nextInt(leases.size())).close();
                    } else if (random.nextInt(3) == 0) {
                        leases.add(shrunk(memory, random));
                    } else {
                        leases.add(touched(memory, 1 + random.nextInt(1 << random.nextInt(3, 19))));
                    }
                    if (i % 50 == 0) {
                        NativeMemory.Stats stats = memory.stats();
                        long most = stats.leasedBytes() + stats.warmBytes();
                        assertTrue(ResidentBytes.of(memory) <= most);
                    }
                }
                leases.forEach(Lease::close);
                assertTrue(memory.stats().warmBytes() <= warm);
                assertTrue(ResidentBytes.of(memory) <= warm);
            }
        }
    }

    /** Fails if pages behind a shorter lease are not counted, or given up while they may stay. */
    @Test
    void pagesBehindALeaseStayWarmUpToTheLimit() throws Exception {
        long warm = 8 * 4096;
        try (NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(warm))) {
            // 33 to 36 pages share a class
            try (Lease lease = touched(memory, 36 * 4096);
                    Lease other = touched(memory, 36 * 4096)) {
                lease.shrink(33 * 4096, 36 * 4096);
                assertEquals((33 + 36) * 4096, memory.stats().leasedBytes());
                assertEquals(3 * 4096, memory.stats().warmBytes());
                other.shrink(31 * 4096, 36 * 4096);
                assertEquals((33 + 31) * 4096, memory.stats().leasedBytes());
                assertEquals(8 * 4096, memory.stats().warmBytes());
                assertEquals(72 * 4096, ResidentBytes.of(memory));
                // one more is too many: all go
                other.shrink(30 * 4096, 31 * 4096);
                assertEquals(3 * 4096, memory.stats().warmBytes());
                assertEquals((36 + 30) * 4096, ResidentBytes.of(memory));
            }
            assertEquals(0, memory.stats().warmBytes());
            assertEquals(0, ResidentBytes.of(memory));
        }
    }

    /** Fails if a lease in a slot of a larger one does not count what is behind it. */
    @Test
    void aShorterLeaseInAWarmSlotKeepsTheRestWarm() throws Exception {
        try (NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(8 << 20))) {
            touched(memory, 36 * 4096).close();
            try (Lease lease = memory.allocate(33 * 4096)) {
                assertEquals(33 * 4096, memory.stats().leasedBytes());
                assertEquals(3 * 4096, memory.stats().warmBytes());
                assertEquals(36 * 4096, ResidentBytes.of(memory));
            }
            assertEquals(36 * 4096, memory.stats().warmBytes());
            assertEquals(36 * 4096, ResidentBytes.of(memory));
        }
    }

    /** Fails if mapping and unmapping splits the reservation into ever more pieces. */
    @Test
    void theReservationGrowsTogetherAgain(@TempDir Path folder) throws Exception {
        Path file = Files.write(folder.resolve("mapped"), new byte[1 << 20]);
        try (NativeMemory memory = NativeMemory.open(OPTIONS)) {
            long before = ResidentBytes.mappings(memory);
            Random random = new Random(Seed.value() + 9);
            List<Lease> leases = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                if (random.nextBoolean() || leases.isEmpty()) {
                    Lease lease = memory.map(file, 0, 1 + random.nextInt(1 << 20));
                    long ignored = Bytes.hash(memory.segment(), lease.offset(), 4096);
                    leases.add(lease);
                } else {
                    leases.remove(random.nextInt(leases.size())).close();
                }
            }
            leases.forEach(Lease::close);
            assertEquals(before, ResidentBytes.mappings(memory));
            assertEquals(0, ResidentBytes.of(memory));
        }
    }

    /** Fails if discarding touches a byte beside the range, or keeps the pages in it. */
    @Test
    void discardingDropsWholePagesOfTheRangeOnly() throws Exception {
        try (NativeMemory memory = NativeMemory.open(OPTIONS.withWarmBytes(0));
                Lease lease = touched(memory, 8 * 4096)) {
            memory.discard(lease.offset() + 1, 4 * 4096);
            assertEquals(5 * 4096, ResidentBytes.of(memory));
            assertEquals(1, memory.segment().get(Layouts.BYTE, lease.offset() + 4095));
            assertEquals(0, memory.segment().get(Layouts.BYTE, lease.offset() + 4096));
            assertEquals(1, memory.segment().get(Layouts.BYTE, lease.offset() + 4 * 4096));
            memory.discard(lease.offset() + 1, 4096);
            assertEquals(1, memory.segment().get(Layouts.BYTE, lease.offset()));
        }
    }
}
