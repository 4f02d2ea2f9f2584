package io.espalier.session.cli;

import io.espalier.memory.NativeBuffer;
import io.espalier.session.ChangeCursor;
import io.espalier.session.Limits;
import io.espalier.session.Problem;
import io.espalier.session.RowCursor;
import io.espalier.session.Store;
import io.espalier.session.StoreException;
import io.espalier.session.StoreListener;
import io.espalier.session.StoreOptions;
import io.espalier.session.StoreStats;
import io.espalier.session.Table;
import io.espalier.session.Verification;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Stores in sorted maps: what the interfaces promise, in the plainest way. */
final class FakeStores implements Stores {

    /** What all stores of one directory share. */
    private static final class Content {
        long epoch;
        final NavigableMap<String, List<Change>> tables = new TreeMap<>();
    }

    private record Change(long epoch, long diff, byte[] key, byte[] value) {}

    private final Map<Path, Content> contents = new TreeMap<>();

    /** Thrown by the next {@code open}, if set. */
    @Nullable StoreException failOpen;

    /** Thrown by {@code commit} once this many have succeeded, if set. */
    @Nullable StoreException failCommit;

    long commitsBeforeFailure;

    /** Thrown by cursors and get, if set. */
    @Nullable StoreException failRead;

    /** What {@code verify} reports. */
    final List<Problem> problems = new ArrayList<>();

    final List<StoreOptions> opened = new ArrayList<>();

    /** The first epoch that can be read, of all tables. */
    long since;

    int open;
    int rollbacks;
    int compactions;

    @Override
    public Store open(Path directory, StoreOptions options) {
        if (failOpen != null) {
            throw failOpen;
        }
        Content content = contents.get(directory);
        if (content == null) {
            if (!options.create()) {
                throw new StoreException.Absent(
                        "there is no store in " + directory + "; upsert makes one");
            }
            content = new Content();
            contents.put(directory, content);
        }
        opened.add(options);
        open++;
        return new FakeStore(directory, options, content);
    }

    @Override
    public Verification verify(Path directory, Consumer<Problem> sink) {
        if (failOpen != null) {
            throw failOpen;
        }
        problems.forEach(sink);
        return new Verification(3, 4096, problems.size());
    }

    boolean exists(Path directory) {
        return contents.containsKey(directory);
    }

    private final class FakeStore implements Store {
        private final Path directory;
        private final StoreOptions options;
        private final Content content;
        private final NavigableMap<String, NavigableMap<byte[], Optional<byte[]>>> staged =
                new TreeMap<>();
        private final Map<String, Table> tables = new TreeMap<>();

        FakeStore(Path directory, StoreOptions options, Content content) {
            this.directory = directory;
            this.options = options;
            this.content = content;
        }

        @Override
        public Table table(String name) {
            return tables.computeIfAbsent(Limits.checkTableName(name), n -> new FakeTable(n, this));
        }

        @Override
        public List<String> tableNames() {
            return List.copyOf(content.tables.keySet());
        }

        @Override
        public long commit() {
            if (staged.isEmpty()) {
                return content.epoch;
            }
            if (failCommit != null && commitsBeforeFailure-- <= 0) {
                throw failCommit;
            }
            long epoch = content.epoch + 1;
            staged.forEach((name, writes) -> {
                NavigableMap<byte[], byte[]> rows = rows(name, content.epoch);
                List<Change> changes = content.tables.computeIfAbsent(name, n -> new ArrayList<>());
                writes.forEach((key, value) -> {
                    byte[] old = rows.get(key);
                    byte[] now = value.orElse(null);
                    if (Arrays.equals(old, now)) {
                        return;
                    }
                    if (old != null) {
                        changes.add(new Change(epoch, -1, key, old));
                    }
                    if (now != null) {
                        changes.add(new Change(epoch, 1, key, now));
                    }
                });
            });
            staged.clear();
            content.epoch = epoch;
            return epoch;
        }

        NavigableMap<byte[], byte[]> rows(String name, long asOf) {
            NavigableMap<byte[], byte[]> rows = new TreeMap<>(Arrays::compareUnsigned);
            for (Change change : content.tables.getOrDefault(name, List.of())) {
                if (change.epoch > asOf) {
                    break;
                }
                if (change.diff > 0) {
                    rows.put(change.key, change.value);
                } else {
                    rows.remove(change.key);
                }
            }
            return rows;
        }

        void stage(String table, byte[] key, Optional<byte[]> value) {
            if (options.readOnly()) {
                throw new StoreException.ReadOnly("store " + directory + " was opened read-only");
            }
            Limits.checkKeySize(key.length);
            Limits.checkValueSize(value.map(bytes -> bytes.length).orElse(0));
            staged.computeIfAbsent(table, n -> new TreeMap<>(Arrays::compareUnsigned))
                    .put(key, value);
        }

        @Override
        public void rollback() {
            rollbacks++;
            staged.clear();
        }

        @Override
        public long epoch() {
            return content.epoch;
        }

        @Override
        public StoreListener listen(List<Table> tables, long sinceEpoch) {
            throw new UnsupportedOperationException("no command listens");
        }

        @Override
        public StoreStats stats() {
            List<StoreStats.TableStats> stats = new ArrayList<>();
            content.tables.forEach((name, changes) ->
                    stats.add(
                            new StoreStats.TableStats(
                                    name,
                                    changes.size(),
                                    5 << 20,
                                    since,
                                    content.epoch + 1,
                                    List.of(
                                            new StoreStats.PartStats(
                                                    name + ".part",
                                                    2,
                                                    5 << 20,
                                                    changes.size(),
                                                    1,
                                                    1,
                                                    content.epoch + 1)),
                                    List.of(
                                            new StoreStats.BatchStats(
                                                    "[0-2][0][1][0] 2/1 b1",
                                                    2,
                                                    2,
                                                    changes.size(),
                                                    12,
                                                    1_700_000_000_000L),
                                            new StoreStats.BatchStats(
                                                    "[2-3][1][2][0] 1/0", 2, 1, 0, 12, -1)),
                                    2,
                                    4)));
            return new StoreStats(
                    directory,
                    1,
                    content.epoch,
                    stats,
                    new StoreStats.MemoryStats(options.budgetBytes(), 1024, 2048, 0, 0),
                    List.of(
                            StoreStats.Section.named("spill")
                                    .with("pagesOut", 7L)
                                    .with("writtenBytes", 3L << 20)
                                    .with("fetchP99Nanos", 1_500_000L)
                                    .with("ratio", 0.5)
                                    .with("codec", "lz4")));
        }

        @Override
        public void compact() {
            compactions++;
        }

        @Override
        public void close() {
            open--;
        }
    }

    private final class FakeTable implements Table {
        private final String name;
        private final FakeStore store;

        FakeTable(String name, FakeStore store) {
            this.name = name;
            this.store = store;
        }

        @Override
        public RowCursor getAll(Collection<byte[]> keys) {
            throw new UnsupportedOperationException("no command gets several keys");
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public void put(byte[] key, int keyAt, int keySize, byte[] value, int valueAt, int size) {
            store.stage(
                    name,
                    Arrays.copyOfRange(key, keyAt, keyAt + keySize),
                    Optional.of(Arrays.copyOfRange(value, valueAt, valueAt + size)));
        }

        @Override
        public void put(
                MemorySegment key,
                long keyOffset,
                long keySize,
                MemorySegment value,
                long valueOffset,
                long valueSize) {
            store.stage(
                    name,
                    key.asSlice(keyOffset, keySize).toArray(ValueLayout.JAVA_BYTE),
                    Optional.of(
                            value.asSlice(valueOffset, valueSize).toArray(ValueLayout.JAVA_BYTE)));
        }

        @Override
        public void delete(byte[] key, int keyOffset, int keySize) {
            store.stage(
                    name,
                    Arrays.copyOfRange(key, keyOffset, keyOffset + keySize),
                    Optional.empty());
        }

        @Override
        public void delete(MemorySegment key, long keyOffset, long keySize) {
            store.stage(
                    name,
                    key.asSlice(keyOffset, keySize).toArray(ValueLayout.JAVA_BYTE),
                    Optional.empty());
        }

        @Override
        public byte @Nullable [] get(byte[] key) {
            if (failRead != null) {
                throw failRead;
            }
            return store.rows(name, store.epoch()).get(key);
        }

        @Override
        public long get(MemorySegment key, long keyOffset, long keySize, NativeBuffer value) {
            byte[] found = get(key.asSlice(keyOffset, keySize).toArray(ValueLayout.JAVA_BYTE));
            if (found == null) {
                return -1;
            }
            value.append(found, 0, found.length);
            return found.length;
        }

        @Override
        public long epoch() {
            return store.epoch();
        }

        @Override
        public long since() {
            return since;
        }

        @Override
        public RowCursor scan(byte @Nullable [] from, byte @Nullable [] to, long asOf) {
            checkHistory(asOf);
            List<Change> rows = new ArrayList<>();
            store.rows(name, asOf)
                    .forEach((key, value) -> {
                        boolean tooSmall = from != null && Arrays.compareUnsigned(key, from) < 0;
                        boolean tooLarge = to != null && Arrays.compareUnsigned(key, to) >= 0;
                        if (!tooSmall && !tooLarge) {
                            rows.add(new Change(asOf, 1, key, value));
                        }
                    });
            return new FakeCursor(rows);
        }

        @Override
        public ChangeCursor changes(long sinceEpoch) {
            if (sinceEpoch > 0) {
                checkHistory(sinceEpoch);
            }
            return new FakeCursor(
                    store.content.tables.getOrDefault(name, List.of()).stream()
                            .filter(change -> change.epoch > sinceEpoch)
                            .toList());
        }

        private void checkHistory(long epoch) {
            if (epoch < since || epoch > epoch()) {
                throw new StoreException.OutOfHistory(
                        "epoch "
                                + epoch
                                + " cannot be read, only "
                                + since
                                + " to "
                                + epoch()
                                + "; ask for one of these");
            }
        }
    }

    /** Lays key and value of each row into one native-like segment, at odd places. */
    private final class FakeCursor implements ChangeCursor {
        private final List<Change> rows;
        private int at = -1;
        private MemorySegment segment = MemorySegment.NULL;

        FakeCursor(List<Change> rows) {
            this.rows = rows;
        }

        @Override
        public boolean next() {
            if (failRead != null && at == 0) {
                throw failRead;
            }
            if (at + 1 >= rows.size()) {
                return false;
            }
            at++;
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            bytes.write('#');
            bytes.writeBytes(rows.get(at).value);
            bytes.writeBytes(rows.get(at).key);
            bytes.write('#');
            segment = MemorySegment.ofArray(bytes.toByteArray());
            return true;
        }

        @Override
        public MemorySegment segment() {
            return segment;
        }

        @Override
        public long keyOffset() {
            return 1L + rows.get(at).value.length;
        }

        @Override
        public long keySize() {
            return rows.get(at).key.length;
        }

        @Override
        public long valueOffset() {
            return 1;
        }

        @Override
        public long valueSize() {
            return rows.get(at).value.length;
        }

        @Override
        public long epoch() {
            return rows.get(at).epoch;
        }

        @Override
        public long diff() {
            return rows.get(at).diff;
        }

        @Override
        public void close() {}
    }
}
