package io.espalier.session;

import static io.espalier.session.Cursors.bytes;
import static io.espalier.session.Cursors.put;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who follows tables sees each epoch of all of them, once, in order, exactly. */
class StoreListenerTest {

    private static final Duration NOW = Duration.ZERO;
    private static final Duration LONG = Duration.ofMinutes(1);

    private static final StoreOptions FORGETFUL =
            StoreOptions.defaults().withCreate(true).withBudgetBytes(1 << 20).withHistoryEpochs(0);

    @TempDir Path folder;

    private Store open() {
        return Store.open(folder, FORGETFUL);
    }

    private static List<String> drain(ChangeCursor changes) {
        List<String> rows = new ArrayList<>();
        while (changes.next()) {
            rows.add(
                    (changes.diff() > 0 ? "+" : "-")
                            + Cursors.key(changes)
                            + "="
                            + Cursors.value(changes));
        }
        return rows;
    }

    @Test
    void tablesThatAreCommittedTogetherAreSeenTogether() throws Exception {
        // fails if an epoch is missing, torn apart, or shows what did not change
        try (Store store = open()) {
            Table orders = store.table("orders");
            Table lines = store.table("lines");
            try (StoreListener listener = store.listen(List.of(orders, lines), store.epoch())) {
                assertEquals(List.of(orders, lines), listener.tables());
                assertFalse(listener.next(NOW));
                put(orders, "o1", "new");
                put(lines, "o1-1", "apple");
                put(lines, "o1-2", "pear");
                store.commit();
                put(store.table("other"), "k", "v");
                store.commit();
                lines.delete(bytes("o1-1"));
                put(lines, "o1-2", "plum");
                store.commit();

                assertTrue(listener.next(NOW));
                assertEquals(1, listener.epoch());
                assertTrue(listener.hasChanges(0));
                assertEquals(List.of("+o1=new"), drain(listener.changes(0)));
                assertEquals(List.of("+o1-1=apple", "+o1-2=pear"), drain(listener.changes(1)));
                assertTrue(listener.next(NOW));
                assertEquals(3, listener.epoch());
                assertFalse(listener.hasChanges(0));
                assertEquals(List.of(), drain(listener.changes(0)));
                ChangeCursor changes = listener.changes(1);
                assertEquals(List.of("-o1-1=apple", "-o1-2=pear", "+o1-2=plum"), drain(changes));
                assertFalse(listener.next(NOW));
                assertThrows(IllegalStateException.class, changes::next);
                assertThrows(IllegalStateException.class, listener::epoch);
            }
        }
    }

    @Test
    void whatAListenerHasYetToSeeIsKeptAndStatsSayWhoKeepsIt() throws Exception {
        // fails if history is folded under a slow listener, or nobody can tell why it is not
        try (Store store = open()) {
            Table table = store.table();
            put(table, "k", "v1");
            store.commit();
            StoreStats.TableStats free = store.stats().tables().getFirst();
            assertEquals(0, free.holds());
            assertEquals(-1, free.heldFrom());
            try (StoreListener listener = store.listen(List.of(table), 1)) {
                for (int i = 2; i <= 9; i++) {
                    put(table, "k", "v" + i);
                    store.commit();
                }
                store.compact();
                StoreStats.TableStats held = store.stats().tables().getFirst();
                assertEquals(1, held.holds());
                assertEquals(1, held.heldFrom());
                assertEquals(1, table.since());
                for (int i = 2; i <= 9; i++) {
                    assertTrue(listener.next(NOW));
                    assertEquals(i, listener.epoch());
                    assertEquals(List.of("-k=v" + (i - 1), "+k=v" + i), drain(listener.changes(0)));
                }
            }
            assertEquals(0, store.stats().tables().getFirst().holds());
            put(table, "k", "v10");
            store.commit();
            assertEquals(10, table.since());
            StoreException.OutOfHistory e =
                    assertThrows(
                            StoreException.OutOfHistory.class,
                            () -> store.listen(List.of(table), 9));
            assertEquals(
                    "the changes of [default] since epoch 9 are not all known; give one of 10 to"
                            + " 10, and scan the tables as of it for what was before",
                    e.getMessage());
            for (long since : new long[] {-1, 11, Long.MIN_VALUE, Long.MAX_VALUE}) {
                assertThrows(
                        StoreException.OutOfHistory.class,
                        () -> store.listen(List.of(table), since));
            }
            assertThrows(IllegalArgumentException.class, () -> store.listen(List.of(), 10));
        }
    }

    @Test
    void theSumOfWhatIsListenedToIsTheTable() throws Exception {
        // fails if following, with pauses, beside commits and compaction, ends elsewhere
        Random random = new Random(7);
        try (Store store = open();
                ExecutorService pool = Executors.newSingleThreadExecutor()) {
            List<Table> tables = List.of(store.table("a"), store.table("b"));
            int epochs = 60;
            try (StoreListener listener = store.listen(tables, 0)) {
                Future<List<Map<String, String>>> followed =
                        pool.submit(() -> follow(listener, epochs));
                for (int i = 0; i < epochs; i++) {
                    for (Table table : tables) {
                        put(table, "k" + random.nextInt(9), "v" + i);
                        table.delete(bytes("k" + random.nextInt(9)));
                    }
                    // so that each epoch is one of the first table
                    put(tables.getFirst(), "epoch", "e" + i);
                    store.commit();
                    if (i % 20 == 19) {
                        store.compact();
                    }
                }
                List<Map<String, String>> sums = followed.get();
                for (int i = 0; i < 2; i++) {
                    assertEquals(Cursors.rows(tables.get(i), store.epoch()), sums.get(i));
                }
            }
        }
    }

    private static List<Map<String, String>> follow(StoreListener listener, int epochs)
            throws InterruptedException {
        List<Map<String, String>> sums = List.of(new HashMap<>(), new HashMap<>());
        for (int epoch = 1; epoch <= epochs; epoch++) {
            assertTrue(listener.next(LONG));
            assertEquals(epoch, listener.epoch());
            for (int i = 0; i < 2; i++) {
                ChangeCursor changes = listener.changes(i);
                while (changes.next()) {
                    String key = Cursors.key(changes);
                    if (changes.diff() < 0) {
                        assertEquals(Cursors.value(changes), sums.get(i).remove(key));
                    } else {
                        assertEquals(null, sums.get(i).put(key, Cursors.value(changes)));
                    }
                }
            }
        }
        return sums;
    }

    @Test
    void closingTheStoreEndsItsListenersAlsoThoseThatWait() throws Exception {
        // fails if a listener keeps a store from closing, or hangs, or reads what is gone
        try (ExecutorService pool = Executors.newSingleThreadExecutor()) {
            Store store = open();
            StoreListener waiting = store.listen(List.of(store.table()), 0);
            StoreListener reading = store.listen(List.of(store.table()), 0);
            put(store.table(), "k", "v");
            store.commit();
            assertTrue(waiting.next(NOW));
            Future<?> ended =
                    pool.submit(() ->
                            assertThrows(IllegalStateException.class, () -> waiting.next(LONG)));
            assertTrue(reading.next(NOW));
            ChangeCursor changes = reading.changes(0);
            assertTrue(changes.next());
            store.close();
            ended.get();
            assertThrows(IllegalStateException.class, changes::next);
            assertThrows(IllegalStateException.class, changes::keyOffset);
            assertThrows(IllegalStateException.class, () -> reading.next(NOW));
            reading.close();
            waiting.close();
        }
    }

    @Test
    void aTableOfAnotherStoreIsRefused() {
        // fails if a listener mixes the epochs of two stores
        try (Store store = open();
                Store other = Store.open(folder.resolve("other"), FORGETFUL)) {
            assertThrows(
                    IllegalArgumentException.class, () -> store.listen(List.of(other.table()), 0));
        }
    }
}
