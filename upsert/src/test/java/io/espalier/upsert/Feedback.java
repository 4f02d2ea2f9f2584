package io.espalier.upsert;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Layouts;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * An operator in feedback with a trace in memory: a list of batches. Closing it checks that nothing
 * is out.
 */
final class Feedback implements AutoCloseable {

    private static final long CHUNK_BYTES = 16 << 10;

    /** A difference, as text. */
    record Difference(String key, String value, long time, long diff) {
        @Override
        public String toString() {
            return (diff > 0 ? "+" : "-") + key + "=" + value + "@" + time;
        }
    }

    final Path spill;
    final NativeMemory memory;
    final MemoryBudget budget;
    final Pager pager;
    final UpsertOperator operator;
    final List<Run> trace = new ArrayList<>();
    DrainStats last = DrainStats.NONE;

    /** Everything is paged out at once if the budget is 0. */
    Feedback(long budgetBytes) {
        try {
            spill = Files.createTempDirectory("espalier-upsert-test");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        budget = new MemoryBudget(budgetBytes);
        pager =
                Pager.open(
                        memory,
                        budget,
                        PagerOptions.in(spill).withSegmentBytes(1 << 20).withSlackBytes(64 << 10));
        operator = new UpsertOperator(pager);
    }

    void set(String key, String value, long order, long time) {
        byte[] k = key.getBytes(UTF_8);
        byte[] v = value.getBytes(UTF_8);
        operator.set(k, 0, k.length, v, 0, v.length, time, order);
    }

    void delete(String key, long order, long time) {
        byte[] k = key.getBytes(UTF_8);
        operator.delete(k, 0, k.length, time, order);
    }

    /** Puts differences into the trace that did not come from the operator. */
    void feed(Difference... differences) {
        Batch batch = new Batch(TrieType.BYTES_TO_BYTES);
        try (ChainBuilder chain = chain(batch)) {
            for (Difference each : differences) {
                append(chain, each);
            }
            chain.finish();
        }
        trace.add(batch);
    }

    private void append(ChainBuilder chain, Difference each) {
        byte[] key = each.key.getBytes(UTF_8);
        byte[] value = each.value.getBytes(UTF_8);
        try (var bytes = memory.allocate(key.length + value.length + 1L)) {
            MemorySegment segment = memory.segment();
            MemorySegment.copy(key, 0, segment, Layouts.BYTE, bytes.offset(), key.length);
            long at = bytes.offset() + key.length;
            MemorySegment.copy(value, 0, segment, Layouts.BYTE, at, value.length);
            chain.append(
                    segment,
                    bytes.offset(),
                    key.length,
                    segment,
                    at,
                    value.length,
                    each.time,
                    each.diff);
        }
    }

    private ChainBuilder chain(Batch batch) {
        return new ChainBuilder(
                new TrieBuilder(memory, TrieType.BYTES_TO_BYTES),
                CHUNK_BYTES,
                batch.sink(pager, 0));
    }

    /** Drains at a time and appends what comes out; the differences. */
    List<Difference> drain(long time) {
        Batch batch = drainOnly(time, trace);
        operator.settle(true);
        trace.add(batch);
        return differences(batch);
    }

    /** Drains at a time against any trace; neither appended nor settled. The caller closes it. */
    Batch drainOnly(long time, List<? extends Run> runs) {
        Batch batch = new Batch(TrieType.BYTES_TO_BYTES);
        boolean done = false;
        try (ChainBuilder chain = chain(batch)) {
            last = operator.drain(time, runs, chain);
            chain.finish();
            done = true;
        } finally {
            if (!done) {
                batch.close();
            }
        }
        return batch;
    }

    /** The differences of a batch in order. */
    List<Difference> differences(Run batch) {
        List<Difference> all = new ArrayList<>();
        TrieView view = new TrieView();
        for (long chunk = 0; chunk < batch.chunkCount(); chunk++) {
            try (ChunkPin pin = batch.open(chunk, view)) {
                for (long key = 0; key < view.keyCount(); key++) {
                    for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
                        for (long u = view.updatesFrom(val); u < view.updatesTo(val); u++) {
                            all.add(
                                    new Difference(
                                            text(view.keys(), key),
                                            text(view.vals(), val),
                                            view.timeAt(u),
                                            view.diffAt(u)));
                        }
                    }
                }
            }
        }
        return all;
    }

    /** What the trace holds; fails if a key has more than one value, or one not once. */
    Map<String, String> table() {
        TreeMap<String, String> rows = new TreeMap<>();
        try (AsOfCursor cursor = new AsOfCursor(memory, trace, -1L)) {
            while (cursor.next()) {
                String key = text(cursor.keys(), cursor.key());
                assertEquals(1, cursor.sum(), key);
                String before = rows.put(key, text(cursor.vals(), cursor.val()));
                assertEquals(null, before, key);
            }
        }
        return rows;
    }

    private static String text(Column column, long index) {
        byte[] bytes = new byte[(int) column.sizeOf(index)];
        MemorySegment.copy(
                column.segment(), Layouts.BYTE, column.offsetOf(index), bytes, 0, bytes.length);
        return new String(bytes, UTF_8);
    }

    @Override
    public void close() {
        operator.close();
        for (Run run : trace) {
            if (run instanceof Batch batch) {
                batch.close();
            }
        }
        pager.close();
        assertEquals(0, budget.usedBytes(), "budget in use after everything is closed");
        memory.close();
        try {
            try (Stream<Path> left = Files.list(spill)) {
                assertEquals(List.of(), left.toList());
            }
            Files.delete(spill);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
