package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.Tries.Datum;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.pager.DamagedPageException;
import io.espalier.pager.FaultySpill;
import io.espalier.pager.Pager;
import io.espalier.pager.SpillException;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A merge batcher on a disk that fails, with a sorted map beside it that says what it holds: the
 * part of a {@link SoakEpisode} that adds and seals. When the disk lost some of it, all of it is
 * forgotten, and it begins anew.
 */
final class SoakBatcher implements AutoCloseable {

    /** What a seal gave out, and what that has to be. */
    record Sealed(Batch batch, SortedMap<Row, Diff> rows) {}

    private final Random random;
    private final TrieType type;
    private final Pager pager;
    private final FaultySpill disk;
    private final SortedMap<Row, Diff> rows = new TreeMap<>();
    private MergeBatcher batcher;
    private int refused;
    private int damaged;

    SoakBatcher(Random random, TrieType type, Pager pager, FaultySpill disk) {
        this.random = random;
        this.type = type;
        this.pager = pager;
        this.disk = disk;
        this.batcher = open();
    }

    private MergeBatcher open() {
        return new MergeBatcher(pager, type, 3000, 800);
    }

    int refused() {
        return refused;
    }

    int damaged() {
        return damaged;
    }

    void add() {
        for (int i = random.nextInt(200); i > 0; i--) {
            Datum key = Tries.datum(type.key(), random.nextInt(60), false);
            Datum val = Tries.datum(type.val(), random.nextInt(3), false);
            int time = random.nextInt(3);
            if (type.diff() == DiffType.COUNT) {
                addCount(key, val, time, random.nextInt(5) - 2L);
            } else if (type.equals(TrieType.BYTES_UPSERTS)) {
                // equal orders are equal upserts, here and where rows are formed
                long order = 10L + random.nextInt(5);
                upsert(key, val, time, order, Tries.datum("p" + order).bytes());
            }
        }
        if (type.diff() == DiffType.COUNT) {
            rows.values().removeIf(d -> d.number() == 0);
        }
    }

    private void addCount(Datum key, Datum val, long time, long diff) {
        byte[] k = key.bytes();
        byte[] v = val.bytes();
        boolean done = did(() -> batcher.add(k, 0, k.length, v, 0, v.length, time, diff));
        if (done && diff != 0) {
            Tries.fold(type, rows, new Row(key, val, time), new Diff(diff, Tries.datum("")));
        }
    }

    private void upsert(Datum key, Datum val, long time, long order, byte[] payload) {
        byte[] k = key.bytes();
        int size = payload.length - 1;
        if (did(() -> batcher.upsert(k, 0, k.length, time, order, payload[0], payload, 1, size))) {
            Tries.fold(
                    type,
                    rows,
                    new Row(key, val, time),
                    new Diff(order, new Datum(ColumnType.BYTES, payload)));
        }
    }

    /** Asks the batcher for something. */
    private boolean did(Runnable operation) {
        try {
            operation.run();
            return true;
        } catch (SpillException e) {
            assertTrue(disk.faults() > 0, e.toString());
            refused++;
        } catch (DamagedPageException e) {
            assertTrue(disk.rotten() > 0, e.toString());
            damaged++;
            batcher.close();
            batcher = open();
            rows.clear();
        }
        return false;
    }

    /** Seals; null if the disk does not let it. */
    @Nullable Sealed seal(long upper) {
        Batch[] batch = new Batch[1];
        if (!did(() -> batch[0] = batcher.seal(upper))) {
            return null;
        }
        SortedMap<Row, Diff> early = new TreeMap<>();
        for (Map.Entry<Row, Diff> entry : rows.entrySet()) {
            if (Long.compareUnsigned(entry.getKey().time(), upper) < 0) {
                early.put(entry.getKey(), entry.getValue());
            }
        }
        rows.keySet().removeAll(early.keySet());
        return new Sealed(batch[0], early);
    }

    @Override
    public void close() {
        batcher.close();
    }
}
