package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.testing.NativeMemoryExtension;
import io.espalier.testing.Seed;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NativeMemoryExtension.class)
final class MappedFileTest {

    @TempDir Path folder;
    private Path file;
    private final byte[] bytes = new byte[20_000];

    @BeforeEach
    void writeFile() throws IOException {
        new Random(Seed.value() + 10).nextBytes(bytes);
        file = Files.write(folder.resolve("mapped file \u00e4\u4e2d"), bytes);
    }

    private static byte[] read(NativeMemory memory, Lease lease) {
        byte[] all = new byte[(int) lease.sizeBytes()];
        MemorySegment.copy(memory.segment(), Layouts.BYTE, lease.offset(), all, 0, all.length);
        return all;
    }

    /** Fails if a mapped range shows other bytes than the file has there. */
    @Test
    void aMappedRangeShowsTheBytesOfTheFile(NativeMemory memory) throws Exception {
        for (int position : new int[] {0, 4096, 16_384}) {
            for (int size : new int[] {1, 2048, 3616}) {
                try (Lease lease = memory.map(file, position, size)) {
                    assertArrayEquals(
                            Arrays.copyOfRange(bytes, position, position + size),
                            read(memory, lease));
                    assertEquals(1, memory.stats().leases());
                    assertEquals(4096, memory.stats().mappedBytes());
                    assertEquals(0, memory.stats().leasedBytes());
                }
            }
        }
        try (Lease whole = memory.map(file, 0, bytes.length)) {
            memory.prefetch(whole.offset(), whole.sizeBytes());
            assertArrayEquals(bytes, read(memory, whole));
            memory.discard(whole.offset(), whole.sizeBytes());
            assertArrayEquals(bytes, read(memory, whole));
            // a kernel may read a word past the end
            assertEquals(0, memory.segment().get(Layouts.LONG, whole.offset() + bytes.length));
        }
    }

    /** Fails if a file that was removed takes the mapping with it. */
    @Test
    void aMappingOutlivesTheNameOfTheFile(NativeMemory memory) throws Exception {
        try (Lease lease = memory.map(file, 4096, 10_000)) {
            Files.delete(file);
            assertArrayEquals(Arrays.copyOfRange(bytes, 4096, 14_096), read(memory, lease));
        }
    }

    /** Fails if a stray write crashes the process or reaches the file. */
    @Test
    void aStrayWriteStaysInTheProcess(NativeMemory memory) throws Exception {
        try (Lease lease = memory.map(file, 0, bytes.length)) {
            memory.segment().asSlice(lease.offset(), bytes.length).fill((byte) 0);
            assertArrayEquals(new byte[bytes.length], read(memory, lease));
        }
        assertArrayEquals(bytes, Files.readAllBytes(file));
        try (Lease lease = memory.map(file, 0, bytes.length)) {
            assertArrayEquals(bytes, read(memory, lease));
        }
    }

    /** Fails if bytes of a file shine through in a slot that was mapped before. */
    @Test
    void theSlotOfAMappingIsOrdinaryMemoryAfterwards() throws Exception {
        try (NativeMemory memory =
                NativeMemory.open(NativeMemory.Options.defaults().withDebug(false))) {
            Lease mapped = memory.map(file, 0, bytes.length);
            long offset = mapped.offset();
            mapped.close();
            Files.write(file, new byte[0]);
            try (Lease lease = memory.allocate(bytes.length)) {
                assertEquals(offset, lease.offset(), "the slot is to be used again");
                memory.segment().asSlice(lease.offset(), bytes.length).fill((byte) 3);
                assertEquals(3, memory.segment().get(Layouts.BYTE, lease.offset() + 19_999));
            }
            assertEquals(0, Files.size(file));
        }
    }

    /** Fails if a mapping that cannot be is made, is not explained, or leaves a trace. */
    @Test
    void aMappingThatCannotBeIsRefusedClearly(NativeMemory memory) throws Exception {
        String shorter =
                assertThrows(EOFException.class, () -> memory.map(file, 0, 20_001)).getMessage();
        assertTrue(shorter.contains("has 20000 bytes, expected 20001"), shorter);
        assertThrows(EOFException.class, () -> memory.map(file, 4096, 20_000));
        assertThrows(EOFException.class, () -> memory.map(file, 1L << 40, 1));
        assertThrows(EOFException.class, () -> memory.map(file, -4096 & Long.MAX_VALUE, 8192));
        assertThrows(IllegalArgumentException.class, () -> memory.map(file, -4096, 1));
        assertThrows(IllegalArgumentException.class, () -> memory.map(file, 1, 1));
        assertThrows(IllegalArgumentException.class, () -> memory.map(file, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> memory.map(file, 0, -5000));
        Path missing = folder.resolve("missing");
        assertThrows(NoSuchFileException.class, () -> memory.map(missing, 0, 1));
        assertThrows(IOException.class, () -> memory.map(folder, 0, 1));
        assertThrows(OutOfNativeMemoryException.class, () -> memory.map(file, 0, Long.MAX_VALUE));
        assertEquals(0, memory.stats().leases());
        assertEquals(0, memory.stats().mappedBytes());
        memory.map(file, 0, 1).close();
    }

    /** Fails if the path of a file in an archive is taken for one of the system. */
    @Test
    void aFileOfAnotherFileSystemIsNotMistaken(NativeMemory memory) throws Exception {
        Path archive = folder.resolve("archive.zip");
        try (FileSystem zip = FileSystems.newFileSystem(archive, Map.of("create", "true"))) {
            Path inside = zip.getPath(file.toString());
            Files.createDirectories(inside.getParent());
            Files.write(inside, new byte[bytes.length]);
            if (memory.isNative()) {
                assertThrows(IOException.class, () -> memory.map(inside, 0, bytes.length));
            } else {
                try (Lease lease = memory.map(inside, 0, bytes.length)) {
                    assertArrayEquals(new byte[bytes.length], read(memory, lease));
                }
            }
        }
    }

    /** Fails if punching leaves the bytes, changes the size, or touches what is beside. */
    @Test
    void punchedBytesReadAsZerosAndTheRestStays() throws Exception {
        byte[] expected = bytes.clone();
        PunchableFile punchable = PunchableFile.open(file);
        try (punchable) {
            if (punchable.punch(4096, 8192)) {
                Arrays.fill(expected, 4096, 4096 + 8192, (byte) 0);
            }
            assertEquals(false, punchable.punch(-1, 10));
            assertEquals(false, punchable.punch(0, 0));
            assertArrayEquals(expected, Files.readAllBytes(file));
            Path moved = folder.resolve("moved");
            Files.move(file, moved);
            if (punchable.punch(0, 4096)) {
                Arrays.fill(expected, 0, 4096, (byte) 0);
            }
            assertArrayEquals(expected, Files.readAllBytes(moved));
        }
        assertEquals(false, punchable.punch(0, 4096));
        assertThrows(IOException.class, () -> PunchableFile.open(folder.resolve("missing")));
    }
}
