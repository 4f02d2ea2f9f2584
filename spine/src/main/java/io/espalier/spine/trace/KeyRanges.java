package io.espalier.spine.trace;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Where the parts of some runs lie in the order of keys, as places on one line; and which of them
 * have to be merged together, since their keys overlap.
 */
final class KeyRanges {

    private static final Comparator<byte[]> ORDER = Arrays::compareUnsigned;

    private KeyRanges() {}

    /**
     * A part.
     *
     * @param run the index of its run
     * @param part its index in the run
     * @param after its keys are behind this place
     * @param last the place of its last key
     */
    record Extent(int run, int part, int after, int last) {
        Extent {
            assert after < last : after + " to " + last;
        }
    }

    /**
     * Parts that are merged together, or left alone together: no other part has keys between
     * theirs. In key order, so that those of one run follow each other.
     */
    record Component(List<Extent> parts) {
        Component {
            parts = List.copyOf(parts);
        }
    }

    /**
     * Finds what overlaps.
     *
     * @param extents of parts; those of one run do not overlap
     * @return all of them, in the order of their keys
     */
    static List<Component> components(List<Extent> extents) {
        List<Extent> sorted = new ArrayList<>(extents);
        sorted.sort(Comparator.comparingInt(Extent::after).thenComparingInt(Extent::last));
        List<Component> components = new ArrayList<>();
        List<Extent> current = new ArrayList<>();
        int end = Integer.MIN_VALUE;
        for (Extent extent : sorted) {
            if (!current.isEmpty() && extent.after() >= end) {
                components.add(new Component(current));
                current.clear();
            }
            current.add(extent);
            end = Math.max(end, extent.last());
        }
        if (!current.isEmpty()) {
            components.add(new Component(current));
        }
        return components;
    }

    /**
     * Where the parts of runs lie. The last key of a part is known from its index; of the first one
     * all that is known without opening a chunk is that it is behind the part before. So chunks are
     * opened only of parts that might then overlap with others.
     *
     * @param runs the files of each
     */
    static List<Extent> of(List<List<BatchFile>> runs) {
        byte[][] @Nullable [] firsts = new byte[runs.size()][][];
        byte[][][] lasts = new byte[runs.size()][][];
        for (int run = 0; run < runs.size(); run++) {
            List<BatchFile> files = runs.get(run);
            firsts[run] = new byte[files.size()][];
            lasts[run] = new byte[files.size()][];
            for (int part = 0; part < files.size(); part++) {
                lasts[run][part] = files.get(part).lastKey();
            }
        }
        if (runs.size() > 1) {
            for (Component component : components(place(firsts, lasts))) {
                if (component.parts().size() > 1) {
                    for (Extent part : component.parts()) {
                        firsts[part.run()][part.part()] =
                                runs.get(part.run()).get(part.part()).firstKey();
                    }
                }
            }
        }
        return place(firsts, lasts);
    }

    /**
     * @param firsts the first key of each part of each run; null if only that is known which
     *     follows from the part before
     * @param lasts the last key of each
     */
    static List<Extent> place(byte[][] @Nullable [] firsts, byte[][][] lasts) {
        TreeSet<byte[]> distinct = new TreeSet<>(ORDER);
        for (int run = 0; run < lasts.length; run++) {
            for (int part = 0; part < lasts[run].length; part++) {
                distinct.add(lasts[run][part]);
                if (firsts[run][part] != null) {
                    distinct.add(firsts[run][part]);
                }
            }
        }
        byte[][] sorted = distinct.toArray(byte[][]::new);
        List<Extent> extents = new ArrayList<>();
        for (int run = 0; run < lasts.length; run++) {
            int after = -1;
            for (int part = 0; part < lasts[run].length; part++) {
                byte[] first = firsts[run][part];
                int from = first == null ? after : placeOf(first, sorted) - 1;
                int last = placeOf(lasts[run][part], sorted);
                extents.add(new Extent(run, part, from, last));
                after = last;
            }
        }
        return extents;
    }

    /** A key is at an odd place, so that there is one between it and the key before. */
    private static int placeOf(byte[] key, byte[][] sorted) {
        return 2 * Arrays.binarySearch(sorted, key, ORDER) + 1;
    }
}
