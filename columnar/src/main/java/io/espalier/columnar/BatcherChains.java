package io.espalier.columnar;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The chains of a {@link MergeBatcher}, the largest first but for those that came last: which of
 * them are to be merged, and what all of them hold. It owns them until they are taken. A
 * single-threaded list.
 */
final class BatcherChains implements AutoCloseable {

    private static final Comparator<Chain> LARGEST_FIRST =
            (a, b) -> Long.compare(b.batch.chunkCount(), a.batch.chunkCount());

    /** A chain and how many generations of merges it has seen. */
    private record Chain(Batch batch, int depth) {}

    /**
     * Chains that were taken out, to be merged; the taker's.
     *
     * @param depth the most generations of merges that one of them has seen
     * @param whole whether all of them ship whole, where that was asked
     */
    record Taken(List<Batch> batches, int depth, boolean whole) {}

    private final MergeRule rule;
    private final List<Chain> chains = new ArrayList<>();

    BatcherChains(MergeRule rule) {
        this.rule = rule;
    }

    /** Takes a chain in, unless it is empty. */
    void push(Batch batch, int depth) {
        if (batch.chunkCount() > 0) {
            chains.add(new Chain(batch, depth));
        }
    }

    /** Takes the chains out that are to be merged now; null if none are. */
    @Nullable Taken takeDue() {
        int from = rule.firstDue(batches(chains));
        return from == chains.size() ? null : take(chains.subList(from, chains.size()));
    }

    /** Takes the smallest chains out if there are more than a seal may have open; else null. */
    @Nullable Taken takeExcess() {
        int excess = chains.size() - rule.sealFanIn();
        if (excess <= 0) {
            return null;
        }
        sort();
        return take(chains.subList(chains.size() - excess - 1, chains.size()));
    }

    /** Takes all chains out that may have times which a frontier does not keep open; or null. */
    @Nullable Taken takeEarly(Antichain frontier) {
        List<Chain> early = new ArrayList<>();
        List<Chain> late = new ArrayList<>();
        boolean whole = true;
        for (Chain chain : chains) {
            boolean isEarly = mayShip(chain.batch, frontier);
            (isEarly ? early : late).add(chain);
            whole &= !isEarly || shipsWhole(chain.batch, frontier);
        }
        if (early.isEmpty()) {
            return null;
        }
        chains.clear();
        chains.addAll(late);
        return new Taken(batches(early), depth(early), whole);
    }

    /** Takes chains in again that were not merged after all. */
    void putBack(Taken taken) {
        taken.batches().forEach(batch -> push(batch, taken.depth()));
        sort();
    }

    private static Taken take(List<Chain> some) {
        Taken taken = new Taken(batches(some), depth(some), false);
        some.clear();
        return taken;
    }

    private static List<Batch> batches(List<Chain> some) {
        return some.stream().map(Chain::batch).toList();
    }

    private static int depth(List<Chain> some) {
        return some.stream().mapToInt(Chain::depth).max().orElse(0);
    }

    /** Whether some time of a chain may be one that a frontier does not keep open. */
    private static boolean mayShip(Batch batch, Antichain frontier) {
        for (long i = 0; i < batch.chunkCount(); i++) {
            Chunk chunk = batch.chunk(i);
            if (!frontier.lessEqual(chunk.timeMin(), chunk.secondTimeMin())) {
                return true;
            }
        }
        return false;
    }

    /** Whether no time of a chain is open by a frontier, as its bounds say. */
    private static boolean shipsWhole(Batch batch, Antichain frontier) {
        for (long i = 0; i < batch.chunkCount(); i++) {
            Chunk chunk = batch.chunk(i);
            if (frontier.lessEqual(chunk.timeMax(), chunk.secondTimeMax())) {
                return false;
            }
        }
        return true;
    }

    /** The largest first, as geometric merging expects. */
    void sort() {
        chains.sort(LARGEST_FIRST);
    }

    /** Adds the least times of all chains, known without opening a chunk. */
    void addLower(Antichain.Builder least) {
        for (Chain chain : chains) {
            addLower(chain.batch, least);
        }
    }

    static void addLower(Batch batch, Antichain.Builder least) {
        for (long i = 0; i < batch.chunkCount(); i++) {
            batch.chunk(i).addLower(least);
        }
    }

    boolean isEmpty() {
        return chains.isEmpty();
    }

    /** The lengths of the chains in chunks. */
    List<Long> lengths() {
        return chains.stream().map(chain -> chain.batch.chunkCount()).toList();
    }

    Batch get(int index) {
        return chains.get(index).batch;
    }

    long updateCount() {
        return chains.stream().mapToLong(chain -> chain.batch.updateCount()).sum();
    }

    long sizeBytes() {
        return chains.stream().mapToLong(chain -> chain.batch.sizeBytes()).sum();
    }

    /** Drops all chains; more can be pushed afterwards. */
    @Override
    public void close() {
        chains.forEach(chain -> chain.batch.close());
        chains.clear();
    }
}
