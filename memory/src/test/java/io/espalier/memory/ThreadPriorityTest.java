package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ThreadPriorityTest {

    private static final Path STAT = Path.of("/proc/thread-self/stat");

    /** The nice value behind the name of the program, which is in brackets and may be anything. */
    private static final int NICE_FIELD = 16;

    private static int nice() {
        try {
            String stat = Files.readString(STAT);
            return Integer.parseInt(
                    stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[NICE_FIELD]);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aThreadStandsBackByItself() throws InterruptedException {
        // fails if nothing is lowered, if it is set and not lowered, or if others are as well
        assumeTrue(Files.exists(STAT) && SystemCalls.AVAILABLE, "not Linux");
        int mine = nice();
        int[] its = new int[2];
        Thread thread =
                Thread.ofPlatform()
                        .start(() -> {
                            assert ThreadPriority.lower(3);
                            its[0] = nice();
                            assert ThreadPriority.lower(2);
                            its[1] = nice();
                        });
        thread.join();
        assertAll(
                () -> assertEquals(Math.min(19, mine + 3), its[0], "by three"),
                () -> assertEquals(Math.min(19, mine + 5), its[1], "by two more"),
                () -> assertEquals(mine, nice(), "of whoever has nothing to do with it"));
    }

    @Test
    void aStepIsDown() {
        // fails if a value is handed to the system that raises the thread, or means nothing
        assertThrows(IllegalArgumentException.class, () -> ThreadPriority.lower(0));
        assertThrows(IllegalArgumentException.class, () -> ThreadPriority.lower(-1));
        assertThrows(IllegalArgumentException.class, () -> ThreadPriority.lower(20));
    }
}
