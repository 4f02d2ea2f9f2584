package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Bytes come back as they were, by whatever codec, and handles are used in one way only. */
final class PageTest {

    private static final long[] SIZES = {
        1, 7, 8, 4095, 4096, 4097, 8192, 65_536, 100_001, MIB - 1, MIB, MIB + 1, 3 * MIB + 5
    };

    @ParameterizedTest
    @EnumSource(Codec.class)
    void everySizeComesBackThroughEveryCodec(Codec codec) {
        // P5, P11: fails if a byte differs, a tail is cut, or poison of a free slot leaks in
        try (Fixture f = new Fixture(0, o -> o.withCodecPolicy(CodecPolicy.always(codec)))) {
            List<Image> images = new ArrayList<>();
            for (int round = 0; round < 2; round++) {
                for (long size : SIZES) {
                    Image image = f.adopt(size, size + round);
                    assertFalse(image.isResident());
                    f.assertHolds(image, size + round);
                    f.assertReads(image, size + round);
                    images.add(image);
                }
                for (int i = 0; i < images.size(); i += 2) {
                    images.get(i).close();
                }
                for (int i = 1; i < images.size(); i += 2) {
                    f.assertHolds(images.get(i), SIZES[i] + round);
                    images.get(i).close();
                }
                images.clear();
            }
            SpillStats stats = f.pager.stats();
            assertEquals(2L * SIZES.length, stats.pagedOut().count());
            assertEquals(stats.pagedOut().count(), stats.pagedOut().latency().count());
            if (codec != Codec.NONE) {
                assertTrue(stats.pagedOut().storedBytes() < stats.pagedOut().rawBytes());
            }
        }
    }

    @Test
    void bytesThatDoNotShrinkAreStoredAsTheyAre() {
        // fails if a codec makes a page larger, or an in-place read is lost for nothing
        try (Fixture f = new Fixture(0, o -> o.withCodecPolicy(CodecPolicy.always(Codec.LZ4)))) {
            Lease lease = f.memory.allocate(64 * KIB);
            SplittableRandom random = new SplittableRandom(1);
            for (long i = 0; i < 64 * KIB; i += 8) {
                f.memory.segment().set(Layouts.LONG, lease.offset() + i, random.nextLong());
            }
            try (Image image = f.pager.adopt(lease, 0)) {
                assertEquals(64 * KIB, f.pager.stats().images().pagedStoredBytes());
                image.pin().close();
                assertEquals(0, f.budget.usedBytes());
            }
        }
    }

    @Test
    void theCodecFollowsTheDepthAndACodecOnceUsedStaysReadable() {
        // P7, P8: fails if a fresh image is compressed, or pages of one codec need that codec's
        // turn
        Codec[] survivor = {Codec.LZ4};
        try (Fixture f =
                new Fixture(
                        0, o -> o.withCodecPolicy((d, s) -> d == 0 ? Codec.NONE : survivor[0]))) {
            Image fresh = f.adopt(100_000, 1, 0);
            assertEquals(100_000, f.pager.stats().images().pagedStoredBytes());
            Image byLz4 = f.adopt(100_000, 2, 1);
            survivor[0] = Codec.ZSTD;
            Image byZstd = f.adopt(100_000, 3, 1);
            assertTrue(f.pager.stats().images().pagedStoredBytes() < 300_000);
            survivor[0] = Codec.NONE;
            f.assertHolds(fresh, 1);
            f.assertHolds(byLz4, 2);
            f.assertHolds(byZstd, 3);
            fresh.close();
            byLz4.close();
            byZstd.close();
        }
    }

    @Test
    void aPageWithoutCodecIsReadWhereItIsMapped() {
        // fails if pinning an uncompressed page copies it
        try (Fixture f = new Fixture(0)) {
            if (!f.memory.isNative()) {
                return;
            }
            Image image = f.adopt(MIB, 1);
            try (Pin pin = image.pin()) {
                assertEquals(0, f.memory.stats().leasedBytes());
                // though what is mapped takes memory as well, and is charged while it does
                assertEquals(MIB, f.budget.usedBytes());
                assertEquals(MIB, f.pager.stats().mapped().pageBytes());
                f.assertHolds(pin, 1);
                assertFalse(image.pageOut(), "pinned");
            }
            image.prefetch();
            image.close();
            assertEquals(0, f.budget.usedBytes());
        }
    }

    @Test
    void readingIntoOwnMemoryLeavesNothingBehindAndRefusesWhatDoesNotFit() {
        // fails if a copy is charged or a mapping stays, if bytes in memory are copied, or if a
        // target is written past its end
        try (Fixture f = new Fixture(0)) {
            Image image = f.adopt(MIB, 1);
            try (Lease small = f.memory.allocate(MIB - 1);
                    Lease target = f.memory.allocate(MIB)) {
                assertThrows(IllegalArgumentException.class, () -> image.readInto(small));
                assertTrue(image.readInto(target));
                assertEquals(0, f.budget.usedBytes());
                assertEquals(0, f.pager.stats().mapped().pageBytes());
                assertFalse(image.isResident());
                try (Pin pin = image.pin()) {
                    f.assertHolds(pin, 1);
                    assertFalse(image.readInto(target), "in memory while it is pinned");
                }
                image.close();
                assertThrows(IllegalStateException.class, () -> image.readInto(target));
            }
            f.budget.resize(MIB);
            Image resident = f.adopt(1000, 2);
            Lease target = f.memory.allocate(1000);
            assertFalse(resident.readInto(target));
            target.close();
            assertThrows(IllegalStateException.class, () -> resident.readInto(target));
            resident.close();
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void rangesComeInTheirOrderWhereverTheBytesAre(Codec codec) {
        // P9: fails if a range is cut, moved or read from elsewhere, if a copy or a mapping stays,
        // if what is outside is read, or if nothing is asked for and a page is read
        try (Fixture f = new Fixture(0, o -> o.withCodecPolicy(CodecPolicy.always(codec)));
                NativeBuffer read = new NativeBuffer(f.memory)) {
            Lease lease = f.memory.allocate(6 * Long.BYTES);
            for (int i = 0; i < 6; i++) {
                Words.setLong(f.memory.segment(), lease.offset(), i, 10L * (i + 1));
            }
            Image small = f.pager.adopt(lease, 0);
            read.appendLong(7);
            small.readRanges(new long[] {0, 16, 16, 16, 40, 8}, read);
            long[] expected = {7, 10, 20, 30, 40, 60};
            assertEquals(expected.length * 8L, read.sizeBytes());
            for (int i = 0; i < expected.length; i++) {
                assertEquals(expected[i], Words.getLong(read.segment(), read.offset(), i));
            }
            long pagedIn = f.pager.stats().pagedIn().count();
            assertEquals(1, pagedIn, "all ranges by one read");
            small.readRanges(new long[] {}, read);
            small.readRanges(new long[] {48, 0, 0, 0}, read);
            for (long[] bad :
                    new long[][] {
                        {48, 1}, {0, 8, 41, 8}, {-1, 1}, {0, -1}, {49, 0}, {Long.MAX_VALUE, 8}
                    }) {
                assertThrows(IndexOutOfBoundsException.class, () -> small.readRanges(bad, read));
            }
            assertThrows(
                    IllegalArgumentException.class,
                    () -> small.readRanges(new long[] {0, 1, 2}, read));
            assertEquals(expected.length * 8L, read.sizeBytes());
            assertEquals(pagedIn, f.pager.stats().pagedIn().count());

            Image large = f.adopt(MIB + 5, 3);
            long[] ranges = {MIB, 5, 0, 1, 5000, 70_000, 5001, 3, 0, MIB + 5};
            assertRanges(f, large, ranges);
            assertEquals(0, f.budget.usedBytes());
            assertEquals(0, f.pager.stats().mapped().pageBytes());
            assertEquals(0, f.pager.stats().images().pinsOpen());
            Pin pin = large.pin();
            assertRanges(f, large, ranges);
            pin.close();
            large.close();
            small.close();
            assertThrows(
                    IllegalStateException.class, () -> small.readRanges(new long[] {0, 0}, read));
            f.budget.resize(MIB);
            Image resident = f.adopt(1000, 2);
            assertRanges(f, resident, new long[] {999, 1, 0, 999});
            assertTrue(resident.isResident());
            resident.close();
        }
    }

    private static void assertRanges(Fixture f, Image image, long[] ranges) {
        try (NativeBuffer read = new NativeBuffer(f.memory);
                NativeBuffer expected = new NativeBuffer(f.memory)) {
            image.readRanges(ranges, read);
            try (Pin pin = image.pin()) {
                for (int i = 0; i < ranges.length; i += 2) {
                    expected.append(f.memory.segment(), pin.offset() + ranges[i], ranges[i + 1]);
                }
            }
            assertEquals(
                    0,
                    Bytes.compare(
                            read.segment(),
                            read.offset(),
                            read.sizeBytes(),
                            expected.segment(),
                            expected.offset(),
                            expected.sizeBytes()));
        }
    }

    @Test
    void handlesRefuseASecondCloseAndUseAfterIt() {
        // fails if a misuse is not an exception, changes anything, or leaks
        try (Fixture f = new Fixture(MIB)) {
            Image image = f.adopt(10_000, 1);
            Pin pin = image.pin();
            assertThrows(IllegalStateException.class, image::close);
            f.assertHolds(pin, 1);
            pin.close();
            assertThrows(IllegalStateException.class, pin::close);
            assertThrows(IllegalStateException.class, pin::offset);
            IllegalStateException leaked =
                    assertThrows(IllegalStateException.class, f.pager::close);
            assertEquals(1, leaked.getSuppressed().length, "debug mode says who made it");
            f.assertHolds(image, 1);
            image.close();
            assertThrows(IllegalStateException.class, image::close);
            assertThrows(IllegalStateException.class, image::pin);
            assertThrows(IllegalStateException.class, image::pageOut);
            assertThrows(IllegalStateException.class, image::prefetch);
        }
    }

    @Test
    void adoptingRefusesWhatIsNotItsOwnAndLeavesItToTheCaller() {
        // fails if a refused lease is closed or charged
        try (Fixture f = new Fixture(MIB);
                NativeMemory foreign = NativeMemory.open()) {
            Lease lease = f.memory.allocate(100);
            assertThrows(IllegalArgumentException.class, () -> f.pager.adopt(lease, -1));
            try (Lease other = foreign.allocate(100)) {
                assertThrows(IllegalArgumentException.class, () -> f.pager.adopt(other, 0));
            }
            lease.checkOpen();
            assertEquals(0, f.budget.usedBytes());
            lease.close();
            assertThrows(IllegalStateException.class, () -> f.pager.adopt(lease, 0));
            f.pager.close();
            Lease late = f.memory.allocate(100);
            assertThrows(IllegalStateException.class, () -> f.pager.adopt(late, 0));
            late.close();
        }
    }
}
