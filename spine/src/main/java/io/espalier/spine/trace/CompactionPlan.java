package io.espalier.spine.trace;

import io.espalier.spine.Description;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.Replaced;
import io.espalier.spine.Run;
import io.espalier.spine.SpineId;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * How a request is answered without reading more runs at a time than the bound of memory allows: in
 * pieces, each of which replaces what it read.
 *
 * <p>Neighbouring batches are mixed while they fit. A batch that does not fit alone is taken apart
 * by its own runs. A piece has two runs at least, whatever they take, or nothing would ever get
 * smaller; such a piece is counted as a violation. Batches without runs cost nothing. Repeated on
 * what is left, this ends in one run.
 *
 * <p>A pure function: the same request gives the same pieces in every process.
 *
 * @param pieces in the order in which they are done
 * @param violations how many of them exceed the bound
 */
record CompactionPlan(List<Piece> pieces, int violations) {

    CompactionPlan {
        pieces = List.copyOf(pieces);
    }

    /**
     * One compaction.
     *
     * @param replaced what the output takes the place of
     * @param description of the output
     * @param runs what is read, in order
     * @param kept whether the single run stays as it is, and only the empty batches around it go
     */
    record Piece(Replaced replaced, Description description, List<Run> runs, boolean kept) {
        Piece {
            runs = List.copyOf(runs);
        }
    }

    /**
     * @param costBytes what reading a run takes
     * @param boundBytes what all runs of a piece may take together
     */
    static CompactionPlan of(MergeRequest request, ToLongFunction<Run> costBytes, long boundBytes) {
        List<Run> all = runsOf(request.inputs());
        if (all.size() <= 1) {
            return new CompactionPlan(
                    List.of(pieceOf(request, request.inputs(), all)), /* violations= */ 0);
        }
        Planner planner = new Planner(request, costBytes, boundBytes);
        request.inputs().forEach(planner::add);
        planner.flush();
        assert planner.pieces.stream().anyMatch(piece -> piece.runs().size() > 1) : request;
        return new CompactionPlan(planner.pieces, planner.violations);
    }

    private static List<Run> runsOf(List<IdHollowBatch> batches) {
        return batches.stream().flatMap(b -> b.batch().runs().stream()).toList();
    }

    private static Piece pieceOf(
            MergeRequest request, List<IdHollowBatch> batches, List<Run> runs) {
        IdHollowBatch first = batches.getFirst();
        IdHollowBatch last = batches.getLast();
        Description description =
                new Description(
                        first.batch().description().lower(),
                        last.batch().description().upper(),
                        request.description().since());
        SpineId id = new SpineId(first.id().first(), last.id().end());
        // what is as far advanced as it is to be would be copied byte by byte
        boolean kept =
                runs.isEmpty()
                        || (runs.size() == 1
                                && batches.size() > 1
                                && batches.stream()
                                        .filter(b -> !b.batch().isEmpty())
                                        .allMatch(b ->
                                                b.batch()
                                                        .description()
                                                        .since()
                                                        .equals(description.since())));
        return new Piece(
                new MergeRequest(id, description, batches).replaced(), description, runs, kept);
    }

    private static final class Planner {
        private final MergeRequest request;
        private final ToLongFunction<Run> costBytes;
        private final long boundBytes;
        private final List<Piece> pieces = new ArrayList<>();
        private int violations;

        private List<IdHollowBatch> batches = new ArrayList<>();
        private int runCount;
        private long cost;

        Planner(MergeRequest request, ToLongFunction<Run> costBytes, long boundBytes) {
            this.request = request;
            this.costBytes = costBytes;
            this.boundBytes = boundBytes;
        }

        void add(IdHollowBatch batch) {
            int more = batch.batch().runs().size();
            long moreCost = costOf(batch.batch().runs());
            if (more > 1 && moreCost > boundBytes) {
                flush();
                split(batch);
                return;
            }
            if (more > 0
                    && cost + moreCost > boundBytes
                    && (runCount > 1 || (runCount == 1 && more > 1))) {
                flush();
            }
            batches.add(batch);
            runCount += more;
            cost += moreCost;
        }

        private long costOf(List<Run> runs) {
            return runs.stream().mapToLong(costBytes).sum();
        }

        /** Ends a piece. A batch that found no company is left for the next time. */
        void flush() {
            if (batches.size() > 1 || runCount > 1) {
                Piece piece = pieceOf(request, batches, runsOf(batches));
                if (runCount > 1 || piece.kept()) {
                    pieces.add(piece);
                    violations += cost > boundBytes ? 1 : 0;
                }
            }
            batches = new ArrayList<>();
            runCount = 0;
            cost = 0;
        }

        private void split(IdHollowBatch batch) {
            List<Run> group = new ArrayList<>();
            for (Run run : batch.batch().runs()) {
                if (group.size() > 1 && costOf(group) + costBytes.applyAsLong(run) > boundBytes) {
                    addGroup(batch, group);
                    group = new ArrayList<>();
                }
                group.add(run);
            }
            addGroup(batch, group);
        }

        private void addGroup(IdHollowBatch batch, List<Run> group) {
            if (group.size() < 2) {
                return;
            }
            HollowBatch hollow = batch.batch();
            Description description =
                    new Description(
                            hollow.description().lower(),
                            hollow.description().upper(),
                            request.description().since());
            Set<io.espalier.spine.RunId> ids =
                    group.stream().map(Run::id).collect(Collectors.toUnmodifiableSet());
            pieces.add(new Piece(new Replaced.Runs(batch.id(), ids), description, group, false));
            violations += costOf(group) > boundBytes ? 1 : 0;
        }
    }
}
