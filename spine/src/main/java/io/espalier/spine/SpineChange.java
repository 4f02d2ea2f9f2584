package io.espalier.spine;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * What a spine has become, said by what distinguishes it from the spine before: the hollow batches
 * that went and came, and the whole of its structure above them, which is small. In proportion to
 * what changed and to the logarithm of what the spine holds, so that a log can keep one for each
 * commit.
 *
 * <p>As in {@link FlatSpine} the structure is there as it is, and is not derived again. The records
 * accept anything; {@link Spine#changed} decides.
 *
 * @param since the spine's since
 * @param upper the spine's upper
 * @param nextId the id that the next batch gets
 * @param gone the hollow batches that are no longer there, oldest first
 * @param added those that are new, oldest first
 * @param batches all spine batches, oldest first
 * @param merges what is fuelling, one for every level with two batches, oldest first
 */
public record SpineChange(
        Frontier since,
        Frontier upper,
        long nextId,
        List<SpineId> gone,
        List<IdHollowBatch> added,
        List<FlatSpine.FlatBatch> batches,
        List<FlatSpine.FlatMerge> merges) {
    /** Copies the lists. */
    public SpineChange {
        gone = List.copyOf(gone);
        added = List.copyOf(added);
        batches = List.copyOf(batches);
        merges = List.copyOf(merges);
    }

    /** What went from one list of batches to another, both oldest first. */
    static SpineChange between(List<SpineBatch> before, List<SpineBatch> after, FlatSpine shape) {
        List<IdHollowBatch> old = partsOfOthers(before, after);
        List<IdHollowBatch> young = partsOfOthers(after, before);
        List<SpineId> gone = new ArrayList<>();
        List<IdHollowBatch> added = new ArrayList<>();
        int i = 0;
        int j = 0;
        while (i < old.size() || j < young.size()) {
            long oldFirst = i < old.size() ? old.get(i).id().first() : Long.MAX_VALUE;
            long youngFirst = j < young.size() ? young.get(j).id().first() : Long.MAX_VALUE;
            boolean takeOld = oldFirst <= youngFirst;
            boolean takeYoung = youngFirst <= oldFirst;
            boolean same = takeOld && takeYoung && same(old.get(i), young.get(j));
            if (takeOld) {
                IdHollowBatch part = old.get(i++);
                if (!same) {
                    gone.add(part.id());
                }
            }
            if (takeYoung) {
                IdHollowBatch part = young.get(j++);
                if (!same) {
                    added.add(part);
                }
            }
        }
        return new SpineChange(
                shape.since(),
                shape.upper(),
                shape.nextId(),
                gone,
                added,
                shape.batches(),
                shape.merges());
    }

    /** The parts in {@code batches} whose list is in no batch of {@code others}. */
    private static List<IdHollowBatch> partsOfOthers(
            List<SpineBatch> batches, List<SpineBatch> others) {
        Set<List<IdHollowBatch>> shared = Collections.newSetFromMap(new IdentityHashMap<>());
        others.forEach(batch -> shared.add(batch.parts()));
        List<IdHollowBatch> parts = new ArrayList<>();
        for (SpineBatch batch : batches) {
            if (!shared.contains(batch.parts())) {
                parts.addAll(batch.parts());
            }
        }
        return parts;
    }

    @SuppressWarnings("ReferenceEquality") // most are the same object; comparing them would cost
    private static boolean same(IdHollowBatch one, IdHollowBatch other) {
        return one == other || one.equals(other);
    }
}
