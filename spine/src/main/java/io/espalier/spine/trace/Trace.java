package io.espalier.spine.trace;

import io.espalier.spine.FlatSpine;
import io.espalier.spine.Frontier;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.PartRef;
import io.espalier.spine.Spine;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One durable collection of a {@link TraceStore}: batches of updates in order of their epochs. It
 * is read through snapshots and changed by commits and compactions of its store alone.
 */
public final class Trace {

    private final TraceStore store;
    private final long id;
    private final String name;

    // guarded by the store's lock
    private Spine spine;
    private final Map<Long, BatchFile> files = new HashMap<>();

    private volatile TraceSnapshot.Shared current;

    Trace(TraceStore store, long id, String name, Spine spine, long upper) {
        this.store = store;
        this.id = id;
        this.name = name;
        this.spine = spine;
        this.current = new TraceSnapshot.Shared(List.of(), List.of(), 0, upper);
        install(spine, upper);
    }

    long id() {
        return id;
    }

    /** The name within the store. */
    public String name() {
        return name;
    }

    /** What the trace holds now. The caller closes it. */
    public TraceSnapshot snapshot() {
        while (true) {
            TraceSnapshot.Shared shared = current;
            if (shared.retain()) {
                return new TraceSnapshot(shared);
            }
            store.checkOpen();
        }
    }

    /** The first epoch that can be told from those before it. */
    public long since() {
        return current.since;
    }

    /** How many runs a reader has to look into. */
    int runCount() {
        return current.runs.size();
    }

    // ---- under the store's lock ---------------------------------------------------------------

    Spine spine() {
        return spine;
    }

    /** The files of some parts, each held for the caller; empty if one is there no longer. */
    List<BatchFile> hold(List<PartRef> parts) {
        List<BatchFile> held = new ArrayList<>();
        for (PartRef part : parts) {
            BatchFile file = files.get(part.fileId());
            if (file == null) {
                held.forEach(each -> each.release(false));
                return List.of();
            }
            file.retain();
            held.add(file);
        }
        return held;
    }

    /** Takes over a spine that is durable now, and what it means for readers. */
    void install(Spine next, long upper) {
        spine = next;
        FlatSpine flat = next.flatten();
        Map<Long, BatchFile> gone = new HashMap<>(files);
        List<TraceSnapshot.Part> parts = new ArrayList<>();
        List<BatchFile> held = new ArrayList<>();
        int position = 0;
        for (FlatSpine.FlatBatch batch : flat.batches()) {
            while (position < flat.parts().size()
                    && batch.id().covers(flat.parts().get(position).id())) {
                IdHollowBatch part = flat.parts().get(position++);
                for (PartRef ref : part.batch().parts()) {
                    gone.remove(ref.fileId());
                    BatchFile file = files.computeIfAbsent(ref.fileId(), f -> store.file(ref));
                    held.add(file);
                    parts.add(
                            new TraceSnapshot.Part(
                                    file,
                                    file.fileName(),
                                    batch.level(),
                                    epochOf(part.batch().description().lower()),
                                    epochOf(part.batch().description().upper())));
                }
            }
        }
        TraceSnapshot.Shared before = current;
        current = new TraceSnapshot.Shared(parts, held, epochOf(next.since()), upper);
        before.release();
        for (BatchFile file : gone.values()) {
            files.remove(file.part().fileId());
            file.release(true);
        }
    }

    private static long epochOf(Frontier frontier) {
        return frontier.isEmpty() ? -1 : frontier.epoch();
    }

    /** Lets everything go; readers keep what they hold. */
    void close() {
        current.release();
        files.values().forEach(file -> file.release(false));
        files.clear();
    }
}
