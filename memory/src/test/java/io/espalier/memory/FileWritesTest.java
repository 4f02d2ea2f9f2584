package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileWritesTest {

    @TempDir Path folder = Path.of("");

    @BeforeEach
    void needsTheSystemsCalls() {
        assumeTrue(SystemCalls.AVAILABLE, "no native calls here");
    }

    private Path made() throws IOException {
        return Files.createFile(folder.resolve("file"));
    }

    @Test
    void bytesComeToWhereTheyAreWritten() throws IOException {
        // fails if a position or a part of a slice is off, or a hint to the medium changes bytes
        byte[] bytes = new byte[3_000_000];
        new Random(1).nextBytes(bytes);
        Path path = made();
        try (Arena arena = Arena.ofConfined();
                FileWrites file = FileWrites.open(path)) {
            assertNotNull(file);
            MemorySegment source = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
            file.write(1_000_000, source.asSlice(1_000_000));
            file.startWriteBack(1_000_000, 2_000_000);
            file.write(0, source.asSlice(0, 1_000_000));
            file.awaitWriteBack(0, 3_000_000);
            file.sync();
            assertArrayEquals(bytes, Files.readAllBytes(path));
            file.truncate(17);
            assertArrayEquals(Arrays.copyOf(bytes, 17), Files.readAllBytes(path));
            file.write(17, source.asSlice(0, 0));
            assertEquals(17, Files.size(path));
            // from the heap, the larger one first: what is left of it must not be written
            file.truncate(0);
            file.write(0, MemorySegment.ofArray(bytes).asSlice(1, 10_000));
            file.write(10_000, MemorySegment.ofArray(bytes).asSlice(10_001, 5000));
            assertArrayEquals(Arrays.copyOfRange(bytes, 1, 15_001), Files.readAllBytes(path));
        }
        assertTrue(FileWrites.syncFolder(folder));
    }

    @Test
    void whatTheSystemRefusesIsAnException() throws IOException {
        // fails if an error number is taken for a count, or passed over
        assertThrows(NoSuchFileException.class, () -> FileWrites.open(folder.resolve("absent")));
        assertThrows(
                NoSuchFileException.class, () -> FileWrites.syncFolder(folder.resolve("absent")));
        Path full = Path.of("/dev/full");
        assumeTrue(Files.isWritable(full));
        try (Arena arena = Arena.ofConfined();
                FileWrites file = FileWrites.open(full)) {
            assertNotNull(file);
            MemorySegment source = arena.allocate(10);
            IOException e = assertThrows(IOException.class, () -> file.write(0, source));
            assertEquals("No space left on device", e.getMessage());
        }
    }

    @Test
    void aClosedFileIsNotWrittenToAnyMore() throws IOException {
        // fails if a number that another file has by now is used
        FileWrites file = FileWrites.open(made());
        assertNotNull(file);
        file.close();
        file.close();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment source = arena.allocate(10);
            assertThrows(IOException.class, () -> file.write(0, source));
            assertThrows(IOException.class, file::sync);
            assertThrows(IOException.class, () -> file.truncate(0));
            assertThrows(IOException.class, () -> file.startWriteBack(0, 1));
            assertThrows(IOException.class, () -> file.awaitWriteBack(0, 1));
        }
    }
}
