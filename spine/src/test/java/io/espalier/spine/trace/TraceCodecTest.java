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
        List<TraceCodec.Whole> entries = new ArrayList<>();
        long[] nextFile = {1};
        long upper = 1;
        for (int i = random.nextInt(4); i > 0; i--) {
            FlatSpine spine = spine(random, nextFile);
            upper = Math.max(upper, spine.upper().epoch());
            entries.add(new TraceCodec.Whole(i, "table \u00fc-" + i, spine));
        }
        return new TraceCodec.Change(upper, nextFile[0], entries, List.of());
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

    /** A history of a store: its changes as they are logged, and its spines after each. */
    private static final class Log {
        private final Random random;
        private final List<Spine> spines = new ArrayList<>();
        private final long[] nextFile = {1};
        private long upper = 1;

        Log(Random random) {
            this.random = random;
        }

        TraceCodec.Change next() {
            List<TraceCodec.Changed> changed = new ArrayList<>();
            if (spines.size() < 3 && random.nextInt(3) == 0) {
                spines.add(new Spine());
                changed.add(change(spines.size() - 1, "t" + spines.size(), new Spine()));
            }
            for (int i = 0; i < spines.size() - changed.size(); i++) {
                if (random.nextBoolean()) {
                    changed.add(change(i, "", spines.get(i).copy()));
                }
            }
            return new TraceCodec.Change(upper, nextFile[0], List.of(), changed);
        }

        private TraceCodec.Changed change(int index, String name, Spine before) {
            Spine spine = spines.get(index);
            long times = spine.upper().epoch() + 1 + random.nextInt(2);
            upper = Math.max(upper, times);
            Description description =
                    new Description(spine.upper(), Frontier.of(times), Frontier.MINIMUM);
            for (MergeRequest request :
                    spine.push(new HollowBatch(description, run(random, nextFile[0]++)))) {
                if (random.nextBoolean()) {
                    compact(spine, request);
                }
            }
            return new TraceCodec.Changed(index + 1, name, spine.changeFrom(before));
        }
    }

    @Property(tries = 300)
    void changesOneAfterAnotherMakeTheStateThatTheyWereMadeOf(@ForAll long seed) throws Exception {
        // fails if taking in what changed differs from taking in the whole, or forgets a file
        Log log = new Log(new Random(seed));
        TraceState state = new TraceState();
        for (int i = 0; i < 30; i++) {
            TraceCodec.Change change = log.next();
            byte[] bytes = TraceCodec.encode(change);
            assertEquals(change, TraceCodec.decode(buffer(bytes)));
            state.apply(buffer(bytes));
        }
        assertEquals(log.spines.size(), state.entries().size());
        java.util.Set<Long> files = new java.util.HashSet<>();
        for (TraceState.Entry entry : state.entries()) {
            Spine spine = log.spines.get((int) entry.id() - 1);
            assertEquals("t" + entry.id(), entry.name());
            assertEquals(spine.flatten(), entry.spine().flatten());
            TraceState.parts(spine).forEach(part -> files.add(part.fileId()));
        }
        for (long file = 0; file < log.nextFile[0]; file++) {
            assertEquals(files.contains(file), state.refersTo(file), "file " + file);
        }
        TraceState again = new TraceState();
        again.restore(buffer(state.snapshot()));
        assertArrayEquals(state.snapshot(), again.snapshot());
    }

    @Property(tries = 3000)
    void changedBytesOfAChangeAreRefusedAndLeaveTheStateOrMakeASoundOne(@ForAll long seed)
            throws Exception {
        // fails if a record that passed its checksum by bad luck is taken in by half
        Random random = new Random(seed);
        Log log = new Log(random);
        TraceState state = new TraceState();
        for (int i = random.nextInt(12); i > 0; i--) {
            state.apply(buffer(TraceCodec.encode(log.next())));
        }
        byte[] before = state.snapshot();
        byte[] bytes = TraceCodec.encode(log.next());
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            bytes = mutated(random, bytes);
        }
        try {
            state.apply(buffer(bytes));
        } catch (ManifestState.MalformedException e) {
            assertNotNull(e.getMessage());
            assertArrayEquals(before, state.snapshot());
            return;
        }
        TraceState again = new TraceState();
        again.restore(buffer(state.snapshot()));
        assertArrayEquals(state.snapshot(), again.snapshot());
        for (TraceState.Entry entry : state.entries()) {
            assertEquals(java.util.Optional.empty(), entry.spine().validate());
            TraceState.parts(entry.spine())
                    .forEach(part -> assertTrue(state.refersTo(part.fileId())));
        }
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
        assertTrue(spine.parts().stream().filter(p -> !p.batch().isEmpty()).count() > 1);
        long upper = spine.upper().epoch();
        TraceCodec.Whole entry = new TraceCodec.Whole(1, "a", spine);
        refuse(upper, 100, entry, new TraceCodec.Whole(2, "b", spine));
        FlatSpine empty = new Spine().flatten();
        refuse(upper, 100, entry, new TraceCodec.Whole(2, "a", empty));
        refuse(upper, 100, new TraceCodec.Whole(0, "a", empty));
        refuse(upper, 100, new TraceCodec.Whole(1, "", empty));
        refuse(upper, 0, entry);
        refuse(upper - 1, 100, entry);
    }

    private static void refuse(long upper, long nextFileId, TraceCodec.Whole... entries) {
        byte[] bytes =
                TraceCodec.encode(
                        new TraceCodec.Change(upper, nextFileId, List.of(entries), List.of()));
        TraceState state = new TraceState();
        assertThrows(ManifestState.MalformedException.class, () -> state.apply(buffer(bytes)));
        assertTrue(state.entries().isEmpty(), "nothing is taken of what is refused");
    }

    @Test
    void changesThatContradictTheStateAreRefused() throws Exception {
        // fails if a change may take another trace's name or file, or change what is not there
        TraceState state = new TraceState();
        Spine one = new Spine();
        one.push(batch(1, 1));
        state.apply(changed(2, 2, new TraceCodec.Changed(1, "a", one.changeFrom(new Spine()))));
        byte[] before = state.snapshot();
        Spine more = one.copy();
        more.push(batch(2, 2));
        Spine same = new Spine();
        same.push(batch(1, 1));
        Spine other = new Spine();
        other.push(batch(1, 3));
        for (TraceCodec.Changed change :
                List.of(
                        new TraceCodec.Changed(1, "a", more.changeFrom(one)),
                        new TraceCodec.Changed(2, "", more.changeFrom(one)),
                        new TraceCodec.Changed(2, "a", other.changeFrom(new Spine())),
                        new TraceCodec.Changed(2, "b", same.changeFrom(new Spine())),
                        new TraceCodec.Changed(0, "b", other.changeFrom(new Spine())))) {
            assertThrows(
                    ManifestState.MalformedException.class,
                    () -> state.apply(changed(3, 9, change)),
                    change.toString());
            assertArrayEquals(before, state.snapshot());
        }
        TraceCodec.Changed good = new TraceCodec.Changed(1, "", more.changeFrom(one));
        assertThrows(
                ManifestState.MalformedException.class,
                () -> state.apply(changed(3, 9, good, good)));
        assertThrows(
                ManifestState.MalformedException.class, () -> state.apply(changed(2, 9, good)));
        assertArrayEquals(before, state.snapshot());
        state.apply(changed(3, 9, good));
        assertTrue(state.refersTo(2));
        // a file may move from one trace's part to another part of the same
        Spine merged = more.copy();
        merged.push(HollowBatch.empty(times(3, 4)));
        state.apply(changed(4, 9, new TraceCodec.Changed(1, "", merged.changeFrom(more))));
        assertEquals(9, state.nextFileId());
    }

    private static Description times(long lower, long upper) {
        return new Description(Frontier.of(lower), Frontier.of(upper), Frontier.MINIMUM);
    }

    private static HollowBatch batch(long epoch, long file) {
        PartRef part = new PartRef("b" + file, file, 3, 1000, OptionalLong.of(-1));
        return new HollowBatch(
                times(epoch == 1 ? 0 : epoch, epoch + 1),
                List.of(new Run(new RunId(0, file), 1, false, List.of(part))));
    }

    private static ByteBuffer changed(long upper, long nextFileId, TraceCodec.Changed... changed) {
        return buffer(
                TraceCodec.encode(
                        new TraceCodec.Change(upper, nextFileId, List.of(), List.of(changed))));
    }

    @Test
    void theBytesOfALaterChangeAreThoseOfTheFormat() throws Exception {
        // fails if the format changes without a new version
        Spine spine = new Spine();
        spine.push(batch(1, 7));
        spine.push(batch(2, 8));
        Spine before = spine.copy();
        spine.downgradeSince(Frontier.of(1));
        MergeRequest request = spine.push(batch(3, 9)).getFirst();
        PartRef part = new PartRef("b10", 10, 2, 2000, OptionalLong.of(-2));
        Run run = new Run(new RunId(0, 10), 1, false, List.of(part));
        assertTrue(
                spine.apply(
                                MergeResult.of(
                                        request,
                                        new HollowBatch(request.description(), List.of(run))))
                        .applied());
        TraceCodec.Change change =
                new TraceCodec.Change(
                        4,
                        11,
                        List.of(),
                        List.of(new TraceCodec.Changed(1, "", spine.changeFrom(before))));
        byte[] bytes = TraceCodec.encode(change);
        Golden.check("change-2", bytes);
        assertEquals(change, TraceCodec.decode(buffer(bytes)));
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
                        3,
                        8,
                        List.of(new TraceCodec.Whole(1, "t\u00e4", spine.flatten())),
                        List.of());
        byte[] bytes = TraceCodec.encode(change);
        Golden.check("change", bytes);
        assertEquals(change, TraceCodec.decode(buffer(bytes)));
    }
}
