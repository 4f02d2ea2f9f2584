package io.espalier.jmh;

import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.List;

/**
 * Sorted arrays of words on the heap: what one would write by hand for data of a fixed size that
 * never changes. Loading is copying; reads gallop from hit to hit; a merge walks two arrays into a
 * third.
 */
final class ArrayPeer implements Peer {

    /** Sorted entries: a fixed number of words for each key, high word first, and for each val. */
    private record Table(long[] keys, long[] vals) {}

    private static final Table NOTHING = new Table(new long[0], new long[0]);

    private final PeerData data;
    private final int keyWords;
    private final int valWords;
    private final LongBuffer keySource;
    private final LongBuffer valSource;
    private final Table probes;
    private final int[] hitEntries;
    private final long[] hitVals;
    private int hits;
    private Table content = NOTHING;
    private Table left = NOTHING;
    private Table right = NOTHING;
    private Table merged = NOTHING;

    ArrayPeer(PeerData data) {
        this.data = data;
        keyWords = data.shape().keyBytes() / Long.BYTES;
        valWords = data.shape().valBytes() / Long.BYTES;
        keySource =
                data.sortedKeys().duplicate().clear().order(ByteOrder.BIG_ENDIAN).asLongBuffer();
        valSource = data.vals().duplicate().clear().order(ByteOrder.LITTLE_ENDIAN).asLongBuffer();
        probes = all();
        hitEntries = new int[data.count()];
        hitVals = new long[data.count() * valWords];
    }

    private Table all() {
        long[] keys = new long[data.count() * keyWords];
        long[] vals = new long[data.count() * valWords];
        keySource.get(0, keys);
        valSource.get(0, vals);
        return new Table(keys, vals);
    }

    private Table half(int half) {
        int[] part = data.part(half);
        long[] keys = new long[part.length * keyWords];
        long[] vals = new long[part.length * valWords];
        for (int i = 0; i < part.length; i++) {
            keySource.get(part[i] * keyWords, keys, i * keyWords, keyWords);
            valSource.get(part[i] * valWords, vals, i * valWords, valWords);
        }
        return new Table(keys, vals);
    }

    @Override
    public String name() {
        return "array";
    }

    @Override
    public String howLoaded() {
        return "copy";
    }

    @Override
    public String howMerged() {
        return "two pointers";
    }

    @Override
    public void reset() {
        content = NOTHING;
    }

    @Override
    public void load() {
        content = all();
    }

    @Override
    public long sizeBytes() {
        return (long) Long.BYTES * (content.keys.length + content.vals.length);
    }

    @Override
    public List<Way> ways(int step) {
        return List.of(new Way("gallop", () -> gallop(step)));
    }

    private long gallop(int step) {
        hits =
                keyWords == 1 && valWords == 1
                        ? gallop(content.keys, content.vals, probes.keys, step)
                        : gallopWide(content.keys, content.vals, probes.keys, step);
        return hits;
    }

    private int gallop(long[] keys, long[] vals, long[] probeKeys, int step) {
        int found = 0;
        int at = 0;
        for (int i = 0; i < probeKeys.length && at < keys.length; i += step) {
            long probe = probeKeys[i];
            if (keys[at] < probe) {
                int jump = 1;
                while (at + jump < keys.length && keys[at + jump] < probe) {
                    at += jump;
                    jump <<= 1;
                }
                int high = Math.min(at + jump, keys.length);
                at++;
                while (at < high) {
                    int middle = (at + high) >>> 1;
                    if (keys[middle] < probe) {
                        at = middle + 1;
                    } else {
                        high = middle;
                    }
                }
            }
            if (at < keys.length && keys[at] == probe) {
                hitEntries[found] = i;
                hitVals[found++] = vals[at++];
            }
        }
        return found;
    }

    private int gallopWide(long[] keys, long[] vals, long[] probeKeys, int step) {
        int found = 0;
        int at = 0;
        int count = keys.length / keyWords;
        for (int i = 0; i < data.count() && at < count; i += step) {
            int jump = 1;
            if (compare(keys, at, probeKeys, i, keyWords) < 0) {
                while (at + jump < count && compare(keys, at + jump, probeKeys, i, keyWords) < 0) {
                    at += jump;
                    jump <<= 1;
                }
                int high = Math.min(at + jump, count);
                at++;
                while (at < high) {
                    int middle = (at + high) >>> 1;
                    if (compare(keys, middle, probeKeys, i, keyWords) < 0) {
                        at = middle + 1;
                    } else {
                        high = middle;
                    }
                }
            }
            if (at < count && compare(keys, at, probeKeys, i, keyWords) == 0) {
                hitEntries[found] = i;
                System.arraycopy(vals, at * valWords, hitVals, found * valWords, valWords);
                found++;
                at++;
            }
        }
        return found;
    }

    private static int compare(long[] a, int i, long[] b, int j, int words) {
        for (int word = 0; word < words; word++) {
            long x = a[i * words + word];
            long y = b[j * words + word];
            if (x != y) {
                return Long.compareUnsigned(x, y);
            }
        }
        return 0;
    }

    @Override
    public void eachHit(HitVisitor visitor) {
        for (int i = 0; i < hits; i++) {
            visitor.hit(hitEntries[i], hitVals[i * valWords]);
        }
    }

    @Override
    public long scan() {
        return scan(content);
    }

    private long scan(Table table) {
        long digest = 0;
        int count = table.keys.length / keyWords;
        for (int i = 0; i < count; i++) {
            digest += table.vals[i * valWords] + (byte) table.keys[(i + 1) * keyWords - 1];
        }
        return digest;
    }

    @Override
    public void readyMerge() {
        if (left.keys.length == 0) {
            left = half(0);
            right = half(1);
        }
        merged = NOTHING;
    }

    @Override
    public void merge() {
        merged = keyWords == 1 && valWords == 1 ? merge(left, right) : mergeWide(left, right);
    }

    private static Table merge(Table a, Table b) {
        long[] keys = new long[a.keys.length + b.keys.length];
        long[] vals = new long[keys.length];
        int i = 0;
        int j = 0;
        int to = 0;
        while (i < a.keys.length && j < b.keys.length) {
            long x = a.keys[i];
            long y = b.keys[j];
            boolean isLeft = x < y;
            keys[to] = isLeft ? x : y;
            vals[to++] = isLeft ? a.vals[i] : b.vals[j];
            i += isLeft ? 1 : 0;
            j += isLeft ? 0 : 1;
        }
        System.arraycopy(a.keys, i, keys, to, a.keys.length - i);
        System.arraycopy(a.vals, i, vals, to, a.keys.length - i);
        to += a.keys.length - i;
        System.arraycopy(b.keys, j, keys, to, b.keys.length - j);
        System.arraycopy(b.vals, j, vals, to, b.keys.length - j);
        return new Table(keys, vals);
    }

    private Table mergeWide(Table a, Table b) {
        long[] keys = new long[a.keys.length + b.keys.length];
        long[] vals = new long[a.vals.length + b.vals.length];
        int countA = a.keys.length / keyWords;
        int countB = b.keys.length / keyWords;
        int i = 0;
        int j = 0;
        for (int to = 0; i < countA || j < countB; to++) {
            boolean isLeft =
                    j == countB || (i < countA && compare(a.keys, i, b.keys, j, keyWords) < 0);
            Table from = isLeft ? a : b;
            int at = isLeft ? i++ : j++;
            for (int word = 0; word < keyWords; word++) {
                keys[to * keyWords + word] = from.keys[at * keyWords + word];
            }
            System.arraycopy(from.vals, at * valWords, vals, to * valWords, valWords);
        }
        return new Table(keys, vals);
    }

    @Override
    public long scanMerged() {
        return scan(merged);
    }

    @Override
    public void close() {
        content = NOTHING;
    }
}
