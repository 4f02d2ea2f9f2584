package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Layouts;
import io.espalier.pager.Pager;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A small trie whose updates are numbered in their order: what a chain holds of it is a set of
 * bits, and comparing it with what it should hold is comparing two numbers. It can be had in every
 * cut; each piece is formed once, and shared by all cuts that have it.
 */
final class SmallTrie implements AutoCloseable {

    private static final int CHUNKS_MAX = 4;
    private static final int VALS_MAX = 3;
    private static final int TIMES_MAX = 3;
    private static final int NONE = -1;

    /** The gap above all vals. */
    static final int VAL_NUMBER_MAX = 2 * VALS_MAX;

    private final Pager pager;
    private final ChunkKind kind;
    private final TrieType type;
    private final int keys;
    private final int wideBytes;
    private final List<Map.Entry<Row, Diff>> rows;

    /** Per key, val and time the number of the update, or {@link #NONE}. */
    private final int[][][] numbers;

    private final long[] diffs;
    private final long[] bitsOfKeys;
    private final MemorySegment[] vals;
    private final MemorySegment[] payloads;
    private final Chunk[][] pieces;
    private final TrieView trie = new TrieView();
    private final FlatView flat = new FlatView();

    /**
     * Keys at odd numbers, with one to three vals at even ones, of one to three times, so that all
     * kinds of groups are cut.
     *
     * @param pager of the pieces
     * @param wideBytes by how much vals and payloads are larger than they need be
     */
    SmallTrie(Pager pager, ChunkKind kind, TrieType type, int keys, int wideBytes) {
        this.pager = pager;
        this.kind = kind;
        this.type = type;
        this.keys = keys;
        this.wideBytes = wideBytes;
        this.numbers = new int[keys][VALS_MAX][TIMES_MAX];
        this.bitsOfKeys = new long[keys];
        this.payloads = new MemorySegment[keys];
        this.vals = new MemorySegment[VALS_MAX];
        SortedMap<Row, Diff> all = new TreeMap<>();
        boolean unit = type.val().kind() == ColumnType.Kind.UNIT;
        for (int val = 0; val < VALS_MAX; val++) {
            vals[val] = MemorySegment.ofArray(val(2 * val).bytes());
        }
        for (int key = 0; key < keys; key++) {
            Diff diff = new Diff(1 + key, payload(key));
            payloads[key] = MemorySegment.ofArray(diff.payload().bytes());
            int valCount = unit ? 1 : new int[] {1, 3, 2}[key % 3];
            for (int val = 0; val < VALS_MAX; val++) {
                int timeCount = key % 3 == 1 && val == 1 ? 2 : key % 3 == 2 && val == 0 ? 3 : 1;
                for (int time = 0; time < TIMES_MAX; time++) {
                    boolean there = val < valCount && time < timeCount;
                    numbers[key][val][time] = there ? all.size() : NONE;
                    if (there) {
                        bitsOfKeys[key] |= 1L << all.size();
                        all.put(new Row(key(2 * key + 1), val(2 * val), time), diff);
                    }
                }
            }
        }
        this.rows = List.copyOf(all.entrySet());
        this.diffs = rows.stream().mapToLong(row -> row.getValue().number()).toArray();
        this.pieces = new Chunk[rows.size()][rows.size() + 1];
    }

    Datum key(int number) {
        return type.key().kind() == ColumnType.Kind.LONG
                ? Tries.datum(number - 5L)
                : Tries.datum("k" + (char) ('a' + number));
    }

    static int numberOfKey(Column column, long index) {
        return column.kind() == ColumnType.Kind.LONG
                ? (int) column.longAt(index) + 5
                : column.segment().get(Layouts.BYTE, column.offsetOf(index) + 1) - 'a';
    }

    /** Odd numbers are between vals. */
    Datum val(int number) {
        return switch (type.val().kind()) {
            case UNIT -> Tries.datum();
            case LONG -> Tries.datum((long) number);
            default -> Tries.datum("v".repeat(number / 2 + wideBytes) + "\0".repeat(number % 2));
        };
    }

    private int numberOfVal(Column column, long index) {
        return switch (column.kind()) {
            case UNIT -> 0;
            case LONG -> (int) column.longAt(index);
            default -> (int) (column.sizeOf(index) - wideBytes) * 2;
        };
    }

    private Datum payload(int key) {
        return Tries.datum(
                type.diff() == DiffType.COUNT ? "" : "p".repeat(key % 2 * 5 + wideBytes));
    }

    int updateCount() {
        return rows.size();
    }

    /** The diff of each update; the caller's. */
    long[] diffs() {
        return diffs.clone();
    }

    /** The updates of a key. */
    long bitsOf(int key) {
        return bitsOfKeys[key];
    }

    /** The updates of a key from a val on, whose number may be odd. */
    long bitsFrom(int key, int val) {
        long bits = 0;
        for (int i = (val + 1) / 2; i < VALS_MAX; i++) {
            for (int number : numbers[key][i]) {
                bits |= number == NONE ? 0 : 1L << number;
            }
        }
        return bits;
    }

    /** All updates. */
    long allBits() {
        return (1L << rows.size()) - 1;
    }

    // ---- chains -------------------------------------------------------------------------------

    /** All ways to cut the trie into at most four chunks; the caller closes them. */
    List<Batch> cuts() {
        List<Batch> all = new ArrayList<>();
        cut(0, new ArrayList<>(), all);
        return all;
    }

    private void cut(int from, List<Chunk> parts, List<Batch> all) {
        for (int to = from + 1; to <= rows.size(); to++) {
            if (to < rows.size() && parts.size() + 1 == CHUNKS_MAX) {
                continue;
            }
            parts.add(piece(from, to));
            if (to == rows.size()) {
                all.add(batch(parts));
            } else {
                cut(to, parts, all);
            }
            parts.removeLast();
        }
    }

    private Chunk piece(int from, int to) {
        if (pieces[from][to] == null) {
            SortedMap<Row, Diff> part = new TreeMap<>();
            rows.subList(from, to).forEach(row -> part.put(row.getKey(), row.getValue()));
            try (Batch formed = Chains.formParts(pager, kind, type, List.of(part))) {
                assertEquals(1, formed.chunkCount());
                pieces[from][to] = formed.chunk(0).share();
            }
        }
        return pieces[from][to];
    }

    private Batch batch(List<Chunk> chunks) {
        Batch batch = new Batch(type, kind);
        chunks.forEach(chunk -> batch.add(chunk.share()));
        return batch;
    }

    /** The same chain once more, for who consumes it; the caller closes it. */
    Batch share(Batch chain) {
        return batch(Tries.chunks(chain));
    }

    /** A chain of some of the updates, with other diffs, cut by a target; the caller closes it. */
    Batch form(long bits, long[] others, long targetBytes) {
        SortedMap<Row, Diff> some = new TreeMap<>();
        for (int i = 0; i < rows.size(); i++) {
            if ((bits >> i & 1) != 0) {
                some.put(
                        rows.get(i).getKey(),
                        new Diff(others[i], rows.get(i).getValue().payload()));
            }
        }
        return Chains.form(pager, kind, type, some, targetBytes);
    }

    // ---- what is in a chain -------------------------------------------------------------------

    /**
     * The updates that a chain holds. Checks that they ascend, each group once, that each has the
     * diff of {@code expected} and the payload of its key, and that chunks say how much they hold.
     */
    long read(Batch chain, long[] expected) {
        long bits = 0;
        for (long i = 0; i < chain.chunkCount(); i++) {
            bits |= read(chain.chunk(i), expected, bits);
        }
        return bits;
    }

    /** The same of one chunk that follows updates {@code before}. */
    long read(Chunk chunk, long[] expected, long before) {
        long bits;
        if (kind == ChunkKind.TRIE) {
            chunk.hold(trie);
            try {
                bits = read(trie, expected, before);
            } finally {
                chunk.letGo(trie);
            }
        } else {
            chunk.hold(flat);
            try {
                bits = read(flat, expected, before);
            } finally {
                chunk.letGo(flat);
            }
        }
        assertEquals(Long.bitCount(bits), chunk.updateCount());
        return bits;
    }

    /** The same of an image. */
    long read(TrieView view, long[] expected, long before) {
        long bits = before;
        int lastKey = NONE;
        for (long key = 0; key < view.keyCount(); key++) {
            int keyNumber = numberOfKey(view.keys(), key);
            lastKey = ascending(lastKey, keyNumber);
            int lastVal = NONE;
            for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
                int valNumber = checkedVal(view.vals(), val);
                lastVal = ascending(lastVal, valNumber);
                for (long i = view.updatesFrom(val); i < view.updatesTo(val); i++) {
                    int number = number(keyNumber, valNumber, view.timeAt(i));
                    bits = with(bits, number);
                    check(number, keyNumber, view.diffAt(i), view.payloads(), i, expected);
                }
            }
        }
        return bits & ~before;
    }

    private long read(FlatView view, long[] expected, long before) {
        long bits = before;
        for (long i = 0; i < view.rowCount(); i++) {
            int key = numberOfKey(view.keys(), i);
            int number = number(key, checkedVal(view.vals(), i), view.timeAt(i));
            bits = with(bits, number);
            check(number, key, view.diffAt(i), view.payloads(), i, expected);
        }
        return bits & ~before;
    }

    /** The number of the key that a cursor is at. */
    static int key(BatchCursor cursor) {
        return numberOfKey(cursor.keys(), cursor.key());
    }

    /** What a cursor shows from where it is to the end of its key. */
    long restOfKey(BatchCursor cursor) {
        long bits = 0;
        int last = NONE;
        for (; cursor.hasVal(); cursor.stepVal()) {
            int key = key(cursor);
            int val = checkedVal(cursor.vals(), cursor.val());
            last = ascending(last, val);
            bits = restOfVal(cursor, key, val, bits);
        }
        return bits;
    }

    private long restOfVal(BatchCursor cursor, int key, int val, long before) {
        long[] bits = {before};
        cursor.mapTimes((time, second, diff, columns, payload) -> {
            int number = number(key, val, time);
            bits[0] = with(bits[0], number);
            check(number, key, diff, columns, payload, diffs);
        });
        return bits[0];
    }

    private static int ascending(int last, int next) {
        if (next <= last) {
            fail("number " + next + " after " + last);
        }
        return next;
    }

    private int checkedVal(Column column, long index) {
        int number = numberOfVal(column, index);
        if (number < 0 || number >= 2 * VALS_MAX || number % 2 != 0) {
            fail("there is no val " + number);
        }
        checkBytes(vals[number / 2], column, index);
        return number;
    }

    private static void checkBytes(MemorySegment expected, Column column, long index) {
        long from = column.offsetOf(index);
        long to = from + column.sizeOf(index);
        long size = expected.byteSize();
        long at = MemorySegment.mismatch(column.segment(), from, to, expected, 0, size);
        if (at >= 0) {
            fail("other bytes from " + at + " on, of " + (to - from) + ", expected " + size);
        }
    }

    private int number(int key, int val, long time) {
        boolean odd = key > 0 && key % 2 == 1 && key / 2 < keys && time >= 0 && time < TIMES_MAX;
        int number = odd ? numbers[key / 2][val / 2][(int) time] : NONE;
        if (number == NONE) {
            fail("there is no update of key " + key + ", val " + val + ", time " + time);
        }
        return number;
    }

    private static long with(long bits, int number) {
        if (bits >>> number != 0) {
            fail("update " + number + " after " + Long.toBinaryString(bits));
        }
        return bits | (1L << number);
    }

    private void check(
            int number, int key, long diff, Column columns, long payload, long[] expected) {
        if (diff != expected[number]) {
            fail("update " + number + " has " + diff + ", expected " + expected[number]);
        }
        if (type.diff() == DiffType.UPSERT) {
            checkBytes(payloads[key / 2], columns, payload);
        }
    }

    @Override
    public void close() {
        for (Chunk[] row : pieces) {
            for (Chunk piece : row) {
                if (piece != null) {
                    piece.close();
                }
            }
        }
    }
}
