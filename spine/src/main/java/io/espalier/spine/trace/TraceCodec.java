package io.espalier.spine.trace;

import io.espalier.spine.Description;
import io.espalier.spine.FlatSpine;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.SpineChange;
import io.espalier.spine.SpineId;
import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/**
 * The bytes of a change: little-endian, lists as a 32-bit count and their elements. {@code
 * docs/format.md} draws it. Reading trusts nothing beyond the checksum of the record.
 */
final class TraceCodec {

    /** Traces as they are. */
    private static final byte KIND_WHOLE = 1;

    /** Traces by what distinguishes them from what they were. */
    private static final byte KIND_CHANGED = 2;

    /** The longest name of a trace or a part, in bytes. */
    static final int NAME_BYTES_MAX = 255;

    private static final int COUNT_MAX = 1 << 24;

    /**
     * What a commit changes, or everything as a snapshot.
     *
     * @param upper the first epoch that is not committed afterwards
     * @param nextFileId no file from this on was ever referred to
     * @param whole traces as they are afterwards: all of them in a snapshot; in changes of format
     *     version 1 those that change
     * @param changed traces that change; not in a snapshot
     */
    record Change(long upper, long nextFileId, List<Whole> whole, List<Changed> changed) {
        Change {
            whole = List.copyOf(whole);
            changed = List.copyOf(changed);
            assert whole.isEmpty() || changed.isEmpty();
        }
    }

    /** A trace as it is stored. */
    record Whole(long id, String name, FlatSpine spine) {}

    /**
     * What becomes of a trace.
     *
     * @param name empty unless the trace is new
     * @param change from what it was, which is an empty spine if it is new
     */
    record Changed(long id, String name, SpineChange change) {}

    private TraceCodec() {}

    /**
     * Checks that a name comes back as it was written.
     *
     * @throws IllegalArgumentException if it would not
     */
    static void checkName(String name) {
        byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
        if (utf8.length == 0 || utf8.length > NAME_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "a name of " + utf8.length + " bytes; give 1 to " + NAME_BYTES_MAX);
        }
        if (!name.equals(new String(utf8, StandardCharsets.UTF_8))) {
            throw new IllegalArgumentException(
                    "a name that is no text: it has half of a surrogate pair");
        }
    }

    // ---- writing ------------------------------------------------------------------------------

    static byte[] encode(Change change) {
        Output out = new Output();
        out.put(change.changed().isEmpty() ? KIND_WHOLE : KIND_CHANGED);
        out.putLong(change.upper());
        out.putLong(change.nextFileId());
        if (change.changed().isEmpty()) {
            out.putInt(change.whole().size());
            for (Whole trace : change.whole()) {
                out.putLong(trace.id());
                out.putString(trace.name());
                encode(trace.spine(), out);
            }
        } else {
            out.putInt(change.changed().size());
            for (Changed trace : change.changed()) {
                out.putLong(trace.id());
                out.putString(trace.name());
                encode(trace.change(), out);
            }
        }
        return out.toByteArray();
    }

    private static void encode(FlatSpine spine, Output out) {
        out.putFrontier(spine.since());
        out.putFrontier(spine.upper());
        out.putLong(spine.nextId());
        encode(spine.parts(), out);
        encode(spine.batches(), spine.merges(), out);
    }

    private static void encode(SpineChange change, Output out) {
        out.putFrontier(change.since());
        out.putFrontier(change.upper());
        out.putLong(change.nextId());
        out.putInt(change.gone().size());
        change.gone().forEach(out::putId);
        encode(change.added(), out);
        encode(change.batches(), change.merges(), out);
    }

    private static void encode(List<IdHollowBatch> parts, Output out) {
        out.putInt(parts.size());
        for (IdHollowBatch part : parts) {
            out.putId(part.id());
            out.putDescription(part.batch().description());
            out.putInt(part.batch().runs().size());
            for (Run run : part.batch().runs()) {
                encode(run, out);
            }
        }
    }

    private static void encode(
            List<FlatSpine.FlatBatch> batches, List<FlatSpine.FlatMerge> merges, Output out) {
        out.putInt(batches.size());
        for (FlatSpine.FlatBatch batch : batches) {
            out.putId(batch.id());
            out.putInt(batch.level());
            out.putDescription(batch.description());
            out.putOptional(batch.claimedAtMillis());
        }
        out.putInt(merges.size());
        for (FlatSpine.FlatMerge merge : merges) {
            out.putId(merge.id());
            out.putFrontier(merge.since());
            out.putLong(merge.remainingWork());
        }
    }

    private static void encode(Run run, Output out) {
        out.putLong(run.id().high());
        out.putLong(run.id().low());
        out.putInt(run.writerVersion());
        out.put((byte) (run.truncated() ? 1 : 0));
        out.putInt(run.parts().size());
        for (PartRef part : run.parts()) {
            out.putString(part.name());
            out.putLong(part.fileId());
            out.putLong(part.updateCount());
            out.putLong(part.sizeBytes());
            out.putOptional(part.diffSum());
        }
    }

    /** A growing record. */
    private static final class Output {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
        private final ByteBuffer word =
                ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);

        void put(byte value) {
            bytes.write(value);
        }

        void putInt(int value) {
            bytes.write(word.putInt(0, value).array(), 0, Integer.BYTES);
        }

        void putLong(long value) {
            bytes.write(word.putLong(0, value).array(), 0, Long.BYTES);
        }

        void putString(String value) {
            byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
            putInt(utf8.length);
            bytes.write(utf8, 0, utf8.length);
        }

        void putOptional(OptionalLong value) {
            put((byte) (value.isPresent() ? 1 : 0));
            putLong(value.orElse(0));
        }

        void putFrontier(Frontier frontier) {
            put((byte) (frontier.isEmpty() ? 1 : 0));
            putLong(frontier.epoch());
        }

        void putDescription(Description description) {
            putFrontier(description.lower());
            putFrontier(description.upper());
            putFrontier(description.since());
        }

        void putId(SpineId id) {
            putLong(id.first());
            putLong(id.end());
        }

        byte[] toByteArray() {
            return bytes.toByteArray();
        }
    }

    // ---- reading ------------------------------------------------------------------------------

    static Change decode(ByteBuffer in) throws ManifestState.MalformedException {
        try {
            byte kind = in.get();
            if (kind != KIND_WHOLE && kind != KIND_CHANGED) {
                throw new ManifestState.MalformedException("a change of kind " + kind);
            }
            long upper = in.getLong();
            long nextFileId = in.getLong();
            List<Whole> whole = new ArrayList<>();
            List<Changed> changed = new ArrayList<>();
            for (int i = count(in); i > 0; i--) {
                long id = in.getLong();
                String name = string(in);
                if (kind == KIND_WHOLE) {
                    whole.add(new Whole(id, name, spine(in)));
                } else {
                    changed.add(new Changed(id, name, change(in)));
                }
            }
            if (in.hasRemaining()) {
                throw new ManifestState.MalformedException(
                        in.remaining() + " bytes are left over in a change");
            }
            return new Change(upper, nextFileId, whole, changed);
        } catch (BufferUnderflowException e) {
            throw new ManifestState.MalformedException("a change ends too early", e);
        } catch (IllegalArgumentException e) {
            // the records check themselves
            throw new ManifestState.MalformedException(
                    "a change is not valid: " + e.getMessage(), e);
        }
    }

    private static FlatSpine spine(ByteBuffer in) {
        return new FlatSpine(
                frontier(in), frontier(in), in.getLong(), parts(in), batches(in), merges(in));
    }

    private static SpineChange change(ByteBuffer in) {
        return new SpineChange(
                frontier(in),
                frontier(in),
                in.getLong(),
                gone(in),
                parts(in),
                batches(in),
                merges(in));
    }

    private static List<SpineId> gone(ByteBuffer in) {
        List<SpineId> gone = new ArrayList<>();
        for (int i = count(in); i > 0; i--) {
            gone.add(id(in));
        }
        return gone;
    }

    private static List<IdHollowBatch> parts(ByteBuffer in) {
        List<IdHollowBatch> parts = new ArrayList<>();
        for (int i = count(in); i > 0; i--) {
            SpineId id = id(in);
            Description description = description(in);
            List<Run> runs = new ArrayList<>();
            for (int j = count(in); j > 0; j--) {
                runs.add(run(in));
            }
            parts.add(new IdHollowBatch(id, new HollowBatch(description, runs)));
        }
        return parts;
    }

    private static List<FlatSpine.FlatBatch> batches(ByteBuffer in) {
        List<FlatSpine.FlatBatch> batches = new ArrayList<>();
        for (int i = count(in); i > 0; i--) {
            batches.add(
                    new FlatSpine.FlatBatch(id(in), in.getInt(), description(in), optional(in)));
        }
        return batches;
    }

    private static List<FlatSpine.FlatMerge> merges(ByteBuffer in) {
        List<FlatSpine.FlatMerge> merges = new ArrayList<>();
        for (int i = count(in); i > 0; i--) {
            merges.add(new FlatSpine.FlatMerge(id(in), frontier(in), in.getLong()));
        }
        return merges;
    }

    private static Run run(ByteBuffer in) {
        RunId id = new RunId(in.getLong(), in.getLong());
        int version = in.getInt();
        boolean truncated = flag(in);
        List<PartRef> parts = new ArrayList<>();
        for (int i = count(in); i > 0; i--) {
            parts.add(
                    new PartRef(
                            string(in), in.getLong(), in.getLong(), in.getLong(), optional(in)));
        }
        return new Run(id, version, truncated, parts);
    }

    private static int count(ByteBuffer in) {
        int count = in.getInt();
        if (count < 0 || count > COUNT_MAX) {
            throw new IllegalArgumentException("a list of " + count + " elements");
        }
        return count;
    }

    private static String string(ByteBuffer in) {
        int size = in.getInt();
        if (size < 0 || size > NAME_BYTES_MAX) {
            throw new IllegalArgumentException("a name of " + size + " bytes");
        }
        byte[] utf8 = new byte[size];
        in.get(utf8);
        String text = new String(utf8, StandardCharsets.UTF_8);
        if (!Arrays.equals(utf8, text.getBytes(StandardCharsets.UTF_8))) {
            throw new IllegalArgumentException("a name that is not UTF-8");
        }
        return text;
    }

    private static boolean flag(ByteBuffer in) {
        byte value = in.get();
        if (value != 0 && value != 1) {
            throw new IllegalArgumentException("a flag of " + value);
        }
        return value == 1;
    }

    private static OptionalLong optional(ByteBuffer in) {
        boolean present = flag(in);
        long value = in.getLong();
        if (!present && value != 0) {
            throw new IllegalArgumentException("nothing, and a value of " + value);
        }
        return present ? OptionalLong.of(value) : OptionalLong.empty();
    }

    private static Frontier frontier(ByteBuffer in) {
        boolean empty = flag(in);
        return new Frontier(empty, in.getLong());
    }

    private static Description description(ByteBuffer in) {
        return new Description(frontier(in), frontier(in), frontier(in));
    }

    private static SpineId id(ByteBuffer in) {
        return new SpineId(in.getLong(), in.getLong());
    }
}
