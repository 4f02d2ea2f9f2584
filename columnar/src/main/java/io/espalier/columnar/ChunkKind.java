package io.espalier.columnar;

/** How the image of a chunk is laid out. */
public enum ChunkKind {
    /** Four layers of columns: {@link TrieView}. */
    TRIE,
    /** Rows: {@link FlatView}. */
    FLAT
}
