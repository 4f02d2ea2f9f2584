package io.espalier.spine.trace;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The requests that wait for a compactor, in their order. What a later request covers is left out;
 * what failed waits longer each time; what finds no room is counted and forgotten, for it is found
 * again when its claim has run out.
 *
 * <p>Pure: the time is handed in. Not thread-safe.
 */
final class CompactionQueue {

    /** How many requests wait at most. */
    static final int WAITING_MAX = 1024;

    static final long RETRY_MILLIS_MIN = 1000;
    static final long RETRY_MILLIS_MAX = 5 * 60 * 1000;

    /**
     * A request that waits.
     *
     * @param failures how often it was tried in vain
     * @param dueMillis it is not tried again before
     * @param cause why it failed last
     */
    record Waiting(CompactionTask task, int failures, long dueMillis, @Nullable Throwable cause) {}

    private final List<Waiting> waiting = new ArrayList<>();
    private long dropped;

    int size() {
        return waiting.size();
    }

    long dropped() {
        return dropped;
    }

    boolean isEmpty() {
        return waiting.isEmpty();
    }

    /** What waits of a trace. */
    List<Waiting> of(Trace trace) {
        return waiting.stream().filter(next -> next.task().trace() == trace).toList();
    }

    int failed() {
        return (int) waiting.stream().filter(next -> next.failures() > 0).count();
    }

    void clear() {
        waiting.clear();
    }

    /**
     * Adds a request, in the place of those that it covers. If one of them has failed it has to
     * wait as well.
     */
    void add(CompactionTask task, long nowMillis) {
        add(task, nowMillis, nowMillis);
    }

    /**
     * The same, but it is not due before {@code dueMillis}, or before one that it covers would have
     * been: a small request waits for a wider one, that has a file and its syncs less for each of
     * them.
     */
    void add(CompactionTask task, long nowMillis, long dueMillis) {
        assert dueMillis >= nowMillis;
        add(new Waiting(task, 0, dueMillis, null));
    }

    /** Makes small requests due, since somebody waits for fewer runs. */
    void hurry(long nowMillis) {
        waiting.replaceAll(next ->
                next.failures() > 0 || next.dueMillis() <= nowMillis
                        ? next
                        : new Waiting(next.task(), 0, nowMillis, null));
    }

    /**
     * Lets what has failed of a trace be tried again soon, since somebody waits for it: however
     * often this is called, no more than once in {@value #RETRY_MILLIS_MIN} ms.
     */
    void retrySoon(Trace trace, long nowMillis) {
        long soonMillis = nowMillis + RETRY_MILLIS_MIN;
        waiting.replaceAll(next ->
                next.task().trace() != trace
                                || next.failures() == 0
                                || next.dueMillis() <= soonMillis
                        ? next
                        : new Waiting(next.task(), next.failures(), soonMillis, next.cause()));
    }

    /** Adds what has just failed once more. */
    void addFailed(Waiting attempt, Throwable cause, long nowMillis) {
        int failures = attempt.failures() + 1;
        long delay = RETRY_MILLIS_MIN << Math.min(failures - 1, 20);
        long due = nowMillis + Math.min(delay, RETRY_MILLIS_MAX);
        add(new Waiting(attempt.task(), failures, due, cause));
    }

    private void add(Waiting added) {
        int failures = added.failures();
        long due = added.dueMillis();
        Throwable cause = added.cause();
        for (Iterator<Waiting> others = waiting.iterator(); others.hasNext(); ) {
            Waiting other = others.next();
            if (other.task().covers(added.task()) && !added.task().covers(other.task())) {
                // it is asked for already
                return;
            }
            if (added.task().covers(other.task())) {
                failures = Math.max(failures, other.failures());
                cause = cause == null ? other.cause() : cause;
                due =
                        other.failures() > 0
                                ? Math.max(due, other.dueMillis())
                                : failures > 0 ? due : Math.min(due, other.dueMillis());
                others.remove();
            }
        }
        if (waiting.size() >= WAITING_MAX) {
            dropped++;
            return;
        }
        waiting.add(new Waiting(added.task(), failures, due, cause));
    }

    /** The first request that is due and wanted; it is taken out. */
    @Nullable Waiting poll(long nowMillis, Predicate<CompactionTask> wanted) {
        for (Iterator<Waiting> all = waiting.iterator(); all.hasNext(); ) {
            Waiting next = all.next();
            // a clock that was set back must not make anything wait for hours
            boolean due =
                    next.dueMillis() <= nowMillis
                            || next.dueMillis() > nowMillis + RETRY_MILLIS_MAX;
            if (due && wanted.test(next.task())) {
                all.remove();
                return next;
            }
        }
        return null;
    }

    /** When the next request is due; none if none waits. */
    OptionalLong dueMillis() {
        return waiting.stream().mapToLong(Waiting::dueMillis).min();
    }
}
