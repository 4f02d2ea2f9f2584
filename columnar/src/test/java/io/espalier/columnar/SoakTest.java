package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.NativeMemory;
import io.espalier.testing.Seed;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Everything at once, for a while: see {@link SoakEpisode}. {@code -Dsoak.seconds=N} says for how
 * long, {@code -Dsoak.episode=SEED} repeats one episode.
 */
class SoakTest {

    private static final int OPERATIONS = 250;

    private static String soak(long seconds, long firstSeed) {
        Long only = Long.getLong("soak.episode");
        long seed = only == null ? firstSeed : only;
        long deadlineNanos = System.nanoTime() + seconds * 1_000_000_000L;
        long episodes = 0;
        long operations = 0;
        long refused = 0;
        long damaged = 0;
        long faults = 0;
        do {
            try (NativeMemory memory =
                    NativeMemory.open(NativeMemory.Options.defaults().withDebug(true))) {
                SoakEpisode episode = new SoakEpisode(seed, memory);
                episode.run(OPERATIONS);
                episodes++;
                operations += episode.operations();
                refused += episode.refused();
                damaged += episode.damaged();
                faults += episode.faults();
            } catch (RuntimeException | Error e) {
                throw new AssertionError("repeat this episode with -Dsoak.episode=" + seed, e);
            }
            seed++;
        } while (only == null && System.nanoTime() < deadlineNanos);
        assertEquals(episodes * OPERATIONS, operations);
        if (only == null && seconds >= 10) {
            assertTrue(refused > 0, "nothing was refused: the disk should fail more often");
            assertTrue(damaged > 0, "nothing was damaged: the disk should rot more often");
        }
        return episodes
                + " episodes of "
                + OPERATIONS
                + " operations from seed "
                + firstSeed
                + ": "
                + faults
                + " faults, "
                + refused
                + " refusals, "
                + damaged
                + " damaged pages";
    }

    @Test
    void twentySecondsOfEverything() {
        // fails when an operation gives something else than the model, or leaves bytes behind
        soak(20, Seed.value());
    }

    @Test
    @Tag("long")
    void tenMinutesOfEverything() {
        // fails as the one before
        System.out.println(soak(Long.getLong("soak.seconds", 600), Seed.value() + 1_000_000));
    }
}
