package io.espalier.pager;
/** Stub. */
public final class Pin implements AutoCloseable {
    private final long offset;
    Pin(long offset) { this.offset = offset; }
    public long offset() { return offset; }
    @Override public void close() {}
}
