package io.espalier.columnar;

import io.espalier.pager.Pager;

/**
 * All that is done to chains of chunks, whatever the layout of their images: the columnar
 * {@linkplain #trie trie}, which the engine uses, and {@linkplain #flat flat rows}, which are as
 * simple as can be and serve as the oracle of the trie's tests and as what its size and speed are
 * compared with.
 *
 * <p>A <i>chain</i> is a {@link Batch}: its chunks are sorted and consolidated, and cut anywhere,
 * so that a key or a (key, val) may straddle neighbours. Operations that change a chain
 * <i>consume</i> it: each chunk is closed once it is passed, so that input and output are never
 * there whole; the caller still closes the empty batch. Where a whole chunk stays as it is, it
 * moves by handle, not opened, not paged in and not copied.
 *
 * <ul>
 *   <li>{@link #form}: staged updates become a chain;
 *   <li>{@link #merge}: two chains become one, equal (key, val, time) folded;
 *   <li>{@link #extract(Batch, Antichain, Antichain.Builder, Staging, Staging) extract}: parts a
 *       chain by time;
 *   <li>{@link #advance}: moves times to their representatives and consolidates again;
 *   <li>{@link #settle}: grades a chain;
 *   <li>{@link #locate}, {@link #extractInto}, {@link #fetchInto}: bulk reads of one chunk; {@link
 *       #extractKeys} drives them over a chain;
 *   <li>{@link #cursor}: a chain walked in place.
 * </ul>
 *
 * <p>The owner closes a family; chains outlive it. Not thread-safe.
 *
 * <p>The operations are those of the chunks of Differential Dataflow and of its pull request 782.
 */
public sealed interface ChunkFamily extends AutoCloseable permits TrieFamily, FlatFamily {

    /** Where a key is in relation to a chunk. */
    enum Place {
        /** Less than the first key. */
        BELOW,
        /** Not less than the first key and not greater than the last. */
        WITHIN,
        /** Greater than the last key. */
        ABOVE
    }

    /**
     * The family of columnar tries.
     *
     * @param pager takes the chunks
     * @param targetBytes the size from which a chunk is sealed; see {@link ChainBuilder}
     */
    static ChunkFamily trie(Pager pager, TrieType type, long targetBytes) {
        return new TrieFamily(pager, type, targetBytes);
    }

    /**
     * The family of flat rows.
     *
     * @param pager takes the chunks
     * @param targetBytes the bytes of rows and their values from which a chunk is sealed
     */
    static ChunkFamily flat(Pager pager, TrieType type, long targetBytes) {
        return new FlatFamily(pager, type, targetBytes);
    }

    /** A family of a layout; see above. */
    static ChunkFamily of(ChunkKind kind, Pager pager, TrieType type, long targetBytes) {
        return switch (kind) {
            case TRIE -> trie(pager, type, targetBytes);
            case FLAT -> flat(pager, type, targetBytes);
        };
    }

    /** The layout of the chunks. */
    ChunkKind kind();

    /** The type of the chunks. */
    TrieType type();

    /** An empty chain to write to; the caller closes it. */
    Staging staging();

    /**
     * Sorts and folds what is staged, and empties the buffer. The caller owns the chain.
     *
     * @throws ArithmeticException if counts of one (key, val, time) add up to more than 64 bits
     *     hold; the buffer keeps all then
     */
    Batch form(UpdateBuffer staged);

    /**
     * Merges two chains. A chunk that lies below what is left of the other chain moves by handle.
     *
     * @param first consumed
     * @param second consumed
     * @return a chain that the caller owns
     * @throws ArithmeticException if a sum of counts exceeds 64 bits
     */
    Batch merge(Batch first, Batch second);

    /**
     * Parts a chain by time: what is open by a frontier is kept, all else shipped. The time bounds
     * that stay resident decide about most chunks.
     *
     * @param in consumed
     * @param residual takes the times of what is kept in, and so ends as the least frontier of it;
     *     of a chunk of pairs that moves by handle, {@link Chunk#lower()}
     * @param keep takes what is kept; must be the caller's to write to, above all it has
     * @param ship takes the rest
     */
    void extract(
            Batch in, Antichain frontier, Antichain.Builder residual, Staging keep, Staging ship);

    /**
     * Moves each time to its {@linkplain Antichain#advanceFirst representative}, folds what then
     * coincides and drops what cancels. Takes time in proportion to the updates, also where one
     * (key, val) has all of them; its updates are in memory together then. Readers at or after the
     * frontier see no difference.
     *
     * @param in consumed
     * @param frontier an empty one leaves times as they are
     * @return a chain that the caller owns
     * @throws ArithmeticException if a sum of counts exceeds 64 bits
     */
    Batch advance(Batch in, Antichain frontier);

    /**
     * Grades a chain: small neighbours are joined, chunks that are too large are cut, all others
     * move as they are. Settling a settled chain gives the same chunks.
     *
     * @param in consumed
     * @return a chain that the caller owns
     */
    Batch settle(Batch in);

    /** Where value {@code probe} of {@code probes} is, from what stays resident of the chunk. */
    default Place locate(Chunk chunk, Column probes, long probe) {
        Column ends = chunk.fence().keys();
        if (Column.compare(probes, probe, ends, 0) < 0) {
            return Place.BELOW;
        }
        return Column.compare(probes, probe, ends, 1) > 0 ? Place.ABOVE : Place.WITHIN;
    }

    /**
     * Copies the updates of probed keys of one chunk. Probes below the last key of the chunk are
     * consumed, found or not; one that equals it is copied but not consumed, since its group may go
     * on in the next chunk; those above are left.
     *
     * @param probes ascending, without duplicates, of the key type
     * @param probe the first of them to look for
     * @return the first probe that is not consumed
     * @throws IllegalArgumentException if probes are of another type or do not ascend; nothing is
     *     copied then
     */
    long extractInto(Chunk chunk, Column probes, long probe, Staging out);

    /** Copies a whole chunk, or shares it if it is resident: the scan path. */
    void fetchInto(Chunk chunk, Staging out);

    /**
     * Reads the updates of probed keys of a whole chain, which opens only chunks that a probe lies
     * in. A miss is a key that is absent from the result.
     *
     * @param probes ascending, without duplicates, of the key type
     * @return a chain that the caller owns
     * @throws IllegalArgumentException as of {@link #extractInto}
     */
    default Batch extractKeys(Batch in, Column probes) {
        Families.check(this, in);
        Families.check(type(), probes);
        try (Staging out = staging()) {
            long probe = 0;
            long chunk = 0;
            while (probe < probes.count()) {
                chunk = in.seek(probes, probe, chunk);
                if (chunk == in.chunkCount()) {
                    break;
                }
                if (locate(in.chunk(chunk), probes, probe) == Place.BELOW) {
                    // in the gap before the chunk are misses
                    Column keys = in.chunk(chunk).fence().keys();
                    probe = probes.gallop(probe, probes.count(), keys, 0);
                    continue;
                }
                probe = extractInto(in.chunk(chunk), probes, probe, out);
                chunk++;
            }
            return out.finish();
        }
    }

    /** Reads a whole chain. The caller owns the result. */
    default Batch fetchAll(Batch in) {
        Families.check(this, in);
        try (Staging out = staging()) {
            for (long chunk = 0; chunk < in.chunkCount(); chunk++) {
                fetchInto(in.chunk(chunk), out);
            }
            return out.finish();
        }
    }

    /** A cursor at the first key of a chain, which outlives it. The caller closes it. */
    BatchCursor cursor(Batch in);

    @Override
    void close();
}
