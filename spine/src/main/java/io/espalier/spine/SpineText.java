package io.espalier.spine;

import java.util.ArrayList;
import java.util.List;

/** A spine in words, as people and the golden scripts read it. */
public final class SpineText {
    private SpineText() {}

    /**
     * One line for each spine batch, oldest first: {@code [a-b][lower][upper][since] parts/updates
     * names}, where {@code parts} counts the hollow batches that it lists and {@code names} are
     * those of the stored parts in them.
     *
     * @return {@code <empty>} alone if there is none
     */
    public static List<String> batches(Spine spine) {
        return batches(spine.flatten());
    }

    /** The same of a spine that was flattened: the lines are in the order of its batches. */
    public static List<String> batches(FlatSpine flat) {
        List<String> lines = new ArrayList<>();
        int next = 0;
        for (FlatSpine.FlatBatch batch : flat.batches()) {
            int first = next;
            long updateCount = 0;
            while (next < flat.parts().size() && batch.id().covers(flat.parts().get(next).id())) {
                updateCount =
                        Amounts.add(updateCount, flat.parts().get(next).batch().updateCount());
                next++;
            }
            lines.add(
                    "["
                            + batch.id()
                            + "]"
                            + batch.description()
                            + " "
                            + (next - first)
                            + "/"
                            + updateCount
                            + names(flat.parts().subList(first, next)));
        }
        return lines.isEmpty() ? List.of("<empty>") : List.copyOf(lines);
    }

    /** The line {@code req [lower][upper][since] names}. */
    public static String request(MergeRequest request) {
        return "req " + request.description() + names(request.inputs());
    }

    private static String names(List<IdHollowBatch> batches) {
        StringBuilder names = new StringBuilder();
        for (IdHollowBatch batch : batches) {
            batch.batch().parts().forEach(part -> names.append(' ').append(part.name()));
        }
        return names.toString();
    }
}
