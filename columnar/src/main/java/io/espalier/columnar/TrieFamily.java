package io.espalier.columnar;

import io.espalier.pager.Pager;
import java.util.List;

/** Columnar tries: every operation is one of the bulk machinery's. */
final class TrieFamily implements ChunkFamily {

    private final Pager pager;
    private final TrieType type;
    private final long targetBytes;
    private final Advance advance;
    private final Extractor extractor = new Extractor();
    private final TrieView view = new TrieView();

    TrieFamily(Pager pager, TrieType type, long targetBytes) {
        Families.checkTarget(targetBytes);
        this.pager = pager;
        this.type = type;
        this.targetBytes = targetBytes;
        this.advance = new Advance(pager.memory(), type);
    }

    @Override
    public ChunkKind kind() {
        return ChunkKind.TRIE;
    }

    @Override
    public TrieType type() {
        return type;
    }

    @Override
    public Staging staging() {
        return staging(1);
    }

    private TrieStaging staging(int depth) {
        return new TrieStaging(pager, type, targetBytes, depth);
    }

    private ChainBuilder own(Staging staging) {
        Families.check(this, staging);
        return ((TrieStaging) staging).chain();
    }

    @Override
    public Batch form(UpdateBuffer staged) {
        try (TrieStaging out = staging(0)) {
            staged.formInto(out.chain());
            return out.finish();
        }
    }

    @Override
    public Batch merge(Batch first, Batch second) {
        Families.check(this, first);
        Families.check(this, second);
        try (TrieStaging out = staging(1);
                Merge merge = new Merge(List.of(first, second), true, 0, out.chain())) {
            merge.run();
            return out.finish();
        }
    }

    @Override
    public void extract(
            Batch in, Antichain frontier, Antichain.Builder residual, Staging keep, Staging ship) {
        Families.check(this, in);
        ChainBuilder kept = own(keep);
        ChainBuilder shipped = own(ship);
        try (TimeSplit split = new TimeSplit(pager.memory(), frontier, shipped, kept, residual)) {
            for (long i = 0; i < in.chunkCount(); i++) {
                Chunk chunk = in.chunk(i);
                if (!split.offer(chunk)) {
                    try (ChunkPin pin = chunk.open(view)) {
                        split.append(view);
                    }
                }
                in.passed(i);
            }
        }
    }

    @Override
    public Batch advance(Batch in, Antichain frontier) {
        Families.check(this, in);
        frontier.checkType(type.time());
        try (TrieStaging out = staging(1)) {
            advance.run(in, frontier, out.chain());
            return out.finish();
        }
    }

    @Override
    public Batch settle(Batch in) {
        Families.check(this, in);
        return Settle.settle(in, pager, targetBytes, 1);
    }

    @Override
    public long extractInto(Chunk chunk, Column probes, long probe, Staging out) {
        Families.check(this, chunk);
        Families.check(type, probes);
        return extractor.extractChunk(chunk, probes, probe, own(out));
    }

    @Override
    public Batch extractKeys(Batch in, Column probes) {
        Families.check(this, in);
        try (TrieStaging out = staging(1)) {
            extractor.extract(in, probes, out.chain());
            return out.finish();
        }
    }

    @Override
    public void fetchInto(Chunk chunk, Staging out) {
        Families.check(this, chunk);
        extractor.fetchChunk(chunk, own(out));
    }

    @Override
    public BatchCursor cursor(Batch in) {
        Families.check(this, in);
        return new Cursor(in);
    }

    @Override
    public void close() {
        advance.close();
    }
}
