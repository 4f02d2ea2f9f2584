package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Disks fill up and rot: nothing is lost that was not lost already, and it is said clearly. */
final class FaultTest {

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aFlippedByteIsFoundAndNamed(Codec codec) throws IOException {
        // fails if foreign bytes are returned, or the message does not say where and what
        try (Fixture f = new Fixture(0, o -> o.withCodecPolicy(CodecPolicy.always(codec)))) {
            Image image = f.adopt(100_000, 1);
            Image whole = f.adopt(100_000, 2);
            StoredPage page = Objects.requireNonNull(image.storedForTest());
            long last = page.extent().position() + page.storedBytes() - 1;
            for (long at : new long[] {page.extent().position(), last}) {
                flip(f, page, at);
                try (Lease target = f.memory.allocate(100_000);
                        NativeBuffer some = new NativeBuffer(f.memory)) {
                    for (Executable way :
                            List.<Executable>of(
                                    image::pin,
                                    () -> image.readInto(target),
                                    () -> image.readRanges(new long[] {50_000, 1}, some))) {
                        DamagedPageException e = assertThrows(DamagedPageException.class, way);
                        Fixture.assertSays(e, "espalier-spill-");
                        Fixture.assertSays(e, "at offset " + page.extent().position());
                        Fixture.assertSays(e, String.format("expected 0x%016x", page.checksum()));
                    }
                    assertEquals(0, some.sizeBytes());
                    assertTrue(whole.readInto(target), "others are whole");
                }
                assertEquals(0, f.pager.stats().images().pinsOpen());
                assertEquals(0, f.budget.usedBytes());
                assertEquals(0, f.memory.stats().leasedBytes());
                f.assertHolds(whole, 2);
                flip(f, page, at);
                f.assertHolds(image, 1);
            }
            assertEquals(6, f.pager.stats().pagedIn().damaged());
            image.close();
            whole.close();
        }
    }

    static void flip(Fixture f, StoredPage page, long position) throws IOException {
        try (Lease one = f.memory.allocate(1)) {
            SpillSegment segment = page.extent().segment();
            var bytes = f.memory.segment();
            segment.read(position, bytes, one.offset(), 1);
            byte value = bytes.get(Layouts.BYTE, one.offset());
            bytes.set(Layouts.BYTE, one.offset(), (byte) (value ^ 0x40));
            segment.write(bytes, one.offset(), 1, position);
        }
    }

    @Test
    void aFullDiskLosesNothingAndHoldsWritersBackAtTheSlack() {
        // fails if an image is dropped, memory grows beyond the slack, or recovery needs a restart
        FaultyDisk disk = new FaultyDisk();
        List<SpillException> told = new ArrayList<>();
        try (Fixture f =
                new Fixture(
                        64 * KIB,
                        o -> o.withSlackBytes(32 * KIB).withOnSpillFailure(told::add),
                        disk::open)) {
            List<Image> images = new ArrayList<>();
            disk.roomBytes = 20 * KIB;
            SpillException refused = null;
            for (int i = 0; i < 100 && refused == null; i++) {
                try {
                    images.add(f.adopt(8 * KIB, i));
                } catch (SpillException e) {
                    refused = e;
                }
                assertTrue(f.budget.availableBytes() >= -32 * KIB);
            }
            // 8 in the budget, 4 in the slack, 2 on the disk
            assertEquals(14, images.size());
            Fixture.assertSays(refused, "No space left on device");
            Fixture.assertSays(refused, f.directory.toString());
            assertFalse(told.isEmpty());
            assertEquals(told.size(), f.pager.stats().pagedOut().failures());
            assertThrows(SpillException.class, f.pager::relieve);
            for (int i = 0; i < images.size(); i++) {
                f.assertHolds(images.get(i), i);
            }
            disk.roomBytes = Long.MAX_VALUE;
            images.add(f.adopt(8 * KIB, images.size()));
            assertTrue(f.budget.availableBytes() >= 0, "the next adoption pays the debt");
            for (int i = 0; i < images.size(); i++) {
                f.assertHolds(images.get(i), i);
                images.get(i).close();
            }
        }
    }

    @Test
    void aShortWriteIsAFailureAndNotAPage() {
        // fails if a page that was written in part counts as written, or its place is lost
        FaultyDisk disk = new FaultyDisk();
        try (Fixture f = new Fixture(MIB, o -> o, disk::open)) {
            Image image = f.adopt(100_000, 1);
            disk.shortWrites = true;
            SpillException e = assertThrows(SpillException.class, image::pageOut);
            Fixture.assertSays(e, "wrote 0 of 100000 bytes");
            assertTrue(image.isResident());
            assertEquals(0, f.pager.stats().segments().usedBytes());
            disk.shortWrites = false;
            assertTrue(image.pageOut());
            f.assertHolds(image, 1);
            image.close();
        }
    }

    @Test
    void whicheverWriteFailsNothingIsLost() {
        // fails if one failure among many writes, in front or behind, costs an image or a place
        for (int writers = 0; writers < 2; writers++) {
            for (int n = 0; n < 12; n++) {
                FaultyDisk disk = new FaultyDisk();
                ManualExecutor turns = new ManualExecutor();
                int threads = writers;
                try (Fixture f =
                        new Fixture(
                                16 * KIB,
                                o -> o.withWriters(threads, 8).withSlackBytes(64 * KIB),
                                disk::open,
                                turns)) {
                    List<Image> images = new ArrayList<>();
                    disk.failWrite(n);
                    for (int i = 0; i < 16; i++) {
                        images.add(f.adopt(8 * KIB, i));
                        if (i % 3 == 0) {
                            turns.runOne();
                        }
                    }
                    turns.runAll();
                    f.pager.relieve();
                    assertEquals(1, disk.failures());
                    assertEquals(1, f.pager.stats().pagedOut().failures());
                    assertEquals(14, f.pager.stats().images().pagedCount());
                    for (int i = 0; i < images.size(); i++) {
                        f.assertHolds(images.get(i), i);
                        images.get(i).close();
                    }
                    assertEquals(0, f.pager.stats().segments().usedBytes());
                }
            }
        }
    }

    @Test
    void aDirectoryThatCannotBeMadeIsTriedAgain(@TempDir Path folder) throws IOException {
        // fails if the first failure is remembered, or the message does not name the directory
        Path blocked = Files.writeString(folder.resolve("file"), "x").resolve("spill");
        NativeMemory memory = NativeMemory.open();
        try (Pager pager = Pager.open(memory, new MemoryBudget(0), PagerOptions.in(blocked))) {
            try (Image image = pager.adopt(memory.allocate(4096), 0)) {
                assertTrue(image.isResident());
                SpillException e = assertThrows(SpillException.class, image::pageOut);
                Fixture.assertSays(e, blocked.toString());
                Files.delete(folder.resolve("file"));
                assertTrue(image.pageOut());
                image.pin().close();
            }
        }
        memory.close();
    }

    @Test
    void anInterruptedThreadDoesNotLoseTheSpillFile() throws InterruptedException {
        // fails if the channel closes itself because a thread that used it was interrupted
        try (Fixture f = new Fixture(0)) {
            List<Image> images = new ArrayList<>();
            Thread writer =
                    new Thread(() -> {
                        Thread.currentThread().interrupt();
                        images.add(f.adopt(100_000, 1));
                        assertTrue(Thread.currentThread().isInterrupted());
                    });
            writer.start();
            writer.join();
            images.add(f.adopt(100_000, 2));
            assertTrue(images.get(0).isPaged());
            assertTrue(images.get(1).isPaged());
            f.assertHolds(images.get(0), 1);
            f.assertHolds(images.get(1), 2);
            images.forEach(Image::close);
        }
    }

    @Test
    void anUnreadableFileIsAClearErrorWhereItIsReadInto() {
        // fails if a read error surfaces as foreign bytes or another exception, or leaves a pin
        FaultyDisk disk = new FaultyDisk();
        try (Fixture f = new Fixture(0, o -> o, disk::open);
                Lease target = f.memory.allocate(100_000)) {
            Image image = f.adopt(100_000, 1);
            disk.unreadable = true;
            DamagedPageException e =
                    assertThrows(DamagedPageException.class, () -> image.readInto(target));
            Fixture.assertSays(e, "Input/output error");
            disk.unreadable = false;
            assertTrue(image.readInto(target));
            assertEquals(0, f.pager.stats().images().pinsOpen());
            image.close();
        }
    }

    @Test
    void anUnreadableFileIsAClearErrorWhereItIsReadByChannel() {
        // fails if a read error without a mapping surfaces as foreign bytes or another exception
        FaultyDisk disk = new FaultyDisk();
        try (Fixture f = new Fixture(0, o -> o, disk::open)) {
            assumeTrue(!f.memory.isNative());
            Image image = f.adopt(100_000, 1);
            disk.unreadable = true;
            DamagedPageException e = assertThrows(DamagedPageException.class, image::pin);
            Fixture.assertSays(e, "Input/output error");
            disk.unreadable = false;
            disk.garbage = true;
            e = assertThrows(DamagedPageException.class, image::pin);
            Fixture.assertSays(e, "expected 0x");
            assertEquals(0, f.budget.usedBytes());
            disk.garbage = false;
            f.assertHolds(image, 1);
            image.close();
        }
    }

    @Test
    void aSpillFileCutShortUnderUsIsAnExceptionAndNotACrash() throws IOException {
        // fails if the process dies, or InternalError escapes
        List<Path> opened = new ArrayList<>();
        try (Fixture f =
                new Fixture(
                        0,
                        o -> o,
                        file -> {
                            opened.add(file);
                            // a second name, so that the test can reach the nameless file
                            Files.createLink(file.resolveSibling("alias"), file);
                            return ChannelSpillFile.open(file);
                        })) {
            Image image = f.adopt(300_000, 1);
            f.assertHolds(image, 1);
            Path alias = opened.getFirst().resolveSibling("alias");
            try (var channel = FileChannel.open(alias, StandardOpenOption.WRITE)) {
                channel.truncate(100_000);
            }
            Files.delete(alias);
            for (int i = 0; i < 3; i++) {
                DamagedPageException e = assertThrows(DamagedPageException.class, image::pin);
                Fixture.assertSays(e, "cannot be read");
            }
            image.close();
        }
    }

    @Test
    void aSmallFileSystemFillsUpAndRecovers(@TempDir Path folder) throws Exception {
        // fails if a real full disk is not told, loses bytes, or does not recover by itself
        Path mount = Files.createDirectory(folder.resolve("small"));
        assumeTrue(run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount.toString()) == 0);
        try {
            NativeMemory memory =
                    NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
            MemoryBudget budget = new MemoryBudget(MIB);
            PagerOptions options =
                    PagerOptions.in(mount)
                            .withFreeBytesMax(0)
                            // nothing is written but by the one who adopts
                            .withWriters(0, 1)
                            .withSlackBytes(0)
                            .withCodecPolicy(CodecPolicy.always(Codec.NONE));
            try (Pager pager = Pager.open(memory, budget, options)) {
                List<Image> images = new ArrayList<>();
                SpillException refused = null;
                while (refused == null && images.size() < 100) {
                    Lease lease = memory.allocate(100_000);
                    Fixture.fill(memory.segment(), lease.offset(), 100_000, images.size());
                    try {
                        images.add(pager.adopt(lease, 0));
                    } catch (SpillException e) {
                        refused = e;
                        lease.close();
                    }
                }
                Fixture.assertSays(refused, "No space left on device");
                // 10 in the budget, 10 on the disk, and the one that found it full
                assertEquals(21, images.size());
                for (int i = 0; i < images.size(); i++) {
                    try (Pin pin = images.get(i).pin()) {
                        byte[] found =
                                memory.segment()
                                        .asSlice(pin.offset(), 100_000)
                                        .toArray(ValueLayout.JAVA_BYTE);
                        assertArrayEquals(Fixture.bytes(100_000, i), found);
                    }
                }
                // those on the disk die: their blocks go back, and there is room again
                for (Image image : List.copyOf(images)) {
                    if (image.isPaged() && memory.isNative()) {
                        image.close();
                        images.remove(image);
                    }
                }
                if (memory.isNative()) {
                    assertTrue(pager.relieve());
                }
                images.forEach(Image::close);
            }
            memory.close();
        } finally {
            assertEquals(0, run("umount", "-l", mount.toString()));
        }
    }

    private static int run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }
}
