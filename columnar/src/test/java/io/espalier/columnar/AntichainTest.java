package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.testing.Seed;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Frontiers do what their definitions say, on every small grid of times. */
class AntichainTest {

    /** Numbers in unsigned order, both ends of it among them. */
    private static final long[] NUMBERS = {0, 1, Long.MIN_VALUE, -1};

    private static final int SIDE = NUMBERS.length;

    private record Time(int first, int second) {
        long a() {
            return NUMBERS[first];
        }

        long b() {
            return NUMBERS[second];
        }

        boolean lessEqual(Time other) {
            return first <= other.first && second <= other.second;
        }

        Time join(Time other) {
            return new Time(Math.max(first, other.first), Math.max(second, other.second));
        }

        Time meet(Time other) {
            return new Time(Math.min(first, other.first), Math.min(second, other.second));
        }
    }

    private static List<Time> grid() {
        List<Time> all = new ArrayList<>();
        for (int i = 0; i < SIDE; i++) {
            for (int j = 0; j < SIDE; j++) {
                all.add(new Time(i, j));
            }
        }
        return all;
    }

    private static Antichain frontier(List<Time> times) {
        Antichain.Builder builder = Antichain.builder(TimeType.PAIR);
        times.forEach(t -> builder.insert(t.a(), t.b()));
        return builder.build();
    }

    private static Set<Time> minimal(List<Time> times) {
        Set<Time> least = new HashSet<>(times);
        least.removeIf(t -> times.stream().anyMatch(o -> o.lessEqual(t) && !o.equals(t)));
        return least;
    }

    private static boolean open(List<Time> frontier, Time time) {
        return frontier.stream().anyMatch(f -> f.lessEqual(time));
    }

    private static List<Time> pick(int mask, List<Time> grid) {
        List<Time> picked = new ArrayList<>();
        for (int i = 0; i < grid.size(); i++) {
            if ((mask >> i & 1) != 0) {
                picked.add(grid.get(i));
            }
        }
        return picked;
    }

    @Test
    void everySetOfPairsAnswersAsItsElementsDo() {
        // fails when a dominated element stays, a least one goes, or a time is judged wrongly
        List<Time> grid = grid();
        Random random = new Random(Seed.value());
        for (int mask = 0; mask < 1 << grid.size(); mask++) {
            List<Time> times = pick(mask, grid);
            Antichain frontier = frontier(times);
            Collections.shuffle(times, random);
            assertEquals(frontier, frontier(times));
            assertEquals(frontier.hashCode(), frontier(times).hashCode());
            Set<Time> least = minimal(times);
            assertEquals(least.size(), frontier.size());
            assertEquals(least.isEmpty(), frontier.isEmpty());
            for (Time time : grid) {
                boolean open = open(times, time);
                assertEquals(open, frontier.lessEqual(time.a(), time.b()));
                boolean before = times.stream().anyMatch(f -> f.lessEqual(time) && !f.equals(time));
                assertEquals(before, frontier.lessThan(time.a(), time.b()));
            }
            if (mask % 7 == 0) {
                representatives(frontier, times, grid);
            }
        }
    }

    private static void representatives(Antichain frontier, List<Time> times, List<Time> grid) {
        for (Time time : grid) {
            Time expected = times.stream().map(time::join).reduce(Time::meet).orElse(time);
            assertEquals(expected.a(), frontier.advanceFirst(time.a()));
            assertEquals(expected.b(), frontier.advanceSecond(time.b()));
            assertEquals(expected.equals(time), frontier.leaves(time.a(), time.b()));
            // readers at or after the frontier cannot tell the two apart
            for (Time reader : grid) {
                if (open(times, reader)) {
                    assertEquals(time.lessEqual(reader), expected.lessEqual(reader));
                }
            }
        }
    }

    private static List<Time> few(List<Time> grid, Random random) {
        List<Time> few = new ArrayList<>(grid);
        few.removeIf(time -> random.nextInt(4) != 0);
        return few;
    }

    @Test
    void twoFrontiersMeetAndJoinAsTheirOpenTimesDo() {
        // fails when the meet is not the union of what is open, or the join not what both have
        List<Time> grid = grid();
        Random random = new Random(Seed.value());
        for (int round = 0; round < 20_000; round++) {
            List<Time> x = few(grid, random);
            List<Time> y = few(grid, random);
            Antichain a = frontier(x);
            Antichain b = frontier(y);
            Antichain meet = a.meet(b);
            Antichain join = a.join(b);
            boolean dominates = true;
            for (Time time : grid) {
                boolean inA = open(x, time);
                boolean inB = open(y, time);
                assertEquals(inA || inB, meet.lessEqual(time.a(), time.b()));
                assertEquals(inA && inB, join.lessEqual(time.a(), time.b()));
                dominates &= inA || !inB;
            }
            assertEquals(dominates, a.dominates(b));
            assertEquals(meet, b.meet(a));
            assertEquals(join, b.join(a));
            assertTrue(meet.dominates(a) && a.dominates(join));
            assertEquals(a.equals(b), a.dominates(b) && b.dominates(a));
        }
    }

    @Test
    void epochsHaveOneElementOrNone() {
        // fails when epochs are compared as signed numbers, or a later one replaces an earlier one
        Antichain.Builder builder = Antichain.builder(TimeType.EPOCH);
        assertTrue(builder.build().isEmpty());
        assertTrue(builder.insert(-1));
        assertTrue(builder.insert(7));
        assertFalse(builder.insert(7));
        assertFalse(builder.insert(Long.MIN_VALUE));
        Antichain frontier = builder.build();
        assertEquals(Antichain.of(7), frontier);
        assertEquals("{7}", frontier.toString());
        assertFalse(frontier.lessEqual(6));
        assertTrue(frontier.lessEqual(-1));
        assertFalse(frontier.lessThan(7, 0));
        assertTrue(frontier.lessThan(8, 0));
        assertEquals(7, frontier.advanceFirst(3));
        assertEquals(-1, frontier.advanceFirst(-1));
        assertEquals(3, Antichain.empty(TimeType.EPOCH).advanceFirst(3));
        assertTrue(Antichain.minimum(TimeType.EPOCH).lessEqual(0));
        builder.clear();
        assertEquals(Antichain.empty(TimeType.EPOCH), builder.build());
    }

    @Test
    void whatDoesNotFitIsRefusedByName() {
        // fails when frontiers of both types are mixed up
        Antichain epochs = Antichain.of(7);
        Antichain pairs = Antichain.of(7, 0);
        assertNotEquals(epochs, pairs);
        assertEquals("{(7, 0)}", pairs.toString());
        String message =
                assertThrows(IllegalArgumentException.class, () -> epochs.meet(pairs)).getMessage();
        assertTrue(message.contains("PAIR") && message.contains("EPOCH"), message);
        assertThrows(IllegalArgumentException.class, () -> epochs.join(pairs));
        assertThrows(IllegalArgumentException.class, () -> epochs.dominates(pairs));
        assertThrows(IllegalArgumentException.class, () -> pairs.lessEqual(7));
        Antichain.Builder builder = Antichain.builder(TimeType.EPOCH);
        message =
                assertThrows(IllegalArgumentException.class, () -> builder.insert(1, 2))
                        .getMessage();
        assertTrue(message.contains("second number 2"), message);
        assertEquals(0, builder.size());
    }
}
