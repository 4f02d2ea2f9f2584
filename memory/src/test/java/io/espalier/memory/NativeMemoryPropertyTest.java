package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

final class NativeMemoryPropertyTest {

    /** Fails if leases overlap, lose content, or a counter is off after any step. */
    @Property(tries = 40)
    void anySequenceOfLeasesKeepsRangesContentAndCounters(@ForAll long seed) throws Exception {
        Path file = Files.createTempFile("mapped", ".bin");
        try (NativeMemory memory =
                NativeMemory.open(
                        NativeMemory.Options.defaults()
                                .withWarmBytes(seed % 2 == 0 ? 0 : 300_000)
                                .withDebug(seed % 3 == 0))) {
            LeaseModel model =
                    new LeaseModel(memory, file, LeaseModel.write(file), new TreeMap<>(), seed);
            long peak = 0;
            for (int i = 0; i < 400; i++) {
                model.step();
                NativeMemory.Stats stats = memory.stats();
                peak = Math.max(peak, model.leasedBytes);
                assertEquals(model.held.size(), stats.leases());
                assertEquals(model.leasedBytes, stats.leasedBytes());
                assertEquals(peak, stats.leasedBytesPeak());
                assertEquals(model.mappedBytes, stats.mappedBytes());
                assertTrue(stats.warmBytes() >= 0);
            }
            model.held.forEach(model::check);
            model.closeAll();
            assertEquals(0, memory.stats().leases());
            assertEquals(0, memory.stats().leasedBytes());
            assertEquals(0, memory.stats().mappedBytes());
        } finally {
            Files.delete(file);
        }
    }
}
