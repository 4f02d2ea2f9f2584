package io.espalier.spine.trace;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The parts of one batch of a trace's spine, at its level, and a hold on each of their files. What
 * a trace holds at different moments is mostly the same: the moments share the groups of the
 * batches that did not change between them, so that a commit costs what it changes.
 *
 * <p>Counted; made with one hold on it. Thread-safe.
 */
final class PartGroup {

    private final List<TraceSnapshot.Part> parts;
    private final List<TraceSnapshot.TimedRun> runs;
    private final List<BatchFile> files;
    private final AtomicInteger holders = new AtomicInteger(1);

    /** Takes a hold on each file. */
    PartGroup(
            List<TraceSnapshot.Part> parts,
            List<TraceSnapshot.TimedRun> runs,
            List<BatchFile> files) {
        this.parts = List.copyOf(parts);
        this.runs = List.copyOf(runs);
        this.files = List.copyOf(files);
        this.files.forEach(BatchFile::retain);
    }

    /** Oldest first. */
    List<TraceSnapshot.Part> parts() {
        return parts;
    }

    /** The runs that the parts are, each of one or more. */
    List<TraceSnapshot.TimedRun> runs() {
        return runs;
    }

    List<BatchFile> files() {
        return files;
    }

    /** Takes a hold; the caller knows of another one that is not let go meanwhile. */
    void retain() {
        int before = holders.getAndIncrement();
        assert before > 0;
    }

    /** Lets a hold on each group go. */
    static void releaseAll(List<PartGroup> groups) {
        List<BatchFile> files = new ArrayList<>();
        for (PartGroup group : groups) {
            if (group.holders.decrementAndGet() == 0) {
                files.addAll(group.files);
            }
        }
        BatchFile.releaseAll(files, false);
    }
}
