package io.espalier.spine.trace;

import io.espalier.spine.FlatSpine;
import io.espalier.spine.Frontier;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.PartRef;
import io.espalier.spine.Spine;
import io.espalier.spine.SpineFormatException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the manifest of a store of traces keeps: the upper of the store, and each trace's name and
 * spine. A change carries the whole structure of the spines that it touches, so that nothing is
 * ever derived again by a rule that may have changed since.
 *
 * <p>Called by the directory only, under its lock; the trace store reads it under its own.
 */
final class TraceState implements ManifestState {

    /** A trace as it is stored. */
    record Entry(long id, String name, FlatSpine spine) {}

    private long upper = 1;
    private long nextFileId = 1;
    private Map<Long, Entry> entries = new LinkedHashMap<>();
    private Set<Long> files = new HashSet<>();

    /** The first epoch that is not committed. */
    long upper() {
        return upper;
    }

    Collection<Entry> entries() {
        return entries.values();
    }

    /** The id of the next trace. */
    long nextTraceId() {
        return entries.keySet().stream().mapToLong(id -> id).max().orElse(0) + 1;
    }

    @Override
    public void restore(ByteBuffer snapshot) throws MalformedException {
        entries = new LinkedHashMap<>();
        files = new HashSet<>();
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
        Map<Long, Entry> next = new LinkedHashMap<>(entries);
        for (Entry entry : decoded.entries()) {
            check(entry, decoded.upper());
            next.put(entry.id(), entry);
        }
        Set<Long> referred = new HashSet<>();
        Set<String> names = new HashSet<>();
        long fileIdMax = 0;
        for (Entry entry : next.values()) {
            if (!names.add(entry.name())) {
                throw new MalformedException("two traces are named " + entry.name());
            }
            for (PartRef part : parts(entry.spine())) {
                fileIdMax = Math.max(fileIdMax, part.fileId());
                if (!referred.add(part.fileId())) {
                    throw new MalformedException("file " + part.fileId() + " is listed twice");
                }
            }
        }
        if (fileIdMax == Long.MAX_VALUE) {
            throw new MalformedException("file " + fileIdMax + " leaves no id for the next");
        }
        upper = decoded.upper();
        nextFileId = Math.max(nextFileId, Math.max(decoded.nextFileId(), fileIdMax + 1));
        entries = next;
        files = referred;
    }

    private void check(Entry entry, long newUpper) throws MalformedException {
        String name = "trace " + entry.name();
        if (entry.id() < 1 || entry.id() == Long.MAX_VALUE || entry.name().isEmpty()) {
            throw new MalformedException(name + " has id " + entry.id());
        }
        Entry before = entries.get(entry.id());
        if (before != null && !before.name().equals(entry.name())) {
            throw new MalformedException(
                    "trace " + entry.id() + " is named " + entry.name() + " and " + before.name());
        }
        if (!entry.spine().upper().lessEqual(Frontier.of(newUpper))) {
            throw new MalformedException(
                    name
                            + " ends at ["
                            + entry.spine().upper()
                            + "], but the store at "
                            + newUpper);
        }
        try {
            // what is kept must be a spine: refuse it here, and not when it is used
            Spine spine = Spine.unflatten(entry.spine());
            assert spine.validate().isEmpty();
        } catch (SpineFormatException e) {
            throw new MalformedException(name + ": " + e.getMessage(), e);
        }
    }

    @Override
    public byte[] snapshot() {
        return TraceCodec.encode(
                new TraceCodec.Change(upper, nextFileId, new ArrayList<>(entries.values())));
    }

    @Override
    public long nextFileId() {
        return nextFileId;
    }

    @Override
    public boolean refersTo(long fileId) {
        return files.contains(fileId);
    }

    static List<PartRef> parts(FlatSpine spine) {
        List<PartRef> parts = new ArrayList<>();
        for (IdHollowBatch batch : spine.parts()) {
            parts.addAll(batch.batch().parts());
        }
        return parts;
    }
}
