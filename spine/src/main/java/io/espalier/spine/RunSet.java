package io.espalier.spine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The runs of a spine. A copy costs nothing: copies share one hash set, which is that of the copy
 * that was used last, and the others know by which runs they differ from it. So a spine can be
 * copied, changed and thrown away, or take the place of the original, at the cost of the change.
 *
 * <p>A set and its copies are for one thread at a time together; reading one moves the hash set,
 * too. Two that go on being changed in turn would walk ever longer ways to it: {@link #detached}
 * those.
 *
 * <p>The idea is that of Baker's shallow binding for persistent arrays.
 */
final class RunSet {

    /** One version: the hash set itself, or by what it differs from another version. */
    private static final class Version {
        private @Nullable Set<RunId> runs;
        private @Nullable Version other;
        private @Nullable RunId run;

        /** Whether this version has {@link #run}; the other is the opposite. */
        private boolean present;
    }

    private Version version;

    /** No runs. */
    RunSet() {
        this(new Version());
        version.runs = new HashSet<>();
    }

    private RunSet(Version version) {
        this.version = version;
    }

    /** An equal set that shares its insides with this one. */
    RunSet copy() {
        return new RunSet(version);
    }

    /** An equal set that shares nothing. */
    RunSet detached() {
        RunSet detached = new RunSet();
        detached.version.runs = new HashSet<>(runs());
        return detached;
    }

    int size() {
        return runs().size();
    }

    boolean contains(RunId run) {
        return runs().contains(run);
    }

    /** False if it is there already. */
    boolean add(RunId run) {
        Set<RunId> runs = runs();
        return runs.add(run) && becomes(runs, run, true);
    }

    /** False if it is not there. */
    boolean remove(RunId run) {
        Set<RunId> runs = runs();
        return runs.remove(run) && becomes(runs, run, false);
    }

    /** Whether it has these runs and no others. */
    boolean isExactly(Set<RunId> expected) {
        return runs().equals(expected);
    }

    private boolean becomes(Set<RunId> runs, RunId run, boolean present) {
        Version next = new Version();
        next.runs = runs;
        differ(version, next, run, !present);
        version = next;
        return true;
    }

    private static void differ(Version one, Version other, RunId run, boolean present) {
        one.runs = null;
        one.other = other;
        one.run = run;
        one.present = present;
    }

    /** The hash set, made that of this version. */
    private Set<RunId> runs() {
        Version at = version;
        Set<RunId> runs = at.runs;
        if (runs != null) {
            return runs;
        }
        List<Version> way = new ArrayList<>();
        while (runs == null) {
            way.add(at);
            at = Objects.requireNonNull(at.other);
            runs = at.runs;
        }
        // back from the hash set, which each version on the way takes over from the one before
        for (Version next : way.reversed()) {
            RunId run = Objects.requireNonNull(next.run);
            boolean present = next.present;
            if (present) {
                runs.add(run);
            } else {
                runs.remove(run);
            }
            differ(at, next, run, !present);
            next.runs = runs;
            next.other = null;
            next.run = null;
            at = next;
        }
        return runs;
    }
}
