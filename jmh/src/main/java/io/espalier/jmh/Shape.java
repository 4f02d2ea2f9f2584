package io.espalier.jmh;

import io.espalier.columnar.ColumnType;
import io.espalier.columnar.DiffType;
import io.espalier.columnar.TrieType;

/**
 * The data that is measured, after the public benchmark of Differential Dataflow's pull request 782.
 * A to D are built, merged and scanned; X1 to X5 are read by sorted probes. All counts are 1, all
 * times 0 unless said.
 */
public enum Shape {
    /** Unique longs, shuffled, no vals. Halves: even and odd places of the shuffled stream. */
    A("A", ColumnType.LONG, ColumnType.UNIT),
    /** Pairs of random longs below the root of n, sorted. Halves: even and odd places. */
    B("B", ColumnType.LONG, ColumnType.LONG),
    /** Strings of 16 bytes, each about 20 times, sorted, no vals. Halves: even and odd places. */
    C("C", ColumnType.BYTES, ColumnType.UNIT),
    /** The root of n keys with one val at many times each. Halves: early and late times. */
    D("D", ColumnType.LONG, ColumnType.LONG),
    /** n strings of 16 bytes without vals, all of them probed. */
    X1("X1", ColumnType.BYTES, ColumnType.UNIT),
    /** n longs without vals, every hundredth probed. */
    X2("X2", ColumnType.LONG, ColumnType.UNIT),
    /** n longs without vals, all of them probed. */
    X3("X3", ColumnType.LONG, ColumnType.UNIT),
    /** n/16 longs with four vals of 256 bytes each, all keys probed. */
    X4("X4", ColumnType.LONG, ColumnType.BYTES),
    /** As X1, with every other key probed. */
    X5("X5", ColumnType.BYTES, ColumnType.UNIT),
    /** As X3, with every other key probed. */
    X5_LONG("X5-long", ColumnType.LONG, ColumnType.UNIT);

    private final String label;
    private final TrieType type;

    Shape(String label, ColumnType key, ColumnType val) {
        this.label = label;
        this.type = new TrieType(key, val, DiffType.COUNT);
    }

    /** How tables call the shape. */
    public String label() {
        return label;
    }

    /** The type of its tries. */
    public TrieType type() {
        return type;
    }

    /** Whether the shape is one for reads by probes. */
    public boolean isProbed() {
        return ordinal() >= X1.ordinal();
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
