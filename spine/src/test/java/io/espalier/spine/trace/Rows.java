package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.LatestValues;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** Maps of text as traces: what a test's model is. */
final class Rows {

    private Rows() {}

    /** Appends an update; UTF-8 in the order of the trace, which for ASCII is that of strings. */
    static void append(
            NativeMemory memory, ChainBuilder out, String key, String val, long time, long diff) {
        try (NativeBuffer bytes = new NativeBuffer(memory)) {
            byte[] k = key.getBytes(StandardCharsets.UTF_8);
            byte[] v = val.getBytes(StandardCharsets.UTF_8);
            bytes.append(k, 0, k.length);
            bytes.append(v, 0, v.length);
            MemorySegment segment = memory.segment();
            long at = bytes.offset();
            out.append(segment, at, k.length, segment, at + k.length, v.length, time, diff);
        }
    }

    /** Appends the differences between two maps. */
    static void appendChange(
            NativeMemory memory,
            ChainBuilder out,
            Map<String, String> before,
            Map<String, String> after,
            long time) {
        TreeSet<String> keys = new TreeSet<>(before.keySet());
        keys.addAll(after.keySet());
        for (String key : keys) {
            TreeMap<String, Long> vals = new TreeMap<>();
            if (before.get(key) != null) {
                vals.merge(before.get(key), -1L, Long::sum);
            }
            if (after.get(key) != null) {
                vals.merge(after.get(key), 1L, Long::sum);
            }
            vals.forEach((val, diff) -> {
                if (diff != 0) {
                    append(memory, out, key, val, time, diff);
                }
            });
        }
    }

    /** What a trace holds as of an epoch. */
    static Map<String, String> read(NativeMemory memory, Trace trace, long asOf) {
        try (TraceSnapshot snapshot = trace.snapshot()) {
            return read(memory, snapshot, asOf);
        }
    }

    static Map<String, String> read(NativeMemory memory, TraceSnapshot snapshot, long asOf) {
        Map<String, String> rows = new TreeMap<>();
        try (AsOfCursor cursor = new AsOfCursor(memory, snapshot.runs(), asOf)) {
            while (cursor.next()) {
                assertEquals(1, cursor.sum());
                String key = string(cursor.keys(), cursor.key());
                assertNull(rows.put(key, string(cursor.vals(), cursor.val())), key);
            }
        }
        return rows;
    }

    /** Reads everything that a trace holds, whatever it is; how many rows that are. */
    static long scan(NativeMemory memory, Trace trace) {
        long rows = 0;
        try (TraceSnapshot snapshot = trace.snapshot();
                AsOfCursor cursor = new AsOfCursor(memory, snapshot.runs(), -1)) {
            while (cursor.next()) {
                string(cursor.keys(), cursor.key());
                string(cursor.vals(), cursor.val());
                rows++;
            }
        }
        return rows;
    }

    /** The same by looking the keys up, of a trace in which a key has one val at most. */
    static Map<String, String> lookUp(
            NativeMemory memory, TraceSnapshot snapshot, Collection<String> keys, long asOf) {
        Map<String, String> rows = new TreeMap<>();
        try (LatestValues latest = new LatestValues(memory);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
            List<String> sorted = List.copyOf(new TreeSet<>(keys));
            for (String key : sorted) {
                byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
                probes.append(bytes, 0, bytes.length);
            }
            assertTrue(snapshot.read(latest, probes.column(), asOf, Long.MAX_VALUE));
            for (int i = 0; i < sorted.size(); i++) {
                if (latest.isPresent(i)) {
                    rows.put(
                            sorted.get(i),
                            string(latest.segment(), latest.offsetOf(i), latest.sizeOf(i)));
                }
            }
        }
        return rows;
    }

    /** The same by a scan, in either direction. */
    static Map<String, String> scan(TraceSnapshot snapshot, long asOf, boolean descending) {
        TreeMap<String, String> rows = new TreeMap<>();
        try (TraceScan scan = snapshot.scan(null, null, asOf, descending)) {
            while (scan.next()) {
                assertEquals(1, scan.sum());
                String key = string(scan.segment(), scan.keyOffset(), scan.keySize());
                if (!rows.isEmpty()) {
                    String before = descending ? rows.firstKey() : rows.lastKey();
                    assertEquals(descending, key.compareTo(before) < 0, key);
                }
                String val = string(scan.segment(), scan.valOffset(), scan.valSize());
                assertNull(rows.put(key, val), key);
            }
        }
        return rows;
    }

    static String string(Column column, long index) {
        return string(column.segment(), column.offsetOf(index), column.sizeOf(index));
    }

    static String string(MemorySegment segment, long offset, long sizeBytes) {
        byte[] bytes = new byte[(int) sizeBytes];
        MemorySegment.copy(segment, Layouts.BYTE, offset, bytes, 0, bytes.length);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** A text of some length. */
    static String text(String prefix, int size) {
        char[] chars = new char[Math.max(0, size)];
        Arrays.fill(chars, '.');
        return prefix + new String(chars);
    }
}
