package io.espalier.pager;
import io.espalier.memory.Lease;
/** Stub. */
public final class Image implements AutoCloseable {
    private final Lease lease;
    Image(Lease lease) { this.lease = lease; }
    public long sizeBytes() { return lease.sizeBytes(); }
    public boolean isResident() { return true; }
    public Pin pin() { return new Pin(lease.offset()); }
    @Override public void close() { lease.close(); }
}
