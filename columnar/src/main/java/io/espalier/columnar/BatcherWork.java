package io.espalier.columnar;

import io.espalier.memory.MemoryBudget;
import org.jspecify.annotations.Nullable;

/**
 * The job of a {@link MergeBatcher} that is under way, of which there is one at most: it is worked
 * off in steps, between which the budget is charged with what the batcher holds; one that a pager
 * stopped is taken up where it was, and one that failed otherwise breaks the batcher.
 *
 * <p>Single-threaded. The owner closes it, after what it was given.
 */
final class BatcherWork implements AutoCloseable {

    private static final long FUEL_MAX = 1L << 16;

    private final BatcherChains chains;
    private final UpdateBuffer staged;
    private final BatcherChain output;
    private final RoomCharge room;
    private @Nullable BatcherJob job;
    private @Nullable Throwable broken;
    private boolean closed;

    /**
     * @param chains takes in what jobs make
     * @param output what jobs build in
     */
    BatcherWork(
            MemoryBudget budget, BatcherChains chains, UpdateBuffer staged, BatcherChain output) {
        this.chains = chains;
        this.staged = staged;
        this.output = output;
        this.room = new RoomCharge(budget);
    }

    boolean isIdle() {
        return job == null;
    }

    boolean isUnderWay(BatcherJob other) {
        return job == other;
    }

    /** Makes a job the one that is under way, for {@link #work} and then {@link #end}. */
    void start(BatcherJob next) {
        job = next;
    }

    /** Says that the job under way has done all. */
    void end(BatcherJob done) {
        assert job == done : "another job";
        job = null;
    }

    /** Works a job off and takes its chains in; if it fails, it stays to be resumed. */
    void run(BatcherJob next) {
        job = next;
        work(next, false);
        job = null;
        chains.push(next.takeShipped(), next.depth());
        chains.push(next.takeKept(), next.depth());
    }

    /** Works a job off, or until it has something to give out. */
    void work(BatcherJob next, boolean untilShipped) {
        long fuel = fuelFor(next);
        boolean more = true;
        try {
            while (more && !(untilShipped && next.hasShipped())) {
                more = next.step(fuel);
                chargeRoom(next.heldBytes());
            }
        } catch (RuntimeException | Error e) {
            if (!next.isResumable()) {
                broken = e;
            }
            throw e;
        }
    }

    /** Charges the budget with what the batcher holds beside chunks. */
    void chargeRoom(long jobBytes) {
        room.set(staged.heldBytes() + output.heldBytes() + jobBytes);
    }

    /** About as many updates as a chunk has: what may be built before the pager is asked again. */
    private long fuelFor(BatcherJob next) {
        long bytes = Math.max(1, next.inputBytes());
        long updates = Math.max(1, next.inputUpdates());
        return Math.clamp(Math.round((double) output.targetBytes() / bytes * updates), 1, FUEL_MAX);
    }

    /**
     * Finishes what a failure stopped.
     *
     * @throws IllegalStateException as {@link #checkUsable}
     */
    void resume() {
        checkUsable();
        BatcherJob stopped = job;
        if (stopped != null) {
            run(stopped);
        }
    }

    boolean isUsable() {
        return !closed && broken == null;
    }

    /**
     * Checks that the batcher can be used.
     *
     * @throws IllegalStateException if it is closed or broken
     */
    void checkUsable() {
        if (closed) {
            throw new IllegalStateException("the merge batcher is closed; open another one");
        }
        if (broken != null) {
            throw new IllegalStateException(
                    "merge batcher failed earlier ("
                            + broken.getMessage()
                            + ") and can only be closed",
                    broken);
        }
    }

    /** Adds the least times of what a job has that was stopped. */
    void addLower(Antichain.Builder least) {
        BatcherJob stopped = job;
        if (stopped != null) {
            least.insertAll(stopped.lower());
        }
    }

    /** Drops the job with all that it holds; what was broken can be used again. */
    void drop() {
        broken = null;
        BatcherJob stopped = job;
        if (stopped != null) {
            job = null;
            stopped.close();
            output.drop();
        }
    }

    boolean isClosed() {
        return closed;
    }

    @Override
    public void close() {
        closed = true;
        room.close();
    }
}
