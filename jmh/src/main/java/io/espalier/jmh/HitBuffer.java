package io.espalier.jmh;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Where a peer with native buffers copies the vals that it finds; reused by every read. */
final class HitBuffer {

    private final int valBytes;
    private final int[] entries;
    private final ByteBuffer vals;
    private int count;

    /** With room for all entries. */
    HitBuffer(PeerData data) {
        valBytes = data.shape().valBytes();
        entries = new int[data.count()];
        vals = ByteBuffer.allocateDirect(data.count() * valBytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    void clear() {
        vals.clear();
        count = 0;
    }

    /** Takes a copy of a val. */
    void add(int entry, ByteBuffer val) {
        vals.put(val);
        entries[count++] = entry;
    }

    /** The place for the next val, for those who write it themselves; then {@link #wrote}. */
    ByteBuffer next() {
        return vals.limit((count + 1) * valBytes).position(count * valBytes);
    }

    /** The val at {@link #next} was written. */
    void wrote(int entry) {
        entries[count++] = entry;
    }

    int count() {
        return count;
    }

    /** Shows what is here. */
    void eachHit(Peer.HitVisitor visitor) {
        vals.clear();
        for (int i = 0; i < count; i++) {
            visitor.hit(entries[i], vals.getLong(i * valBytes));
        }
    }
}
