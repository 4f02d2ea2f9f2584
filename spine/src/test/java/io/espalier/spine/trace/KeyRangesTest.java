package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.trace.KeyRanges.Component;
import io.espalier.spine.trace.KeyRanges.Extent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Which parts overlap, against a comparison of each with each. */
class KeyRangesTest {

    /** All runs of parts that lie one behind the other between two places. */
    private static List<List<int[]>> allRuns(int from, int to) {
        List<List<int[]>> all = new ArrayList<>();
        all.add(List.of());
        for (int after = from; after < to; after++) {
            for (int last = after + 1; last <= to; last++) {
                for (List<int[]> rest : allRuns(last, to)) {
                    List<int[]> run = new ArrayList<>();
                    run.add(new int[] {after, last});
                    run.addAll(rest);
                    all.add(run);
                }
            }
        }
        return all;
    }

    private static List<Extent> extents(List<List<int[]>> runs) {
        List<Extent> extents = new ArrayList<>();
        for (int run = 0; run < runs.size(); run++) {
            for (int part = 0; part < runs.get(run).size(); part++) {
                int[] at = runs.get(run).get(part);
                extents.add(new Extent(run, part, at[0], at[1]));
            }
        }
        return extents;
    }

    private static boolean overlap(Extent a, Extent b) {
        return a.after() < b.last() && b.after() < a.last();
    }

    /** By joining what overlaps until nothing is joined any more. */
    private static Set<Set<Extent>> joined(List<Extent> extents) {
        List<Set<Extent>> groups = new ArrayList<>();
        extents.forEach(extent -> groups.add(Set.of(extent)));
        boolean again = true;
        while (again) {
            again = false;
            for (int i = 0; i < groups.size() && !again; i++) {
                for (int j = i + 1; j < groups.size() && !again; j++) {
                    Set<Extent> one = groups.get(i);
                    Set<Extent> other = groups.get(j);
                    if (one.stream().anyMatch(a -> other.stream().anyMatch(b -> overlap(a, b)))) {
                        groups.remove(j);
                        Set<Extent> both = new HashSet<>(one);
                        both.addAll(other);
                        groups.set(i, both);
                        again = true;
                    }
                }
            }
        }
        return Set.copyOf(groups);
    }

    private static void check(List<List<int[]>> runs) {
        List<Extent> extents = extents(runs);
        List<Component> components = KeyRanges.components(extents);
        assertEquals(
                joined(extents),
                components.stream().map(c -> Set.copyOf(c.parts())).collect(Collectors.toSet()));
        int end = Integer.MIN_VALUE;
        int[] next = new int[runs.size()];
        for (Component component : components) {
            int last = end;
            for (Extent part : component.parts()) {
                // in key order, and each run's parts in theirs
                assertTrue(part.after() >= end);
                assertEquals(next[part.run()]++, part.part());
                last = Math.max(last, part.last());
            }
            end = last;
        }
    }

    @Test
    void whatOverlapsIsTogetherAndNothingElse() {
        // fails if parts with common keys are merged apart, or others hold each other up
        List<List<int[]>> some = allRuns(0, 5);
        for (List<int[]> a : some) {
            for (List<int[]> b : some) {
                check(List.of(a, b));
            }
        }
        List<List<int[]>> few = allRuns(0, 3);
        for (List<int[]> a : few) {
            for (List<int[]> b : few) {
                for (List<int[]> c : few) {
                    check(List.of(a, b, c));
                }
            }
        }
    }

    /** Cuts ascending keys into parts, from a word that says where. */
    private static List<List<String>> cut(Set<String> keys, int where) {
        List<List<String>> parts = new ArrayList<>();
        int i = 0;
        for (String key : keys) {
            if (parts.isEmpty() || (where >>> i++ % 31 & 1) != 0) {
                parts.add(new ArrayList<>());
            }
            parts.getLast().add(key);
        }
        return parts;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @Property(tries = 500)
    void placesOverlapAsKeysDo(@ForAll List<Set<String>> keys, @ForAll int where) {
        // fails if a bound is taken for the other side of its key, or signed
        List<List<List<String>>> runs = new ArrayList<>();
        for (Set<String> ofRun : keys) {
            Set<String> sorted =
                    new TreeSet<>((a, b) -> Arrays.compareUnsigned(bytes(a), bytes(b)));
            ofRun.forEach(key -> sorted.add(new String(bytes(key), StandardCharsets.ISO_8859_1)));
            if (!sorted.isEmpty()) {
                runs.add(cut(sorted, where + 7 * runs.size()));
            }
        }
        byte[][][] firsts = new byte[runs.size()][][];
        byte[][][] lasts = new byte[runs.size()][][];
        for (int run = 0; run < runs.size(); run++) {
            firsts[run] =
                    runs.get(run).stream().map(p -> bytes(p.getFirst())).toArray(byte[][]::new);
            lasts[run] = runs.get(run).stream().map(p -> bytes(p.getLast())).toArray(byte[][]::new);
        }
        List<Extent> exact = KeyRanges.place(firsts, lasts);
        for (byte[][] ofRun : firsts) {
            Arrays.fill(ofRun, null);
        }
        List<Extent> unopened = KeyRanges.place(firsts, lasts);
        for (int i = 0; i < exact.size(); i++) {
            for (int j = 0; j < exact.size(); j++) {
                Extent a = exact.get(i);
                Extent b = exact.get(j);
                List<String> one = runs.get(a.run()).get(a.part());
                List<String> other = runs.get(b.run()).get(b.part());
                boolean apart =
                        Arrays.compareUnsigned(bytes(one.getLast()), bytes(other.getFirst())) < 0
                                || Arrays.compareUnsigned(
                                                bytes(other.getLast()), bytes(one.getFirst()))
                                        < 0;
                assertEquals(!apart, overlap(a, b), () -> one + " and " + other);
                if (!apart) {
                    assertTrue(overlap(unopened.get(i), unopened.get(j)));
                }
            }
        }
    }
}
