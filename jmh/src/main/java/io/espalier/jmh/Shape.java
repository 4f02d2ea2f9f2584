package io.espalier.jmh;

import io.espalier.columnar.ColumnType;
import io.espalier.columnar.DiffType;
import io.espalier.columnar.TrieType;

/**
 * The data that is measured, after the public benchmark of Differential Dataflow's pull request
 * 782. A to D are built, merged and scanned; X1 to X5 are read by sorted probes. All counts are 1,
 * all times 0 unless said.
 */
public enum Shape {
    /** Unique longs, shuffled, no vals. Halves: even and odd places of the shuffled stream. */
    A("A"),
    /** Pairs of random longs below the root of n, sorted. Halves: even and odd places. */
    B("B"),
    /** Strings of 16 bytes, each about 20 times, sorted, no vals. Halves: even and odd places. */
    C("C"),
    /** The root of n keys with one val at many times each. Halves: early and late times. */
    D("D"),
    /** n strings of 16 bytes without vals, all of them probed. */
    X1("X1"),
    /** n longs without vals, every hundredth probed. */
    X2("X2"),
    /** n longs without vals, all of them probed. */
    X3("X3"),
    /** n/16 longs with four vals of 256 bytes each, all keys probed. */
    X4("X4"),
    /** As X1, with every other key probed. */
    X5("X5"),
    /** As X3, with every other key probed. */
    X5_LONG("X5-long");

    private final String label;

    Shape(String label) {
        this.label = label;
    }

    /** How tables call the shape. */
    public String label() {
        return label;
    }

    /** The type of its tries. */
    public TrieType type() {
        return switch (this) {
            case A, X2, X3, X5_LONG -> type(ColumnType.LONG, ColumnType.UNIT);
            case B, D -> type(ColumnType.LONG, ColumnType.LONG);
            case C, X1, X5 -> type(ColumnType.BYTES, ColumnType.UNIT);
            case X4 -> type(ColumnType.LONG, ColumnType.BYTES);
        };
    }

    private static TrieType type(ColumnType key, ColumnType val) {
        return new TrieType(key, val, DiffType.COUNT);
    }

    /** Whether the shape is one for reads by probes. */
    public boolean isProbed() {
        return switch (this) {
            case A, B, C, D -> false;
            case X1, X2, X3, X4, X5, X5_LONG -> true;
        };
    }

    /** Every how many keys one is probed. */
    int probeStep() {
        return switch (this) {
            case X2 -> 100;
            case X5, X5_LONG -> 2;
            default -> 1;
        };
    }
}
