package io.espalier.columnar;

/** What all families refuse. */
final class Families {

    private Families() {}

    static void checkTarget(long targetBytes) {
        if (targetBytes < 1 || targetBytes > ChainBuilder.TARGET_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "chunk target of " + targetBytes + " bytes; give 1 byte to 1 GiB");
        }
    }

    static void check(ChunkFamily family, Batch chain) {
        check("a chain", chain.kind(), chain.type(), family);
    }

    static void check(ChunkFamily family, Chunk chunk) {
        check("a chunk", chunk.kind(), chunk.type(), family);
    }

    static void check(ChunkFamily family, Staging staging) {
        check("a staging", staging.kind(), staging.type(), family);
    }

    private static void check(String what, ChunkKind kind, TrieType type, ChunkFamily family) {
        if (kind != family.kind() || !type.equals(family.type())) {
            throw new IllegalArgumentException(
                    what
                            + " of "
                            + kind
                            + " chunks of "
                            + type
                            + " for a family of "
                            + family.kind()
                            + " chunks of "
                            + family.type());
        }
    }

    /** Checks that probes are of the key type and ascend. */
    static void check(TrieType type, Column probes) {
        ColumnType key = type.key();
        if (probes.kind() != key.kind()
                || (key.kind() == ColumnType.Kind.TUPLE
                        && probes.count() > 0
                        && probes.width() != key.fixedWidth())) {
            throw new IllegalArgumentException(
                    "probes of "
                            + probes.kind()
                            + ", "
                            + probes.width()
                            + " bytes wide, for keys of "
                            + key
                            + "; make the probes a column of that type");
        }
        if (!probes.isAscending()) {
            long at = probes.firstDescent();
            throw new IllegalArgumentException(
                    "probe "
                            + at
                            + " of "
                            + probes.count()
                            + " is "
                            + probes.describe(at)
                            + " after "
                            + probes.describe(at - 1)
                            + "; probes ascend: sort them, and take each once");
        }
    }

    /** Whether the last (key, val) of a chunk goes on in the next one of a chain. */
    static boolean straddles(Batch in, long chunk) {
        return chunk + 1 < in.chunkCount()
                && Column.compare(in.fence(chunk).keys(), 1, in.fence(chunk + 1).keys(), 0) == 0
                && Column.compare(in.fence(chunk).vals(), 1, in.fence(chunk + 1).vals(), 0) == 0;
    }

    /** Whether times of a chunk stay as they are, and none elsewhere can become one of them. */
    static boolean stays(Batch in, long chunk, Antichain frontier, boolean groupIsOpen) {
        Chunk candidate = in.chunk(chunk);
        return !groupIsOpen
                && frontier.leaves(candidate.timeMin(), candidate.secondTimeMin())
                && !straddles(in, chunk);
    }

    /** The sum of two counts. */
    static long addExactly(TrieType type, long a, long b, long time, long second) {
        long sum = a + b;
        if (((a ^ sum) & (b ^ sum)) < 0) {
            throw new ArithmeticException(
                    "the counts "
                            + a
                            + " and "
                            + b
                            + " of an update with time "
                            + type.time().show(time, second)
                            + " sum to more than 64 bits hold; keep counts smaller");
        }
        return sum;
    }
}
