package io.espalier.upsert;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.upsert.Feedback.Difference;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.jspecify.annotations.Nullable;

/** Any commands, in any order, at any times, give what a map of last writers gives. */
class UpsertModelTest {

    /** A command, how far ahead of the epoch that is written it lies, and its order within it. */
    record Step(String key, @Nullable String value, int ahead, int order) {}

    /** Commands, and what happens to the commit after them. */
    record Epoch(List<Step> steps, boolean fails) {}

    @Provide
    Arbitrary<List<Epoch>> epochs() {
        Arbitrary<String> keys =
                Arbitraries.frequencyOf(
                        Tuple.of(5, Arbitraries.of("a", "b", "c", "aa", "\u0000")),
                        Tuple.of(3, Arbitraries.integers().between(0, 2000).map(i -> "key" + i)),
                        Tuple.of(1, Arbitraries.of("long".repeat(5000))));
        Arbitrary<String> values =
                Arbitraries.frequencyOf(
                        Tuple.of(5, Arbitraries.of("", "x", "y")),
                        Tuple.of(1, Arbitraries.of("z".repeat(40_000))));
        Arbitrary<Step> steps =
                Combinators.combine(
                                keys,
                                values.injectNull(0.3),
                                Arbitraries.integers().between(0, 3),
                                Arbitraries.integers().between(0, 1 << 20))
                        .as(Step::new);
        return Combinators.combine(
                        steps.list().ofMaxSize(60), Arbitraries.of(false, false, false, true))
                .as(Epoch::new)
                .list()
                .ofMaxSize(12);
    }

    @Property(tries = 150)
    void theTraceIsTheMapOfLastWriters(
            @ForAll("epochs") List<Epoch> epochs, @ForAll boolean everythingIsPaged) {
        // fails if a command is lost, doubled or decided against a wrong old value
        TreeMap<String, String> rows = new TreeMap<>();
        TreeMap<Long, TreeMap<String, Step>> waiting = new TreeMap<>();
        TreeMap<Long, TreeMap<String, Long>> orders = new TreeMap<>();
        try (Feedback f = new Feedback(everythingIsPaged ? 0 : 8 << 20)) {
            long time = 0;
            long tie = 0;
            for (int i = 0; i < epochs.size() + 4; i++) {
                Epoch epoch = i < epochs.size() ? epochs.get(i) : new Epoch(List.of(), false);
                for (Step step : epoch.steps) {
                    long at = time + step.ahead;
                    // no two orders are equal
                    long order = ((long) step.order << 20) + tie++;
                    if (step.value == null) {
                        f.delete(step.key, order, at);
                    } else {
                        f.set(step.key, step.value, order, at);
                    }
                    TreeMap<String, Long> best = orders.computeIfAbsent(at, t -> new TreeMap<>());
                    if (order >= best.getOrDefault(step.key, -1L)) {
                        best.put(step.key, order);
                        waiting.computeIfAbsent(at, t -> new TreeMap<>()).put(step.key, step);
                    }
                }
                f.operator.advanceInput(time + 1);
                if (epoch.fails) {
                    f.drainOnly(time, f.trace).close();
                    f.operator.settle(false);
                }
                List<Difference> differences = f.drain(time);
                assertEquals(expected(rows, waiting.remove(time), time), differences);
                assertEquals(rows, f.table());
                time++;
            }
            assertEquals(true, f.operator.isEmpty());
        }
    }

    /** Applies the commands of a time to the rows; what must come out, in order. */
    private static List<Difference> expected(
            Map<String, String> rows, @Nullable Map<String, Step> steps, long time) {
        List<Difference> all = new ArrayList<>();
        if (steps == null) {
            return all;
        }
        steps.forEach((key, step) -> {
            String old = rows.get(key);
            if (!Objects.equals(old, step.value)) {
                if (old != null) {
                    all.add(new Difference(key, old, time, -1));
                }
                if (step.value != null) {
                    all.add(new Difference(key, step.value, time, 1));
                }
            }
            if (step.value == null) {
                rows.remove(key);
            } else {
                rows.put(key, step.value);
            }
        });
        // all that is used here is ASCII: text order is byte order
        all.sort(Comparator.comparing(Difference::key).thenComparing(Difference::value));
        return all;
    }
}
