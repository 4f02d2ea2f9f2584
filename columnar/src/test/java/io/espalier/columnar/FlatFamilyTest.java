package io.espalier.columnar;

/** The family of flat rows. */
class FlatFamilyTest extends FamilyContract {

    FlatFamilyTest() {
        super(ChunkKind.FLAT);
    }
}
