package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Durable files read in place: right bytes, a bounded part of them in memory. */
final class MappedFileTest {

    @TempDir Path folder;

    private Path file(String name, long sizeBytes, long seed) throws IOException {
        return Files.write(folder.resolve(name), Fixture.bytes(sizeBytes, seed));
    }

    @Test
    void touchedBytesStayWithinTheWindowAndReadTheSame() throws IOException {
        // fails if the window grows, a drop changes what is read, or the oldest is not dropped
        // first
        Path path = file("a", 3 * MIB + 100, 1);
        byte[] expected = Fixture.bytes(3 * MIB + 100, 1);
        try (Fixture f = new Fixture(0);
                MappedFile file = f.pager.map(path)) {
            assertEquals(expected.length, file.sizeBytes());
            for (int round = 0; round < 3; round++) {
                for (int at = 0; at < expected.length; at += 5000) {
                    int size = Math.min(5000, expected.length - at);
                    for (int i = at; i < at + size; i++) {
                        assertEquals(
                                expected[i],
                                f.memory.segment().get(Layouts.BYTE, file.offset() + i));
                    }
                    file.touched(at, size);
                    assertTrue(f.pager.stats().mapped().fileTouchedBytes() <= 128 * KIB);
                }
            }
            assertTrue(f.pager.stats().mapped().fileDroppedBytes() > 8 * MIB);
            file.drop(0, file.sizeBytes());
            assertEquals(0, f.pager.stats().mapped().fileTouchedBytes());
        }
    }

    @Test
    void whatTheSystemMapsAlongGoesWithWhatWasTouched() throws IOException {
        // fails if reading here and there leaves most of a file mapped, of which nobody knows
        assumeTrue(Files.exists(Path.of("/proc/self/smaps")));
        byte[] expected = Fixture.bytes(48 * MIB, 1);
        Path path = folder.resolve("a");
        try (FileChannel channel =
                FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            // what is written at once stays together in the system's cache, and is mapped together
            ByteBuffer buffer = ByteBuffer.allocateDirect(expected.length).put(expected).flip();
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        }
        try (Fixture f = new Fixture(0)) {
            assumeTrue(f.memory.isNative());
            List<Lease> leases = new ArrayList<>();
            // the system maps large pieces where addresses are even with those of the file
            do {
                leases.add(f.memory.allocate(4 * KIB));
            } while ((f.memory.segment().address() + leases.getLast().offset() + 4 * KIB)
                            % (2 * MIB)
                    != 0);
            try (MappedFile file = f.pager.map(path)) {
                long most = 0;
                int step = (int) (3 * MIB + 100 * KIB);
                for (int i = 0; i < 64; i++) {
                    int at = i * step % (int) (48 * MIB);
                    assertEquals(
                            expected[at], f.memory.segment().get(Layouts.BYTE, file.offset() + at));
                    if (i % 2 == 0) {
                        file.touched(at, 1);
                    } else {
                        file.load(at, 1);
                    }
                    most = Math.max(most, mappedBytes(path));
                }
                // the window, what was touched last, and what came with them
                assertTrue(most <= MIB, most + " bytes are mapped");
                file.drop(0, file.sizeBytes());
                assertEquals(0, mappedBytes(path));
            }
            leases.forEach(Lease::close);
        }
    }

    /** How much of a mapped file is resident. */
    private static long mappedBytes(Path path) throws IOException {
        long bytes = 0;
        boolean counts = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                counts = line.contains(path.toString());
            } else if (counts && line.startsWith("Rss:")) {
                bytes += Long.parseLong(line.replaceAll("[^0-9]", "")) * KIB;
            }
        }
        return bytes;
    }

    @Test
    void whatIsTouchedAgainHasASecondChance() throws IOException {
        // fails if the block in use is dropped before those that were passed through once
        Path path = file("a", MIB, 1);
        try (Fixture f = new Fixture(0);
                MappedFile file = f.pager.map(path)) {
            file.touched(0, 1);
            file.touched(0, 1);
            for (int block = 1; block < 16; block++) {
                file.touched(block * 64L * KIB, 1);
                file.touched(0, 1);
            }
            // each drop would have been counted anew: blocks 1 to 14 were dropped, 0 never was
            assertEquals(14 * 64 * KIB, f.pager.stats().mapped().fileDroppedBytes());
        }
    }

    @Test
    void touchedBytesTakeWhatTheBudgetLeavesAndGiveItBack() throws IOException {
        // fails if files are dropped while there is room, or keep it when an image needs it
        Path path = file("a", 3 * MIB, 1);
        try (Fixture f = new Fixture(MIB);
                MappedFile file = f.pager.map(path)) {
            file.touched(0, 3 * MIB);
            long most = f.pager.stats().mapped().fileTouchedBytes();
            assertEquals(MIB + 128 * KIB, most);
            Image image = f.pager.adopt(f.memory.allocate(512 * KIB), 0);
            assertEquals(MIB / 2 + 128 * KIB, f.pager.stats().mapped().fileTouchedBytes());
            image.close();
        }
    }

    @Test
    void droppingNeverReachesTheBytesOfOthers() throws IOException {
        // fails if the last block is dropped whole: what lies behind the file's end is not its own
        Path path = file("small", 5000, 1);
        try (Fixture f = new Fixture(MIB, o -> o.withWindows(0, 0))) {
            Lease[] neighbours = new Lease[64];
            MappedFile[] file = new MappedFile[1];
            for (int i = 0; i < neighbours.length; i++) {
                neighbours[i] = f.memory.allocate(8192);
                Fixture.fill(f.memory.segment(), neighbours[i].offset(), 8192, i);
                if (i == 10) {
                    file[0] = f.pager.map(path);
                }
            }
            file[0].touched(0, 5000);
            file[0].drop(0, 5000);
            for (int i = 0; i < neighbours.length; i++) {
                byte[] found =
                        f.memory
                                .segment()
                                .asSlice(neighbours[i].offset(), 8192)
                                .toArray(ValueLayout.JAVA_BYTE);
                assertArrayEquals(Fixture.bytes(8192, i), found);
                neighbours[i].close();
            }
            file[0].close();
        }
    }

    @Test
    void emptyAbsentAndClosedFilesAreHandledAsSuch() throws IOException {
        // fails if an empty file cannot be mapped, or a misuse is no exception
        try (Fixture f = new Fixture(MIB)) {
            assertThrows(NoSuchFileException.class, () -> f.pager.map(folder.resolve("none")));
            MappedFile empty = f.pager.map(file("empty", 0, 1));
            assertEquals(0, empty.sizeBytes());
            empty.touched(0, 0);
            empty.load(0, 0);
            assertThrows(IndexOutOfBoundsException.class, () -> empty.touched(0, 1));
            assertThrows(IllegalStateException.class, f.pager::close);
            empty.close();
            assertThrows(IllegalStateException.class, empty::close);
            assertThrows(IllegalStateException.class, empty::offset);
            assertThrows(IllegalStateException.class, () -> empty.touched(0, 0));
        }
    }

    @Test
    void aFileCutShortUnderTheMappingIsAnException() throws IOException {
        // fails if loading a missing page ends the process, or is an InternalError
        Path path = file("cut", 300_000, 1);
        try (Fixture f = new Fixture(MIB);
                MappedFile file = f.pager.map(path)) {
            assumeTrue(f.memory.isNative());
            file.load(0, 300_000);
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.truncate(10_000);
            }
            file.load(0, 10_000);
            DamagedPageException e =
                    assertThrows(DamagedPageException.class, () -> file.load(0, 300_000));
            Fixture.assertSays(e, path.toString());
        }
    }
}
