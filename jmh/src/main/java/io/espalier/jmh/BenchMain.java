package io.espalier.jmh;

/** Where {@code espalier bench} starts. */
public final class BenchMain {
    private BenchMain() {}

    /**
     * Runs one benchmark by name.
     *
     * @param args the name and its options
     */
    public static void main(String[] args) {
        System.err.println("espalier bench: no benchmarks yet");
        System.exit(2);
    }
}
