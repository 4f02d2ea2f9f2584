package io.espalier.spine.trace;

import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.PartRef;
import io.espalier.spine.Spine;
import io.espalier.spine.SpineFormatException;
import io.espalier.spine.SpineId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the manifest of a store of traces keeps: the upper of the store, and each trace's name and
 * spine. A change carries the structure of the spines that it touches, and which parts went and
 * came, so that nothing is ever derived again by a rule that may have changed since. Taking one in
 * costs what it changes, however much there is.
 *
 * <p>Called by the directory only, under its lock; the trace store reads it under its own.
 */
final class TraceState implements ManifestState {

    /** A trace that is durable. The spine is for reading, or for making copies of. */
    record Entry(long id, String name, Spine spine) {}

    private long upper = 1;
    private long nextFileId = 1;
    private final Map<Long, Entry> entries = new LinkedHashMap<>();
    private final Map<String, Long> names = new HashMap<>();
    private final Set<Long> files = new HashSet<>();

    /** The first epoch that is not committed. */
    long upper() {
        return upper;
    }

    Collection<Entry> entries() {
        return entries.values();
    }

    /** Whether there is a trace of that name. */
    boolean has(String name) {
        return names.containsKey(name);
    }

    /** Whether there is a trace of that id. */
    boolean has(long id) {
        return entries.containsKey(id);
    }

    /** The id of the next trace. */
    long nextTraceId() {
        return entries.keySet().stream().mapToLong(id -> id).max().orElse(0) + 1;
    }

    @Override
    public void restore(ByteBuffer snapshot) throws MalformedException {
        entries.clear();
        names.clear();
        files.clear();
        nextFileId = 1;
        upper = 1;
        apply(snapshot);
    }

    @Override
    public void apply(ByteBuffer change) throws MalformedException {
        TraceCodec.Change decoded = TraceCodec.decode(change);
        if (Long.compareUnsigned(decoded.upper(), upper) < 0) {
            throw new MalformedException(
                    "the upper goes back from " + upper + " to " + decoded.upper());
        }
        if (decoded.nextFileId() < 1) {
            throw new MalformedException("the next file id is " + decoded.nextFileId());
        }
        // all of it is made and checked before any of it counts
        Next next = new Next(decoded.upper());
        for (TraceCodec.Whole trace : decoded.whole()) {
            next.take(trace);
        }
        for (TraceCodec.Changed trace : decoded.changed()) {
            next.take(trace);
        }
        next.check();
        next.entries
                .values()
                .forEach(entry -> {
                    entries.put(entry.id(), entry);
                    names.put(entry.name(), entry.id());
                });
        files.removeAll(next.gone);
        files.addAll(next.added);
        upper = decoded.upper();
        nextFileId = Math.max(nextFileId, Math.max(decoded.nextFileId(), next.fileIdMax + 1));
    }

    /** What a change makes of the traces that it touches. */
    private final class Next {
        private final long newUpper;
        private final Map<Long, Entry> entries = new LinkedHashMap<>();
        private final Set<Long> gone = new HashSet<>();
        private final Set<Long> added = new HashSet<>();
        private long fileIdMax;
        private @Nullable Long fileTwice;

        Next(long newUpper) {
            this.newUpper = newUpper;
        }

        private @Nullable Entry before(long id) {
            Entry mine = entries.get(id);
            return mine == null ? TraceState.this.entries.get(id) : mine;
        }

        void take(TraceCodec.Whole trace) throws MalformedException {
            Entry before = before(trace.id());
            if (before != null && !before.name().equals(trace.name())) {
                throw new MalformedException(
                        "trace "
                                + trace.id()
                                + " is named "
                                + trace.name()
                                + " and "
                                + before.name());
            }
            Spine spine;
            try {
                spine = Spine.unflatten(trace.spine());
            } catch (SpineFormatException e) {
                throw new MalformedException("trace " + trace.name() + ": " + e.getMessage(), e);
            }
            if (before != null) {
                before.spine().snapshot().forEach(part -> gone.addAll(files(part)));
            }
            trace.spine().parts().forEach(this::add);
            put(new Entry(trace.id(), trace.name(), spine));
        }

        void take(TraceCodec.Changed trace) throws MalformedException {
            Entry before = before(trace.id());
            if ((before == null) == trace.name().isEmpty()) {
                throw new MalformedException(
                        before == null
                                ? "trace " + trace.id() + " changes, but is not there"
                                : "trace " + before.name() + " is created a second time");
            }
            Spine spine = before == null ? new Spine() : before.spine();
            String name = before == null ? trace.name() : before.name();
            try {
                for (SpineId id : trace.change().gone()) {
                    spine.part(id).ifPresent(part -> gone.addAll(files(part)));
                }
                spine = spine.changed(trace.change());
            } catch (SpineFormatException e) {
                throw new MalformedException("trace " + name + ": " + e.getMessage(), e);
            }
            trace.change().added().forEach(this::add);
            put(new Entry(trace.id(), name, spine));
        }

        private void add(IdHollowBatch part) {
            for (long file : files(part.batch())) {
                fileIdMax = Math.max(fileIdMax, file);
                if (!added.add(file)) {
                    fileTwice = file;
                }
            }
        }

        private void put(Entry entry) throws MalformedException {
            if (entry.id() < 1 || entry.id() == Long.MAX_VALUE || entry.name().isEmpty()) {
                throw new MalformedException("trace " + entry.name() + " has id " + entry.id());
            }
            if (!entry.spine().upper().lessEqual(Frontier.of(newUpper))) {
                throw new MalformedException(
                        "trace "
                                + entry.name()
                                + " ends at ["
                                + entry.spine().upper()
                                + "], but the store at "
                                + newUpper);
            }
            if (entries.put(entry.id(), entry) != null) {
                throw new MalformedException(
                        "trace " + entry.name() + " stands twice in one change");
            }
        }

        void check() throws MalformedException {
            Map<String, Long> newNames = new HashMap<>();
            for (Entry entry : entries.values()) {
                Long other = names.getOrDefault(entry.name(), entry.id());
                Long twice = newNames.putIfAbsent(entry.name(), entry.id());
                if (other != entry.id() || twice != null) {
                    throw new MalformedException("two traces are named " + entry.name());
                }
            }
            for (long file : added) {
                if (files.contains(file) && !gone.contains(file)) {
                    fileTwice = file;
                }
            }
            if (fileTwice != null) {
                throw new MalformedException("file " + fileTwice + " is listed twice");
            }
            if (fileIdMax == Long.MAX_VALUE) {
                throw new MalformedException("file " + fileIdMax + " leaves no id for the next");
            }
        }
    }

    @Override
    public byte[] snapshot() {
        List<TraceCodec.Whole> whole = new ArrayList<>();
        for (Entry entry : entries.values()) {
            whole.add(new TraceCodec.Whole(entry.id(), entry.name(), entry.spine().flatten()));
        }
        return TraceCodec.encode(new TraceCodec.Change(upper, nextFileId, whole, List.of()));
    }

    @Override
    public long nextFileId() {
        return nextFileId;
    }

    @Override
    public boolean refersTo(long fileId) {
        return files.contains(fileId);
    }

    private static List<Long> files(HollowBatch batch) {
        List<Long> files = new ArrayList<>();
        batch.runs().forEach(run -> run.parts().forEach(part -> files.add(part.fileId())));
        return files;
    }

    /** The stored parts of a spine, oldest first. */
    static List<PartRef> parts(Spine spine) {
        List<PartRef> parts = new ArrayList<>();
        for (HollowBatch batch : spine.snapshot()) {
            parts.addAll(batch.parts());
        }
        return parts;
    }
}
