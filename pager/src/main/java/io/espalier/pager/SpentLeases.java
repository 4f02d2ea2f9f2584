package io.espalier.pager;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;

/**
 * Leases that come and go with the reading of pages, without an object for each: a few that were
 * given back are renewed for others. They hold nothing meanwhile. Thread-safe.
 */
final class SpentLeases {

    private static final int SPENT_MAX = 16;

    private final NativeMemory memory;
    private final Lease[] spent = new Lease[SPENT_MAX];
    private int count;

    SpentLeases(NativeMemory memory) {
        this.memory = memory;
    }

    /** A lease of so many bytes, to be {@linkplain #giveBack given back}, not closed. */
    Lease take(long sizeBytes) {
        Lease lease;
        synchronized (spent) {
            if (count == 0) {
                lease = null;
            } else {
                count--;
                lease = spent[count];
            }
        }
        if (lease == null) {
            return memory.allocate(sizeBytes);
        }
        lease.renew(sizeBytes);
        return lease;
    }

    /** Ends a lease that was taken here and that nobody else knows of any more. */
    void giveBack(Lease lease) {
        lease.close();
        synchronized (spent) {
            if (count < SPENT_MAX) {
                spent[count] = lease;
                count++;
            }
        }
    }
}
