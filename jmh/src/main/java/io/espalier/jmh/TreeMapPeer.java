package io.espalier.jmh;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The JDK's {@link TreeMap}, of objects that are there anyway: only entries are made. */
final class TreeMapPeer implements Peer {

    private final PeerData data;
    private final ObjectHits hits;
    private final Object[] keys;
    private final Object[] vals;
    private TreeMap<Object, Object> map = new TreeMap<>();

    TreeMapPeer(PeerData data) {
        this.data = data;
        hits = new ObjectHits(data);
        keys = data.keyObjects();
        vals = data.valObjects();
    }

    @Override
    public String name() {
        return "treemap";
    }

    @Override
    public String howLoaded() {
        return "sorted puts";
    }

    @Override
    public String howMerged() {
        return "sorted puts of one half";
    }

    @Override
    public void reset() {
        map = new TreeMap<>();
    }

    @Override
    public void load() {
        put(PeerData.ALL);
    }

    private void put(int part) {
        for (int i : data.part(part)) {
            map.put(keys[i], vals[i]);
        }
    }

    /** An estimate: entries of 40 bytes, keys and vals with compressed headers and references. */
    @Override
    public long sizeBytes() {
        int string = 24 + 16 + data.shape().keyBytes();
        int boxed = 16;
        int key = data.shape().hasLongKeys() ? boxed : string;
        int val = data.shape().valBytes() == Long.BYTES ? boxed : 16 + data.shape().valBytes();
        return (long) map.size() * (40 + key + val);
    }

    @Override
    public List<Way> ways(int step) {
        return List.of(new Way("get", () -> get(step)), new Way("iterator", () -> walk(step)));
    }

    private long get(int step) {
        hits.clear();
        for (int i = 0; i < keys.length; i += step) {
            Object val = map.get(keys[i]);
            if (val != null) {
                hits.add(i, val);
            }
        }
        return hits.count();
    }

    private long walk(int step) {
        hits.clear();
        Iterator<Map.Entry<Object, Object>> rest = map.entrySet().iterator();
        Map.Entry<Object, Object> at = rest.hasNext() ? rest.next() : null;
        for (int i = 0; i < keys.length && at != null; i += step) {
            int compared = compare(at.getKey(), keys[i]);
            while (compared < 0 && rest.hasNext()) {
                at = rest.next();
                compared = compare(at.getKey(), keys[i]);
            }
            if (compared == 0) {
                hits.add(i, at.getValue());
            }
        }
        return hits.count();
    }

    private static int compare(Object a, Object b) {
        return a instanceof Long number
                ? number.compareTo((Long) b)
                : ((String) a).compareTo((String) b);
    }

    @Override
    public void eachHit(HitVisitor visitor) {
        hits.eachHit(visitor);
    }

    @Override
    public long scan() {
        long digest = 0;
        for (Map.Entry<Object, Object> entry : map.entrySet()) {
            digest += ObjectHits.digest(entry.getKey(), entry.getValue());
        }
        return digest;
    }

    @Override
    public void readyMerge() {
        reset();
        put(0);
    }

    @Override
    public void merge() {
        put(1);
    }

    @Override
    public long scanMerged() {
        return scan();
    }

    @Override
    public void close() {
        map.clear();
    }
}
