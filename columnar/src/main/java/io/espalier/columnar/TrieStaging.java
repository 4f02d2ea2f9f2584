package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.pager.Pager;

/** A chain of tries that is being made: a {@link ChainBuilder} and the batch that it sends to. */
final class TrieStaging implements Staging {

    private final Pager pager;
    private final int depth;
    private final ChainBuilder chain;
    private Batch batch;
    private ImageSink sink;

    TrieStaging(Pager pager, TrieType type, long targetBytes, int depth) {
        this.pager = pager;
        this.depth = depth;
        this.batch = new Batch(type);
        this.sink = batch.sink(pager, depth);
        this.chain =
                new ChainBuilder(
                        new TrieBuilder(pager.memory(), type),
                        targetBytes,
                        new ImageSink() {
                            @Override
                            public void accept(Lease image, TrieView view) {
                                sink.accept(image, view);
                            }

                            @Override
                            public boolean offer(Chunk chunk) {
                                return sink.offer(chunk);
                            }
                        });
    }

    @Override
    public ChunkKind kind() {
        return ChunkKind.TRIE;
    }

    @Override
    public TrieType type() {
        return chain.type();
    }

    /** Where the chain is written to; finished by {@link #finish} only. */
    ChainBuilder chain() {
        return chain;
    }

    @Override
    public Batch finish() {
        chain.finish();
        Batch finished = batch;
        batch = new Batch(chain.type());
        sink = batch.sink(pager, depth);
        return finished;
    }

    @Override
    public void close() {
        chain.close();
        batch.close();
    }
}
