package io.espalier.spine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class FrontierTest {
    private static final List<Frontier> ASCENDING =
            List.of(
                    Frontier.MINIMUM,
                    Frontier.of(1),
                    Frontier.of(Long.MAX_VALUE),
                    Frontier.of(Long.MIN_VALUE),
                    Frontier.of(-1),
                    Frontier.EMPTY);

    @Test
    void frontiersAreOrderedAsUnsignedEpochsWithTheEmptyOneLast() {
        // Fails when the upper half of the epochs is taken for negative, or "no more times" for the
        // first time.
        for (int i = 0; i < ASCENDING.size(); i++) {
            for (int j = 0; j < ASCENDING.size(); j++) {
                Frontier a = ASCENDING.get(i);
                Frontier b = ASCENDING.get(j);
                assertEquals(i <= j, a.lessEqual(b), a + " <= " + b);
                assertEquals(ASCENDING.get(Math.max(i, j)), a.join(b));
                assertEquals(Integer.signum(Integer.compare(i, j)), Integer.signum(a.compareTo(b)));
            }
        }
    }

    @Test
    void everyTimeIsBeyondTheMinimumAndNoneBeyondTheEmptyFrontier() {
        // Fails when the last epoch, all bits set, is treated as a reserved value.
        assertTrue(Frontier.MINIMUM.reaches(0));
        assertTrue(Frontier.of(-1).reaches(-1));
        assertFalse(Frontier.of(-1).reaches(-2));
        assertFalse(Frontier.EMPTY.reaches(-1));
        assertEquals("18446744073709551615", Frontier.of(-1).toString());
        assertEquals("", Frontier.EMPTY.toString());
    }

    @Test
    void anEmptyFrontierHasOneForm() {
        // Fails when two unequal records both mean the empty frontier.
        assertThrows(IllegalArgumentException.class, () -> new Frontier(true, 5));
        assertEquals(Frontier.EMPTY, new Frontier(true, 0));
        assertEquals(Frontier.MINIMUM, Frontier.of(0));
    }
}
