package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** What the budget promises: exact charges, exact credits, and nothing written below it. */
final class BudgetTest {

    @Test
    void nothingIsWrittenUnderTheBudgetAndWhatDiesIsElided() {
        // fails if images are written although they fit, or a dead image is written
        try (Fixture f = new Fixture(MIB)) {
            for (int i = 0; i < 64; i++) {
                f.adopt(MIB / 2, i).close();
            }
            SpillStats stats = f.pager.stats();
            assertEquals(0, stats.pagedOut().count());
            assertEquals(0, stats.segments().count());
            assertEquals(64, stats.policy().writesElided());
            assertEquals(32 * MIB, stats.policy().writesElidedBytes());
        }
    }

    @Test
    void aChargeThatDoesNotFitPagesOutAndACloseMakesRoomAgain() {
        // P6: fails if the second image stays, or closing the first does not credit its page
        try (Fixture f = new Fixture(4 * KIB)) {
            Image first = f.adopt(4 * KIB, 1);
            assertTrue(first.isResident());
            Image second = f.adopt(4 * KIB, 2);
            assertEquals(1, resident(first, second));
            assertEquals(4 * KIB, f.budget.usedBytes());
            first.close();
            second.close();
            Image third = f.adopt(4 * KIB, 3);
            assertTrue(third.isResident());
            third.close();
        }
    }

    @Test
    void closingOnAnotherThreadCreditsTheSameBudget() throws InterruptedException {
        // P6: fails if the credit goes to a budget of the closing thread
        try (Fixture f = new Fixture(4 * KIB)) {
            Image image = f.adopt(4 * KIB, 1);
            Thread other = new Thread(image::close);
            other.start();
            other.join();
            assertEquals(0, f.budget.usedBytes());
        }
    }

    @Test
    void shrinkingTheBudgetGoesIntoDebtAndComesBackExactly() {
        // P7: fails if the deficit is forgotten, so that later credits exceed the total
        try (Fixture f = new Fixture(40 * KIB)) {
            List<Image> images = new ArrayList<>();
            List<Pin> pins = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                images.add(f.adopt(4 * KIB, i));
                pins.add(images.get(i).pin());
            }
            f.budget.resize(16 * KIB);
            assertEquals(-16 * KIB, f.budget.availableBytes());
            assertFalse(f.pager.relieve(), "everything is pinned");
            assertEquals(-16 * KIB, f.budget.availableBytes());
            pins.forEach(Pin::close);
            assertTrue(f.pager.relieve());
            assertEquals(0, f.budget.availableBytes());
            images.forEach(Image::close);
            assertEquals(16 * KIB, f.budget.availableBytes());
            f.budget.resize(24 * KIB);
            assertEquals(24 * KIB, f.budget.availableBytes());
        }
    }

    @Test
    void chargesAreWhatTheMemoryCounts() {
        // P14: fails if the charge is more or less than what the lease holds, at any size
        try (Fixture f = new Fixture(64 * MIB)) {
            List<Image> images = new ArrayList<>();
            for (long size : new long[] {1, 63, 64, 65, 2048, 2049, 4096, 4097, 300_000, MIB}) {
                images.add(f.adopt(size, size));
                assertEquals(size, images.getLast().sizeBytes());
                assertEquals(f.memory.stats().leasedBytes(), f.budget.usedBytes());
                assertEquals(f.budget.usedBytes(), f.pager.stats().images().residentBytes());
            }
            for (Image image : images) {
                assertTrue(image.pageOut());
                assertEquals(f.memory.stats().leasedBytes(), f.budget.usedBytes());
            }
            assertEquals(0, f.budget.usedBytes());
            images.forEach(Image::close);
        }
    }

    @Test
    void decodedCopiesAreChargedWhileTheyLive() {
        // fails if a pin's buffer is not counted, is not shared, or outlives its pins in debt
        try (Fixture f = new Fixture(0, o -> o.withCodecPolicy(CodecPolicy.always(Codec.LZ4)))) {
            Image image = f.adopt(MIB, 7);
            assertFalse(image.isResident());
            assertEquals(0, f.budget.usedBytes());
            try (Pin one = image.pin();
                    Pin two = image.pin()) {
                assertEquals(one.offset(), two.offset());
                assertEquals(MIB, f.budget.usedBytes());
                assertEquals(MIB, f.pager.stats().images().copyBytes());
                f.assertHolds(one, 7);
            }
            assertEquals(0, f.budget.usedBytes());
            assertEquals(0, f.memory.stats().leasedBytes());
            image.close();
        }
    }

    @Test
    void aCopyStaysWhileThereIsRoomAndGoesWithoutAWriteWhenThereIsNot() {
        // fails if each pin decodes anew under an empty budget, or a clean copy is written again
        try (Fixture f = new Fixture(0, o -> o.withCodecPolicy(CodecPolicy.always(Codec.LZ4)))) {
            Image image = f.adopt(MIB, 7);
            f.budget.resize(2 * MIB);
            f.assertHolds(image, 7);
            f.assertHolds(image, 7);
            assertTrue(image.isResident());
            assertEquals(1, f.pager.stats().pagedIn().count());
            Image first = f.adopt(MIB, 8);
            Image second = f.adopt(MIB, 9);
            assertFalse(image.isResident());
            assertTrue(first.isResident());
            assertTrue(second.isResident());
            assertEquals(1, f.pager.stats().pagedOut().count());
            assertEquals(1, f.pager.stats().policy().evictionsFree());
            f.assertHolds(image, 7);
            image.close();
            first.close();
            second.close();
        }
    }

    @Test
    void slowDisksHoldWritersBackAndMemoryStaysBounded() throws InterruptedException {
        // fails if those who find a page-out under way go on adopting without end
        int threads = 4;
        long imageBytes = 64 * KIB;
        long budgetBytes = 256 * KIB;
        long slackBytes = 128 * KIB;
        SpillSegment.Opener slow =
                file -> {
                    SpillFile real = ChannelSpillFile.open(file);
                    return new SpillFile() {
                        @Override
                        public int write(ByteBuffer source, long position) throws IOException {
                            LockSupport.parkNanos(2_000_000);
                            return real.write(source, position);
                        }

                        @Override
                        public int read(ByteBuffer target, long position) throws IOException {
                            return real.read(target, position);
                        }

                        @Override
                        public void close() throws IOException {
                            real.close();
                        }
                    };
                };
        AtomicLong peakBytes = new AtomicLong();
        try (Fixture f = new Fixture(budgetBytes, o -> o.withSlackBytes(slackBytes), slow)) {
            ConcurrentLinkedQueue<Image> images = new ConcurrentLinkedQueue<>();
            List<Thread> writers = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                writers.add(
                        Thread.ofPlatform()
                                .start(() -> {
                                    for (int i = 0; i < 60; i++) {
                                        images.add(f.pager.adopt(f.memory.allocate(imageBytes), 0));
                                        peakBytes.accumulateAndGet(f.budget.usedBytes(), Math::max);
                                    }
                                }));
            }
            for (Thread writer : writers) {
                writer.join();
            }
            assertEquals(threads * 60, images.size());
            // each thread has one image that it adds and one that it writes
            assertTrue(
                    peakBytes.get() <= budgetBytes + slackBytes + 2 * threads * imageBytes,
                    () -> "peak of " + peakBytes.get() + " bytes");
            assertTrue(f.pager.relieve());
            images.forEach(Image::close);
        }
    }

    private static int resident(Image... images) {
        int count = 0;
        for (Image image : images) {
            count += image.isResident() ? 1 : 0;
        }
        return count;
    }
}
