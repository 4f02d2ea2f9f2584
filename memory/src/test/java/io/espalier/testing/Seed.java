package io.espalier.testing;

import java.util.Random;
import java.util.random.RandomGenerator;

/**
 * The seed of all randomized tests of a run: the number in the system property {@code
 * espalier.test.seed} (set by the build from {@code -Dtest.seed=N}), or a fresh one if the property
 * says {@code random}.
 *
 * <p>Properties of jqwik start from it through {@link SeededProperties}; hand-written generators
 * take {@link #random()}.
 */
public final class Seed {
    private static final long SEED = choose(System.getProperty("espalier.test.seed", "25"));

    private Seed() {}

    /** The seed of this run. */
    public static long value() {
        return SEED;
    }

    /** A generator that starts from the seed of this run. */
    public static RandomGenerator random() {
        return new Random(SEED);
    }

    private static long choose(String property) {
        if (!property.equals("random")) return Long.parseLong(property);
        long seed = new Random().nextLong() >>> 1;
        System.out.println("randomized tests: replay this run with -Dtest.seed=" + seed);
        return seed;
    }
}
