package io.espalier.columnar;

import java.util.List;

/**
 * When chains of a {@link MergeBatcher} are merged. Two that lie between one another's chunks are
 * as soon as the last has at least half as many chunks as the one before it: that costs nothing.
 * Others wait until {@link #fanIn} of about their size are there, so that each update is written
 * again once for each factor of that.
 */
final class MergeRule {

    /** Two chains of which at most this part of the chunks overlap are merged at once. */
    private static final long OVERLAP_PART = 16;

    private static final int FAN_IN_MIN = 4;
    private static final int FAN_IN_MAX = 8;

    /** A chain of a merge has a chunk open: those of a merge take at most this part of a budget. */
    private static final long FAN_IN_PART = 4;

    /** How many times as many chains as are merged at once a seal takes. */
    private static final int SEAL_FAN_INS = 3;

    private final long stagedBytesMax;
    private final int fanIn;

    MergeRule(long stagedBytesMax, long targetBytes, long budgetBytes) {
        this.stagedBytesMax = stagedBytesMax;
        this.fanIn = Math.clamp(budgetBytes / (FAN_IN_PART * targetBytes), FAN_IN_MIN, FAN_IN_MAX);
    }

    /** How many chains a seal merges at most. */
    int sealFanIn() {
        return SEAL_FAN_INS * fanIn;
    }

    /** From which chain on all are to be merged now; the number of chains if none are. */
    int firstDue(List<Batch> chains) {
        int size = chains.size();
        if (size < 2) {
            return size;
        }
        Batch last = chains.get(size - 1);
        Batch previous = chains.get(size - 2);
        if (last.chunkCount() >= previous.chunkCount() / 2 && isHandedOver(previous, last)) {
            return size - 2;
        }
        long rank = rank(last);
        int from = size - 1;
        while (from > 0 && rank(chains.get(from - 1)) <= rank) {
            from--;
        }
        return size - from >= fanIn ? from : size;
    }

    /** Chains of one rank wait for one another; each merge of as many as are due makes one more. */
    private long rank(Batch chain) {
        double times = (double) Math.max(1, chain.sizeBytes()) / stagedBytesMax;
        return (long) Math.floor(Math.log(times) / Math.log(fanIn) + 0.5);
    }

    /** Whether hardly any chunk of two chains overlaps with the other one. */
    private static boolean isHandedOver(Batch a, Batch b) {
        long most = 1 + (a.chunkCount() + b.chunkCount()) / OVERLAP_PART;
        long overlaps = 0;
        long i = 0;
        long j = 0;
        while (i < a.chunkCount() && j < b.chunkCount() && overlaps < most) {
            if (a.fence(i).endsBelow(b.fence(j))) {
                i++;
            } else if (b.fence(j).endsBelow(a.fence(i))) {
                j++;
            } else {
                overlaps++;
                // whichever ends first
                if (a.fence(i).endsBelowEndOf(b.fence(j))) {
                    i++;
                } else {
                    j++;
                }
            }
        }
        return overlaps < most;
    }
}
