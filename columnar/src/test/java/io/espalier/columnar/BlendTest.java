package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Many runs at once give what the model says, whatever their sizes, groups and cuts. */
class BlendTest {

    private NativeMemory memory;
    private Pager pager;

    @BeforeEach
    void open() {
        memory = Tries.memory();
        pager = TestPagers.open(memory);
    }

    @AfterEach
    void close() {
        pager.close();
        assertEquals(0, memory.stats().leases());
        memory.close();
    }

    private Batch merge(TrieType type, List<Batch> runs, long since, long target, boolean eager) {
        Batch merged = new Batch(type);
        try (ChainBuilder out =
                        new ChainBuilder(
                                new TrieBuilder(memory, type), target, merged.sink(pager, 1));
                Merge merge = new Merge(runs, true, since, out, eager)) {
            merge.run();
        }
        return merged;
    }

    @Test
    void runsOfAnyTypeGiveTheModel() {
        // fails when an update is lost, doubled, folded with a stranger or put in the wrong place
        for (int seed = 0; seed < 400; seed++) {
            Random random = new Random(seed);
            TrieType type = UpdateBufferTest.type(random);
            boolean raises =
                    type.diff() == DiffType.COUNT
                            && type.time() == TimeType.EPOCH
                            && random.nextBoolean();
            UpdateModel expected = new UpdateModel(type);
            List<UpdateBufferTest.Update> all = new ArrayList<>();
            List<Batch> runs = new ArrayList<>();
            int count = 2 + random.nextInt(9);
            long order = 1;
            for (int run = 0; run < count; run++) {
                Batch batch = new Batch(type);
                try (UpdateBuffer buffer = new UpdateBuffer(memory, type);
                        ChainBuilder out =
                                new ChainBuilder(
                                        new TrieBuilder(memory, type),
                                        1 + random.nextInt(6000),
                                        batch.sink(pager, 0))) {
                    for (UpdateBufferTest.Update u :
                            UpdateBufferTest.updates(random, type, random.nextInt(400))) {
                        // ties between upserts are anyone's: make orders unique
                        long diff = type.diff() == DiffType.UPSERT ? order++ : u.diff() % 1000;
                        UpdateBufferTest.Update one =
                                new UpdateBufferTest.Update(
                                        u.key(), u.val(), u.time(), diff, u.tag(), u.payload());
                        UpdateBufferTest.addTo(buffer, one);
                        all.add(one);
                    }
                    buffer.formInto(out);
                    out.finish();
                }
                runs.add(batch);
            }
            long since = raises && !all.isEmpty() ? all.get(random.nextInt(all.size())).time() : 0;
            all.forEach(u -> UpdateBufferTest.addTo(expected, raised(u, since)));
            try (Batch merged = merge(type, runs, since, 1 + random.nextInt(6000), seed % 2 == 0)) {
                assertEquals(
                        expected.consolidated().rows, UpdateModel.read(merged).rows, "" + seed);
            }
            runs.forEach(Batch::close);
        }
    }

    private static UpdateBufferTest.Update raised(UpdateBufferTest.Update u, long since) {
        return Long.compareUnsigned(u.time(), since) < 0
                ? new UpdateBufferTest.Update(
                        u.key(), u.val(), since, u.diff(), u.tag(), u.payload())
                : u;
    }

    @Test
    void chunksFarLargerThanWhatIsMergedAtOnceAreTakenInParts() {
        // fails when the limit of rows at once is no limit, or what lies behind it is passed over
        TrieType type = new TrieType(ColumnType.LONG, ColumnType.LONG, DiffType.COUNT);
        for (long keys : new long[] {1, 3, 50_000, 1L << 60}) {
            List<Batch> runs = new ArrayList<>();
            Random random = new Random(keys);
            long sum = 0;
            for (int run = 0; run < 4; run++) {
                Batch batch = new Batch(type);
                try (UpdateBuffer buffer = new UpdateBuffer(memory, type);
                        ChainBuilder out =
                                new ChainBuilder(
                                        new TrieBuilder(memory, type),
                                        1 << 30,
                                        batch.sink(pager, 0))) {
                    for (int i = 0; i < 60_000; i++) {
                        buffer.add(random.nextLong(keys), i * 4L + run, 1, 1 + i % 7);
                        sum += 1 + i % 7;
                    }
                    buffer.formInto(out);
                    out.finish();
                }
                assertEquals(1, batch.chunkCount());
                runs.add(batch);
            }
            try (Batch merged = merge(type, runs, 0, 1 << 30, false)) {
                TrieView view = new TrieView();
                try (ChunkPin pin = merged.open(0, view)) {
                    assertEquals(1, merged.chunkCount());
                    assertEquals(null, view.firstDisorder());
                    assertEquals(240_000, view.updateCount());
                    assertEquals(sum, view.diffSum());
                    for (long key = 0; key < view.keyCount(); key++) {
                        assertTrue(view.valsTo(key) > view.valsFrom(key));
                    }
                }
            }
            runs.forEach(Batch::close);
        }
    }
}
