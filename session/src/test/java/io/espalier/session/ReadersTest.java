package io.espalier.session;

import static io.espalier.session.Cursors.bytes;
import static io.espalier.session.Cursors.put;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What readers may count on while others write, compact and close. */
class ReadersTest {

    private static final StoreOptions SMALL =
            StoreOptions.defaults().withCreate(true).withBudgetBytes(1 << 20);

    @TempDir Path folder;

    private Store open() {
        return Store.open(folder, SMALL);
    }

    @Test
    void readersSeeWholeEpochsWhileTheWriterCommitsAndCompacts() throws Exception {
        // fails if a row of one epoch is seen beside a row of another, or a read fails
        int keys = 400;
        int epochs = 40;
        AtomicBoolean done = new AtomicBoolean();
        AtomicLong reads = new AtomicLong();
        try (Store store = open();
                ExecutorService pool = Executors.newFixedThreadPool(3)) {
            List<Future<?>> readers = new ArrayList<>();
            Callable<Void> scanning =
                    () -> {
                        while (!done.get()) {
                            long epoch = store.epoch();
                            try (RowCursor cursor = store.table().scan(null, null, epoch)) {
                                long count = 0;
                                while (cursor.next()) {
                                    assertEquals("v" + epoch, head(Cursors.value(cursor)));
                                    count++;
                                }
                                assertEquals(epoch == 0 ? 0 : keys, count);
                            }
                            reads.incrementAndGet();
                        }
                        return null;
                    };
            Callable<Void> getting =
                    () -> {
                        while (!done.get()) {
                            long before = store.epoch();
                            String found = Cursors.get(store.table(), "key7");
                            long after = store.epoch();
                            long seen =
                                    found == null ? 0 : Long.parseLong(head(found).substring(1));
                            assertTrue(before <= seen && seen <= after + 1, () -> "saw " + seen);
                            reads.incrementAndGet();
                        }
                        return null;
                    };
            Callable<Void> following =
                    () -> {
                        long since = 0;
                        while (!done.get()) {
                            for (Cursors.Change change : Cursors.changes(store.table(), since)) {
                                assertTrue(change.epoch() >= since);
                                since = change.epoch();
                                assertEquals(
                                        "v" + (change.diff() > 0 ? since : since - 1),
                                        head(change.value()));
                            }
                            reads.incrementAndGet();
                        }
                        return null;
                    };
            readers.add(pool.submit(scanning));
            readers.add(pool.submit(getting));
            readers.add(pool.submit(following));
            for (int epoch = 1; epoch <= epochs; epoch++) {
                for (int key = 0; key < keys; key++) {
                    put(store.table(), "key" + key, "v" + epoch + " ".repeat(200));
                }
                assertEquals(epoch, store.commit());
                if (epoch % 20 == 0) {
                    store.compact();
                }
                for (Future<?> reader : readers) {
                    if (reader.isDone()) {
                        reader.get();
                    }
                }
            }
            done.set(true);
            for (Future<?> reader : readers) {
                reader.get();
            }
            assertTrue(reads.get() > 0);
        }
    }

    private static String head(String value) {
        return value.strip();
    }

    @Test
    void aCursorKeepsItsEpochWhateverHappensMeanwhile() {
        // fails if commits or compaction change what an open cursor shows
        try (Store store = open()) {
            for (int i = 0; i < 2000; i++) {
                put(store.table(), "key" + (10_000 + i), "old" + " ".repeat(500));
            }
            store.commit();
            try (RowCursor cursor = store.table().scan(null, null, 1);
                    ChangeCursor changes = store.table().changes(0)) {
                assertTrue(cursor.next());
                assertTrue(changes.next());
                for (int i = 0; i < 2000; i++) {
                    store.table().delete(bytes("key" + (10_000 + i)));
                }
                store.commit();
                store.compact();
                int count = 1;
                while (cursor.next()) {
                    assertEquals("old", head(Cursors.value(cursor)));
                    assertTrue(changes.next());
                    assertEquals(Cursors.key(cursor), Cursors.key(changes));
                    count++;
                }
                assertEquals(2000, count);
                assertFalse(changes.next());
            }
        }
    }

    @Test
    void closingAStoreEndsItsCursors() {
        // fails if close refuses, leaks, or a cursor reads on
        Store store = open();
        put(store.table(), "a", "1");
        put(store.table(), "b", "2");
        store.commit();
        RowCursor fresh = store.table().scan(null, null, 1);
        RowCursor atRow = store.table().scan(bytes("a"), bytes("z"), 1);
        ChangeCursor changes = store.table().changes(0);
        RowCursor empty = store.table("none").scan(null, null, 1);
        assertTrue(atRow.next());
        assertTrue(changes.next());
        var lent = atRow.segment();
        put(store.table(), "staged", "and dropped");
        store.close();
        for (RowCursor cursor : List.of(fresh, atRow, changes, empty)) {
            assertThrows(IllegalStateException.class, cursor::next);
            assertThrows(IllegalStateException.class, cursor::keyOffset);
            assertThrows(IllegalStateException.class, cursor::valueSize);
        }
        assertThrows(
                IllegalStateException.class,
                () -> lent.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0));
        for (RowCursor cursor : List.of(fresh, atRow, changes, empty)) {
            cursor.close();
            cursor.close();
        }
        store.close();
        try (Store again = open()) {
            assertEquals("1", Cursors.get(again.table(), "a"));
            assertNull(Cursors.get(again.table(), "staged"));
        }
    }

    @Test
    void aClosedStoreSaysSo() {
        // fails if a call on a closed store does anything but throw that it is closed
        Store store = open();
        Table table = store.table();
        put(table, "a", "1");
        store.commit();
        store.close();
        List<Runnable> calls =
                List.of(
                        () -> table.put(bytes("a"), bytes("1")),
                        () -> table.delete(bytes("a")),
                        () -> table.get(bytes("a")),
                        () -> table.scan(null, null, 1),
                        () -> table.changes(0),
                        table::since,
                        table::epoch,
                        store::commit,
                        store::rollback,
                        store::epoch,
                        store::stats,
                        store::compact,
                        store::table,
                        store::tableNames);
        for (Runnable call : calls) {
            IllegalStateException e = assertThrows(IllegalStateException.class, call::run);
            assertTrue(String.valueOf(e.getMessage()).contains("closed"), e::toString);
        }
    }

    @Test
    void closingWhileOthersReadEndsThemAndLeaksNothing() throws Exception {
        // fails if close throws, hangs, or a reader gets anything but rows and "closed"
        for (int round = 0; round < 12; round++) {
            Store store = Store.open(folder.resolve("store" + round), SMALL);
            for (int i = 0; i < 500; i++) {
                put(store.table(), "key" + i, "v" + " ".repeat(100));
            }
            store.commit();
            try (ExecutorService pool = Executors.newFixedThreadPool(3)) {
                List<Future<Long>> readers = new ArrayList<>();
                Callable<Long> reading =
                        () -> {
                            long seen = 0;
                            try {
                                while (true) {
                                    for (RowCursor cursor :
                                            List.of(
                                                    store.table().scan(null, null, 1),
                                                    store.table().changes(0))) {
                                        while (cursor.next()) {
                                            seen++;
                                        }
                                        cursor.close();
                                    }
                                    assertEquals("v", head(Cursors.get(store.table(), "key9")));
                                    store.stats();
                                }
                            } catch (IllegalStateException e) {
                                assertTrue(e.getMessage().contains("closed"), e::toString);
                                return seen;
                            }
                        };
                for (int i = 0; i < 3; i++) {
                    readers.add(pool.submit(reading));
                }
                Thread.sleep(round % 10);
                store.close();
                for (Future<Long> reader : readers) {
                    reader.get();
                }
            }
        }
    }

    @Test
    void aCursorOffItsRowsSaysSo() {
        // fails if a cursor gives stale or foreign bytes before the first row, or after the last
        try (Store store = open()) {
            put(store.table(), "a", "1");
            store.commit();
            for (String table : List.of("default", "none")) {
                for (RowCursor cursor :
                        List.of(
                                store.table(table).scan(null, null, 1),
                                store.table(table).changes(0))) {
                    assertThrows(IllegalStateException.class, cursor::keyOffset);
                    while (cursor.next()) {
                        assertEquals("a", Cursors.key(cursor));
                    }
                    assertFalse(cursor.next());
                    assertFalse(cursor.next());
                    assertThrows(IllegalStateException.class, cursor::keySize);
                    assertThrows(IllegalStateException.class, cursor::valueOffset);
                    cursor.close();
                    cursor.close();
                    assertThrows(IllegalStateException.class, cursor::next);
                }
            }
        }
    }

    @Test
    void aTableIsTheSameObjectAndEmptyUntilItIsWritten() {
        // fails if asking for a table makes it
        try (Store store = open()) {
            assertSame(store.table("t"), store.table("t"));
            assertEquals(List.of(), store.tableNames());
            put(store.table("t"), "a", "1");
            assertEquals(List.of(), store.tableNames());
            assertNull(Cursors.get(store.table("t"), "a"));
            store.commit();
            assertEquals(List.of("t"), store.tableNames());
            assertEquals("1", Cursors.get(store.table("t"), "a"));
            store.table("deleted").delete(bytes("nothing"));
            assertEquals(2, store.commit());
            assertThrows(IllegalArgumentException.class, () -> store.table(""));
            assertThrows(IllegalArgumentException.class, () -> store.table("../x"));
        }
    }
}
