package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.Description;
import io.espalier.spine.DiffSumMismatchException;
import io.espalier.spine.FlatSpine;
import io.espalier.spine.Frontier;
import io.espalier.spine.HollowBatch;
import io.espalier.spine.MergeRequest;
import io.espalier.spine.MergeResult;
import io.espalier.spine.PartRef;
import io.espalier.spine.Run;
import io.espalier.spine.RunId;
import io.espalier.spine.Spine;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** The bytes of a change: what they are, that they come back, and what becomes of others. */
class TraceCodecTest {

    private static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static List<Run> run(Random random, long fileId) {
        if (random.nextInt(5) == 0) {
            return List.of();
        }
        OptionalLong sum =
                random.nextBoolean() ? OptionalLong.of(random.nextLong()) : OptionalLong.empty();
        PartRef part =
                new PartRef(
                        "b" + fileId,
                        fileId,
                        1 + random.nextInt(1000),
                        random.nextLong() >>> 1,
                        sum);
        return List.of(
                new Run(
                        new RunId(random.nextLong(), fileId),
                        random.nextInt(3),
                        random.nextBoolean(),
                        List.of(part)));
    }

    private static FlatSpine spine(Random random, long[] nextFile) {
        Spine spine = new Spine();
        for (int i = random.nextInt(12); i > 0; i--) {
            Frontier next = Frontier.of(spine.upper().epoch() + 1 + random.nextInt(3));
            if (random.nextInt(4) == 0 && !next.lessEqual(spine.since())) {
                spine.downgradeSince(spine.upper().join(spine.since()));
            }
            Description times = new Description(spine.upper(), next, Frontier.MINIMUM);
            List<MergeRequest> requests =
                    spine.push(new HollowBatch(times, run(random, nextFile[0]++)));
            for (MergeRequest request : requests) {
                if (random.nextBoolean()) {
                    spine.claim(request.id(), random.nextLong());
                } else if (random.nextBoolean()) {
                    compact(spine, request);
                }
            }
            if (random.nextInt(4) == 0) {
                spine.exert(random.nextInt(100));
            }
        }
        return spine.flatten();
    }

    private static void compact(Spine spine, MergeRequest request) {
        try {
            spine.apply(MergeResult.of(request, HollowBatch.empty(request.description())));
        } catch (DiffSumMismatchException e) {
            // its sums are known and are not zero: it stays as it is
        }
    }

    private static TraceCodec.Change change(Random random) {
        List<TraceState.Entry> entries = new ArrayList<>();
        long[] nextFile = {1};
        long upper = 1;
        for (int i = random.nextInt(4); i > 0; i--) {
            FlatSpine spine = spine(random, nextFile);
            upper = Math.max(upper, spine.upper().epoch());
            entries.add(new TraceState.Entry(i, "table \u00fc-" + i, spine));
        }
        return new TraceCodec.Change(upper, nextFile[0], entries);
    }

    @Property(tries = 300)
    void everyChangeComesBackAsItWas(@ForAll long seed) throws Exception {
        // fails if one field is lost or mixed up with another on its way through the manifest
        TraceCodec.Change change = change(new Random(seed));
        byte[] bytes = TraceCodec.encode(change);
        assertEquals(change, TraceCodec.decode(buffer(bytes)));
        TraceState state = new TraceState();
        state.restore(buffer(bytes));
        TraceState again = new TraceState();
        again.restore(buffer(state.snapshot()));
        assertArrayEquals(state.snapshot(), again.snapshot());
        assertEquals(change.upper(), state.upper());
        assertEquals(change.nextFileId(), state.nextFileId());
    }

    @Property(tries = 3000)
    void changedBytesAreRefusedOrAreAValidChange(@ForAll long seed) {
        // fails if bytes that passed a checksum by bad luck end in anything but the one checked
        // exception, or in a state that is not what its own bytes say
        Random random = new Random(seed);
        byte[] bytes = TraceCodec.encode(change(random));
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            bytes = mutated(random, bytes);
        }
        TraceState state = new TraceState();
        try {
            state.restore(buffer(bytes));
        } catch (ManifestState.MalformedException e) {
            assertNotNull(e.getMessage());
            return;
        }
        try {
            TraceState again = new TraceState();
            again.restore(buffer(state.snapshot()));
            assertArrayEquals(state.snapshot(), again.snapshot());
        } catch (ManifestState.MalformedException e) {
            throw new AssertionError("accepted, but not again", e);
        }
    }

    private static byte[] mutated(Random random, byte[] bytes) {
        byte[] result = bytes.clone();
        int at = random.nextInt(result.length);
        switch (random.nextInt(6)) {
            case 0 -> result[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> result[at] = (byte) random.nextInt();
            case 2 -> result = java.util.Arrays.copyOf(result, Math.max(1, at));
            case 3 -> result = java.util.Arrays.copyOf(result, result.length + random.nextInt(20));
            case 4 -> {
                // a count, a size or an id that is absurd
                int[] absurd = {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 24, 1 << 20};
                int word = Math.min(at, Math.max(0, result.length - 4));
                if (result.length >= 4) {
                    buffer(result).putInt(word, absurd[random.nextInt(absurd.length)]);
                }
            }
            default -> {
                int from = random.nextInt(result.length);
                int count = Math.min(random.nextInt(40), result.length - Math.max(at, from));
                System.arraycopy(bytes, from, result, at, count);
            }
        }
        return result;
    }

    @Test
    void anAbsurdCountIsRefusedBeforeMemoryIsTakenForIt() {
        // fails if a record of some bytes can ask for gigabytes
        ByteBuffer bytes = buffer(new byte[64]);
        bytes.put((byte) 1).putLong(1).putLong(1).putInt(1 << 24).flip().limit(64);
        assertThrows(ManifestState.MalformedException.class, () -> TraceCodec.decode(bytes));
        ByteBuffer more = buffer(new byte[64]);
        more.put((byte) 1).putLong(1).putLong(1).putInt(Integer.MAX_VALUE).flip().limit(64);
        assertThrows(ManifestState.MalformedException.class, () -> TraceCodec.decode(more));
    }

    @Test
    void statesThatContradictThemselvesAreRefused() {
        // fails if two traces may share a file, so that one deletes what the other reads
        FlatSpine spine = spine(new Random(3), new long[] {1});
        assertTrue(TraceState.parts(spine).size() > 1);
        long upper = spine.upper().epoch();
        TraceState.Entry entry = new TraceState.Entry(1, "a", spine);
        refuse(upper, 100, entry, new TraceState.Entry(2, "b", spine));
        FlatSpine empty = new Spine().flatten();
        refuse(upper, 100, entry, new TraceState.Entry(2, "a", empty));
        refuse(upper, 100, new TraceState.Entry(0, "a", empty));
        refuse(upper, 100, new TraceState.Entry(1, "", empty));
        refuse(upper, 0, entry);
        refuse(upper - 1, 100, entry);
    }

    private static void refuse(long upper, long nextFileId, TraceState.Entry... entries) {
        byte[] bytes =
                TraceCodec.encode(new TraceCodec.Change(upper, nextFileId, List.of(entries)));
        TraceState state = new TraceState();
        assertThrows(ManifestState.MalformedException.class, () -> state.apply(buffer(bytes)));
        assertTrue(state.entries().isEmpty(), "nothing is taken of what is refused");
    }

    @Test
    void theBytesOfAChangeAreThoseOfTheFormat() throws Exception {
        // fails if the format changes without a new version
        Spine spine = new Spine();
        PartRef part = new PartRef("b7", 7, 3, 1000, OptionalLong.of(-1));
        spine.push(
                new HollowBatch(
                        new Description(Frontier.MINIMUM, Frontier.of(2), Frontier.MINIMUM),
                        List.of(new Run(new RunId(0, 7), 1, false, List.of(part)))));
        spine.push(
                HollowBatch.empty(
                        new Description(Frontier.of(2), Frontier.of(3), Frontier.MINIMUM)));
        spine.downgradeSince(Frontier.of(1));
        TraceCodec.Change change =
                new TraceCodec.Change(
                        3, 8, List.of(new TraceState.Entry(1, "t\u00e4", spine.flatten())));
        byte[] bytes = TraceCodec.encode(change);
        Golden.check("change", bytes);
        assertEquals(change, TraceCodec.decode(buffer(bytes)));
    }
}
