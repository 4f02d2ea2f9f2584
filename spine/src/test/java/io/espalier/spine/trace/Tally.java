package io.espalier.spine.trace;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** How often what happened, over many histories: a simulation that meets nothing proves nothing. */
final class Tally {

    private final Map<String, Long> counts = new TreeMap<>();

    void add(Enum<?> what) {
        add(what, 1);
    }

    void add(Enum<?> what, long count) {
        add(what.name().toLowerCase(Locale.ROOT).replace('_', ' '), count);
    }

    void add(String what, long count) {
        if (count > 0) {
            counts.merge(what, count, Long::sum);
        }
    }

    void addAll(Tally other) {
        other.counts.forEach(this::add);
    }

    long of(String what) {
        return counts.getOrDefault(what, 0L);
    }

    /** A line each. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        counts.forEach((what, count) -> text.append(String.format("%12d %s%n", count, what)));
        return text.toString();
    }
}
