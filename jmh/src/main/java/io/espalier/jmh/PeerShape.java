package io.espalier.jmh;

/** The data that {@code bench peers} puts into every store: distinct keys with one val each. */
enum PeerShape {
    /** Longs with vals of 8 bytes: X3 with a val. */
    LONG_8("long-8", Long.BYTES, Long.BYTES, 1),
    /** Strings of 16 bytes with vals of 8 bytes: X1 with a val. */
    STRING_8("string-8", PeerShape.STRING_BYTES, Long.BYTES, 1),
    /** A sixteenth as many strings of 16 bytes, with vals of 256 bytes. */
    STRING_256("string-256", PeerShape.STRING_BYTES, 256, 16);

    private static final int STRING_BYTES = 16;

    private final String label;
    private final int keyBytes;
    private final int valBytes;
    private final int part;

    PeerShape(String label, int keyBytes, int valBytes, int part) {
        this.label = label;
        this.keyBytes = keyBytes;
        this.valBytes = valBytes;
        this.part = part;
    }

    /** How tables call it. */
    String label() {
        return label;
    }

    int keyBytes() {
        return keyBytes;
    }

    int valBytes() {
        return valBytes;
    }

    /** How many entries it has where others have {@code updates}. */
    int count(int updates) {
        return Math.max(1, updates / part);
    }

    /** Whether keys are longs, and strings otherwise. */
    boolean hasLongKeys() {
        return this == LONG_8;
    }
}
