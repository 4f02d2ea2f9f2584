package io.espalier.session;

import static io.espalier.session.Cursors.bytes;
import static io.espalier.session.Cursors.put;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Layouts;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many keys at once are what they are one by one. */
class GetAllTest {

    @TempDir Path folder;

    private Store store;
    private Table table;

    @BeforeEach
    void open() {
        store =
                Store.open(
                        folder, StoreOptions.defaults().withCreate(true).withBudgetBytes(1 << 20));
        table = store.table();
    }

    @AfterEach
    void close() {
        store.close();
    }

    private Map<String, String> oneByOne(List<byte[]> keys) {
        Map<String, String> rows = new TreeMap<>();
        for (byte[] key : keys) {
            byte[] value = table.get(key);
            if (value != null) {
                rows.put(Cursors.text(key), Cursors.text(value));
            }
        }
        return rows;
    }

    @Test
    void manyKeysInAnyOrderAreFoundEachOnceInKeyOrder() {
        // fails if a key is missing, comes twice, out of order, with an old value, or though
        // deleted
        Random random = new Random(3);
        for (int epoch = 0; epoch < 6; epoch++) {
            for (int i = 0; i < 2000; i++) {
                String key = "key" + random.nextInt(9000);
                if (random.nextInt(4) == 0) {
                    table.delete(bytes(key));
                } else {
                    put(table, key, "value" + epoch + "-" + i);
                }
            }
            store.commit();
        }
        for (int count : new int[] {0, 1, 7, 500, 20_000}) {
            List<byte[]> keys = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                keys.add(bytes("key" + random.nextInt(10_000)));
            }
            assertEquals(oneByOne(keys), Cursors.rows(table.getAll(keys)));
        }
    }

    @Test
    void valuesThatTogetherAreTooLargeAreReadInParts() {
        // fails if large values are left out, or all of them are in memory at once
        List<byte[]> keys = new ArrayList<>();
        byte[] large = new byte[3 << 20];
        for (int i = 0; i < 6; i++) {
            byte[] key = bytes("k" + i);
            large[0] = (byte) i;
            table.put(key, large);
            keys.add(key);
            store.commit();
        }
        Collections.reverse(keys);
        int row = 0;
        try (RowCursor cursor = table.getAll(keys)) {
            while (cursor.next()) {
                assertEquals("k" + row, Cursors.key(cursor));
                assertEquals(large.length, cursor.valueSize());
                assertEquals(row, cursor.segment().get(Layouts.BYTE, cursor.valueOffset()));
                row++;
            }
            assertFalse(cursor.next());
        }
        assertEquals(6, row);
    }

    @Test
    void itSeesOneEpochAndEndsWithTheStore() {
        // fails if a cursor sees what was committed later, or reads on when the store is closed
        List<byte[]> keys = List.of(bytes("a"), bytes("b"));
        assertEquals(Map.of(), Cursors.rows(table.getAll(keys)));
        put(table, "a", "1");
        put(table, "b", "1");
        store.commit();
        RowCursor cursor = table.getAll(keys);
        put(table, "a", "2");
        store.commit();
        assertThrows(IllegalStateException.class, cursor::keyOffset);
        assertTrue(cursor.next());
        assertEquals("1", Cursors.value(cursor));
        store.close();
        assertThrows(IllegalStateException.class, cursor::next);
        assertThrows(IllegalStateException.class, cursor::valueOffset);
        cursor.close();
        assertThrows(IllegalStateException.class, () -> table.getAll(keys));
    }

    @Test
    void keysOutsideTheLimitsAreRefused() {
        // fails if one bad key among good ones is read as something else
        assertThrows(
                IllegalArgumentException.class,
                () -> table.getAll(List.of(bytes("a"), new byte[0])));
    }
}
