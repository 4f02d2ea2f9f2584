package io.espalier.spine.trace;

import io.espalier.spine.Description;
import io.espalier.spine.FlatSpine;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.IdHollowBatch;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
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

    private static final byte KIND_TRACES = 1;

    /** The longest name of a trace or a part, in bytes. */
    static final int NAME_BYTES_MAX = 255;

    private static final int COUNT_MAX = 1 << 24;

    /**
     * What a commit changes, or everything as a snapshot.
     *
     * @param upper the first epoch that is not committed afterwards
     * @param nextFileId no file from this on was ever referred to
     * @param entries the traces that change, whole
     */
    record Change(long upper, long nextFileId, List<TraceState.Entry> entries) {}

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
        out.put(KIND_TRACES);
        out.putLong(change.upper());
        out.putLong(change.nextFileId());
        out.putInt(change.entries().size());
        for (TraceState.Entry entry : change.entries()) {
            out.putLong(entry.id());
            out.putString(entry.name());
            encode(entry.spine(), out);
        }
        return out.toByteArray();
    }

    private static void encode(FlatSpine spine, Output out) {
        out.putFrontier(spine.since());
        out.putFrontier(spine.upper());
        out.putLong(spine.nextId());
        out.putInt(spine.parts().size());
        for (IdHollowBatch part : spine.parts()) {
            out.putId(part.id());
            out.putDescription(part.batch().description());
            out.putInt(part.batch().runs().size());
            for (Run run : part.batch().runs()) {
                encode(run, out);
            }
        }
        out.putInt(spine.batches().size());
        for (FlatSpine.FlatBatch batch : spine.batches()) {
            out.putId(batch.id());
            out.putInt(batch.level());
            out.putDescription(batch.description());
            out.putOptional(batch.claimedAtMillis());
        }
        out.putInt(spine.merges().size());
        for (FlatSpine.FlatMerge merge : spine.merges()) {
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
            if (kind != KIND_TRACES) {
                throw new ManifestState.MalformedException("a change of kind " + kind);
            }
            long upper = in.getLong();
            long nextFileId = in.getLong();
            int count = count(in);
            List<TraceState.Entry> entries = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                long id = in.getLong();
                String name = string(in);
                entries.add(new TraceState.Entry(id, name, spine(in)));
            }
            if (in.hasRemaining()) {
                throw new ManifestState.MalformedException(
                        in.remaining() + " bytes are left over in a change");
            }
            return new Change(upper, nextFileId, entries);
        } catch (BufferUnderflowException e) {
            throw new ManifestState.MalformedException("a change ends too early", e);
        } catch (IllegalArgumentException e) {
            // the records check themselves
            throw new ManifestState.MalformedException(
                    "a change is not valid: " + e.getMessage(), e);
        }
    }

    private static FlatSpine spine(ByteBuffer in) {
        Frontier since = frontier(in);
        Frontier upper = frontier(in);
        long nextId = in.getLong();
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
        List<FlatSpine.FlatBatch> batches = new ArrayList<>();
        for (int i = count(in); i > 0; i--) {
            batches.add(
                    new FlatSpine.FlatBatch(id(in), in.getInt(), description(in), optional(in)));
        }
        List<FlatSpine.FlatMerge> merges = new ArrayList<>();
        for (int i = count(in); i > 0; i--) {
            merges.add(new FlatSpine.FlatMerge(id(in), frontier(in), in.getLong()));
        }
        return new FlatSpine(since, upper, nextId, parts, batches, merges);
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
