package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Bytes;
import io.espalier.memory.Checksums;
import io.espalier.memory.Lease;
import io.espalier.testing.Seed;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.jspecify.annotations.Nullable;

/**
 * Whatever is done in whatever order, every image holds its bytes, the budget is exact and nothing
 * is left over. The model keeps the checksum of each image's content.
 */
final class PagerPropertyTest {

    /** An image, what it must hold, and the pins that are out on it. */
    private static final class Model {
        final Image image;
        final long sizeBytes;
        final int checksum;
        final List<Pin> pins = new ArrayList<>();

        Model(Image image, long sizeBytes, int checksum) {
            this.image = image;
            this.sizeBytes = sizeBytes;
            this.checksum = checksum;
        }
    }

    /** One thread's part: it owns its images, others may pin those that it publishes. */
    private static final class Actor {
        final Fixture fixture;
        final SplittableRandom random;
        final List<Model> models = new ArrayList<>();

        Actor(Fixture fixture, long seed) {
            this.fixture = fixture;
            this.random = new SplittableRandom(seed);
        }

        void act() {
            int choice = random.nextInt(100);
            if (choice < 25 || models.isEmpty()) {
                adopt();
                return;
            }
            Model model = models.get(random.nextInt(models.size()));
            if (choice < 50) {
                Pin pin = model.image.pin();
                check(model, pin);
                if (model.pins.size() < 3) {
                    model.pins.add(pin);
                } else {
                    pin.close();
                }
            } else if (choice < 72) {
                if (!model.pins.isEmpty()) {
                    Pin pin = model.pins.remove(random.nextInt(model.pins.size()));
                    check(model, pin);
                    pin.close();
                }
            } else if (choice < 80) {
                try {
                    boolean out = model.image.pageOut();
                    assertTrue(out == model.pins.isEmpty(), "out unless pinned");
                } catch (SpillException e) {
                    // the disk failed, as it may
                    assertTrue(model.image.isResident());
                }
            } else if (choice < 85) {
                model.image.prefetch();
            } else if (choice < 90) {
                fixture.budget.resize(random.nextLong(512 * KIB));
            } else {
                close(model);
            }
        }

        void adopt() {
            long size = 1 + random.nextLong(random.nextBoolean() ? 3000 : 150_000);
            Lease lease = fixture.memory.allocate(size);
            Fixture.fill(fixture.memory.segment(), lease.offset(), size, random.nextLong());
            int checksum = Checksums.crc32c(fixture.memory.segment(), lease.offset(), size);
            int depth = random.nextInt(6);
            try {
                models.add(new Model(fixture.pager.adopt(lease, depth), size, checksum));
            } catch (SpillException e) {
                lease.close();
            }
        }

        void check(Model model, Pin pin) {
            assertEquals(model.sizeBytes, pin.sizeBytes());
            assertEquals(
                    model.checksum,
                    Checksums.crc32c(fixture.memory.segment(), pin.offset(), pin.sizeBytes()));
        }

        void close(Model model) {
            model.pins.forEach(pin -> check(model, pin));
            model.pins.forEach(Pin::close);
            model.image.close();
            models.remove(model);
        }

        long pins() {
            return models.stream().mapToLong(m -> m.pins.size()).sum();
        }

        void closeAll() {
            for (Model model : List.copyOf(models)) {
                close(model);
            }
        }
    }

    /** Half of the pagers write on the callers' threads, the others behind them. */
    private static Fixture fixture(long seed, FaultyDisk disk, @Nullable Executor writers) {
        SplittableRandom random = new SplittableRandom(seed);
        Codec[] codecs = Codec.values();
        return new Fixture(
                random.nextLong(512 * KIB),
                o ->
                        o.withSegmentBytes(256 * KIB)
                                .withWindows(random.nextLong(256 * KIB), 0)
                                .withFreeBytesMax(random.nextLong(256 * KIB))
                                .withSlackBytes(random.nextLong(256 * KIB))
                                .withWriters(random.nextInt(3), 1 + random.nextInt(6))
                                .withPrefetchBytes(random.nextLong(512 * KIB))
                                .withCodecPolicy((depth, size) ->
                                        codecs[(int) ((depth + size) % codecs.length)]),
                disk::open,
                writers);
    }

    @Property(tries = 150)
    void anyHistoryOfOneThreadKeepsAllBytesAndTheBudgetExact(
            @ForAll @LongRange(min = 0) long seed) {
        // fails if a byte is lost, a charge is off by anything, or statistics and truth differ
        FaultyDisk disk = new FaultyDisk();
        if (seed % 3 == 0) {
            disk.failAtRandom(seed, (int) (seed % 40));
        }
        ManualExecutor writers = new ManualExecutor();
        SplittableRandom turns = new SplittableRandom(~seed);
        try (Fixture f = fixture(seed, disk, writers)) {
            Actor actor = new Actor(f, seed);
            for (int step = 0; step < 150; step++) {
                actor.act();
                for (int turn = turns.nextInt(3); turn > 0; turn--) {
                    writers.runOne();
                }
                SpillStats stats = f.pager.stats();
                assertEquals(f.memory.stats().leasedBytes(), stats.images().residentBytes());
                assertEquals(
                        f.budget.usedBytes(),
                        stats.images().residentBytes() + stats.mapped().pageBytes());
                assertEquals(actor.models.size(), stats.images().count());
                assertEquals(actor.pins(), stats.images().pinsOpen());
                assertEquals(
                        stats.segments().sizeBytes(),
                        stats.segments().usedBytes() + stats.segments().freeBytes());
                assertTrue(stats.segments().freeBackedBytes() <= stats.segments().freeBytes());
                assertEquals(disk.failures(), stats.pagedOut().failures());
                assertTrue(stats.writers().queued() <= 6);
                assertCountsAgree(stats);
            }
            disk.failAtRandom(0, 0);
            writers.runAll();
            long pinnedBytes =
                    actor.models.stream()
                            .filter(m -> !m.pins.isEmpty())
                            .mapToLong(m -> Math.max(m.sizeBytes + 4095, 64))
                            .sum();
            relieve(f);
            assertTrue(
                    f.budget.availableBytes() >= 0 || f.budget.usedBytes() <= pinnedBytes,
                    "in debt with more than the pinned images");
            actor.closeAll();
            SpillStats stats = f.pager.stats();
            assertEquals(0, stats.segments().usedBytes());
            assertTrue(stats.segments().count() <= 1, "one spare at most");
            assertEquals(0, stats.mapped().pageBytes());
            assertEquals(0, stats.images().copyBytes());
            assertEquals(0, stats.images().pagedStoredBytes());
            assertEquals(0, stats.prefetch().heldBytes());
            assertEquals(
                    stats.prefetch().count(), stats.prefetch().hits() + stats.prefetch().wasted());
            assertEquals(0, stats.writers().queuedBytes());
            writers.runAll();
        }
    }

    /** A failure of before is told once. */
    private static void relieve(Fixture f) {
        try {
            f.pager.relieve();
        } catch (SpillException e) {
            f.pager.relieve();
        }
    }

    private static void assertCountsAgree(SpillStats stats) {
        assertEquals(stats.pagedOut().count(), stats.pagedOut().latency().count());
        assertEquals(stats.pagedIn().count(), stats.pagedIn().latency().count());
        assertEquals(
                stats.writers().backPressures(), stats.writers().backPressureLatency().count());
        assertTrue(stats.writers().writes() <= stats.pagedOut().count());
        assertTrue(stats.writers().cancelled() <= stats.policy().writesElided());
    }

    @Example
    void anyHistoryOfSeveralThreadsKeepsAllBytes() throws InterruptedException {
        // fails if threads that adopt, pin, page out, close and resize at once see foreign bytes
        for (int round = 0; round < 6; round++) {
            long seed = Seed.value() * 37 + round;
            ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
            FaultyDisk disk = new FaultyDisk();
            if (round % 2 == 1) {
                disk.failAtRandom(seed, 5);
            }
            try (Fixture f = fixture(seed, disk, null)) {
                List<Thread> threads = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    Actor actor = new Actor(f, seed * 31L + i);
                    threads.add(
                            Thread.ofPlatform()
                                    .start(() -> {
                                        try {
                                            for (int step = 0; step < 1500; step++) {
                                                actor.act();
                                            }
                                        } catch (Throwable e) {
                                            failures.add(e);
                                        } finally {
                                            actor.closeAll();
                                        }
                                    }));
                }
                for (Thread thread : threads) {
                    thread.join();
                }
                rethrow(failures);
                assertEquals(0, f.pager.stats().segments().usedBytes());
            }
        }
    }

    @Example
    void readersOfSharedImagesNeverSeeForeignBytes() throws InterruptedException {
        // fails if an image moves, or is dropped, under a pin of another thread
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        Codec[] codecs = Codec.values();
        try (Fixture f =
                new Fixture(
                        128 * KIB,
                        o ->
                                o.withWindows(64 * KIB, 0)
                                        .withWriters(1, 4)
                                        .withCodecPolicy(
                                                (depth, size) -> codecs[depth % codecs.length]))) {
            List<Image> images = new ArrayList<>();
            byte[][] expected = new byte[12][];
            Lease[] truth = new Lease[12];
            for (int i = 0; i < expected.length; i++) {
                long size = 20_000 + 1000L * i;
                images.add(f.adopt(size, i, i));
                truth[i] = f.memory.allocate(size);
                Fixture.fill(f.memory.segment(), truth[i].offset(), size, i);
            }
            List<Thread> threads = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                int role = t;
                threads.add(
                        Thread.ofPlatform()
                                .start(() -> {
                                    try {
                                        read(f, images, truth, role);
                                    } catch (Throwable e) {
                                        failures.add(e);
                                    }
                                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            rethrow(failures);
            for (int i = 0; i < truth.length; i++) {
                images.get(i).close();
                truth[i].close();
            }
        }
    }

    private static void read(Fixture f, List<Image> images, Lease[] truth, int role) {
        SplittableRandom random = new SplittableRandom(Seed.value() * 37 + role);
        for (int step = 0; step < 8_000; step++) {
            int i = random.nextInt(truth.length);
            Image image = images.get(i);
            if (role == 0) {
                image.pageOut();
                images.get(random.nextInt(truth.length)).prefetch();
                f.budget.resize(random.nextLong(300 * KIB));
            } else {
                try (Pin pin = image.pin()) {
                    assertTrue(
                            Bytes.equal(
                                    f.memory.segment(),
                                    truth[i].offset(),
                                    f.memory.segment(),
                                    pin.offset(),
                                    pin.sizeBytes()));
                }
            }
        }
    }

    private static void rethrow(ConcurrentLinkedQueue<Throwable> failures) {
        Throwable first = failures.poll();
        if (first != null) {
            failures.forEach(first::addSuppressed);
            throw new AssertionError(first);
        }
    }
}
