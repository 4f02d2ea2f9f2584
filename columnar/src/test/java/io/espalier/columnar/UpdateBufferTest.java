package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AfterTry;
import net.jqwik.api.lifecycle.BeforeTry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Forming: what is staged in any order comes out sorted and consolidated. */
class UpdateBufferTest {

    private static final byte[] EMPTY = {};

    private NativeMemory memory;
    private Pager pager;
    private Arena arena;

    @BeforeEach
    @BeforeTry
    void open() {
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        pager = TestPagers.open(memory);
        arena = Arena.ofConfined();
    }

    @AfterEach
    @AfterTry
    void close() {
        arena.close();
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    static TrieType type(Random random) {
        ColumnType[] types = {
            ColumnType.LONG, ColumnType.BYTES, ColumnType.tuple(1 + random.nextInt(3))
        };
        ColumnType key = types[random.nextInt(3)];
        if (random.nextInt(4) == 0) {
            return new TrieType(key, ColumnType.UNIT, DiffType.UPSERT);
        }
        ColumnType val = random.nextInt(3) == 0 ? ColumnType.UNIT : types[random.nextInt(3)];
        return new TrieType(key, val, DiffType.COUNT);
    }

    record Update(byte[] key, byte[] val, long time, long diff, byte tag, byte[] payload) {}

    static List<Update> updates(Random random, TrieType type, int count) {
        UpdateModel.Values keys = new UpdateModel.Values(type.key(), random);
        UpdateModel.Values vals = new UpdateModel.Values(type.val(), random);
        UpdateModel.Values payloads = new UpdateModel.Values(ColumnType.BYTES, random);
        int times = random.nextInt(3) == 0 ? 1 : 1 + random.nextInt(5);
        long timeBase = random.nextInt(4) == 0 ? Long.MAX_VALUE - 2 : 0;
        boolean ones = random.nextInt(3) == 0;
        boolean huge = random.nextInt(4) == 0;
        List<Update> updates = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long diff = ones ? 1 : random.nextInt(7) - 3;
            if (huge && random.nextInt(50) == 0) {
                diff = random.nextBoolean() ? Long.MAX_VALUE : Long.MIN_VALUE;
            }
            updates.add(
                    new Update(
                            keys.next(),
                            vals.next(),
                            timeBase + random.nextInt(times),
                            diff,
                            (byte) random.nextInt(3),
                            payloads.next()));
        }
        return updates;
    }

    private void add(UpdateBuffer buffer, Update u, int how) {
        if (buffer.type().diff() == DiffType.UPSERT) {
            if (how == 0) {
                MemorySegment key = nativeBytes(u.key);
                MemorySegment payload = nativeBytes(u.payload);
                buffer.upsert(
                        key, 3, u.key.length, u.time, u.diff, u.tag, payload, 3, u.payload.length);
            } else {
                buffer.upsert(
                        u.key,
                        0,
                        u.key.length,
                        u.time,
                        u.diff,
                        u.tag,
                        u.payload,
                        0,
                        u.payload.length);
            }
            return;
        }
        ColumnType.Kind key = buffer.type().key().kind();
        ColumnType.Kind val = buffer.type().val().kind();
        if (how == 1 && key == ColumnType.Kind.LONG && val == ColumnType.Kind.UNIT) {
            buffer.add(words(u.key)[0], u.time, u.diff);
        } else if (how == 1 && key == ColumnType.Kind.LONG && val == ColumnType.Kind.LONG) {
            buffer.add(words(u.key)[0], words(u.val)[0], u.time, u.diff);
        } else if (how == 1 && key != ColumnType.Kind.BYTES && val != ColumnType.Kind.BYTES) {
            buffer.add(words(u.key), words(u.val), u.time, u.diff);
        } else if (how == 0) {
            buffer.add(
                    nativeBytes(u.key),
                    3,
                    u.key.length,
                    nativeBytes(u.val),
                    3,
                    u.val.length,
                    u.time,
                    u.diff);
        } else {
            buffer.add(u.key, 0, u.key.length, u.val, 0, u.val.length, u.time, u.diff);
        }
    }

    private static long[] words(byte[] bytes) {
        long[] words = new long[bytes.length / Long.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(words);
        return words;
    }

    private MemorySegment nativeBytes(byte[] bytes) {
        MemorySegment segment = arena.allocate(bytes.length + 3L);
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 3, bytes.length);
        return segment;
    }

    static void addTo(UpdateBuffer buffer, Update u) {
        if (buffer.type().diff() == DiffType.UPSERT) {
            buffer.upsert(
                    u.key, 0, u.key.length, u.time, u.diff, u.tag, u.payload, 0, u.payload.length);
        } else {
            buffer.add(u.key, 0, u.key.length, u.val, 0, u.val.length, u.time, u.diff);
        }
    }

    static void addTo(UpdateModel model, Update u) {
        if (model.type.diff() == DiffType.UPSERT) {
            byte[] payload = new byte[u.payload.length + 1];
            payload[0] = u.tag;
            System.arraycopy(u.payload, 0, payload, 1, u.payload.length);
            model.upsert(u.key, u.time, u.diff, payload);
        } else {
            model.add(u.key, u.val, u.time, u.diff);
        }
    }

    private Batch form(UpdateBuffer buffer, long target) {
        Batch batch = new Batch(buffer.type());
        boolean done = false;
        try (ChainBuilder out =
                new ChainBuilder(
                        new TrieBuilder(memory, buffer.type()), target, batch.sink(pager, 0))) {
            buffer.formInto(out);
            out.finish();
            done = true;
        } finally {
            if (!done) {
                batch.close();
            }
        }
        return batch;
    }

    @Property(tries = 1500, shrinking = ShrinkingMode.OFF)
    void formingEqualsASortedMap(@ForAll long seed) {
        // fails when the sort or the fold loses, doubles or misplaces an update
        Random random = new Random(seed);
        TrieType type = type(random);
        try (UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
            for (int round = 0; round < 2; round++) {
                int count = random.nextInt(random.nextInt(4) == 0 ? 4000 : 120);
                List<Update> updates = updates(random, type, count);
                int order = random.nextInt(4);
                if (order == 0) {
                    updates.sort((a, b) -> java.util.Arrays.compareUnsigned(a.key, b.key));
                } else if (order == 1) {
                    Collections.reverse(updates);
                }
                UpdateModel model = new UpdateModel(type);
                int how = random.nextInt(3);
                for (Update u : updates) {
                    add(buffer, u, how);
                    addTo(model, u);
                }
                long target = 1L + random.nextInt(random.nextBoolean() ? 1000 : 100_000);
                if (model.overflows()) {
                    long before = buffer.count();
                    assertThrows(ArithmeticException.class, () -> form(buffer, target));
                    assertEquals(before, buffer.count());
                    buffer.clear();
                    continue;
                }
                try (Batch batch = form(buffer, target)) {
                    assertEquals(0, buffer.count());
                    assertEquals(
                            model.consolidated().rows, UpdateModel.read(batch).rows, "" + type);
                }
            }
        }
    }

    @Property(tries = 40, shrinking = ShrinkingMode.OFF)
    void shufflingChangesNothing(@ForAll long seed) {
        // fails when the outcome, an overflow included, depends on the order of what is added
        Random random = new Random(seed);
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        List<Update> updates = updates(random, type, 2000);
        UpdateModel first = null;
        for (int round = 0; round < 3; round++) {
            Collections.shuffle(updates, random);
            try (UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
                updates.forEach(u -> add(buffer, u, 1));
                UpdateModel model;
                try (Batch batch = form(buffer, 5000)) {
                    model = UpdateModel.read(batch);
                } catch (ArithmeticException e) {
                    model = new UpdateModel(type);
                }
                if (first != null) {
                    assertEquals(first.rows, model.rows);
                }
                first = model;
            }
        }
    }

    @Test
    void ofEqualOrdersTheFirstAddedStays() {
        // fails when the sort is not stable or the fold prefers the later
        try (UpdateBuffer buffer = new UpdateBuffer(memory, TrieType.BYTES_UPSERTS)) {
            for (int i = 0; i < 5000; i++) {
                byte[] key = {(byte) (i % 7)};
                buffer.upsert(
                        key,
                        0,
                        1,
                        9,
                        i < 2500 ? 3 : 2,
                        (byte) 1,
                        new byte[] {(byte) (i / 7)},
                        0,
                        1);
            }
            try (Batch batch = form(buffer, 1 << 20)) {
                UpdateModel model = UpdateModel.read(batch);
                assertEquals(7, model.rows.size());
                for (var diff : model.rows.values()) {
                    assertEquals("3:0100", diff.toString());
                }
            }
        }
    }

    @Test
    void aFailedSinkLeavesTheBufferWhole() {
        // fails when updates are lost, or doubled, because a chunk could not be taken
        for (boolean plain : new boolean[] {true, false}) {
            TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
            Random random = new Random(5);
            UpdateModel model = new UpdateModel(type);
            try (UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
                for (int i = 0; i < 5000; i++) {
                    long key = i % 3 == 0 ? random.nextInt(100) : random.nextLong();
                    long time = plain ? 0 : random.nextInt(3);
                    buffer.add(key, time, 1);
                    model.add(
                            ByteBuffer.allocate(8)
                                    .order(ByteOrder.LITTLE_ENDIAN)
                                    .putLong(key)
                                    .array(),
                            EMPTY,
                            time,
                            1);
                }
                for (int fail = 0; fail < 3; fail++) {
                    int[] left = {fail};
                    ImageSink sink =
                            new ImageSink() {
                                @Override
                                public void accept(Lease image, TrieView view) {
                                    image.close();
                                    if (left[0]-- == 0) {
                                        throw new IllegalStateException("full");
                                    }
                                }
                            };
                    try (ChainBuilder out =
                            new ChainBuilder(new TrieBuilder(memory, type), 1000, sink)) {
                        assertThrows(IllegalStateException.class, () -> buffer.formInto(out));
                    }
                    assertEquals(5000, buffer.count());
                }
                try (Batch batch = form(buffer, 1000)) {
                    assertEquals(model.rows, UpdateModel.read(batch).rows);
                }
            }
        }
    }

    @Test
    void whatDoesNotFitTheTypeIsRefusedAndLeavesTheBufferAsItWas() {
        // fails when a wrong call stages half a row
        TrieType longs = new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);
        MemorySegment heap = MemorySegment.ofArray(new byte[8]);
        try (UpdateBuffer buffer = new UpdateBuffer(memory, longs);
                UpdateBuffer upserts = new UpdateBuffer(memory, TrieType.BYTES_UPSERTS)) {
            List<Runnable> wrong =
                    List.of(
                            () -> buffer.add(1, 0, 1),
                            () -> buffer.add(new long[] {1, 2}, new long[] {1}, 0, 1),
                            () -> buffer.add(new long[] {1}, new long[0], 0, 1),
                            () -> buffer.add(new byte[8], 0, 8, new byte[7], 0, 7, 0, 1),
                            () -> buffer.add(heap, 0, 8, heap, 0, 8, 0, 1),
                            () -> buffer.upsert(new byte[8], 0, 8, 0, 1, (byte) 0, EMPTY, 0, 0),
                            () -> upserts.add(new byte[8], 0, 8, 0, 1));
            for (Runnable call : wrong) {
                assertThrows(IllegalArgumentException.class, call::run);
            }
            assertThrows(
                    IndexOutOfBoundsException.class,
                    () -> buffer.add(new byte[8], 1, 8, new byte[8], 0, 8, 0, 1));
            assertThrows(
                    IndexOutOfBoundsException.class,
                    () -> upserts.upsert(new byte[8], 0, 8, 0, 1, (byte) 0, EMPTY, 0, 1));
            assertEquals(0, buffer.count());
            assertEquals(0, buffer.sizeBytes());
            assertEquals(0, upserts.count());
            assertEquals(0, upserts.sizeBytes());
        }
    }

    @Test
    void theLeastTimeAndTheCountAreKnown() {
        // fails when times are compared as signed numbers, or zero counts are staged
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        try (UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
            assertEquals(-1, buffer.timeMin());
            buffer.add(1, Long.MIN_VALUE, 1);
            assertEquals(Long.MIN_VALUE, buffer.timeMin());
            buffer.add(1, 7, 1);
            buffer.add(1, 3, 0);
            assertEquals(7, buffer.timeMin());
            assertEquals(2, buffer.count());
            assertTrue(buffer.sizeBytes() > 0);
            buffer.clear();
            assertEquals(-1, buffer.timeMin());
            assertEquals(0, buffer.count());
        }
    }
}
