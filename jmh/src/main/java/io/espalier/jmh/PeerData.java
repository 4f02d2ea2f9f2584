package io.espalier.jmh;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The entries of a {@link PeerShape} in the forms that the stores take: direct buffers, and objects
 * for those on the heap. Entry {@code i} has the {@code i}-th key; halves for a merge are drawn at
 * random, entry by entry.
 *
 * <p>Shared by all peers of a run, which only read it. Not thread-safe.
 */
final class PeerData {

    /** All entries, as a {@linkplain #part part}. */
    static final int ALL = 2;

    private static final long MIX = 0x9E3779B97F4A7C15L;
    private static final int DIGITS = 12;
    private static final byte[] KEY_START = "key-".getBytes(StandardCharsets.US_ASCII);

    private final PeerShape shape;
    private final int count;
    private final ByteBuffer keys;
    private final ByteBuffer sortedKeys;
    private final ByteBuffer vals;
    private final int[][] parts = new int[ALL + 1][];
    private Object @Nullable [] keyObjects;
    private Object @Nullable [] valObjects;

    /**
     * @param updates how many entries a shape of small entries has
     */
    PeerData(PeerShape shape, int updates) {
        this.shape = shape;
        this.count = shape.count(updates);
        this.keys = direct(count * shape.keyBytes());
        this.vals = direct(count * shape.valBytes());
        this.sortedKeys =
                shape.hasLongKeys()
                        ? direct(count * shape.keyBytes()).order(ByteOrder.BIG_ENDIAN)
                        : keys;
        for (int i = 0; i < count; i++) {
            int at = i * shape.keyBytes();
            if (shape.hasLongKeys()) {
                keys.putLong(at, i);
                sortedKeys.putLong(at, i);
            } else {
                keys.put(at, KEY_START);
                writeDigits(at + KEY_START.length, i);
            }
            writeVal(i);
        }
        parts[ALL] = new int[count];
        Arrays.setAll(parts[ALL], i -> i);
        for (int half = 0; half < ALL; half++) {
            int wanted = half;
            parts[half] = Arrays.stream(parts[ALL]).filter(i -> half(i) == wanted).toArray();
        }
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void writeDigits(int at, int number) {
        int left = number;
        for (int i = DIGITS - 1; i >= 0; i--) {
            keys.put(at + i, (byte) ('0' + left % 10));
            left /= 10;
        }
    }

    private void writeVal(int i) {
        int at = i * shape.valBytes();
        vals.putLong(at, valWord(i));
        for (int word = 1; word < shape.valBytes() / Long.BYTES; word++) {
            vals.putLong(at + word * Long.BYTES, mix(i + ((long) word << Integer.SIZE)));
        }
    }

    private static long mix(long number) {
        long mixed = number * MIX;
        mixed ^= mixed >>> 29;
        return mixed * MIX;
    }

    private static int half(int i) {
        return (int) (mix(i) >>> 63);
    }

    PeerShape shape() {
        return shape;
    }

    int count() {
        return count;
    }

    /** The keys one after the other; longs in the byte order of the machine's kind, low first. */
    ByteBuffer keys() {
        return keys;
    }

    /** The keys as bytes whose order is that of the keys: longs have their high byte first. */
    ByteBuffer sortedKeys() {
        return sortedKeys;
    }

    /** The vals one after the other. */
    ByteBuffer vals() {
        return vals;
    }

    /**
     * The entries of a half, or of {@link #ALL}, ascending.
     *
     * @param part 0, 1 or {@code ALL}
     */
    int[] part(int part) {
        return parts[part];
    }

    /** The first word of the val of entry {@code i}. */
    static long valWord(int i) {
        return mix(i);
    }

    /** How many entries are hit if every {@code step}-th key is probed. */
    int hits(int step) {
        return (count + step - 1) / step;
    }

    /** What a scan adds up: the first word of each val and the last byte of each key. */
    long digest() {
        long digest = 0;
        for (int i = 0; i < count; i++) {
            digest += valWord(i) + keys.get(tail(i));
        }
        return digest;
    }

    /** Where in {@link #keys} the byte stands in which neighbours differ. */
    private int tail(int i) {
        return i * shape.keyBytes() + tailByte();
    }

    /** The same within a key. */
    int tailByte() {
        return shape.hasLongKeys() ? 0 : shape.keyBytes() - 1;
    }

    /** Sets {@code view}, a duplicate of {@link #keys} or {@link #sortedKeys}, to a key. */
    void atKey(ByteBuffer view, int i) {
        view.limit((i + 1) * shape.keyBytes()).position(i * shape.keyBytes());
    }

    /** Sets {@code view}, a duplicate of {@link #vals}, to a val. */
    void atVal(ByteBuffer view, int i) {
        view.limit((i + 1) * shape.valBytes()).position(i * shape.valBytes());
    }

    // ---- as objects ---------------------------------------------------------------------------

    /** The keys as {@link Long} or {@link String}, made on first use. */
    Object[] keyObjects() {
        if (keyObjects == null) {
            Object[] made = new Object[count];
            byte[] bytes = new byte[shape.keyBytes()];
            for (int i = 0; i < count; i++) {
                keys.get(i * bytes.length, bytes);
                made[i] =
                        shape.hasLongKeys()
                                ? (Object) (long) i
                                : new String(bytes, StandardCharsets.ISO_8859_1);
            }
            keyObjects = made;
        }
        return keyObjects;
    }

    /** The vals as {@link Long} or {@code byte[]}, made on first use. */
    Object[] valObjects() {
        if (valObjects == null) {
            Object[] made = new Object[count];
            for (int i = 0; i < count; i++) {
                if (shape.valBytes() == Long.BYTES) {
                    made[i] = valWord(i);
                } else {
                    byte[] bytes = new byte[shape.valBytes()];
                    vals.get(i * bytes.length, bytes);
                    made[i] = bytes;
                }
            }
            valObjects = made;
        }
        return valObjects;
    }
}
