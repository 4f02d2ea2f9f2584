package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.espalier.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Random;
import java.util.TreeMap;

/**
 * The oracle of the forming and batching tests: updates in a sorted map, as plainly as can be. Keys
 * and vals are bytes, words little-endian.
 */
final class UpdateModel {

    /** A (key, val, time). */
    record Row(byte[] key, byte[] val, long time) {
        @Override
        public String toString() {
            HexFormat hex = HexFormat.of();
            return hex.formatHex(key)
                    + "/"
                    + hex.formatHex(val)
                    + "@"
                    + Long.toUnsignedString(time);
        }
    }

    /** A folded diff: a count, or an order with its payload. */
    record Diff(BigInteger count, byte[] payload) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Diff diff
                    && count.equals(diff.count)
                    && Arrays.equals(payload, diff.payload);
        }

        @Override
        public int hashCode() {
            return count.hashCode();
        }

        @Override
        public String toString() {
            return count + ":" + HexFormat.of().formatHex(payload);
        }
    }

    final TrieType type;
    final TreeMap<Row, Diff> rows;

    UpdateModel(TrieType type) {
        this.type = type;
        this.rows =
                new TreeMap<>(
                        Comparator.comparing(Row::key, order(type.key()))
                                .thenComparing(Row::val, order(type.val()))
                                .thenComparing(Row::time, Long::compareUnsigned));
    }

    private static Comparator<byte[]> order(ColumnType type) {
        if (type.kind() == ColumnType.Kind.BYTES) {
            return Arrays::compareUnsigned;
        }
        return (a, b) -> {
            ByteBuffer x = ByteBuffer.wrap(a).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer y = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < a.length; i += Long.BYTES) {
                int order = Long.compare(x.getLong(i), y.getLong(i));
                if (order != 0) {
                    return order;
                }
            }
            return 0;
        };
    }

    void add(byte[] key, byte[] val, long time, long diff) {
        Diff one = new Diff(BigInteger.valueOf(diff), new byte[0]);
        rows.merge(
                new Row(key, val, time),
                one,
                (x, y) -> new Diff(x.count.add(y.count), new byte[0]));
    }

    void upsert(byte[] key, long time, long order, byte[] payload) {
        Diff one = new Diff(unsigned(order), payload);
        rows.merge(
                new Row(key, new byte[0], time),
                one,
                (x, y) -> y.count.compareTo(x.count) > 0 ? y : x);
    }

    private static BigInteger unsigned(long order) {
        return new BigInteger(Long.toUnsignedString(order));
    }

    /** Whether some sum does not fit a count. */
    boolean overflows() {
        return type.diff() == DiffType.COUNT
                && rows.values().stream().anyMatch(d -> d.count.bitLength() > 63);
    }

    /** Takes out what adds up to zero. */
    UpdateModel consolidated() {
        if (type.diff() == DiffType.COUNT) {
            rows.values().removeIf(d -> d.count.signum() == 0);
        }
        return this;
    }

    /** Adds everything in {@code other} to this. */
    void addAll(UpdateModel other) {
        other.rows.forEach((row, diff) -> {
            if (type.diff() == DiffType.COUNT) {
                add(row.key, row.val, row.time, diff.count.longValueExact());
            } else {
                upsert(row.key, row.time, diff.count.longValue(), diff.payload);
            }
        });
    }

    /** Reads a chain, checking every image and that it ascends. */
    static UpdateModel read(Batch batch) {
        UpdateModel model = new UpdateModel(batch.type());
        TrieView view = new TrieView();
        long updates = 0;
        for (long c = 0; c < batch.chunkCount(); c++) {
            try (ChunkPin pin = batch.open(c, view)) {
                TrieView.stamp(view.segment(), view.offset());
                TrieView.check(view.segment(), view.offset(), view.sizeBytes());
                assertEquals(view.sizeBytes(), batch.chunk(c).sizeBytes());
                for (long k = 0; k < view.keyCount(); k++) {
                    for (long v = view.valsFrom(k); v < view.valsTo(k); v++) {
                        for (long u = view.updatesFrom(v); u < view.updatesTo(v); u++) {
                            model.put(view, k, v, u);
                            updates++;
                        }
                    }
                }
            }
        }
        assertEquals(updates, batch.updateCount());
        return model;
    }

    private void put(TrieView view, long k, long v, long u) {
        Row row = new Row(bytes(view.keys(), k), bytes(view.vals(), v), view.timeAt(u));
        if (!rows.isEmpty()) {
            int order = rows.comparator().compare(rows.lastKey(), row);
            assertEquals(-1, Integer.signum(order), rows.lastKey() + " before " + row);
        }
        boolean counts = type.diff() == DiffType.COUNT;
        Diff diff =
                counts
                        ? new Diff(BigInteger.valueOf(view.diffAt(u)), new byte[0])
                        : new Diff(unsigned(view.diffAt(u)), bytes(view.payloads(), u));
        assertNull(rows.put(row, diff));
    }

    static byte[] bytes(Column column, long index) {
        byte[] bytes = new byte[(int) column.sizeOf(index)];
        if (bytes.length > 0) {
            MemorySegment.copy(
                    column.segment(), Layouts.BYTE, column.offsetOf(index), bytes, 0, bytes.length);
        }
        return bytes;
    }

    // ---- generators ---------------------------------------------------------------------------

    /** A source of values of a type: from a small or a large domain, of a style chosen once. */
    static final class Values {
        private final ColumnType type;
        private final Random random;
        private final int style;
        private final int domain;
        private final byte[] shared;

        Values(ColumnType type, Random random) {
            this.type = type;
            this.random = random;
            this.style = random.nextInt(6);
            this.domain = random.nextInt(3) == 0 ? Integer.MAX_VALUE : 1 + random.nextInt(200);
            this.shared =
                    new byte[random.nextInt(4) == 0 ? random.nextInt(300) : random.nextInt(20)];
            random.nextBytes(shared);
        }

        byte[] next() {
            int pick = random.nextInt(domain);
            return switch (type.kind()) {
                case UNIT -> new byte[0];
                case LONG, TUPLE -> words(pick);
                case BYTES -> variable(pick);
            };
        }

        private byte[] words(int pick) {
            Random own = new Random(pick);
            byte[] bytes = new byte[type.fixedWidth()];
            ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            while (words.hasRemaining()) {
                long word =
                        switch (style) {
                            case 0, 1 -> pick - 50L;
                            case 2 -> own.nextLong();
                            case 3 -> (long) own.nextInt(5) << 60;
                            case 4 -> own.nextBoolean() ? Long.MIN_VALUE : Long.MAX_VALUE;
                            default -> own.nextInt(3);
                        };
                words.putLong(word);
            }
            return bytes;
        }

        private byte[] variable(int pick) {
            Random own = new Random(pick);
            return switch (style) {
                case 0 -> String.format("k%012d", pick).getBytes(StandardCharsets.US_ASCII);
                case 1 -> ("k" + pick).getBytes(StandardCharsets.US_ASCII);
                // zeros only: prefixes of each other that padding must not confuse
                case 2 -> new byte[pick % 40];
                case 3 -> {
                    byte[] bytes = new byte[own.nextInt(30)];
                    own.nextBytes(bytes);
                    yield bytes;
                }
                case 4 -> {
                    byte[] bytes = Arrays.copyOf(shared, shared.length + own.nextInt(12));
                    for (int i = shared.length; i < bytes.length; i++) {
                        bytes[i] = (byte) own.nextInt(2);
                    }
                    yield bytes;
                }
                // prefixes of one value
                default -> Arrays.copyOf(shared, pick % (shared.length + 1));
            };
        }
    }
}
