package io.espalier.jmh;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Where a peer on the heap notes the vals that it finds, and what its objects mean. */
final class ObjectHits {

    private static final VarHandle WORD =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final int[] entries;
    private final Object[] vals;
    private int count;

    /** With room for all entries. */
    ObjectHits(PeerData data) {
        entries = new int[data.count()];
        vals = new Object[data.count()];
    }

    void clear() {
        count = 0;
    }

    void add(int entry, Object val) {
        entries[count] = entry;
        vals[count++] = val;
    }

    int count() {
        return count;
    }

    /** Shows what is here. */
    void eachHit(Peer.HitVisitor visitor) {
        for (int i = 0; i < count; i++) {
            visitor.hit(entries[i], word(vals[i]));
        }
    }

    /** What a scan adds up of an entry. */
    static long digest(Object key, Object val) {
        return word(val)
                + (key instanceof Long number ? (byte) (long) number : lastByte((String) key));
    }

    private static byte lastByte(String key) {
        return (byte) key.charAt(key.length() - 1);
    }

    private static long word(Object val) {
        return val instanceof Long number ? number : (long) WORD.get((byte[]) val, 0);
    }
}
