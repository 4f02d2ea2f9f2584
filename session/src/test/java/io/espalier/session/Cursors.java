package io.espalier.session;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.espalier.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Reads cursors to their end; text is ISO 8859-1, so that each char is a byte and order is kept.
 */
final class Cursors {

    private Cursors() {}

    /** A change, as text. */
    record Change(long epoch, long diff, String key, String value) {}

    static byte[] bytes(String text) {
        return text.getBytes(ISO_8859_1);
    }

    static @Nullable String text(byte @Nullable [] bytes) {
        return bytes == null ? null : new String(bytes, ISO_8859_1);
    }

    static void put(Table table, String key, String value) {
        table.put(bytes(key), bytes(value));
    }

    static @Nullable String get(Table table, String key) {
        return text(table.get(bytes(key)));
    }

    static String key(RowCursor cursor) {
        return text(cursor.segment(), cursor.keyOffset(), cursor.keySize());
    }

    static String value(RowCursor cursor) {
        return text(cursor.segment(), cursor.valueOffset(), cursor.valueSize());
    }

    private static String text(MemorySegment segment, long offset, long size) {
        byte[] bytes = new byte[(int) size];
        MemorySegment.copy(segment, Layouts.BYTE, offset, bytes, 0, bytes.length);
        return new String(bytes, ISO_8859_1);
    }

    /** The rows as of an epoch. Fails if they are not in order, or a key comes twice. */
    static Map<String, String> rows(Table table, long asOf) {
        return rows(table.scan(null, null, asOf));
    }

    static Map<String, String> rows(RowCursor opened) {
        TreeMap<String, String> rows = new TreeMap<>();
        try (RowCursor cursor = opened) {
            while (cursor.next()) {
                String key = key(cursor);
                if (!rows.isEmpty() && rows.lastKey().compareTo(key) >= 0) {
                    throw new AssertionError(key + " comes after " + rows.lastKey());
                }
                rows.put(key, value(cursor));
            }
        }
        return rows;
    }

    static List<Change> changes(Table table, long since) {
        List<Change> changes = new ArrayList<>();
        try (ChangeCursor cursor = table.changes(since)) {
            while (cursor.next()) {
                changes.add(new Change(cursor.epoch(), cursor.diff(), key(cursor), value(cursor)));
            }
        }
        return changes;
    }
}
