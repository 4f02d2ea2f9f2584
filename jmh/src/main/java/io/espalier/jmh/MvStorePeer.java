package io.espalier.jmh;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.DataType;
import org.h2.mvstore.type.LongDataType;
import org.h2.mvstore.type.StringDataType;
import org.jspecify.annotations.Nullable;

/**
 * H2's MVStore in a file: typed maps for one writer, sorted appends, one commit at the end, a page
 * cache that holds everything, no compression.
 */
final class MvStorePeer implements Peer {

    private static final int CACHE_MIB_MIN = 256;
    private static final int CACHE_FACTOR = 8;

    private final PeerData data;
    private final Path folder;
    private final ObjectHits hits;
    private final Object[] keys;
    private final Object[] vals;
    private @Nullable MVStore store;
    private @Nullable MVMap<Object, Object> map;

    MvStorePeer(PeerData data) throws IOException {
        this.data = data;
        folder = Folders.make("mvstore");
        hits = new ObjectHits(data);
        keys = data.keyObjects();
        vals = data.valObjects();
        reset();
    }

    private MVMap<Object, Object> map() {
        MVMap<Object, Object> open = map;
        if (open == null) {
            throw new IllegalStateException("closed");
        }
        return open;
    }

    @Override
    public String name() {
        return "h2-mvstore";
    }

    @Override
    public String howLoaded() {
        return "append";
    }

    @Override
    public String howMerged() {
        return "sorted puts of one half";
    }

    @Override
    public void reset() throws IOException {
        if (store != null) {
            store.closeImmediately();
            store = null;
        }
        Folders.delete(folder);
        Files.createDirectory(folder);
        long dataBytes = (long) data.count() * (data.shape().keyBytes() + data.shape().valBytes());
        MVStore made =
                new MVStore.Builder()
                        .fileName(folder.resolve("store").toString())
                        .autoCommitDisabled()
                        .cacheSize(CACHE_MIB_MIN + (int) ((CACHE_FACTOR * dataBytes) >> 20))
                        .open();
        store = made;
        MVMap.Builder<Object, Object> builder = new MVMap.Builder<Object, Object>().singleWriter();
        builder.setKeyType(
                data.shape().hasLongKeys()
                        ? typed(LongDataType.INSTANCE)
                        : typed(StringDataType.INSTANCE));
        builder.setValueType(
                data.shape().valBytes() == Long.BYTES
                        ? typed(LongDataType.INSTANCE)
                        : typed(ByteArrayDataType.INSTANCE));
        map = made.openMap("data", builder);
    }

    // the map gets objects of this type only
    @SuppressWarnings("unchecked")
    private static DataType<Object> typed(DataType<?> type) {
        return (DataType<Object>) type;
    }

    @Override
    public void load() {
        append(PeerData.ALL);
    }

    private void append(int part) {
        MVMap<Object, Object> target = map();
        for (int i : data.part(part)) {
            target.append(keys[i], vals[i]);
        }
        commit();
    }

    private void commit() {
        map().getStore().commit();
    }

    @Override
    public long sizeBytes() throws IOException {
        return Files.size(folder.resolve("store"));
    }

    @Override
    public List<Way> ways(int step) {
        return List.of(new Way("get", () -> get(step)), new Way("cursor", () -> walk(step)));
    }

    private long get(int step) {
        hits.clear();
        MVMap<Object, Object> source = map();
        for (int i = 0; i < keys.length; i += step) {
            Object val = source.get(keys[i]);
            if (val != null) {
                hits.add(i, val);
            }
        }
        return hits.count();
    }

    private long walk(int step) {
        hits.clear();
        Cursor<Object, Object> at = map().cursor(keys[0]);
        DataType<Object> order = map().getKeyType();
        Object key = at.hasNext() ? at.next() : null;
        for (int i = 0; i < keys.length && key != null; i += step) {
            int compared = order.compare(key, keys[i]);
            while (compared < 0 && at.hasNext()) {
                key = at.next();
                compared = order.compare(key, keys[i]);
            }
            if (compared == 0) {
                hits.add(i, at.getValue());
            }
        }
        return hits.count();
    }

    @Override
    public void eachHit(HitVisitor visitor) {
        hits.eachHit(visitor);
    }

    @Override
    public long scan() {
        long digest = 0;
        Cursor<Object, Object> at = map().cursor(null);
        while (at.hasNext()) {
            digest += ObjectHits.digest(at.next(), at.getValue());
        }
        return digest;
    }

    @Override
    public void readyMerge() throws IOException {
        reset();
        append(0);
    }

    @Override
    public void merge() {
        MVMap<Object, Object> target = map();
        for (int i : data.part(1)) {
            target.put(keys[i], vals[i]);
        }
        commit();
    }

    @Override
    public long scanMerged() {
        return scan();
    }

    @Override
    public void close() throws IOException {
        if (store != null) {
            store.closeImmediately();
            store = null;
        }
        Folders.delete(folder);
    }
}
