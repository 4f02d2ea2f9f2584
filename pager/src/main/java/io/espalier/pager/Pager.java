package io.espalier.pager;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
/** Stub. */
public final class Pager implements AutoCloseable {
    private final NativeMemory memory;
    public Pager(NativeMemory memory) { this.memory = memory; }
    public NativeMemory memory() { return memory; }
    public Image adopt(Lease lease, int depth) { return new Image(lease); }
    @Override public void close() {}
}
