package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** The process is seen as the operating system sees it. */
class ProcessFactsTest {

    @Test
    void residentMemoryIsInBytes() {
        // fails if kibibytes are taken for bytes, or a line of another name is read
        String status = "VmPeak:\t  10 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 99 kB\n";
        assertEquals(OptionalLong.of(1234L << 10), ProcessFacts.statusBytes(status, "VmHWM:"));
        assertEquals(OptionalLong.empty(), ProcessFacts.statusBytes(status, "VmSwap:"));
    }

    @Test
    void thePeakIsAtLeastWhatIsResident() {
        // fails if /proc is read wrongly
        assumeTrue(Files.exists(Path.of("/proc/self/status")));
        long resident = ProcessFacts.residentBytes().orElseThrow();
        assertTrue(resident > 1 << 20);
        assertTrue(ProcessFacts.peakResidentBytes().orElseThrow() >= resident);
    }

    @Test
    void argumentsAreUtf8InEveryLocale() {
        // fails if a key typed in the C locale becomes another key
        String[] mangled = {"get", "--store", "s", "caf??"};
        String commandLine = "java\0-jar\0x.jar\0get\0--store\0s\0caf\u00e9\0";
        assertArrayEquals(
                new String[] {"get", "--store", "s", "caf\u00e9"},
                ProcessFacts.lastOf(commandLine, mangled));
        assertArrayEquals(
                mangled,
                ProcessFacts.lastOf("java\0@options\0", mangled),
                "what cannot be the same is left alone");
        assertArrayEquals(mangled, ProcessFacts.lastOf("java\0a\0b\0c\0d\0", mangled));
    }
}
