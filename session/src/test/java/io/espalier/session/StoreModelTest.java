package io.espalier.session;

import static io.espalier.session.Cursors.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.espalier.session.Cursors.Change;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/** Any history of a store reads as sorted maps would, at every epoch that can be read. */
class StoreModelTest {

    private static final List<String> TABLES = List.of("default", "other", "x.y-z_1");

    /** What is done next. */
    sealed interface Action {

        /** Puts, or deletes. */
        record Write(int table, String key, Optional<String> value) implements Action {}

        /** Puts many keys, so that there is more than one chunk. */
        record Fill(int table, int from, int count) implements Action {}

        record Commit() implements Action {}

        record Rollback() implements Action {}

        record Compact() implements Action {}

        record Reopen() implements Action {}
    }

    @Provide
    Arbitrary<List<Action>> histories() {
        Arbitrary<Integer> tables = Arbitraries.of(0, 0, 0, 1, 2);
        Arbitrary<String> keys =
                Arbitraries.frequencyOf(
                        Tuple.of(6, Arbitraries.of("a", "b", "c", "ab", "\u0000", "\u00ff\u00ff")),
                        Tuple.of(3, Arbitraries.integers().between(0, 400).map(i -> "k" + i)),
                        Tuple.of(1, Arbitraries.of("K".repeat(Limits.KEY_BYTES_MAX))));
        Arbitrary<Optional<String>> values =
                Arbitraries.frequencyOf(
                        Tuple.of(4, Arbitraries.of(Optional.of("1"), Optional.of("2"))),
                        Tuple.of(1, Arbitraries.of(Optional.of(""))),
                        Tuple.of(3, Arbitraries.of(Optional.empty())),
                        Tuple.of(1, Arbitraries.of(Optional.of("v".repeat(300_000)))));
        Arbitrary<Action> writes = Combinators.combine(tables, keys, values).as(Action.Write::new);
        Arbitrary<Action> fills =
                Combinators.combine(
                                tables,
                                Arbitraries.integers().between(0, 300),
                                Arbitraries.of(10, 100, 400))
                        .as(Action.Fill::new);
        return Arbitraries.frequencyOf(
                        Tuple.of(20, writes),
                        Tuple.of(2, fills),
                        Tuple.of(8, Arbitraries.create(Action.Commit::new)),
                        Tuple.of(1, Arbitraries.create(Action.Rollback::new)),
                        Tuple.of(1, Arbitraries.create(Action.Compact::new)),
                        Tuple.of(1, Arbitraries.create(Action.Reopen::new)))
                .list()
                .ofMinSize(5)
                .ofMaxSize(80);
    }

    /** What a table should be. */
    private static final class Model {
        final List<Change> changes = new ArrayList<>();
        final TreeMap<String, Optional<String>> staged = new TreeMap<>();
        TreeMap<String, String> now = new TreeMap<>();

        void commit(long epoch) {
            staged.forEach((key, value) -> {
                String old = now.get(key);
                String next = value.orElse(null);
                if (Objects.equals(old, next)) {
                    return;
                }
                if (old != null) {
                    changes.add(new Change(epoch, -1, key, old));
                    now.remove(key);
                }
                if (next != null) {
                    changes.add(new Change(epoch, 1, key, next));
                    now.put(key, next);
                }
            });
            staged.clear();
        }

        Map<String, String> asOf(long epoch) {
            TreeMap<String, String> rows = new TreeMap<>();
            for (Change change : changes) {
                if (change.epoch() <= epoch) {
                    if (change.diff() > 0) {
                        rows.put(change.key(), change.value());
                    } else {
                        rows.remove(change.key());
                    }
                }
            }
            return rows;
        }
    }

    @Property(tries = 30)
    void everyEpochReadsAsAMapWould(
            @ForAll("histories") List<Action> history, @ForAll("limits") long historyEpochs) {
        // fails if anything is lost, doubled, out of order, or folded where it should not be
        Path folder = temporary();
        StoreOptions options =
                StoreOptions.defaults()
                        .withCreate(true)
                        .withBudgetBytes(1 << 20)
                        .withHistoryEpochs(historyEpochs);
        TreeMap<String, Model> models = new TreeMap<>();
        TABLES.forEach(name -> models.put(name, new Model()));
        Store store = Store.open(folder, options);
        try {
            long epoch = 0;
            for (Action action : history) {
                switch (action) {
                    case Action.Write write ->
                            write(
                                    store,
                                    models,
                                    TABLES.get(write.table()),
                                    write.key(),
                                    write.value());
                    case Action.Fill fill -> {
                        for (int i = fill.from(); i < fill.from() + fill.count(); i++) {
                            write(
                                    store,
                                    models,
                                    TABLES.get(fill.table()),
                                    "k" + i,
                                    Optional.of("filled" + fill.from() + "x".repeat(2000)));
                        }
                    }
                    case Action.Commit() -> {
                        boolean any = models.values().stream().anyMatch(m -> !m.staged.isEmpty());
                        epoch += any ? 1 : 0;
                        assertEquals(epoch, store.commit());
                        for (Model model : models.values()) {
                            model.commit(epoch);
                        }
                    }
                    case Action.Rollback() -> {
                        store.rollback();
                        models.values().forEach(model -> model.staged.clear());
                    }
                    case Action.Compact() -> store.compact();
                    case Action.Reopen() -> {
                        store.close();
                        models.values().forEach(model -> model.staged.clear());
                        store = Store.open(folder, options.withCreate(false));
                    }
                }
                assertEquals(epoch, store.epoch());
            }
            check(store, models);
            store.compact();
            check(store, models);
            store.close();
            assertEquals(
                    0, Store.verify(folder, p -> assertEquals("whole", p.toString())).problems());
            store = Store.open(folder, StoreOptions.defaults().withReadOnly(true));
            check(store, models);
        } finally {
            store.close();
            delete(folder);
        }
    }

    @Provide
    Arbitrary<Long> limits() {
        return Arbitraries.of(StoreOptions.HISTORY_ALL, StoreOptions.HISTORY_ALL, 0L, 1L, 3L);
    }

    private static void write(
            Store store,
            Map<String, Model> models,
            String table,
            String key,
            Optional<String> value) {
        if (value.isPresent()) {
            store.table(table).put(bytes(key), bytes(value.get()));
        } else {
            store.table(table).delete(bytes(key));
        }
        models.get(table).staged.put(key, value);
    }

    private static void check(Store store, Map<String, Model> models) {
        models.forEach((name, model) -> check(store.table(name), model));
    }

    private static void check(Table table, Model model) {
        long last = table.epoch();
        long since = table.since();
        for (String key : List.of("a", "b", "c", "ab", "\u0000", "\u00ff\u00ff", "k7", "k399")) {
            assertEquals(model.now.get(key), Cursors.get(table, key), key);
        }
        model.now.forEach((key, value) -> assertEquals(value, Cursors.get(table, key)));
        for (long epoch = since; epoch <= last; epoch++) {
            assertEquals(model.asOf(epoch), Cursors.rows(table, epoch));
        }
        assertEquals(
                model.now.subMap("b", "k3"),
                Cursors.rows(table.scan(bytes("b"), bytes("k3"), last)));
        assertEquals(
                model.now.tailMap("ab", true), Cursors.rows(table.scan(bytes("ab"), null, last)));
        assertEquals(model.now.headMap("c"), Cursors.rows(table.scan(null, bytes("c"), last)));
        for (long epoch = Math.max(1, since); epoch <= last; epoch++) {
            long from = epoch;
            assertEquals(
                    model.changes.stream().filter(c -> c.epoch() > from).toList(),
                    Cursors.changes(table, from));
        }
        assertEquals(all(model, since), Cursors.changes(table, 0));
        for (long epoch : new long[] {-1, since - 1, last + 1}) {
            assertThrows(
                    StoreException.OutOfHistory.class, () -> table.scan(null, null, epoch).close());
        }
        if (since > 1) {
            assertThrows(StoreException.OutOfHistory.class, () -> table.changes(since - 1).close());
        }
        assertThrows(StoreException.OutOfHistory.class, () -> table.changes(last + 1).close());
    }

    /** All changes, what is older than {@code since} as its sum. */
    private static List<Change> all(Model model, long since) {
        List<Change> all = new ArrayList<>();
        model.asOf(since).forEach((key, value) -> all.add(new Change(since, 1, key, value)));
        if (since == 0) {
            all.clear();
        }
        model.changes.stream().filter(change -> change.epoch() > since).forEach(all::add);
        return all;
    }

    static Path temporary() {
        try {
            return Files.createTempDirectory("espalier-store-test");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path path : files.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
