package io.espalier.columnar;

/** How updates with equal key, val and time fold into one. */
public enum DiffType {
    /** A signed 64-bit count; counts add, and an update whose count is zero vanishes. */
    COUNT(0),
    /**
     * An unsigned 64-bit order key with a payload of bytes: the greatest order wins, and nothing
     * ever vanishes, so that a payload can say "deleted" and survive.
     */
    UPSERT(1);

    /** What the chunk image stores. */
    final int code;

    DiffType(int code) {
        this.code = code;
    }
}
