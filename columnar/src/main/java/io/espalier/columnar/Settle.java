package io.espalier.columnar;

import io.espalier.pager.Pager;

/**
 * Grades a chain that was put together from elsewhere: small neighbours are joined, chunks that are
 * too large are cut, and all others move as they are, unopened. Settling a settled chain gives the
 * same chunks.
 */
public final class Settle {

    private Settle() {}

    /**
     * Moves the content of a batch to a new one whose chunks are graded by a target size.
     *
     * @param in consumed: each of its chunks is closed once it is passed; the caller still closes
     *     it
     * @param targetBytes the target size, as of {@link ChainBuilder}
     * @param depth how many merges new chunks have survived
     * @return the settled batch; the caller owns it
     */
    public static Batch settle(Batch in, Pager pager, long targetBytes, int depth) {
        Batch settled = new Batch(in.type());
        boolean done = false;
        try (ChainBuilder out =
                new ChainBuilder(
                        new TrieBuilder(pager.memory(), in.type()),
                        targetBytes,
                        settled.sink(pager, depth))) {
            TrieView view = new TrieView();
            for (long chunk = 0; chunk < in.chunkCount(); chunk++) {
                if (!out.shareChunk(in.chunk(chunk))) {
                    ChunkPin pin = in.open(chunk, view);
                    try {
                        out.appendUpdates(view, 0, view.updateCount());
                    } finally {
                        pin.close();
                    }
                }
                in.passed(chunk);
            }
            out.finish();
            done = true;
        } finally {
            if (!done) {
                settled.close();
            }
        }
        return settled;
    }
}
