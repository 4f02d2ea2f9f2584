package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * Writing behind those who adopt. The writers run when a test says so, but where their threads are
 * what is tested.
 */
final class WritersTest {

    private static final long IMAGE = 8 * KIB;

    private final ManualExecutor writers = new ManualExecutor();
    private final FaultyDisk disk = new FaultyDisk();
    private final List<Image> images = new ArrayList<>();

    private Fixture fixture(UnaryOperator<PagerOptions> change) {
        return new Fixture(
                2 * IMAGE,
                o -> change.apply(o.withWriters(1, 64).withSlackBytes(4 * IMAGE)),
                disk::open,
                writers);
    }

    private void adopt(Fixture f, int count) {
        for (int i = 0; i < count; i++) {
            images.add(f.adopt(IMAGE, images.size()));
        }
    }

    private void checkAndClose(Fixture f) {
        for (int i = 0; i < images.size(); i++) {
            f.assertHolds(images.get(i), i);
            images.get(i).close();
        }
        assertEquals(0, f.pager.stats().writers().queued());
        assertEquals(0, f.pager.stats().writers().queuedBytes());
    }

    private long resident() {
        return images.stream().filter(Image::isResident).count();
    }

    @Test
    void withinTheSlackTheCallerWritesNothingAndTheWriterAllOfIt() {
        // fails if adopting writes, or the writer stops before the debt is gone
        try (Fixture f = fixture(o -> o)) {
            adopt(f, 6);
            assertEquals(0, f.pager.stats().pagedOut().count());
            assertEquals(4, f.pager.stats().writers().queued());
            assertEquals(4 * IMAGE, f.pager.stats().writers().queuedBytes());
            assertEquals(6, resident());
            writers.runAll();
            SpillStats stats = f.pager.stats();
            assertEquals(2, resident());
            assertEquals(0, stats.budget().debtBytes());
            assertEquals(4, stats.writers().writes());
            assertEquals(4, stats.writers().queueLatency().count());
            assertEquals(4, stats.pagedOut().count());
            assertEquals(4, stats.policy().evictions());
            assertEquals(0, stats.writers().backPressures());
            checkAndClose(f);
        }
    }

    @Test
    void whatDiesWhileItWaitsIsNeverWritten() {
        // P15: fails if a closed image stays queued, is written, or is not counted
        try (Fixture f = fixture(o -> o)) {
            adopt(f, 6);
            for (Image image : images) {
                image.close();
            }
            SpillStats stats = f.pager.stats();
            assertEquals(4, stats.writers().cancelled());
            assertEquals(4 * IMAGE, stats.writers().cancelledBytes());
            assertEquals(6, stats.policy().writesElided());
            assertEquals(0, stats.writers().queued());
            writers.runAll();
            assertEquals(0, f.pager.stats().pagedOut().count());
        }
    }

    @Test
    void whatIsPinnedOrTouchedWhileItWaitsStays() {
        // fails if a pinned image moves, or a hot one goes, or none goes in its place
        try (Fixture f = fixture(o -> o)) {
            adopt(f, 4);
            Pin pin = images.get(0).pin();
            images.get(1).pin().close();
            writers.runAll();
            assertTrue(images.get(0).isResident());
            assertTrue(images.get(1).isResident());
            assertFalse(images.get(2).isResident());
            assertFalse(images.get(3).isResident());
            assertEquals(2, f.pager.stats().writers().withdrawn());
            assertEquals(0, f.pager.stats().budget().debtBytes());
            f.assertHolds(pin, 0);
            pin.close();
            checkAndClose(f);
        }
    }

    @Test
    void aDebtThatIsGoneNeedsNoWrite() {
        // fails if queued images are written although there is room for them by now
        try (Fixture f = fixture(o -> o)) {
            adopt(f, 5);
            f.budget.resize(MIB);
            writers.runAll();
            assertEquals(5, resident());
            assertEquals(0, f.pager.stats().pagedOut().count());
            assertEquals(3, f.pager.stats().writers().withdrawn());
            f.budget.resize(IMAGE);
            assertTrue(f.pager.relieve());
            assertEquals(1, resident());
            checkAndClose(f);
        }
    }

    @Test
    void beyondTheSlackTheCallerWritesWhatWaitsTheLongest() {
        // fails if memory grows with a writer that does not come, or nobody counts the waits
        try (Fixture f = fixture(o -> o)) {
            for (int i = 0; i < 40; i++) {
                adopt(f, 1);
                assertTrue(f.budget.availableBytes() >= -4 * IMAGE, "debt within the slack");
                assertTrue(writers.count() <= 64);
            }
            SpillStats stats = f.pager.stats();
            assertEquals(34, stats.pagedOut().count());
            assertEquals(34, stats.writers().backPressures());
            assertEquals(34, stats.writers().backPressureLatency().count());
            assertEquals(0, stats.writers().writes());
            assertFalse(images.getFirst().isResident());
            assertTrue(images.getLast().isResident());
            writers.runAll();
            assertEquals(0, f.pager.stats().budget().debtBytes());
            checkAndClose(f);
        }
    }

    @Test
    void theQueueIsBoundedInImagesAndBytes() {
        // fails if more waits than the options allow, or a large image is never taken
        try (Fixture f = fixture(o -> o.withWriters(1, 2))) {
            adopt(f, 6);
            assertEquals(2, f.pager.stats().writers().queued());
            writers.runAll();
            assertEquals(0, f.pager.stats().budget().debtBytes(), "the rest followed");
            Image large = f.adopt(5 * IMAGE, 99);
            assertTrue(f.budget.availableBytes() >= -4 * IMAGE);
            writers.runAll();
            assertEquals(0, f.pager.stats().budget().debtBytes());
            large.close();
            checkAndClose(f);
        }
    }

    @Test
    void theDeepestAreQueuedFirst() {
        // P15: fails if the writers take a fresh image before one that survived merges
        try (Fixture f = fixture(o -> o)) {
            Image fresh = f.adopt(IMAGE, 1, 0);
            Image deep = f.adopt(IMAGE, 2, 3);
            Image middle = f.adopt(IMAGE, 3, 1);
            Image last = f.adopt(IMAGE, 4, 0);
            writers.runOne();
            assertFalse(deep.isResident());
            assertTrue(middle.isResident());
            writers.runOne();
            assertFalse(middle.isResident());
            assertTrue(fresh.isResident());
            assertTrue(last.isResident());
            for (Image image : List.of(fresh, deep, middle, last)) {
                image.close();
            }
        }
    }

    @Test
    void aFailureBehindIsToldAndNothingIsLost() {
        // fails if a failed write drops its image, is tried for ever, or stays unsaid
        List<SpillException> told = new ArrayList<>();
        try (Fixture f = fixture(o -> o.withOnSpillFailure(told::add))) {
            adopt(f, 5);
            disk.roomBytes = 0;
            writers.runAll();
            assertEquals(1, told.size(), "those that waited are not tried one after the other");
            assertEquals(5, resident());
            assertEquals(0, f.pager.stats().writers().queued());
            adopt(f, 1);
            assertEquals(6, resident(), "within the slack nobody is refused");
            SpillException refused = assertThrows(SpillException.class, () -> adopt(f, 1));
            Fixture.assertSays(refused, "No space left on device");
            assertThrows(SpillException.class, f.pager::relieve);
            assertEquals(told.size(), f.pager.stats().pagedOut().failures());
            assertEquals(told.size(), disk.failures());
            disk.roomBytes = Long.MAX_VALUE;
            adopt(f, 1);
            assertEquals(IMAGE, f.pager.stats().budget().debtBytes(), "paid by the next one");
            assertEquals(
                    1, f.pager.stats().writers().queued(), "and the writers are trusted again");
            writers.runAll();
            assertEquals(0, f.pager.stats().budget().debtBytes());
            checkAndClose(f);
        }
    }

    @Test
    void aFailureBehindIsTheNextRelievesAlsoIfNothingElseCanGo() {
        // fails if the only word of a failed write is that of the listener
        try (Fixture f = fixture(o -> o)) {
            adopt(f, 3);
            disk.failWrite(0);
            writers.runAll();
            List<Pin> pins = images.stream().map(Image::pin).toList();
            SpillException e = assertThrows(SpillException.class, f.pager::relieve);
            Fixture.assertSays(e, "No space left on device");
            assertFalse(f.pager.relieve(), "told once");
            pins.forEach(Pin::close);
            assertTrue(f.pager.relieve());
            checkAndClose(f);
        }
    }

    @Test
    void relievingTakesWhatWaits() {
        // fails if what is queued for a writer that does not come cannot be paged out
        try (Fixture f = fixture(o -> o)) {
            adopt(f, 6);
            assertTrue(f.pager.relieve());
            assertEquals(4, f.pager.stats().pagedOut().count());
            assertTrue(images.get(5).pageOut());
            adopt(f, 3);
            assertTrue(images.get(6).pageOut() && images.get(4).pageOut());
            writers.runAll();
            checkAndClose(f);
        }
    }

    @Test
    void withoutSlackNothingWaits() {
        // fails if a budget without slack is exceeded while a writer takes its time
        try (Fixture f = fixture(o -> o.withSlackBytes(0))) {
            adopt(f, 5);
            assertEquals(2, resident());
            assertEquals(0, writers.count());
            checkAndClose(f);
        }
    }

    @Test
    void aPolicyThatThrowsDoesNotEndTheWriter() {
        // fails if an error of the caller's code kills the thread, or is told to nobody
        List<SpillException> told = new ArrayList<>();
        Fixture f =
                fixture(o ->
                        o.withOnSpillFailure(told::add)
                                .withCodecPolicy((depth, size) -> {
                                    if (told.isEmpty()) {
                                        throw new IllegalStateException("no codec today");
                                    }
                                    return Codec.LZ4;
                                }));
        adopt(f, 3);
        writers.runAll();
        assertEquals(1, told.size());
        Fixture.assertSays(told.getFirst(), "no codec today");
        assertEquals(3, resident());
        assertTrue(f.pager.relieve());
        checkAndClose(f);
        // the fixture would not let it pass elsewhere
        assertThrows(AssertionError.class, f::close);
        f.pager.close();
        f.memory.close();
        f.removeFolder();
    }

    @Test
    void threadsAreNamedDaemonsThatComeWithTheFirstWorkAndEndWithThePager()
            throws InterruptedException {
        // fails if a pager that never spills has threads, or a closed one leaves some behind
        Fixture f = new Fixture(2 * MIB, o -> o.withWriters(2, 64).withSlackBytes(4 * MIB));
        long before = writerThreads().size();
        Image small = f.adopt(IMAGE, 7);
        assertEquals(before, writerThreads().size());
        for (int i = 0; i < 40; i++) {
            images.add(f.adopt(MIB, i));
        }
        assertTrue(writerThreads().size() > before);
        assertTrue(writerThreads().stream().allMatch(Thread::isDaemon));
        assertTrue(f.pager.relieve());
        for (int i = 0; i < images.size(); i++) {
            f.assertHolds(images.get(i), i);
            images.get(i).close();
        }
        small.close();
        f.close();
        assertEquals(before, writerThreads().size());
    }

    private static List<Thread> writerThreads() {
        Map<Thread, StackTraceElement[]> all = Thread.getAllStackTraces();
        return all.keySet().stream()
                .filter(thread -> thread.getName().startsWith("espalier-spill-writer-"))
                .toList();
    }
}
