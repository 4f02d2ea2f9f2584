package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading files by address: the checks that a segment would have made are ours. */
class FileReadsTest {

    @Test
    void readsWhatIsThereAndRefusesWhatIsNotItsOwn(@TempDir Path folder) throws IOException {
        // fails when bytes land elsewhere than asked, or beyond the target, or an error is silent
        Path file = Files.write(folder.resolve("file"), new byte[] {1, 2, 3, 4, 5});
        FileReads reads = FileReads.open(file);
        assumeTrue(reads != null);
        MemorySegment gone;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(8);
            gone = target;
            assertEquals(3, reads.read(1, target, 2, 3));
            assertEquals(0x0000_0004_0302_0000L, target.get(Layouts.LONG, 0));
            assertEquals(1, reads.read(4, target, 0, 8), "as many as there are");
            assertEquals(0, reads.read(5, target, 0, 8), "the end");
            assertThrows(IndexOutOfBoundsException.class, () -> reads.read(0, target, 4, 5));
            assertThrows(IndexOutOfBoundsException.class, () -> reads.read(0, target, -1, 2));
            assertEquals(0x0000_0004_0302_0005L, target.get(Layouts.LONG, 0));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> reads.read(0, MemorySegment.ofArray(new long[1]), 0, 8));
            IOException e = assertThrows(IOException.class, () -> reads.read(-1, target, 0, 8));
            assertTrue(String.valueOf(e.getMessage()).contains("errno 22"), e::getMessage);
        }
        assertThrows(IllegalArgumentException.class, () -> reads.read(0, gone, 0, 8));
        reads.close();
    }
}
