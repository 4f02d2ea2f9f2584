package io.espalier.jmh;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.DiffType;
import io.espalier.columnar.Extractor;
import io.espalier.columnar.Merge;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.columnar.UpdateBuffer;
import io.espalier.memory.Layouts;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Ours: updates at time 0 with a count of 1, in chunks that are resident, or in a spill file. */
final class EspalierPeer implements Peer {

    /** Where the number of a string key starts. */
    private static final int DIGITS_FROM = 4;

    private final PeerData data;
    private final Where where;
    private final TrieType type;
    private final Fixture fixture;
    private final UpdateBuffer buffer;
    private final Fixture.Staging content;
    private final Fixture.Staging hits;
    private final Fixture.Staging left;
    private final Fixture.Staging right;
    private final Fixture.Staging merged;
    private final MemorySegment keys;
    private final MemorySegment vals;
    private final Extractor extractor = new Extractor();
    private final TrieView view = new TrieView();
    private final Map<Integer, ColumnBuilder> probes = new HashMap<>();

    EspalierPeer(PeerData data, Where where) throws IOException {
        this.data = data;
        this.where = where;
        PeerShape shape = data.shape();
        this.type =
                new TrieType(
                        shape.hasLongKeys() ? ColumnType.LONG : ColumnType.BYTES,
                        shape.valBytes() == Long.BYTES ? ColumnType.LONG : ColumnType.BYTES,
                        DiffType.COUNT);
        this.fixture = new Fixture(where);
        this.buffer = new UpdateBuffer(fixture.memory(), type);
        this.content = fixture.inputs(type);
        this.hits = fixture.results(type);
        this.left = fixture.inputs(type);
        this.right = fixture.inputs(type);
        this.merged = fixture.inputs(type);
        this.keys = MemorySegment.ofBuffer(data.keys().duplicate().clear());
        this.vals = MemorySegment.ofBuffer(data.vals().duplicate().clear());
    }

    @Override
    public String name() {
        return where == Where.RESIDENT ? "espalier" : "espalier-" + where.label();
    }

    @Override
    public String howLoaded() {
        return "staged, then formed";
    }

    @Override
    public String howMerged() {
        return "merge";
    }

    @Override
    public void reset() {
        content.clear();
    }

    @Override
    public void load() {
        form(PeerData.ALL, content);
    }

    private void form(int part, Fixture.Staging target) {
        long keyBytes = data.shape().keyBytes();
        long valBytes = data.shape().valBytes();
        for (int i : data.part(part)) {
            buffer.add(keys, i * keyBytes, keyBytes, vals, i * valBytes, valBytes, 0, 1);
        }
        buffer.formInto(target.out());
        target.finish();
    }

    @Override
    public long sizeBytes() {
        fixture.checkInputs();
        return content.batch().sizeBytes();
    }

    @Override
    public List<Way> ways(int step) {
        Column column = probes.computeIfAbsent(step, this::probes).column();
        return List.of(new Way("extract", () -> extract(column)));
    }

    private ColumnBuilder probes(int step) {
        ColumnBuilder made = ColumnBuilder.distinct(fixture.memory(), type.key());
        for (int i = 0; i < data.count(); i += step) {
            made.append(keys, (long) i * data.shape().keyBytes(), data.shape().keyBytes());
        }
        return made;
    }

    private long extract(Column column) {
        hits.clear();
        extractor.extract(content.batch(), column, hits.out());
        hits.finish();
        return hits.batch().updateCount();
    }

    @Override
    public void eachHit(HitVisitor visitor) {
        Batch batch = hits.batch();
        for (long chunk = 0; chunk < batch.chunkCount(); chunk++) {
            try (ChunkPin pin = batch.open(chunk, view)) {
                for (long key = 0; key < view.keyCount(); key++) {
                    visitor.hit(entry(view.keys(), key), valWord(view, view.valsFrom(key)));
                }
            }
        }
    }

    private int entry(Column column, long key) {
        if (data.shape().hasLongKeys()) {
            return (int) column.segment().get(Layouts.LONG, column.offsetOf(key));
        }
        int entry = 0;
        for (int i = DIGITS_FROM; i < data.shape().keyBytes(); i++) {
            entry = entry * 10 + column.segment().get(Layouts.BYTE, column.offsetOf(key) + i) - '0';
        }
        return entry;
    }

    private static long valWord(TrieView view, long val) {
        Column column = view.vals();
        return column.segment().get(Layouts.LONG, column.offsetOf(val));
    }

    @Override
    public long scan() {
        return scan(content.batch());
    }

    private long scan(Batch batch) {
        long digest = 0;
        for (long chunk = 0; chunk < batch.chunkCount(); chunk++) {
            try (ChunkPin pin = batch.open(chunk, view)) {
                digest += scan(view, data.tailByte());
            }
        }
        return digest;
    }

    private static long scan(TrieView view, int tailByte) {
        Column keys = view.keys();
        long keyCount = view.keyCount();
        long digest = 0;
        for (long key = 0; key < keyCount; key++) {
            digest += keys.segment().get(Layouts.BYTE, keys.offsetOf(key) + tailByte);
            long valsTo = view.valsTo(key);
            for (long val = view.valsFrom(key); val < valsTo; val++) {
                digest += valWord(view, val);
            }
        }
        return digest;
    }

    @Override
    public void readyMerge() {
        if (left.batch().chunkCount() == 0) {
            form(0, left);
            form(1, right);
        }
        merged.clear();
        fixture.checkInputs();
    }

    @Override
    public void merge() {
        try (Merge merge =
                new Merge(List.of(left.batch(), right.batch()), false, 0, merged.out())) {
            merge.run();
        }
    }

    @Override
    public long scanMerged() {
        return scan(merged.batch());
    }

    @Override
    public void close() throws IOException {
        probes.values().forEach(ColumnBuilder::close);
        merged.close();
        right.close();
        left.close();
        hits.close();
        content.close();
        buffer.close();
        fixture.close();
    }
}
