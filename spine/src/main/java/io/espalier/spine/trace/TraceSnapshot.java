package io.espalier.spine.trace;

import io.espalier.columnar.Column;
import io.espalier.columnar.LatestValues;
import io.espalier.columnar.Run;
import io.espalier.pager.Pager;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What a trace held at one moment: its parts, from the oldest to the newest. It stays readable, and
 * exact as of every epoch from its own {@link #since} on, whatever is appended, compacted or
 * forgotten meanwhile, until it is closed, exactly once. Thread-safe; each reader takes one of its
 * own.
 *
 * <p>When the store is closed first, reading on is an {@link IllegalStateException}; what is pinned
 * stays readable until its pin is closed. The snapshot has still to be closed, before the pager.
 */
public final class TraceSnapshot implements AutoCloseable {

    /**
     * A durable part of a trace.
     *
     * @param run its updates: a batch file, which is a run or, with others, a stretch of one
     * @param fileName its file, within the store's folder
     * @param level its level in the spine
     * @param lower the first epoch that it covers
     * @param upper the first epoch after it
     */
    public record Part(Run run, String fileName, int level, long lower, long upper) {

        /** The size of its file in bytes. */
        public long sizeBytes() {
            return run.sizeBytes();
        }

        /** How many updates it holds. */
        public long updateCount() {
            return run.updateCount();
        }

        /** How many chunks its updates are in; asking opens the file. */
        public long chunkCount() {
            return run.chunkCount();
        }
    }

    /** A run, of one part or of several in key order, and the epochs that its batch covers. */
    record TimedRun(StoredRun run, long lower, long upper) {}

    /** What all snapshots of one moment share. */
    static final class Shared {
        private final List<PartGroup> groups;
        final long since;
        final long upper;
        private final int runCount;
        private final AtomicInteger holders = new AtomicInteger(1);

        // made when somebody reads; twice if two do at once, which is harmless
        private @Nullable List<Part> parts;
        private @Nullable List<TimedRun> timedRuns;
        private @Nullable List<Run> runs;

        /** Takes a hold on each group. */
        Shared(List<PartGroup> groups, long since, long upper) {
            this.groups = List.copyOf(groups);
            this.since = since;
            this.upper = upper;
            this.runCount = groups.stream().mapToInt(group -> group.runs().size()).sum();
            this.groups.forEach(PartGroup::retain);
        }

        /** How many runs there are, each of one or more parts. */
        int runCount() {
            return runCount;
        }

        List<Part> parts() {
            List<Part> made = parts;
            if (made == null) {
                made = groups.stream().flatMap(group -> group.parts().stream()).toList();
                parts = made;
            }
            return made;
        }

        List<TimedRun> timedRuns() {
            List<TimedRun> made = timedRuns;
            if (made == null) {
                made = groups.stream().flatMap(group -> group.runs().stream()).toList();
                timedRuns = made;
            }
            return made;
        }

        List<Run> runs() {
            List<Run> made = runs;
            if (made == null) {
                made = timedRuns().stream().map(timed -> (Run) timed.run()).toList();
                runs = made;
            }
            return made;
        }

        boolean retain() {
            return holders.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
        }

        void release() {
            if (holders.decrementAndGet() == 0) {
                PartGroup.releaseAll(groups);
            }
        }
    }

    private final Pager pager;
    private final Shared shared;
    private final long upper;
    private final AtomicBoolean open = new AtomicBoolean(true);

    /**
     * Owns one hold on {@code shared}.
     *
     * @param upper the store's, as it was before {@code shared} was looked up: the trace may not
     *     have been written to for long
     */
    TraceSnapshot(Pager pager, Shared shared, long upper) {
        this.pager = pager;
        this.shared = shared;
        this.upper = Long.compareUnsigned(shared.upper, upper) > 0 ? shared.upper : upper;
    }

    private Shared shared() {
        if (!open.get()) {
            throw new IllegalStateException("trace snapshot is closed");
        }
        return shared;
    }

    /**
     * The parts, from the oldest to the newest. Their times do not overlap, but for those of one
     * batch, which have the same; of these no key is in two that are one run.
     */
    public List<Part> parts() {
        return shared().parts();
    }

    /**
     * The runs of all parts, from the oldest to the newest: where times overlap, keys do not, or
     * what is older comes first. A run has one part or several.
     */
    public List<Run> runs() {
        return shared().runs();
    }

    /** The first epoch that can be told from those before it. */
    public long since() {
        return shared().since;
    }

    /** The first epoch of the store that was not committed. */
    public long upper() {
        shared();
        return upper;
    }

    /**
     * Looks up what many keys had as of an epoch, in a trace in which a key has one val at most.
     * Parts that do not have a key are passed over by their filters, parts that began later are
     * left out.
     *
     * @param target takes the vals; kept from one look-up to the next, so that probes cost nothing
     *     on the heap
     * @param probes ascending, without duplicates
     * @param bytesMax the most that all vals may take
     * @return whether that was enough; if not, nothing is read: ask for fewer
     * @throws OutOfHistoryException if the epoch is before {@link #since()} or not before {@link
     *     #upper()}
     * @see LatestValues#read
     */
    public boolean read(LatestValues target, Column probes, long asOf, long bytesMax) {
        Shared now = checkAsOf(asOf);
        List<Run> runs = now.runs();
        int count = runs.size();
        while (count > 0
                && Long.compareUnsigned(now.timedRuns().get(count - 1).lower(), asOf) > 0) {
            count--;
        }
        return target.read(runs.subList(0, count), probes, asOf, bytesMax);
    }

    private Shared checkAsOf(long asOf) {
        Shared now = shared();
        if (Long.compareUnsigned(asOf, now.since) < 0 || Long.compareUnsigned(asOf, upper) >= 0) {
            throw new OutOfHistoryException("snapshot", asOf, now.since, upper);
        }
        return now;
    }

    /**
     * What the trace held as of an epoch, in key order or against it. The caller closes the scan,
     * before the snapshot.
     *
     * @param from the first key, or null for the very first
     * @param to the first key that is no longer wanted, or null for all that follow
     * @param descending whether from the last key to the first, and within a key the same
     * @throws OutOfHistoryException if the epoch is before {@link #since()} or not before {@link
     *     #upper()}
     */
    public TraceScan scan(
            byte @Nullable [] from, byte @Nullable [] to, long asOf, boolean descending) {
        Shared now = checkAsOf(asOf);
        List<StoredRun> runs = new ArrayList<>();
        for (TimedRun timed : now.timedRuns()) {
            if (Long.compareUnsigned(timed.lower(), asOf) <= 0) {
                runs.add(timed.run());
            }
        }
        return new TraceScan(pager.memory(), runs, from, to, asOf, descending);
    }

    /**
     * The differences of the epochs from one on, in their order. The caller closes it, before the
     * snapshot.
     *
     * @param from after {@link #since()}: of what is not after it only the sum is known
     * @throws OutOfHistoryException if it is not
     */
    public TraceChanges changes(long from) {
        Shared now = shared();
        if (Long.compareUnsigned(from, now.since) <= 0 && (from != 0 || now.since != 0)) {
            throw new OutOfHistoryException("snapshot", from - 1, now.since, upper);
        }
        return new TraceChanges(pager, now.timedRuns(), from);
    }

    @Override
    public void close() {
        if (!open.compareAndSet(true, false)) {
            throw new IllegalStateException("trace snapshot is closed a second time");
        }
        shared.release();
    }
}
