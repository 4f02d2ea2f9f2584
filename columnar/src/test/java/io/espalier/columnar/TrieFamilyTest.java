package io.espalier.columnar;

/** The family of columnar tries. */
class TrieFamilyTest extends FamilyContract {

    TrieFamilyTest() {
        super(ChunkKind.TRIE);
    }
}
