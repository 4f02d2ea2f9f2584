package io.espalier.spine.trace;

import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.PartRef;
import io.espalier.spine.Replaced;
import io.espalier.spine.RunId;
import io.espalier.spine.SpineId;
import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * Requests and results of compactions as bytes: magic, version, CRC32C of what follows, and that;
 * little-endian. {@code docs/format.md} draws it. Reading believes nothing.
 */
final class CompactionFacts {

    /** "ESPLCREQ" and "ESPLCRES" in ASCII. */
    private static final long REQUEST_MAGIC = 0x51455243_4C505345L;

    private static final long RESULT_MAGIC = 0x53455243_4C505345L;
    private static final int VERSION = 1;
    private static final int HEADER_BYTES = 16;

    /** More than any request needs: a bound for what is read into memory. */
    static final int BYTES_MAX = 1 << 26;

    private static final int TEXT_BYTES_MAX = 1 << 12;

    private static final byte RANGE = 1;
    private static final byte RUNS = 2;

    private static final byte DONE = 1;
    private static final byte FAILED = 2;

    private CompactionFacts() {}

    // ---- writing ------------------------------------------------------------------------------

    static byte[] encode(CompactionRequest request) {
        Writer out = new Writer();
        out.uuid(request.storeId());
        out.longs(
                request.traceId(),
                request.fileId(),
                request.claimedAtMillis(),
                request.leaseMillis(),
                request.chunkBytes());
        Description description = request.description();
        out.frontier(description.lower());
        out.frontier(description.upper());
        out.frontier(description.since());
        switch (request.replaced()) {
            case Replaced.Range range -> {
                out.bytes(RANGE);
                out.longs(range.id().first(), range.id().end());
                out.runs(range.runs());
            }
            case Replaced.Runs runs -> {
                out.bytes(RUNS);
                out.longs(runs.partId().first(), runs.partId().end());
                // one set, one form
                out.runs(
                        runs.runs().stream()
                                .sorted((a, b) ->
                                        a.high() != b.high()
                                                ? Long.compareUnsigned(a.high(), b.high())
                                                : Long.compareUnsigned(a.low(), b.low()))
                                .toList());
            }
        }
        out.ints(request.inputs().size());
        request.inputs().forEach(out::part);
        return out.sealed(REQUEST_MAGIC);
    }

    static byte[] encode(CompactionResult result) {
        Writer out = new Writer();
        out.uuid(result.storeId());
        out.longs(result.fileId());
        out.ints(result.requestChecksum());
        switch (result.outcome()) {
            case CompactionResult.Done done -> {
                out.bytes(DONE, (byte) (done.output().isPresent() ? 1 : 0));
                done.output().ifPresent(out::part);
            }
            case CompactionResult.Failed failed -> {
                out.bytes(FAILED);
                out.text(failed.why());
            }
        }
        return out.sealed(RESULT_MAGIC);
    }

    private static final class Writer {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        private final ByteBuffer word =
                ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);

        void bytes(byte... values) {
            bytes.writeBytes(values);
        }

        void ints(int value) {
            bytes.write(word.putInt(0, value).array(), 0, Integer.BYTES);
        }

        void longs(long... values) {
            for (long value : values) {
                bytes.write(word.putLong(0, value).array(), 0, Long.BYTES);
            }
        }

        void uuid(UUID id) {
            longs(id.getMostSignificantBits(), id.getLeastSignificantBits());
        }

        void frontier(Frontier frontier) {
            bytes((byte) (frontier.isEmpty() ? 1 : 0));
            longs(frontier.epoch());
        }

        void text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            int size = Math.min(utf8.length, TEXT_BYTES_MAX);
            ints(size);
            bytes.write(utf8, 0, size);
        }

        void runs(List<RunId> ids) {
            ints(ids.size());
            ids.forEach(id -> longs(id.high(), id.low()));
        }

        void part(PartRef part) {
            text(part.name());
            longs(part.fileId(), part.updateCount(), part.sizeBytes());
            bytes((byte) (part.diffSum().isPresent() ? 1 : 0));
            longs(part.diffSum().orElse(0));
        }

        byte[] sealed(long magic) {
            byte[] content = bytes.toByteArray();
            return ByteBuffer.allocate(HEADER_BYTES + content.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(magic)
                    .putInt(VERSION)
                    .putInt(checksum(content, 0, content.length))
                    .put(content)
                    .array();
        }
    }

    private static int checksum(byte[] bytes, int from, int size) {
        CRC32C sum = new CRC32C();
        sum.update(bytes, from, size);
        return (int) sum.getValue();
    }

    /** Which request a result belongs to: the checksum of its content. */
    static int checksum(CompactionRequest request) {
        byte[] bytes = encode(request);
        return checksum(bytes, HEADER_BYTES, bytes.length - HEADER_BYTES);
    }

    // ---- reading ------------------------------------------------------------------------------

    static CompactionRequest decodeRequest(byte[] bytes) throws ManifestState.MalformedException {
        try {
            Reader in = new Reader(bytes, REQUEST_MAGIC);
            CompactionRequest request =
                    new CompactionRequest(
                            in.uuid(),
                            in.number(),
                            in.number(),
                            in.number(),
                            in.number(),
                            in.number(),
                            in.description(),
                            in.replaced(),
                            in.list(Reader::part));
            in.end();
            return request;
        } catch (BufferUnderflowException e) {
            throw malformed("a request for compaction", "it ends too early", e);
        } catch (IllegalArgumentException e) {
            throw malformed("a request for compaction", String.valueOf(e.getMessage()), e);
        }
    }

    static CompactionResult decodeResult(byte[] bytes) throws ManifestState.MalformedException {
        try {
            Reader in = new Reader(bytes, RESULT_MAGIC);
            UUID store = in.uuid();
            long fileId = in.number();
            int checksum = in.bytes.getInt();
            byte kind = in.bytes.get();
            CompactionResult.Outcome outcome;
            if (kind == DONE) {
                outcome =
                        new CompactionResult.Done(
                                in.flag() ? Optional.of(in.part()) : Optional.empty());
            } else if (kind == FAILED) {
                outcome = new CompactionResult.Failed(in.text());
            } else {
                throw new IllegalArgumentException("an outcome of kind " + kind);
            }
            in.end();
            return new CompactionResult(store, fileId, checksum, outcome);
        } catch (BufferUnderflowException e) {
            throw malformed("a result of a compaction", "it ends too early", e);
        } catch (IllegalArgumentException e) {
            throw malformed("a result of a compaction", String.valueOf(e.getMessage()), e);
        }
    }

    private static ManifestState.MalformedException malformed(
            String what, String why, Exception cause) {
        return new ManifestState.MalformedException(what + " is not valid: " + why, cause);
    }

    private interface Element<T> {
        T read(Reader in);
    }

    private static final class Reader {
        final ByteBuffer bytes;

        Reader(byte[] all, long magic) {
            if (all.length > BYTES_MAX) {
                throw new IllegalArgumentException(
                        "it has " + all.length + " bytes, expected at most " + BYTES_MAX);
            }
            bytes = ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN);
            if (bytes.getLong() != magic) {
                throw new IllegalArgumentException("it is something else");
            }
            int version = bytes.getInt();
            if (version != VERSION) {
                throw new IllegalArgumentException(
                        "it has version " + version + ", expected " + VERSION);
            }
            int found = bytes.getInt();
            int expected = checksum(all, HEADER_BYTES, all.length - HEADER_BYTES);
            if (found != expected) {
                throw new IllegalArgumentException(
                        String.format("it has CRC32C 0x%08x, expected 0x%08x", expected, found));
            }
        }

        long number() {
            return bytes.getLong();
        }

        UUID uuid() {
            return new UUID(bytes.getLong(), bytes.getLong());
        }

        boolean flag() {
            byte value = bytes.get();
            if (value != 0 && value != 1) {
                throw new IllegalArgumentException("a flag of " + value);
            }
            return value == 1;
        }

        Frontier frontier() {
            return new Frontier(flag(), bytes.getLong());
        }

        Description description() {
            return new Description(frontier(), frontier(), frontier());
        }

        String text() {
            int size = bytes.getInt();
            if (size < 0 || size > TEXT_BYTES_MAX) {
                throw new IllegalArgumentException("a text of " + size + " bytes");
            }
            byte[] utf8 = new byte[size];
            bytes.get(utf8);
            return new String(utf8, StandardCharsets.UTF_8);
        }

        <T> List<T> list(Element<T> element) {
            int count = bytes.getInt();
            if (count < 0) {
                throw new IllegalArgumentException("a list of " + count + " elements");
            }
            // the list grows with what is there, not with what is said
            List<T> elements = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                elements.add(element.read(this));
            }
            return elements;
        }

        RunId run() {
            return new RunId(bytes.getLong(), bytes.getLong());
        }

        PartRef part() {
            String name = text();
            long fileId = bytes.getLong();
            long updates = bytes.getLong();
            long size = bytes.getLong();
            boolean hasSum = flag();
            long sum = bytes.getLong();
            if (!hasSum && sum != 0) {
                throw new IllegalArgumentException("no sum, and a sum of " + sum);
            }
            return new PartRef(
                    name,
                    fileId,
                    updates,
                    size,
                    hasSum ? OptionalLong.of(sum) : OptionalLong.empty());
        }

        Replaced replaced() {
            byte kind = bytes.get();
            SpineId id = new SpineId(bytes.getLong(), bytes.getLong());
            List<RunId> runs = list(Reader::run);
            if (kind == RANGE) {
                return new Replaced.Range(id, runs);
            }
            if (kind != RUNS || new HashSet<>(runs).size() != runs.size()) {
                throw new IllegalArgumentException("replaced of kind " + kind);
            }
            return new Replaced.Runs(id, new HashSet<>(runs));
        }

        void end() {
            if (bytes.hasRemaining()) {
                throw new IllegalArgumentException(bytes.remaining() + " bytes are left over");
            }
        }
    }
}
