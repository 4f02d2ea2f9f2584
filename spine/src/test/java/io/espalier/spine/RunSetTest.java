package io.espalier.spine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class RunSetTest {

    @Property(tries = 500)
    void copiesChangeApartFromEachOther(@ForAll long seed) {
        // Fails when a change to one copy shows in another, whichever of them was used last.
        Random random = new Random(seed);
        List<RunSet> sets = new ArrayList<>(List.of(new RunSet()));
        List<Set<RunId>> models = new ArrayList<>(List.of(new HashSet<>()));
        for (int step = random.nextInt(120); step > 0; step--) {
            int at = random.nextInt(sets.size());
            RunSet set = sets.get(at);
            Set<RunId> model = models.get(at);
            RunId run = new RunId(0, random.nextInt(6));
            switch (random.nextInt(8)) {
                case 0 -> {
                    sets.add(random.nextBoolean() ? set.copy() : set.detached());
                    models.add(new HashSet<>(model));
                }
                case 1 -> {
                    if (sets.size() > 1) {
                        sets.remove(at);
                        models.remove(at);
                    }
                }
                case 2, 3, 4 -> assertEquals(model.add(run), set.add(run));
                case 5, 6 -> assertEquals(model.remove(run), set.remove(run));
                default -> assertEquals(model.contains(run), set.contains(run));
            }
            int other = random.nextInt(sets.size());
            assertTrue(sets.get(other).isExactly(models.get(other)));
            assertEquals(models.get(other).size(), sets.get(other).size());
        }
    }
}
