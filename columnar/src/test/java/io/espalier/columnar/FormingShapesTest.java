package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.testing.NativeMemoryExtension;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Forming of every type, from inputs of every shape, large enough for blocks, digits and runs. */
@ExtendWith(NativeMemoryExtension.class)
class FormingShapesTest {

    private static final byte[] NONE = {};

    /** More than a block of the fold, and than dense numbers need. */
    private static final int ROWS = 9000;

    /** How the numbers come that keys, vals and times are made of. */
    enum Input {
        EQUAL,
        TWO_VALUES,
        ASCENDING,
        DESCENDING,
        SAW,
        FEW_RUNS,
        NEARLY_ASCENDING,
        DENSE,
        DENSE_WITH_TWINS,
        FEW,
        RANDOM,
        AROUND_ZERO,
        ENDS;

        IntToLongFunction numbers(Random random, int count) {
            int[] shuffled = random.ints(0, count).distinct().limit(count).toArray();
            return switch (this) {
                case EQUAL -> i -> -7;
                case TWO_VALUES -> i -> random.nextBoolean() ? -1 : 1;
                case ASCENDING -> i -> i * 3L - 500;
                case DESCENDING -> i -> -i * 3L;
                case SAW -> i -> i % 77;
                case FEW_RUNS -> i -> i % (count / 3 + 1);
                case NEARLY_ASCENDING -> i -> random.nextInt(100) == 0 ? random.nextInt(count) : i;
                case DENSE -> i -> shuffled[i] + (1L << 40);
                case DENSE_WITH_TWINS -> i -> shuffled[i] == 5 ? 6 : shuffled[i];
                case FEW -> i -> random.nextInt(40) * 1_000_003L;
                case RANDOM -> i -> random.nextLong();
                case AROUND_ZERO -> i -> random.nextInt(2000) - 1000;
                case ENDS ->
                        i ->
                                new long[] {Long.MIN_VALUE, Long.MAX_VALUE, 0, -1, 1}
                                        [random.nextInt(5)];
            };
        }
    }

    /** How numbers become bytes. */
    private static byte[] bytes(int style, long number) {
        return switch (style) {
            case 0 -> "key-%012d".formatted(number & 0xFFFFFF).getBytes(StandardCharsets.US_ASCII);
            // prefixes of each other, of zeros
            case 1 -> new byte[(int) (number & 31)];
            case 2 -> {
                byte[] start = ("user/" + (number & 0xFFFF)).getBytes(StandardCharsets.US_ASCII);
                yield Arrays.copyOf(start, start.length + (int) ((number >>> 16) & 3));
            }
            default -> {
                byte[] bytes = new byte[198];
                ByteBuffer.wrap(bytes).putLong(190, number);
                yield Arrays.copyOf(bytes, 198 + (int) (number & 1));
            }
        };
    }

    private static byte[] value(ColumnType type, int style, long number, long second) {
        return switch (type.kind()) {
            case UNIT -> NONE;
            case LONG -> words(number);
            case TUPLE -> words(number & 7, second, number);
            case BYTES -> bytes(style, number);
        };
    }

    private static byte[] words(long... words) {
        ByteBuffer bytes = ByteBuffer.allocate(words.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            bytes.putLong(word);
        }
        return bytes.array();
    }

    private static List<TrieType> types() {
        List<TrieType> types = new ArrayList<>();
        ColumnType[] columns = {ColumnType.LONG, ColumnType.tuple(3), ColumnType.BYTES};
        for (ColumnType key : columns) {
            types.add(new TrieType(key, ColumnType.UNIT, DiffType.COUNT));
            types.add(new TrieType(key, ColumnType.UNIT, DiffType.UPSERT));
            types.add(new TrieType(key, ColumnType.LONG, DiffType.COUNT));
            types.add(new TrieType(key, ColumnType.BYTES, DiffType.COUNT));
        }
        return types;
    }

    private static void add(
            UpdateBuffer buffer, UpdateModel model, byte[] key, byte[] val, long time, long diff) {
        if (buffer.type().diff() == DiffType.UPSERT) {
            byte[] payload = Arrays.copyOf(key, 2);
            buffer.upsert(key, 0, key.length, time, diff, payload[0], payload, 1, 1);
            model.upsert(key, time, diff, payload);
            return;
        }
        model.add(key, val, time, diff);
        boolean longs =
                buffer.type().key().kind() == ColumnType.Kind.LONG
                        && buffer.type().val().kind() != ColumnType.Kind.BYTES;
        if (!longs) {
            buffer.add(key, 0, key.length, val, 0, val.length, time, diff);
        } else if (val.length == 0) {
            buffer.add(longOf(key), time, diff);
        } else {
            buffer.add(longOf(key), longOf(val), time, diff);
        }
    }

    private static long longOf(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static void assertForms(
            NativeMemory memory, Pager pager, UpdateBuffer buffer, UpdateModel model, String what) {
        Batch batch = new Batch(buffer.type());
        try (ChainBuilder out =
                new ChainBuilder(
                        new TrieBuilder(memory, buffer.type()), 50_000, batch.sink(pager, 0))) {
            if (model.overflows()) {
                long before = buffer.count();
                assertThrows(ArithmeticException.class, () -> buffer.formInto(out), what);
                assertEquals(before, buffer.count(), what);
                buffer.clear();
                return;
            }
            buffer.formInto(out);
            out.finish();
            assertEquals(0, buffer.count());
            assertEquals(model.consolidated().rows, UpdateModel.read(batch).rows, what);
        } finally {
            batch.close();
        }
    }

    @ParameterizedTest
    @EnumSource(Input.class)
    void everyTypeIsFormedFromEveryInput(Input input, NativeMemory memory) {
        // fails when a bit that differs is left out of a word, or a block is cut in a wrong place
        Random random = new Random(input.name().hashCode());
        try (Pager pager = TestPagers.open(memory)) {
            for (TrieType type : types()) {
                boolean bytes =
                        type.key().kind() == ColumnType.Kind.BYTES
                                || type.val().kind() == ColumnType.Kind.BYTES;
                try (UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
                    for (int style = 0; style < (bytes ? 4 : 1); style++) {
                        for (int times = 1; times <= 3; times += 2) {
                            UpdateModel model = new UpdateModel(type);
                            stage(buffer, model, input, random, style, times, times == 1);
                            String what = input + ", " + type + ", style " + style;
                            assertForms(memory, pager, buffer, model, what);
                        }
                    }
                }
            }
        }
    }

    private static void stage(
            UpdateBuffer buffer,
            UpdateModel model,
            Input input,
            Random random,
            int style,
            int times,
            boolean ones) {
        int count = style == 0 ? ROWS : ROWS / 6;
        IntToLongFunction numbers = input.numbers(random, count);
        TrieType type = buffer.type();
        for (int i = 0; i < count; i++) {
            long number = numbers.applyAsLong(i);
            byte[] key = value(type.key(), style, number, i % 5);
            byte[] val = value(type.val(), style, number % 3, 0);
            long diff = ones ? 1 : random.nextBoolean() ? 1 : -1;
            add(buffer, model, key, val, times == 1 ? 4 : (i * 31) % times, diff);
        }
    }

    @Test
    void whatIsTheSameInAllRowsIsFormed(NativeMemory memory) {
        // fails when a field without a bit in the word loses its group
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);
        try (Pager pager = TestPagers.open(memory);
                UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
            for (int same = 0; same < 8; same++) {
                for (int repeats = 1; repeats <= 2; repeats++) {
                    UpdateModel model = new UpdateModel(type);
                    for (int i = 0; i < 20_000; i++) {
                        long number = i / repeats;
                        byte[] key = words((same & 1) != 0 ? 5 : number);
                        byte[] val = words((same & 2) != 0 ? -5 : number);
                        add(buffer, model, key, val, (same & 4) != 0 ? 3 : number, 2);
                    }
                    assertForms(memory, pager, buffer, model, "the same " + same);
                }
            }
        }
    }

    @Test
    void whatCancelsLeavesNothing(NativeMemory memory) {
        // fails when a sum of zero stays, or a group that is empty starts a key
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);
        try (Pager pager = TestPagers.open(memory);
                UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
            UpdateModel model = new UpdateModel(type);
            for (int sign = 1; sign >= -1; sign -= 2) {
                for (int i = 0; i < 20_000; i++) {
                    long hash = i * 0x9E3779B97F4A7C15L;
                    long key = hash ^ (hash >>> 32);
                    add(buffer, model, words(key), words(key & 3), i % 8, sign * ((key >> 1) | 1));
                }
            }
            assertForms(memory, pager, buffer, model, "all");
            for (int i = 0; i < 20_000; i++) {
                add(buffer, model, words(i % 100), words(i % 10), i % 8, i < 10_000 ? 1 : -1);
            }
            assertForms(memory, pager, buffer, model, "some");
        }
    }

    @Test
    void sumsAreTooLargeOrNotWhateverTheirOrder(NativeMemory memory) {
        // fails when an overflow on the way counts, or one at the end does not
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.UNIT, DiffType.COUNT);
        try (Pager pager = TestPagers.open(memory);
                UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
            for (long extra : new long[] {0, 1, -1}) {
                UpdateModel model = new UpdateModel(type);
                byte[] key = words(9);
                add(buffer, model, key, NONE, 0, Long.MAX_VALUE);
                add(buffer, model, key, NONE, 0, Long.MAX_VALUE);
                add(buffer, model, key, NONE, 0, -Long.MAX_VALUE);
                if (extra != 0) {
                    add(buffer, model, key, NONE, 0, extra);
                }
                assertForms(memory, pager, buffer, model, "extra " + extra);
            }
            UpdateModel model = new UpdateModel(type);
            add(buffer, model, words(1), NONE, 0, Long.MIN_VALUE / 2);
            add(buffer, model, words(1), NONE, 0, Long.MIN_VALUE / 2);
            assertForms(memory, pager, buffer, model, "just fits");
            UpdateModel larger = new UpdateModel(type);
            for (int i = 0; i < 3; i++) {
                add(buffer, larger, words(1), NONE, 0, Long.MIN_VALUE / 2);
            }
            assertForms(memory, pager, buffer, larger, "too large");
        }
    }
}
