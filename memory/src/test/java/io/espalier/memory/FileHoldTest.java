package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileHoldTest {

    @TempDir Path folder = Path.of("");

    @Test
    void nobodyOwnsWhatIsHeldAndNobodyHoldsWhatIsOwned() throws IOException {
        // fails if one of the two is granted beside the other, or if either outlives its handle
        assumeTrue(SystemCalls.AVAILABLE, "no native calls here");
        Path path = Files.createFile(folder.resolve("file"));
        try (PunchableFile file = PunchableFile.open(path)) {
            FileHold first = FileHold.of(path);
            FileHold second = FileHold.of(path);
            // whoever else opens and closes the file takes nothing away
            FileHold.of(path).close();
            Files.readAllBytes(path);
            assertFalse(file.tryOwn());
            first.close();
            first.close();
            assertFalse(file.tryOwn());
            second.close();
            assertTrue(file.tryOwn());
            assertThrows(NoSuchFileException.class, () -> FileHold.of(path));
        }
        FileHold.of(path).close();
        Files.delete(path);
        assertThrows(NoSuchFileException.class, () -> FileHold.of(path));
        PunchableFile closed = PunchableFile.open(Files.createFile(path));
        closed.close();
        assertFalse(closed.tryOwn());
    }
}
