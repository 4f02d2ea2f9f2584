package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.memory.NativeMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Reading ahead: what it saves, what it may hold, and that it changes nothing else. */
final class PrefetchTest {

    private static final long IMAGE = 32 * KIB;

    private final ManualExecutor writers = new ManualExecutor();
    private final List<Image> images = new ArrayList<>();

    /** Images that are all paged. */
    private Fixture fixture(Codec codec, int count, long prefetchBytes) {
        Fixture f =
                new Fixture(
                        0,
                        o ->
                                o.withWriters(1, 8)
                                        .withSlackBytes(8 * IMAGE)
                                        .withPrefetchBytes(prefetchBytes)
                                        .withCodecPolicy(CodecPolicy.always(codec)),
                        ChannelSpillFile::open,
                        writers);
        for (int i = 0; i < count; i++) {
            images.add(f.adopt(IMAGE, i));
            assertTrue(images.get(i).pageOut());
        }
        writers.runAll();
        assertEquals(0, f.budget.usedBytes());
        return f;
    }

    private void checkAndClose(Fixture f) {
        for (int i = 0; i < images.size(); i++) {
            f.assertHolds(images.get(i), i);
            images.get(i).close();
        }
        assertEquals(0, f.pager.stats().prefetch().heldBytes());
        writers.runAll();
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatWasReadAheadIsThereForThePin(Codec codec) {
        // fails if the pin reads or decodes again, or the bytes are held twice
        try (Fixture f = fixture(codec, 2, 2 * IMAGE)) {
            images.get(0).prefetch();
            images.get(0).prefetch();
            assertEquals(0, f.pager.stats().pagedIn().count(), "not on this thread");
            assertEquals(IMAGE, f.pager.stats().prefetch().heldBytes());
            writers.runAll();
            assertEquals(1, f.pager.stats().pagedIn().count());
            assertEquals(1, f.pager.stats().prefetch().count());
            assertEquals(IMAGE, f.budget.usedBytes());
            f.assertHolds(images.get(0), 0);
            SpillStats stats = f.pager.stats();
            assertEquals(1, stats.pagedIn().count());
            assertEquals(0, stats.pagedIn().fetchLatency().count());
            assertEquals(1, stats.prefetch().hits());
            assertEquals(0, stats.prefetch().heldBytes());
            assertEquals(0, f.budget.usedBytes(), "gone with its pin, as ever");
            f.assertHolds(images.get(1), 1);
            assertEquals(1, f.pager.stats().pagedIn().fetchLatency().count());
            checkAndClose(f);
        }
    }

    @Test
    void aPinThatComesBeforeTheReaderReadsItself() {
        // fails if a pin waits for a reader that does not come, or the reader reads once more
        try (Fixture f = fixture(Codec.LZ4, 1, IMAGE)) {
            images.get(0).prefetch();
            f.assertHolds(images.get(0), 0);
            assertEquals(0, f.pager.stats().prefetch().heldBytes());
            writers.runAll();
            assertEquals(1, f.pager.stats().pagedIn().count());
            assertEquals(0, f.pager.stats().prefetch().count());
            checkAndClose(f);
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void noMoreIsHeldThanAllowedAndTheOldestMakesRoom(Codec codec) {
        // fails if reading ahead grows without bound, or what nobody wants blocks it for ever
        try (Fixture f = fixture(codec, 4, 2 * IMAGE)) {
            images.get(0).prefetch();
            images.get(1).prefetch();
            images.get(2).prefetch();
            assertEquals(1, f.pager.stats().prefetch().refused());
            writers.runAll();
            assertEquals(2 * IMAGE, f.pager.stats().prefetch().heldBytes());
            images.get(3).prefetch();
            assertEquals(1, f.pager.stats().prefetch().wasted());
            writers.runAll();
            assertEquals(3, f.pager.stats().prefetch().count());
            assertEquals(2 * IMAGE, f.pager.stats().prefetch().heldBytes());
            f.assertHolds(images.get(1), 1);
            f.assertHolds(images.get(3), 3);
            assertEquals(2, f.pager.stats().prefetch().hits());
            checkAndClose(f);
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatDiesUnpinnedIsWastedAndGivesItsRoomBack(Codec codec) {
        // fails if a closed image leaves its buffer, its charge or its wish behind
        try (Fixture f = fixture(codec, 3, 3 * IMAGE)) {
            images.get(0).prefetch();
            images.get(1).prefetch();
            writers.runAll();
            images.get(2).prefetch();
            images.get(0).close();
            images.get(2).close();
            assertTrue(images.get(1).pageOut());
            assertFalse(images.get(1).isResident());
            SpillStats stats = f.pager.stats();
            assertEquals(2, stats.prefetch().wasted());
            assertEquals(0, stats.prefetch().heldBytes());
            assertEquals(0, f.budget.usedBytes());
            writers.runAll();
            assertEquals(2, f.pager.stats().prefetch().count());
            f.assertHolds(images.get(1), 1);
            images.get(1).close();
            assertThrows(IllegalStateException.class, images.get(1)::prefetch);
        }
    }

    @Test
    void aDebtTakesBackWhatNobodyPinned() {
        // fails if reading ahead makes an adoption write, or keeps it in debt
        try (Fixture f = fixture(Codec.LZ4, 2, 2 * IMAGE)) {
            images.get(0).prefetch();
            writers.runAll();
            assertTrue(f.pager.relieve());
            assertEquals(1, f.pager.stats().prefetch().wasted());
            assertEquals(0, f.budget.usedBytes());
            checkAndClose(f);
        }
    }

    @Test
    void aDamagedPageIsThePinsToTell() throws Exception {
        // fails if an error on the reader's thread is lost, or kills it
        try (NativeMemory probe = NativeMemory.open()) {
            assumeTrue(probe.isNative());
        }
        try (Fixture f = fixture(Codec.NONE, 1, IMAGE)) {
            StoredPage page = Objects.requireNonNull(images.get(0).storedForTest());
            FaultTest.flip(f, page, page.extent().position());
            images.get(0).prefetch();
            writers.runAll();
            assertEquals(0, f.pager.stats().prefetch().heldBytes());
            assertThrows(DamagedPageException.class, images.get(0)::pin);
            FaultTest.flip(f, page, page.extent().position());
            checkAndClose(f);
        }
    }

    @Test
    void withoutReadersItIsAHint() {
        // fails if a pager without threads throws, or reads on the caller's thread
        try (Fixture f = new Fixture(0)) {
            Image image = f.adopt(IMAGE, 1);
            image.prefetch();
            assertEquals(0, f.pager.stats().pagedIn().count());
            assertEquals(0, f.pager.stats().prefetch().refused());
            image.close();
        }
    }
}
